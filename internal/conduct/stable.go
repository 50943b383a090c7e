package conduct

// This file is the coordinator's view of the group: is it as it should be?

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/kbench/kbench/internal/aside"
	"github.com/kbench/kbench/internal/cluster"
	"github.com/kbench/kbench/internal/worker"
	"github.com/kbench/kbench/results/record"
	"github.com/kbench/kbench/workloads/acts"
)

// settleLimit is how long a group may take to be stable again after an act.
func (l *timeline) settleLimit() time.Duration {
	g := l.plan.Spec.Group
	limit := g.Session + 2*g.Rebalance + 2*g.Heartbeat + l.run.o.Deadlines.Stable
	if l.partitions > int32(l.plan.Spec.Topic.Partitions) {
		limit += 2 * l.plan.Spec.Metadata.Refresh // until the clients look
	}
	return limit + l.awayLimit()
}

// look is what the coordinator last said of the group: to the observer where
// there is one, else it is asked.
func (l *timeline) look(ctx context.Context) (at int64, v *record.GroupView, err error) {
	if l.observer == nil {
		g, err := l.cluster.GroupState(ctx, l.out.Group)
		if err != nil {
			return 0, nil, err
		}
		return record.Now(), aside.View(g, l.out.Topics), nil
	}
	m, ok := l.observer.report(worker.Group)
	if !ok || m.View == nil {
		return 0, nil, errors.New("the coordinator has not answered yet")
	}
	return m.At, m.View, nil
}

// stable says whether the coordinator sees a stable group with exactly the members
// that should be in it and every partition owned, and what it sees. What is not allowed
// now never will be.
func (l *timeline) stable(ctx context.Context) (at int64, stable bool, what string, never error) {
	at, v, err := l.look(ctx)
	if err != nil {
		if denied := (*cluster.Denied)(nil); errors.As(err, &denied) {
			never = err
		}
		return 0, false, err.Error(), never
	}
	owned := 0
	var names []string
	for _, g := range v.Members {
		owned += len(g.Parts)
		names = append(names, g.Worker)
	}
	slices.Sort(names)
	what = fmt.Sprintf("%s, members %v owning %d of %d partitions", v.State, names, owned, l.partitions)
	return at, v.State == "Stable" && slices.Equal(names, l.wanted()) && owned == int(l.partitions) && at > l.stirred(), what, nil
}

// wanted are the members that should be in the group.
func (l *timeline) wanted() (names []string) {
	for _, w := range l.inGroup() {
		names = append(names, w.job.Name)
	}
	slices.Sort(names)
	return names
}

// awaitStable waits until the coordinator has shown a stable group for so long
// without a break. The first sight of it is noted in the acts before it.
func (l *timeline) awaitStable(ctx context.Context, quiet, limit time.Duration) error {
	every := 20 * time.Millisecond
	if l.observer == nil {
		every = 100 * time.Millisecond // each look is a request
	}
	deadline := time.Now().Add(limit)
	var since int64
	for {
		at, stable, what, never := l.stable(ctx)
		switch {
		case never != nil:
			return never
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
			return fmt.Errorf("group %s was not stable within %s: %v should be in it; last seen %s", l.out.Group, limit, l.wanted(), what)
		}
		if err := record.SleepUntil(ctx, record.Now()+int64(every)); err != nil {
			return err
		}
	}
}

// owned is who had which partitions at the coordinator's latest word.
func (l *timeline) owned(ctx context.Context) map[string][]int32 {
	_, v, err := l.look(ctx)
	if err != nil {
		return nil
	}
	out := make(map[string][]int32)
	for _, g := range v.Members {
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
		if act := acts.Of(a.Kind); act.Lasts() && a.Resumed == 0 || act.Ends && a.Gone == 0 {
			return math.MaxInt64
		}
		last = max(last, a.At, a.Resumed, a.Gone, a.Ready)
	}
	return last
}
