package audit

import (
	"cmp"
	"maps"
	"math"
	"slices"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/group"
	"github.com/kbench/kbench/results/record"
	"github.com/kbench/kbench/workloads/acts"
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
	Examples    []results.Remark
}

// Bounds of the findings (MEASURING 2.2).
const (
	ghostAfter    = int64(1e9)
	stuckShortest = int64(10e9)
)

// group finds what members did to each other.
func (c *checker) group(t *results.Trial) {
	calls, gone := make([][]group.Call, len(c.logs)), make([]int64, len(c.logs))
	for i := range c.logs {
		calls[i] = group.Pair(c.logs[i].Events, t.Group)
		if c.logs[i].abrupt() {
			gone[i] = c.lastAt[i] + 1
		}
	}
	grants := group.Grants(calls, gone)
	places := c.of(record.Delivered)
	for _, at := range sortedPlaces(places) {
		c.zombies(at, places[at])
		c.overlaps(at, places[at], grants[at.partition])
	}
	c.regressions(calls)
	c.stuck(t, places, grants)
	c.ghosts(t, calls)
}

// finding keeps the first few of each kind.
func (c *checker) finding(r results.Remark) {
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
func (c *checker) zombies(at place, lanes []*lane) {
	starts, from, to := sideBySide(lanes)
	type holder struct {
		tenure
		start, above int64 // above: the first offset that its spans but the last did not reach
		last         *span
	}
	var holders []*holder
	for s := range merge(lanes, from) {
		if s.At > to {
			return
		}
		key := tenure{s.log, s.Tenure}
		i := slices.IndexFunc(holders, func(h *holder) bool { return h.tenure == key })
		if i < 0 {
			i = len(holders)
			holders = append(holders, &holder{tenure: key, start: starts[key]})
		}
		mine := holders[i]
		ahead, by := int64(-1), -1
		for _, h := range holders {
			if h.log == s.log || h.start <= mine.start {
				continue
			}
			if reached := max(h.above, h.last.progress(s.At-1)); reached-1 > ahead {
				ahead, by = reached-1, h.log
			}
		}
		if n := min(int64(s.Count), ahead-s.Offset); n > 0 {
			c.r.Group.Zombies += n
			c.finding(results.Remarkf(results.AuditZombie, "zombie: %s offset %d by %s, %s had delivered up to %d", c.name(at), s.Offset, c.logs[s.log].Worker, c.logs[by].Worker, ahead).
				By(c.logs[s.log].Worker).With("offset", results.UnitCount, float64(s.Offset)).With("ahead", results.UnitCount, float64(ahead)))
		}
		if mine.last != nil {
			mine.above = max(mine.above, mine.last.Offset+int64(mine.last.Count))
		}
		mine.last = new(*s)
	}
}

// sideBySide is when tenures began, and the time in which one still delivered after
// another worker's later one had begun. Mostly there is none: from is after to.
func sideBySide(lanes []*lane) (starts map[tenure]int64, from, to int64) {
	starts = map[tenure]int64{}
	ends := map[tenure]int64{}
	for _, l := range lanes {
		key, first, last := l.tenure(), l.Pages[0].FirstAt, l.Pages[len(l.Pages)-1].AtMost
		if start, ok := starts[key]; !ok || first < start {
			starts[key] = first
		}
		ends[key] = max(ends[key], last)
	}
	from = math.MaxInt64
	for mine, start := range starts {
		for other, begun := range starts {
			if other.log != mine.log && begun > start && ends[mine] >= begun {
				from, to = min(from, begun), max(to, ends[mine])
			}
		}
	}
	return starts, from, to
}

// overlaps finds the time in which two members delivered a partition side by
// side. A member that was given the partition again begins anew.
func (c *checker) overlaps(at place, lanes []*lane, grants []group.Grant) {
	type key struct {
		tenure
		given int
	}
	type stretch struct {
		key
		from, pos, to int64
	}
	index := map[key]int{}
	var all []stretch
	for _, l := range lanes {
		since, given := int64(math.MinInt64), 0
		add := func(until int64) {
			part, some := l.between(since, until)
			if !some {
				return
			}
			k := key{l.tenure(), given}
			if i, ok := index[k]; ok {
				all[i].from, all[i].to = min(all[i].from, part.from), max(all[i].to, part.last)
				return
			}
			index[k] = len(all)
			all = append(all, stretch{k, part.from, part.pos, part.last})
		}
		for _, g := range grants {
			if g.Member == l.log && g.Given {
				add(g.At)
				since, given = g.At, given+1
			}
		}
		add(math.MaxInt64)
	}
	slices.SortFunc(all, func(a, b stretch) int {
		return cmp.Or(cmp.Compare(a.from, b.from), cmp.Compare(a.log, b.log), cmp.Compare(a.pos, b.pos))
	})
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
			c.finding(results.Remarkf(results.AuditOverlap, "overlap: %s by %s and %s for %.3f ms", c.name(at), c.logs[a.log].Worker, c.logs[b.log].Worker, float64(both)/1e6).
				By(c.logs[a.log].Worker).With("both", results.UnitNs, float64(both)))
		}
	}
}

// regressions finds commits that took back what had been committed. Only a
// commit that was answered before another was sent is surely the earlier one.
func (c *checker) regressions(calls [][]group.Call) {
	type commit struct {
		sent, answered, offset int64
		log                    int
	}
	commits := map[int32][]commit{}
	for i, list := range calls {
		for _, k := range list {
			if k.API != group.OffsetCommit || !k.OK() {
				continue
			}
			for _, p := range k.Commits {
				commits[p.Partition] = append(commits[p.Partition], commit{k.Req, k.Resp, p.Offset, i})
			}
		}
	}
	c.committed = map[int32]int64{}
	for _, partition := range slices.Sorted(maps.Keys(commits)) {
		list := commits[partition]
		slices.SortStableFunc(list, func(a, b commit) int { return cmp.Compare(a.answered, b.answered) })
		c.committed[partition] = list[len(list)-1].offset
		for i, k := range list {
			before := i - 1
			for before >= 0 && list[before].answered >= k.sent {
				before--
			}
			if before >= 0 && k.offset < list[before].offset {
				c.r.Group.Regressions++
				c.finding(results.Remarkf(results.AuditCommitRegression, "commit regression: partition %d: %s committed %d after %s had committed %d",
					partition, c.logs[k.log].Worker, k.offset, c.logs[list[before].log].Worker, list[before].offset).
					By(c.logs[k.log].Worker).With("offset", results.UnitCount, float64(k.offset)).With("before", results.UnitCount, float64(list[before].offset)))
			}
		}
	}
}

// ghosts finds members that the coordinator still counted more than 1 s after
// they had closed and their process was gone. Without its view the wire decides:
// who sent no request to leave stays until its session ends. A static member
// stays on purpose.
func (c *checker) ghosts(t *results.Trial, calls [][]group.Call) {
	for _, act := range t.Acts {
		if d := acts.Of(act.Kind); d.Abrupt || d.Within { // who is a member again has not stayed one
			continue
		}
		name := act.Ended()
		i := slices.IndexFunc(c.logs, func(l Log) bool { return l.Worker == name })
		if act.Gone == 0 || i < 0 || c.logs[i].abrupt() || t.Spec.Group.Static {
			continue
		}
		seen, ghost := c.seenAfter(name, act.Gone+ghostAfter)
		if !seen {
			joined := func(k group.Call) bool {
				return (k.API == group.JoinGroup || k.API == group.ConsumerGroupHeartbeat) && k.OK()
			}
			goesAway := func(k group.Call) bool { return k.GoesAway() }
			ghost = slices.ContainsFunc(calls[i], joined) && !slices.ContainsFunc(calls[i], goesAway)
		}
		if ghost {
			c.r.Group.Ghosts++
			c.finding(results.Remarkf(results.AuditGhost, "ghost: %s was still a member 1 s after its process had ended", name).By(name))
		}
	}
}

// seenAfter looks whether the coordinator's view was taken after a time, and
// whether the first such view had the worker in it.
func (c *checker) seenAfter(worker string, t int64) (seen, member bool) {
	for _, l := range c.logs {
		if v := group.ViewFrom(l.Events, t); v != nil {
			return true, slices.ContainsFunc(v.Members, func(m record.GroupMember) bool { return m.Worker == worker })
		}
	}
	return false, false
}
