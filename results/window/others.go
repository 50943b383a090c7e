package window

import (
	"cmp"
	"slices"
	"time"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/blame"
	"github.com/kbench/kbench/results/record"
)

// Others is what stalls of others cover of a figure of an event.
type Others struct {
	Metric string // the figure: of several, the one that they cover most of
	Figure int64
	Sum    int64       // of it that is surely covered
	Most   blame.Share // the source that has most of it
}

// concern are the stalls that a partition depended on while the group changed: of the
// nodes, of producers and of the workers themselves.
func (s *Stalls) concern(within Interval, partition int32, workers ...string) []blame.Stall {
	return s.of(within, s.Coordinator, partition, slices.Concat(s.Producers, workers))
}

// asks are those that requests of workers about the group depended on: no producer is
// waited for.
func (s *Stalls) asks(within Interval, workers []string) []blame.Stall {
	return s.of(within, s.Coordinator, -1, workers)
}

// leads are those that a record depended on: no matter what the coordinator did.
func (s *Stalls) leads(within Interval, partition int32, owner string) []blame.Stall {
	return s.of(within, -1, partition, slices.Concat(s.Producers, []string{owner}))
}

func (s *Stalls) of(within Interval, coordinator, partition int32, workers []string) []blame.Stall {
	at := blame.Place{Partition: partition, Leader: -1, Coordinator: coordinator}
	if node, known := s.Leaders[partition]; known {
		at.Leader = node
	}
	if s.Served != nil {
		at.Leaders = s.Served.Led[partition].in(within)
		if coordinator >= 0 {
			at.Coordinators = s.Served.Coordinated.in(within)
		}
	}
	for _, w := range workers {
		if w != "" { // nobody had it, or nobody knows who
			at.Workers, at.Hosts = append(at.Workers, w), append(at.Hosts, s.Hosts[w])
		}
	}
	return blame.Of(s.All, at, within)
}

// Accident says whether any of them was not asked for.
func (s *Stalls) Accident() bool {
	return slices.ContainsFunc(s.All, func(o blame.Stall) bool { return o.Source != blame.SourceInjected })
}

// Have is who has how much of the way of a record.
func (s *Stalls) Have(partition int32, owner string, r Record) []blame.Share {
	way := Interval{From: r.Due, To: r.At}
	_, by := blame.Explain([]Interval{way}, append(s.leads(way, partition, owner), s.unacked(partition, way)...))
	return by
}

// inLog is from when on a record of a partition could be read, by its ack: that comes once
// it can. Of those whose acks were not late it is when they were due.
func (s *Stalls) inLog(partition int32, due int64) int64 {
	const near = int64(time.Millisecond) // times within a span are interpolated
	all := s.Unacked[partition]
	i, _ := slices.BinarySearchFunc(all, due+near, func(o record.Span, t int64) int { return cmp.Compare(o.Due, t) })
	if i--; i < 0 || due > all[i].LastDue+near {
		return due
	}
	o := &all[i]
	acked := o.At
	if o.LastDue > o.Due {
		acked += int64(float64(o.LastAt-o.At) * float64(due-o.Due) / float64(o.LastDue-o.Due))
	}
	return max(due, acked-blame.Threshold)
}

// unacked is what of the way of a record passed before it could be read. It is the act that
// took the reference's leader away: no accident.
func (s *Stalls) unacked(partition int32, way Interval) []blame.Stall {
	from := s.inLog(partition, way.From)
	if from == way.From {
		return nil
	}
	part := Interval{From: way.From, To: min(from, way.To)}
	return []blame.Stall{{Source: blame.SourceInjected, Who: s.Reference, Node: -1, Excuses: true, Certain: part, Possible: part}}
}

// unexplained finds what of the lateness of a record is the client's: that of the
// record of the partition of which it is most, which need not be the one that was the
// latest. From the way of each is taken what the partition had to wait and what
// concerned it and stood still. Both are known within bounds, and so is what is left.
func (s *happening) unexplained(p *Partition, waits []wait) {
	if s.Stalls == nil || p.Records == 0 {
		return
	}
	ways := Interval{From: s.window.From, To: s.window.To + p.Gap} // of all records
	all := s.Stalls.concern(ways, p.Partition, p.OldOwner, p.NewOwner)
	for _, w := range waits {
		all = append(all, blame.Stall{Source: blame.SourceFloor, Node: -1, Excuses: true,
			Certain: Interval{From: w.from, To: w.to}, Possible: Interval{From: min(w.since, w.from), To: w.to}})
	}
	var most blame.Bounds
	most, p.By = blame.Explain([]Interval{p.Silence}, slices.Concat(all, s.Stalls.unacked(p.Partition, p.Silence)))
	p.Unexplained = &most

	excuses := blame.NewExcuses(all)
	within := DueIn(s.window.From, s.window.To)
	within.Late = most.Least // of one that is no later no more can be the client's
	for b := range s.Records.Each(p.Partition, &within) {
		for i, due := range b.Due {
			way := Interval{From: s.Stalls.inLog(p.Partition, due), To: b.At[i]}
			if due < within.From || due > within.To || way.Length() <= within.Late {
				continue
			}
			left := excuses.Left(way)
			most = blame.Bounds{Least: max(most.Least, left.Least), Most: max(most.Most, left.Most)}
			within.Late = most.Least
		}
	}
}

// others finds whether stalls of others make so much of a figure of the event that it
// does not tell of the client: of the largest gap, of the largest excess over the
// floor, or of the time that the wire took beyond its own.
func (s *happening) others(e *Event) (found *Others) {
	if s.Stalls == nil {
		return nil
	}
	see := func(metric string, figure int64, by []blame.Share) {
		if most, sum, covered := blame.Covered(figure, by); covered && (found == nil || sum > found.Sum) {
			found = &Others{metric, figure, sum, most}
		}
	}
	var gap, excess *Partition
	for i := range e.Partitions {
		p := &e.Partitions[i]
		if p.Unexplained == nil {
			continue
		}
		if gap == nil || p.Gap > gap.Gap {
			gap = p
		}
		if excess == nil || p.Excess > excess.Excess {
			excess = p
		}
	}
	if gap != nil {
		see(results.PauseGapExcess, excess.Excess, excess.By)
		see(results.PauseGap, gap.Gap, gap.By)
	}
	if e.Rebalanced && e.WireExcess > 0 {
		var all []string
		for _, w := range s.Workers {
			all = append(all, w.Name)
		}
		over := e.T0 + e.Wire
		excess := Interval{From: over - e.WireExcess, To: over}
		_, by := blame.Explain([]Interval{excess}, s.Stalls.asks(excess, all))
		see(results.PauseWireExcess, e.WireExcess, by)
	}
	return found
}

// Remark says whose the figure is in truth.
func (o *Others) Remark() results.Remark {
	r := results.Remarkf(results.PauseOthers, "%s of %s: in %s of it stood still what is not the client, most of it %s", o.Metric, Short(o.Figure), Short(o.Sum), o.Most.Name()).
		By(o.Most.Who).With(o.Metric, results.UnitNs, float64(o.Figure)).With(results.PauseOthers, results.UnitNs, float64(o.Sum))
	r.Class = string(o.Most.Source)
	return r
}

// kept says what of the largest gap of the event is the client's, though it was suspended
// or did not get a processor.
func (e *Event) kept() (results.Remark, bool) {
	var gap *Partition
	for i := range e.Partitions {
		if p := &e.Partitions[i]; p.Unexplained != nil && (gap == nil || p.Gap > gap.Gap) {
			gap = p
		}
	}
	if gap == nil {
		return results.Remark{}, false
	}
	most, kept := blame.Kept(gap.Gap, gap.By)
	return Kept(results.PauseGap, "", gap.Gap, most), kept
}

// Kept is a remark about a figure, and a statistic of it, that a source has a part of and
// does not excuse.
func Kept(metric, stat string, figure int64, most blame.Share) results.Remark {
	what := metric
	if stat != "" {
		what = stat + " of " + metric
	}
	r := results.Remarkf(results.KindKept, "%s of %s: in %s of it %s; that stays the client's", what, Short(figure), Short(most.Least), most.Kept()).
		By(most.Who).With(metric, results.UnitNs, float64(figure)).With(string(results.KindKept), results.UnitNs, float64(most.Least))
	r.Class = string(most.Source)
	return r
}
