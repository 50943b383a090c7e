package summary

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"sort"
	"time"

	hdrhistogram "github.com/HdrHistogram/hdrhistogram-go"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/audit"
	"github.com/kbench/kbench/results/record"
	"github.com/kbench/kbench/workloads"
)

// This file is what became of records that were not simply acked and delivered once:
// nothing is left out (MEASURING 8).

// sends adds what clients did not accept, in the words of the client.
func (b *builder) sends() {
	s := b.truth.Sums
	handed := s.Acked + s.Failed + s.Unanswered
	b.plain("", results.ProduceFailed, float64(s.Failed), handed)
	for _, e := range b.errors(results.ProduceFailed, func(w *worker) []record.Reported { return w.Refused }, "%d sends failed, the first %s: %s") {
		b.add(results.Row{Class: e.Kind, Metric: results.ProduceFailed, Unit: results.UnitCount, Value: float64(e.Count), N: handed})
	}
	if again, known := b.again(); known {
		b.plain("", results.ProduceRetried, float64(again), handed)
	}
	if s.Known || s.Unanswered > 0 { // of runs that did not count it 0 is not known
		b.plain("", results.ProduceUnanswered, float64(s.Unanswered), handed)
	}
	if s.Unanswered > 0 {
		b.warn(results.Remarkf(results.ProduceUnanswered, "%d records were handed over, and the client had no word for them when it was closed", s.Unanswered).
			With("records", results.UnitCount, float64(s.Unanswered)))
	}
	if s.Known {
		b.plain("", results.ProduceTwice, float64(s.Twice), s.Acked)
		if s.Twice > 0 {
			b.warn(results.Remarkf(results.ProduceTwice, "the client answered %d times for records that had an answer", s.Twice).With("answers", results.UnitCount, float64(s.Twice)))
		}
	}
	var reported int64
	for _, e := range b.errors(results.ClientErrors, func(w *worker) []record.Reported {
		if !w.Role.UnderTest() && w.Role != results.RoleReference {
			return nil
		}
		return w.Reported
	}, "the client reported %d errors, the first %s: %s") {
		b.add(results.Row{Class: e.Kind, Metric: results.ClientErrors, Unit: results.UnitCount, Value: float64(e.Count), N: e.Count})
		reported += e.Count
	}
	b.plain("", results.ClientErrors, float64(reported), int64(len(b.workers)))
}

// again is how many records more than were handed over went over the wire, by the
// accounts of the producers. It is not known where one left none, nor where the tap did
// not see each record that was acknowledged.
func (b *builder) again() (sum int64, known bool) {
	for _, w := range b.workers {
		var sent record.Batched
		counted := false
		for _, i := range w.Wire {
			if i.Batched != nil {
				sent.Add(*i.Batched)
				counted = true
			}
		}
		switch {
		case w.Tally == nil && sent.Records == 0: // it is no producer
		case w.Tally == nil || !counted || sent.Records < w.Tally.Acked:
			return 0, false
		default:
			known = true
			sum += max(sent.Records-w.Tally.Sent, 0)
		}
	}
	return sum, known
}

// errors adds up errors of workers by kind, and shows the first of each kind.
func (b *builder) errors(metric string, of func(*worker) []record.Reported, format string) (all []record.Reported) {
	var by []string // the worker of the first
	for _, w := range b.workers {
		for _, e := range of(w) {
			i := slices.IndexFunc(all, func(o record.Reported) bool { return o.Kind == e.Kind })
			switch {
			case i < 0:
				all, by = append(all, e), append(by, w.Name)
			case e.T < all[i].T:
				e.Count += all[i].Count
				all[i], by[i] = e, w.Name
			default:
				all[i].Count += e.Count
			}
		}
	}
	for i, e := range all {
		r := results.Remarkf(results.Kind(metric), format, e.Count, b.since(e.T), oneLine(e.Words)).By(by[i]).With("errors", results.UnitCount, float64(e.Count))
		r.Class = e.Kind
		b.warn(r)
	}
	return all
}

// since is when something happened, by the clock of the measured part.
func (b *builder) since(t int64) string {
	if t < b.measured.from {
		return "before the measured part"
	}
	return fmt.Sprintf("%.1f s into it", time.Duration(t-b.measured.from).Seconds())
}

// undelivered adds what is in the log and nobody was handed, by why.
func (b *builder) undelivered(r *audit.Report) {
	for _, s := range r.Strangers {
		b.warn(results.Remarkf(results.KindStranger, "kbench did not start %q, which was a member of the group and had partitions %v from %s to %s", s.Member, s.Parts, b.since(s.First), b.since(s.Last)))
	}
	if b.trial.Kind == workloads.Producing || b.trial.NotRead != "" {
		return
	}
	b.plain("", results.AuditUndelivered, float64(r.Missing()), r.Sent)
	spec := &b.trial.Spec
	for _, c := range r.Undelivered {
		b.add(results.Row{Class: c.Name, Metric: results.AuditUndelivered, Unit: results.UnitCount, Value: float64(c.Count), N: r.Sent})
		why := map[string]string{
			"stranger": "a member that kbench did not start had their partitions",
			"node":     "no node led their partitions",
			"stuck":    "a member had their partitions and handed nothing on",
			"handler":  fmt.Sprintf("the handler, at %s a record, was at work all the time", spec.Consume.Handler.Time),
			"drain":    fmt.Sprintf("the drain of %s was too short", spec.Phases.Drain),
		}[c.Name]
		remark := results.Remarkf(results.AuditUndelivered, "%d acked records are in the log and were not delivered: %s", c.Count, why).With("records", results.UnitCount, float64(c.Count))
		remark.Class = c.Name
		b.warn(remark)
	}
}

// redelivered adds the deliveries that were not the first.
func (b *builder) redelivered(role results.Role, ws []*worker) {
	var first, all int64
	causes := map[string]int64{}
	for _, w := range ws {
		first += w.delivered
		for cause, n := range w.redelivered {
			causes[cause] += n
			all += n
		}
	}
	if first+all == 0 {
		return
	}
	b.plain(role, results.ConsumeRedelivered, float64(all), first)
	for _, cause := range slices.Sorted(maps.Keys(causes)) {
		b.add(results.Row{Role: role, Class: cause, Metric: results.ConsumeRedelivered, Unit: results.UnitCount, Value: float64(causes[cause]), N: first})
	}
}

// lates adds to a histogram, of each record of a run that was due in the measured part,
// how late it was: the first at one time and the last at another. Times lie evenly in a
// run, and records whose lateness the histogram does not tell apart are added at once: a
// crash may cost a million of them.
func (b *builder) lates(h *hdrhistogram.Histogram, r *audit.Redelivery, at, lastAt int64) {
	between := func(first, last int64, i int) int64 {
		if r.Count < 2 {
			return first
		}
		return first + int64(float64(last-first)*float64(i)/float64(r.Count-1))
	}
	late := func(i int) int64 {
		return min(max(between(at-r.Due, lastAt-r.LastDue, i), record.MinLatency), record.MaxLatency)
	}
	// beyond is the first record on the other side of a time.
	beyond := func(t int64) int {
		return sort.Search(int(r.Count), func(i int) bool { return (between(r.Due, r.LastDue, i) >= t) == (r.Due <= r.LastDue) })
	}
	from, to := beyond(b.measured.from), beyond(b.measured.to)
	for i, end := min(from, to), max(from, to); i < end; {
		v := late(i)
		n := sort.Search(end-i, func(n int) bool { return !h.ValuesAreEquivalent(late(i+n), v) })
		_ = h.RecordValues(v, int64(n)) // in range
		i += n
	}
}

// allDue adds to the time from due to ack those records that never had an ack.
func (b *builder) allDue(h *hdrhistogram.Histogram, ws []*worker) *hdrhistogram.Histogram {
	never := b.neverDue(ws)
	if h == nil || never == nil {
		return cmp.Or(h, never)
	}
	h.Merge(never)
	return h
}

// neverDue is how late those are that were due in the measured part and never had an
// ack: at least as late as they were when the producers had closed. It is nil without any.
func (b *builder) neverDue(ws []*worker) *hdrhistogram.Histogram {
	if b.trial.Spec.Produce.Rate.Max {
		return nil // nothing is due there
	}
	h := newHistogram()
	until := b.trial.Until()
	for _, w := range ws {
		for i := range w.never {
			b.lates(h, &w.never[i], until, until)
		}
		for _, i := range w.Latencies { // what was not handed over has a series of its own
			if i.Metric == results.ProduceUnsent && i.Phase == results.PhaseMeasure {
				h.Merge(i.Hist)
			}
		}
	}
	return some(h)
}

func newHistogram() *hdrhistogram.Histogram {
	return hdrhistogram.New(record.MinLatency, record.MaxLatency, 3)
}

// some is a histogram that has something, else nil.
func some(h *hdrhistogram.Histogram) *hdrhistogram.Histogram {
	if h.TotalCount() == 0 {
		return nil
	}
	return h
}

// firstOnly takes the redeliveries out of latencies, for which a worker cannot tell
// them. When they came is known to 10 ms; what is taken out is the recorded value
// next to that.
func (b *builder) firstOnly(h *hdrhistogram.Histogram, ws []*worker) *hdrhistogram.Histogram {
	again := newHistogram()
	for _, w := range ws {
		for i := range w.repeats {
			r := &w.repeats[i]
			b.lates(again, r, r.At, r.LastAt)
		}
	}
	if h == nil || again.TotalCount() == 0 {
		return h
	}
	bars := slices.DeleteFunc(h.Distribution(), func(bar hdrhistogram.Bar) bool { return bar.Count == 0 })
	for _, out := range slices.Backward(again.Distribution()) { // the longest first: they are what matters
		for out.Count > 0 && len(bars) > 0 {
			near := nearest(bars, (out.From+out.To)/2)
			n := min(out.Count, bars[near].Count)
			out.Count -= n
			if bars[near].Count -= n; bars[near].Count == 0 {
				bars = slices.Delete(bars, near, near+1)
			}
		}
	}
	left := newHistogram() // a count is never taken back
	for _, bar := range bars {
		_ = left.RecordValues(bar.From, bar.Count) // in range
	}
	return some(left)
}

// nearest is the bar next to a value.
func nearest(bars []hdrhistogram.Bar, v int64) int {
	i, _ := slices.BinarySearchFunc(bars, v, func(bar hdrhistogram.Bar, v int64) int { return cmp.Compare(bar.To, v) })
	switch {
	case i == len(bars):
		return i - 1
	case i > 0 && v-bars[i-1].To <= bars[i].From-v:
		return i - 1
	}
	return i
}
