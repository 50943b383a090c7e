package window

import (
	"cmp"
	"math"
	"slices"

	"github.com/kbench/kbench/results/audit"
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

// records takes the spans apart into records. At the rates of churn a span
// holds a handful of them; where it holds more they follow each other within
// 10 ms, so that times between the first and the last are interpolated. The
// largest lateness of a span is exact.
func records(logs []audit.Log, workers []Worker, end int64) map[int32][]Record {
	type stream struct {
		partition int32
		producer  uint32
	}
	type entry struct {
		Record
		there bool
	}
	index := map[string]int{}
	for i, w := range workers {
		index[w.Name] = i
	}
	streams := map[stream][]entry{}
	for _, l := range logs {
		by, member := index[l.Worker]
		for _, s := range l.Spans {
			delivered := member && s.Kind == record.Delivered
			if s.Count == 0 || !delivered && s.Kind != record.Acked {
				continue
			}
			k := stream{s.Partition, s.Producer}
			list := streams[k]
			if need := int(s.First + s.Count); need > len(list) {
				list = slices.Grow(list, need-len(list))[:need]
				streams[k] = list
			}
			each(s, func(i uint64, due, at int64) {
				e := &list[s.First+i]
				switch {
				case !e.there:
					*e = entry{Record{Due: due, At: end, By: -1, Lost: true}, true}
				case delivered && !e.Lost && e.At <= at:
					return // a redelivery
				}
				if delivered {
					e.At, e.By, e.Lost = at, by, false
				}
			})
		}
	}
	out := map[int32][]Record{}
	for k, list := range streams {
		for _, e := range list {
			if e.there {
				out[k.partition] = append(out[k.partition], e.Record)
			}
		}
	}
	for _, list := range out {
		slices.SortStableFunc(list, func(a, b Record) int { return cmp.Or(cmp.Compare(a.Due, b.Due), cmp.Compare(a.At, b.At)) })
	}
	return out
}

// each calls fn for each record of a span, in order.
func each(s record.Span, fn func(i uint64, due, at int64)) {
	n := s.Count
	between := func(first, last int64, i uint64) int64 {
		if n == 1 {
			return first
		}
		return first + int64(float64(last-first)*float64(i)/float64(n-1))
	}
	worst, most := uint64(0), int64(math.MinInt64)
	for i := range n {
		if late := between(s.At, s.LastAt, i) - between(s.Due, s.LastDue, i); late > most {
			worst, most = i, late
		}
	}
	for i := range n {
		due, at := between(s.Due, s.LastDue, i), between(s.At, s.LastAt, i)
		if i == worst && s.MaxLate > most {
			at = due + s.MaxLate
		}
		fn(i, due, at)
	}
}

// due returns the records of a partition that were due in [from, to].
func (in *Input) due(p int32, from, to int64) []Record {
	list := in.Records[p]
	i, _ := slices.BinarySearchFunc(list, from, func(r Record, t int64) int { return cmp.Compare(r.Due, t) })
	j, _ := slices.BinarySearchFunc(list, to+1, func(r Record, t int64) int { return cmp.Compare(r.Due, t) })
	if j < i {
		return nil
	}
	return list[i:j]
}

// gaps finds the gap and the down set of every partition: the ground truth.
func (s *scope) gaps() {
	for i := range s.e.Partitions {
		p := &s.e.Partitions[i]
		due := s.due(p.Partition, s.e.Window.From, s.e.Window.To)
		for _, r := range due {
			if r.Lost {
				p.Lost++
				s.e.Lost++
			}
		}
		if s.Slow {
			continue
		}
		p.Records = len(due)
		for j, r := range due {
			if j == 0 || r.Late() > p.Gap {
				p.Gap = r.Late()
			}
			if r.Late() > s.Theta {
				s.e.Late++
			}
		}
		p.Down = downSet(due, s.Theta)
		p.CatchUp = catchUp(due, p.Down)
	}
}

// The quiet stretch before an event that its baseline is taken from.
const (
	baselineLongest  = 10e9
	baselineShortest = 2e9
)

// baseline is p99.9 of the lateness before the event. Records due in the last
// theta before it are left out: an act may catch them on their way.
func (s *scope) baseline() {
	to := s.e.Window.From
	from := max(to-baselineLongest, s.Measured.From)
	for _, w := range s.windows {
		if w.To < to {
			from = max(from, w.To)
		}
	}
	if to-from < baselineShortest || s.Slow {
		return
	}
	var late []int64
	for _, p := range s.Partitions {
		for _, r := range s.due(p, from, to-s.Theta-1) {
			late = append(late, r.Late())
		}
	}
	if len(late) == 0 {
		return
	}
	slices.Sort(late)
	s.e.Baseline = late[max(int(math.Ceil(0.999*float64(len(late))))-1, 0)]
	s.e.BaselineKnown = true
	s.e.Noisy = s.e.Baseline > s.Theta/2
}
