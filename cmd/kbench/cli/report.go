package cli

import (
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/report"
	"github.com/kbench/kbench/results/report/text"
)

func (a *app) reportCommand() *cobra.Command {
	var rows, model bool
	var event string
	cmd := &cobra.Command{
		Use:   "report [RUN]",
		Short: "Rebuild the results of a run from its raw files and print them",
		Long: `Rebuilds summary.json and bench.txt of a run directory, and pauses.json and
latency-split.hlog of its trials with churn, byte for byte, and prints the
tables. RUN is a run directory or its name below runs/; without it, the last
run. "benchstat -col /client RUN/bench.txt" reads the same figures.

--json prints the rows, warnings and gates of summary.json. --model prints what the
tables are made of, for whoever shows a run in another way: the same tables,
marks, audits and gates, in numbers with their units and without a layout.

--event draws one event of churn instead: what each partition and each member
did around it, on one time axis, and where the time went. Events are counted
over the run from 1; TRIAL.ACT names one by its trial and the number of its act
(2.5 is crash#5 of trial 2), and so also those that only restore the group.
"--event list" prints what there is.`,
		Example: `  kbench report
  kbench report runs/20260102-150405-1a2b --json
  kbench report --model
  kbench report --event list
  kbench report --event 3
  kbench report --event 2.5`,
		Args: arguments(0, 1, "one run"),
		RunE: func(cmd *cobra.Command, args []string) error {
			path, err := findRun(args)
			if err != nil {
				return err
			}
			dir, err := results.Open(path)
			if err != nil {
				return usage(err)
			}
			if cmd.Flags().Changed("event") {
				if rows {
					return usagef("--event draws and --json prints rows; give one of them (%s of a trial has its events in full)", results.PausesFile)
				}
				if model {
					return usagef("--event draws and --model prints the whole run; give one of them (%s of a trial has its events in full)", results.PausesFile)
				}
				return a.closeup(dir, event)
			}
			as := asTables
			switch {
			case rows && model:
				return usagef("--json prints rows and --model what the tables are made of; give one of them")
			case rows:
				as = asRows
			case model:
				as = asModel
			}
			return a.show(dir, as)
		},
	}
	cmd.Flags().BoolVar(&rows, "json", false, "print summary.json instead of tables")
	cmd.Flags().BoolVar(&model, "model", false, "print what the tables are made of, as JSON")
	cmd.Flags().StringVar(&event, "event", "", "draw one `event`: its number, TRIAL.ACT, or list to see what there is")
	return cmd
}

// closeup draws one event of a run, or lists them all.
func (a *app) closeup(dir *results.Dir, event string) error {
	trials, err := dir.Trials()
	if err != nil {
		return err
	}
	events, err := report.Closeups(dir, trials)
	if err != nil {
		return err
	}
	width, colour := a.terminal()
	o := text.Options{Width: width, Color: colour}
	if event == "list" {
		return text.Events(a.out, events, o)
	}
	c, err := report.FindCloseup(events, event)
	if err != nil {
		return usage(err)
	}
	return text.Closeup(a.out, c, o)
}

// findRun resolves a run directory, a name below runs/, or the last run.
func findRun(args []string) (string, error) {
	if len(args) == 1 {
		if _, err := os.Stat(args[0]); err != nil {
			below := filepath.Join(runsDir, args[0])
			if _, err := os.Stat(below); err == nil {
				return below, nil
			}
			return "", usagef("%s: no such run directory", args[0])
		}
		return args[0], nil
	}
	entries, err := os.ReadDir(runsDir)
	entries = slices.DeleteFunc(entries, func(e os.DirEntry) bool { return !e.IsDir() })
	if err != nil || len(entries) == 0 {
		return "", usagef("there is no run in %s/ yet; \"kbench run quick\" makes one", runsDir)
	}
	// Names of runs sort by time, and so they are read.
	return filepath.Join(runsDir, entries[len(entries)-1].Name()), nil
}
