package results

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Dir is an open run directory. It only knows where things are and how they
// are encoded; what they mean is the business of the packages below. It may be
// used by several goroutines as long as no two write the same file.
type Dir struct {
	path string
	run  *Run
	sums *sums    // of its files
	lock *os.File // of one that was created; nil where there is none
}

// Create makes the run directory dir, with its parents, and writes run.json
// into it. It refuses a directory that holds anything: two runs in one
// directory could never be told apart again. It is held until Release. A directory
// that it makes is for its owner alone: the logs of clients are in it, and what those
// write is theirs.
func Create(dir string, run *Run) (*Dir, error) {
	err := os.MkdirAll(filepath.Dir(dir), 0o755)
	if err == nil {
		err = os.MkdirAll(filepath.Join(dir, TrialsDir), 0o700)
	}
	if err != nil {
		return nil, fmt.Errorf("create run directory %s: %w; choose a directory that can be written with --out", dir, err)
	}
	lock, err := hold(dir, unix.LOCK_EX)
	if err != nil {
		return nil, fmt.Errorf("create run directory %s: %w; choose a new directory with --out", dir, err)
	}
	d := &Dir{path: dir, sums: &sums{}, lock: lock}
	if err := d.create(run); err != nil {
		d.Release()
		return nil, err
	}
	return d, nil
}

// create writes run.json into a directory that is held.
func (d *Dir) create(run *Run) error {
	dir := d.path
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("create run directory %s: %w", dir, err)
	}
	for _, e := range entries {
		if e.Name() == TrialsDir && isEmpty(filepath.Join(dir, TrialsDir)) {
			continue
		}
		return fmt.Errorf("create run directory %s: it is not empty (it holds %s); choose a new directory with --out", dir, e.Name())
	}
	if err := d.WriteRun(run); err != nil {
		return fmt.Errorf("create run directory %s: %w; choose a directory that can be written with --out", dir, err)
	}
	return nil
}

func isEmpty(dir string) bool {
	entries, err := os.ReadDir(dir)
	return err == nil && len(entries) == 0
}

// Open opens an existing run directory. A run written by a newer kbench is
// refused: reading it with half an understanding would print wrong numbers.
func Open(dir string) (*Dir, error) {
	var run Run
	_, err := readDocument(filepath.Join(dir, RunFile), &run)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("%s is not a run directory: it has no %s: %w", dir, RunFile, fs.ErrNotExist)
	case err != nil:
		return nil, fmt.Errorf("open run %s: %w", dir, err)
	case run.Schema > Schema:
		return nil, fmt.Errorf("open run %s: it has schema %d, this kbench reads up to %d; use a newer kbench", dir, run.Schema, Schema)
	case run.Schema < 1:
		return nil, fmt.Errorf("open run %s: %s has no schema, so it was not written by kbench", dir, RunFile)
	case run.ID == "":
		return nil, fmt.Errorf("open run %s: %w", dir, &Damage{RunFile, -1, "it is not that of a run: it has no id"})
	}
	return &Dir{path: dir, run: &run, sums: &sums{}}, nil
}

// Path is the directory itself.
func (d *Dir) Path() string { return d.path }

// Run is run.json as it was read or last written. The caller must not change it.
func (d *Dir) Run() *Run { return d.run }

// WriteRun replaces run.json.
func (d *Dir) WriteRun(run *Run) error {
	stamped := *run
	stamped.Schema, stamped.Held = Schema, d.lock != nil && run.State == StateRunning
	if err := writeDocument(filepath.Join(d.path, RunFile), &stamped); err != nil {
		return fmt.Errorf("write run: %w", err)
	}
	d.run = &stamped
	return nil
}

// TrialName is the name of the directory of a trial. Arms may contain
// characters that mean something in a path.
func TrialName(n int, arm string, round int) string {
	clean := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '-', r == '.', r == '_':
			return r
		default:
			return '-'
		}
	}, arm)
	return fmt.Sprintf("%03d-%s-%d", n, clean, round)
}

// TrialPath is the directory of a trial.
func (d *Dir) TrialPath(ref TrialRef) string {
	name := ref.Dir
	if name == "" {
		name = TrialName(ref.N, ref.Arm, ref.Round)
	}
	return filepath.Join(d.path, TrialsDir, filepath.Base(name))
}

// WorkerPath is the directory of a worker of a trial.
func (d *Dir) WorkerPath(ref TrialRef, worker string) string {
	return filepath.Join(d.TrialPath(ref), filepath.Base(worker))
}

// CreateTrial makes the directory of a trial that has not run yet and writes
// its trial.json.
func (d *Dir) CreateTrial(t *Trial) (string, error) {
	path := d.TrialPath(t.Ref)
	if err := os.Mkdir(path, 0o755); err != nil {
		return "", fmt.Errorf("create trial %d: %w", t.Ref.N, err)
	}
	if err := d.WriteTrial(t); err != nil {
		return "", err
	}
	return path, nil
}

// PutAside makes room for a trial that is to run again: what there is of it goes to a
// directory where it is kept and nobody reads it.
func (d *Dir) PutAside(ref TrialRef) error {
	from := d.TrialPath(ref)
	if _, err := os.Lstat(from); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	aside := filepath.Join(d.path, AsideDir)
	if err := os.MkdirAll(aside, 0o700); err != nil {
		return fmt.Errorf("put trial %d aside: %w", ref.N, err)
	}
	for n := 1; ; n++ {
		to := filepath.Join(aside, fmt.Sprintf("%s-%d", filepath.Base(from), n))
		if _, err := os.Lstat(to); errors.Is(err, fs.ErrNotExist) {
			if err := os.Rename(from, to); err != nil {
				return fmt.Errorf("put trial %d aside: %w", ref.N, err)
			}
			return nil
		}
	}
}

// WriteTrial replaces trial.json.
func (d *Dir) WriteTrial(t *Trial) error {
	stamped := *t
	stamped.Schema = Schema
	if err := writeDocument(filepath.Join(d.TrialPath(t.Ref), TrialFile), &stamped); err != nil {
		return fmt.Errorf("write trial %d: %w", t.Ref.N, err)
	}
	return nil
}

// ReadTrial reads the trial.json in the directory of one trial.
func ReadTrial(path string) (*Trial, error) {
	var t Trial
	sealed, err := readDocument(filepath.Join(path, TrialFile), &t)
	if err != nil {
		return nil, fmt.Errorf("read trial: %w", err)
	}
	if t.Files != nil && !sealed {
		return nil, fmt.Errorf("read trial: %w", &Damage{TrialFile, -1, "it was changed after it was written: it has lost its sum"})
	}
	if t.Schema > Schema {
		return nil, fmt.Errorf("read trial %s: it has schema %d, this kbench reads up to %d; use a newer kbench", path, t.Schema, Schema)
	}
	return &t, nil
}

// Trials reads every trial of the run, in the order in which they ran, without
// those of the harness, which belong to no arm. A trial whose trial.json is
// missing or is not as it was written is returned as a failed one that says so, and
// so is one that is not there although later ones are, or the run is complete:
// leaving it out would be a hole that nobody sees.
func (d *Dir) Trials() ([]*Trial, error) {
	entries, err := os.ReadDir(filepath.Join(d.path, TrialsDir))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("list trials: %w", err)
	}
	var trials []*Trial
	last := 0 // of those that are there
	there := map[string]bool{}
	for _, e := range entries {
		if !e.IsDir() || d.ofHarness(e.Name()) {
			continue
		}
		t, err := ReadTrial(filepath.Join(d.path, TrialsDir, e.Name()))
		ref := d.refOf(e.Name())
		if err == nil && ref.Dir != "" && (t.Ref.N != ref.N || t.Ref.Arm != ref.Arm) {
			err = &Damage{TrialFile, -1, "it is not of this trial"}
		}
		if err != nil {
			t = d.unknown(ref, err)
		}
		t.Ref.Dir, t.Ref.Repeated = e.Name(), ref.Repeated
		trials, last = append(trials, t), max(last, t.Ref.N)
		there[e.Name()] = true
	}
	for _, ref := range d.run.Order {
		if dir := filepath.Base(d.TrialPath(ref)); !there[dir] && (ref.N < last || d.run.State == StateComplete) {
			t := d.unknown(ref, &Damage{TrialsDir + "/" + dir, -1, "it is missing"})
			t.Ref.Dir = dir
			trials = append(trials, t)
		}
	}
	slices.SortStableFunc(trials, func(a, b *Trial) int { return a.Ref.N - b.Ref.N })
	return trials, nil
}

// unknown is a trial of which nothing can be read. What only a killed supervisor
// leaves behind is no damage.
func (d *Dir) unknown(ref TrialRef, why error) *Trial {
	t := &Trial{Ref: ref, State: StateFailed, Error: why.Error()}
	if errors.Is(why, fs.ErrNotExist) {
		why = &Damage{TrialFile, -1, "it is missing"}
		t.Error = TrialFile + " is missing: the run ended before it was written"
	}
	if d.run.State != StateRunning && !errors.As(why, &t.Damage) {
		t.Damage = &Damage{TrialFile, -1, why.Error()}
	}
	return t
}

// ofHarness reports whether a directory is that of a trial of the harness.
func (d *Dir) ofHarness(name string) bool {
	return slices.ContainsFunc(d.run.Harness, func(ref TrialRef) bool { return filepath.Base(d.TrialPath(ref)) == name })
}

// refOf finds what run.json knows about the trial in a directory, and falls
// back on what the directory's name says.
func (d *Dir) refOf(name string) TrialRef {
	for _, ref := range d.run.Order {
		if filepath.Base(d.TrialPath(ref)) == name {
			return ref
		}
	}
	number, _, _ := strings.Cut(name, "-")
	n, err := strconv.Atoi(number)
	if err != nil {
		n = len(d.run.Order)
	}
	return TrialRef{N: n, Arm: name}
}

// derived are the files that are rebuilt from the raw ones. The name is relative
// to the run directory, since what a worker wrote is raw whatever it is called.
func derived(name string) bool {
	if dir, file := filepath.Split(name); file == PausesFile || file == CausesFile || file == SplitFile {
		return filepath.Dir(filepath.Clean(dir)) == TrialsDir
	}
	return name == SummaryFile || name == BenchFile || name == "report.html"
}

// InputsHash identifies the raw files: it is the SHA-256 over the sorted names
// and the contents of everything in the directory that is not derived. Derived
// files carry it, so that one can be told from a stale one. Of a file that cannot be
// read the name alone counts.
func (d *Dir) InputsHash() (string, error) {
	all := sha256.New()
	err := filepath.WalkDir(d.path, func(path string, e fs.DirEntry, err error) error {
		name, rerr := filepath.Rel(d.path, path)
		if rerr != nil {
			return rerr
		}
		name = filepath.ToSlash(name)
		switch {
		case err != nil: // a directory that may not be read
			fmt.Fprintf(all, "%q unread\n", name)
			return nil
		case !e.Type().IsRegular() || derived(filepath.FromSlash(name)) || strings.HasSuffix(name, tmpSuffix):
			return nil
		}
		if s, err := d.sums.of(path, RawMost); err != nil {
			fmt.Fprintf(all, "%q unread\n", name)
		} else {
			fmt.Fprintf(all, "%q %x\n", name, s.sha256)
		}
		return nil
	})
	if err != nil {
		return "", fmt.Errorf("hash the raw files of %s: %w", d.path, err)
	}
	return "sha256:" + hex.EncodeToString(all.Sum(nil)), nil
}

// tmpSuffix marks a file that is being written; readers pass over it.
const tmpSuffix = ".tmp"

// WriteFile replaces a file of the run directory in one step: a reader, or a
// kill, sees the old contents or the new ones and never a part.
func WriteFile(path string, data []byte) error {
	tmp := path + tmpSuffix
	f, err := os.Create(tmp)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(tmp, path)
	}
	if err != nil {
		os.Remove(tmp)
	}
	return err
}

// EncodeJSON is how every JSON file of the directory looks: indented, with map
// keys sorted, no escaping of characters that only matter in HTML, and a
// newline at its end.
func EncodeJSON(v any) ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return buf.Bytes(), nil
}

func writeDocument(path string, v any) error {
	data, err := EncodeJSON(v)
	if err != nil {
		return fmt.Errorf("encode %s: %w", filepath.Base(path), err)
	}
	return WriteFile(path, seal(filepath.Base(path), data))
}
