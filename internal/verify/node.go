package verify

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/kbench/kbench/drivers"
	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/cause"
	"github.com/kbench/kbench/results/window"
	"github.com/kbench/kbench/workloads"
	"github.com/kbench/kbench/workloads/acts"
)

// This file is the cases in which nodes of the broker fail on purpose: a leader stands
// still for a known time, and the coordinator is killed and comes back. No trial may fail
// by it, what the broker took must be found again in the answers of its nodes, and the
// time in which nobody served a partition may be charged to nobody.

// What is done to nodes. A probe asks each of them every 50 ms, and how often a busy
// machine lets it is in the bound.
const (
	nodeStop = 2 * time.Second
	nodeAway = 500 * time.Millisecond
	nodeNear = 250 * time.Millisecond
)

// nodes is a member of each client that lives through both.
func nodes(d drivers.Driver) Case {
	s := small("node")
	s.Name = fileName("verify-node-" + d.Name())
	s.Group.Heartbeat, s.Group.Session, s.Group.Rebalance, s.Group.RejoinBackoff = 500*time.Millisecond, 6*time.Second, 6*time.Second, 100*time.Millisecond
	s.Consume.Fetch.Wait = 100 * time.Millisecond
	s.Metadata.Refresh = time.Second // kafka-go's Writer learns of new leaders in no other way
	s.Phases.Measure = time.Second
	s.Churn = []workloads.ChurnEntry{
		{Do: string(acts.Broker), Fault: workloads.StopNode, Node: workloads.LeaderNode, For: nodeStop, At: time.Second, Times: 1},
		{Do: string(acts.Broker), Fault: workloads.KillNode, Node: workloads.CoordinatorNode, For: nodeAway, At: 5 * time.Second, Times: 1},
	}
	return Case{
		Name: "node", Question: questionNode, Driver: d, Spec: s, judge: nodesFound, missable: true, weight: waiting,
		Bound: fmt.Sprintf("the partitions of a leader that stands still are found to be served by nobody for as long, to %s, and of a gap no more than that beyond it is left to the client; a coordinator that is killed fails no trial", nodeNear),
	}
}

// moved is a member of each client whose coordinator becomes another node, and none fails.
func moved(d drivers.Driver) Case {
	c := nodes(d)
	c.Name, c.Question, c.Bound, c.judge, c.missable = "node moved", "", "", movedFound, false
	c.Spec.Name = fileName("verify-moved-" + d.Name())
	c.Spec.Churn = []workloads.ChurnEntry{{Do: string(acts.Broker), Fault: workloads.MoveNode, Node: workloads.CoordinatorNode, At: time.Second, Times: 1}}
	return c
}

// movedFound expects that the nodes themselves tell of another coordinator, that the member
// was told of one, and that a rebalance, if there was any, is taken for what it is.
func movedFound(e Evidence) (v verdict) {
	v.injected, v.reported = "a coordinator moved", e.found()
	v.wrong = e.others(results.AuditDuplicate, results.AuditZombie, results.AuditOverlap, results.AuditCommitRegression)
	if e.Pauses == nil || len(e.Pauses.Events) != 1 || e.Pauses.Events[0].Recovery == nil || len(e.Pauses.Events[0].Acts) != 1 || len(e.Pauses.Events[0].Acts[0].Broker.Nodes) != 1 {
		v.off("there must be one event of an act on a node")
		return v
	}
	event := &e.Pauses.Events[0]
	act := &event.Acts[0]
	hit := act.Broker.Nodes[0]
	before, after := int32(-1), int32(-1) // who coordinated first and last, by the answers of the nodes
	if e.Stalls != nil && e.Stalls.Served != nil && len(e.Stalls.Served.Coordinated) > 0 {
		reigns := e.Stalls.Served.Coordinated
		before = slices.MinFunc(reigns, func(a, b window.Reign) int { return cmp.Compare(a.From, b.From) }).Node
		after = slices.MaxFunc(reigns, func(a, b window.Reign) int { return cmp.Compare(a.To, b.To) }).Node
	}
	if before != hit.Node || after < 0 || after == hit.Node {
		v.off("the coordinator was moved from node %d, and by the answers of the nodes from %d to %d", hit.Node, before, after)
	}
	if event.Recovery.Lookers == 0 {
		v.off("the coordinator moved, and no member is said to have found another")
	}
	want := cause.Expected(act)
	if i := slices.IndexFunc(e.Causes, func(r cause.Rebalance) bool { return r.At >= act.At }); i >= 0 {
		if r := &e.Causes[i]; r.Sure == cause.Certain && !slices.Contains(want, r.Cause) {
			v.off("a rebalance after it is called %s with certainty: %s", r.Cause, r.Why)
		}
	}
	v.reported = fmt.Sprintf("node %d, then %d, found after %s", before, after, round(event.Recovery.Found))
	return v
}

// nodesFound expects the two acts, and of the first what it is known to have taken.
func nodesFound(e Evidence) (v verdict) {
	v.injected = fmt.Sprintf("a leader stopped for %s, a coordinator killed", nodeStop)
	v.reported = e.found()
	// A member had to join again, and a client may give up what it sends to a node that is gone:
	// both are what it makes of the fault, and no fault of the instrument.
	v.wrong = e.others(results.AuditDuplicate, results.AuditZombie, results.AuditOverlap, results.AuditCommitRegression, results.ProduceFailed, results.ProduceUnanswered)
	if e.Pauses == nil || len(e.Pauses.Events) != 2 || e.Pauses.Events[0].Recovery == nil || e.Pauses.Events[1].Recovery == nil {
		v.off("there must be two events of acts on nodes")
		return v
	}
	stop, kill := &e.Pauses.Events[0], &e.Pauses.Events[1]
	b := stop.Acts[0].Broker
	if b == nil || len(b.Nodes) != 1 {
		v.off("one node must have been stopped")
		return v
	}
	lasted := b.Nodes[0].Back - b.Nodes[0].At
	if far := stop.Recovery.Leaders - lasted; far < -int64(nodeNear) || far > int64(nodeNear) {
		v.off("partitions are said to have been served by nobody for %s, and their leader stood still for %s", round(stop.Recovery.Leaders), round(lasted))
	}
	worst := worstOf(stop)
	if worst == nil {
		v.off("no partition had to wait for the node, so that nothing was tested")
		return v
	}
	if left := worst.Unexplained.Least; left > int64(nodeNear) {
		v.off("%s of a gap of %s are left to the client, of a node that stood still for %s", round(left), round(worst.Gap), round(lasted))
	}
	if worst.Gap < lasted-int64(nodeNear) {
		v.off("the longest gap is %s, shorter than the stop of %s", round(worst.Gap), round(lasted))
	}
	v.reported = fmt.Sprintf("%s, a gap of %s, %s of it the client's; a coordinator after %s", round(stop.Recovery.Leaders), round(worst.Gap), round(worst.Unexplained.Least), round(kill.Recovery.Coordinator))
	return v
}

// worstOf is the partition with the longest gap of those that had to wait; nil: none had.
func worstOf(e *window.Event) (worst *window.Partition) {
	for i := range e.Partitions {
		p := &e.Partitions[i]
		if p.FloorKnown && p.Floor > 0 && p.Unexplained != nil && (worst == nil || cmp.Compare(p.Gap, worst.Gap) > 0) {
			worst = p
		}
	}
	return worst
}
