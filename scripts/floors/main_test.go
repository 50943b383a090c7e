package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/floors"
	"github.com/kbench/kbench/results/record"
)

// recorded is a real run; testdata/README.md says how it was made.
const recorded = "testdata/run.tar.gz"

// changed is a copy of the recorded run with its trials changed.
func changed(t *testing.T, change func(*results.Trial)) string {
	t.Helper()
	path := t.TempDir()
	if err := unpack(recorded, path); err != nil {
		t.Fatal(err)
	}
	dir, err := results.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	trials, err := dir.Trials()
	if err != nil {
		t.Fatal(err)
	}
	for _, trial := range trials {
		change(trial)
		if err := dir.WriteTrial(trial); err != nil {
			t.Fatal(err)
		}
	}
	return path
}

// The law holds for what was recorded, and not for an interval of 1.3H.
func TestRecordedRunFollowsTheLaw(t *testing.T) {
	reports, err := floors.ReadRun(changed(t, func(*results.Trial) {}))
	if err != nil || len(reports) != 1 {
		t.Fatalf("%d reports, %v", len(reports), err)
	}
	r := reports[0]
	if len(r.Verdicts) != 2 || !r.Holds() {
		t.Errorf("the law does not hold: %+v", r.Verdicts)
	}
	for _, v := range r.Verdicts {
		if v.Survivors != 3 || v.Events < floors.Enough || v.Spread > 5e6 || v.AtH.P <= 0.01 || v.AtLonger.P >= 0.01 {
			t.Errorf("%+v", v)
		}
	}
	if r.Beat < 495e6 || r.Beat > 505e6 {
		t.Errorf("members beat every %.1f ms, want 500", r.Beat/1e6)
	}
}

// A run that is not what it says it is does not pass: the test can fail.
func TestWhatDoesNotFollowTheLaw(t *testing.T) {
	f := func(what string, change func(*results.Trial), want string) {
		t.Helper()
		var out, errOut bytes.Buffer
		code := run([]string{changed(t, change)}, &out, &errOut)
		if code != 1 || !strings.Contains(out.String()+errOut.String(), want) {
			t.Errorf("%s: exit %d\n%s%swant exit 1 and %q", what, code, &out, &errOut, want)
		}
	}
	heartbeat := func(h time.Duration) func(*results.Trial) {
		return func(t *results.Trial) { t.Spec.Group.Heartbeat = h }
	}
	f("heartbeats of 500 ms taken for such of 650 ms", heartbeat(650*time.Millisecond), "does not hold")
	f("and for such of 380 ms", heartbeat(380*time.Millisecond), "does not hold")
	// A change is looked for on the wire from its act on.
	f("acts noted too late", func(t *results.Trial) {
		for i := range t.Acts {
			t.Acts[i].At += int64(400 * time.Millisecond)
		}
	}, "no verdict")
	f("half of the acts", func(t *results.Trial) { t.Acts = t.Acts[:len(t.Acts)/2] }, "too few")
	f("a trial that failed", func(t *results.Trial) { t.State, t.Error = "failed", "the broker died" }, "the broker died")
	f("another protocol", func(t *results.Trial) { t.Spec.Group.Protocol = "consumer" }, "classic")
}

func TestCommand(t *testing.T) {
	f := func(want int, says string, args ...string) {
		t.Helper()
		var out, errOut bytes.Buffer
		if code := run(args, &out, &errOut); code != want || !strings.Contains(out.String()+errOut.String(), says) {
			t.Errorf("floors %q: exit %d\n%s%swant %d and %q", args, code, &out, &errOut, want, says)
		}
	}
	f(0, "holds", recorded)
	f(2, "the directory of one run")
	f(2, "the directory of one run", recorded, recorded)
	f(2, "not defined", "--cat", recorded)
	f(0, "-cut file", "--help")
	f(1, "is not a run directory", t.TempDir())
	f(1, "no such file", "gone.tar.gz")
}

// What is cut once more is the same, to the byte: nothing was left in it that is
// not read, and the archive depends on nothing else. The archive in testdata was
// cut by an earlier program; its bytes may differ, what it tells may not.
func TestCutAgain(t *testing.T) {
	dir := t.TempDir()
	once, twice := filepath.Join(dir, "once.tar.gz"), filepath.Join(dir, "twice.tar.gz")
	cut := func(from, to string) []byte {
		t.Helper()
		var out, errOut bytes.Buffer
		if code := run([]string{"--cut", to, from}, &out, &errOut); code != 0 {
			t.Fatalf("exit %d: %s", code, &errOut)
		}
		data, err := os.ReadFile(to)
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	a, b := cut(recorded, once), cut(once, twice)
	if !bytes.Equal(a, b) {
		t.Errorf("%d bytes, cut again %d, and not the same", len(a), len(b))
	}
	was, is := tells(t, recorded), tells(t, once)
	if !slices.Equal(was.files, is.files) {
		t.Errorf("the files were %q and are %q", was.files, is.files)
	}
	for file, events := range was.events {
		if len(events) == 0 || !reflect.DeepEqual(events, is.events[file]) {
			t.Errorf("%s: of %d events, some are gone or changed", file, len(events))
		}
	}
	if len(was.events) == 0 || !reflect.DeepEqual(was.reports, is.reports) {
		t.Errorf("events of %d members; the floors were %+v and are %+v", len(was.events), was.reports, is.reports)
	}
}

// told is what an archive tells, however it is written.
type told struct {
	files   []string
	events  map[string][]record.Event
	reports []*floors.Report
}

func tells(t *testing.T, archive string) told {
	t.Helper()
	path := t.TempDir()
	if err := unpack(archive, path); err != nil {
		t.Fatal(err)
	}
	out := told{events: map[string][]record.Event{}}
	err := fs.WalkDir(os.DirFS(path), ".", func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		out.files = append(out.files, name)
		if filepath.Base(name) != results.EventsFile {
			return nil
		}
		return record.ReadEvents(filepath.Join(path, name), func(ev record.Event) error {
			out.events[name] = append(out.events[name], ev)
			return nil
		})
	})
	if err == nil {
		out.reports, err = floors.ReadRun(path)
	}
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestNothingIsUnpackedElsewhere(t *testing.T) {
	var data bytes.Buffer
	z := gzip.NewWriter(&data)
	w := tar.NewWriter(z)
	if err := w.WriteHeader(&tar.Header{Name: "../out", Mode: 0o644}); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	archive := filepath.Join(dir, "a.tar.gz")
	if err := os.WriteFile(archive, data.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := unpack(archive, filepath.Join(dir, "in")); err == nil || !strings.Contains(err.Error(), "leads out of it") {
		t.Errorf("error is %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "out")); err == nil {
		t.Error("a file was written beside the directory")
	}
}
