package results_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/kbench/kbench/results"
)

// finished makes a run with one trial that is over, and its list of raw files.
func finished(t *testing.T) (*results.Dir, *results.Trial) {
	t.Helper()
	trial := &results.Trial{Ref: results.TrialRef{N: 1, Dir: "001-a-1", Arm: "a", Round: 1}, State: results.StateComplete, ClockEvery: 64}
	d := create(t, &results.Run{ID: "r1", State: results.StateComplete, Order: []results.TrialRef{trial.Ref}})
	dir, err := d.CreateTrial(trial)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "consumer-0"), 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "consumer-0", results.EventsFile), "events\n")
	write(t, filepath.Join(dir, results.MachineFile), "samples\n")
	write(t, filepath.Join(dir, results.PausesFile), "derived")
	if trial.Files, err = d.Files(trial.Ref); err != nil {
		t.Fatal(err)
	}
	if err := d.WriteTrial(trial); err != nil {
		t.Fatal(err)
	}
	return d, trial
}

func TestFilesOfATrial(t *testing.T) {
	f := func(damage func(path string) error, want string, offset int64) {
		t.Helper()
		d, trial := finished(t)
		if len(trial.Files) != 2 || trial.Files[0].Name != "consumer-0/events.jsonl" || trial.Files[0].Bytes != 7 || trial.Files[1].Name != "machine.jsonl" {
			t.Fatalf("the list is %+v", trial.Files)
		}
		if err := damage(filepath.Join(d.TrialPath(trial.Ref), filepath.FromSlash(trial.Files[0].Name))); err != nil {
			t.Fatal(err)
		}
		got := d.Check(trial.Ref, trial.Files[0])
		switch {
		case want == "":
			if got != nil {
				t.Errorf("got %v of a file as it was written", got)
			}
		case got == nil || !strings.Contains(got.Error(), want) || got.Offset != offset || got.Worker() != "consumer-0":
			t.Errorf("got %v, want it to say %q at %d", got, want, offset)
		}
		if d.Check(trial.Ref, trial.Files[1]) != nil {
			t.Error("the other file is damaged too")
		}
	}
	with := func(make func(path string) error) func(string) error {
		return func(path string) error { return errors.Join(os.Remove(path), make(path)) }
	}
	f(func(string) error { return nil }, "", -1)
	f(os.Remove, "missing", -1)
	f(func(path string) error { return os.Truncate(path, 3) }, "cut off: 7 bytes", 3)
	f(func(path string) error { return os.Truncate(path, 1<<40) }, "goes on for", 7)
	f(func(path string) error { return os.WriteFile(path, []byte("evenly\n"), 0o644) }, "not what was written", -1)
	f(with(func(path string) error { return syscall.Mkfifo(path, 0o644) }), "it is a pipe", -1)
	f(with(func(path string) error { return os.Symlink("/dev/zero", path) }), "a device", -1)
	f(with(func(path string) error { return os.Mkdir(path, 0o755) }), "a directory", -1)
}

// A digit that has changed in a document is seen, and a document that cannot be read is
// named.
func TestDocuments(t *testing.T) {
	f := func(name, from, to string) {
		t.Helper()
		d, trial := finished(t)
		path := filepath.Join(d.Path(), name)
		data, err := os.ReadFile(path)
		if err != nil || !bytes.Contains(data, []byte(from)) {
			t.Fatalf("%q is not in %s, %v", from, data, err)
		}
		write(t, path, strings.Replace(string(data), from, to, 1))
		var damage *results.Damage
		if name == results.RunFile {
			if _, err := results.Open(d.Path()); !errors.As(err, &damage) {
				t.Errorf("%s for %s: got %v", to, from, err)
			}
			return
		}
		trials, err := d.Trials()
		if err != nil || len(trials) != 1 || trials[0].Damage == nil || trials[0].Ref != trial.Ref {
			t.Errorf("%s for %s: got %+v, %v", to, from, trials, err)
		}
	}
	inTrial := filepath.Join(results.TrialsDir, "001-a-1", results.TrialFile)
	f(inTrial, `"clock_every": 64`, `"clock_every": 65`)
	f(inTrial, `"sum": "sha256:`, `"sun": "sha256:`)
	f(inTrial, `"sum": "sha256:`, `"sum": "sha256:0`)
	f(inTrial, `{`, ``)
	f(results.RunFile, `"state": "complete"`, `"state": "failed"`)
	f(results.RunFile, `{`, ``)
}

// A trial of which nothing is left is no hole that nobody sees.
func TestMissingTrials(t *testing.T) {
	f := func(state results.State, want ...int) {
		t.Helper()
		var order []results.TrialRef
		for n := 1; n <= 3; n++ {
			order = append(order, results.TrialRef{N: n, Dir: results.TrialName(n, "a", 1), Arm: "a", Round: 1})
		}
		d := create(t, &results.Run{State: state, Order: order})
		if _, err := d.CreateTrial(&results.Trial{Ref: order[1], State: results.StateComplete}); err != nil {
			t.Fatal(err)
		}
		trials, err := d.Trials()
		if err != nil {
			t.Fatal(err)
		}
		var missing []int
		for _, tr := range trials {
			if tr.Damage != nil {
				missing = append(missing, tr.Ref.N)
			}
		}
		if len(missing) != len(want) || len(trials) != 1+len(want) {
			t.Fatalf("%s: %d trials, missing %v, want %v", state, len(trials), missing, want)
		}
	}
	f(results.StateComplete, 1, 3)
	f(results.StateInterrupted, 1)
}
