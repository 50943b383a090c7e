package summary

import (
	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/record"
)

// links adds what faults of the link did to the connections of a role: what was really
// injected stands beside what came of it. Without such faults there are no rows.
func (b *builder) links() {
	if !b.trial.Spec.Linked() {
		return
	}
	for _, role := range roles() {
		ws := b.byRole(role)
		if len(ws) == 0 || !role.UnderTest() {
			continue
		}
		var all record.Link
		for _, w := range ws {
			for _, l := range w.Links {
				if b.measured.contains(l.From + (l.To-l.From)/2) {
					all.Add(l.Link)
				}
			}
		}
		delays, stalls, dials := times(all.Delays), times(all.Stalls), times(all.Dials)
		b.plain(role, results.LinkDelayed, float64(all.Requests+all.Responses), delays.n)
		b.plain(role, results.LinkBytes, float64(all.Bytes), delays.n)
		for _, count := range []struct {
			metric string
			n      int64
		}{{results.LinkStalls, stalls.n}, {results.LinkCuts, int64(all.Cut)}, {results.LinkIdle, int64(all.Idle)}, {results.LinkRefused, int64(all.Refused)}} {
			if count.n > 0 { // most links do not do it at all
				b.plain(role, count.metric, float64(count.n), count.n)
			}
		}
		for _, of := range []struct {
			metric string
			taken
		}{{results.LinkDelay, delays}, {results.LinkStall, stalls}, {results.LinkDial, dials}} {
			if of.n > 0 {
				b.add(results.Row{Role: role, Metric: of.metric, Stat: "p50", Unit: results.UnitNs, Value: float64(of.median), N: of.n})
				b.add(results.Row{Role: role, Metric: of.metric, Stat: "max", Unit: results.UnitNs, Value: float64(of.longest), N: of.n})
			}
		}
	}
}

// taken is what there is to say of a list of times.
type taken struct{ n, median, longest int64 }

func times(list []record.Time) (t taken) {
	for _, one := range list {
		t.n += one.N
		t.longest = one.Ns
	}
	t.median = record.MedianTime(list)
	return t
}
