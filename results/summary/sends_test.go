package summary

import (
	"testing"
	"time"

	hdrhistogram "github.com/HdrHistogram/hdrhistogram-go"
	"pgregory.net/rapid"

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
	w.Worker = &evidence.Worker{Worker: results.Worker{Role: results.RoleConsumer}, Latencies: []record.Interval{{Metric: results.E2EResponse, Phase: results.PhaseMeasure, Hist: lateBy(1, 2, 5570, 9050, 9042, 9033)}}}
	b.thin, b.workers = &thinData{}, []*worker{w}
	b.distribution(results.RoleConsumer, "", results.E2EResponse, b.merged(results.RoleConsumer, results.E2EResponse))
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

// TestLates: records of a run are added by what the histogram tells apart, and it is the
// same as if each were.
func TestLates(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		draw := func(name string, to int64) int64 { return rapid.Int64Range(0, to).Draw(t, name) }
		const from, to = 1_000_000_000, 3_000_000_000
		r := audit.Redelivery{Due: draw("due", 4e9), Count: 1 + draw("count", 300)}
		r.LastDue = r.Due + rapid.Int64Range(-1e9, 3e9).Draw(t, "length")
		r.At, r.LastAt = r.Due+draw("late", 1e9), r.LastDue+draw("last late", 5e9)
		b := &builder{inputs: &inputs{measured: part{from, to}}}
		between := func(first, last, i int64) int64 {
			return first + int64(float64(last-first)*float64(i)/float64(max(r.Count-1, 1)))
		}
		got, want := newHistogram(), newHistogram()
		b.lates(got, &r, r.At, r.LastAt)
		for i := range r.Count {
			if b.measured.contains(between(r.Due, r.LastDue, i)) {
				_ = want.RecordValue(max(between(r.At-r.Due, r.LastAt-r.LastDue, i), record.MinLatency))
			}
		}
		if !got.Equals(want) {
			t.Fatalf("%d of %d, up to %d; want %d, up to %d", got.TotalCount(), r.Count, got.Max(), want.TotalCount(), want.Max())
		}
	})
}

// TestMerged: what was made once is not made again.
func TestMerged(t *testing.T) {
	w := &worker{Worker: &evidence.Worker{Latencies: []record.Interval{{Metric: results.ScheduleLag, Phase: results.PhaseMeasure, Hist: lateBy(1)}}}}
	b := &builder{inputs: &inputs{trial: &results.Trial{}, workers: []*worker{w}}}
	if h := b.merged("", results.ScheduleLag); h == nil || h != b.merged("", results.ScheduleLag) {
		t.Errorf("%p and %p", h, b.merged("", results.ScheduleLag))
	}
	if h := b.merged(results.RoleConsumer, results.ScheduleLag); h != nil {
		t.Errorf("no consumer, and %d of it", h.TotalCount())
	}
}

// BenchmarkFirstOnly takes a million redeliveries out of ten.
func BenchmarkFirstOnly(b *testing.B) {
	const n = 1_000_000
	build := &builder{inputs: &inputs{trial: &results.Trial{}, measured: part{0, 100e9}}}
	w := &worker{repeats: []audit.Redelivery{{Due: 1e9, LastDue: 11e9, At: 12e9, LastAt: 13e9, Count: n}}}
	h := newHistogram()
	for i := range int64(10 * n) {
		_ = h.RecordValue(1e6 + i*1000)
	}
	for b.Loop() {
		if left := build.firstOnly(h, []*worker{w}).TotalCount(); left != 9*n {
			b.Fatal(left)
		}
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

// TestAgain counts what went over the wire beyond what was handed over. Where accounts or
// counts lack, or the tap did not see all that was acked, it is not known.
func TestAgain(t *testing.T) {
	counted := func(records ...int64) (all []evidence.Wire) {
		for _, n := range records {
			all = append(all, evidence.Wire{Batched: &record.Batched{Batches: 1, Records: n}}, evidence.Wire{})
		}
		return all
	}
	tally := func(acked, failed int64) *record.Tally {
		return &record.Tally{Sent: acked + failed, Acked: acked, Failed: failed}
	}
	f := func(what string, want int64, known bool, ws ...evidence.Worker) {
		t.Helper()
		b := &builder{inputs: &inputs{}}
		for i := range ws {
			b.workers = append(b.workers, &worker{Worker: &ws[i]})
		}
		if got, is := b.again(); got != want || is != known {
			t.Errorf("%s: %d, known: %t", what, got, is)
		}
	}
	member := evidence.Worker{Wire: []evidence.Wire{{Requests: 100}}}
	f("each went once", 0, true, evidence.Worker{Wire: counted(600, 400), Tally: tally(1000, 0)}, member)
	f("some went again", 25, true, evidence.Worker{Wire: counted(625, 400), Tally: tally(1000, 0)}, member)
	f("two producers", 7, true, evidence.Worker{Wire: counted(104), Tally: tally(100, 0)}, evidence.Worker{Wire: counted(53), Tally: tally(50, 0)})
	f("some were refused", 0, true, evidence.Worker{Wire: counted(100), Tally: tally(95, 5)})
	f("some failed before they were sent", 0, true, evidence.Worker{Wire: counted(98), Tally: tally(95, 5)})
	f("the tap missed some", 0, false, evidence.Worker{Wire: counted(94), Tally: tally(95, 5)})
	f("a run that did not count", 0, false, evidence.Worker{Wire: member.Wire, Tally: tally(100, 0)})
	f("no account", 0, false, evidence.Worker{Wire: counted(100)})
	f("no producer", 0, false, member)
}

// TestRecordsPerBatch takes totals where there are any, and else says that it did not.
func TestRecordsPerBatch(t *testing.T) {
	b := &builder{inputs: &inputs{trial: &results.Trial{}, measured: part{10, 20}}}
	w := &worker{Worker: &evidence.Worker{
		Wire: []evidence.Wire{
			{From: 0, To: 10, Requests: 9, Batched: &record.Batched{Batches: 9, Records: 9}},
			{From: 10, To: 15, Requests: 8, Batched: &record.Batched{Batches: 8, Records: 824}},
			{From: 15, To: 20, Requests: 2, Batched: &record.Batched{Batches: 2, Records: 216}},
			{From: 20, To: 30, Requests: 9},
		},
		Produced: []evidence.Produced{{T: 12, Batches: 2, Records: 248}, {T: 25, Batches: 1, Records: 1}},
	}}
	f := func(want float64, n int64, class string) {
		t.Helper()
		b.rows = nil
		b.wireRows(results.RoleProducer, []*worker{w}, 1040)
		for _, r := range b.rows {
			if r.Metric == results.WireBatch && r.Value == want && r.N == n && r.Class == class {
				return
			}
		}
		t.Errorf("no %v of %d %s in %+v", want, n, class, b.rows)
	}
	f(104, 10, "")
	for i := range w.Wire {
		w.Wire[i].Batched = nil
	}
	f(124, 2, results.Sampled)
}

// TestShortest holds the bound of what is not told from nothing against histograms.
func TestShortest(t *testing.T) {
	h := hdrhistogram.New(record.MinLatency, record.MaxLatency, 3)
	_ = h.RecordValue(record.MinLatency) // what is shorter is clamped to it
	if h.Max() >= results.Shortest || h.ValuesAreEquivalent(record.MinLatency, results.Shortest) {
		t.Errorf("the shortest is kept as %d ns", h.Max())
	}
}
