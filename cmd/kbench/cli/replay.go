package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/mod/semver"

	"github.com/kbench/kbench/internal/bisect"
	"github.com/kbench/kbench/internal/cluster"
	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/workloads/replay"
)

// replayFile is what a replay writes beside the run directories of its trials.
const replayFile = "replay.json"

func (a *app) replayCommand() *cobra.Command {
	var broker brokerFlags
	var out string
	var wrong float64
	cmd := &cobra.Command{
		Use:   "replay [NAME...]",
		Short: "Run old releases that are said to have been wrong beside those that mended it",
		Long: `Runs workloads that show what was wrong with old releases of the clients: one trial
after the other of the release before and the one after, until it is known whether the
gate of the workload tells them apart (as bisect counts it, of two versions):

  told apart      the bad one misses the gate and the good one meets it
  refuted         both meet it: what is said of the bad one is not so here
  not told apart  both miss it, or nothing could be decided

"kbench run replay/NAME" runs such a workload for any client; a few need a --property
of the broker besides, which is said, or show on one kind of broker alone. Without a
name all of this kind are run, about two minutes each.

Exit codes: 0 all were told apart or refuted, 1 a failure, 2 usage, 5 one was not
told apart, 130 interrupted.`,
		Example: `  kbench replay join-sleeps
  kbench replay --broker kafka`,
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return replayNames(), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			for _, name := range args {
				if !slices.Contains(replayNames(), name) {
					return usagef("%s: nothing of that name can be replayed; there are %s", name, strings.Join(replayNames(), ", "))
				}
			}
			if wrong <= 0 || wrong >= 0.5 {
				return usagef("--wrong %v: a part of the trials between 0 and 0.5", wrong)
			}
			if out == "" {
				out = filepath.Join(runsDir, "replay-"+cluster.NewRunID())
			} else if err := checkOut(out); err != nil {
				return usage(err)
			}
			bo, err := broker.options(cmd)
			if err != nil {
				return usage(err)
			}
			return a.replay(cmd, args, bo, broker.properties, out, wrong)
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	broker.add(cmd)
	f.Float64Var(&wrong, "wrong", 0.05, "the `part` of trials that are expected to be wrong")
	f.StringVar(&out, "out", "", "`directory` of the trials (default "+runsDir+"/replay-<id>)")
	return cmd
}

func replayNames() (names []string) {
	for _, c := range replay.Cases() {
		names = append(names, c.Name)
	}
	return names
}

// The outcomes of a replay.
const (
	toldApart    = "told apart"
	refuted      = "refuted"
	notToldApart = "not told apart"
)

// replayed is a claim and what came of it. Without an outcome it is under way, or was
// when the replay ended.
type replayed struct {
	bisected
	Name    string `json:"name"`
	What    string `json:"what"`
	Outcome string `json:"outcome"`

	do         try
	properties map[string]string // of the broker
}

// replay runs the named cases, or all. Properties of the broker that were given win over
// those of a case.
func (a *app) replay(cmd *cobra.Command, names []string, broker cluster.Options, given []string, out string, wrong float64) error {
	var cases []*replayed
	for _, c := range replay.Cases() {
		if len(names) > 0 && !slices.Contains(names, c.Name) {
			continue
		}
		if c.Broker != "" && c.Broker != broker.Kind {
			if len(names) > 0 {
				return usagef("%s: it takes --broker %s", c.Name, c.Broker)
			}
			fmt.Fprintf(a.out, "%s: left out, it takes --broker %s\n\n", c.Name, c.Broker)
			continue
		}
		t, err := a.trying(cmd, c.Client, []string{"replay/" + c.Name, "--lane", c.Lane})
		if err != nil {
			return usage(err)
		}
		t.out, t.broker = filepath.Join(out, c.Name), broker
		if t.broker.Props, err = properties(append(slices.Clone(c.Properties), given...)); err != nil {
			return usage(err)
		}
		if c.Nodes > 0 && !cmd.Flags().Changed("nodes") {
			t.broker.Nodes = c.Nodes
		}
		r := &replayed{Name: c.Name, What: c.What, do: t.try, properties: t.broker.Props}
		r.bisected = bisected{Client: c.Client, Good: c.Good, Bad: c.Bad, Versions: []string{c.Bad, c.Good}, Workload: t.spec.Name, Gates: t.spec.Gate, Wrong: wrong}
		slices.SortFunc(r.Versions, semver.Compare)
		cases = append(cases, r)
	}
	ctx, done := a.inOrder(cmd.Context())
	defer done()
	open, err := a.replayAll(ctx, cases, out)
	if err != nil {
		return err
	}
	if len(open) > 0 {
		return gateError{errors.New("not told apart: " + strings.Join(open, ", ")), ExitUndecided}
	}
	return nil
}

// replayAll replays one case after the other, keeps each step as soon as it is made, and
// returns those that were not told apart.
func (a *app) replayAll(ctx context.Context, cases []*replayed, out string) (open []string, err error) {
	for i, r := range cases {
		keep := func() error { return writeJSON(filepath.Join(out, replayFile), cases[:i+1]) }
		if err := a.replayOne(ctx, r, keep); err != nil {
			return open, err
		}
		if r.Outcome == notToldApart {
			open = append(open, r.Name)
		}
	}
	return open, nil
}

func (a *app) replayOne(ctx context.Context, r *replayed, keep func() error) error {
	fmt.Fprintf(a.out, "%s: %s %s: %s; %s does not\n", r.Name, r.Client, r.Bad, r.What, r.Good)
	for _, name := range slices.Sorted(maps.Keys(r.properties)) {
		fmt.Fprintf(a.out, "  the broker has %s=%s\n", name, r.properties[name])
	}
	err := r.search(ctx, r.do, func(s step) error {
		fmt.Fprintf(a.out, "  %-10s %-12s %s\n", s.Version, s.Verdict, strings.TrimSpace(s.Figures+" "+s.Why))
		return keep()
	})
	if err != nil {
		return err
	}
	r.Outcome = r.outcome()
	fmt.Fprintf(a.out, "  %s (%s)\n\n", r.Outcome, r.counted())
	return keep()
}

// outcome is what the answer of the search says of the claim. The older of the two is
// the bad one where a later release mended it.
func (r *replayed) outcome() string {
	x := r.Answer
	meets := x.Last == "" // the older ones are of the other kind than they are said to be
	if r.breaks() {
		meets = x.First == ""
	}
	switch {
	case x.Sure < bisect.Sure || x.Doubt || len(x.Skipped) > 0:
		return notToldApart
	case x.First != "" && x.Last != "":
		return toldApart
	case meets:
		return refuted
	default:
		return notToldApart
	}
}

// counted says on what the outcome rests.
func (r *replayed) counted() string {
	events, trials := map[string]int{}, map[string]int{}
	for _, s := range r.Steps {
		if s.Verdict == results.Met || s.Verdict == results.NotMet {
			events[s.Version] += s.Events
			trials[s.Version]++
		}
	}
	var said []string
	for _, v := range r.Versions {
		words := fmt.Sprintf("%s of %s", quantity(trials[v], "trial"), v)
		if events[v] > 0 {
			words += " with " + quantity(events[v], "event")
		}
		said = append(said, words)
	}
	for _, s := range r.Answer.Skipped {
		said = append(said, s.Version+" not tried: "+s.Why)
	}
	return cmp.Or(strings.Join(said, ", "), "nothing was tried") + fmt.Sprintf(", %.1f%% sure", 100*r.Answer.Sure)
}
