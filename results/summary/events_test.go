package summary

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/kbench/kbench/internal/golden"
	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/window"
)

func TestPausesShape(t *testing.T) {
	f := func(name string, trial int) {
		t.Helper()
		var e window.Event
		data, err := os.ReadFile("testdata/event-" + name + ".json")
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(data, &e); err != nil {
			t.Fatal(err)
		}
		r := &window.Report{Events: []window.Event{e}, Partitions: len(e.Partitions), Availability: 0.5,
			StormsSought: true, Recoveries: 1, Recovery: 9, Storms: []window.Storm{{Interval: window.Interval{From: 1, To: 2}, Severity: 0.25, Why: "3 generations without an act"}}}
		data, err = results.EncodeJSON(pausesOf(&results.Trial{Ref: results.TrialRef{N: trial}}, r))
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(data, []byte("null")) {
			t.Errorf("%s has a null", name)
		}
		golden.Check(t, "testdata/pauses-"+name+".json", data)
	}
	f("join", 2)
	f("stall", 12)
}

// pauses.json is written for completed trials with churn, the same bytes each
// time, is no input, and does not outlive what it was made from.
func TestWritePauses(t *testing.T) {
	d, err := results.Create(filepath.Join(t.TempDir(), "r"), &results.Run{ID: "r"})
	if err != nil {
		t.Fatal(err)
	}
	acts := []results.Act{{N: 1, Kind: "join", Counted: true, Member: "consumer-3", At: 5e9}}
	phases := []results.Phase{{Name: "measure", From: 1e9, To: 20e9}}
	trials := []*results.Trial{
		{Ref: results.TrialRef{N: 1, Arm: "a", Round: 1}, State: results.StateComplete, Acts: acts, Phases: phases},
		{Ref: results.TrialRef{N: 2, Arm: "a", Round: 2}, State: results.StateComplete, Phases: phases},
		{Ref: results.TrialRef{N: 3, Arm: "a", Round: 3}, State: results.StateFailed, Acts: acts, Phases: phases},
	}
	path := func(i int) string { return filepath.Join(d.TrialPath(trials[i].Ref), results.PausesFile) }
	for _, tr := range trials {
		if _, err := d.CreateTrial(tr); err != nil {
			t.Fatal(err)
		}
	}
	before, err := d.InputsHash()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path(2), []byte("stale"), 0o644); err != nil {
		t.Fatal(err)
	}
	var first []byte
	for range 2 {
		if _, err := Write(d); err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(path(0))
		if err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = data
		}
		if !bytes.Equal(first, data) || !bytes.Contains(data, []byte(`"name": "join#1"`)) {
			t.Errorf("it is not the same again, or has no event:\n%s", data)
		}
	}
	for i := range trials[1:] {
		if _, err := os.Stat(path(i + 1)); !os.IsNotExist(err) {
			t.Errorf("trial %d has a %s: %v", i+2, results.PausesFile, err)
		}
	}
	if after, err := d.InputsHash(); err != nil || after != before {
		t.Errorf("the hash of the raw files was %s and is %s, %v", before, after, err)
	}
}
