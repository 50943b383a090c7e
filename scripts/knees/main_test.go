package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/kbench/kbench/cmd/kbench/cli"
	"github.com/kbench/kbench/results/held"
)

// TestWorkloads: what the script searches can be run, and nothing is to be said about it.
func TestWorkloads(t *testing.T) {
	for name, doc := range map[string]string{"known.yaml": workload, "regions.yaml": regions} {
		path, err := written(t.TempDir(), name, doc)
		if err != nil {
			t.Fatal(err)
		}
		var out, said bytes.Buffer
		if code := cli.Run([]string{"plan", path}, strings.NewReader(""), &out, &said, table()...); code != cli.ExitOK || strings.Contains(said.String(), path) {
			t.Errorf("%s: exit code %d: %s", name, code, said.String())
		}
	}
}

// TestAgree: intervals that touch have no rate in common, and each must be narrow.
func TestAgree(t *testing.T) {
	f := func(want string, ends ...float64) {
		t.Helper()
		var all []*held.Knee
		for i := 0; i < len(ends); i += 2 {
			all = append(all, &held.Knee{Arms: []held.Arm{{Name: "a", Held: ends[i], NotHeld: ends[i+1]}}})
		}
		err := agree(all)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%v: %v, want %q", ends, err, want)
		}
	}
	f("", 100, 120, 110, 130, 90, 115)
	f("2 of 3 intervals overlap", 100, 120, 120, 140, 110, 130)
	f("1 are wider", 100, 120, 100, 140)
	f("1 are wider", 100, 120, 100, 0)
}
