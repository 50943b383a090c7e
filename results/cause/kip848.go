package cause

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/group"
)

// tenancy is a stretch in which a member was in a group of KIP-848.
type tenancy struct {
	m       int
	joined  *group.Call
	left    *group.Call // the beat that asked to leave; nil: none did
	refused int64       // it was told that it is in no more; 0: never
	last    int64       // the last beat that was answered well
}

// beats are those of a member.
func (f *finder) beats(m int) (out []*group.Call) {
	for i := range f.Members[m].Calls {
		if c := &f.Members[m].Calls[i]; c.API == group.ConsumerGroupHeartbeat {
			out = append(out, c)
		}
	}
	return out
}

// tenancies are those of all members.
func (f *finder) tenancies() (out []tenancy) {
	for m := range f.Members {
		var t *tenancy
		for _, c := range f.beats(m) {
			switch {
			case c.Enters() && c.OK() && (t == nil || t.refused != 0 || t.left != nil):
				out = append(out, tenancy{m: m, joined: c, last: c.Resp})
				t = &out[len(out)-1]
			case t == nil:
			case c.Leaves():
				t.left = cmp.Or(t.left, c)
			case c.Rejected():
				t.refused = cmp.Or(t.refused, c.Resp)
			case c.OK():
				t.last = c.Resp
			}
		}
	}
	return out
}

// bump is an epoch of the group as members first saw it.
type bump struct {
	epoch      int32
	known, end int64 // the first and the last of the first responses with it
}

// bumps are the epochs in their order. The responses to later beats repeat an epoch, and
// members may see it long after the first of them did.
func (f *finder) bumps() (out []*bump) {
	var all []*group.Call
	for m := range f.Members {
		for _, c := range f.beats(m) {
			if c.OK() && c.Epoch > 0 {
				all = append(all, c)
			}
		}
	}
	slices.SortStableFunc(all, func(a, b *group.Call) int { return cmp.Compare(a.Resp, b.Resp) })
	seen := map[string]int32{}
	for _, c := range all {
		n := len(out)
		if n == 0 || c.Epoch > out[n-1].epoch {
			out = append(out, &bump{c.Epoch, c.Resp, c.Resp})
			n++
		}
		if b := out[n-1]; c.Epoch == b.epoch && seen[c.ID] != c.Epoch {
			b.end, seen[c.ID] = c.Resp, c.Epoch
		}
	}
	return out
}

// epochs finds the rebalances of a group of KIP-848: each change of the group's epoch is
// one. Where several changes came before a member saw any of them, each is named in its
// turn as far as epochs go round.
func (f *finder) epochs() []Rebalance {
	var out []Rebalance
	bumps := f.bumps()
	all := f.changes()
	var spare []Reason // that were known with an epoch which counts fewer of them
	for i, b := range bumps {
		was, next := bump{}, b.known+f.Session
		if i > 0 {
			was = *bumps[i-1]
		}
		if i+1 < len(bumps) {
			next = min(next, bumps[i+1].known)
		}
		now := f.until(&all, b.known)
		for n := b.epoch - was.epoch; n > 1 && len(now) > 1 && i > 0; n-- {
			out = append(out, Rebalance{Reason: now[0], Known: b.known, Over: b.end, Generation: b.epoch - n + 1, Rounds: 1})
			now = now[1:]
		}
		r := Rebalance{Known: b.known, Over: b.end, Generation: b.epoch, Rounds: 1}
		var found bool
		if r.Reason, r.Also, found = named(now, b.known); !found {
			r.Reason = f.ofTopics(was.known, b.known, max(b.end, next))
		}
		if r.Cause == Unknown && len(spare) > 0 {
			r.Reason, spare = spare[0], nil
			r.Sure = Likely
			r.Why += "; it was taken together with another change, and may have been counted later"
		} else {
			spare = r.Also
		}
		out = append(out, r)
	}
	return out
}

// until takes from a list what happened before a time at which it was known. Where there
// is nothing, what was noted a moment later may have.
func (f *finder) until(all *[]Reason, known int64) (now []Reason) {
	n := 0
	for n < len(*all) && (*all)[n].At <= known {
		n++
	}
	if n == 0 && len(*all) > 0 && (*all)[0].At <= known+slack {
		n = 1
	}
	now, *all = (*all)[:n:n], (*all)[n:]
	return now
}

// changes are all that members did, or that became of them, in the order of time.
func (f *finder) changes() []Reason {
	all := []Reason{}
	for _, t := range f.tenancies() {
		name := f.Members[t.m].Worker
		if !f.takesOver(t) {
			all = append(all, Reason{At: t.joined.Req, Cause: Join, Sure: Certain, Worker: name, Why: name + " joined: its first heartbeat was answered with an epoch"})
		}
		switch {
		case t.left != nil && (t.left.OK() || !f.over(t)):
			r := Reason{At: t.left.Req, last: t.left.Resp, Cause: Leave, Sure: Certain, Worker: name, Why: name + " sent a heartbeat that leaves"}
			if !t.left.OK() {
				r.Sure = Likely
			}
			all = append(all, r)
		default:
			if r, over := f.expired(t); over {
				all = append(all, r)
			}
		}
		all = append(all, f.resubscribed(t)...)
	}
	slices.SortStableFunc(all, func(a, b Reason) int { return cmp.Or(cmp.Compare(a.At, b.At), cmp.Compare(a.Worker, b.Worker)) })
	return all
}

// resubscribed is where a member asked for other topics.
func (f *finder) resubscribed(t tenancy) (out []Reason) {
	topics := t.joined.Topics
	name := f.Members[t.m].Worker
	for _, c := range f.beats(t.m) {
		if c.Req <= t.joined.Req || c.Topics == nil || t.refused != 0 && c.Req > t.refused {
			continue
		}
		if !slices.Equal(topics, c.Topics) && topics != nil && !c.Enters() {
			out = append(out, Reason{At: c.Req, Cause: Metadata, Sure: Certain, Worker: name,
				Why: fmt.Sprintf("%s subscribes to %s, and did to %s", name, number(len(c.Topics), "topic"), number(len(topics), "topic"))})
		}
		topics = c.Topics
	}
	return out
}

// over says whether the session of a member can have been over when it asked to leave.
func (f *finder) over(t tenancy) bool {
	return f.session(t.m, t.joined, t.joined.Resp, t.left.Req, true).first() <= f.latest()
}

// expired is that the session of a member ran out: it was told so, or was never heard
// again although the group went on for longer than its session.
func (f *finder) expired(t tenancy) (Reason, bool) {
	until := t.refused
	if until == 0 {
		until = f.latest()
	}
	of := f.session(t.m, t.joined, t.joined.Resp, until, true)
	if of.first() > until || f.replaced(t, of.end()) {
		return Reason{}, false
	}
	r := f.silent(t.m, t.joined.Node, results.Interval{From: of.sure, To: of.first()}, of.length)
	r.At, r.last, r.Evicted = of.first(), of.end(), true
	r.Why = fmt.Sprintf("the session of %s ran out, %s after the last heartbeat that renewed it: %s", f.Members[t.m].Worker, seconds(of.length), r.Why)
	return r, true
}

// takesOver says whether a member came under the static identity of one that had not left:
// nothing changes for the group.
func (f *finder) takesOver(t tenancy) bool {
	if t.joined.Instance == "" {
		return false
	}
	for m := range f.Members {
		for _, c := range f.beats(m) {
			if m != t.m && c.Instance == t.joined.Instance && c.Req < t.joined.Req && !c.Leaves() {
				return !f.leftBefore(m, t.joined.Req)
			}
		}
	}
	return false
}

// leftBefore says whether a member left for good before a time.
func (f *finder) leftBefore(m int, at int64) bool {
	return slices.ContainsFunc(f.beats(m), func(c *group.Call) bool { return c.Leaves() && c.Req < at })
}

// replaced says whether another process came under the static identity of a member before
// a time.
func (f *finder) replaced(t tenancy, before int64) bool {
	if t.joined.Instance == "" {
		return false
	}
	for m := range f.Members {
		for _, c := range f.beats(m) {
			if m != t.m && c.Enters() && c.Instance == t.joined.Instance && c.Req > t.last && c.Req < before {
				return true
			}
		}
	}
	return false
}

// latest is the last response that any member had.
func (f *finder) latest() (at int64) {
	for m := range f.Members {
		for i := range f.Members[m].Calls {
			at = max(at, f.Members[m].Calls[i].Resp)
		}
	}
	return at
}

// ofTopics is why the epoch changed where no member did anything: the broker notices by
// itself that a topic has other partitions, and gives new ones to members.
func (f *finder) ofTopics(was, known, until int64) Reason {
	had := map[int32]bool{}
	fresh := map[int32]bool{}
	for m := range f.Members {
		for _, c := range f.beats(m) {
			for _, p := range c.Given {
				if c.Resp < known {
					had[p] = true
				}
			}
		}
	}
	for m := range f.Members {
		for _, c := range f.beats(m) {
			for _, p := range c.Given {
				if c.Resp >= known && c.Resp <= until && !had[p] {
					fresh[p] = true
				}
			}
		}
	}
	r := Reason{At: known, Cause: Unknown, Sure: Open, Why: "no member joined, left, fell silent or asked for other topics"}
	if len(fresh) > 0 && len(had) > 0 {
		r.Cause, r.Sure = Metadata, Certain
		r.Why = fmt.Sprintf("no member joined, left or fell silent, and %s that nobody had had came to be given out", number(len(fresh), "partition"))
		return r
	}
	for m := range f.Members {
		if t, seen := grown(&f.Members[m], was, until); seen {
			r.Cause, r.Sure = Metadata, Likely
			r.Why = fmt.Sprintf("no member joined, left or fell silent, and Metadata told %s of %d partitions of a topic that had %d", f.Members[m].Worker, t.Has, t.Had)
		}
	}
	if s, came := f.stranger(was, known); came && r.Cause == Unknown {
		return s
	}
	return r
}
