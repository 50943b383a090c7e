package window

import (
	"cmp"
	"iter"
	"math"
	"slices"

	"github.com/kbench/kbench/results"
)

// due yields the records of a partition that were due in [from, to].
func (in *Input) due(p int32, from, to int64) iter.Seq[Record] {
	return in.records(p, DueIn(from, to))
}

// records yields the records of a partition within bounds.
func (in *Input) records(p int32, within Bounds) iter.Seq[Record] {
	return func(yield func(Record) bool) {
		for b := range in.Records.Each(p, &within) {
			for i, due := range b.Due {
				at := b.At[i]
				if due < within.From || due > within.To || at < within.Since || at > within.Until || at-due <= within.Late {
					continue
				}
				if !yield(Record{due, at, b.By, b.Lost}) {
					return
				}
			}
		}
	}
}

// any says whether there is such a record of a partition within bounds.
func (in *Input) any(p int32, within Bounds, such func(Record) bool) bool {
	for r := range in.records(p, within) {
		if such(r) {
			return true
		}
	}
	return false
}

// firstDue is the record of a partition that was due first in [from, to].
func (in *Input) firstDue(p int32, from, to int64) (first Record, some bool) {
	within := DueIn(from, to)
	for b := range in.Records.Each(p, &within) {
		for i, due := range b.Due {
			if due < from || due > within.To || due == first.Due && some && b.At[i] >= first.At {
				continue
			}
			first, some = Record{due, b.At[i], b.By, b.Lost}, true
			within.To = due // none that is due later is asked for any more
		}
	}
	return first, some
}

// gaps fills in the gap and the down set of every partition, the ground truth, and
// counts the records that were late and that never came.
func (s *happening) gaps(parts []Partition) (tardy, lost int64) {
	for i := range parts {
		p := &parts[i]
		var late []Interval
		for r := range s.due(p.Partition, s.window.From, s.window.To) {
			if r.Lost {
				p.Lost++
				lost++
			}
			if s.Slow {
				continue
			}
			// Of equally late ones it is the first.
			if p.Records++; p.Records == 1 || cmp.Or(cmp.Compare(r.Late(), p.Gap), cmp.Compare(p.Silence.From, r.Due)) > 0 {
				p.Gap, p.Silence = r.Late(), Interval{From: r.Due, To: r.At}
			}
			if r.Late() > s.Theta {
				tardy++
				late = join(late, Interval{From: r.Due, To: r.At})
			}
		}
		p.Down = results.Union(late)
		p.CatchUp = s.catchUp(p)
	}
	return tardy, lost
}

// The quiet stretch before an event that its baseline is taken from.
const (
	baselineLongest  = 10e9
	baselineShortest = 2e9
)

// baseline is p99.9 of the lateness before the event. Records due in the last
// theta before it are left out: an act may catch them on their way.
func (s *happening) baseline() (b int64, known bool) {
	to := s.window.From
	from := max(to-baselineLongest, s.Measured.From)
	for _, w := range s.windows {
		if w.To < to {
			from = max(from, w.To)
		}
	}
	if to-from < baselineShortest || s.Slow {
		return 0, false
	}
	n := 0
	for _, p := range s.Partitions {
		for range s.due(p, from, to-s.Theta-1) {
			n++
		}
	}
	if n == 0 {
		return 0, false
	}
	// Of the late ones only the latest are kept.
	worst := highest{keep: n - max(int(math.Ceil(0.999*float64(n)))-1, 0)}
	for _, p := range s.Partitions {
		for r := range s.due(p, from, to-s.Theta-1) {
			worst.see(r.Late())
		}
	}
	return worst.least(), true
}

// highest keeps the highest of the values that it sees.
type highest struct {
	keep int
	all  []int64
	from int64 // once there are enough: no lower one is kept
	full bool
}

func (h *highest) see(v int64) {
	if h.full && v <= h.from {
		return
	}
	if h.all = append(h.all, v); len(h.all) >= 2*h.keep {
		h.least()
	}
}

// least is the lowest of those that are kept.
func (h *highest) least() int64 {
	slices.Sort(h.all)
	h.all = h.all[max(0, len(h.all)-h.keep):]
	h.from, h.full = h.all[0], len(h.all) == h.keep
	return h.all[0]
}
