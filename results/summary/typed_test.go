package summary

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/workloads"
)

// What a machine reads of a run without looking into words: which trial lost
// records, which one has no figures, and which arm and trial decided a gate.
func TestTypedValuesInFile(t *testing.T) {
	d := newRun(t,
		fixture{ref: ref(1, "end-to-end", "sarama", 1), kind: workloads.EndToEnd, rate: 500, latency: 3e6, lose: 4, state: results.StateComplete},
		fixture{ref: ref(2, "end-to-end", "kafka-go", 1), kind: workloads.EndToEnd, rate: 500, latency: 3e6, state: results.StateFailed},
	)
	run := *d.Run()
	run.Specs = []workloads.Spec{{Name: "end-to-end", Gate: []string{"audit.lost == 0", "p50(pause.gap) < 1s"}}}
	if err := d.WriteRun(&run); err != nil {
		t.Fatal(err)
	}
	if _, err := Write(d); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(d.Path(), results.SummaryFile))
	if err != nil {
		t.Fatal(err)
	}
	var s results.Summary
	if err := json.Unmarshal(data, &s); err != nil {
		t.Fatal(err)
	}
	about := map[results.Kind]results.Remark{}
	for _, w := range s.Warnings {
		if w.Kind == "" || w.Words == "" {
			t.Errorf("a warning without kind or words: %+v", w)
		}
		about[w.Kind] = w
	}
	if w := about[results.AuditLost]; w.Trial != 1 || w.Arm != "sarama" || len(w.Figures) != 1 || w.Figures[0].Value != 4 {
		t.Errorf("of what was lost the file says %+v", w)
	}
	if w := about[results.KindNoFigures]; w.Trial != 2 || w.Arm != "kafka-go" {
		t.Errorf("of the trial that failed the file says %+v", w)
	}
	want := []results.Gate{
		{Workload: "end-to-end", Expression: "audit.lost == 0", Verdict: results.NotMet, Unit: results.UnitCount, N: 1, Arms: []results.GateArm{
			{Workload: "end-to-end", Arm: "sarama", Lane: "matched", Verdict: results.NotMet, Value: 4, Unit: results.UnitCount, Trial: 1, N: 1},
		}},
		{Workload: "end-to-end", Expression: "p50(pause.gap) < 1s", Verdict: results.NotDecided, Bound: 1e9, Unit: results.UnitNs, Arms: []results.GateArm{},
			Why: `gate "p50(pause.gap) < 1s": the run has no figure for it; see the rows and warnings of summary.json`},
	}
	if diff := cmp.Diff(want, s.Gates); diff != "" {
		t.Errorf("gates, want to got:\n%s", diff)
	}
}

// A percentile of few samples says so, in its row and in a warning.
func TestFewSamples(t *testing.T) {
	d := newRun(t, fixture{ref: ref(1, "end-to-end", "sarama", 1), kind: workloads.EndToEnd, rate: 2, latency: 3e6, state: results.StateComplete},
		fixture{ref: ref(2, "enough", "sarama", 1), kind: workloads.EndToEnd, rate: 20, latency: 3e6, state: results.StateComplete})
	s, err := Write(d)
	if err != nil {
		t.Fatal(err)
	}
	said := map[string]float64{}
	for _, w := range s.Warnings {
		if w.Kind == results.KindFewSamples {
			said[w.Workload+" "+w.Figures[0].Name] = w.Figures[0].Value
		}
	}
	rows := 0
	for _, r := range s.Rows {
		if r.Stat == "p99" {
			rows++
			if got := said[r.Workload+" "+r.Metric]; r.Thin() != (r.Workload == "end-to-end") || r.Thin() && got != float64(r.N) {
				t.Errorf("%s: %s of %d samples: %v, said of %v", r.Workload, r.Metric, r.N, r.Thin(), got)
			}
		}
	}
	if rows < 4 {
		t.Errorf("%d percentiles", rows)
	}
}

// Figures say what made them: kbench, Go, broker, the clients that ran and their
// lanes.
func TestVersionsInFiles(t *testing.T) {
	d := newRun(t, fixture{ref: ref(1, "end-to-end", "sarama", 1), kind: workloads.EndToEnd, rate: 500, latency: 3e6, state: results.StateComplete})
	run := *d.Run()
	run.Kbench = results.Build{Version: "v1.0.0", Commit: "0123456789abcdef", Dirty: true}.String()
	run.Broker.Version = "v0.1.2"
	run.Clients = map[string]string{"sarama": "github.com/IBM/sarama@v1.61.1", "franz-go": "it did not run"}
	run.Order = []results.TrialRef{ref(1, "end-to-end", "sarama", 1)}
	if err := d.WriteRun(&run); err != nil {
		t.Fatal(err)
	}
	s, err := Write(d)
	if err != nil {
		t.Fatal(err)
	}
	want := results.Versions{
		Kbench: "v1.0.0, commit 0123456789ab, dirty", Go: "go1.26", Broker: "embedded (simulated broker), v0.1.2",
		Clients: map[string]string{"sarama": "github.com/IBM/sarama@v1.61.1"}, Lanes: []string{"matched"},
	}
	if diff := cmp.Diff(want, s.Versions); diff != "" {
		t.Errorf("versions, want to got:\n%s", diff)
	}
	bench, err := os.ReadFile(filepath.Join(d.Path(), results.BenchFile))
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{
		"go: go1.26", "kbench: v1.0.0, commit 0123456789ab, dirty", "broker: embedded (simulated broker), v0.1.2",
		"client-sarama: github.com/IBM/sarama@v1.61.1", "lanes: matched",
	} {
		if !strings.Contains(string(bench), line+"\n") {
			t.Errorf("%s does not say %q:\n%s", results.BenchFile, line, bench)
		}
	}
}
