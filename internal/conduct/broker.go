package conduct

// This file is the acts on nodes of the broker. A node that was ended, or stands still,
// by an act is no death; when it is back and the cluster is whole again the act is over.

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/kbench/kbench/internal/cluster"
	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/record"
	"github.com/kbench/kbench/workloads"
	"github.com/kbench/kbench/workloads/churn"
	"github.com/kbench/kbench/workloads/plan"
)

// wholeLimit is how long a cluster may take to be whole again once a node was started or
// went on, and orderLimit an order to a node.
const (
	wholeLimit = 3 * time.Minute
	orderLimit = 90 * time.Second
)

// downs are nodes that acts have ended or stopped, or are about to.
type downs struct {
	mu    sync.Mutex
	nodes map[int32]int64 // when it was back, and the cluster whole; 0: it is not
	turns map[int32]bool  // an act that is under way has it, or will come to it
}

// take says which of some nodes an act that is under way has down, or will. Where there
// is none, an act that takes nodes away has them from now on, each until it is whole again.
func (d *downs) take(nodes []int32, away bool) (taken int32, free bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, node := range nodes {
		if d.turns[node] {
			return node, false
		}
	}
	if away {
		if d.turns == nil {
			d.turns = map[int32]bool{}
		}
		for _, node := range nodes {
			d.turns[node] = true
		}
	}
	return 0, true
}

// set notes that a node is down, or was whole again at a time.
func (d *downs) set(node int32, whole int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.nodes == nil {
		d.nodes = map[int32]int64{}
	}
	if d.nodes[node] = whole; whole != 0 {
		delete(d.turns, node)
	}
}

// any says whether a node is down now.
func (d *downs) any() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Contains(slices.Collect(maps.Values(d.nodes)), 0)
}

// lately says whether a node is down, or was so short a time ago.
func (d *downs) lately(node int32, within time.Duration) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	whole, was := d.nodes[node]
	return was && (whole == 0 || record.Now()-whole < int64(within))
}

// onNodes does what an act does to nodes of the broker. It goes on while the next act
// waits.
func (l *timeline) onNodes(ctx context.Context, a *churn.Act, out *results.Act) error {
	nodes, err := l.awaitNodes(ctx, a)
	if err != nil {
		return err
	}
	if a.Fault != workloads.MoveNode {
		if node, free := l.down.take(nodes, takesAway(a.Fault)); !free {
			l.set(func() {
				out.At, out.Error = record.Now(), fmt.Sprintf("node %d is down already, or is to be: an act before this one has it", node)
			})
			return nil
		}
	}
	l.set(func() {
		out.At, out.Broker = record.Now(), &results.BrokerAct{
			Fault: a.Fault, Node: a.Node, Nodes: []results.NodeFault{}, Request: a.Request, Error: a.Error, Delay: int64(a.Delay),
		}
	})
	l.pending.Go(func() {
		for _, node := range nodes {
			err := l.onNode(ctx, a, node, out)
			if ctx.Err() != nil {
				return // the trial is over, and the next node is left alone
			}
			if err != nil {
				l.fail(fmt.Errorf("act %d, %s: node %d: %w", a.N, out.Broker.Name(), node, err))
				return
			}
		}
		l.set(func() { out.Resumed = max(record.Now(), out.At+1) })
	})
	return nil
}

// awaitNodes are the nodes that an act is about. While the cluster recovers from the act
// before it may not know who coordinates or leads.
func (l *timeline) awaitNodes(ctx context.Context, a *churn.Act) ([]int32, error) {
	asking, cancel := context.WithTimeout(ctx, l.run.o.Deadlines.Start)
	defer cancel()
	for {
		nodes, err := l.nodesOf(asking, a)
		if err == nil || asking.Err() != nil {
			return nodes, err
		}
		if record.SleepUntil(asking, record.Now()+int64(100*time.Millisecond)) != nil {
			return nil, err
		}
	}
}

// nodesOf are the nodes that an act is about, as they are now.
func (l *timeline) nodesOf(ctx context.Context, a *churn.Act) ([]int32, error) {
	one := func(id int32, err error) ([]int32, error) { return []int32{id}, err }
	pick := func(of []int32) int32 { return of[a.Pick%uint64(len(of))] }
	all := slices.Sorted(maps.Values(l.out.Nodes))
	switch a.Node {
	case workloads.AllNodes:
		return all, nil
	case workloads.AnyNode:
		return one(pick(all), nil)
	case workloads.CoordinatorNode:
		return one(l.cluster.Coordinator(ctx, l.out.Group))
	case workloads.ControllerNode:
		return one(l.cluster.Controller(ctx))
	case workloads.LeaderNode:
		return one(l.leader(ctx))
	case workloads.FollowerNode:
		have, err := l.cluster.Replicas(ctx, l.out.Topic, 0)
		switch {
		case err != nil:
			return nil, err
		case len(have) < 2:
			return nil, errors.New("the first partition has no follower; write topic.replication of 2 or 3, on so many nodes")
		}
		followers := have[1:]
		slices.Sort(followers)
		return one(pick(followers), nil)
	}
	id, err := strconv.Atoi(a.Node)
	if err == nil && !slices.Contains(all, int32(id)) {
		err = fmt.Errorf("the cluster has no such node as %d; its nodes are %v", id, all)
	}
	return one(int32(id), err)
}

// leader leads the first partition that the coordinator does not lead, where there is one:
// which node coordinates is a matter of chance, and what its loss costs is another question.
// Where nobody says who does, as while that changes, none is left out.
func (l *timeline) leader(ctx context.Context) (int32, error) {
	leaders, err := l.cluster.Leaders(ctx, l.out.Topic)
	if err != nil {
		return 0, err
	}
	coordinator := int32(-1)
	if l.out.Group != "" {
		if node, err := l.cluster.Coordinator(ctx, l.out.Group); err == nil {
			coordinator = node
		}
	}
	return pickLeader(leaders, coordinator)
}

// pickLeader is the same of what is known.
func pickLeader(leaders map[int32]int32, coordinator int32) (int32, error) {
	found := int32(-1)
	for _, p := range slices.Sorted(maps.Keys(leaders)) {
		switch node := leaders[p]; {
		case node >= 0 && node != coordinator:
			return node, nil
		case node >= 0:
			found = node
		}
	}
	if found < 0 {
		return 0, errors.New("nobody leads a partition of the topic")
	}
	return found, nil
}

// onNode does it to one node, and returns when the cluster is whole again.
func (l *timeline) onNode(ctx context.Context, a *churn.Act, node int32, out *results.Act) error {
	var f *results.NodeFault // under l.mu
	l.set(func() {
		out.Broker.Nodes = append(out.Broker.Nodes, results.NodeFault{Node: node, At: record.Now()})
		if f = &out.Broker.Nodes[len(out.Broker.Nodes)-1]; len(out.Broker.Nodes) == 1 {
			f.At = out.At
		}
	})
	now := func(moment *int64) { l.set(func() { *moment = record.Now() }) }
	switch a.Fault {
	case workloads.MoveNode:
		if err := l.move(ctx, a, node); err != nil {
			return err
		}
		now(&f.Done)
		return nil
	case workloads.AnswerNode, workloads.DelayNode:
		return l.answerOtherwise(ctx, a, node, f, now)
	}
	down, up := ordersOf(a.Fault)
	l.down.set(node, 0)
	if err := l.order(ctx, node, down); err != nil {
		return err
	}
	now(&f.Done)
	back := record.Now() + int64(a.For)
	within := mostAsked
	if a.Fault == workloads.StopNode {
		within = min(within, a.For/2)
	}
	if err := gone(ctx, l.cluster, node, within); err != nil {
		return err
	}
	if err := record.SleepUntil(ctx, back); err != nil {
		return err // whoever ends the trial ends the cluster too
	}
	now(&f.Back)
	if err := l.order(ctx, node, up); err != nil {
		return err
	}
	for i, pid := range l.cluster.PIDs() { // a node that was started has another process
		l.machine.watch(results.BrokerProcess(i), watched{pid: pid})
	}
	waiting, cancel := context.WithTimeoutCause(ctx, wholeLimit, fmt.Errorf("the cluster was not whole again within %s", wholeLimit))
	defer cancel()
	if err := l.cluster.AwaitWhole(waiting, node, l.names()); err != nil {
		return err
	}
	now(&f.Whole)
	l.down.set(node, record.Now())
	return nil
}

// mostAsked is for how long a node is asked whether it is gone. One that has ended refuses
// at once, and one that stands still says nothing.
const mostAsked = 3 * time.Second

// asked is what a node can be asked.
type asked interface {
	AskMetadata(ctx context.Context, node int32) error
}

// gone holds what was done to a node against what it says itself: one that goes on to
// answer is not away, and no figure of the act would be true. A signal takes a while where
// no processor is free: its process goes on until one of its threads has been given it. So
// it may answer for half of the time, and must then be silent for the other half.
func gone(ctx context.Context, c asked, node int32, within time.Duration) error {
	for last := record.Now() + int64(within/2); ; {
		asking, cancel := context.WithTimeout(ctx, within/2)
		err := c.AskMetadata(asking, node)
		cancel()
		if err != nil {
			return nil
		}
		if record.Now() >= last {
			return errors.New("it was ended or stopped, and answers all the same: nothing was done to it, which is a defect of kbench or of how it runs the broker")
		}
		if err := record.SleepUntil(ctx, record.Now()+int64(time.Millisecond)); err != nil {
			return err
		}
	}
}

// takesAway says whether a node is away, or stands still, by a fault.
func takesAway(fault string) bool {
	return fault == workloads.KillNode || fault == workloads.StopNode || fault == workloads.RestartNode
}

// answerOtherwise has a node answer requests with an error, or later, for a time.
func (l *timeline) answerOtherwise(ctx context.Context, a *churn.Act, node int32, f *results.NodeFault, now func(*int64)) error {
	in := cluster.Injection{ID: a.N, Request: a.Request, Error: a.Error, Delay: a.Delay}
	if err := l.cluster.Inject(ctx, node, in); err != nil {
		l.run.brokerDied.Store(true) // it may have come through: no other trial is to have it
		return err
	}
	now(&f.Done)
	err := record.SleepUntil(ctx, record.Now()+int64(a.For))
	// Also when the trial ends early: the cluster lives on.
	healing, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	hits, herr := l.cluster.Heal(healing, node, in)
	now(&f.Back)
	if herr != nil {
		l.run.brokerDied.Store(true) // it may go on
	}
	l.set(func() { f.Requests = hits })
	return errors.Join(err, herr)
}

// ordersOf are what is done to a node, and what undoes it.
func ordersOf(fault string) (down, up cluster.Order) {
	switch fault {
	case workloads.StopNode:
		return cluster.Stop, cluster.Continue
	case workloads.RestartNode:
		return cluster.Terminate, cluster.StartNode
	default:
		return cluster.Kill, cluster.StartNode
	}
}

func (l *timeline) order(ctx context.Context, node int32, do cluster.Order) error {
	ctx, cancel := context.WithTimeoutCause(ctx, orderLimit, fmt.Errorf("it was not done within %s", orderLimit))
	defer cancel()
	return l.cluster.Order(ctx, node, do)
}

// move takes from a node what it leads of the trial's topics, or the group.
func (l *timeline) move(ctx context.Context, a *churn.Act, node int32) error {
	ctx, cancel := context.WithTimeoutCause(ctx, orderLimit, fmt.Errorf("it was not done within %s", orderLimit))
	defer cancel()
	if a.Node == workloads.CoordinatorNode {
		return l.cluster.MoveCoordinator(ctx, node, l.out.Group)
	}
	return l.cluster.MoveLeaders(ctx, node, l.names()...)
}

// awayLimit is how much longer than others an act on nodes may take until it is over.
func (l *timeline) awayLimit() (most time.Duration) {
	for i := range l.acts {
		if a := &l.acts[i]; a.Fault != "" {
			most = max(most, workloads.NodesAway(a.Fault, a.Node, a.For)+wholeLimit)
		}
	}
	return most
}

// restore has the broker be after the trial as it was before. What is not whole by then,
// because the trial has ended early, is thrown away with the cluster.
func (t *trial) restore(failed error) {
	if t.cluster == nil || !t.plan.Spec.BrokerActs() || !t.ownsBroker() {
		return
	}
	switch {
	case failed == nil:
	case t.down.any():
		t.run.brokerDied.Store(true)
		return
	case isInterrupt(failed), t.brokerDeath() != nil:
		return
	}
	t.step("giving the nodes of the broker back what they led")
	ctx, cancel := t.run.within(t.run.o.Deadlines.Start)
	defer cancel()
	if err := t.cluster.Restore(ctx); err != nil {
		t.run.brokerDied.Store(true)
		t.note("the broker is started anew for the next trial: %v", err)
	}
}

// Refused is an error where an act of a trial is to do to nodes of the broker what that
// one cannot take.
func Refused(broker cluster.Options, trials []plan.Trial) error {
	for i := range trials {
		t := &trials[i]
		for j := range t.Acts {
			a := &t.Acts[j]
			if a.Fault == "" {
				continue
			}
			if err := hurts(broker, a); err != nil {
				return fmt.Errorf("workload %s: act %d of its churn, %s: %w", t.Workload, a.N, a.Title(), err)
			}
		}
	}
	return nil
}

// hurts says why an act cannot be done to the nodes of a broker, or nil.
func hurts(o cluster.Options, a *churn.Act) error {
	nodes := cmp.Or(o.Nodes, cluster.DefaultNodes)
	first := 0 // of the simulated broker
	switch {
	case o.Kind == cluster.Attached:
		return errors.New("nodes of an attached cluster are left alone; use --broker kafka, or embedded")
	case o.Kind == cluster.Embedded && a.Node == workloads.ControllerNode:
		return errors.New("the controller of the simulated broker is never another node; use --broker kafka, or name another node")
	case o.Kind == cluster.Kafka && a.Request != "":
		return errors.New("what a node of Apache Kafka answers is its own; use --broker embedded")
	case o.Kind == cluster.Kafka:
		first = 1
	}
	if a.Request != "" && a.Node == workloads.AllNodes {
		return errors.New("one node at a time answers otherwise; name one")
	}
	if a.Fault == workloads.MoveNode && nodes < 2 {
		return errors.New("there is no other node to which it could go; use --nodes 3")
	}
	if a.Node == workloads.FollowerNode && nodes < 2 {
		return errors.New("there is no other node that could follow; use --nodes 3")
	}
	if id, err := strconv.Atoi(a.Node); err == nil && (id < first || id >= first+nodes) {
		return fmt.Errorf("there is no node %d; they are numbered from %d to %d", id, first, first+nodes-1)
	}
	return nil
}
