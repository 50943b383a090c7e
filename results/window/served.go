package window

import (
	"slices"
	"strconv"
	"strings"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/workloads/acts"
)

// Served is when no node of the broker served what it should have, because an act had
// ended or stopped one: the broker's own share of what came of the act, fencing, election
// and loading, whatever the client.
type Served struct {
	Parts map[int32][]Unserved // by partition, in the order of time
	Group []Unserved           // the same of the group: no node coordinated it

	Led         map[int32]Reigns // who led each partition, and when
	Coordinated Reigns
}

// Reigns are nodes that served something one after the other, or side by side while not
// all of them had heard of it.
type Reigns []Reign

// Reign is when a node served something, at the most.
type Reign struct {
	Node int32
	Interval
}

// in are the nodes that served it in a stretch, in ascending order.
func (r Reigns) in(within Interval) (nodes []int32) {
	for _, one := range r {
		if one.From < within.To && one.To > within.From {
			nodes = append(nodes, one.Node)
		}
	}
	slices.Sort(nodes)
	return slices.Compact(nodes)
}

// Unserved is a stretch in which nobody served something, surely, and Since and Until when
// that may have been so: nodes were asked every so often.
type Unserved struct {
	Since int64
	Interval
	Until int64
}

// unservedIn are the stretches that have something of an interval.
func unservedIn(all []Unserved, within Interval) []Unserved {
	return slices.DeleteFunc(slices.Clone(all), func(u Unserved) bool { return u.To <= within.From || u.From >= within.To })
}

// brokerWaits are the stretches of a window in which a partition had to wait for the
// broker.
func (s *happening) brokerWaits(p int32) (waits []wait) {
	if s.Served == nil {
		return nil
	}
	for _, u := range unservedIn(s.Served.Parts[p], s.window) {
		waits = append(waits, wait{u.Since, u.From, u.To}) // until when perhaps stands in what is injected
	}
	return waits
}

// Recovery is what came of an act on nodes of the broker, from the act on: when the
// broker itself served everything again, and when the clients had found that out. What
// never stopped takes no time. Times are ns from the first such act of the event.
type Recovery struct {
	// Leaders is until each partition was served, and Coordinator until the group was.
	Leaders     int64 `json:"leaders_ns"`
	Coordinator int64 `json:"coordinator_ns"`
	// Delivered is until the last partition delivered again that had stopped.
	Delivered int64 `json:"delivered_ns"`
	// Found is until the last of the members that looked for their coordinator were told
	// of one that was there, of Lookers.
	Found   int64 `json:"coordinator_found_ns"`
	Lookers int   `json:"looked_for_coordinator"`
	// Evicted is how often a member was told that it is none any more.
	Evicted int `json:"evictions"`
	// Reordered is how many records were handed on behind a later one of their stream.
	Reordered int64 `json:"reordered"`
}

// recovery is that of an event; nil where no act of it was done to a node.
func (s *happening) recovery(e *Event) *Recovery {
	var at int64
	for _, act := range s.acts {
		if onNode(act) && act.Broker != nil && at == 0 {
			at = act.At
		}
	}
	if at == 0 {
		return nil
	}
	r := &Recovery{}
	if s.Served != nil {
		for _, p := range e.Partitions {
			for _, u := range unservedIn(s.Served.Parts[p.Partition], s.window) {
				r.Leaders = max(r.Leaders, u.To-at)
			}
		}
		for _, u := range unservedIn(s.Served.Group, s.window) {
			r.Coordinator = max(r.Coordinator, u.To-at)
		}
	}
	for _, p := range e.Partitions {
		if p.Gap > s.Theta {
			r.Delivered = max(r.Delivered, p.Silence.To-at)
		}
	}
	of := s.handled() // a member whose coordinator moved finds that out at its next beat
	for i := range s.Workers {
		found(&s.Workers[i], Interval{From: at, To: of.To}, r)
	}
	for _, late := range s.TooLate {
		if of.Contains(late.At) {
			r.Reordered += late.Count
		}
	}
	return r
}

// found adds what a member was told of its coordinator and of itself, from the act on.
func found(w *Worker, within Interval, r *Recovery) {
	const findCoordinator = 10
	looked := false
	for i := range w.Calls {
		c := &w.Calls[i]
		if !within.Contains(c.Resp) {
			continue
		}
		if c.Rejected() {
			r.Evicted++
		}
		if c.API == findCoordinator && c.OK() && !looked && c.Resp >= within.From+r.Coordinator {
			looked = true
			r.Lookers++
			r.Found = max(r.Found, c.Resp-within.From)
		}
	}
}

// onNode says whether an act is one on nodes of the broker.
func onNode(act results.Act) bool { return acts.Of(act.Kind).Node }

// broken says what was done to nodes of the broker, and what the broker itself took.
func (s *happening) broken(e *Event) (words []results.Remark) {
	if e.Recovery == nil {
		return nil
	}
	for _, act := range s.acts {
		if !onNode(act) || act.Broker == nil {
			continue
		}
		var nodes []string
		for _, f := range act.Broker.Nodes {
			nodes = append(nodes, strconv.Itoa(int(f.Node)))
		}
		words = append(words, hitBy(&act, strings.Join(nodes, ", ")))
	}
	if r := e.Recovery; s.Served != nil {
		words = append(words, results.Remarkf(results.KindNode, "the broker served all partitions again after %s, and the group after %s", Short(r.Leaders), Short(r.Coordinator)).
			With(results.BrokerLeaders, results.UnitNs, float64(r.Leaders)).With(results.BrokerCoordinator, results.UnitNs, float64(r.Coordinator)))
	}
	return words
}

// hitBy says what an act did to which nodes, and for how long. Of requests that were to be
// answered otherwise it says how many were: where none came nothing was done.
func hitBy(act *results.Act, nodes string) results.Remark {
	took := act.Resumed - act.At
	if !act.Broker.Answers() {
		return results.Remarkf(results.KindNode, "%s: node %s; whole again after %s", act.Broker.Name(), nodes, Short(took)).With("whole", results.UnitNs, float64(took))
	}
	var requests int64
	for _, f := range act.Broker.Nodes {
		requests += f.Requests
	}
	return results.Remarkf(results.KindNode, "%s: node %s, for %s; requests that had it: %d", act.Broker.Name(), nodes, Short(took), requests).
		With("requests", results.UnitCount, float64(requests))
}
