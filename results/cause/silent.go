package cause

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/group"
)

// session is that of a member, from when on it was surely renewed last and when it may
// have been: whether the coordinator got a request that has no answer is not known.
//
//	answered      unanswered          first end     last end
//	   |--------------|------------------|--------------|
//	   |----------- session -------------|
//	                  |--------------- session ---------|
type session struct{ length, sure, last int64 }

func (s session) first() int64 { return s.sure + s.length }
func (s session) end() int64   { return s.last + s.length }

// session reads it off the requests of a member from its JoinGroup on, up to a time.
func (f *finder) session(m int, was *group.Call, since, until int64, kip bool) session {
	s := session{f.Session, since, since}
	if was.Session > 0 {
		s.length = was.Session
	}
	calls := f.Members[m].between(was.Req+1, until)
	for i := range calls {
		c := &calls[i]
		if !c.Renews(kip) {
			continue
		}
		at := c.Req
		if c.API == group.JoinGroup || c.API == group.SyncGroup {
			at = max(at, c.Resp)
		}
		s.last = max(s.last, at)
		if c.Resp != 0 {
			s.sure = max(s.sure, at)
		}
	}
	return s
}

// ended says whether the session of a member can have ended before a time.
func (s *step) ended(w passage, at int64) bool {
	return s.session(w.m, w.was, w.since, at, false).first() <= at
}

// dropped is why the coordinator dropped a member that is not in the next round, or not
// as the one that it was. Its session must have been over before anybody knew; one that
// was told and did not come in time is in the way of the round, and not its cause.
func (s *step) dropped(w passage, known int64) (Reason, bool) {
	of := s.session(w.m, w.was, w.since, s.r.last, false)
	if s.seen(w.was.ID) || s.calm(w.m, of.end()+slack, known) {
		return Reason{}, false
	}
	if known < of.first()-slack {
		if w.told == nil || w.now != nil || w.told.Err != group.RebalanceInProgress {
			return Reason{}, false
		}
		r := s.silent(w.m, w.was.Node, results.Interval{From: w.told.Resp, To: s.r.joined}, of.length)
		r.At = max(s.r.joined, known+slack+1)
		r.Why = fmt.Sprintf("%s was told of the rebalance and did not come within %s: %s", s.Members[w.m].Worker, seconds(s.r.joined-w.told.Resp), r.Why)
		return r, true
	}
	at := max(of.first(), min(known, of.end()))
	r := s.silent(w.m, w.was.Node, results.Interval{From: of.sure, To: at}, of.length)
	r.At, r.first, r.Evicted = at, of.first(), true
	r.Why = fmt.Sprintf("the session of %s ran out, %s after the last request that renewed it: %s", s.Members[w.m].Worker, seconds(at-of.sure), r.Why)
	return r, true
}

// seen says whether the coordinator still had a member when the next round was complete.
func (s *step) seen(id string) bool {
	return id != "" && slices.ContainsFunc(s.Views, func(v View) bool {
		return v.From > s.r.joined && slices.Contains(v.IDs, id)
	})
}

// calm says whether another member had a heartbeat answered well between two times: had the
// coordinator dropped anybody before the former, it would have been told. So is it where
// a process takes the place of a static member, and what was before it runs out in nobody.
func (s *step) calm(but int, from, to int64) bool {
	for m := range s.p.in {
		calls := s.Members[m].between(from+1, to)
		if m != but && slices.ContainsFunc(calls, func(c group.Call) bool { return c.Beats() && c.OK() && c.Resp < to }) {
			return true
		}
	}
	return false
}

// silent is why a member was not heard in a stretch of time: its process did not run, it
// ran and what it asked was not answered, or it ran and asked nothing.
func (f *finder) silent(m int, node string, over results.Interval, session int64) Reason {
	w := &f.Members[m]
	r := Reason{Cause: Unknown, Sure: Open, Worker: w.Worker}
	if w.Gone != 0 && w.Gone <= over.To {
		r.Cause, r.Sure, r.Why = Process, Certain, "its process had ended ("+cmp.Or(w.End, "nobody knows how")+")"
		before := f.lost(m, node, results.Interval{From: over.From, To: w.Gone})
		if w.Gone >= over.From+session || before.words != "" && w.Gone-before.since > int64(time.Second) {
			r.Sure = Likely
			r.Why += fmt.Sprintf(" by %s after the last request that renewed its session", seconds(w.Gone-over.From))
		}
		return r
	}
	still, cpu, awake := w.still(over)
	if 2*still >= over.Length() {
		r.Cause, r.Sure = Process, Certain
		if 3*awake > session {
			r.Sure = Likely // it had the time to beat once more
		}
		r.Why = fmt.Sprintf("its process did not run for %s of that, ", seconds(still))
		if 4*cpu < still {
			r.Why += "and used no CPU: it was stopped, or given no processor"
		} else {
			r.Why += "although it wanted to: it had no processor to itself"
		}
		return r
	}
	ran := 2*results.TotalLength(results.Clip(w.Heard, over)) >= over.Length()
	if !ran && len(w.Heard) > 0 {
		r.Cause, r.Sure, r.Why = Process, Likely, "its process gave no sign of life for most of that"
		return r
	}
	lost := f.lost(m, node, over)
	switch {
	case lost.words != "" && !ran:
		r.Cause, r.Sure, r.Why = Network, Likely, lost.words+"; whether its process ran is not known"
	case lost.words != "":
		r.Cause, r.Sure, r.Why = Network, Likely, "its process ran, and "+lost.words
		had, none := f.others(m, node, lost.since, over.To)
		switch {
		case had == "" && none != "":
			r.Cause = Coordinator
			r.Why += fmt.Sprintf(", nor had %s from that node", none)
		case lost.waits && !lost.past && 2*(over.To-lost.since) >= session && had != "" && none == "":
			r.Sure = Certain
			r.Why += fmt.Sprintf(", where %s had answers", had)
		}
	case ran:
		r.Cause, r.Sure, r.Why = Client, Likely, "its process ran and nothing that it had asked was without an answer: its client sent nothing that renews a session"
	default:
		r.Why = "whether its process ran, or could be reached, is not known"
	}
	return r
}

// still is for how long of a stretch the process did not run, what CPU it used then, and how
// long it ran at its end.
func (l *Life) still(over results.Interval) (length, cpu, awake int64) {
	awake = over.Length()
	for _, s := range l.Still {
		part := min(s.To, over.To) - max(s.From, over.From)
		if part <= 0 || s.Length() <= 0 {
			continue
		}
		length += part
		awake = min(awake, max(over.To-s.To, 0))
		cpu += int64(float64(s.CPU) * float64(part) / float64(s.Length()))
	}
	return length, cpu, awake
}

// loss is that something was asked and not answered, since when, in words.
type loss struct {
	since int64
	words string
	// waits says that nothing came back on a connection, or a dial did not come through, up
	// to the end. Else it may be that a request stood behind another of the same client.
	waits bool
	past  bool // something broke; what was asked since may have been answered
}

// lost is what was without an answer longest at the end of a stretch: a request about the
// group, anything else on a connection with the coordinator's node, or a dial.
func (f *finder) lost(m int, node string, over results.Interval) (out loss) {
	w := &f.Members[m]
	see := func(l loss) {
		l.waits = l.waits || out.waits
		if out.words == "" || out.past && !l.past || out.past == l.past && l.since < out.since {
			out = l
		}
		out.waits = l.waits
	}
	for i := range w.Calls {
		c := &w.Calls[i]
		if c.API == group.JoinGroup || c.API == group.SyncGroup || c.Req < over.From || c.Req >= over.To || c.Resp != 0 && c.Resp < over.To {
			continue
		}
		see(loss{since: c.Req, words: fmt.Sprintf("%s to %s, sent %s before, had no answer", apiName(c.API), c.Node, seconds(over.To-c.Req))})
	}
	const tick = int64(1500e6) // they are looked at once a second
	for _, q := range w.Waiting {
		if q.To < over.To-tick || q.From >= over.To || node != "" && q.Node != node {
			continue
		}
		what := fmt.Sprintf("a connection to %s had %s without an answer for %s", q.Node, apiName(q.API), seconds(over.To-q.From))
		if q.API < 0 {
			what = fmt.Sprintf("a dial to %s did not come through for %s", q.Node, seconds(over.To-q.From))
		}
		see(loss{since: q.From, words: what, waits: true})
	}
	for _, u := range w.Undialled {
		if u.To > over.From && u.From < over.To {
			see(loss{since: max(u.From, over.From), past: true, words: "dials failed"}) // to which node is not known
			break
		}
	}
	for _, h := range w.Hangups {
		if h.At >= over.From && h.At < over.To && (node == "" || h.Node == node) {
			see(loss{since: h.At, past: true, words: fmt.Sprintf("its connection to %s had been ended", h.Node)})
		}
	}
	return out
}

// unheard is the same in words, of what a member did by itself at a time. What was before
// a heartbeat that was answered was over.
func (s *step) unheard(m int, from, to int64) string {
	calls := s.Members[m].between(from, to)
	for i := range calls {
		if c := &calls[i]; c.Beats() && c.OK() && c.Resp < to {
			from = max(from, c.Resp)
		}
	}
	return s.lost(m, s.p.in[m].Node, results.Interval{From: from, To: to}).words
}

// others says who else had an answer from a node in a stretch of time, and who asked and had
// none for a second: where nobody had one it may be the node that was silent. An answer at
// the very end may be that of a node which had been silent for all until then.
func (f *finder) others(but int, node string, from, to int64) (had, none string) {
	for m := range f.Members {
		if m == but {
			continue
		}
		for i := range f.Members[m].Calls {
			c := &f.Members[m].Calls[i]
			switch {
			case node != "" && c.Node != node:
			case c.Beats() && c.Req >= from && c.Req+int64(time.Second) < to && (c.Resp == 0 || c.Resp > c.Req+int64(time.Second)) && f.Members[m].runs(to):
				none = cmp.Or(none, f.Members[m].Worker)
			case c.Resp > from && c.Resp < to-slack:
				had = cmp.Or(had, f.Members[m].Worker)
			}
		}
	}
	return had, none
}

// runs says whether a process had not ended at a time.
func (l *Life) runs(at int64) bool { return l.Gone == 0 || l.Gone > at }

// apiName is the name of a request.
func apiName(api int16) string {
	switch api {
	case 0:
		return "Produce"
	case 1:
		return "Fetch"
	case 2:
		return "ListOffsets"
	case 3:
		return "Metadata"
	case group.OffsetCommit:
		return "OffsetCommit"
	case group.OffsetFetch:
		return "OffsetFetch"
	case group.FindCoordinator:
		return "FindCoordinator"
	case group.Heartbeat:
		return "Heartbeat"
	case group.LeaveGroup:
		return "LeaveGroup"
	case group.ConsumerGroupHeartbeat:
		return "ConsumerGroupHeartbeat"
	}
	return fmt.Sprintf("request %d", api)
}

func seconds(ns int64) string { return fmt.Sprintf("%.1f s", time.Duration(ns).Seconds()) }
