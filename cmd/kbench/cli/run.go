package cli

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/term"

	"github.com/kbench/kbench/internal/cluster"
	"github.com/kbench/kbench/internal/conduct"
	"github.com/kbench/kbench/internal/launch"
	"github.com/kbench/kbench/profiles"
	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/report"
	"github.com/kbench/kbench/results/report/text"
	"github.com/kbench/kbench/results/summary"
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
		rows    bool
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
  kbench run churn-join --client franz-go --full
  kbench run end-to-end --broker kafka --nodes 3 --set produce.rate=5000/s
  kbench run my-workload.yaml --brokers kafka-1:9092 --profile cpu,heap`,
	}
	sel.add(a, cmd)
	broker.add(cmd)
	broker.addAttached(cmd)
	f := cmd.Flags()
	f.BoolVar(&keep, "keep", false, "leave topics and groups on the existing cluster")
	f.StringVar(&profile, "profile", "", "`kinds` of profiles of the measured part, with commas, per worker:\ncpu, heap, allocs, goroutine, mutex, block, trace")
	f.StringVar(&out, "out", "", "run `directory` (default "+runsDir+"/<id>)")
	f.BoolVar(&rows, "json", false, "print summary.json instead of tables")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		chosen, wrong := sel.load(a, cmd, args)
		bo, err := broker.options(cmd)
		wrong = errors.Join(wrong, err)
		kinds, err := profiles.Parse(profile)
		if err != nil {
			wrong = errors.Join(wrong, fmt.Errorf("--profile: %w", err))
		}
		if keep && len(broker.Brokers) == 0 {
			wrong = errors.Join(wrong, errors.New("--keep goes with --brokers: a broker that kbench starts ends with the run"))
		}
		if cmd.Flags().Changed("out") {
			wrong = errors.Join(wrong, checkOut(out))
		}
		if wrong != nil {
			return usage(wrong)
		}
		id := newID()
		if out == "" {
			out = filepath.Join(runsDir, id)
		}
		bo.Props = sampled(bo.Kind, chosen.trials)
		a.announce(chosen, id, bo, keep)
		progress := newProgress(a.errOut, a.expected(chosen.trials))
		defer progress.close()
		bo.Progress = progress.Step
		dir, err := conduct.Run(cmd.Context(), conduct.Options{
			ID: id, Out: out, Seed: chosen.seed, Suite: chosen.suite, Specs: chosen.specs, Trials: chosen.trials,
			Broker: bo, Profiles: kinds, Keep: keep, Idle: conduct.Idle, Command: append([]string{"kbench", "run"}, commandLine(cmd, args)...),
			Table: a.table, Launcher: launch.Local{}, Self: a.self, Progress: progress,
		})
		progress.close()
		if dir == nil {
			return usage(err)
		}
		as := asTables
		if rows {
			as = asRows
		}
		err = errors.Join(err, a.show(dir, as))
		fmt.Fprintf(a.errOut, "\nEverything is in %s; \"kbench report %s\" prints this again.\n", dir.Path(), dir.Path())
		return err
	}
	return cmd
}

// sampled is what a broker is told for samples alone. A coordinator of Apache Kafka
// waits 3 s for members of an empty group, and as long again where one came: a fifth of
// the time of quick. The title of the broker says so.
func sampled(kind string, trials []plan.Trial) map[string]string {
	if kind != cluster.Kafka || slices.ContainsFunc(trials, func(t plan.Trial) bool { return !t.Spec.Sample }) {
		return nil
	}
	return map[string]string{"group.initial.rebalance.delay.ms": "500"}
}

// checkOut says what is wrong with a run directory of the user's choice as far
// as that shows without making it.
func checkOut(dir string) error {
	entries, err := os.ReadDir(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("--out %s: %w; choose a new directory", dir, err)
	case len(entries) > 0:
		return fmt.Errorf("--out %s: it is not empty (it holds %s); choose a new directory", dir, entries[0].Name())
	}
	return nil
}

// announce says what is going to happen, to a person.
func (a *app) announce(s *selected, id string, bo cluster.Options, keep bool) {
	parts := []string{quantity(len(s.trials), "trial"), "about " + a.duration(s.trials).Round(time.Second).String()}
	parts = append(parts, a.demand(s.trials, bo, keep)...)
	say, warning := memory(s.trials, bo, launch.Here{}.Machine().MemBytes)
	fmt.Fprintf(a.errOut, "run %s: %s, seed %d\n", id, strings.Join(append(parts, say), ", "), s.seed)
	if warning != "" {
		fmt.Fprintln(a.errOut, warning)
	}
	for _, line := range append(a.sameLanes(s.trials), beyond(s.trials, runsDir)...) {
		fmt.Fprintln(a.errOut, line)
	}
}

func quantity(n int, thing string) string {
	if n != 1 {
		thing += "s"
	}
	return fmt.Sprintf("%d %s", n, thing)
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

// shape is how results are printed.
type shape int

const (
	asTables shape = iota
	asRows         // summary.json
	asModel        // what the tables are made of
)

// show derives the results of a run from its raw files and prints them.
func (a *app) show(dir *results.Dir, as shape) error {
	s, err := summary.Write(dir)
	if err != nil {
		return err
	}
	trials, err := dir.Trials()
	if err != nil {
		return err
	}
	switch as {
	case asRows:
		err = a.json(s)
	case asModel:
		err = a.json(report.Build(dir.Run(), trials, s))
	default:
		width, colour := a.terminal()
		err = text.Write(a.out, report.Build(dir.Run(), trials, s), text.Options{Width: width, Color: colour})
	}
	if err != nil {
		return err
	}
	for _, w := range s.Warnings {
		if w.Kind == results.KindBrokenSum {
			return errors.New(w.String())
		}
	}
	return met(s.Gates)
}

// json prints a value as the files of a run directory have it.
func (a *app) json(v any) error {
	data, err := results.EncodeJSON(v)
	if err != nil {
		return err
	}
	_, err = a.out.Write(data)
	return err
}

// met maps the gates of a run to an exit code.
func met(gates []results.Gate) error {
	var missed []string
	for _, g := range gates {
		if g.Verdict != results.Met {
			missed = append(missed, g.Workload+": "+g.Expression)
		}
	}
	if len(missed) > 0 {
		return gateError{fmt.Errorf("gates not met: %s", strings.Join(missed, "; "))}
	}
	return nil
}

// terminal is the width of the terminal and whether to use colour there; a pipe
// has 100 columns and none.
func (a *app) terminal() (width int, colour bool) {
	f, ok := a.out.(*os.File)
	if !ok {
		return 100, false
	}
	w, _, err := term.GetSize(int(f.Fd()))
	if err != nil || w <= 0 {
		return 100, false
	}
	return w, os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
}

// newID names a run: sortable by time, and unique.
func newID() string {
	var b [2]byte
	_, _ = rand.Read(b[:]) // never fails
	return time.Now().UTC().Format("20060102-150405") + "-" + hex.EncodeToString(b[:])
}

// commandLine is what the user wrote, for run.json. Flags hold no secrets:
// credentials come from a file or the environment.
func commandLine(cmd *cobra.Command, args []string) []string {
	out := append([]string{}, args...)
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if list, ok := f.Value.(pflag.SliceValue); ok && f.Changed {
			for _, v := range list.GetSlice() {
				out = append(out, "--"+f.Name+"="+v)
			}
		} else if f.Changed {
			out = append(out, "--"+f.Name+"="+f.Value.String())
		}
	})
	return out
}
