package text_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/kbench/kbench/internal/regular"
	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/report"
	"github.com/kbench/kbench/results/report/text"
	"github.com/kbench/kbench/results/summary"
)

// How long run directories are damaged: a number of rounds, or a time.
const damageEnv = "KBENCH_DAMAGE"

// Bounds of a round. No figure depends on them: they tell what hangs, and what takes
// memory without end, from what does not.
const (
	roundTime  = 2 * time.Minute
	roundBytes = 4 << 30 // allocated in all, of which little is held at a time
)

// TestDamagedRuns damages recorded run directories, one of them with churn, in every
// way that a disk, a copy or a hand may, and shows them. None may crash it, hang it or
// take memory without end. Of a round in two the list of files stays what it was: what
// is shown then without an error is what was shown of the undamaged. In the others the
// files are hashed anew, or there is no list as in old run directories, so that the
// bounds of the readers are tried: figures may differ there.
func TestDamagedRuns(t *testing.T) {
	rounds, until := damageFor(t)
	var sources []source
	for _, name := range []string{"churn", "produce"} {
		sources = append(sources, record(t, name))
	}
	for n := 0; n < rounds && time.Now().Before(until); n++ {
		s := sources[n%len(sources)]
		rng := rand.New(rand.NewPCG(uint64(n), 1))
		dir := filepath.Join(t.TempDir(), "r")
		if err := os.CopyFS(dir, os.DirFS(s.dir)); err != nil {
			t.Fatal(err)
		}
		var done []string
		for range 1 + rng.IntN(3) {
			done = append(done, harm(t, rng, dir))
		}
		hashed := "as listed"
		if n/len(sources)%2 == 1 {
			hashed = hashAnew(dir, rng.IntN(3) == 0)
		}
		got, err := shownInTime(t, dir, n, done)
		switch {
		case err == nil && hashed == "as listed" && !got.equal(s.shown):
			t.Errorf("round %d, %s: %q: it differs from the undamaged, and nobody says so:\n%s", n, hashed, done, got.diff(s.shown))
		case hashed == "as listed" && !got.within(s.shown):
			t.Errorf("round %d, %s: %q: a figure differs: %v", n, hashed, done, err)
		}
		if err := os.RemoveAll(filepath.Dir(dir)); err != nil {
			t.Fatal(err)
		}
		if t.Failed() {
			return
		}
	}
}

// damageFor is how many rounds there are, and until when.
func damageFor(t *testing.T) (rounds int, until time.Time) {
	t.Helper()
	const always = 1 << 30
	far := time.Now().Add(24 * time.Hour)
	switch v := os.Getenv(damageEnv); {
	case v == "":
		return 60, far
	default:
		if n, err := strconv.Atoi(v); err == nil {
			return n, far
		}
		d, err := time.ParseDuration(v)
		if err != nil {
			t.Fatalf("%s=%s: neither a number of rounds nor a time", damageEnv, v)
		}
		return always, time.Now().Add(d)
	}
}

// source is an undamaged run directory and what is shown of it.
type source struct {
	dir string
	shown
}

// record unpacks a run directory and lists the files of its trials.
func record(t *testing.T, name string) source {
	t.Helper()
	f, err := os.Open(filepath.Join("testdata", "damage", "runs.tar.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	root := t.TempDir()
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(root, filepath.FromSlash(h.Name))
		if h.Typeflag == tar.TypeDir {
			err = os.MkdirAll(path, 0o755)
		} else {
			data, rerr := io.ReadAll(r)
			err = errors.Join(rerr, os.WriteFile(path, data, 0o644))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	s := source{dir: filepath.Join(root, name)}
	d, err := results.Open(s.dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.WriteRun(d.Run()); err != nil { // which gives it a sum
		t.Fatal(err)
	}
	hashAnew(s.dir, false)
	if s.shown, err = show(s.dir); err != nil || len(s.rows) < 20 {
		t.Fatalf("the undamaged run has %d rows, %v", len(s.rows), err)
	}
	return s
}

// hashAnew lists the files of all trials as they are now, or takes the lists away.
func hashAnew(dir string, away bool) string {
	d, err := results.Open(dir)
	if err != nil {
		var run results.Run
		reseal(filepath.Join(dir, results.RunFile), &run, func() error {
			fresh, err := results.Create(filepath.Join(filepath.Dir(dir), "fresh"), &run)
			if err != nil {
				return err
			}
			return os.Rename(filepath.Join(fresh.Path(), results.RunFile), filepath.Join(dir, results.RunFile))
		})
		if d, err = results.Open(dir); err != nil {
			return "not hashed"
		}
	}
	entries, _ := os.ReadDir(filepath.Join(dir, results.TrialsDir))
	for _, e := range entries {
		var trial results.Trial
		reseal(filepath.Join(dir, results.TrialsDir, e.Name(), results.TrialFile), &trial, func() error {
			trial.Ref.Dir, trial.Files = e.Name(), nil
			if !away {
				trial.Files, err = d.Files(trial.Ref)
			}
			return errors.Join(err, d.WriteTrial(&trial))
		})
	}
	return "hashed anew"
}

// reseal reads a document whatever its sum, and writes it with one that fits.
func reseal(path string, v any, write func() error) {
	data, err := regular.Read(path, 1<<22)
	if err != nil || json.Unmarshal(data, v) != nil {
		return
	}
	_ = write()
}

// harm does one thing to a run directory, and says what.
func harm(t *testing.T, rng *rand.Rand, dir string) string {
	t.Helper()
	var all []string
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err == nil && path != dir {
			all = append(all, path)
		}
		return err
	})
	if err != nil || len(all) == 0 {
		t.Fatalf("%d files, %v", len(all), err)
	}
	path := all[rng.IntN(len(all))]
	if rng.IntN(3) > 0 { // mostly where figures come from
		for range 20 {
			if path = all[rng.IntN(len(all))]; strings.HasSuffix(path, ".bin") || strings.Contains(path, ".json") {
				break
			}
		}
	}
	name, _ := filepath.Rel(dir, path)
	info, err := os.Stat(path)
	if err != nil {
		return name + ": nothing"
	}
	instead := func(make func() error) error { return errors.Join(os.RemoveAll(path), make()) }
	what := ""
	switch kind := rng.IntN(20); {
	case kind == 0:
		what, err = "removed", os.RemoveAll(path)
	case kind == 1:
		what, err = "a pipe", instead(func() error { return syscall.Mkfifo(path, 0o644) })
	case kind == 2:
		what, err = "a device", instead(func() error { return os.Symlink("/dev/zero", path) })
	case kind == 3 && info.Mode().IsRegular():
		what, err = "a giant", os.Truncate(path, 1<<40)
	case kind == 4:
		what, err = "a link to itself", instead(func() error { return os.Symlink(path, path) })
	case kind == 5 && info.Mode().IsRegular():
		at := rng.Int64N(info.Size() + 1)
		what, err = fmt.Sprintf("cut at %d", at), os.Truncate(path, at)
	case kind == 6 && info.Mode().IsRegular():
		if data, rerr := regular.Read(all[rng.IntN(len(all))], 1<<22); rerr == nil {
			what, err = "another file's contents", os.WriteFile(path, data, 0o644)
		}
	case info.Mode().IsRegular() && info.Size() > 0 && info.Size() < 1<<24:
		what, err = scribble(rng, path)
	}
	if err != nil {
		t.Fatalf("%s: %s: %v", name, what, err)
	}
	return name + ": " + what
}

// scribble changes some bytes of a file.
func scribble(rng *rand.Rand, path string) (string, error) {
	data, err := os.ReadFile(path)
	if err != nil || len(data) == 0 {
		return "nothing", err
	}
	at := rng.IntN(len(data))
	if used := bytes.TrimRight(data, "\x00"); len(used) > 0 {
		at = rng.IntN(len(used))
	}
	what := ""
	switch rng.IntN(5) {
	case 0, 1:
		bit := rng.IntN(8)
		data[at] ^= 1 << bit
		what = fmt.Sprintf("bit %d of byte %d", bit, at)
	case 2: // a digit, in what is text
		digits := []byte("0123456789-.eE")
		if i := bytes.IndexAny(data[at:], "0123456789"); i >= 0 {
			at += i
		}
		data[at] = digits[rng.IntN(len(digits))]
		what = fmt.Sprintf("%q for byte %d", data[at], at)
	case 3: // a number of 8 bytes
		at -= at % 8
		value := []uint64{0, 1 << 62, 1<<63 - 1, 1 << 63, 1<<64 - 1, 1 << 40, rng.Uint64()}[rng.IntN(7)]
		for i := range min(8, len(data)-at) {
			data[at+i] = byte(value >> (8 * i))
		}
		what = fmt.Sprintf("%d at byte %d", value, at)
	default: // a long number, in what is text
		long := []string{"9223372036854775807", "-9223372036854775808", "4611686018427387904", "1e300", "1099511627776"}[rng.IntN(5)]
		if i := bytes.IndexAny(data[at:], "0123456789"); i >= 0 {
			at += i
		}
		end := at
		for end < len(data) && strings.IndexByte("0123456789", data[end]) >= 0 {
			end++
		}
		data = slices.Concat(data[:at], []byte(long), data[end:])
		what = fmt.Sprintf("%s at byte %d", long, at)
	}
	return what, os.WriteFile(path, data, 0o644)
}

// shown is what is shown of a run: its rows, and its events as they are drawn.
type shown struct {
	rows   []results.Row
	events []string
}

func (s shown) equal(o shown) bool {
	return slices.Equal(s.rows, o.rows) && slices.Equal(s.events, o.events)
}

// within says whether all of it is shown of the other too.
func (s shown) within(o shown) bool {
	return !slices.ContainsFunc(s.rows, func(r results.Row) bool { return !slices.Contains(o.rows, r) }) &&
		!slices.ContainsFunc(s.events, func(e string) bool { return !slices.Contains(o.events, e) })
}

func (s shown) diff(o shown) string {
	return fmt.Sprintf("%d rows for %d, %d events for %d", len(s.rows), len(o.rows), len(s.events), len(o.events))
}

// shownInTime is show within the bounds of a round.
func shownInTime(t *testing.T, dir string, n int, done []string) (shown, error) {
	t.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	type outcome struct {
		shown
		err error
	}
	ended := make(chan outcome, 1)
	go func() {
		defer func() {
			if p := recover(); p != nil {
				buf := make([]byte, 16<<10)
				panic(fmt.Sprintf("round %d, %q: %v\n%s", n, done, p, buf[:runtime.Stack(buf, false)]))
			}
		}()
		s, err := show(dir)
		ended <- outcome{s, err}
	}()
	select {
	case o := <-ended:
		runtime.ReadMemStats(&after)
		if all := after.TotalAlloc - before.TotalAlloc; all > roundBytes {
			t.Errorf("round %d, %q: it allocated %d bytes", n, done, all)
		}
		return o.shown, o.err
	case <-time.After(roundTime):
		buf := make([]byte, 1<<20)
		t.Fatalf("round %d, %q: it hangs\n%s", n, done, buf[:runtime.Stack(buf, true)])
		return shown{}, nil
	}
}

// show does what report does. Its error says that something is damaged.
func show(dir string) (shown, error) {
	d, err := results.Open(dir)
	if err != nil {
		return shown{}, err
	}
	s, err := summary.Write(d)
	if err != nil {
		return shown{}, err
	}
	trials, err := d.Trials()
	if err != nil {
		return shown{}, err
	}
	var wrong []error
	for _, w := range s.Warnings {
		if w.Kind == results.KindDamaged || w.Kind == results.KindBrokenSum {
			wrong = append(wrong, errors.New(w.String()))
		}
	}
	if err := text.Write(io.Discard, report.Build(d.Run(), trials, s), text.Options{}); err != nil {
		return shown{}, err
	}
	out := shown{rows: s.Rows}
	events, err := report.Closeups(d, trials)
	for i := range events {
		var b strings.Builder
		if err := text.Closeup(&b, &events[i], text.Options{}); err != nil {
			return shown{}, err
		}
		out.events = append(out.events, b.String())
	}
	return out, errors.Join(append(wrong, err)...)
}
