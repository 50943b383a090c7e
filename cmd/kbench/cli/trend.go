package cli

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/report/markdown"
	"github.com/kbench/kbench/results/report/text"
	"github.com/kbench/kbench/results/summary"
	"github.com/kbench/kbench/results/trend"
)

// The forms in which a trend is printed.
var trendForms = []string{"text", "markdown", "csv", "json"}

func (a *app) trendCommand() *cobra.Command {
	var (
		form                 string
		canaries             []string
		nights, recent, keep int
		dry, yes             bool
		options              trend.Options
	)
	cmd := &cobra.Command{
		Use:   "trend [DIR]",
		Short: "Say what moved over nights, since when, and whether a client did it",
		Long: `Reads the runs in a directory, of which each is a night, and says of every arm and
figure whether it made a step, and at which night, or drifts. DIR holds run
directories, or of old ones run.json and summary.json alone; without it, runs/.

Figures and the least difference that matters are those of the workload (its field
compare). Runs are of one series where machine, broker and workload are the same.
Steps are found by E-divisive, drifts by Mann and Kendall, and where both find
something the one that says the nights with fewer words is what happened. Where
nothing changes, one look in 100 finds some change in any of the series. It takes
8 nights. Nights on a busy machine are out, and counted.

An arm pinned to a version (--client sarama@v1.60.1) is a canary: it cannot change.
Where it moved the same way in the same nights, or a fixed piece of CPU work did,
the machine moved, and the alert is held back. What is worse alerts for --recent
nights, and is known after that.

--keep-raw N removes the raw files of all runs in DIR but the newest N, and keeps
run.json, summary.json and bench.txt, which compare, gate and trend read. Only runs
that are over, whose summary is that of their raw files, and only files that the run
wrote; it asks first. --dry-run only says.

--output is text, markdown (at most 20 lines), csv (every value), or json.

Exit codes: 0 no alert, 4 something is worse, 5 nothing is, but an alert was held
back or nights are too few to tell. 1 and 2 as everywhere.`,
		Example: `  kbench trend
  kbench trend /var/lib/kbench/nights --output markdown
  kbench trend --keep-raw 14 --yes
  kbench trend --canary sarama@v1.60.1 --recent 3`,
		Args: arguments(0, 1, "one directory of runs"),
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return nil, cobra.ShellCompDirectiveFilterDirs
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			removes := cmd.Flags().Changed("keep-raw")
			switch {
			case !slices.Contains(trendForms, form):
				return usagef("--output %s: there is %s", form, strings.Join(trendForms, ", "))
			case nights < 1:
				return usagef("--nights %d: show one at least", nights)
			case recent < 1:
				return usagef("--recent %d: a change has to be recent for one night at least", recent)
			case keep < 0:
				return usagef("--keep-raw %d: a number of runs from 0", keep)
			case (dry || yes) && !removes:
				return usagef("--dry-run and --yes are about --keep-raw; say how many runs keep their raw files")
			case dry && yes:
				return usagef("--dry-run only says, --yes removes; give one of them")
			case removes && !dry && !yes && !a.person():
				return usagef("--keep-raw %d: there is no terminal to ask on before anything is removed; give --yes, or see with --dry-run what it would be", keep)
			}
			dir := runsDir
			if len(args) == 1 {
				dir = args[0]
			}
			h, err := historyOf(dir)
			if err != nil {
				return err
			}
			options.Recent, options.Canaries = recent, canaries
			t := trend.Of(h.nights, options)
			t.Passed = append(t.Passed, h.passed...)
			if err := missing(t, canaries); err != nil {
				return err
			}
			if err := a.moved(t, nights, form); err != nil && !unheard(a.raw, err) {
				return err
			}
			if removes {
				if err := a.reduce(h.runs, keep, dry, yes); err != nil {
					return err
				}
			}
			return alerted(t)
		},
	}
	f := cmd.Flags()
	f.StringSliceVar(&canaries, "canary", nil, "the `arms` that cannot change (default those of a client at a version)")
	f.IntVar(&recent, "recent", 7, "for how many `nights` a change alerts")
	f.IntVar(&nights, "nights", 30, "how many of the last `nights` the log shows")
	f.IntVar(&keep, "keep-raw", 0, "remove the raw files of all runs but the newest `n`")
	f.BoolVar(&dry, "dry-run", false, "with --keep-raw, only say what would be removed")
	f.BoolVar(&yes, "yes", false, "with --keep-raw, ask nobody")
	f.StringVar(&form, "output", "text", "`form` of what is printed: "+strings.Join(trendForms, ", "))
	completes(cmd, "output", oneWord(trendForms...))
	return cmd
}

// history is what a directory of runs holds.
type history struct {
	nights []*trend.Night
	runs   []string // run directories that could be read, the oldest first
	passed []trend.Passed
}

// historyOf reads a directory of runs. One run that cannot be read does not hide the
// others. A link to a run elsewhere is no run of the directory.
func historyOf(dir string) (*history, error) {
	entries, err := os.ReadDir(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, usagef("%s: no such directory; \"kbench run quick\" makes a run in %s/", dir, runsDir)
	case err != nil:
		return nil, usagef("%s: %w", dir, err)
	}
	h, began, seen := &history{}, map[string]time.Time{}, map[string]string{}
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		if _, err := os.Lstat(filepath.Join(path, results.RunFile)); !e.IsDir() || err != nil {
			continue
		}
		night, err := nightOf(path)
		if err == nil && seen[night.Run.ID] != "" {
			err = fmt.Errorf("it is run %s, as is %s", night.Run.ID, seen[night.Run.ID])
		}
		if err != nil {
			h.passed = append(h.passed, trend.Passed{Dir: path, Why: err.Error()})
			continue
		}
		seen[night.Run.ID], began[path] = path, begun(filepath.Join(path, results.RunFile))
		h.nights, h.runs = append(h.nights, night), append(h.runs, path)
	}
	slices.SortStableFunc(h.runs, func(x, y string) int { return began[x].Compare(began[y]) })
	if len(h.nights) == 0 {
		why := fmt.Sprintf("%s: there is no run in it", dir)
		for _, p := range h.passed {
			why += fmt.Sprintf("\n%s: %s", p.Dir, p.Why)
		}
		return nil, usagef("%s", why)
	}
	return h, nil
}

// nightOf reads one run. Its summary is made where there is none yet.
func nightOf(path string) (*trend.Night, error) {
	dir, err := results.Open(path)
	if err != nil {
		return nil, err
	}
	if dir.Run().State == results.StateRunning {
		return nil, errors.New("it is not over")
	}
	s, err := dir.Summary()
	if errors.Is(err, fs.ErrNotExist) {
		var unwritten *summary.Unwritten
		if s, err = summary.Write(dir); errors.As(err, &unwritten) {
			err = nil
		}
	}
	if err != nil {
		return nil, err
	}
	return trend.Reduce(dir.Run(), s)
}

// missing says which canaries are no arm of any night.
func missing(t *trend.Trend, canaries []string) error {
	for _, name := range canaries {
		var arms []string
		for _, w := range t.Workloads {
			for _, s := range w.Series {
				if !slices.Contains(arms, s.Arm.Title()) {
					arms = append(arms, s.Arm.Title(), s.Arm.Name)
				}
			}
		}
		if !slices.Contains(arms, name) {
			slices.Sort(arms)
			return usagef("--canary %s: no such arm; there are %s", name, strings.Join(slices.Compact(arms), ", "))
		}
	}
	return nil
}

// moved prints a trend.
func (a *app) moved(t *trend.Trend, nights int, form string) error {
	switch form {
	case "markdown":
		return markdown.Trend(a.out, t)
	case "csv":
		return t.CSV(a.out)
	case "json":
		return a.json(t)
	default:
		width, colour := a.terminal()
		return text.Trend(a.raw, t, nights, text.Options{Width: width, Color: colour})
	}
}

// reduce removes the raw files of all runs but the newest. What it does is told beside the
// trend.
func (a *app) reduce(runs []string, keep int, dry, yes bool) error {
	var left []string
	var bytes int64
	for _, path := range runs[:max(0, len(runs)-keep)] {
		dir, err := results.Open(path)
		if err != nil {
			return err
		}
		raw, err := dir.Raw()
		if err != nil {
			return err
		}
		if len(raw.Files) == 0 {
			continue
		}
		why, err := dir.Whole()
		switch {
		case err != nil:
			why = err.Error()
		case why == "" && results.InUse(path) != nil:
			why = "another process is at work in it"
		}
		if why != "" {
			fmt.Fprintf(a.errOut, "left alone: %s: %s\n", path, why)
			continue
		}
		left, bytes = append(left, path), bytes+raw.Bytes
		if dry || !yes {
			fmt.Fprintf(a.errOut, "would remove %s of %s (%s); its summary stays\n", quantity(len(raw.Files), "raw file"), path, text.Amount(results.UnitBytes, float64(raw.Bytes)))
		}
	}
	if len(left) == 0 || dry {
		return nil
	}
	if !yes {
		fmt.Fprintf(a.errOut, "Remove the raw files of %s, %s? [y/N] ", quantity(len(left), "run"), text.Amount(results.UnitBytes, float64(bytes)))
		answer, _ := bufio.NewReader(a.in).ReadString('\n') // no answer is none
		if !slices.Contains([]string{"y", "yes"}, strings.ToLower(strings.TrimSpace(answer))) {
			fmt.Fprintln(a.errOut, "nothing was removed")
			return nil
		}
	}
	var errs []error
	for _, path := range left {
		raw, err := results.Reduce(path, time.Now().UTC().Format(time.RFC3339))
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", path, err))
			continue
		}
		fmt.Fprintf(a.errOut, "removed %s of %s (%s)\n", quantity(len(raw.Files), "raw file"), path, text.Amount(results.UnitBytes, float64(raw.Bytes)))
		for _, name := range raw.Others {
			fmt.Fprintf(a.errOut, "left alone: %s: it is not the run's\n", filepath.Join(path, name))
		}
	}
	return errors.Join(errs...)
}

// alerted maps a trend to an exit code.
func alerted(t *trend.Trend) error {
	alerts, held := t.With(trend.Alert), t.With(trend.Held)
	switch {
	case len(alerts) > 0:
		return gateError{errors.New("worse: " + strings.Join(alerts, "; ")), ExitRegression}
	case len(held) > 0:
		return gateError{errors.New("held back, since the machine moved too: " + strings.Join(held, "; ")), ExitUndecided}
	case !t.Looked():
		return gateError{fmt.Errorf("nights are too few to tell: it takes %d that count", trend.LeastNights), ExitUndecided}
	}
	return nil
}
