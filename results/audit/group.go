package audit

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/record"
)

// Group is what members did to each other: findings that need more than one of
// them, or the wire.
type Group struct {
	Zombies     int64 // deliveries by a member after its successor had delivered a higher offset
	Overlaps    int64 // times that two members delivered one partition side by side
	OverlapTime int64 // ns, summed over partitions
	Regressions int64 // accepted commits lower than the one before
	Stuck       int64 // stretches in which a partition was owned and had lag, and nobody delivered it
	Ghosts      int64 // members still in the group more than 1 s after they were gone
	Examples    []string
}

// The APIs that ownership and commits are read off.
const (
	apiCommit   = 8
	apiJoin     = 11
	apiLeave    = 13
	apiSync     = 14
	apiConsumer = 68 // ConsumerGroupHeartbeat, KIP-848
)

// Bounds of the findings (MEASURING 2.2).
const (
	ghostAfter    = int64(1e9)
	stuckShortest = int64(10e9)
)

// grant is a change of who owns a partition, as the wire tells.
type grant struct {
	at    int64
	log   int
	given bool
}

// call is a request with its response; at is when it was answered.
type call struct {
	record.Event
	at   int64
	resp record.Event
}

// group finds what members did to each other.
func (c *checker) group(t *results.Trial) {
	calls := make([][]call, len(c.logs))
	for i := range c.logs {
		calls[i] = answered(c.logs[i].Events, t.Group)
	}
	grants := c.grants(calls)
	places := c.deliveredPlaces()
	for _, at := range slices.SortedFunc(maps.Keys(places), func(a, b place) int { return stream{place: a}.compare(stream{place: b}) }) {
		c.zombies(at, places[at])
		c.overlaps(at, places[at], grants[at.partition])
	}
	c.regressions(calls)
	c.stuck(t, places, grants)
	c.ghosts(t, calls)
}

// finding keeps the first few of each kind as sentences.
func (c *checker) finding(what, format string, args ...any) {
	n := 0
	for _, e := range c.r.Group.Examples {
		if strings.HasPrefix(e, what+":") {
			n++
		}
	}
	if n < examples {
		c.r.Group.Examples = append(c.r.Group.Examples, what+": "+fmt.Sprintf(format, args...))
	}
}

// answered pairs requests about the group with their responses. One without a
// response did nothing that is known.
func answered(events []record.Event, group string) []call {
	type key struct {
		conn int
		corr int32
	}
	open := map[key]record.Event{}
	var out []call
	for _, e := range events {
		k := key{e.Conn, e.Corr}
		switch e.K {
		case record.EvRequest:
			if e.Group == group || e.Group == "" {
				open[k] = e
			}
		case record.EvResponse:
			if req, ok := open[k]; ok && req.API == e.API {
				out = append(out, call{req, e.T, e})
				delete(open, k)
			}
		}
	}
	return out
}

// deliveredPlaces lists the delivered spans of each partition in the order of
// time.
func (c *checker) deliveredPlaces() map[place][]*span {
	out := map[place][]*span{}
	for i := range c.spans {
		if s := &c.spans[i]; s.Kind == record.Delivered && s.Offset >= 0 {
			out[s.place] = append(out[s.place], s)
		}
	}
	return out
}

// grants reads off the wire who was given which partition when, and when it had
// it no longer.
func (c *checker) grants(calls [][]call) map[int32][]grant {
	out := map[int32][]grant{}
	for i, list := range calls {
		has := map[int32]bool{}
		set := func(at int64, parts map[int32]bool) {
			for p := range has {
				if !parts[p] {
					out[p] = append(out[p], grant{at, i, false})
				}
			}
			for p := range parts {
				if !has[p] {
					out[p] = append(out[p], grant{at, i, true})
				}
			}
			has = parts
		}
		for _, k := range list {
			switch {
			case k.API == apiLeave, k.API == apiConsumer && k.Generation < 0:
				set(k.T, nil)
			case k.resp.Err != 0:
			case k.API == apiSync, k.API == apiConsumer && (len(k.resp.Parts) > 0 || k.resp.Empty):
				parts := map[int32]bool{}
				for _, p := range k.resp.Parts {
					parts[p.Partition] = true
				}
				set(k.at, parts)
			case k.API == apiJoin && !strings.Contains(k.resp.Protocol, "cooperative"):
				set(k.T, nil) // whoever joins under an eager protocol has given up everything
			}
		}
		if c.logs[i].abrupt() {
			set(c.lastAt[i]+1, nil)
		}
	}
	for _, list := range out {
		slices.SortStableFunc(list, func(a, b grant) int { return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.log, b.log)) })
	}
	return out
}

// progress is the first offset that a span had not delivered at a time.
func (s *span) progress(t int64) int64 {
	switch {
	case t < s.At:
		return s.Offset
	case t >= s.LastAt:
		return s.Offset + int64(s.Count)
	default:
		return s.Offset + 1 + int64(float64(s.Count-1)*float64(t-s.At)/float64(s.LastAt-s.At))
	}
}

// zombies finds deliveries by a member whose successor was ahead of it. That a
// successor begins behind what its predecessor had delivered is none: it is how
// at-least-once works.
func (c *checker) zombies(at place, spans []*span) {
	type tenure struct {
		log          int
		number       uint32
		start, above int64 // above: the first offset that its spans but the last did not reach
		last         *span
	}
	var tenures []*tenure
	for _, s := range spans {
		var mine *tenure
		for _, t := range tenures {
			if t.log == s.log && t.number == s.Tenure {
				mine = t
			}
		}
		if mine == nil {
			mine = &tenure{log: s.log, number: s.Tenure, start: s.At}
			tenures = append(tenures, mine)
		}
		ahead, by := int64(-1), -1
		for _, t := range tenures {
			if t.log == s.log || t.start <= mine.start {
				continue
			}
			if reached := max(t.above, t.last.progress(s.At-1)); reached-1 > ahead {
				ahead, by = reached-1, t.log
			}
		}
		if n := min(int64(s.Count), ahead-s.Offset); n > 0 {
			c.r.Group.Zombies += n
			c.finding("zombie", "%s offset %d by %s, %s had delivered up to %d", c.name(at), s.Offset, c.logs[s.log].Worker, c.logs[by].Worker, ahead)
		}
		if mine.last != nil {
			mine.above = max(mine.above, mine.last.Offset+int64(mine.last.Count))
		}
		mine.last = s
	}
}

// overlaps finds the time in which two members delivered a partition side by
// side. A member that was given the partition again begins anew.
func (c *checker) overlaps(at place, spans []*span, grants []grant) {
	type key struct {
		log, given int
		tenure     uint32
	}
	type stretch struct {
		key
		from, to int64
	}
	index := map[key]int{}
	var all []stretch
	for _, s := range spans {
		k := key{log: s.log, tenure: s.Tenure}
		for _, g := range grants {
			if g.log == s.log && g.given && g.at <= s.At {
				k.given++
			}
		}
		i, ok := index[k]
		if !ok {
			i = len(all)
			index[k] = i
			all = append(all, stretch{k, s.At, s.At})
		}
		all[i].to = max(all[i].to, s.LastAt)
	}
	slices.SortStableFunc(all, func(a, b stretch) int { return cmp.Compare(a.from, b.from) })
	for i, a := range all {
		for _, b := range all[i+1:] {
			if b.from >= a.to {
				break
			}
			if a.log == b.log {
				continue
			}
			both := min(a.to, b.to) - b.from
			c.r.Group.Overlaps++
			c.r.Group.OverlapTime += both
			c.finding("overlap", "%s by %s and %s for %.3f ms", c.name(at), c.logs[a.log].Worker, c.logs[b.log].Worker, float64(both)/1e6)
		}
	}
}

// regressions finds commits that took back what had been committed. Only a
// commit that was answered before another was sent is surely the earlier one.
func (c *checker) regressions(calls [][]call) {
	type commit struct {
		sent, answered, offset int64
		log                    int
	}
	commits := map[place][]commit{}
	for i, list := range calls {
		for _, k := range list {
			if k.API != apiCommit || k.resp.Err != 0 {
				continue
			}
			for j, p := range k.Parts {
				if j < len(k.Offsets) && k.Offsets[j] >= 0 && p.Partition >= 0 {
					at := place{partition: p.Partition} // a number, and so without a topic
					commits[at] = append(commits[at], commit{k.T, k.at, k.Offsets[j], i})
				}
			}
		}
	}
	for _, at := range slices.SortedFunc(maps.Keys(commits), func(a, b place) int { return cmp.Compare(a.partition, b.partition) }) {
		list := commits[at]
		slices.SortStableFunc(list, func(a, b commit) int { return cmp.Compare(a.answered, b.answered) })
		for i, k := range list {
			before := i - 1
			for before >= 0 && list[before].answered >= k.sent {
				before--
			}
			if before >= 0 && k.offset < list[before].offset {
				c.r.Group.Regressions++
				c.finding("commit regression", "partition %d: %s committed %d after %s had committed %d",
					at.partition, c.logs[k.log].Worker, k.offset, c.logs[list[before].log].Worker, list[before].offset)
			}
		}
	}
}

// ghosts finds members that the coordinator still counted more than 1 s after
// they had closed and their process was gone. Without its view the wire decides:
// who sent no request to leave stays until its session ends. A static member
// stays on purpose.
func (c *checker) ghosts(t *results.Trial, calls [][]call) {
	for _, act := range t.Acts {
		name := act.Member
		if act.Replaces != "" {
			name = act.Replaces
		} else if act.Kind != "leave" {
			continue
		}
		i := slices.IndexFunc(c.logs, func(l Log) bool { return l.Worker == name })
		if act.Gone == 0 || i < 0 || c.logs[i].abrupt() || t.Spec.Group.Static {
			continue
		}
		seen, ghost := c.seenAfter(name, act.Gone+ghostAfter)
		if !seen {
			joined := slices.ContainsFunc(calls[i], func(k call) bool { return (k.API == apiJoin || k.API == apiConsumer) && k.resp.Err == 0 })
			ghost = joined && !slices.ContainsFunc(c.logs[i].Events, func(e record.Event) bool {
				return e.K == record.EvRequest && (e.API == apiLeave || e.API == apiConsumer && e.Generation < 0)
			})
		}
		if ghost {
			c.r.Group.Ghosts++
			c.finding("ghost", "%s was still a member 1 s after its process had ended", name)
		}
	}
}

// seenAfter looks whether the coordinator's view was taken after a time, and
// whether the first such view had the worker in it.
func (c *checker) seenAfter(worker string, t int64) (seen, member bool) {
	for _, l := range c.logs {
		for _, e := range l.Events {
			if e.K == record.EvGroup && e.View != nil && max(e.From, t) == e.From {
				return true, slices.ContainsFunc(e.View.Members, func(m record.GroupMember) bool { return m.Worker == worker })
			}
		}
	}
	return false, false
}
