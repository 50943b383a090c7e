package evidence

import (
	"cmp"
	"maps"
	"math"
	"slices"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/blame"
	"github.com/kbench/kbench/results/record"
	"github.com/kbench/kbench/results/window"
	"github.com/kbench/kbench/workloads/acts"
)

// This file is what acts did to nodes of the broker: when which node was away, and what
// nobody served meanwhile.

// Serving is what a node said that it serves, from T on. It was asked at From.
type Serving struct {
	From, T int64
	record.Serving
}

// away is when acts had nodes away, by node. It is no stall of theirs.
func (e *Trial) away() map[int32][]results.Interval {
	out := map[int32][]results.Interval{}
	for i := range e.Acts {
		b := e.Acts[i].Broker
		if b == nil {
			continue
		}
		for j := range b.Nodes {
			if gone, was := b.Away(&b.Nodes[j]); was {
				out[b.Nodes[j].Node] = append(out[b.Nodes[j].Node], gone)
			}
		}
	}
	for node, gone := range out {
		out[node] = results.Union(gone)
	}
	return out
}

// hurt is when acts on nodes were under way: what was not served then is theirs. One that
// was refused, because its node was down already, did nothing.
func (e *Trial) hurt() (out []results.Interval) {
	for _, a := range e.Acts {
		if acts.Of(a.Kind).Node && a.At != 0 && !a.Refused() {
			to := a.Resumed
			if to == 0 {
				to = math.MaxInt64
			}
			out = append(out, results.Interval{From: a.At, To: to})
		}
	}
	return results.Union(out)
}

// served is when nobody served a partition or the group because of acts on nodes; nil
// where there were none, or nobody asked.
func (e *Trial) served() *window.Served {
	hurt := e.hurt()
	if len(hurt) == 0 {
		return nil
	}
	of := map[int32][]Serving{}
	for i := range e.Workers {
		for _, s := range e.Workers[i].Servings {
			of[s.Node] = append(of[s.Node], s)
		}
	}
	if len(of) == 0 {
		return nil
	}
	away := e.away()
	parts, group := map[int32]*reigns{}, &reigns{}
	for _, node := range slices.Sorted(maps.Keys(of)) {
		said := answered(of[node], e.under(node))
		silent := until(away[node], said)
		for i := range said {
			s, next := &said[i], Serving{From: e.Until(), T: e.Until(), Serving: record.Serving{Well: e.Until()}}
			if i+1 < len(said) {
				next = said[i+1]
			}
			if s.Group {
				group.add(s.until(next, next.Group), away[node], silent, nil)
			}
			for p, inStep := range s.Leads {
				if parts[p] == nil {
					parts[p] = &reigns{}
				}
				_, still := next.Leads[p]
				parts[p].add(s.until(next, still), away[node], silent, e.withheld(inStep, away))
			}
		}
	}
	out := &window.Served{
		Parts: map[int32][]window.Unserved{}, Group: group.gaps(hurt, e.Until()),
		Led: map[int32]window.Reigns{}, Coordinated: group.by,
	}
	for p, r := range parts {
		out.Parts[p], out.Led[p] = r.gaps(hurt, e.Until()), r.by
	}
	return out
}

// under is when acts were at work on a node, until the cluster was whole again.
func (e *Trial) under(node int32) (out []results.Interval) {
	for i := range e.Acts {
		if b := e.Acts[i].Broker; b != nil {
			for _, f := range b.Nodes {
				if f.Node == node {
					out = append(out, results.Interval{From: f.At, To: max(f.Whole, f.Done, f.At+1)})
				}
			}
		}
	}
	return results.Union(out)
}

// answered are the answers of a node in the order of time. That it gave none while no act
// was at work on it says nothing: who asked may have had no processor.
func answered(said []Serving, under []results.Interval) []Serving {
	said = slices.DeleteFunc(slices.Clone(said), func(s Serving) bool {
		return s.Error != "" && len(results.Clip(under, results.Interval{From: s.From, To: s.T + 1})) == 0
	})
	slices.SortStableFunc(said, func(a, b Serving) int { return cmp.Compare(a.T, b.T) })
	return said
}

// until are the stretches in which a node was away, each up to its first answer after it.
func until(away []results.Interval, said []Serving) (out []results.Interval) {
	for _, gone := range away {
		for _, s := range said {
			if s.Error == "" && s.T >= gone.To && s.From <= gone.To { // it had been asked before, and had to wait
				gone.To = s.T
				break
			}
		}
		out = append(out, gone)
	}
	return results.Union(out)
}

// withheld is when what a partition has may not be read because a node that is in step
// is away and does not have it. The nodes of the simulated broker, one process, have no
// replicas.
func (e *Trial) withheld(inStep []int32, away map[int32][]results.Interval) (out []results.Interval) {
	if len(e.BrokerPIDs) == 1 {
		return nil
	}
	for _, node := range inStep {
		out = append(out, away[node]...)
	}
	return out
}

// reign is when a node served something: surely, and at the most.
type reign struct {
	node          int32
	sure, perhaps results.Interval
}

// until is when a node served something up to its next answer, in which it still does or
// does not:
//
//	last answer      this one         next one
//	without it       with it          without it
//	   Well  . . . .  T |--- sure ---| Well . . . From
//	    |-------------- perhaps ----------------|
func (s *Serving) until(next Serving, still bool) reign {
	r := reign{s.Node, results.Interval{From: s.T, To: max(next.Well, s.T)}, results.Interval{From: s.T, To: max(next.From, s.T)}}
	if still {
		r.sure.To, r.perhaps.To = next.T, next.T
	}
	if s.Well != 0 {
		r.perhaps.From = min(s.Well, s.T)
	}
	return r
}

// reigns are those of all nodes.
type reigns struct {
	sure, perhaps []results.Interval
	by            window.Reigns
}

// add adds that of one node, without when it was away, when it had not answered yet, and
// when what it has was withheld.
func (r *reigns) add(one reign, away, silent, withheld []results.Interval) {
	for _, i := range results.Without([]results.Interval{one.perhaps}, away) {
		r.by = append(r.by, window.Reign{Node: one.node, Interval: i})
	}
	without := func(i results.Interval, not ...[]results.Interval) []results.Interval {
		return results.Without([]results.Interval{i}, results.Union(slices.Concat(not...)))
	}
	r.sure = append(r.sure, without(one.sure, silent, withheld)...)
	r.perhaps = append(r.perhaps, without(one.perhaps, away, withheld)...)
}

// gaps are the stretches in which nobody did, of those that have something of the acts:
// they may last longer than these.
func (r *reigns) gaps(hurt []results.Interval, end int64) (out []window.Unserved) {
	whole := []results.Interval{{From: hurt[0].From, To: end}}
	longest := results.Without(whole, results.Union(r.sure))
	for _, gone := range results.Without(whole, results.Union(r.perhaps)) {
		if len(results.Clip(hurt, gone)) == 0 {
			continue
		}
		one := window.Unserved{Since: gone.From, Interval: gone, Until: gone.To}
		for _, l := range longest {
			if l.From <= gone.From && l.To >= gone.To {
				one.Since, one.Until = l.From, l.To
			}
		}
		out = append(out, one)
	}
	return out
}

// answering is when nodes answered requests otherwise than they should: nothing where none
// came that would have been. What is asked about the group excuses nobody who reads from
// the same node.
func (e *Trial) answering() (out []blame.Injected) {
	for _, a := range e.Acts {
		if a.Broker == nil || !a.Broker.Answers() {
			continue
		}
		for _, n := range a.Broker.Nodes {
			if n.Back > n.At && n.Requests > 0 {
				out = append(out, blame.Injected{
					Interval: results.Interval{From: n.At, To: n.Back}, What: string(acts.Broker), Node: n.Node, Group: a.Broker.OfGroup(),
				})
			}
		}
	}
	return out
}

// unserved are those stretches as what was injected.
func unserved(s *window.Served) (out []blame.Injected) {
	if s == nil {
		return nil
	}
	add := func(u window.Unserved, what blame.Unserved) {
		what.Is = true
		out = append(out, blame.Injected{Interval: u.Interval, Possible: results.Interval{From: u.Since, To: u.Until}, What: string(acts.Broker), Node: -1, Unserved: what})
	}
	for _, p := range slices.Sorted(maps.Keys(s.Parts)) {
		for _, u := range s.Parts[p] {
			add(u, blame.Unserved{Partition: p})
		}
	}
	for _, u := range s.Group {
		add(u, blame.Unserved{Group: true})
	}
	return out
}
