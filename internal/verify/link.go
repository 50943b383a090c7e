package verify

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kbench/kbench/drivers"
	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/evidence"
	"github.com/kbench/kbench/results/record"
	"github.com/kbench/kbench/workloads"
	"github.com/kbench/kbench/workloads/acts"
)

// This file is the case in which the link of a member is made worse: by a delay, by
// losses and by a cut, one after the other. What it is said to have done must be found
// again on the wire, in the times of requests that the tap saw, which knows nothing of
// the link.

// What is done to the link.
const (
	linkDelay = 40 * time.Millisecond
	linkLoss  = workloads.Share(0.4)
)

// The bounds of what is found again.
const (
	linkNear  = 2 * time.Millisecond
	linkShare = 0.05
)

// badLink is a member that commits and sends heartbeats often, so that there are
// requests to be timed.
func badLink(d drivers.Driver) Case {
	s := small("link")
	s.Name = fileName("verify-link-" + d.Name())
	s.Topic.Partitions = 2
	s.Group.Heartbeat, s.Group.Session, s.Group.Rebalance, s.Group.RejoinBackoff = 200*time.Millisecond, 6*time.Second, 6*time.Second, 100*time.Millisecond
	s.Consume.Fetch.Wait = 100 * time.Millisecond
	s.Consume.Commit.Every, s.Consume.Commit.Mark.Every = 50*time.Millisecond, 5*time.Millisecond
	s.Phases.Measure = time.Second
	act := workloads.ChurnEntry{Do: string(acts.Link), Times: 1, Target: "all"}
	slow, cut, lossy := act, act, act
	slow.At, slow.For, slow.With = 500*time.Millisecond, 1500*time.Millisecond, map[string]any{"link.delay": linkDelay.String()}
	cut.At, cut.With = 6*time.Second, map[string]any{"link.cut": true}
	lossy.At, lossy.For, lossy.With = 3*time.Second, 2*time.Second, map[string]any{"link.loss": linkLoss.String()}
	s.Churn = []workloads.ChurnEntry{slow, lossy, cut}
	return Case{
		Name: "link", Question: "link", Driver: d, Spec: s, judge: linkFound,
		Bound: fmt.Sprintf("median of what the link held requests back, and of what the tap saw them take beyond those of before, apart by at most %s or %.0f%%; each cut connection cut, and no other",
			linkNear, 100*linkShare),
	}
}

// trip is a request about the group, on its way and back.
type trip struct {
	conn           int
	sent, answered int64
	link           int64 // for so long the link held something back on its connection
}

func (t trip) took() int64 { return t.answered - t.sent }
func (t trip) held() int64 { return t.link }

// linked is what there is to know of the link of a member.
type linked struct {
	trips []trip
	links []evidence.Link
	wires []evidence.Wire
	seen  map[int]results.Interval // by connection: its first and last sign on the wire
}

// linkOf gathers it of a worker. Requests that wait for other members are left out.
func linkOf(w *evidence.Worker) (l linked) {
	l.links, l.wires, l.seen = w.Links, w.Wire, map[int]results.Interval{}
	held := map[int][]results.Interval{}
	for _, k := range w.Links {
		for _, h := range k.Held {
			held[k.Conn] = append(held[k.Conn], results.Interval{From: h.From, To: h.To})
		}
	}
	type key struct {
		conn int
		corr int32
	}
	sent := map[key]int64{}
	for _, ev := range w.Group {
		if ev.K != record.EvRequest && ev.K != record.EvResponse {
			continue
		}
		seen := l.seen[ev.Conn]
		l.seen[ev.Conn] = results.Interval{From: cmp.Or(seen.From, ev.T), To: ev.T}
		if ev.API != int16(kmsg.Heartbeat) && ev.API != int16(kmsg.OffsetCommit) {
			continue
		}
		k := key{ev.Conn, ev.Corr}
		if ev.K == record.EvRequest {
			sent[k] = ev.T
			continue
		}
		if at, asked := sent[k]; asked {
			way := results.Interval{From: at, To: ev.T}
			l.trips = append(l.trips, trip{ev.Conn, at, ev.T, results.TotalLength(results.Clip(results.Union(held[ev.Conn]), way))})
		}
	}
	return l
}

// during are the trips that began in a stretch.
func (l *linked) during(from, to int64) []trip {
	return slices.DeleteFunc(slices.Clone(l.trips), func(t trip) bool { return t.sent < from || t.sent >= to })
}

// linkFound expects what was injected in what was measured.
func linkFound(e Evidence) (v verdict) {
	v.injected = fmt.Sprintf("%s each way, %s of segments lost, a cut", linkDelay, linkLoss)
	v.reported = e.found()
	v.wrong = e.others(results.AuditDuplicate, results.AuditZombie, results.AuditOverlap, results.AuditCommitRegression) // of a member that had to join again
	var done []results.Act
	if e.Pauses != nil {
		for i := range e.Pauses.Events {
			done = append(done, e.Pauses.Events[i].Acts...)
		}
	}
	if len(done) != 3 || done[0].Link == nil || done[1].Link == nil || done[2].Link == nil {
		v.off("there must be three acts on the link, and there are %d", len(done))
		return v
	}
	slow, lossy, cut := done[0], done[1], done[2]
	l := e.Link
	base := medianOf(l.during(0, slow.At), trip.took)
	if base == 0 {
		v.off("no request was answered before the first act, so that nothing was tested")
		return v
	}
	const settles = int64(2 * linkDelay)
	delayed := l.during(slow.At+settles, slow.Resumed-settles)
	longer := medianOf(delayed, trip.took) - base
	v.apart(longer, 2*int64(linkDelay))
	v.apart(longer, medianOf(delayed, trip.held))

	lost := slices.DeleteFunc(l.during(lossy.At, lossy.Resumed), func(t trip) bool { return t.link < int64(50*time.Millisecond) })
	if len(lost) == 0 {
		v.off("no request was held up by a loss, so that nothing was tested")
		return v
	}
	stalled, stall := medianOf(lost, trip.took)-base, medianOf(lost, trip.held)
	v.apart(stalled, stall)
	if of := l.stalls(lossy); of < int64(199*time.Millisecond) {
		v.off("the median wait for a lost segment is %s, less than the timeout of TCP", round(of))
	}
	v.reported = fmt.Sprintf("+%s for %s, +%s for stalls of %s, %d cut", round(longer), round(2*int64(linkDelay)), round(stalled), round(stall), l.cut(cut, &v))
	return v
}

// apart adds that two times are too far apart.
func (v *verdict) apart(wire, injected int64) {
	far := max(wire-injected, injected-wire)
	if far > int64(linkNear) && float64(far) > linkShare*float64(injected) {
		v.off("requests took %s longer on the wire, where the link held them back for %s", round(wire), round(injected))
	}
}

// stalls is the median of the waits for lost segments in an act.
func (l *linked) stalls(act results.Act) int64 {
	var all record.Link
	for _, k := range l.links {
		if k.To > act.At && k.From < act.Resumed {
			all.Add(k.Link)
		}
	}
	return record.MedianTime(all.Stalls)
}

// cut holds the connections that are said to have been cut against the wire: all that
// were open are among them, and none of them gave a sign afterwards.
func (l *linked) cut(act results.Act, v *verdict) int {
	const late = int64(50 * time.Millisecond) // of the news of the act
	broken := map[int]bool{}
	for _, k := range l.links {
		if k.Cut > 0 {
			broken[k.Conn] = true
		}
	}
	open := 0
	for _, w := range l.wires {
		if w.To <= act.At {
			open = w.Open
		}
	}
	if len(broken) != open {
		v.off("%d connections are said to have been cut, and the tap had %d open", len(broken), open)
	}
	for conn, seen := range l.seen {
		switch {
		case broken[conn] && (seen.From > act.At+late || seen.To > act.At+late):
			v.off("connection %d was cut, and went on", conn)
		case !broken[conn] && seen.From < act.At && seen.To > act.At+late:
			v.off("connection %d was there before the cut and after it", conn)
		}
	}
	return len(broken)
}

// medianOf is the median of a time of trips; 0 of none.
func medianOf(all []trip, of func(trip) int64) int64 {
	var times []int64
	for _, t := range all {
		times = append(times, of(t))
	}
	slices.Sort(times)
	if len(times) == 0 {
		return 0
	}
	return times[len(times)/2]
}
