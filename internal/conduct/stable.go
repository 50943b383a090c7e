package conduct

// This file is the timeline's view of the group, through the observer.

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/kbench/kbench/internal/worker"
	"github.com/kbench/kbench/workloads/acts"
)

// settleLimit is how long a group may take to be stable again after an act.
func (l *timeline) settleLimit() time.Duration {
	g := l.plan.Spec.Group
	limit := g.Session + 2*g.Rebalance + 2*g.Heartbeat + l.run.o.Deadlines.Stable
	if l.partitions > int32(l.plan.Spec.Topic.Partitions) {
		limit += 2 * l.plan.Spec.Metadata.Refresh // until the clients look
	}
	return limit
}

// view is the coordinator's latest view, and whether it shows a stable group
// with exactly the members that should be in it and every partition owned.
func (l *timeline) view() (at int64, stable bool, what string) {
	m, ok := l.observer.report(worker.Group)
	if !ok || m.View == nil {
		return 0, false, "the coordinator has not answered yet"
	}
	owned := 0
	var names []string
	for _, g := range m.View.Members {
		owned += len(g.Parts)
		names = append(names, g.Worker)
	}
	slices.Sort(names)
	var want []string
	for _, w := range l.inGroup() {
		want = append(want, w.job.Name)
	}
	slices.Sort(want)
	what = fmt.Sprintf("%s, members %v owning %d of %d partitions", m.View.State, names, owned, l.partitions)
	return m.At, m.View.State == "Stable" && slices.Equal(names, want) && owned == int(l.partitions), what
}

// awaitStable waits until the coordinator has shown a stable group for so long
// without a break. The first sight of it is noted in the acts before it.
func (l *timeline) awaitStable(ctx context.Context, quiet, limit time.Duration) error {
	deadline := time.Now().Add(limit)
	var since int64
	for {
		at, stable, what := l.view()
		if at <= l.stirred() {
			stable = false
		}
		switch {
		case !stable:
			since = 0
		case since == 0:
			since = at
			l.set(func() {
				for _, a := range l.done {
					if a.Stable == 0 {
						a.Stable = at
					}
				}
			})
		}
		if since > 0 && at-since >= int64(quiet) {
			return nil
		}
		if time.Now().After(deadline) {
			var want []string
			for _, w := range l.inGroup() {
				want = append(want, w.job.Name)
			}
			return fmt.Errorf("group %s was not stable within %s: %v should be in it; last seen %s", l.out.Group, limit, want, what)
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// owned is who had which partitions at the coordinator's latest word.
func (l *timeline) owned() map[string][]int32 {
	m, ok := l.observer.report(worker.Group)
	if !ok || m.View == nil {
		return nil
	}
	out := make(map[string][]int32)
	for _, g := range m.View.Members {
		out[g.Worker] = g.Parts
	}
	return out
}

// stirred is the last moment at which an act changed something; a view of the
// group from before it says nothing. While a member is stopped, or has not ended
// yet that was told to, that moment is still to come.
func (l *timeline) stirred() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	var last int64
	for _, a := range l.done {
		if a.Error != "" {
			continue
		}
		if act := acts.Of(a.Kind); act.Stops && a.Resumed == 0 || act.Ends && a.Gone == 0 {
			return math.MaxInt64
		}
		last = max(last, a.At, a.Resumed, a.Gone, a.Ready)
	}
	return last
}
