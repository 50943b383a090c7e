package results_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kbench/kbench/results"
)

// over is a run that is over, with the files of one trial and a summary of them.
func over(t *testing.T) (dir string, d *results.Dir) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "run")
	ref := results.TrialRef{N: 1, Workload: "w", Arm: "a", Client: "a", Round: 1, Dir: "001-a-1"}
	run := &results.Run{ID: "20260101-030000-abcd", Started: "2026-01-01T03:00:00Z", State: results.StateRunning, Order: []results.TrialRef{ref}}
	d, err := results.Create(dir, run)
	if err != nil {
		t.Fatal(err)
	}
	trial := &results.Trial{Ref: ref, State: results.StateComplete, Workers: []results.Worker{{Name: "producer-0"}}}
	path, err := d.CreateTrial(trial)
	if err != nil {
		t.Fatal(err)
	}
	put(t, filepath.Join(path, results.MachineFile), "{}\n")
	put(t, filepath.Join(path, "producer-0", results.EventsFile), "{}\n")
	put(t, filepath.Join(path, "producer-0", results.ProfilesDir, "cpu.pb.gz"), "x")
	if trial.Files, err = d.Files(ref); err != nil {
		t.Fatal(err)
	}
	done := *run
	done.State = results.StateComplete
	if err := d.WriteTrial(trial); err != nil {
		t.Fatal(err)
	}
	if err := d.WriteRun(&done); err != nil {
		t.Fatal(err)
	}
	summed(t, d)
	d.Release()
	return dir, d
}

func put(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// summed writes the summary of what is there.
func summed(t *testing.T, d *results.Dir) {
	t.Helper()
	hash, err := d.InputsHash()
	if err != nil {
		t.Fatal(err)
	}
	data, err := results.EncodeJSON(&results.Summary{Schema: results.Schema, Run: d.Run().ID, Inputs: hash})
	if err != nil {
		t.Fatal(err)
	}
	put(t, filepath.Join(d.Path(), results.SummaryFile), string(data))
}

// files are all that is below a directory.
func files(t *testing.T, dir string) (all []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			name, _ := filepath.Rel(dir, path)
			all = append(all, name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestReduce(t *testing.T) {
	dir, _ := over(t)
	raw, err := results.Reduce(dir, "2026-02-01T00:00:00Z")
	if err != nil || len(raw.Files) != 4 || len(raw.Others) > 0 {
		t.Fatalf("%+v, %v", raw, err)
	}
	if got := files(t, dir); !slices.Equal(got, []string{results.RunFile, results.SummaryFile}) {
		t.Errorf("there is %q", got)
	}
	if _, err := os.Stat(filepath.Join(dir, results.TrialsDir)); err == nil {
		t.Error("an empty directory of trials is left")
	}
	d, err := results.Open(dir)
	if err != nil || d.Run().Reduced != "2026-02-01T00:00:00Z" {
		t.Errorf("%v, %+v", err, d.Run())
	}
	if raw, err := results.Reduce(dir, "2026-02-02T00:00:00Z"); err != nil || len(raw.Files) > 0 {
		t.Errorf("once more: %+v, %v", raw, err)
	}
}

// What is not the run's stays where it is, and what a link leads to.
func TestReduceLeavesOthers(t *testing.T) {
	dir, d := over(t)
	elsewhere := filepath.Join(t.TempDir(), "mine")
	put(t, filepath.Join(elsewhere, results.EventsFile), "mine")
	trial := filepath.Join(dir, results.TrialsDir, "001-a-1")
	put(t, filepath.Join(trial, "notes.txt"), "mine")
	put(t, filepath.Join(dir, "notes.txt"), "mine")
	put(t, filepath.Join(dir, results.TrialsDir, "mine", "notes.txt"), "mine")
	if err := os.Symlink(elsewhere, filepath.Join(trial, "consumer-0")); err != nil {
		t.Fatal(err)
	}
	grown := filepath.Join(trial, "producer-0", results.EventsFile)
	put(t, grown, "{}\n{}\n") // somebody wrote into it
	summed(t, d)
	raw, err := results.Reduce(dir, "2026-02-01T00:00:00Z")
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"trials/001-a-1/consumer-0", "trials/001-a-1/notes.txt", "trials/001-a-1/producer-0/events.jsonl", "trials/mine"}
	if slices.Sort(raw.Others); !slices.Equal(raw.Others, want) {
		t.Errorf("others are %q", raw.Others)
	}
	if got := strings.Join(files(t, dir), " "); got != "notes.txt run.json summary.json trials/001-a-1/consumer-0 trials/001-a-1/notes.txt trials/001-a-1/producer-0/events.jsonl trials/mine/notes.txt" {
		t.Errorf("there is %s", got)
	}
	if got := files(t, elsewhere); len(got) != 1 {
		t.Errorf("behind the link there is %q", got)
	}
}

// What may not be reduced, and why.
func TestReduceRefuses(t *testing.T) {
	f := func(spoil func(dir string, d *results.Dir), want string) {
		t.Helper()
		dir, d := over(t)
		spoil(dir, d)
		before := files(t, dir)
		_, err := results.Reduce(dir, "2026-02-01T00:00:00Z")
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
		if after := files(t, dir); !slices.Equal(before, after) {
			t.Errorf("%s: there was %q, and is %q", want, before, after)
		}
	}
	f(func(dir string, _ *results.Dir) { os.Remove(filepath.Join(dir, results.SummaryFile)) }, "it has no summary.json; kbench report makes it")
	f(func(dir string, _ *results.Dir) {
		put(t, filepath.Join(dir, results.TrialsDir, "001-a-1", results.MachineFile), "{")
	}, "is not that of its raw files")
	f(func(dir string, _ *results.Dir) {
		put(t, filepath.Join(dir, results.SummaryFile), `{"schema": 1, "run": "another"}`)
	}, "is of run another")
	f(func(_ string, d *results.Dir) {
		run := *d.Run()
		run.State = results.StateRunning
		if err := d.WriteRun(&run); err != nil {
			t.Fatal(err)
		}
	}, "it is not over")
	dir, _ := over(t)
	held, err := results.Reopen(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer held.Release()
	if _, err := results.Reduce(dir, "2026-02-01T00:00:00Z"); err == nil || !strings.Contains(err.Error(), "another run that is under way has it") {
		t.Errorf("of a run that is held: %v", err)
	}
}
