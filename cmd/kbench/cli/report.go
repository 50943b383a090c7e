package cli

import (
	"errors"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/held"
	"github.com/kbench/kbench/results/report"
	"github.com/kbench/kbench/results/report/text"
)

func (a *app) reportCommand() *cobra.Command {
	var rows, model bool
	var event string
	cmd := &cobra.Command{
		Use:   "report [RUN]",
		Short: "Rebuild the results of a run from its raw files and print them",
		Long: `Rebuilds summary.json and bench.txt of a run directory, rebalances.json of its
trials with a group, and pauses.json and latency-split.hlog of those with churn,
byte for byte, and prints the tables. RUN is a run directory or its name below runs/; without it, the last
run. "benchstat -col /client RUN/bench.txt" reads the same figures.

--json prints the rows, warnings and gates of summary.json. --model prints what the
tables are made of, for whoever shows a run in another way: the same tables,
marks, audits and gates, in numbers with their units and without a layout.

RUN may be the directory of a search, too: its tables are printed as "kbench knee
--read" does, with --json all of it, and it exits as that does.

--event draws one event of churn instead: what each partition and each member
did around it, on one time axis, why the group rebalanced, and where the time went. Events are counted
over the run from 1; TRIAL.ACT names one by its trial and the number of its act
(2.5 is crash#5 of trial 2), and so also those that only restore the group.
"--event list" prints what there is.

Exit codes: 1 where trials failed or were not as planned, or the run was cut off,
3 where a gate was not met, 5 where one could not be decided.`,
		Example: `  kbench report
  kbench report runs/20260102-150405-1a2b --json
  kbench report --model
  kbench report --event list
  kbench report --event 3
  kbench report --event 2.5`,
		Args:              arguments(0, 1, "one run"),
		ValidArgsFunction: aRunOrSearch,
		RunE: func(cmd *cobra.Command, args []string) error {
			if path, is := ofSearch(args); is {
				return a.reportSearch(path, rows, model || cmd.Flags().Changed("event"))
			}
			dir, err := openRun(args)
			if err != nil {
				return err
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
			return a.show(dir, as, ended(stateOf(dir)))
		},
	}
	cmd.Flags().BoolVar(&rows, "json", false, "print summary.json instead of tables")
	cmd.Flags().BoolVar(&model, "model", false, "print what the tables are made of, as JSON")
	cmd.Flags().StringVar(&event, "event", "", "draw one `event`: its number, TRIAL.ACT, or list to see what there is")
	return cmd
}

// ofSearch is the directory that is named, where it is one of a search and of no run.
func ofSearch(args []string) (path string, is bool) {
	path, err := findRun(args)
	if err != nil {
		return "", false
	}
	if _, err := os.Stat(filepath.Join(path, results.RunFile)); err == nil {
		return "", false
	}
	_, err = os.Stat(filepath.Join(path, held.File))
	return path, err == nil
}

// reportSearch prints a search again. It has no model, nor events: its trials have them.
func (a *app) reportSearch(path string, json, ofTrials bool) error {
	if ofTrials {
		return usagef("%s is the directory of a search, and --model and --event are of a run: name the run directory of one of its trials, in it", path)
	}
	k, err := kneeRead("", path)
	if err != nil {
		return err
	}
	form := "text"
	if json {
		form = "json"
	}
	return errors.Join(a.printKnee(k, form), kneeTold(k))
}

// openRun opens the run that is named, or the last one. That it is damaged is no fault of
// the command line.
func openRun(args []string) (*results.Dir, error) {
	path, err := findRun(args)
	if err != nil {
		return nil, err
	}
	if search, is := ofSearch(args); is {
		return nil, usagef("%s is the directory of a search, which \"kbench report\" shows; name the run directory of one of its trials, in it", search)
	}
	dir, err := results.Open(path)
	var damage *results.Damage
	if err != nil && !errors.As(err, &damage) {
		err = usage(err)
	}
	return dir, err
}

// stateOf is the run of a directory as it is to be told: one that says that it runs, and
// that nobody holds, is gone.
func stateOf(dir *results.Dir) *results.Run {
	run := *dir.Run()
	if dir.Abandoned() {
		run.State, run.Error = results.StateGone, "it ended without a word: its process is gone, and nobody holds the run directory any more"
	}
	return &run
}

// ended is how a run ended short of its plan, nil where it did not.
func ended(run *results.Run) error {
	switch run.State {
	case results.StateFailed, results.StateGone:
		return errors.New(run.Error)
	case results.StateInterrupted:
		return errors.New("the run was interrupted")
	default:
		return nil
	}
}

// closeup draws one event of a run, or lists them all.
func (a *app) closeup(dir *results.Dir, event string) error {
	trials, err := dir.Trials()
	if err != nil {
		return err
	}
	events, damaged := report.Closeups(dir, trials)
	width, colour := a.terminal()
	o := text.Options{Width: width, Color: colour}
	if event == "list" {
		return errors.Join(text.Events(a.raw, events, o), damaged)
	}
	c, err := report.FindCloseup(events, event)
	switch {
	case err != nil && damaged != nil:
		return errors.Join(err, damaged) // it may be one of those
	case err != nil:
		return usage(err)
	}
	return errors.Join(text.Closeup(a.raw, c, o), damaged)
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
	newest, found := time.Time{}, ""
	all, _ := filepath.Glob(filepath.Join(runsDir, "*", results.RunFile)) // the pattern is a good one
	for _, path := range all {
		if began := begun(path); found == "" || !began.Before(newest) {
			newest, found = began, filepath.Dir(path)
		}
	}
	if found == "" {
		return "", usagef("there is no run in %s/ yet; \"kbench run quick\" makes one", runsDir)
	}
	return found, nil
}

// begun is when a run began, as it says itself, since names are of the user's choice
// and copies are young. Of one that cannot be read it is when that was written.
func begun(runFile string) time.Time {
	if dir, err := results.Open(filepath.Dir(runFile)); err == nil {
		if t, err := time.Parse(time.RFC3339, dir.Run().Started); err == nil {
			return t
		}
	}
	if info, err := os.Stat(runFile); err == nil {
		return info.ModTime()
	}
	return time.Time{}
}
