package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kbench/kbench/internal/cluster"
	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/workloads"
	"github.com/kbench/kbench/workloads/plan"
)

// TestBeyond: a rate is held against the fastest that runs have recorded, else against
// a ceiling for all hosts.
func TestBeyond(t *testing.T) {
	f := func(want, dir string, rate float64, size int) {
		t.Helper()
		s := workloads.Default()
		s.Name, s.Records.Size = "w", workloads.Size{Fixed: size}
		s.Produce.Rate = workloads.Rate{PerSecond: rate}
		trials, err := plan.Expand([]workloads.Spec{s}, []string{"sarama"}, []string{"matched"}, plan.Rounds{Timed: 2}, 1)
		if err != nil {
			t.Fatal(err)
		}
		lines := beyond(trials, dir)
		switch {
		case want == "" && len(lines) > 0, want != "" && (len(lines) != 1 || !strings.Contains(lines[0], want)):
			t.Errorf("%.0f/s of %d bytes: %q, want %q", rate, size, lines, want)
		}
	}
	none := t.TempDir()
	f("", none, 1_000_000, 100)
	f("w asks for 20000000 records/s, which is far beyond what any one host was seen to come near (3000000/s)", none, 20e6, 100)
	f("far beyond what any one host", none, 60_000, 20<<10) // 1.2 GB/s

	runs := t.TempDir()
	dir := filepath.Join(runs, "20260102-150405-1a2b")
	fast := workloads.Default()
	fast.Name, fast.Produce.Rate = "produce-max", workloads.Rate{Max: true}
	if _, err := results.Create(dir, &results.Run{ID: "r", Specs: []workloads.Spec{fast}}); err != nil {
		t.Fatal(err)
	}
	row := func(unit string, value float64) results.Row {
		return results.Row{Workload: "produce-max", Role: results.RoleProducer, Metric: results.ProduceThroughput, Unit: unit, Value: value}
	}
	data, err := json.Marshal(results.Summary{Rows: []results.Row{row(results.UnitRate, 400_000), row(results.UnitBytesPS, 80e6)}})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, results.SummaryFile), data, 0o644); err != nil {
		t.Fatal(err)
	}
	f("", runs, 700_000, 100)
	f("far beyond anything that this machine did", runs, 900_000, 100)
	f("runs below "+runs+" (200000/s)", runs, 500_000, 400)
}

// Only where all is a sample, and on a broker that has such a wait.
func TestSampled(t *testing.T) {
	sample, whole := plan.Trial{Spec: workloads.Spec{Sample: true}}, plan.Trial{}
	for _, c := range []struct {
		kind   string
		trials []plan.Trial
		want   bool
	}{
		{cluster.Kafka, []plan.Trial{sample, sample}, true},
		{cluster.Kafka, []plan.Trial{sample, whole}, false},
		{cluster.Embedded, []plan.Trial{sample}, false},
		{cluster.Attached, []plan.Trial{sample}, false},
	} {
		if got := sampled(cluster.Options{Kind: c.kind}, c.trials) != nil; got != c.want {
			t.Errorf("%s, %d trials: %t", c.kind, len(c.trials), got)
		}
	}
}
