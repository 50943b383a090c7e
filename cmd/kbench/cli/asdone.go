package cli

import (
	"os"
	"strings"

	"golang.org/x/term"

	"github.com/kbench/kbench/internal/conduct"
	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/report"
	"github.com/kbench/kbench/results/report/text"
	"github.com/kbench/kbench/results/summary"
	"github.com/kbench/kbench/workloads/plan"
)

// asDone shows the tables of each workload of a run when its last trial is over: a run of
// several may be a long one. The next trial waits for that, so that nothing is computed
// while others measure. What is printed in the end does not repeat them.
type asDone struct {
	*progress
	app    *app
	out    string // the run directory
	trials []plan.Trial
}

// asDone is the progress of a run; one that prints rows, or has one workload, shows
// nothing before its end.
func (a *app) asDone(p *progress, out string, trials []plan.Trial, rows bool) conduct.Progress {
	if rows || trials[0].Workload == trials[len(trials)-1].Workload {
		return p
	}
	a.tables = map[string]string{}
	return &asDone{p, a, out, trials}
}

// Ended implements conduct.Progress.
func (d *asDone) Ended(ref results.TrialRef, state results.State, why string) {
	d.progress.Ended(ref, state, why)
	if state == results.StateInterrupted || ref.N < len(d.trials) && d.trials[ref.N].Workload == ref.Workload {
		return
	}
	d.Step("summing up " + ref.Workload)
	var tables string
	dir, err := results.Open(d.out)
	if err == nil {
		tables, err = d.app.tablesOf(dir, ref.Workload)
	}
	if err != nil {
		return // the end of the run says so
	}
	d.app.tables[ref.Workload] = tables
	w := d.app.raw
	if f, ok := w.(*os.File); ok && d.bars != nil && term.IsTerminal(int(f.Fd())) {
		w = d.bars // above the bar
	}
	_, _ = w.Write([]byte(strings.TrimPrefix(tables, "\n") + "\n"))
}

// tablesOf are those of a workload of a run that goes on.
func (a *app) tablesOf(dir *results.Dir, workload string) (string, error) {
	s, trials, err := summary.OfWorkload(dir, workload)
	if err != nil {
		return "", err
	}
	width, colour := a.terminal()
	return tablesOf(report.Build(dir.Run(), trials, s), workload, text.Options{Width: width, Color: colour})
}

func tablesOf(r *report.Report, workload string, o text.Options) (string, error) {
	var b strings.Builder
	err := text.Workload(&b, r, workload, o)
	return b.String(), err
}

// above are the workloads of a report of which just the same stands on the screen.
func (a *app) above(r *report.Report, o text.Options) (names []string) {
	for i := range r.Workloads {
		name := r.Workloads[i].Name
		if shown := a.tables[name]; shown != "" {
			if now, err := tablesOf(r, name, o); err == nil && now == shown {
				names = append(names, name)
			}
		}
	}
	return names
}
