package audit

import (
	"cmp"
	"maps"
	"slices"

	"github.com/kbench/kbench/drivers"
	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/group"
	"github.com/kbench/kbench/results/record"
	"github.com/kbench/kbench/workloads/acts"
)

// group finds what members did to each other.
func (c *heldChecker) group(t *results.Trial) {
	calls, gone := make([][]group.Call, len(c.logs)), make([]int64, len(c.logs))
	for i := range c.logs {
		calls[i] = group.Pair(c.logs[i].Events, t.Group)
		if c.logs[i].abrupt() {
			gone[i] = c.lastAt[i] + 1
		}
	}
	grants := group.Grants(calls, gone)
	places := c.deliveredPlaces()
	for _, at := range slices.SortedFunc(maps.Keys(places), func(a, b place) int { return stream{place: a}.compare(stream{place: b}) }) {
		c.zombies(at, places[at])
		c.overlaps(at, places[at], grants[at.partition])
	}
	both := &checker{topics: c.topics, logs: c.logs, r: c.r}
	both.regressions(calls)
	c.r = both.r
	c.stuck(t, places, grants)
	both.r = c.r
	both.ghosts(t, calls)
	c.r = both.r
}

// finding keeps the first few of each kind.
func (c *heldChecker) finding(r results.Remark) {
	n := 0
	for _, e := range c.r.Group.Examples {
		if e.Kind == r.Kind {
			n++
		}
	}
	if n < examples {
		c.r.Group.Examples = append(c.r.Group.Examples, r)
	}
}

// deliveredPlaces lists the delivered spans of each partition in the order of
// time.
func (c *heldChecker) deliveredPlaces() map[place][]*heldSpan {
	out := map[place][]*heldSpan{}
	for i := range c.spans {
		if s := &c.spans[i]; s.Kind == record.Delivered && s.Offset >= 0 {
			out[s.place] = append(out[s.place], s)
		}
	}
	return out
}

// progress is the first offset that a span had not delivered at a time.
func (s *heldSpan) progress(t int64) int64 {
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
func (c *heldChecker) zombies(at place, spans []*heldSpan) {
	type tenure struct {
		log          int
		number       uint32
		start, above int64 // above: the first offset that its spans but the last did not reach
		last         *heldSpan
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
			c.finding(results.Remarkf(results.AuditZombie, "zombie: %s offset %d by %s, %s had delivered up to %d", heldName(c.topics, at), s.Offset, c.logs[s.log].Worker, c.logs[by].Worker, ahead).
				By(c.logs[s.log].Worker).With("offset", results.UnitCount, float64(s.Offset)).With("ahead", results.UnitCount, float64(ahead)))
		}
		if mine.last != nil {
			mine.above = max(mine.above, mine.last.Offset+int64(mine.last.Count))
		}
		mine.last = s
	}
}

// overlaps finds the time in which two members delivered a partition side by
// side. A member that was given the partition again begins anew.
func (c *heldChecker) overlaps(at place, spans []*heldSpan, grants []group.Grant) {
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
			if g.Member == s.log && g.Given && g.At <= s.At {
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
			c.finding(results.Remarkf(results.AuditOverlap, "overlap: %s by %s and %s for %.3f ms", heldName(c.topics, at), c.logs[a.log].Worker, c.logs[b.log].Worker, float64(both)/1e6).
				By(c.logs[a.log].Worker).With("both", results.UnitNs, float64(both)))
		}
	}
}

// stuck finds partitions that a live member owned, with records waiting, and
// that nobody delivered for max(2H, 10 s):
//
//	owned        |-----------------------------------
//	next record acked  x
//	delivered  . .     |------- nothing -------| . .
//
// The time in which a member was stopped on purpose does not count, nor the time
// for which the handler kept the lane that the partition's records wait in.
func (c *heldChecker) stuck(t *results.Trial, places map[place][]*heldSpan, grants map[int32][]group.Grant) {
	limit := max(2*int64(t.Spec.Group.Heartbeat), stuckShortest)
	var until int64
	for _, p := range t.Phases {
		if p.Name == "measure" || p.Name == "drain" {
			until = max(until, p.To)
		}
	}
	acked := c.ackedPlaces()
	for _, at := range slices.SortedFunc(maps.Keys(acked), func(a, b place) int { return stream{place: a}.compare(stream{place: b}) }) {
		next, silent := int64(0), int64(0) // the first offset not delivered, and since when nothing was
		look := func(to int64) {
			from, ok := heldWaiting(acked[at], next)
			if !ok || to-max(from, silent) < limit {
				return
			}
			for _, o := range group.Holdings(grants[at.partition], max(from, silent), to) {
				began := heldAwake(t, c.logs[o.Member].Worker, o)
				if o.To-began >= limit && o.To-began-c.handling(t, o.Member, at, began, o.To) >= limit {
					c.r.Group.Stuck++
					c.finding(results.Remarkf(results.AuditStuck, "stuck: %s offset %d waited %.1f s, %s owned it", heldName(c.topics, at), next, float64(o.To-began)/1e9, c.logs[o.Member].Worker).
						By(c.logs[o.Member].Worker).With("offset", results.UnitCount, float64(next)).With("waited", results.UnitNs, float64(o.To-began)))
				}
			}
		}
		for _, s := range places[at] {
			if s.At > silent {
				look(s.At)
			}
			silent = max(silent, s.LastAt)
			next = max(next, s.Offset+int64(s.Count))
		}
		look(until)
	}
}

// heldAwake is from when on in a holding its member was not stopped on purpose.
func heldAwake(t *results.Trial, worker string, o group.Holding) int64 {
	began := o.From
	for _, act := range t.Acts {
		if acts.Of(act.Kind).Stops && act.Member == worker && act.At < o.To && max(act.Resumed, act.At) > began {
			began = max(began, act.Resumed)
			if act.Resumed == 0 {
				began = o.To
			}
		}
	}
	return began
}

// handling is for how much of a stretch a member's handler was at work on records
// that those of a partition had to wait for.
func (c *heldChecker) handling(t *results.Trial, log int, at place, from, to int64) int64 {
	each := int64(t.Spec.Consume.Handler.Time)
	if each == 0 {
		return 0
	}
	var busy set
	var spans []interval
	for i := range c.spans {
		s := &c.spans[i]
		waits := s.place == at || t.Spec.Consume.Handler.Lanes == drivers.LanesMember
		if s.Kind != record.Delivered || s.log != log || !waits {
			continue
		}
		// A span may hold more time than its records took.
		worked := min(s.LastAt-s.At+each, int64(s.Count)*each)
		if lo, hi := max(s.At, from), min(s.At+worked, to); lo < hi {
			spans = append(spans, interval{lo: lo, hi: hi})
		}
	}
	slices.SortFunc(spans, func(a, b interval) int { return cmp.Compare(a.lo, b.lo) })
	var sum int64
	for _, s := range spans {
		busy.add(s.lo, s.hi, func(lo, hi int64) { sum += hi - lo })
	}
	return sum
}

// ackedPlaces lists the acknowledged spans of each partition by offset.
func (c *heldChecker) ackedPlaces() map[place][]*heldSpan {
	out := map[place][]*heldSpan{}
	for i := range c.spans {
		if s := &c.spans[i]; s.Kind == record.Acked && s.Offset >= 0 {
			out[s.place] = append(out[s.place], s)
		}
	}
	for _, list := range out {
		slices.SortStableFunc(list, func(a, b *heldSpan) int { return cmp.Compare(a.Offset, b.Offset) })
	}
	return out
}

// waiting is since when the record at an offset, or the next one that was
// acknowledged, has been there to be read.
func heldWaiting(acked []*heldSpan, next int64) (int64, bool) {
	i, _ := slices.BinarySearchFunc(acked, next, func(s *heldSpan, offset int64) int { return cmp.Compare(s.Offset+int64(s.Count)-1, offset) })
	if i == len(acked) {
		return 0, false
	}
	s := acked[i]
	return s.at(max(next-s.Offset, 0)), true
}
