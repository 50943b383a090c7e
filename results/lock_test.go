package results_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kbench/kbench/results"
)

func TestRunDirectoryIsHeld(t *testing.T) {
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "r")
	run := &results.Run{ID: "r", State: results.StateRunning, Machine: results.Machine{Host: host}}
	d, err := results.Create(path, run)
	if err != nil {
		t.Fatal(err)
	}
	if !d.Run().Held {
		t.Skip("this file system has no locks")
	}
	if _, err := results.Create(path, run); err == nil || !strings.Contains(err.Error(), "under way") || !strings.Contains(err.Error(), "--out") {
		t.Errorf("a second run into it: %v", err)
	}
	if err := results.InUse(path); err == nil {
		t.Error("it is not in use")
	}
	gone := func() bool {
		t.Helper()
		seen, err := results.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		return seen.Abandoned()
	}
	if gone() {
		t.Error("it is abandoned while it is held")
	}
	d.Release() // as the end of its process does, whatever ends it
	if !gone() || results.InUse(path) != nil {
		t.Error("nobody holds it any more, and it is not abandoned")
	}
	run.State = results.StateComplete
	if err := d.WriteRun(run); err != nil {
		t.Fatal(err)
	}
	if gone() || results.InUse(path) != nil {
		t.Error("a run that is over is abandoned, or in use")
	}
	if _, err := results.Create(path, run); err == nil || !strings.Contains(err.Error(), "not empty") {
		t.Errorf("a run into one that is over: %v", err)
	}
}
