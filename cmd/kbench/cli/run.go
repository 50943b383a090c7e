package cli

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/term"

	"github.com/kbench/kbench/internal/conduct"
	"github.com/kbench/kbench/internal/launch"
	"github.com/kbench/kbench/profiles"
	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/gate"
	"github.com/kbench/kbench/results/report"
	"github.com/kbench/kbench/results/summary"
	"github.com/kbench/kbench/workloads/catalog"
	"github.com/kbench/kbench/workloads/plan"
)

// runsDir is where run directories go unless --out says otherwise.
const runsDir = "runs"

func (a *app) runCommand() *cobra.Command {
	var (
		broker  brokerFlags
		sel     selection
		profile string
		out     string
		keep    bool
		asJSON  bool
	)
	cmd := &cobra.Command{
		Use:   "run WORKLOAD...",
		Short: "Run workloads and print what came out",
		Long: `Runs every workload (a name from "kbench list" or a file) once per client and
round, each trial in fresh processes on a fresh topic and group. Raw files and
results go to a run directory; "kbench report" rebuilds the results from it.

Exit codes: 0 every trial was completed, 1 a trial failed, 2 usage or a bad
workload, 3 a gate of the workload was not met, 130 interrupted.`,
		Example: `  kbench run quick
  kbench run produce-max --client franz-go,sarama --rounds 5
  kbench run end-to-end --broker kafka --nodes 3 --set produce.rate=5000/s
  kbench run my-workload.yaml --brokers kafka-1:9092 --profile cpu,heap`,
		Args: check(cobra.MinimumNArgs(1)),
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return catalog.Names(), cobra.ShellCompDirectiveDefault
		},
	}
	broker.add(cmd)
	sel.add(cmd)
	f := cmd.Flags()
	f.StringVar(&profile, "profile", "", "profiles of the measured part, per worker: cpu,heap,allocs,goroutine,mutex,block,trace")
	f.StringVar(&out, "out", "", "run directory (default "+runsDir+"/<id>)")
	f.BoolVar(&keep, "keep", false, "leave topics and groups on the cluster")
	f.BoolVar(&asJSON, "json", false, "print summary.json instead of tables")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		chosen, err := sel.load(a, args)
		if err != nil {
			return err
		}
		bo, err := broker.options(cmd)
		if err != nil {
			return err
		}
		kinds, err := profiles.Parse(profile)
		if err != nil {
			return usagef("--profile: %w", err)
		}
		id, err := newID()
		if err != nil {
			return err
		}
		if out == "" {
			out = filepath.Join(runsDir, id)
		}
		progress := newProgress(a.errOut, chosen.trials)
		defer progress.close()
		bo.Progress = progress.Step
		a.announce(chosen, id)
		dir, err := conduct.Run(cmd.Context(), conduct.Options{
			ID: id, Out: out, Seed: chosen.seed, Suite: chosen.suite, Specs: chosen.specs, Trials: chosen.trials,
			Broker: bo, Profiles: kinds, Keep: keep, Command: append([]string{"kbench", "run"}, commandLine(cmd, args)...),
			Table: a.table, Launcher: launch.Local{}, Self: a.self, Progress: progress,
		})
		progress.close()
		if dir == nil {
			return err
		}
		return errors.Join(err, a.show(dir, asJSON, true))
	}
	return cmd
}

// announce says what is going to happen, to a person.
func (a *app) announce(s *selected, id string) {
	var total time.Duration
	var bytes int64
	known := true
	for _, t := range s.trials {
		total += plan.Duration(t.Spec)
		n, ok := plan.Bytes(t.Spec)
		bytes = max(bytes, n)
		known = known && ok
	}
	most := fmt.Sprintf("at most %s of records on the broker at a time", size(bytes))
	if !known {
		most = "records as fast as clients and broker go, about " + size(bytes) + " on the broker at a time"
	}
	fmt.Fprintf(a.errOut, "run %s: %d trials, about %s; %s; seed %d\n", id, len(s.trials), total.Round(time.Second), most, s.seed)
}

func size(n int64) string {
	switch {
	case n >= 1<<30:
		return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30))
	case n >= 1<<20:
		return fmt.Sprintf("%.0f MiB", float64(n)/(1<<20))
	default:
		return fmt.Sprintf("%.0f KiB", float64(n)/(1<<10))
	}
}

// show derives the results of a run from its raw files and prints them.
func (a *app) show(dir *results.Dir, asJSON, ran bool) error {
	s, err := summary.Write(dir)
	if err != nil {
		return err
	}
	if asJSON {
		data, err := os.ReadFile(filepath.Join(dir.Path(), results.SummaryFile))
		if err != nil {
			return err
		}
		if _, err := a.out.Write(data); err != nil {
			return err
		}
		return a.gates(dir, s, io.Discard)
	}
	trials, err := dir.Trials()
	if err != nil {
		return err
	}
	if err := report.Terminal(a.out, dir.Run(), trials, s, report.Options{Width: a.width()}); err != nil {
		return err
	}
	if ran {
		fmt.Fprintf(a.out, "\nEverything is in %s; \"kbench report %s\" prints this again.\n", dir.Path(), dir.Path())
	}
	return a.gates(dir, s, a.out)
}

// gates evaluates the gates of the workloads of a run.
func (a *app) gates(dir *results.Dir, s *results.Summary, w io.Writer) error {
	var missed []string
	for _, spec := range dir.Run().Specs {
		var rows []results.Row
		for _, r := range s.Rows {
			if r.Workload == spec.Name {
				rows = append(rows, r)
			}
		}
		for _, expr := range spec.Gate {
			r, err := gate.Eval(expr, rows)
			if err != nil {
				return fmt.Errorf("gate of %s: %s: %w", spec.Name, expr, err)
			}
			verdict := "met"
			if !r.Pass {
				verdict = "NOT MET"
				missed = append(missed, spec.Name+": "+expr)
			}
			fmt.Fprintf(w, "gate %s: %s: %s\n", spec.Name, expr, verdict)
		}
	}
	if len(missed) > 0 {
		return gateError{fmt.Errorf("gates not met: %s", strings.Join(missed, "; "))}
	}
	return nil
}

// width is the terminal's, or 100 columns.
func (a *app) width() int {
	if f, ok := a.out.(*os.File); ok {
		if w, _, err := term.GetSize(int(f.Fd())); err == nil && w > 0 {
			return w
		}
	}
	return 100
}

// newID names a run: sortable by time, and unique.
func newID() (string, error) {
	var b [2]byte
	if _, err := rand.Read(b[:]); err != nil {
		return "", err
	}
	return time.Now().UTC().Format("20060102-150405") + "-" + hex.EncodeToString(b[:]), nil
}

// commandLine is what the user wrote, for run.json. Flags hold no secrets:
// credentials come from a file or the environment.
func commandLine(cmd *cobra.Command, args []string) []string {
	out := append([]string{}, args...)
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if f.Changed {
			out = append(out, "--"+f.Name+"="+f.Value.String())
		}
	})
	return out
}
