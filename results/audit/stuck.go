package audit

import (
	"cmp"
	"math"
	"slices"

	"github.com/kbench/kbench/drivers"
	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/group"
	"github.com/kbench/kbench/results/record"
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
func (c *checker) stuck(t *results.Trial, places map[place][]*lane, grants map[int32][]group.Grant) {
	limit := max(2*int64(t.Spec.Group.Heartbeat), stuckShortest)
	until := t.Until()
	acked := c.of(record.Acked)
	for _, at := range sortedPlaces(acked) {
		for _, s := range silences(places[at], limit, until) {
			from, ok := waiting(acked[at], s.next)
			if from = max(from, s.from); !ok || s.to-from < limit {
				continue
			}
			for _, o := range group.Holdings(grants[at.partition], from, s.to) {
				began := awake(t.Acts, c.logs[o.Member].Worker, o)
				if o.To-began >= limit && o.To-began-c.handling(t, o.Member, at, began, o.To) >= limit {
					c.r.Group.Stuck++
					c.stuckAt[at] = c.stuckAt[at] || s.to >= until
					c.finding(results.Remarkf(results.AuditStuck, "stuck: %s offset %d waited %.1f s, %s owned it", c.name(at), s.next, float64(o.To-began)/1e9, c.logs[o.Member].Worker).
						By(c.logs[o.Member].Worker).With("offset", results.UnitCount, float64(s.next)).With("waited", results.UnitNs, float64(o.To-began)))
				}
			}
		}
	}
}

// awake is since when an owner could have delivered: it may have been stopped, or cut
// off.
func awake(done []results.Act, worker string, o group.Holding) int64 {
	began := o.From
	for _, act := range done {
		if act.Suspends(worker) && act.At < o.To && max(act.Resumed, act.At) > began {
			began = max(began, act.Resumed)
			if act.Resumed == 0 {
				began = o.To
			}
		}
	}
	return began
}

// stretch is spans that follow each other without a long silence.
type stretch struct {
	from, last, end int64 // end: the first offset beyond them
	pos             int64
}

// silence is a time without deliveries, and the first offset that had not been
// delivered before it.
type silence struct{ from, to, next int64 }

// silences are those that lanes have in common, of a limit and longer, up to a time.
// Within a page that took less than that there is none.
func silences(lanes []*lane, limit, until int64) []silence {
	var all []stretch
	for _, l := range lanes {
		for i := range l.Pages {
			if p := &l.Pages[i]; p.AtMost-p.FirstAt < limit {
				all = append(all, stretch{from: p.FirstAt, last: p.LastAt, end: p.OffsetEnd})
				continue
			}
			var buf record.Buffer
			for _, s := range l.Read(i, &buf) {
				all = append(all, stretch{from: s.At, last: s.LastAt, end: s.Offset + int64(s.Count)})
			}
		}
	}
	slices.SortFunc(all, func(a, b stretch) int { return cmp.Compare(a.from, b.from) })
	var out []silence
	var now silence // which began with the last delivery
	for _, s := range append(all, stretch{from: until}) {
		if now.to = s.from; now.to-now.from >= limit {
			out = append(out, now)
		}
		now.from, now.next = max(now.from, s.last), max(now.next, s.end)
	}
	return out
}

// between is the stretch of the spans that began in [from, to).
func (l *lane) between(from, to int64) (stretch, bool) {
	out, some := stretch{last: math.MinInt64}, false
	see := func(at, last, pos int64) {
		if !some {
			out.from, out.pos, some = at, pos, true
		}
		out.last = max(out.last, at, last)
	}
	var buf record.Buffer
	for i := range l.Pages {
		switch p := &l.Pages[i]; {
		case p.AtMost < from || p.FirstAt >= to:
		case p.FirstAt >= from && p.AtMost < to:
			see(p.FirstAt, p.LastAt, l.Position(i, 0))
		default:
			for j, s := range l.Read(i, &buf) {
				if s.At >= from && s.At < to {
					see(s.At, s.LastAt, l.Position(i, j))
				}
			}
		}
	}
	return out, some
}

// handling is for how much of a stretch a member's handler was at work on records
// that those of a partition had to wait for.
func (c *checker) handling(t *results.Trial, log int, at place, from, to int64) int64 {
	each := int64(t.Spec.Consume.Handler.Time)
	if each == 0 {
		return 0
	}
	var busy set
	var sum int64
	for _, l := range c.lanes {
		waits := l.place == at || t.Spec.Consume.Handler.Lanes == drivers.LanesMember
		if l.Kind != record.Delivered || l.log != log || !waits {
			continue
		}
		var buf record.Buffer
		for i := range l.Pages {
			if l.Pages[i].FirstAt >= to || max(l.Pages[i].LastAt, l.Pages[i].AtMost)+each <= from {
				continue
			}
			for _, s := range l.Read(i, &buf) {
				// A span may hold more time than its records took.
				worked := min(s.LastAt-s.At+each, int64(s.Count)*each)
				busy.add(max(s.At, from), min(s.At+worked, to), func(lo, hi int64) { sum += hi - lo })
			}
		}
	}
	return sum
}

// waiting is since when the record at an offset, or the next one that was
// acknowledged, has been there to be read.
func waiting(acked []*lane, next int64) (since int64, ok bool) {
	var buf record.Buffer
	least := int64(math.MaxInt64)
	for _, l := range acked {
		for i := range l.Pages {
			if l.Pages[i].OffsetEnd <= next || l.Pages[i].Offset >= least {
				continue
			}
			for j, s := range l.Read(i, &buf) {
				if s.Offset >= 0 && s.Offset+int64(s.Count) > next && s.Offset < least {
					one := l.span(s, i, j)
					least, since, ok = s.Offset, one.at(max(next-s.Offset, 0)), true
				}
			}
		}
	}
	return since, ok
}
