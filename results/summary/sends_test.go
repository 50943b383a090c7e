package summary

import (
	"testing"
	"time"

	hdrhistogram "github.com/HdrHistogram/hdrhistogram-go"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/audit"
	"github.com/kbench/kbench/results/evidence"
	"github.com/kbench/kbench/results/record"
	"github.com/kbench/kbench/workloads"
)

// lateBy is a distribution of latencies in ms.
func lateBy(millis ...int64) *hdrhistogram.Histogram {
	h := hdrhistogram.New(record.MinLatency, record.MaxLatency, 3)
	for _, ms := range millis {
		_ = h.RecordValue(ms * int64(time.Millisecond))
	}
	return h
}

// TestFirstOnly takes redeliveries out of latencies: of a worst of 9.05 s, which was a
// second delivery, the worst first one of 5.57 s is left.
func TestFirstOnly(t *testing.T) {
	const ms = int64(time.Millisecond)
	b := &builder{inputs: &inputs{trial: &results.Trial{}, measured: part{0, 100_000 * ms}}}
	w := &worker{repeats: []audit.Redelivery{
		{Due: 1000 * ms, LastDue: 1020 * ms, At: 10_050 * ms, LastAt: 10_053 * ms, Count: 3},
		{Due: 200_000 * ms, LastDue: 200_000 * ms, At: 200_001 * ms, LastAt: 200_001 * ms, Count: 1}, // due after the measured part
	}}
	h := b.firstOnly(lateBy(1, 2, 5570, 9050, 9042, 9033), []*worker{w})
	if n, worst := h.TotalCount(), h.Max()/ms; n != 3 || worst < 5560 || worst > 5580 {
		t.Errorf("%d left, the worst %d ms", n, worst)
	}

	// The rows are of what is left.
	w.Worker = &evidence.Worker{Latencies: []record.Interval{{Metric: results.E2EResponse, Phase: results.PhaseMeasure, Hist: lateBy(1, 2, 5570, 9050, 9042, 9033)}}}
	b.thin = &thinData{}
	b.distribution(results.RoleConsumer, "", results.E2EResponse, b.merged([]*worker{w}, results.E2EResponse))
	for _, r := range b.rows {
		if r.N != 3 {
			t.Errorf("%s is of %d", r.Stat, r.N)
		}
		if worst := int64(r.Value) / ms; (r.Stat == "max" || r.Stat == "p99") && (worst < 5560 || worst > 5580) {
			t.Errorf("%s is %d ms", r.Stat, worst)
		}
	}
	if len(b.rows) == 0 {
		t.Error("no rows")
	}
}

// TestAllDue counts what never had an ack as at least as late as it was at the end.
func TestAllDue(t *testing.T) {
	const ms = int64(time.Millisecond)
	b := &builder{inputs: &inputs{trial: &results.Trial{Phases: []results.Phase{{Name: results.PhaseMeasure, To: 10_000 * ms}}}, measured: part{0, 10_000 * ms}}}
	w := &worker{
		Worker: &evidence.Worker{Latencies: []record.Interval{{Metric: results.ProduceUnsent, Phase: results.PhaseMeasure, Hist: lateBy(500)}}},
		never:  []audit.Redelivery{{Due: 1000 * ms, LastDue: 2000 * ms, Count: 2}, {Due: -5 * ms, LastDue: -5 * ms, Count: 1}},
	}
	h := b.allDue(lateBy(1, 2), []*worker{w})
	if n, worst := h.TotalCount(), h.Max()/ms; n != 5 || worst < 8990 || worst > 9010 {
		t.Errorf("%d in all, the worst %d ms", n, worst)
	}
	if h := b.allDue(nil, []*worker{w}); h.TotalCount() != 3 {
		t.Errorf("%d where nothing was acked", h.TotalCount())
	}
	b.trial.Spec.Produce.Rate.Max = true
	if h := b.allDue(nil, []*worker{w}); h != nil {
		t.Error("at rate max nothing is due")
	}
}

// TestDamaged counts damaged and foreign deliveries in no throughput, no cost, and not
// among those that have a latency.
func TestDamaged(t *testing.T) {
	const ms = int64(time.Millisecond)
	var spans []record.Span
	for i, kind := range []record.Kind{record.Delivered, record.Corrupt, record.Foreign} {
		at := int64(100*(i+1)) * ms
		spans = append(spans, record.Span{Kind: kind, First: uint64(1000 * i), Offset: int64(1000 * i), Count: 10 + uint64(i), Due: at - ms, LastDue: at - ms, At: at, LastAt: at, MaxLate: ms})
	}
	e := &evidence.Trial{Trial: &results.Trial{Kind: workloads.EndToEnd}, Logs: []audit.Log{{Worker: "consumer-0", Spans: record.HoldSpans(spans...)}}}
	w := &worker{Worker: &evidence.Worker{Worker: results.Worker{Name: "consumer-0", Role: results.RoleConsumer}}}
	w.count(e, part{0, 1000 * ms})
	if w.delivered != 10 || w.deliveredPerSec[0] != 10 || w.records() != 10 || w.allDelivered != 10 {
		t.Errorf("%d delivered, %v by second, cost over %d, %d timed", w.delivered, w.deliveredPerSec, w.records(), w.allDelivered)
	}
}

// TestOfOthers gives what was found of others than the acked records its own number.
func TestOfOthers(t *testing.T) {
	b := &builder{inputs: &inputs{trial: &results.Trial{Kind: workloads.Producing}}, warn: func(results.Remark) {}}
	b.truth = audit.Report{Sent: 4791, Delivered: 4718, Unanswered: 105, Foreign: 500}
	b.truth.Sums = audit.Sums{Known: true, Acked: 4791, Failed: 70, Unanswered: 67, Delivered: 4718}
	b.audit()
	of := map[string]int64{}
	for _, r := range b.rows {
		if r.Class == "" {
			of[r.Metric] = r.N
		}
	}
	if of[results.AuditUnanswered] != 137 || of[results.AuditForeign] != 5218 {
		t.Errorf("unanswered of %d, foreign of %d", of[results.AuditUnanswered], of[results.AuditForeign])
	}
	// Without accounts there is no 0.
	b.rows, b.truth = nil, audit.Report{Sent: 10, Delivered: 10, Sums: audit.Sums{Acked: 10, Delivered: 10}}
	b.audit()
	for _, r := range b.rows {
		if r.Metric == results.ProduceUnanswered || r.Metric == results.AuditForeign || r.Metric == results.ProduceTwice {
			t.Errorf("%s is %v of %d where nobody counted", r.Metric, r.Value, r.N)
		}
	}
}

// TestShortest holds the bound of what is not told from nothing against histograms.
func TestShortest(t *testing.T) {
	h := hdrhistogram.New(record.MinLatency, record.MaxLatency, 3)
	_ = h.RecordValue(record.MinLatency) // what is shorter is clamped to it
	if h.Max() >= results.Shortest || h.ValuesAreEquivalent(record.MinLatency, results.Shortest) {
		t.Errorf("the shortest is kept as %d ns", h.Max())
	}
}
