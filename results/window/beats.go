package window

import (
	"slices"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/audit"
)

// beatGap is the longest time between two heartbeats of a member while nothing
// happened to the group, and how many such times there were. A client that sends
// them behind other requests shows it here, long before a session runs out.
func (a *analysis) beatGap() (longest int64, n int) {
	disturbed := func(from, to int64) bool {
		return slices.ContainsFunc(a.windows, func(w actWindow) bool { return w.From < to && from < w.To })
	}
	for i := range a.Workers {
		last := int64(0) // the beat before; 0: there is none since the member joined
		look := func(now int64) bool {
			if last == 0 || last < a.Measured.From || now > a.Measured.To || disturbed(last, now) {
				return false
			}
			longest = max(longest, now-last)
			return true
		}
		for _, c := range a.Workers[i].Calls {
			switch c.API {
			case apiJoin: // a member that was told joins at once; one that was silent for too long comes back so
				look(c.Req)
				last = 0
			case apiLeave:
				last = 0
			case apiBeat, apiConsumer:
				if look(c.Req) {
					n++
				}
				last = c.Req
			}
		}
		look(a.Measured.To) // whatever came after it
	}
	return longest, n
}

// Rest is what a group did that nothing was done to.
type Rest struct {
	Generations int // completed in the measured part
	BeatGap     int64
	BeatGaps    int // as in Report
}

// AtRest looks at the group of a trial without a timeline.
func AtRest(t *results.Trial, logs []audit.Log) Rest {
	in := Input{Heartbeat: int64(t.Spec.Group.Heartbeat), Session: int64(t.Spec.Group.Session)}
	for _, p := range t.Phases {
		if p.Name == "measure" {
			in.Measured = Interval{p.From, p.To}
		}
	}
	in.End = in.Measured.To
	client := clients(t)
	for _, l := range logs {
		if c, member := client[l.Worker]; member {
			in.Workers = append(in.Workers, Worker{Name: l.Worker, Client: c, Calls: pair(l.Events, t.Group)})
		}
	}
	a := &analysis{Input: in, wire: newWire(in)}
	r := Rest{Generations: len(a.generations())}
	r.BeatGap, r.BeatGaps = a.beatGap()
	return r
}
