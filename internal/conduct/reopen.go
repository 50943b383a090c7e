package conduct

// This file is what is done to clients in processes that live on: they are closed and
// opened again, and what the processes hold is read before and after.

import (
	"context"
	"fmt"

	"github.com/kbench/kbench/internal/worker"
	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/record"
)

// reopen has a member close its client and make a new one in the same process. It goes
// on when it has told: the group sees a leave and a join meanwhile. A close that does
// not come to an end fails the trial, as one at the end of a process does.
func (l *timeline) reopen(ctx context.Context, w *process, out *results.Act) error {
	w.forget(worker.Reopened)
	l.set(func() { out.At = record.Now() })
	l.mu.Lock()
	err := w.tell(worker.Command{Do: worker.Reopen, Topics: l.subscribed})
	l.mu.Unlock()
	if err != nil {
		return err
	}
	l.pending.Go(func() {
		m, err := w.await(ctx, worker.Reopened, l.run.o.Deadlines.Close+l.run.o.Deadlines.Start)
		if err != nil {
			if ctx.Err() == nil {
				l.fail(err)
			}
			return
		}
		l.set(func() { out.Gone = m.At })
	})
	return nil
}

// reading has all members write down what their processes hold, once the group has
// settled, where the workload asks for that.
func (l *timeline) reading(ctx context.Context, name string) error {
	if !l.plan.Spec.Leaks {
		return nil
	}
	l.step(fmt.Sprintf("reading what the members hold %s the acts", name))
	if err := l.awaitStable(ctx, 2*l.plan.Spec.Group.Heartbeat, l.settleLimit()); err != nil {
		return err
	}
	members := l.inGroup()
	for _, w := range members {
		w.forget(worker.HasRead)
	}
	if err := tell(members, worker.Command{Do: worker.Read, Name: name}); err != nil {
		return err
	}
	for _, w := range members {
		if _, err := w.await(ctx, worker.HasRead, l.run.o.Deadlines.Start); err != nil {
			return err
		}
	}
	return nil
}
