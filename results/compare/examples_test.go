package compare_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/kbench/kbench/internal/golden"
	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/compare"
	"github.com/kbench/kbench/results/report/markdown"
)

// examples has nights that were run and kept without their raw files, as README tells them.
const examples = "../examples"

func example(t *testing.T, name string) *compare.Comparison {
	t.Helper()
	var run results.Run
	var sum results.Summary
	data, err := os.ReadFile(filepath.Join(examples, name, "run.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &run); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(filepath.Join(examples, name, "summary.json.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err == nil {
		err = json.NewDecoder(z).Decode(&sum)
	}
	if err != nil {
		t.Fatal(err)
	}
	return compare.Of(&run, &sum)
}

// The nights that are kept say what they are said to say: their tables are what compare
// makes of them, and each verdict of the first that the second could reach too is the same
// there.
func TestExamples(t *testing.T) {
	said := map[string]map[[4]string]compare.Verdict{}
	for _, name := range []string{"night-1", "night-2"} {
		c := example(t, name)
		var md bytes.Buffer
		if err := markdown.Comparison(&md, c); err != nil {
			t.Fatal(err)
		}
		golden.Check(t, filepath.Join(examples, name, "compare.md"), md.Bytes())
		said[name] = verdicts(c)
	}
	held := 0
	for of, v := range said["night-1"] {
		again, tried := said["night-2"][of]
		switch {
		case v == compare.CannotTell || !tried || again == compare.CannotTell:
		case again == v:
			held++
		default:
			t.Errorf("%v: %v, and %v when it was run again", of, v, again)
		}
	}
	t.Logf("%d verdicts hold", held)
	if held < 3 {
		t.Errorf("%d verdicts were reached twice, want 3", held)
	}
}

// verdicts are those of a comparison by workload, arms and figure.
func verdicts(c *compare.Comparison) map[[4]string]compare.Verdict {
	out := map[[4]string]compare.Verdict{}
	for i := range c.Workloads {
		w := &c.Workloads[i]
		for _, p := range w.Pairs {
			for _, r := range p.Results {
				out[[4]string{w.Name, p.A.Name, p.B.Name, w.Measures[r.Measure].Text + r.Event}] = r.Verdict
			}
		}
	}
	return out
}
