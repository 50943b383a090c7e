package results

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
)

// Raw is what a run has beside its documents: the files that it wrote, and what somebody
// else put among them, which nobody removes.
type Raw struct {
	Files  []string // below the run directory, with slashes
	Bytes  int64
	Others []string
	dirs   []string
}

// Raw finds the raw files of a run that is over. A file is the run's where trial.json lists
// it with the size that it has; where an old or a killed run has no list, by its name.
// Links are followed nowhere.
func (d *Dir) Raw() (*Raw, error) {
	root, err := os.OpenRoot(d.path)
	if err != nil {
		return nil, fmt.Errorf("list the raw files of %s: %w", d.path, err)
	}
	defer root.Close()
	raw := &Raw{}
	for _, top := range []string{TrialsDir, AsideDir} {
		if info, err := root.Lstat(top); err != nil || !info.IsDir() {
			continue
		}
		raw.dirs = append(raw.dirs, top)
		trials, err := fs.ReadDir(root.FS(), top)
		if err != nil {
			return nil, fmt.Errorf("list the raw files of %s: %w", d.path, err)
		}
		for _, e := range trials {
			if !e.IsDir() {
				raw.Others = append(raw.Others, path.Join(top, e.Name()))
				continue
			}
			if err := raw.trial(root.FS(), d.path, path.Join(top, e.Name())); err != nil {
				return nil, fmt.Errorf("list the raw files of %s: %w", d.path, err)
			}
		}
	}
	return raw, nil
}

// trial adds the files of one trial. What is no trial is not looked into.
func (r *Raw) trial(fsys fs.FS, run, dir string) error {
	t, err := ReadTrial(path.Join(run, dir))
	if err != nil {
		r.Others = append(r.Others, dir)
		return nil
	}
	bytes := map[string]int64{}
	for _, f := range t.Files {
		bytes[f.Name] = f.Bytes
	}
	return fs.WalkDir(fsys, dir, func(name string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if e.IsDir() {
			r.dirs = append(r.dirs, name)
			return nil
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		below := strings.TrimPrefix(name, dir+"/")
		size, listed := bytes[below]
		ours := listed && size == info.Size() || below == TrialFile || below == PausesFile || below == CausesFile || below == SplitFile
		if t.Files == nil {
			ours = ours || rawName(t, below)
		}
		if !ours || !e.Type().IsRegular() {
			r.Others = append(r.Others, name)
			return nil
		}
		r.Files, r.Bytes = append(r.Files, name), r.Bytes+info.Size()
		return nil
	})
}

// rawName says whether a trial writes a file of the name.
func rawName(t *Trial, name string) bool {
	worker, file, below := strings.Cut(name, "/")
	switch {
	case !below:
		return name == SupervisorFile || name == MachineFile
	case !slices.ContainsFunc(t.Workers, func(w Worker) bool { return w.Name == worker }):
		return false
	}
	return file == LatencyFile || file == DeliveryFile || file == EventsFile || file == ClientLogFile || path.Dir(file) == ProfilesDir
}

// Reduce removes the raw files of a run, and keeps its documents: run.json, which says at
// when, summary.json and bench.txt. It holds the directory meanwhile, and says first that
// the raw files are gone, so that nobody makes a summary of the rest. Where it was ended
// halfway, it goes on when it is asked again.
func Reduce(dir, at string) (*Raw, error) {
	d, err := Reopen(dir)
	if err != nil {
		return nil, err
	}
	defer d.Release()
	switch why, err := d.Whole(); {
	case err != nil:
		return nil, err
	case why != "":
		return nil, errors.New(why)
	}
	raw, err := d.Raw()
	if err != nil {
		return nil, err
	}
	if d.run.Reduced == "" {
		run := *d.run
		run.Reduced = at
		if err := d.WriteRun(&run); err != nil {
			return nil, err
		}
	}
	root, err := os.OpenRoot(d.path)
	if err != nil {
		return nil, fmt.Errorf("remove the raw files of %s: %w", dir, err)
	}
	defer root.Close()
	for _, name := range raw.Files {
		if err := root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("remove the raw files of %s: %w", dir, err)
		}
	}
	for _, name := range slices.Backward(raw.dirs) {
		_ = root.Remove(name) // it stays where something else is in it
	}
	return raw, nil
}

// Whole says why a run may not be reduced to its summary; empty where it may: it is over,
// and its summary is that of the raw files which are there.
func (d *Dir) Whole() (string, error) {
	if d.run.State == StateRunning {
		return "it is not over", nil
	}
	s, err := d.Summary()
	if errors.Is(err, fs.ErrNotExist) {
		return "it has no " + SummaryFile + "; kbench report makes it", nil
	}
	switch {
	case err != nil:
		return "", err
	case s.Run != d.run.ID:
		return "its " + SummaryFile + " is of run " + s.Run, nil
	case d.run.Reduced != "":
		return "", nil // it was begun
	}
	hash, err := d.InputsHash()
	if err == nil && hash != s.Inputs {
		return "its " + SummaryFile + " is not that of its raw files; kbench report makes it anew", nil
	}
	return "", err
}
