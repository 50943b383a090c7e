package floors

import (
	"fmt"
	"maps"
	"slices"

	"github.com/kbench/kbench/results/group"
	"github.com/kbench/kbench/results/window"
	"github.com/kbench/kbench/workloads/acts"
)

// Detection is how a join or a leave reached the survivors, the members that
// were there before it and after it. Times are ns.
type Detection struct {
	Event     string
	Kind      string // join, leave
	Survivors int
	Took      int64 // from t0 to the response that told the last of them
	// Gaps are the distances between the last beats of all survivors before t0 on
	// the circle of the heartbeat interval: one for each survivor.
	Gaps  []float64
	Beats []float64 // by survivor, from its last beat but one before t0 to the last
}

// LeftOut is an event without a time of detection.
type LeftOut struct{ Event, Kind, Why string }

// Detections finds them for all counted joins and leaves, and says of those that
// have none why not. An event is of use if one act alone changed the group, and
// the wire shows when each of the survivors was told.
func Detections(in window.Input, r *window.Report) (found []Detection, left []LeftOut) {
	for i := range r.Events {
		e := &r.Events[i]
		if kind := e.Acts[0].Kind; !e.Counted || kind != acts.Join && kind != acts.Leave {
			continue
		}
		d, why := detection(&in, e)
		if why != "" {
			left = append(left, LeftOut{e.Name, d.Kind, why})
			continue
		}
		found = append(found, d)
	}
	return found, left
}

func detection(in *window.Input, e *window.Event) (d Detection, why string) {
	act := e.Acts[0]
	d = Detection{Event: e.Name, Kind: string(act.Kind)}
	switch {
	case len(e.Acts) > 1:
		return d, fmt.Sprintf("%d acts share its window", len(e.Acts))
	case !e.Rebalanced:
		return d, "nobody was given an assignment after it"
	}
	took, _ := e.Spent(window.Detect)
	var beats []int64
	for _, worker := range slices.Sorted(maps.Keys(act.Owned)) {
		if worker == act.Member {
			continue
		}
		d.Survivors++
		if !told(e, worker) {
			return d, worker + " was not told of it"
		}
		last, before := lastBeats(in, worker, e.T0)
		if e.T0-last > in.Heartbeat*3/2 {
			return d, worker + " had sent no heartbeat in the one and a half intervals before it"
		}
		beats = append(beats, last)
		if before != 0 {
			d.Beats = append(d.Beats, float64(last-before))
		}
	}
	switch {
	case d.Survivors == 0:
		return d, "nobody was there to be told"
	case took != e.Floor:
		return d, fmt.Sprintf("its floor is %d ns, and the last member was told after %d ns", e.Floor, took)
	}
	d.Took, d.Gaps = took, gaps(beats, in.Heartbeat)
	return d, ""
}

// told says whether a worker has a time of detection.
func told(e *window.Event, worker string) bool {
	return slices.ContainsFunc(e.Members, func(m window.Member) bool {
		_, ok := m.Spent[window.Detect]
		return ok && m.Worker == worker
	})
}

// lastBeats are the last two heartbeats that a worker sent before a time.
func lastBeats(in *window.Input, worker string, t int64) (last, before int64) {
	for _, w := range in.Workers {
		if w.Name != worker {
			continue
		}
		for _, c := range w.Calls { // in the order of their requests
			if c.API == group.Heartbeat && c.Req < t {
				last, before = c.Req, last
			}
		}
	}
	return last, before
}

// gaps are the distances between neighbours on a circle of circumference h.
func gaps(times []int64, h int64) []float64 {
	on := make([]int64, len(times))
	for i, t := range times {
		on[i] = (t%h + h) % h
	}
	slices.Sort(on)
	out := make([]float64, len(on))
	for i := range on {
		next := on[0] + h
		if i+1 < len(on) {
			next = on[i+1]
		}
		out[i] = float64(next - on[i])
	}
	return out
}

// Spread is the shortest part of the heartbeat interval h that has the last beat
// of every survivor in it, all but the widest gap: 0 if they beat at once.
func (d *Detection) Spread(h float64) float64 { return h - slices.Max(d.Gaps) }
