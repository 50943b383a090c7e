package cause

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/kbench/kbench/results/group"
)

// round is a generation of a classic group.
type round struct {
	number       int32
	joined, last int64               // the first and the last response to a JoinGroup of it
	over         int64               // the last response to a SyncGroup
	in           map[int]*group.Call // the JoinGroup of each member that took it in
	latest       map[int]*group.Call // its last one of the round: it may ask again, and nothing changes
	given        map[int][]int32
	skips        bool // there was one before it that no member was in
}

// rounds finds the generations. All members are answered at once, so that responses tell
// them apart, but for one that a link held back until the next generation had begun.
func (f *finder) rounds() []*round {
	type join struct {
		member int
		call   *group.Call
	}
	var all []join
	for m := range f.Members {
		for i := range f.Members[m].Calls {
			if c := &f.Members[m].Calls[i]; c.API == group.JoinGroup && c.OK() {
				all = append(all, join{m, c})
			}
		}
	}
	slices.SortStableFunc(all, func(a, b join) int { return cmp.Compare(a.call.Resp, b.call.Resp) })
	var out []*round
	for _, j := range all {
		r := of(out, j.call.Generation, j.call.Req)
		if r != nil && r.in[j.member] != nil && r.in[j.member].ID != j.call.ID {
			r = nil // the number is that of a group that began anew
		}
		if r == nil {
			r = &round{number: j.call.Generation, joined: j.call.Resp, in: map[int]*group.Call{}, latest: map[int]*group.Call{}, given: map[int][]int32{}}
			if n := len(out); n > 0 {
				r.skips = r.number > out[n-1].number+1
			}
			out = append(out, r)
		}
		if r.latest[j.member] = j.call; r.in[j.member] == nil {
			r.in[j.member], r.last = j.call, max(r.last, j.call.Resp)
		}
	}
	f.synced(out)
	return out
}

// of is the round of a generation that a request which was sent at a time can be part of;
// nil where that is a new one.
func of(rounds []*round, generation int32, sent int64) *round {
	for i := len(rounds) - 1; i >= 0; i-- {
		switch r := rounds[i]; {
		case r.number == generation:
			return r
		case r.number > generation && sent > r.joined:
			return nil // the group began anew
		}
	}
	return nil
}

func (f *finder) synced(rounds []*round) {
	for m := range f.Members {
		for i := range f.Members[m].Calls {
			c := &f.Members[m].Calls[i]
			if !c.Synced() {
				continue
			}
			if r := of(rounds, c.Generation, c.Req); r != nil {
				r.over, r.given[m] = max(r.over, c.Resp), c.Given
			}
		}
	}
}

// classic finds the rebalances of a classic group. A further round of a cooperative one,
// in which members take what others have given up in the round before, goes on with it.
func (f *finder) classic() []Rebalance {
	var out []Rebalance
	rounds := f.rounds()
	for i, r := range rounds {
		next := Rebalance{Generation: r.number, Over: r.over, Rounds: 1}
		if i == 0 {
			next.Known, next.Reason, next.Also = f.formed(r)
		} else {
			step := &step{finder: f, before: rounds[:i], p: rounds[i-1], r: r}
			next.Known = step.known()
			next.Reason, next.Also = step.cause(next.Known)
			if next.follow {
				last := &out[len(out)-1]
				last.Generation, last.Over, last.Rounds = r.number, r.over, last.Rounds+1
				last.Also = append(last.Also, next.Also...)
				continue
			}
		}
		out = append(out, next)
	}
	return out
}

// formed is the first round: somebody joined, and made the group.
func (f *finder) formed(r *round) (known int64, why Reason, also []Reason) {
	var all []Reason
	for m, c := range r.in {
		all = append(all, f.join(m, c, "joined"))
	}
	known = r.joined
	why, also, _ = named(all, known)
	return known, why, also
}

// join is the reason that a member gives by joining.
func (f *finder) join(m int, c *group.Call, how string) Reason {
	return Reason{At: c.Req, Cause: Join, Sure: Certain, Worker: f.Members[m].Worker, Why: fmt.Sprintf("%s %s: its JoinGroup was accepted", f.Members[m].Worker, how)}
}

// step is the way of the group from one round to the next.
type step struct {
	*finder
	before []*round // p is the last of them
	p, r   *round
}

// passage is the way of one member of the round before.
type passage struct {
	m     int
	was   *group.Call // its last JoinGroup of the round before
	since int64       // it was in
	left  *group.Call // it asked to leave
	told  *group.Call // the first response that told it to come back, or that it was forgotten
	back  *group.Call // it asked to join again
	now   *group.Call // its JoinGroup of the next round
}

// passage follows a member from one round to the next; a request to leave that the
// coordinator did not know it by counts for nothing.
func (s *step) passage(m int) passage {
	w := passage{m: m, was: s.p.latest[m], since: s.p.latest[m].Resp, now: s.r.in[m]}
	calls := s.Members[m].between(w.was.Req, s.r.last)
	for i := range calls {
		c := &calls[i]
		switch {
		case c == w.was:
		case c.Leaves() && c.Req < s.r.joined && !c.Rejected():
			w.left = cmp.Or(w.left, c)
		case tells(c) && c.Resp >= w.since && c.Req < s.r.last && (c.Generation <= 0 || c.Generation == s.p.number): // of the round, and not of one before
			if w.told == nil || c.Resp < w.told.Resp {
				w.told = c
			}
		case c.API == group.JoinGroup && c.Req >= w.since && c.Req <= s.r.last:
			w.back = cmp.Or(w.back, c)
		}
	}
	return w
}

// tells says that a response told its member that it has to come back, be it that of a
// SyncGroup, which a round that is overtaken by the next one ends so.
func tells(c *group.Call) bool {
	if c.API == group.SyncGroup && c.Resp != 0 {
		return c.Err == group.RebalanceInProgress || c.Err == group.IllegalGeneration || c.Rejected()
	}
	return c.Tells()
}

// unprompted says whether it asked to join again before it was told anything.
func (w *passage) unprompted() bool {
	return w.back != nil && (w.told == nil || w.told.Resp > w.back.Req)
}

// stays says whether it is the same member in the next round.
func (w *passage) stays() bool { return w.now != nil && w.now.ID == w.was.ID }

// known is the first sign that a member of the round before knew of the next. Whoever
// leaves knows of nothing. Where all have gone, it is that somebody came.
func (s *step) known() int64 {
	first := int64(0)
	see := func(t int64) {
		if first == 0 || t < first {
			first = t
		}
	}
	for m := range s.p.in {
		w := s.passage(m)
		if w.told != nil && (w.left == nil || w.told.Resp < w.left.Req) {
			see(w.told.Resp)
		}
		if w.back != nil && w.left == nil {
			see(w.back.Req)
		}
	}
	if first == 0 {
		for _, c := range s.r.in {
			see(c.Req)
		}
	}
	return first
}

// cause is why the round came about.
func (s *step) cause(known int64) (Reason, []Reason) {
	var all []Reason
	for m := range s.Members {
		if s.p.in[m] != nil {
			all = append(all, s.passed(m, known)...)
			continue
		}
		if c := s.r.in[m]; c != nil {
			all = append(all, s.join(m, c, s.came(m)))
			continue
		}
		if c := s.asked(m); c != nil {
			name := s.Members[m].Worker
			all = append(all, Reason{At: c.Req, Cause: Join, Sure: Likely, Worker: name, Why: name + " asked to join; its JoinGroup had no answer"})
		}
		if c := s.ghost(m); c != nil {
			if r, dropped := s.dropped(passage{m: m, was: c, since: s.p.joined}, known); dropped {
				all = append(all, r)
			}
		}
	}
	why, also, found := named(all, known)
	if !found {
		if why, found = s.stranger(s.p.joined, max(s.r.last, s.r.over)); !found {
			why = Reason{At: known, Cause: Unknown, Sure: Open, Why: "no member joined, left or fell silent before the first of them knew"}
		}
	}
	if s.r.skips && why.Sure == Certain {
		why.Sure = Likely
		why.Why += "; there was a generation before that no member was in"
	}
	return why, also
}

// came says how a member comes that was not in the round before.
func (s *step) came(m int) string {
	for _, r := range s.before {
		if r.in[m] != nil {
			return "came back"
		}
	}
	return "joined"
}

// saying is the reason that a client gives for a request, in words.
func saying(c *group.Call) string {
	if c.Reason == "" {
		return ""
	}
	return fmt.Sprintf(" (%q)", c.Reason)
}

// asked is the request to join of a member that was never in and had no answer, while the
// next round came about; nil without one.
func (s *step) asked(m int) *group.Call {
	for i := range s.Members[m].Calls {
		if c := &s.Members[m].Calls[i]; c.API == group.JoinGroup && c.Resp == 0 && c.Req >= s.p.joined && c.Req < s.r.joined {
			return c
		}
	}
	return nil
}

// ghost is the request to join of a member that was never answered, and that the round
// before may have been waiting for all the same; nil without one.
func (s *step) ghost(m int) *group.Call {
	from := int64(0)
	if n := len(s.before); n > 1 {
		from = s.before[n-2].joined
	}
	var out *group.Call
	for i := range s.Members[m].Calls {
		if c := &s.Members[m].Calls[i]; c.API == group.JoinGroup && c.Resp == 0 && c.Req > from && c.Req < s.p.joined {
			out = c
		}
	}
	return out
}

// passed is what a member of the round before did to bring the next about.
func (s *step) passed(m int, known int64) (all []Reason) {
	w := s.passage(m)
	name := s.Members[m].Worker
	switch {
	case w.left != nil && !w.left.OK() && s.ended(w, known):
		if r, dropped := s.dropped(w, known); dropped { // before the request came through
			all = append(all, r)
		}
		if w.now != nil {
			all = append(all, s.join(m, w.now, "came back"))
		}
	case w.left != nil && (w.told == nil || w.left.Req < w.told.Resp+slack):
		r := Reason{At: w.left.Req, last: w.left.Resp, Cause: Leave, Sure: Certain, Worker: name, Why: name + " sent LeaveGroup" + saying(w.left)}
		if !w.left.OK() {
			r.Sure = Likely
			r.Why += ", which was not answered"
			if w.left.Resp != 0 {
				r.Why = fmt.Sprintf("%s sent LeaveGroup%s, which was answered with error %d", name, saying(w.left), w.left.Err)
			}
		}
		if lost := s.unheard(m, w.since, w.left.Req); lost != "" {
			r.Why += ", after " + lost
		}
		all = append(all, r)
		if w.now != nil {
			all = append(all, s.join(m, w.now, "joined again"))
		}
	case w.left != nil: // it was told, and went instead of coming back
	case w.stays() && w.unprompted():
		all = append(all, s.rejoined(w))
	case w.stays():
		if r, wrong := s.forgotten(w, known); wrong {
			all = append(all, r)
		}
	case w.unprompted() && w.now != nil && !s.ended(w, w.back.Req):
		all = append(all, s.rejoined(w))
	default:
		if r, dropped := s.dropped(w, known); dropped {
			all = append(all, r)
		} else if r, wrong := s.forgotten(w, known); wrong {
			all = append(all, r)
		}
		if w.now != nil {
			all = append(all, s.join(m, w.now, "came back"))
		}
	}
	return all
}
