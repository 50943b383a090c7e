package window

import (
	"cmp"
	"iter"
	"maps"
	"math"
	"slices"

	"github.com/kbench/kbench/results/audit"
	"github.com/kbench/kbench/results/record"
)

// spanRecords makes records of spans whenever they are asked for, and holds none. At
// the rates of churn a span has a handful of them; where it has more they follow
// each other within 10 ms, so that times between the first and the last are
// interpolated. The largest lateness of a span is exact.
//
// A record came when it was first delivered. It was due when the first of the logs
// that has it says so: an ack and a delivery lie in different spans, whose
// interpolations differ by a little.
type spanRecords struct {
	end        int64 // when what was never delivered counts as come
	partitions map[int32]*spansOf
}

// spansOf is the spans of one partition.
type spansOf struct {
	delivered []ownLane
	producers map[uint32]*produced
}

// ownLane is a lane with the index of its log, and of the worker in the Input.
type ownLane struct {
	*record.Lane
	log, by int
}

// ackLane is a lane of acks. ends is by page the highest sequence up to it, and firsts
// the lowest from it on: mostly they rise, but acks may come out of order.
type ackLane struct {
	ownLane
	ends, firsts []int64
}

func newAckLane(l ownLane) ackLane {
	n := len(l.Pages)
	a := ackLane{l, make([]int64, n), make([]int64, n)}
	most, least := int64(math.MinInt64), int64(math.MaxInt64)
	for i := range n {
		most, least = max(most, l.Pages[i].End), min(least, l.Pages[n-1-i].First)
		a.ends[i], a.firsts[n-1-i] = most, least
	}
	return a
}

// from is the first page that can have a sequence; a guess is tried before.
func (a *ackLane) from(sequence int64, guess int) int {
	for i := guess; i < min(guess+2, len(a.ends)); i++ {
		if (i == 0 || a.ends[i-1] <= sequence) && a.ends[i] > sequence {
			return i
		}
	}
	i, _ := slices.BinarySearch(a.ends, sequence+1)
	return i
}

// produced is what one producer put into a partition.
type produced struct {
	acked []ackLane
	wide  int64 // by so much an ack may say otherwise when a record was due
	many  []piece
	lost  []piece // acked and not delivered
}

// piece is the sequences [lo, hi) and, of many, the bounds of their records.
type piece struct {
	lo, hi int64
	Bounds
}

// mostMany is how many records are held while it is found out who had them first.
const mostMany = 1 << 14

// newRecords arranges the spans of logs. Of deliveries only those of members count.
func newRecords(logs []audit.Log, workers []Worker, end int64) *spanRecords {
	index := map[string]int{}
	for i, w := range workers {
		index[w.Name] = i
	}
	r := &spanRecords{end, map[int32]*spansOf{}}
	runs := map[*produced][]ownRun{}
	for i, l := range logs {
		by, member := index[l.Worker]
		if l.Spans == nil {
			continue
		}
		for _, lane := range l.Spans.Lanes {
			if lane.Kind == record.Acked || lane.Kind == record.Delivered && member {
				r.add(ownLane{lane, i, by}, runs)
			}
		}
	}
	for _, of := range r.partitions {
		for producer, p := range of.producers {
			p.sort(of, producer, runs[p])
		}
	}
	return r
}

type ownRun struct {
	record.Run
	ownLane
}

// add takes in a lane, and adds its runs to those of their producers.
func (r *spanRecords) add(l ownLane, runs map[*produced][]ownRun) {
	of := r.partitions[l.Partition]
	if of == nil {
		of = &spansOf{producers: map[uint32]*produced{}}
		r.partitions[l.Partition] = of
	}
	if l.Kind == record.Delivered {
		of.delivered = append(of.delivered, l)
	}
	for _, run := range l.Sequences {
		p := of.producers[run.Producer]
		if p == nil {
			p = &produced{}
			of.producers[run.Producer] = p
		}
		runs[p] = append(runs[p], ownRun{run, l})
		if l.Kind == record.Acked && (len(p.acked) == 0 || p.acked[len(p.acked)-1].Lane != l.Lane) {
			p.acked = append(p.acked, newAckLane(l))
			p.wide = max(p.wide, l.Wide)
		}
	}
}

// sort finds the sequences that are not simply those of one delivery, with or without
// one ack.
func (p *produced) sort(of *spansOf, producer uint32, runs []ownRun) {
	audit.Cover(runs, func(r *ownRun) (lo, hi int64) { return r.Lo, r.Hi }, func(lo, hi int64, runs []ownRun) {
		acked, delivered := -1, -1
		many := false
		for i, r := range runs {
			kind := &delivered
			if r.Kind == record.Acked {
				kind = &acked
			}
			many = many || *kind >= 0
			*kind = i
		}
		if !many && acked >= 0 && delivered >= 0 {
			many = runs[acked].log == runs[delivered].log
		}
		switch {
		case many:
			for ; lo < hi; lo += mostMany {
				one := piece{lo, min(hi, lo+mostMany), Bounds{math.MaxInt64, math.MinInt64, math.MaxInt64, math.MinInt64, math.MinInt64}}
				for _, e := range of.resolve(producer, one.lo, one.hi, 0) {
					one.wider(e.Due, e.At)
					if e.Lost {
						one.Until = math.MaxInt64
						one.Late = math.MaxInt64
					}
				}
				p.many = append(p.many, one)
			}
		case delivered < 0:
			p.lost = append(p.lost, piece{lo: lo, hi: hi})
		}
	})
}

// having yields the spans of a lane that have any of the sequences [lo, hi) of a
// producer, each with its position in the file. Pages without a record that was due
// within bounds are passed over.
func (l *ownLane) having(producer uint32, lo, hi int64, within Bounds, buf *record.Buffer) iter.Seq2[int64, *record.Span] {
	return func(yield func(int64, *record.Span) bool) {
		for i := range l.Pages {
			if p := &l.Pages[i]; p.First >= hi || p.End <= lo || p.Due > within.To || p.LastDue < within.From {
				continue
			}
			spans := l.Read(i, buf)
			for j := range spans {
				s := &spans[j]
				if s.Producer == producer && int64(s.First) < hi && int64(s.First+s.Count) > lo && !yield(l.Position(i, j), s) {
					return
				}
			}
		}
	}
}

// written is a span and where it stands.
type written struct {
	record.Span
	log, by int
	pos     int64
}

// written are the spans that have any of the sequences of a producer, in the order
// of logs and files.
func (of *spansOf) written(producer uint32, lo, hi int64) []written {
	var spans []written
	var buf record.Buffer
	lanes := slices.Clone(of.delivered)
	for _, l := range of.producers[producer].acked {
		lanes = append(lanes, l.ownLane)
	}
	for _, l := range lanes {
		for pos, s := range l.having(producer, lo, hi, Everything(), &buf) {
			spans = append(spans, written{*s, l.log, l.by, pos})
		}
	}
	slices.SortFunc(spans, func(a, b written) int { return cmp.Or(cmp.Compare(a.log, b.log), cmp.Compare(a.pos, b.pos)) })
	return spans
}

// resolve takes the spans that have any of the sequences apart, and says of each
// record who had it first. All of them are in some span.
func (of *spansOf) resolve(producer uint32, lo, hi, end int64) []Record {
	spans := of.written(producer, lo, hi)
	out := make([]Record, hi-lo)
	there := make([]bool, hi-lo)
	var due, at []int64
	for i := range spans {
		s := &spans[i]
		due, at = apart(&s.Span, due, at)
		for k := range due {
			n := int64(s.First) + int64(k) - lo
			if n < 0 || n >= hi-lo {
				continue
			}
			e := &out[n]
			if !there[n] {
				*e, there[n] = Record{Due: due[k], At: end, By: -1, Lost: true}, true
			}
			if s.Kind == record.Delivered && (e.Lost || at[k] < e.At) {
				e.At, e.By, e.Lost = at[k], s.by, false
			}
		}
	}
	return out
}

// Each yields the records of a partition.
func (r *spanRecords) Each(partition int32, within *Bounds) iter.Seq[*Batch] {
	return func(yield func(*Batch) bool) {
		of := r.partitions[partition]
		if of == nil {
			return
		}
		dues := map[*produced][]*ackedDues{}
		var batch Batch
		for _, l := range of.delivered {
			if !of.lane(l, within, dues, &batch, yield) {
				return
			}
		}
		for _, producer := range slices.Sorted(maps.Keys(of.producers)) {
			p := of.producers[producer]
			for _, one := range p.many {
				if within.mayHave(one.Bounds) && !eachOf(of.resolve(producer, one.lo, one.hi, r.end), &batch, yield) {
					return
				}
			}
			if !p.eachLost(producer, within, r.end, &batch, yield) {
				return
			}
		}
	}
}

// lane yields the records of a lane that were delivered once.
func (of *spansOf) lane(l ownLane, within *Bounds, dues map[*produced][]*ackedDues, batch *Batch, yield func(*Batch) bool) bool {
	var buf record.Buffer
	var due, at []int64
	wide := int64(0)
	for _, p := range of.producers {
		wide = max(wide, p.wide)
	}
	for i := range l.Pages {
		p := &l.Pages[i]
		if !within.mayHave(Bounds{p.Due - wide, p.LastDue + wide, p.FirstAt, p.Until, p.Late + wide}) {
			continue
		}
		for _, s := range l.Read(i, &buf) {
			first, last := min(s.Due, s.LastDue), max(s.Due, s.LastDue)
			if !within.mayHave(Bounds{first - wide, last + wide, s.At, max(s.At, s.LastAt, last+s.MaxLate), s.Latest() + wide}) {
				continue
			}
			made := of.producers[s.Producer]
			due, at = apart(&s, due, at)
			for _, a := range made.before(l.log, dues) {
				a.fill(&s, due)
			}
			batch.By, batch.Lost = l.by, false
			lo, end := int64(s.First), int64(s.First+s.Count)
			for lo < end {
				from, to := made.once(lo, end)
				if from < to {
					k := from - int64(s.First)
					batch.Due, batch.At = due[k:k+to-from], at[k:k+to-from]
					if !yield(batch) {
						return false
					}
				}
				lo = max(to, lo+1)
			}
		}
	}
	return true
}

// once is the first part of [lo, hi) that is in no piece of many.
func (p *produced) once(lo, hi int64) (from, to int64) {
	i, _ := slices.BinarySearchFunc(p.many, lo+1, func(one piece, x int64) int { return cmp.Compare(one.hi, x) })
	for ; i < len(p.many) && p.many[i].lo <= lo; i++ {
		lo = p.many[i].hi
	}
	if i < len(p.many) {
		hi = min(hi, p.many[i].lo)
	}
	return lo, max(lo, hi)
}

// ackedDues finds when records were due by the spans of a lane of acks. Mostly they
// are asked for one after the other.
type ackedDues struct {
	*ackLane
	page  int // that spans are of
	spans []record.Span
	buf   record.Buffer
}

// before are the lanes of acks in logs that come before one.
func (p *produced) before(log int, dues map[*produced][]*ackedDues) []*ackedDues {
	all, ok := dues[p]
	if !ok {
		for i := range p.acked {
			all = append(all, &ackedDues{ackLane: &p.acked[i], page: -1})
		}
		dues[p] = all
	}
	for i, a := range all {
		if a.log >= log {
			return all[:i]
		}
	}
	return all
}

// fill replaces the due times of the records of a span by those that acks give.
func (a *ackedDues) fill(s *record.Span, due []int64) {
	lo, hi := int64(s.First), int64(s.First+s.Count)
	for i := a.from(lo, max(a.page, 0)); i < len(a.Pages) && a.firsts[i] < hi; i++ {
		if p := &a.Pages[i]; p.First >= hi || p.End <= lo {
			continue
		}
		if i != a.page {
			a.page, a.spans = i, a.Read(i, &a.buf)
		}
		for j := range a.spans {
			one := &a.spans[j]
			from, to := max(lo, int64(one.First)), min(hi, int64(one.First+one.Count))
			if from < to && one.Producer == s.Producer {
				spread(due[from-lo:to-lo], one.Due, one.LastDue, int(one.Count), int(from-int64(one.First)))
			}
		}
	}
}

// eachLost yields what was acked and not delivered.
func (p *produced) eachLost(producer uint32, within *Bounds, end int64, batch *Batch, yield func(*Batch) bool) bool {
	if end < within.Since || end > within.Until {
		return true
	}
	var buf record.Buffer
	var due, at []int64
	for _, one := range p.lost {
		for _, l := range p.acked {
			for _, s := range l.having(producer, one.lo, one.hi, *within, &buf) {
				from, to := max(one.lo, int64(s.First)), min(one.hi, int64(s.First+s.Count))
				n := int(to - from)
				due, at = slices.Grow(due[:0], n)[:n], slices.Grow(at[:0], n)[:n]
				spread(due, s.Due, s.LastDue, int(s.Count), int(from-int64(s.First)))
				for k := range at {
					at[k] = end
				}
				if *batch = (Batch{due, at, -1, true}); !yield(batch) {
					return false
				}
			}
		}
	}
	return true
}

// eachOf yields a list of records in batches.
func eachOf(list []Record, batch *Batch, yield func(*Batch) bool) bool {
	for len(list) > 0 {
		*batch = Batch{By: list[0].By, Lost: list[0].Lost}
		for len(list) > 0 && list[0].By == batch.By && list[0].Lost == batch.Lost {
			batch.Due, batch.At = append(batch.Due, list[0].Due), append(batch.At, list[0].At)
			list = list[1:]
		}
		if !yield(batch) {
			return false
		}
	}
	return true
}
