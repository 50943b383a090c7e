package verify

import (
	"strings"
	"testing"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/evidence"
	"github.com/kbench/kbench/results/record"
	"github.com/kbench/kbench/results/window"
	"github.com/kbench/kbench/workloads"
)

// linkEvidence is that of a link which did what it says, on the wire as in its account:
// before the first act, in a delay, in losses, and at a cut of both connections.
func linkEvidence() Evidence {
	l := &workloads.Link{}
	act := func(at, until int64) results.Act { return results.Act{At: at * ms, Resumed: until * ms, Link: l} }
	e := Evidence{State: results.StateComplete, Pauses: &window.Report{Events: []window.Event{
		{Acts: []results.Act{act(1000, 2500)}}, {Acts: []results.Act{act(4000, 6000), act(7000, 7001)}},
	}}}
	trips := func(from, to, took, held int64) {
		for at := from; at < to; at += 100 {
			e.Link.trips = append(e.Link.trips, trip{1, at * ms, (at + took) * ms, held * ms})
		}
	}
	trips(0, 1000, 1, 0)
	trips(1000, 2500, 81, 80)
	trips(4000, 6000, 201, 200)
	e.Link.wires = []evidence.Wire{{To: 6500 * ms, Open: 2}, {To: 7500 * ms, Open: 3}}
	e.Link.seen = map[int]results.Interval{1: {From: ms, To: 6999 * ms}, 2: {From: ms, To: 6999 * ms}, 3: {From: 7100 * ms, To: 8000 * ms}}
	e.Link.links = []evidence.Link{
		{From: 4000 * ms, To: 5000 * ms, Link: record.Link{Conn: 1, Stalls: record.AddTime(nil, 200*ms, 9)}},
		{From: 6500 * ms, To: 7500 * ms, Link: record.Link{Conn: 1, Cut: 1}},
		{From: 6500 * ms, To: 7500 * ms, Link: record.Link{Conn: 2, Cut: 1}},
	}
	return e
}

// TestLinkFound: an account that the wire bears out is believed, and no other.
func TestLinkFound(t *testing.T) {
	f := func(want string, change func(*Evidence)) {
		t.Helper()
		e := linkEvidence()
		change(&e)
		if got := strings.Join(linkFound(e).wrong, "; "); want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("%q; want %q", got, want)
		}
	}
	all := func(e *Evidence, from, to int64, change func(*trip)) {
		for i := range e.Link.trips {
			if at := e.Link.trips[i].sent / ms; at >= from && at < to {
				change(&e.Link.trips[i])
			}
		}
	}
	f("", func(*Evidence) {})
	f("", func(e *Evidence) { all(e, 1000, 2500, func(t *trip) { t.answered += 3 * ms }) }) // 5% of 80
	f("requests took 86ms longer on the wire, where the link held them back for 80ms", func(e *Evidence) {
		all(e, 1000, 2500, func(t *trip) { t.answered += 6 * ms })
	})
	f("for 40ms", func(e *Evidence) { all(e, 1000, 2500, func(t *trip) { t.link = 40 * ms }) })
	f("for 250ms", func(e *Evidence) { all(e, 4000, 6000, func(t *trip) { t.link = 250 * ms }) })
	f("no request was held up by a loss", func(e *Evidence) { all(e, 4000, 6000, func(t *trip) { t.link = 0 }) })
	f("no request was answered before the first act", func(e *Evidence) { e.Link.trips = e.Link.trips[10:] })
	f("less than the timeout of TCP", func(e *Evidence) { e.Link.links[0].Stalls = record.AddTime(nil, 100*ms, 9) })
	f("1 connections are said to have been cut, and the tap had 2 open", func(e *Evidence) { e.Link.links = e.Link.links[:2] })
	f("connection 1 was cut, and went on", func(e *Evidence) { e.Link.seen[1] = results.Interval{From: ms, To: 7200 * ms} })
	f("connection 9 was there before the cut and after it", func(e *Evidence) { e.Link.seen[9] = results.Interval{From: ms, To: 7200 * ms} })
	f("there must be three acts on the link", func(e *Evidence) { e.Pauses.Events = e.Pauses.Events[:1] })
	f("audit.lost is 1", func(e *Evidence) { e.Counts = map[string]int64{results.AuditLost: 1} })
}
