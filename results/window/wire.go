package window

import (
	"slices"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/group"
)

// newWire is the course of the group: what the taps of all members saw, and that
// an act ended a member that did not ask to leave.
func newWire(in Input) *group.Course {
	w := &group.Course{}
	for i := range in.Workers {
		w.Follow(i, in.Workers[i].Calls)
	}
	for _, act := range in.Acts {
		if victim := act.Ended(); victim != "" && act.At != 0 {
			if i := in.index(victim); i >= 0 && !in.left(i, act.At) {
				w.Add(act.At, i, group.Gone, nil)
			}
		}
	}
	w.Sort()
	return w
}

// index is the number of a worker, -1 where it recorded nothing.
func (in *Input) index(name string) int {
	return slices.IndexFunc(in.Workers, func(w Worker) bool { return w.Name == name })
}

// left says whether a worker asked to leave at or after a time.
func (in *Input) left(worker int, from int64) bool {
	return slices.ContainsFunc(in.Workers[worker].Calls, func(c group.Call) bool { return c.Leaves() && c.Req >= from })
}

// unstable are the stretches of [from, to] in which the group was not stable.
func (a *seen) unstable(from, to int64) []Interval {
	g := group.Start()
	var out []Interval
	since := from
	stable := false
	for _, s := range a.wire.Steps {
		if s.At > to {
			break
		}
		g.Apply(s)
		if now := g.Stable(); now != stable {
			if now && s.At > since {
				out = append(out, Interval{From: since, To: s.At})
			}
			since, stable = max(s.At, from), now
		}
	}
	if !stable {
		out = append(out, Interval{From: since, To: to})
	}
	return results.Union(out)
}
