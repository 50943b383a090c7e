package cli

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/compare"
	"github.com/kbench/kbench/results/report/markdown"
	"github.com/kbench/kbench/results/report/text"
	"github.com/kbench/kbench/results/summary"
)

// The forms in which a comparison is printed.
var compareForms = []string{"text", "markdown", "csv", "json", "bench"}

func (a *app) compareCommand() *cobra.Command {
	var baseline, form string
	cmd := &cobra.Command{
		Use:   "compare [RUN]",
		Short: "Say which client is better, by how much, and how sure that is",
		Long: `Compares the clients of a run with each other, or with --baseline each arm with
the same of another run. RUN is a run directory or its name below runs/; without
it, the last run.

Figures and the least difference that matters are those of the workload (its field
compare). A trial is one sample. Within a run arms are compared round by round, by
the ratio of their figures, or by the difference where they can be 0; pauses are
compared act by act. A sign-flip test of the ranks decides, corrected for all
comparisons of the workload together (Holm), so that of 20 runs of it one at most
calls something better or worse that is not. "The same" is said where the whole
interval is smaller than what matters, and "cannot tell" else, with the effect that
would have been seen in four of five such runs and the rounds it takes to tell. It
takes 6 rounds at least, of three clients by two figures 8.

Two runs are compared trial by trial, and only where machine, broker and workload
are the same; else they stand side by side, with what differs. Trials that were
cut, failed, ran on an unfit machine, measured something else than the client or
lost records are out, and counted.

--output is text, markdown (at most 20 lines), csv, json, or bench: the trials
that count in Go benchmark format, for "benchstat -col /client", of two runs for
"benchstat -col run".

Exit codes: 0 there is a verdict; with --baseline nothing is worse, and of
everything it can be told. 4 with --baseline something is worse. 5 it cannot be
told: of anything, or with --baseline of something while nothing is worse, be it an
arm that the baseline does not have. 1 and 2 as everywhere.`,
		Example: `  kbench compare
  kbench compare 20260102-150405-1a2b --output markdown
  kbench compare --baseline 20260101-150405-9f3c
  kbench compare --output bench > trials.txt; benchstat -col /client trials.txt`,
		Args:              arguments(0, 1, "one run"),
		ValidArgsFunction: aRun,
		RunE: func(cmd *cobra.Command, args []string) error {
			if !slices.Contains(compareForms, form) {
				return usagef("--output %s: there is %s", form, strings.Join(compareForms, ", "))
			}
			run, err := a.judged(args)
			if err != nil {
				return err
			}
			var base *judged
			c := compare.Of(run.Run(), run.summary)
			if cmd.Flags().Changed("baseline") {
				if base, err = a.baseline(baseline); err != nil {
					return err
				}
				if base.Run().ID == run.Run().ID {
					return usagef("--baseline %s: it is the run itself; name another", baseline)
				}
				c = compare.Against(run.Run(), run.summary, base.Run(), base.summary)
			}
			if err := a.compared(c, run, base, form); err != nil && !unheard(a.raw, err) {
				return err
			}
			return told(c)
		},
	}
	cmd.Flags().StringVar(&baseline, "baseline", "", "compare with this `run`, arm by arm, in place of the arms with each other")
	cmd.Flags().StringVar(&form, "output", "text", "`form` of what is printed: "+strings.Join(compareForms, ", "))
	completes(cmd, "baseline", runName)
	completes(cmd, "output", someWords(compareForms...))
	return cmd
}

// judged is a run with what it came to.
type judged struct {
	*results.Dir
	summary *results.Summary
}

// judged opens a run that is over, with its summary as it stands; without one it is made
// from the raw files.
func (a *app) judged(args []string) (*judged, error) {
	dir, err := openRun(args)
	if err != nil {
		return nil, err
	}
	s, err := dir.Summary()
	if err != nil {
		var unwritten *summary.Unwritten
		if s, err = summary.Write(dir); err != nil && !errors.As(err, &unwritten) {
			return nil, err
		}
	}
	return &judged{dir, s}, sound(s)
}

// baseline is the run that a flag names.
func (a *app) baseline(name string) (*judged, error) {
	j, err := a.judged([]string{name})
	var wrong usageError
	if errors.As(err, &wrong) {
		return nil, usagef("--baseline %w", err)
	}
	return j, err
}

// compared prints a comparison.
func (a *app) compared(c *compare.Comparison, run, base *judged, form string) error {
	switch form {
	case "markdown":
		return markdown.Comparison(a.out, c)
	case "csv":
		return c.CSV(a.out)
	case "json":
		return a.json(c)
	case "bench":
		for _, j := range []*judged{run, base} {
			if j == nil {
				continue
			}
			if base != nil {
				fmt.Fprintf(a.out, "run: %s\n", j.Run().ID)
			}
			if _, err := a.out.Write(summary.Bench(compare.Counted(j.Run(), j.summary), j.Run())); err != nil {
				return err
			}
		}
		return nil
	default:
		width, colour := a.terminal()
		return text.Comparison(a.raw, c, text.Options{Width: width, Color: colour})
	}
}

// told maps a comparison to an exit code.
func told(c *compare.Comparison) error {
	worse, open := c.With(compare.Worse), c.With(compare.CannotTell)
	for _, arm := range c.Alone() {
		open = append(open, arm+": not in the baseline")
	}
	any := len(worse) + len(c.With(compare.Better)) + len(c.With(compare.Same))
	switch {
	case c.Baseline != "" && len(worse) > 0:
		return gateError{errors.New("worse than the baseline: " + strings.Join(worse, "; ")), ExitRegression}
	case any == 0:
		return gateError{errors.New("nothing can be told: what stands beside each comparison says what it would take"), ExitUndecided}
	case c.Baseline != "" && len(open) > 0:
		return gateError{errors.New("nothing is worse than the baseline, but this cannot be told of " + strings.Join(open, "; ")), ExitUndecided}
	}
	return nil
}
