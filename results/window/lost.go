package window

import (
	"math"

	"github.com/kbench/kbench/results"
)

// A link that is worse for a time may cost a member its place in the group. Unlike one
// that is stopped it goes on asking, and what it asks is not answered, or too late; it may
// be dropped while the act lasts or, since its session began before that was over, a
// session later. Or it gives up first, and leaves or joins again by itself.

// lostTo are the changes that an act on the link made: who was lost to it, and came back.
func (a *seen) lostTo(act results.Act) (out []change) {
	until := int64(math.MaxInt64)
	if act.Resumed != 0 {
		until = act.Resumed + a.Session
	}
	for v := range a.Workers {
		if !act.Hits(a.Workers[v].Name) {
			continue
		}
		c, lost := a.lostOne(v, &act, until)
		if !lost {
			continue
		}
		out = append(out, c)
		if back, came := a.joined(v, c.at); came && !c.joins {
			out = append(out, back)
		}
	}
	return out
}

// lostOne is how a worker was lost to an act that may be why until a time.
func (a *seen) lostOne(worker int, act *results.Act, until int64) (change, bool) {
	name := a.Workers[worker].Name
	for _, l := range a.Lost {
		if l.Worker != name || l.At < act.At || l.At > until {
			continue
		}
		if !l.Evicted {
			return change{worker: worker, at: l.At, low: l.At, since: l.At, joins: true, notice: true}, true
		}
		if act.Suspends(name) { // nothing that it asked since has come through
			return a.expiry(worker, act.At)
		}
		c, known := a.expiry(worker, l.At)
		c.at = max(c.low, min(c.at, l.At))
		return c, known
	}
	for _, c := range a.Workers[worker].Calls {
		if c.Leaves() && !c.Rejected() && c.Req >= act.At && c.Req <= until {
			return change{worker: worker, at: c.Req, low: c.Req, since: c.Req}, true
		}
	}
	return change{}, false
}
