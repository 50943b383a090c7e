package worker

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/record"
)

const (
	// closeSlow is how long a client may take to close before it is looked at.
	closeSlow = 2 * time.Second
	// mostDumps is how often a worker is looked at: what is stuck is so again and again.
	mostDumps = 5
)

// look writes down where every goroutine is, and where there is a flight recorder what
// the process did in the last seconds, because something has not happened
// since a time, and returns how to say that it did after all.
func (s *session) look(what results.Stuck, since int64, parts []int32) (over func()) {
	n := s.looks.Add(1)
	if n > mostDumps {
		return func() {}
	}
	at := record.Now()
	name := filepath.Join(results.ProfilesDir, fmt.Sprintf("stuck-%d.txt", n))
	ev := record.Event{T: at, K: record.EvStuck, Phase: string(what), From: since, Numbers: parts, File: name}
	if err := s.keepStacks(name); err != nil {
		ev.File, ev.Error = "", err.Error()
	} else if s.flight != nil {
		ev.Trace = filepath.Join(results.ProfilesDir, fmt.Sprintf("flight-%d.trace", n))
		if err := s.flight.Save(filepath.Join(s.job.Dir, ev.Trace)); err != nil {
			ev.Trace, ev.Error = "", err.Error()
		}
	}
	s.events.Write(ev)
	return func() {
		s.events.Write(record.Event{T: record.Now(), K: record.EvUnstuck, From: at, Phase: string(what)})
	}
}

// keepStacks writes the stacks of all goroutines.
func (s *session) keepStacks(name string) error {
	stacks, err := dump("goroutine")
	if err != nil {
		return err
	}
	return s.keep(name, stacks)
}

// closing runs the close of a client, which is looked at where it takes long.
func (s *session) closing(close func() error) error {
	since := record.Now()
	over := make(chan func(), 1)
	t := time.AfterFunc(closeSlow, func() { over <- s.look(results.StuckClose, since, nil) })
	err := close()
	if !t.Stop() {
		(<-over)()
	}
	return err
}

// silent looks at a member that hands nothing on of partitions, and waits until it
// does, or is no member any more.
func (w *worker) silent(ctx context.Context, since int64, parts []int32) {
	s := w.s
	before := w.positions(parts)
	over := s.look(results.StuckSilent, since, parts)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			now := w.positions(parts)
			for i := range parts {
				if now[i] > before[i] {
					over()
					return
				}
			}
		}
	}
}

// positions are how far partitions were handled.
func (w *worker) positions(parts []int32) []int64 {
	_, next := w.progress()
	out := make([]int64, len(parts))
	for i, p := range parts {
		out[i] = next[p]
	}
	return out
}
