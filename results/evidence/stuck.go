package evidence

import (
	"cmp"

	"github.com/kbench/kbench/profiles"
	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/record"
)

// Stuck is a time at which something did not happen, and where the process was.
type Stuck struct {
	What       results.Stuck
	Partitions []int32 // of which nothing was handed on
	From, T    int64   // since when it had not happened, and when it was looked at
	Until      int64   // when it happened after all; 0: never
	File       string  // with the stacks of all goroutines; empty: there are none
	Trace      string  // with what it did in the seconds before; empty: that was not recorded
	Frame      string  // the function that holds it up; empty: not known
	State      string  // what its goroutine waits for
}

// mostStacks is how much is read of the stacks of a process.
const mostStacks = 16 << 20

// stuck sorts in what was looked at.
func (w *Worker) stuck(ev record.Event) {
	switch ev.K {
	case record.EvStuck:
		w.Stuck = append(w.Stuck, Stuck{What: results.Stuck(ev.Phase), Partitions: ev.Numbers, From: ev.From, T: ev.T, File: ev.File, Trace: ev.Trace})
	case record.EvUnstuck:
		for i := range w.Stuck {
			if s := &w.Stuck[i]; s.T == ev.From && string(s.What) == ev.Phase {
				s.Until = cmp.Or(s.Until, ev.T)
			}
		}
	}
}

// accuse looks into the stacks for what held up each of them; without stacks nobody is
// accused.
func (e *Trial) accuse(w *Worker) {
	for i := range w.Stuck {
		s := &w.Stuck[i]
		if g, frame := profiles.Accused(e.dumped(w, s.File), s.What == results.StuckClose); g != nil {
			s.Frame, s.State = frame, g.State
		}
	}
}
