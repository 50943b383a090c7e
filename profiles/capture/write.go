package capture

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime/trace"
	"slices"
	"time"

	"github.com/google/pprof/profile"

	"github.com/kbench/kbench/profiles"
)

// write turns what the runtime wrote at the end into the file of a profile.
func (s *Session) write(k profiles.Kind, raw []byte, took time.Duration) error {
	p, err := profile.ParseData(raw)
	if err != nil {
		return err
	}
	if k.IsDelta() {
		before, err := profile.ParseData(s.before[k])
		if err != nil {
			return fmt.Errorf("at the start: %w", err)
		}
		if p, err = since(before, p); err != nil {
			return err
		}
		p.TimeNanos = s.started.UnixNano()
		p.DurationNanos = took.Nanoseconds()
	}
	if k == profiles.Allocs {
		onlyAllocated(p)
		p = p.Compact() // stacks that allocated nothing meanwhile are left out
	}
	switch k {
	case profiles.CPU:
		p.Comments = append(p.Comments, "its samples have no times: no part of it can be cut out")
	case profiles.Mutex:
		p.Comments = append(p.Comments, fmt.Sprintf("mutex profile fraction %d", mutexFraction))
	case profiles.Block:
		p.Comments = append(p.Comments, fmt.Sprintf("block profile rate %d ns", blockRate))
	}
	return profiles.Save(p, filepath.Join(s.dir, k.FileName()))
}

// since returns what was added to a profile between two snapshots.
func since(before, after *profile.Profile) (*profile.Profile, error) {
	before.Scale(-1)
	p, err := profile.Merge([]*profile.Profile{before, after})
	if err != nil {
		return nil, fmt.Errorf("difference to the start: %w", err)
	}
	return p, nil
}

// onlyAllocated removes what is in use from a profile of allocations. Between
// two snapshots it is a change of either sign, and heap is the profile for it.
func onlyAllocated(p *profile.Profile) {
	const allocated = 2 // alloc_objects and alloc_space come first
	p.SampleType = p.SampleType[:allocated]
	for _, s := range p.Sample {
		s.Value = s.Value[:allocated]
	}
}

// logLabels writes the labels into the trace that runs.
func (s *Session) logLabels() {
	for _, name := range slices.Sorted(maps.Keys(s.labels)) {
		trace.Log(context.Background(), name, s.labels[name])
	}
}

// file is a file that gets its name when it is whole.
type file struct {
	*os.File
	name string
}

func create(dir string, k profiles.Kind) (*file, error) {
	name := filepath.Join(dir, k.FileName())
	f, err := os.Create(name + ".tmp")
	if err != nil {
		return nil, err
	}
	return &file{f, name}, nil
}

// commit closes the file and gives it its name.
func (f *file) commit() error {
	if err := f.Close(); err != nil {
		os.Remove(f.File.Name())
		return err
	}
	return os.Rename(f.File.Name(), f.name)
}

// discard closes and removes the file.
func (f *file) discard() {
	f.Close()
	os.Remove(f.File.Name())
}
