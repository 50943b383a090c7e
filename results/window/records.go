package window

import (
	"iter"
	"math"
	"slices"

	"github.com/kbench/kbench/results/record"
)

// Record is one record: when it was due and when it first reached a handler.
type Record struct {
	Due, At int64
	By      int  // index of the worker that had it first
	Lost    bool // acked and never delivered: At is the end of the trial
}

// Late is the lateness L.
func (r Record) Late() int64 { return r.At - r.Due }

// Batch is records of a partition that one worker had first, or that nobody had.
type Batch struct {
	Due, At []int64 // by record; they are the batch's until the next
	By      int
	Lost    bool
}

// Bounds say which records are asked for: those due in [From, To] that came in
// [Since, Until] and were later than Late.
type Bounds struct{ From, To, Since, Until, Late int64 }

// Everything bounds nothing.
func Everything() Bounds {
	return Bounds{math.MinInt64, math.MaxInt64, math.MinInt64, math.MaxInt64, math.MinInt64}
}

// DueIn bounds when records were due.
func DueIn(from, to int64) Bounds {
	b := Everything()
	b.From, b.To = from, to
	return b
}

// mayHave says whether something between other bounds can lie in these.
func (b *Bounds) mayHave(o Bounds) bool {
	return o.From <= b.To && o.To >= b.From && o.Since <= b.Until && o.Until >= b.Since && o.Late > b.Late
}

// wider adds to the bounds of records those of one more.
func (b *Bounds) wider(due, at int64) {
	b.From, b.To = min(b.From, due), max(b.To, due)
	b.Since, b.Until = min(b.Since, at), max(b.Until, at)
	b.Late = max(b.Late, at-due)
}

// Records gives the records of a trial as often as they are asked for.
type Records interface {
	// Each yields those of a partition, each once and in no order. Only those within
	// the bounds have to be among them, and the bounds may be narrowed meanwhile.
	Each(partition int32, within *Bounds) iter.Seq[*Batch]
}

// apart takes a span apart into its records.
func apart(s *record.Span, due, at []int64) (_, _ []int64) {
	n := int(s.Count)
	due, at = slices.Grow(due[:0], n)[:n], slices.Grow(at[:0], n)[:n]
	spread(due, s.Due, s.LastDue, n, 0)
	spread(at, s.At, s.LastAt, n, 0)
	worst, most := 0, int64(math.MinInt64)
	for i, t := range at {
		if late := t - due[i]; late > most {
			worst, most = i, late
		}
	}
	if s.MaxLate > most {
		at[worst] = due[worst] + s.MaxLate
	}
	return due, at
}

// spread fills out with the times number from, from+1, ... of n that lie evenly
// between two, rounded towards the first:
//
//	out[i] = first + (last-first)*(from+i)/(n-1)
//
// Every record of a trial comes by here, and a division for each would take longer
// than all the rest.
func spread(out []int64, first, last int64, n, from int) {
	if n < 2 {
		for i := range out {
			out[i] = first
		}
		return
	}
	step, m := last-first, int64(n-1)
	sign := int64(1)
	if step < 0 {
		step, sign = -step, -1
	}
	if step >= 1<<52/m {
		for i := range out {
			out[i] = first + int64(float64(last-first)*float64(from+i)/float64(m))
		}
		return
	}
	at := step * int64(from)
	whole, over := at/m, at%m
	each, rest := step/m, step%m
	for i := range out {
		out[i] = first + sign*whole
		whole += each
		if over += rest; over >= m {
			over -= m
			whole++
		}
	}
}

// Acked yields the records of a lane of acks: when each was due, and when its ack
// came. Where none of many was later than least they may be left out.
func Acked(l *record.Lane, least int64) iter.Seq[*Batch] {
	return func(yield func(*Batch) bool) {
		var buf record.Buffer
		var batch Batch
		for i := range l.Pages {
			if l.Pages[i].Late <= least {
				continue
			}
			for _, s := range l.Read(i, &buf) {
				if batch.Due, batch.At = apart(&s, batch.Due, batch.At); !yield(&batch) {
					return
				}
			}
		}
	}
}
