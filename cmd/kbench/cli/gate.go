package cli

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/gate"
	"github.com/kbench/kbench/results/report/ci"
	"github.com/kbench/kbench/results/report/markdown"
	"github.com/kbench/kbench/results/report/text"
)

// The forms in which gates are printed.
var gateForms = []string{"text", "markdown", "json", "junit", "github"}

func (a *app) gateCommand() *cobra.Command {
	var more []string
	var baseline, form string
	cmd := &cobra.Command{
		Use:   "gate [RUN]",
		Short: "Decide thresholds on a run, against a baseline too",
		Long: `Decides the gates of the workloads of a run, and those of --gate for each of them.
RUN is a run directory or its name below runs/; without it, the last run.

A gate is FIGURE OP BOUND, such as "p99(e2e.response) < 20ms", and every arm must
meet it. With --baseline the bound may be that of another run, arm by arm, or the
median of the last good ones: "cpu.per_record < 1.05 * baseline". Good is a run that
completed, of the same machine, broker and workload, that met its gates of fixed
bounds; an arm that is not in all of them is held against those that it is in, and
their number stands beside it. Such a gate is met or missed where the whole 95%
interval of the median is on one side of the bound, of a run's wherever in its own
interval that lies, which takes 6 rounds of each. What the audit and the group count
is exact.

--output is text, markdown (at most 20 lines), json, junit (XML, in which a gate
that is not decided is an error), or github (annotations of a workflow).

Exit codes: 0 every gate is met, 3 one is not, 5 none is missed but one could not
be decided, 1 the run was cut off or trials of it failed, whatever its gates say.`,
		Example: `  kbench gate
  kbench gate --gate "audit.lost == 0" --gate "p99(e2e.response) < 20ms"
  kbench gate --baseline last:5 --gate "cpu.per_record < 1.05 * baseline"
  kbench gate --baseline runs/before --gate "cpu.per_record < 1.05 * baseline" --output junit`,
		Args:              arguments(0, 1, "one run"),
		ValidArgsFunction: aRun,
		RunE: func(cmd *cobra.Command, args []string) error {
			if !slices.Contains(gateForms, form) {
				return usagef("--output %s: there is %s", form, strings.Join(gateForms, ", "))
			}
			var wrong []error
			for _, expr := range more {
				if err := gate.Check(expr); err != nil {
					wrong = append(wrong, fmt.Errorf("--gate: %w", err))
				}
			}
			if len(wrong) > 0 {
				return usage(errors.Join(wrong...))
			}
			run, err := a.judged(args)
			if err != nil {
				return err
			}
			var base []gate.Base
			if cmd.Flags().Changed("baseline") {
				if base, err = a.baselines(run, baseline); err != nil {
					return err
				}
			}
			gates := gate.Against(run.Run(), run.summary.Rows, base, more)
			switch asked := func(g results.Gate) bool { return gate.AsksBaseline(g.Expression) }; {
			case len(gates) == 0:
				return usagef("%s: its workloads have no gates; give one with --gate, such as --gate \"audit.lost == 0\"", run.Path())
			case base != nil && !slices.ContainsFunc(gates, asked):
				return usagef("--baseline %s: no gate here is against a baseline; give one, such as --gate \"cpu.per_record < 1.05 * baseline\", or leave it out", baseline)
			}
			if err := a.gates(run.Run().ID, gates, form); err != nil && !unheard(a.raw, err) {
				return err
			}
			return ofWhole(stateOf(run.Dir), met(gates))
		},
	}
	cmd.Flags().StringArrayVar(&more, "gate", nil, "a further `gate` on each workload; may be repeated")
	cmd.Flags().StringVar(&baseline, "baseline", "", "a `run` that gates are against, or last:N for the median of the last N good\nones below "+runsDir+"/ before it")
	cmd.Flags().StringVar(&form, "output", "text", "`form` of what is printed: "+strings.Join(gateForms, ", "))
	completes(cmd, "baseline", runName)
	completes(cmd, "output", someWords(gateForms...))
	return cmd
}

// ofWhole is what gates come to, of a run that may have been cut off or goes on: what they
// say of the trials that it has is then not the result.
func ofWhole(run *results.Run, gates error) error {
	cut := ended(run)
	if run.State == results.StateRunning {
		cut = errors.New("the run is not over")
	}
	switch {
	case cut == nil:
		return gates
	case gates == nil:
		return fmt.Errorf("%w; its gates are met by what there is of it", cut)
	}
	return fmt.Errorf("%w\n%s", cut, gates.Error())
}

// baselines are the run of a name, or the last good ones.
func (a *app) baselines(run *judged, name string) ([]gate.Base, error) {
	number, last := strings.CutPrefix(name, "last:")
	if !last {
		j, err := a.baseline(name)
		if err != nil {
			return nil, err
		}
		if j.Run().ID == run.Run().ID {
			return nil, usagef("--baseline %s: it is the run itself; name another", name)
		}
		return []gate.Base{{Run: j.Run(), Summary: j.summary}}, nil
	}
	n, err := strconv.Atoi(number)
	if err != nil || n < 1 {
		return nil, usagef("--baseline %s: %q is not a number of runs; write last:5", name, number)
	}
	base := lastGood(run.Run(), n)
	if len(base) < n {
		return nil, usagef("--baseline %s: before it there are %d good runs of its machine, broker and workload in %s/; name one of them, or write last:%d if that is enough", name, len(base), runsDir, max(len(base), 1))
	}
	return base, nil
}

// lastGood are the last good runs before one, the newest first, of which a summary is
// there.
func lastGood(run *results.Run, n int) (out []gate.Base) {
	before, _ := time.Parse(time.RFC3339, run.Started)
	all, _ := filepath.Glob(filepath.Join(runsDir, "*", results.RunFile)) // the pattern is a good one
	type earlier struct {
		*results.Dir
		started time.Time
	}
	var dirs []earlier
	for _, path := range all {
		dir, err := results.Open(filepath.Dir(path))
		if err != nil {
			continue
		}
		if started, err := time.Parse(time.RFC3339, dir.Run().Started); err == nil && dir.Run().ID != run.ID && !started.After(before) {
			dirs = append(dirs, earlier{dir, started})
		}
	}
	slices.SortStableFunc(dirs, func(x, y earlier) int { return y.started.Compare(x.started) })
	for _, dir := range dirs {
		if len(out) == n {
			break
		}
		if s, err := dir.Summary(); err == nil {
			if b := (gate.Base{Run: dir.Run(), Summary: s}); b.Of(run) && b.Good() == "" {
				out = append(out, b)
			}
		}
	}
	return out
}

// gates prints them.
func (a *app) gates(run string, gates []results.Gate, form string) error {
	switch form {
	case "markdown":
		return markdown.Gates(a.out, run, gates)
	case "json":
		return a.json(gates)
	case "junit":
		return ci.JUnit(a.out, run, gates)
	case "github":
		return ci.GitHub(a.out, gates)
	default:
		width, colour := a.terminal()
		return text.Gates(a.raw, run, gates, text.Options{Width: width, Color: colour})
	}
}
