package window

import (
	"cmp"
	"math"
	"slices"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/workloads/acts"
)

// actWindow is a window and the acts in it, as indices.
type actWindow struct {
	Interval
	acts    []int
	settled bool
}

// findWindows cuts the trial into the windows of its acts. A window ends at the
// first moment after which nothing is disturbed for 2H, or until the next act if
// that comes earlier:
//
//	act          settled              act
//	 |--- disturbed ---|- quiet for 2H -|
//
// An act that comes while the window before it is still disturbed is part of it.
func (a *seen) findWindows(bad []Interval) []actWindow {
	var windows []actWindow
	order := a.actsInTime()
	for i := 0; i < len(order); {
		w := actWindow{Interval: Interval{From: a.Acts[order[i]].At, To: a.Acts[order[i]].At}}
		for {
			w.acts = append(w.acts, order[i])
			i++
			next := a.End
			if i < len(order) {
				next = a.Acts[order[i]].At
			}
			w.To = settle(bad, w.To, next-a.Theta, 2*a.Heartbeat)
			if i == len(order) || next > w.To {
				break
			}
		}
		w.settled = w.To < a.Measured.To
		w.To = min(w.To, max(a.End, w.From))
		windows = append(windows, w)
	}
	return windows
}

// settle is the first moment from t on after which no interval of bad comes for
// so long, or begins before limit. What begins just before the next act may be a
// record that the act itself caught.
func settle(bad []Interval, t, limit, quiet int64) int64 {
	for _, b := range bad {
		if b.To <= t {
			continue
		}
		if b.From >= t+quiet || b.From > t && b.From >= limit {
			break
		}
		t = b.To
	}
	return t
}

// actsInTime are the acts that were carried out, by their time.
func (a *seen) actsInTime() []int {
	var out []int
	for i, act := range a.Acts {
		if act.At != 0 {
			out = append(out, i)
		}
	}
	slices.SortStableFunc(out, func(x, y int) int { return cmp.Compare(a.Acts[x].At, a.Acts[y].At) })
	return out
}

// disturbed are the stretches in which the group was not stable on the wire, or
// was and had not delivered every partition yet, in which a partition was late,
// or an act had not had its effect.
func (a *seen) disturbed(late map[int32][]Interval, changes [][]change) []Interval {
	all := a.unstable(a.Measured.From, a.Measured.To)
	for i := range all {
		if !a.Slow {
			all[i].To = a.allDelivered(all[i].To)
		}
	}
	for _, p := range a.Partitions {
		all = append(all, late[p]...)
	}
	return results.Union(append(all, a.effects(changes)...))
}

// effects are the stretches in which an act had not had its effect.
func (a *seen) effects(changes [][]change) []Interval {
	var all []Interval
	for i, act := range a.Acts {
		if act.At == 0 {
			continue
		}
		until := max(act.At, act.Ready)
		if acts.Of(act.Kind).Lasts() {
			until = max(until, min(act.Resumed, a.killed(act.Member, act.At)))
		}
		for _, c := range changes[i] {
			if !c.expiry || a.wire.KIP { // the wire itself waits for a generation without the expired
				until = max(until, c.at)
			}
		}
		all = append(all, Interval{From: act.At, To: until})
	}
	return all
}

// killed is when an act ended a worker from a time on, the end of time where none did.
// What is killed while it is stopped does not go on when its stop is over.
func (in *Input) killed(worker string, from int64) int64 {
	for _, act := range in.Acts {
		if act.At >= from && act.At != 0 && worker != "" && act.Ended() == worker {
			return act.At
		}
	}
	return math.MaxInt64
}

// allDelivered is when every partition had delivered a record that was due at or
// after a time. A partition without such records, or that an act brings later, is
// not waited for.
func (a *seen) allDelivered(t int64) int64 {
	last := t
	for _, p := range a.Partitions {
		if a.born(p) > t {
			continue
		}
		if r, some := a.firstDue(p, t, a.Measured.To); some {
			last = max(last, r.At)
		}
	}
	return last
}

// changesOf are the changes that the acts of a window made, in order.
func (a *analysis) changesOf(w actWindow) []change {
	var out []change
	for _, i := range w.acts {
		out = append(out, a.byAct[i]...)
	}
	slices.SortStableFunc(out, func(x, y change) int { return cmp.Compare(x.at, y.at) })
	return out
}
