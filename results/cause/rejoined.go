package cause

import (
	"fmt"
	"slices"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/group"
)

// rejoined is why a member asked to join again that nobody had told to.
func (s *step) rejoined(w passage) Reason {
	name := s.Members[w.m].Worker
	again := name + " asked to join again" + saying(w.back)
	r := Reason{At: w.back.Req, Cause: Unknown, Sure: Open, Worker: name, soft: true}
	if of, sure, words := s.moved(w, w.back.Req); words != "" {
		r.Cause, r.Sure, r.Why, r.soft = of, sure, again+": "+words, false
		return r
	}
	lost := s.unheard(w.m, w.since, w.back.Req)
	if sure, words := s.otherTopics(w); words != "" && (sure == Certain || lost == "") {
		r.Cause, r.Sure, r.Why, r.soft = Metadata, sure, again+": "+words, false
		return r
	}
	if s.gaveUp(w.m) {
		r.Why, r.follow = again+" because it had given up partitions", true
		return r
	}
	if lost != "" {
		r.Cause, r.Sure, r.soft = Network, Likely, false
		r.Why = fmt.Sprintf("%s after %s; it was not evicted", again, lost)
		return r
	}
	r.Why = again + ", and the wire does not show why"
	return r
}

// moved says that the coordinator is another node than when a member joined, or that it
// said that it is none: what came last before a time. Once a heartbeat was answered again
// the group was whole, whatever had been before. Another node may say so, too: one that the
// member was told of before it had taken over, where the next round is with that node, or
// one that never was the coordinator. Then it is the client that asked the wrong one, unless
// the coordinator is another one all the same.
func (s *step) moved(w passage, until int64) (of Cause, sure Sure, words string) {
	node := w.was.Node
	for i := range s.Members[w.m].Calls {
		c := &s.Members[w.m].Calls[i]
		if c.Req < w.was.Req || c.API == group.FindCoordinator {
			continue
		}
		if c.Req > until {
			break
		}
		if c.Resp == 0 || c.Resp > until && c != w.back {
			continue
		}
		switch {
		case c.Err == group.NotCoordinator && c.Node != node && w.now != nil && w.now.Node == c.Node:
			of, sure, words = Coordinator, Certain, fmt.Sprintf("its coordinator was %s and is %s, which answered NOT_COORDINATOR before", node, c.Node)
		case c.Err == group.NotCoordinator && c.Node != node && w.now != nil && w.now.Node != node && w.now.Node != "":
			of, sure, words = Coordinator, Likely, fmt.Sprintf("its coordinator was %s and then %s; %s, which it had asked, answered NOT_COORDINATOR", node, w.now.Node, c.Node)
		case c.Err == group.NotCoordinator && c.Node != node:
			of, sure, words = Client, Likely, fmt.Sprintf("it had asked %s, which answered NOT_COORDINATOR, where %s was its coordinator", c.Node, node)
		case c.Err == group.NotCoordinator:
			of, sure, words = Coordinator, Certain, fmt.Sprintf("%s answered NOT_COORDINATOR", node)
		case c.Err == group.NoCoordinator:
			of, sure, words = Coordinator, Likely, fmt.Sprintf("%s answered COORDINATOR_NOT_AVAILABLE", c.Node)
		case c.Err == group.CoordinatorLoading:
			of, sure, words = Coordinator, Likely, fmt.Sprintf("%s answered COORDINATOR_LOAD_IN_PROGRESS", c.Node)
		case c.Node != "" && node != "" && c.Node != node:
			of, sure, words = Coordinator, Certain, fmt.Sprintf("its coordinator was %s and is %s", node, c.Node)
			node = c.Node
		case c.Beats() && c.OK():
			of, sure, words = "", "", ""
		}
	}
	return of, sure, words
}

// otherTopics says that a topic had other partitions since the member joined, or that it
// now asks for other topics.
func (s *step) otherTopics(w passage) (Sure, string) {
	if a, b := w.was.Topics, w.back.Topics; a != nil && b != nil && !slices.Equal(a, b) {
		return Certain, fmt.Sprintf("it subscribes to %s, and did to %s", number(len(b), "topic"), number(len(a), "topic"))
	}
	if t, seen := grown(&s.Members[w.m], w.was.Req, w.back.Req); seen {
		sure := Certain
		if s.p.gave(t) {
			sure = Likely // the round before was about that already, and it has learnt of it late
		}
		return sure, fmt.Sprintf("Metadata told it of %d partitions of a topic that had %d", t.Has, t.Had)
	}
	for m := range s.Members {
		if t, seen := grown(&s.Members[m], w.was.Req, w.back.Req); seen {
			return Likely, fmt.Sprintf("Metadata told %s of %d partitions of a topic that had %d", s.Members[m].Worker, t.Has, t.Had)
		}
	}
	return "", ""
}

// gave says whether a round has given partitions out that a topic had not had before.
func (r *round) gave(t Topic) bool {
	for _, parts := range r.given {
		if slices.ContainsFunc(parts, func(p int32) bool { return int(p) >= t.Had }) {
			return true
		}
	}
	return false
}

// grown is the last topic of which a member saw another number of partitions in a stretch
// of time.
func grown(m *Member, from, to int64) (out Topic, seen bool) {
	for _, t := range m.Topics {
		if t.Had != 0 && t.At >= from && t.At <= to {
			out, seen = t, true
		}
	}
	return out, seen
}

// gaveUp says that the round before took partitions from a member, which it gives up and
// comes back for others to have them.
func (s *step) gaveUp(m int) bool {
	if group.ProtocolOf(s.p.in[m].Protocol) != group.Cooperative {
		return false
	}
	for i := len(s.before) - 2; i >= 0; i-- {
		had, was := s.before[i].given[m]
		if !was {
			continue
		}
		return slices.ContainsFunc(had, func(p int32) bool { return !slices.Contains(s.p.given[m], p) })
	}
	return false
}

// forgotten is why a member was told that it is in no group any more, or in another
// generation, before anything else had shown that there was one.
func (s *step) forgotten(w passage, known int64) (Reason, bool) {
	if w.told == nil || w.told.Err == group.RebalanceInProgress || w.told.Resp > known {
		return Reason{}, false
	}
	name := s.Members[w.m].Worker
	r := Reason{At: w.told.Resp, Cause: Unknown, Sure: Open, Worker: name}
	if of, sure, words := s.moved(w, w.told.Resp); words != "" {
		r.Cause, r.Sure, r.Why = of, sure, name+" was forgotten: "+words
		return r, true
	}
	r.Why = fmt.Sprintf("%s was answered with error %d before its session can have ended", name, w.told.Err)
	length := s.session(w.m, w.was, w.since, w.told.Req, false).length
	if still, _, _ := s.Members[w.m].still(results.Interval{From: w.told.Resp - length, To: w.told.Resp}); 2*still >= length {
		r.Cause, r.Sure, r.Evicted = Process, Likely, true
		r.Why += fmt.Sprintf("; its process had not run for %s just before, and was heard again as it ended", seconds(still))
	}
	return r, true
}

func number(n int, of string) string {
	if n == 1 {
		return "1 " + of
	}
	return fmt.Sprintf("%d %ss", n, of)
}
