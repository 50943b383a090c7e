package profiles

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/google/pprof/profile"

	"github.com/kbench/kbench/internal/regular"
)

// mostProfile is how long a file of a profile may be.
const mostProfile = 256 << 20

// Names of slices: the measured part of a trial, and all that there is.
const (
	Measured = "measured"
	All      = "all"
)

// Finish makes what a worker left in its directory of profiles ready for others: the
// CPU profile of the measured part from its raw samples, and the labels in every
// profile. What was not written to its end is removed. A worker that was killed need
// not have known of it. Where no part was measured, which the zero Window says, it is
// all that was sampled. Without a directory there is nothing to be done.
//
// Labels are of the process as a whole, and written now: pprof.Do would miss what a
// client starts on its own, and cost the client under test.
func Finish(dir string, measured Window, labels map[string]string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return fmt.Errorf("profiles: %w", err)
	}
	var errs []error
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		switch {
		case strings.HasSuffix(path, halfSuffix):
			err = os.Remove(path)
		case e.Name() == RawFile:
			err = finishRaw(path, measured, labels)
		case strings.HasSuffix(path, ".pb.gz"):
			err = finishProfile(path, labels)
		default:
			err = nil // a trace
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("profiles: %w", err))
		}
	}
	return errors.Join(errs...)
}

// finishRaw writes the CPU profile beside its raw samples.
func finishRaw(path string, measured Window, labels map[string]string) error {
	raw, err := ReadRaw(path)
	if err != nil {
		return err
	}
	name := Measured
	if measured == (Window{}) {
		name, measured = All, Window{raw.Start, raw.Until() + 1}
	}
	s, err := Build(name, Cut{raw, labels, []Window{measured}})
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return Save(s.Profile, filepath.Join(filepath.Dir(path), CPU.FileName()))
}

// finishProfile writes labels into a profile, once.
func finishProfile(path string, labels map[string]string) error {
	data, err := regular.Read(path, mostProfile)
	if err != nil {
		return err
	}
	p, err := profile.ParseData(data)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	Label(p, labels)
	return Save(p, path)
}

// Label gives labels to every sample of a profile, and to the profile as comments.
func Label(p *profile.Profile, labels map[string]string) {
	for k, v := range labels {
		p.SetLabel(k, []string{v})
	}
	p.Comments = append(comments(labels), p.Comments...)
}

// comments are labels as they stand in the comments of a profile.
func comments(labels map[string]string) []string {
	var out []string
	for _, k := range slices.Sorted(maps.Keys(labels)) {
		out = append(out, k+"="+labels[k])
	}
	return out
}

// halfSuffix marks a file that is being written.
const halfSuffix = ".tmp"

// Save writes a profile to a file, which is there when it is whole.
func Save(p *profile.Profile, path string) error {
	f, err := os.Create(path + halfSuffix)
	if err != nil {
		return fmt.Errorf("write a profile: %w", err)
	}
	err = errors.Join(p.Write(f), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		os.Remove(f.Name())
		return fmt.Errorf("write a profile: %w", err)
	}
	return nil
}
