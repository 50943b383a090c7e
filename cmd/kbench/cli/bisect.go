package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/mod/semver"

	"github.com/kbench/kbench/internal/bisect"
	"github.com/kbench/kbench/internal/build"
	"github.com/kbench/kbench/internal/cluster"
	"github.com/kbench/kbench/results"
)

// bisectFile is what a bisection writes beside the run directories of its trials.
const bisectFile = "bisect.json"

func (a *app) bisectCommand() *cobra.Command {
	var given []string
	var wrong float64
	var out string
	cmd := &cobra.Command{
		Use:   "bisect CLIENT GOOD BAD -- WORKLOAD [FLAG...]",
		Short: "Find the version or commit of a client from which on it misses a gate",
		Long: `Tries versions of a client in a workload, one trial at a time, until it is known
from which on it misses a gate; where BAD is the older one, from which on it meets
it again. The versions are those that the go command lists between the two; many
older ones are not listed but there when named: --versions takes a list. Behind the
dashes stand the workload and flags of "kbench run"; each --gate there stands in
place of the gates that the workload has, of which it needs one else.

Where CLIENT is a clone, such as franz-go=../franz-go, GOOD and BAD are revisions,
and what is tried are the commits between them, along the first parents: what a
branch brought is one step, its merge. Nothing is checked out in the clone.

A trial may be wrong: of --wrong of them that is expected, and the next version to
try is the one that halves what is not known yet. It ends when the answer is wrong
with less than 1% (README says how that is counted). A version that cannot be built,
cannot do the workload, fails, or of which nothing could be decided in three trials
is left out and said. Every trial keeps its run directory; ` + bisectFile + ` beside them
says what was tried and what came out.

Exit codes: 0 found, 1 nothing to find or a failure, 2 usage, 5 not sure, since
trials contradict the answer more often than --wrong says, 130 interrupted.`,
		Example: `  kbench bisect sarama v1.40.1 v1.42.1 --versions v1.40.1,v1.41.0,v1.41.3,v1.42.1 -- churn-join \
    --set group.assignors=[range] --gate 'p50(pause.gap{event=join}) < 1s'
  kbench bisect sarama v1.61.1 v1.60.1 -- my-workload.yaml
  kbench bisect franz-go=../franz-go v1.21.0 main -- produce-max --gate 'alloc.per_record < 0.5'`,
		Args: func(cmd *cobra.Command, args []string) error {
			if dash := cmd.ArgsLenAtDash(); dash != 3 || len(args) < 4 {
				return usagef(`write: %s; see "%s --help"`, cmd.UseLine(), cmd.CommandPath())
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if wrong <= 0 || wrong >= 0.5 {
				return usagef("--wrong %v: a part of the trials between 0 and 0.5", wrong)
			}
			b := &bisected{Client: args[0], Good: args[1], Bad: args[2], Wrong: wrong}
			name, clone, commits := strings.Cut(args[0], "=")
			t, err := a.trying(cmd, name, args[3:])
			if err != nil {
				return usage(err)
			}
			if commits {
				err = b.commits(cmd.Context(), clone, given)
			} else {
				b.Versions, err = boundary(cmd.Context(), b.Client, b.Good, b.Bad, given)
			}
			if err != nil {
				return usage(err)
			}
			if t.out = out; out == "" {
				t.out = filepath.Join(runsDir, "bisect-"+cluster.NewRunID())
			} else if err := checkOut(out); err != nil {
				return usage(err)
			}
			return a.bisect(cmd.Context(), t, b)
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.StringSliceVar(&given, "versions", nil, "the `versions` to search, with commas (default: those that the go\ncommand lists)")
	f.Float64Var(&wrong, "wrong", 0.05, "the `part` of trials that are expected to be wrong")
	f.StringVar(&out, "out", "", "`directory` of the trials (default "+runsDir+"/bisect-<id>)")
	return cmd
}

// boundary are the versions between two, given or listed, the older first.
func boundary(ctx context.Context, client, good, bad string, given []string) ([]string, error) {
	for _, v := range append([]string{good, bad}, given...) {
		if semver.Canonical(v) != v { // v1.2 is valid too, and the go command takes it for the last v1.2.x
			return nil, fmt.Errorf("%s: write versions as v1.2.3", v)
		}
		if _, _, err := build.Parse(client + "@" + v); err != nil {
			return nil, err
		}
	}
	from, to := good, bad
	if semver.Compare(from, to) > 0 {
		from, to = to, from
	}
	if from == to {
		return nil, fmt.Errorf("%s and %s: between a version and itself nothing changed", good, bad)
	}
	for _, v := range given {
		if semver.Compare(v, from) < 0 || semver.Compare(v, to) > 0 {
			return nil, fmt.Errorf("--versions %s: it does not lie between %s and %s; leave it out, or name it as GOOD or BAD", v, from, to)
		}
	}
	if given != nil {
		return build.Between(append(given, from, to), from, to), nil
	}
	return build.Versions(ctx, client, from, to)
}

// commits are what is searched where the client is a clone.
func (b *bisected) commits(ctx context.Context, clone string, given []string) error {
	if given != nil {
		return errors.New("--versions: in a clone commits are searched, and good and bad say which; leave it out")
	}
	if _, _, err := build.Parse(b.Client + "@" + b.Good); err != nil {
		return err
	}
	all, good, bad, err := build.Commits(ctx, clone, b.Good, b.Bad)
	if err != nil {
		return fmt.Errorf("%s: %w", b.Client, err)
	}
	b.Good, b.Bad, b.Subjects = good, bad, map[string]string{}
	for _, c := range all {
		b.Versions = append(b.Versions, c.ID)
		b.Subjects[c.ID] = c.Subject
	}
	return nil
}

// bisected is bisect.json.
type bisected struct {
	Client   string            `json:"client"`
	Good     string            `json:"good"`
	Bad      string            `json:"bad"`
	Versions []string          `json:"versions"`           // or commits; the older first
	Subjects map[string]string `json:"subjects,omitempty"` // of commits
	Workload string            `json:"workload"`
	Gates    []string          `json:"gates"`
	Wrong    float64           `json:"wrong"`
	Steps    []step            `json:"steps"`
	Answer   bisect.Answer     `json:"answer"`
}

// breaks says whether the older ones are those that meet the gates.
func (b *bisected) breaks() bool {
	return slices.Index(b.Versions, b.Good) < slices.Index(b.Versions, b.Bad)
}

// step is one trial of one version.
type step struct {
	Version string          `json:"version"`
	Verdict results.Verdict `json:"verdict,omitempty"`
	Figures string          `json:"figures,omitempty"`
	Events  int             `json:"events,omitempty"` // of churn, as planned
	Run     string          `json:"run,omitempty"`
	Why     string          `json:"why,omitempty"`
}

// bisect tries versions until it is known where they change.
func (a *app) bisect(ctx context.Context, t *trying, b *bisected) error {
	b.Workload, b.Gates = t.spec.Name, t.spec.Gate
	fmt.Fprintf(a.errOut, "bisect %s: %s; about %s a trial; trials are in %s\n", b.Client, b.searched(), t.length, t.out)
	ctx, done := a.inOrder(ctx)
	defer done()
	if err := a.steps(ctx, b, t.try, t.out); err != nil {
		return err
	}
	said, err := b.said()
	fmt.Fprint(a.out, "\n"+said)
	return err
}

// steps searches, and keeps each step as soon as it is made.
func (a *app) steps(ctx context.Context, b *bisected, do try, out string) error {
	return b.search(ctx, do, func(s step) error {
		fmt.Fprintf(a.out, "%3d  %-10s %-12s %s\n", len(b.Steps), s.Version, s.Verdict, strings.TrimSpace(s.Figures+" "+s.Why))
		return writeJSON(filepath.Join(out, bisectFile), b)
	})
}

// writeJSON keeps a document beside the run directories that it tells of. A kill leaves
// the one before, or this.
func writeJSON(path string, v any) error {
	data, err := json.MarshalIndent(v, "", "  ")
	if err == nil {
		err = os.MkdirAll(filepath.Dir(path), 0o755)
	}
	if err != nil {
		return err
	}
	return results.WriteFile(path, append(data, '\n'))
}

// searched is what is searched, in words. Commits may be very many.
func (b *bisected) searched() string {
	if b.Subjects != nil {
		return fmt.Sprintf("%s, %s to %s", quantity(len(b.Versions), "commit"), b.Versions[0], b.Versions[len(b.Versions)-1])
	}
	return quantity(len(b.Versions), "version") + ", " + strings.Join(b.Versions, " ")
}

// said is the answer in words.
func (b *bisected) said() (string, error) {
	x := b.Answer
	older, newer := "meets", "misses"
	if !b.breaks() {
		older, newer = newer, older
	}
	var out strings.Builder
	var err error
	sure := fmt.Sprintf("%.1f%% sure, %s, %d of them against it", 100*x.Sure, quantity(x.Trials, "trial"), x.Against)
	switch {
	case x.Trials == 0:
		err = errors.New("no version could be tried")
	case x.First == "":
		err = fmt.Errorf("nothing to find: %s %s too (%s)", x.Last, b.gates(older), sure)
	case x.Last == "":
		err = fmt.Errorf("nothing to find: %s %s too (%s)", x.First, b.gates(newer), sure)
	case x.Sure < bisect.Sure || x.Doubt:
		err = gateError{fmt.Errorf("not sure: %s may be the first that %s (%s)", x.First, b.gates(newer), sure), ExitUndecided}
	default:
		fmt.Fprintf(&out, "%s is the first that %s; %s still %s (%s)\n", x.First, b.gates(newer), x.Last, older+" them", sure)
		if len(b.Gates) == 1 {
			out.Reset()
			fmt.Fprintf(&out, "%s is the first that %s; %s still %s it (%s)\n", x.First, b.gates(newer), x.Last, older, sure)
		}
		if subject := b.Subjects[x.First]; subject != "" {
			fmt.Fprintf(&out, "  %s: %s\n", x.First, subject)
		}
	}
	if x.Doubt {
		fmt.Fprintf(&out, "%d of %s contradict that, more than %g%% are expected to: a larger --wrong takes more trials and is right more often\n", x.Against, quantity(x.Trials, "trial"), 100*b.Wrong)
	}
	for _, s := range x.Skipped {
		fmt.Fprintf(&out, "not tried: %s%s: %s\n", s.Version, b.beside(s.Version), s.Why)
	}
	return out.String(), err
}

// beside is what a version that was not tried leaves open, in words.
func (b *bisected) beside(version string) string {
	at := slices.Index(b.Versions, version)
	last, first := slices.Index(b.Versions, b.Answer.Last), slices.Index(b.Versions, b.Answer.First)
	switch {
	case b.Answer.Trials == 0 || last >= 0 && at < last || first >= 0 && at > first:
		return ""
	case first < 0:
		return fmt.Sprintf("; it stands behind %s, so that it may be the first", b.Answer.Last)
	case last < 0:
		return fmt.Sprintf("; it stands before %s, which may not be the first", b.Answer.First)
	}
	return fmt.Sprintf("; it stands between %s and %s, so that it may be the first", b.Answer.Last, b.Answer.First)
}

// gates is what is done to the gates, in words.
func (b *bisected) gates(verb string) string {
	if len(b.Gates) == 1 {
		return verb + " " + b.Gates[0]
	}
	return verb + " its gates"
}

// tries is how many trials of a version may say nothing.
const tries = 3

// try runs a trial of a client into a directory and fills in what came of it; skip says
// that the client cannot do it.
type try func(ctx context.Context, client, dir string, s *step) (skip bool, err error)

// search tries versions until the answer is known, and tells of each trial.
func (b *bisected) search(ctx context.Context, do try, tell func(step) error) error {
	s := bisect.New(b.Versions, b.Wrong)
	olderMeets := b.breaks()
	nothing := map[string]int{}
	for {
		version, more := s.Next()
		if b.Answer = s.Answer(); !more {
			return nil
		}
		st := step{Version: version}
		skip, err := do(ctx, b.Client+"@"+version, fmt.Sprintf("%03d-%s", len(b.Steps)+1, version), &st)
		if err != nil {
			return err
		}
		switch {
		case skip:
			s.Skip(version, st.Why)
		case st.Verdict == results.Met || st.Verdict == results.NotMet:
			s.Tried(version, (st.Verdict == results.Met) != olderMeets)
		default:
			if nothing[version]++; nothing[version] >= tries {
				s.Skip(version, fmt.Sprintf("nothing was decided in %d trials; in the last: %s", tries, st.Why))
			}
		}
		b.Steps, b.Answer = append(b.Steps, st), s.Answer()
		if err := tell(st); err != nil {
			return err
		}
	}
}

// verdictOf is that of all gates of a trial, and their figures.
func verdictOf(gates []results.Gate, figure func(results.GateArm) string) (v results.Verdict, figures, why string) {
	v = results.Met
	var all []string
	for _, g := range gates {
		switch {
		case g.Verdict == results.NotMet:
			v = results.NotMet
		case g.Verdict == results.NotDecided && v == results.Met:
			v, why = results.NotDecided, g.Why
		}
		for _, arm := range g.Arms {
			all = append(all, figure(arm))
		}
	}
	slices.Sort(all)
	return v, strings.Join(slices.Compact(all), ", "), why
}
