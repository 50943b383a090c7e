package summary

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/record"
	"github.com/kbench/kbench/workloads"
)

// newHarnessRun is an end-to-end trial of one member at 500 records/s, beside
// harness trials of the same load. Every worker uses half a core, so that its
// cost per record follows from its rate: 500 µs at 1,000 records/s.
func newHarnessRun(t *testing.T, producedPerSecond, consumedPerSecond int64, change func(s *workloads.Spec)) *results.Dir {
	t.Helper()
	f := fixture{ref: ref(1, "w", "sarama", 1), kind: workloads.EndToEnd, rate: 500, latency: 3e6, state: results.StateComplete}
	d := newRun(t, f)
	trial, err := results.ReadTrial(d.TrialPath(f.ref))
	if err != nil {
		t.Fatal(err)
	}
	trial.Spec.Consume.Members = 1
	run := *d.Run()
	for _, h := range []struct {
		part    string
		rate    int64
		kind    record.Kind
		members int
	}{{"produce", producedPerSecond, record.Acked, 0}, {"both", consumedPerSecond, record.Delivered, 1}} {
		tr := *trial
		tr.Ref = results.TrialRef{Dir: "harness-w-" + h.part, Workload: "w", Arm: "loopback", Client: "loopback", Lane: "matched", Round: 1}
		tr.Workers = []results.Worker{{Name: "both-0", Role: "both", Client: "loopback"}}
		tr.Spec.Consume.Members = h.members
		path, err := d.CreateTrial(&tr)
		if err != nil {
			t.Fatal(err)
		}
		warmup, measure := tr.Phases[0], tr.Phases[1]
		fixture{rate: h.rate, latency: 1000}.worker(t, filepath.Join(path, "both-0"), h.kind, h.rate*(measured/second+2), 1, warmup.From, measure.From, measure.To)
		run.Harness = append(run.Harness, tr.Ref)
	}
	if change != nil {
		change(&trial.Spec)
	}
	if err := d.WriteTrial(trial); err != nil {
		t.Fatal(err)
	}
	if err := d.WriteRun(&run); err != nil {
		t.Fatal(err)
	}
	return d
}

// shares are the rows of the harness, by role, and the warnings about them.
func shares(t *testing.T, d *results.Dir) (map[results.Role]results.Row, string) {
	t.Helper()
	s, _, err := build(d)
	if err != nil {
		t.Fatal(err)
	}
	rows := map[results.Role]results.Row{}
	for _, r := range s.Rows {
		if r.Arm == "loopback" {
			t.Errorf("a harness trial has a row of its own: %+v", r)
		}
		if r.Metric == results.HarnessCPU {
			rows[r.Role] = r
		}
	}
	var about []string
	for _, w := range results.Lines(s.Warnings) {
		if strings.Contains(w, "harness") {
			about = append(about, w)
		}
	}
	return rows, strings.Join(about, "\n")
}

// near allows for the spans of a worker whose records come a moment after they
// are due.
func near(got, want float64) bool { return got > want-500 && got < want+500 }

// The producer's share is what producing costs, the consumer's what consuming
// adds to it.
func TestHarnessShares(t *testing.T) {
	rows, warnings := shares(t, newHarnessRun(t, 1000, 800, nil))
	if len(rows) != 2 || warnings != "" {
		t.Fatalf("%d rows, want a producer's and a consumer's; warnings: %q", len(rows), warnings)
	}
	f := func(role results.Role, want float64, n int64) {
		t.Helper()
		r := rows[role]
		if !near(r.Value, want) || r.N != n || r.Unit != results.UnitNs || r.Trial != 1 || r.Arm != "sarama" {
			t.Errorf("%s: %+v; want %.0f ns from %d records, for trial 1", role, r, want, n)
		}
	}
	f("producer", 500_000, 12_000)
	f("consumer", 125_000, 9_600)
}

// A trial without a broker has one process for all: its share is the sum.
func TestHarnessShareOfBoth(t *testing.T) {
	h := &harness{produce: perRecord{60, 10}, both: perRecord{100, 20}, consumes: true}
	f := func(role results.Role, want perRecord, known bool) {
		t.Helper()
		if got, ok := h.of(role); ok != known || got != want {
			t.Errorf("%s: %v, %v; want %v, %v", role, got, ok, want, known)
		}
	}
	f(results.RoleBoth, perRecord{100, 20}, true)
	f(results.RoleConsumer, perRecord{40, 20}, true)
	h.consumes = false
	f(results.RoleBoth, perRecord{60, 10}, true)
	f(results.RoleConsumer, perRecord{}, false)
	f(results.RoleReference, perRecord{}, false)
}

// A difference below zero is noise: it is shown for what it is.
func TestHarnessShareBelowZero(t *testing.T) {
	rows, warnings := shares(t, newHarnessRun(t, 1000, 1250, nil))
	if got := rows["consumer"].Value; !near(got, -100_000) || !strings.Contains(warnings, "harness of w: ") || !strings.Contains(warnings, "do not use") {
		t.Errorf("share %.0f, warnings %q", got, warnings)
	}
}

// A figure holds for the load that it was measured with. What only a client
// notices does not change it.
func TestHarnessLoad(t *testing.T) {
	f := func(want int, change func(s *workloads.Spec)) {
		t.Helper()
		rows, warnings := shares(t, newHarnessRun(t, 1000, 800, change))
		if len(rows) != want || (want == 0) != strings.Contains(warnings, "their") {
			t.Errorf("%d rows, want %d; warnings: %q", len(rows), want, warnings)
		}
	}
	f(2, func(s *workloads.Spec) {
		s.Produce.Codec, s.Produce.Acks, s.Produce.By, s.Group.Assignors = "zstd", "none", "reference", []string{"sticky"}
	})
	f(2, func(s *workloads.Spec) { s.Consume.Handler.Time, s.Churn = 5, []workloads.ChurnEntry{{Do: "join"}} })
	f(0, func(s *workloads.Spec) { s.Produce.Rate.PerSecond = 5000 })
	f(0, func(s *workloads.Spec) { s.Records.Size.Fixed = 1024 })
	f(0, func(s *workloads.Spec) { s.Produce.Chunk = 1 })
	f(0, func(s *workloads.Spec) { s.Consume.Members = 3 })
}

// A harness trial that failed, or whose files are gone, costs its figures and
// no others, and is said once.
func TestHarnessFailed(t *testing.T) {
	f := func(want string, breakIt func(dir string) error) {
		t.Helper()
		d := newHarnessRun(t, 1000, 800, nil)
		if err := breakIt(filepath.Join(d.Path(), results.TrialsDir, "harness-w-both")); err != nil {
			t.Fatal(err)
		}
		rows, warnings := shares(t, d)
		if len(rows) != 0 || strings.Count(warnings, "harness of w: ") != 1 || !strings.Contains(warnings, want) {
			t.Errorf("%d rows, warnings: %q; want one that says %q", len(rows), warnings, want)
		}
		s, _, err := build(d)
		if err != nil {
			t.Fatal(err)
		}
		find(t, s, 1, "consumer", results.CPUPerRecord, "", results.UnitNs)
	}
	f("failed: it burst", func(dir string) error {
		tr, err := results.ReadTrial(dir)
		if err != nil {
			return err
		}
		tr.State, tr.Error = "failed", "it burst\nlog"
		data, err := results.EncodeJSON(tr)
		if err != nil {
			return err
		}
		return results.WriteFile(filepath.Join(dir, results.TrialFile), data)
	})
	f("no such file", os.RemoveAll)
	f("no runtime samples", func(dir string) error { return os.Remove(filepath.Join(dir, "both-0", results.EventsFile)) })
	f("no record went through", func(dir string) error { return os.Remove(filepath.Join(dir, "both-0", results.DeliveryFile)) })
}
