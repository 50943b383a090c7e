package worker

// This file is what happens to a client in a process that lives on: it is closed and
// opened again, and what the process holds is read before and after. What a Close
// leaves behind can be seen nowhere else.

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"time"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/record"
)

// reopen closes the client of each member and makes a new one, with other topics where
// some are given.
func (w *worker) reopen(topics []string) error {
	set := w.job.Settings
	if topics != nil {
		set.Topics = topics
	}
	for i, old := range w.all() {
		ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
		err := old.close(ctx)
		cancel()
		if err != nil {
			return fmt.Errorf("%s: close consumer, to open it again: %w", w.job.Client, err)
		}
		h := old.successor()
		if err := h.start(w.driver, set); err != nil {
			return err
		}
		w.mu.Lock()
		w.members[i] = h
		w.mu.Unlock()
	}
	w.report.say(Report{Say: Reopened, At: record.Now()})
	return nil
}

// successor is the same member with no client yet: it counts on from where a handler
// that is closed has come to.
func (h *handler) successor() *handler {
	s := newHandler(h.s, h.member)
	h.mu.Lock()
	defer h.mu.Unlock()
	s.tenure, s.delivered, s.next = h.tenure, h.delivered, maps.Clone(h.next)
	return s
}

// How often goroutines are looked at for a reading, and how long is between: there are
// always some that are about to end, and the look with the fewest of them counts. So it is
// with connections.
const (
	looksPerReading = 3
	betweenLooks    = 100 * time.Millisecond
)

// read writes down what the process holds: the stacks of all goroutines, the
// connections that are open, and the heap that two collections leave, the first of
// which still spares what lies in a sync.Pool or has a finalizer.
func (w *worker) read(ctx context.Context, name string) error {
	s := w.s
	var fewest []byte
	goroutines, open := 0, s.tap.Open()
	for i := range looksPerReading {
		if i > 0 {
			if err := record.SleepUntil(ctx, record.Now()+int64(betweenLooks)); err != nil {
				return err
			}
		}
		stacks, err := dump("goroutine")
		if err != nil {
			return fmt.Errorf("stacks of all goroutines: %w", err)
		}
		if n := bytes.Count(stacks, []byte("\ngoroutine ")) + 1; goroutines == 0 || n < goroutines {
			fewest, goroutines = stacks, n
		}
		open = min(open, s.tap.Open())
	}
	ev := record.Event{K: record.EvReading, Phase: name, File: filepath.Join(results.ProfilesDir, "goroutines-"+name+".txt"), Open: open}
	if err := s.keep(ev.File, fewest); err != nil {
		return err
	}
	if pprof.Lookup(leakProfile) != nil {
		blocked, err := dump(leakProfile)
		if err != nil {
			return fmt.Errorf("profile %s: %w", leakProfile, err)
		}
		ev.Blocked = filepath.Join(results.ProfilesDir, "goroutineleak-"+name+".txt")
		if err := s.keep(ev.Blocked, blocked); err != nil {
			return err
		}
	}
	s.latency.Trim()
	runtime.GC()
	runtime.GC()
	r := s.runtime()
	r.Goroutines = int64(goroutines)
	ev.T, ev.Runtime = record.Now(), &r
	s.events.Write(ev)
	w.report.say(Report{Say: HasRead, At: ev.T})
	return nil
}

// leakProfile is there in programs that were built with GOEXPERIMENT=goroutineleakprofile,
// and perhaps in those of a later Go.
const leakProfile = "goroutineleak"

// dump is a profile as the stacks of all goroutines.
func dump(profile string) ([]byte, error) {
	var stacks bytes.Buffer
	err := pprof.Lookup(profile).WriteTo(&stacks, 2)
	return stacks.Bytes(), err
}

// keep writes a file below the directory of the worker.
func (s *session) keep(name string, data []byte) error {
	path := filepath.Join(s.job.Dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return results.WriteFile(path, data)
}
