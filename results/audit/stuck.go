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

// stuck finds partitions that a live member owned, with records waiting, and
// that nobody delivered for max(2H, 10 s):
//
//	owned        |-----------------------------------
//	next record acked  x
//	delivered  . .     |------- nothing -------| . .
//
// The time in which a member was stopped on purpose does not count, nor the time
// for which the handler kept the lane that the partition's records wait in.
func (c *checker) stuck(t *results.Trial, places map[place][]*span, grants map[int32][]group.Grant) {
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
			from, ok := waiting(acked[at], next)
			if !ok || to-max(from, silent) < limit {
				return
			}
			for _, o := range group.Holdings(grants[at.partition], max(from, silent), to) {
				began := o.From
				for _, act := range t.Acts {
					if acts.Of(act.Kind).Stops && act.Member == c.logs[o.Member].Worker && act.At < o.To && max(act.Resumed, act.At) > began {
						began = max(began, act.Resumed)
						if act.Resumed == 0 {
							began = o.To
						}
					}
				}
				if o.To-began >= limit && o.To-began-c.handling(t, o.Member, at, began, o.To) >= limit {
					c.r.Group.Stuck++
					c.finding(results.Remarkf(results.AuditStuck, "stuck: %s offset %d waited %.1f s, %s owned it", c.name(at), next, float64(o.To-began)/1e9, c.logs[o.Member].Worker).
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

// handling is for how much of a stretch a member's handler was at work on records
// that those of a partition had to wait for.
func (c *checker) handling(t *results.Trial, log int, at place, from, to int64) int64 {
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
func (c *checker) ackedPlaces() map[place][]*span {
	out := map[place][]*span{}
	for i := range c.spans {
		if s := &c.spans[i]; s.Kind == record.Acked && s.Offset >= 0 {
			out[s.place] = append(out[s.place], s)
		}
	}
	for _, list := range out {
		slices.SortStableFunc(list, func(a, b *span) int { return cmp.Compare(a.Offset, b.Offset) })
	}
	return out
}

// waiting is since when the record at an offset, or the next one that was
// acknowledged, has been there to be read.
func waiting(acked []*span, next int64) (int64, bool) {
	i, _ := slices.BinarySearchFunc(acked, next, func(s *span, offset int64) int { return cmp.Compare(s.Offset+int64(s.Count)-1, offset) })
	if i == len(acked) {
		return 0, false
	}
	s := acked[i]
	return s.at(max(next-s.Offset, 0)), true
}
