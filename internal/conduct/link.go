package conduct

// This file is what the supervisor has to do with links: it knows the nodes by their
// addresses, and tells workers of acts. The links themselves are in the workers.

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/kbench/kbench/internal/worker"
	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/record"
	"github.com/kbench/kbench/workloads"
	"github.com/kbench/kbench/workloads/acts"
	"github.com/kbench/kbench/workloads/churn"
)

// linkNodes are the addresses of the nodes that a link is about; none for all.
func (t *trial) linkNodes(ctx context.Context, l *workloads.Link) (addrs []string, err error) {
	if t.cluster == nil || l.Node == workloads.AnyNode {
		return nil, nil
	}
	var want func(id int32) bool
	switch l.Node {
	case workloads.CoordinatorNode, workloads.OtherNodes:
		coordinator, err := t.cluster.Coordinator(ctx, t.out.Group)
		if err != nil {
			return nil, fmt.Errorf("link.node: coordinator of %s: %w", t.out.Group, err)
		}
		want = func(id int32) bool { return (id == coordinator) == (l.Node == workloads.CoordinatorNode) }
	default:
		want = func(id int32) bool { return strconv.Itoa(int(id)) == l.Node }
	}
	for _, addr := range slices.Sorted(maps.Keys(t.out.Nodes)) {
		if want(t.out.Nodes[addr]) {
			addrs = append(addrs, addr)
		}
	}
	if len(addrs) == 0 {
		return nil, fmt.Errorf("link.node: the cluster has no such node as %s; its nodes are %v", l.Node, slices.Sorted(maps.Values(t.out.Nodes)))
	}
	return addrs, nil
}

// nodesOfActs looks for the nodes that acts on the link name, while nothing has been
// started for them.
func (t *trial) nodesOfActs(ctx context.Context) error {
	for i := range t.acts {
		a := &t.acts[i]
		if _, err := strconv.Atoi(a.Link.Node); a.Kind != acts.Link || err != nil {
			continue
		}
		if _, err := t.linkNodes(ctx, &a.Link); err != nil {
			return fmt.Errorf("act %d, %s: %w", a.N, a.Kind, err)
		}
	}
	return nil
}

// badLink makes the link of a member worse, or of all of them, for a time.
func (l *timeline) badLink(ctx context.Context, a *churn.Act, w *process, out *results.Act) error {
	nodes, err := l.linkNodes(ctx, &a.Link)
	if err != nil {
		return err
	}
	who := []*process{w}
	if a.Member == churn.Nobody {
		who = l.inGroup()
	}
	l.set(func() { out.Link, out.At = &a.Link, record.Now() })
	if err := tell(who, worker.Command{Do: worker.BadLink, Link: &a.Link, Nodes: nodes, For: a.For}); err != nil {
		return err
	}
	l.pending.Go(func() { l.mended(ctx, a.For, out) })
	return nil
}

// mended notes when a link is what it was.
func (l *timeline) mended(ctx context.Context, after time.Duration, out *results.Act) {
	if record.SleepUntil(ctx, out.At+int64(after)) == nil {
		l.set(func() { out.Resumed = max(record.Now(), out.At+1) })
	}
}

// unreached says whether an act keeps everything from a member at the moment.
func (l *timeline) unreached(member string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.ContainsFunc(l.done, func(a *results.Act) bool {
		return a.At != 0 && a.Resumed == 0 && a.Error == "" && a.Suspends(member)
	})
}
