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
		last := int64(0) // the beat before; 0: the member was not at rest since
		for _, c := range a.Workers[i].Calls {
			switch c.API {
			case apiJoin, apiSync, apiLeave:
				last = 0
			case apiBeat, apiConsumer:
				if last > 0 && last >= a.Measured.From && c.Req <= a.Measured.To && !disturbed(last, c.Req) {
					longest, n = max(longest, c.Req-last), n+1
				}
				if last = c.Req; !c.ok() {
					last = 0
				}
			}
		}
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
