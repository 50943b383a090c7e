package trend

import (
	"fmt"
	"time"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/compare"
	"github.com/kbench/kbench/results/fit"
)

// Night is a run, reduced to what a history needs of it.
type Night struct {
	Run  *results.Run
	at   time.Time
	work []work
}

// work is a workload of a night.
type work struct {
	name   string
	values []compare.Value
	out    int     // trials that are in no value
	busy   string  // why its machine was no place to measure on
	canary float64 // the median of what a fixed piece of CPU work took, ns; 0: not known
}

// Reduce is the night of a run.
func Reduce(run *results.Run, s *results.Summary) (*Night, error) {
	at, err := time.Parse(time.RFC3339, run.Started)
	if err != nil {
		return nil, fmt.Errorf("run %s does not say when it began: %w", run.ID, err)
	}
	n := &Night{Run: run, at: at}
	for i := range run.Specs {
		w := work{name: run.Specs[i].Name}
		var rows []results.Row
		var canaries []float64
		for _, r := range s.Rows {
			if r.Workload != w.name || r.Profiled {
				continue
			}
			rows = append(rows, r)
			if r.Metric == results.MachineCanary && r.Value > 0 {
				canaries = append(canaries, r.Value)
			}
		}
		w.busy, w.canary = fit.Busy(run, rows), median(canaries)
		var outs []compare.Out
		w.values, outs = compare.Values(run, s, w.name)
		for _, o := range outs {
			w.out += o.Trials
		}
		n.work = append(n.work, w)
	}
	return n, nil
}

// of is a workload of the night, nil where it had none of the name.
func (n *Night) of(name string) *work {
	for i := range n.work {
		if n.work[i].name == name {
			return &n.work[i]
		}
	}
	return nil
}

// around is how many nights before and after one say what is usual.
const around = 4

// putOut finds the nights that say nothing of the client: those of runs that were cut, and
// those on a busy machine, by what others had or by a fixed piece of work that took longer
// or shorter than in the nights around. A machine that stays another one is so for the
// nights after it, too, and is then the usual one. That a gate was missed is no reason: it
// may be what is looked for.
func (l *line) putOut() {
	l.out = make([]string, len(l.nights))
	for i, n := range l.nights {
		if l.out[i] = n.of(l.name).busy; n.Run.State != results.StateComplete {
			l.out[i] = "the run is " + string(n.Run.State)
		}
	}
	odd := map[int]string{}
	for i, n := range l.nights {
		var others []float64
		for _, step := range []int{-1, 1} {
			for j, found := i+step, 0; j >= 0 && j < len(l.nights) && found < around; j += step {
				if c := l.nights[j].of(l.name).canary; c > 0 && l.out[j] == "" {
					others, found = append(others, c), found+1
				}
			}
		}
		canary, usual := n.of(l.name).canary, median(others)
		if l.out[i] == "" && len(others) >= around && fit.Moved(canary, usual) {
			odd[i] = fmt.Sprintf("a fixed piece of work took %s, and %s in the nights around", short(canary), short(usual))
		}
	}
	for i, why := range odd {
		l.out[i] = why
	}
}

func short(ns float64) time.Duration { return time.Duration(ns).Round(100 * time.Microsecond) }
