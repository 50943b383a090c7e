// Package capture takes the profiles of the process it runs in, over the time
// between Start and Stop. It decides nothing about when: a worker starts it when
// the measured part of a trial begins and stops it when that ends.
//
// What runs (CPU profile, trace) runs for that time. Counts that the runtime
// keeps since the start of the process (allocs, mutex, block) are read at both
// ends and subtracted. The others (heap, goroutine) are read at the end. A file
// gets its name only when it is whole, so that a crash leaves no half profile
// that looks like one.
package capture

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"runtime"
	"runtime/pprof"
	"runtime/trace"
	"slices"
	"time"

	"github.com/kbench/kbench/profiles"
)

// Rates at which contention is sampled: one in mutexFraction contended unlocks,
// and on average one event per blockRate ns that a goroutine was blocked. The
// profiles name them, because they decide what can be seen.
const (
	mutexFraction = 100
	blockRate     = 10_000
)

// Session is the profiling of one measured part. It is not safe for concurrent
// use.
type Session struct {
	dir     string
	kinds   []profiles.Kind
	labels  map[string]string
	started time.Time
	stopped bool

	// Profiles are kept as the runtime wrote them until all are taken: reading
	// them costs memory and time that would stand in the next.
	before map[profiles.Kind][]byte
	cpu    bytes.Buffer
	trace  *file

	undo []func() // ends what was started, last first
}

// Start begins to take profiles of the given kinds into dir, which is created.
// A trace carries the labels as log entries; profiles.Finish writes them into the others.
// The runtime takes one CPU profile and one trace at a time, so there is one
// Session in a process. Where Start fails nothing is left running.
func Start(dir string, kinds []profiles.Kind, labels map[string]string) (*Session, error) {
	for _, k := range kinds {
		if !slices.Contains(profiles.Kinds(), k) {
			return nil, fmt.Errorf("profile %q does not exist: take kinds from profiles.Parse", k)
		}
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("directory for profiles: %w", err)
	}
	s := &Session{
		dir:    dir,
		kinds:  slices.Clone(kinds),
		labels: maps.Clone(labels),
		before: map[profiles.Kind][]byte{},
	}
	if err := s.start(); err != nil {
		s.end()
		if s.trace != nil {
			s.trace.discard()
		}
		return nil, err
	}
	return s, nil
}

// start takes the first snapshots and starts what runs: the CPU profile last,
// so that it holds nothing of this.
func (s *Session) start() error {
	if s.has(profiles.Mutex) {
		s.undo = append(s.undo, mutexes.on())
	}
	if s.has(profiles.Block) {
		s.undo = append(s.undo, blocks.on())
	}
	if s.has(profiles.Allocs) {
		runtime.GC() // the runtime publishes allocations when a collection ends
	}
	for _, k := range s.kinds {
		if !k.IsDelta() {
			continue
		}
		raw, err := snapshot(k)
		if err != nil {
			return err
		}
		s.before[k] = raw
	}
	if s.has(profiles.Trace) {
		if err := s.startTrace(); err != nil {
			return err
		}
	}
	s.started = time.Now()
	if s.has(profiles.CPU) {
		if err := pprof.StartCPUProfile(&s.cpu); err != nil {
			return fmt.Errorf("cpu profile: %w", err)
		}
		s.undo = append(s.undo, pprof.StopCPUProfile)
	}
	return nil
}

// Stop ends the profiling and writes the files. It writes all that it can and
// returns every error. It is called once.
func (s *Session) Stop() error {
	if s.stopped {
		return errors.New("profiles were stopped already")
	}
	s.stopped = true
	took := time.Since(s.started)

	var errs []error
	after := map[profiles.Kind][]byte{}
	take := func(kinds ...profiles.Kind) {
		for _, k := range kinds {
			if !s.has(k) {
				continue
			}
			raw, err := snapshot(k)
			if err != nil {
				errs = append(errs, err)
				continue
			}
			after[k] = raw
		}
	}
	// Goroutines and contention first, while they are as the client left them.
	take(profiles.Goroutine, profiles.Mutex, profiles.Block)
	s.end()
	if s.has(profiles.CPU) {
		after[profiles.CPU] = s.cpu.Bytes()
	}
	if s.has(profiles.Heap) || s.has(profiles.Allocs) {
		runtime.GC()
	}
	take(profiles.Heap, profiles.Allocs)

	for _, k := range profiles.Kinds() {
		raw, ok := after[k]
		if !ok {
			continue
		}
		if err := s.write(k, raw, took); err != nil {
			errs = append(errs, fmt.Errorf("%s profile: %w", k, err))
		}
	}
	if s.trace != nil {
		if err := s.trace.commit(); err != nil {
			errs = append(errs, fmt.Errorf("trace: %w", err))
		}
	}
	return errors.Join(errs...)
}

// end undoes what start did.
func (s *Session) end() {
	for _, f := range slices.Backward(s.undo) {
		f()
	}
	s.undo = nil
}

func (s *Session) has(k profiles.Kind) bool { return slices.Contains(s.kinds, k) }

// startTrace writes the trace straight to its file, since it is too large to be
// held.
func (s *Session) startTrace() error {
	f, err := create(s.dir, profiles.Trace)
	if err != nil {
		return fmt.Errorf("trace: %w", err)
	}
	s.trace = f
	if err := trace.Start(f); err != nil {
		return fmt.Errorf("trace: %w", err)
	}
	s.undo = append(s.undo, trace.Stop)
	s.logLabels()
	return nil
}

// snapshot reads a profile from the runtime.
func snapshot(k profiles.Kind) ([]byte, error) {
	var b bytes.Buffer
	if err := pprof.Lookup(string(k)).WriteTo(&b, 0); err != nil {
		return nil, fmt.Errorf("%s profile: %w", k, err)
	}
	return b.Bytes(), nil
}
