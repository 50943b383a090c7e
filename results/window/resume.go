package window

import (
	"cmp"
	"math"
	"slices"
)

// Part is where in a trial with churn a record was due.
type Part string

// The parts. A window begins as a rebalance and ends in catching up; what lies
// outside all windows is steady.
const (
	Steady    Part = "steady"
	Rebalance Part = "rebalance"
	CatchUp   Part = "catch_up"
)

// PartNames are the names of all parts, in the order in which they are shown.
func PartNames() []Part { return []Part{Steady, Rebalance, CatchUp} }

// Stretch is a piece of the measured part that is of one kind. Those of a report
// follow each other without a hole.
type Stretch struct {
	Interval
	Part  Part
	Event string // whose window it is in
}

// resumed finds when the deliveries of every partition had begun again. The group
// must be stable by then: what is delivered before may stop once more. A
// partition without a record that was due in the window and delivered later is
// not waited for.
func (s *happening) resumed(parts []Partition) int64 {
	w := s.window
	stable := w.From
	for _, u := range s.unrest {
		if u.From <= w.To && u.To >= w.From {
			stable = max(stable, min(u.To, w.To))
		}
	}
	if s.Slow {
		return stable
	}
	resumed := stable
	for _, p := range parts {
		first, any := int64(math.MaxInt64), false
		within := DueIn(w.From, w.To)
		within.Since = stable
		for r := range s.records(p.Partition, within) {
			if !r.Lost {
				first, any = min(first, r.At), true
			}
		}
		if any {
			resumed = max(resumed, min(first, w.To))
		}
	}
	return resumed
}

// Stretches cuts the measured part of a trial into its steady parts, rebalances
// and catching up. Acts that only restore the group make windows like others.
func (r *Report) Stretches(measured Interval) []Stretch {
	var out []Stretch
	at := measured.From
	add := func(to int64, part Part, event string) {
		if to = min(to, measured.To); to > at {
			out = append(out, Stretch{Interval{From: at, To: to}, part, event})
			at = to
		}
	}
	for _, e := range r.Events {
		add(e.Window.From, Steady, "")
		add(e.Resumed, Rebalance, e.Name)
		add(e.Window.To, CatchUp, e.Name)
	}
	add(measured.To, Steady, "")
	return out
}

// PartOf returns the index of the stretch that a record counts for, -1 where it
// was due outside all of them. Its due time decides. But one that was on its way
// when an act came counts for what the act did: the act caught it.
func PartOf(stretches []Stretch, due, at int64) int {
	i, _ := slices.BinarySearchFunc(stretches, due, func(s Stretch, due int64) int { return cmp.Compare(s.To, due+1) })
	if i == len(stretches) || due < stretches[i].From {
		return -1
	}
	if i+1 < len(stretches) && stretches[i].Part != Rebalance && stretches[i+1].Part == Rebalance && at >= stretches[i].To {
		return i + 1
	}
	return i
}
