package evidence

import (
	"path"

	"github.com/kbench/kbench/internal/regular"
	"github.com/kbench/kbench/profiles"
	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/group"
	"github.com/kbench/kbench/results/record"
	"github.com/kbench/kbench/workloads/acts"
)

// Reading is what a process held at a moment.
type Reading struct {
	Name        string // results.ReadingBefore or results.ReadingAfter
	T           int64
	Goroutines  int64
	Connections int64
	Heap        int64 // bytes that two collections left
	// Sites are its goroutines by what they do, Blocked those of them that nothing can
	// wake any more; nil: not known. For the latter the program must have Go's
	// goroutineleak profile.
	Sites, Blocked map[profiles.Site]int

	stacks, blocked string // their files
}

func newReading(ev record.Event) Reading {
	r := Reading{Name: ev.Phase, T: ev.T, Connections: int64(ev.Open), stacks: ev.File, blocked: ev.Blocked}
	if ev.Runtime != nil {
		r.Goroutines, r.Heap = ev.Runtime.Goroutines, ev.Runtime.HeapLive
	}
	return r
}

// Reading is one of a worker's by its name, nil where it was not made.
func (w *Worker) Reading(name string) *Reading {
	for i := range w.Readings {
		if w.Readings[i].Name == name {
			return &w.Readings[i]
		}
	}
	return nil
}

// Kept is a member that was there before the acts and after them, with what it held.
type Kept struct {
	Worker        string
	Before, After *Reading
	// Cycles is how often its client was closed and opened again in between (Reopened), or
	// else how many counted acts it saw.
	Cycles   int
	Reopened bool
	Had, Has int // partitions, before and after, as the coordinator told
}

// Kept are those that saw any cycles, and how many members have no two readings.
func (e *Trial) Kept() (out []Kept, untold int) {
	for i := range e.Workers {
		w := &e.Workers[i]
		if w.Role != results.RoleConsumer {
			continue
		}
		k := Kept{Worker: w.Name, Before: w.Reading(results.ReadingBefore), After: w.Reading(results.ReadingAfter)}
		if k.Before == nil || k.After == nil {
			untold++
			continue
		}
		if e.cycles(&k); k.Cycles > 0 {
			k.Had, k.Has = e.owned(w.Name, k.Before.T), e.owned(w.Name, k.After.T)
			out = append(out, k)
		}
	}
	return out, untold
}

func (e *Trial) cycles(k *Kept) {
	reopened := 0
	for i := range e.Acts {
		a := &e.Acts[i]
		if a.At < k.Before.T || a.At > k.After.T || a.Refused() {
			continue
		}
		if a.Counted {
			k.Cycles++
		}
		if acts.Of(a.Kind).Within && a.Member == k.Worker && a.Gone != 0 {
			reopened++
		}
	}
	if reopened > 0 {
		k.Cycles, k.Reopened = reopened, true
	}
}

// owned is how many partitions a member had at a time, as the coordinator had last told
// by then: the group was stable when the reading was asked for, and after it the members
// may be closed before the coordinator is asked once more.
func (e *Trial) owned(worker string, at int64) int {
	for i := range e.Workers {
		if v := group.ViewBy(e.Workers[i].Group, at); v != nil {
			for _, m := range v.Members {
				if m.Worker == worker {
					return len(m.Parts)
				}
			}
		}
	}
	return 0
}

// sites reads the stacks of the readings of a worker.
func (e *Trial) sites(w *Worker) {
	for i := range w.Readings {
		r := &w.Readings[i]
		if all := e.dumped(w, r.stacks); all != nil {
			r.Sites = profiles.Sites(all)
		}
		if all := e.dumped(w, r.blocked); all != nil {
			r.Blocked = profiles.Sites(profiles.Blocked(all))
		}
	}
}

// dumped are the stacks in a file of a worker. No figure needs them: where it is not
// there, or as Beside says not as it was written, there are none.
func (e *Trial) dumped(w *Worker, name string) []profiles.Stack {
	file := path.Clean("/" + name)[1:]
	if name == "" || e.beside(path.Join(w.Name, file)) {
		return nil
	}
	at, err := e.raw(w.Name, file)
	if err != nil {
		return nil
	}
	data, err := regular.Read(at, mostStacks)
	if err != nil {
		return nil
	}
	return profiles.ReadDump(data)
}
