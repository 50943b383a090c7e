package conduct

// This file is the steps that all kinds of trial are made of.

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/kbench/kbench/drivers"
	"github.com/kbench/kbench/internal/launch"
	"github.com/kbench/kbench/internal/worker"
	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/record"
	"github.com/kbench/kbench/workloads"
)

func (t *trial) coordinator(ctx context.Context) (err error) {
	if t.out.Coordinator, err = t.cluster.Coordinator(ctx, t.out.Group); err != nil {
		return fmt.Errorf("coordinator of %s: %w", t.out.Group, err)
	}
	return nil
}

func (t *trial) phase(name string, from, to int64) {
	t.out.Phases = append(t.out.Phases, results.Phase{Name: name, From: from, To: to})
}

// ends reads the end offsets and holds them against what was acked.
func (t *trial) ends(ctx context.Context, acked map[int32]int64) error {
	t.out.Acked = acked
	if t.cluster == nil {
		t.out.End = acked
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, t.run.o.Deadlines.Start)
	defer cancel()
	t.out.End = make(map[int32]int64)
	for _, topic := range t.out.Topics {
		ends, err := t.cluster.EndOffsets(ctx, topic.Name)
		if err != nil {
			return err
		}
		for p, n := range ends {
			t.out.End[topic.First+p] = n
		}
	}
	for _, p := range slices.Sorted(maps.Keys(acked)) {
		if t.out.End[p] != acked[p] {
			t.note("partition %d ends at %d on the broker and at %d by the acks", p, t.out.End[p], acked[p])
		}
	}
	return nil
}

// drain waits until the members together have reached the ends.
func (t *trial) drain(ctx context.Context, members []*process) error {
	t.step("draining")
	from := record.Now()
	if err := tell(members, worker.Command{Do: worker.Drain, Ends: t.out.End}); err != nil {
		return err
	}
	limit := time.Now().Add(t.plan.Spec.Phases.Drain)
	for {
		behind := t.behind(members)
		if len(behind) == 0 {
			break
		}
		if time.Now().After(limit) {
			// What was not delivered is a result, and the audit counts it.
			t.note("not drained within %s: partition %s", t.plan.Spec.Phases.Drain, strings.Join(behind, ", "))
			break
		}
		if err := record.SleepUntil(ctx, record.Now()+int64(20*time.Millisecond)); err != nil {
			return err
		}
	}
	if t.plan.Spec.Kind() == workloads.Backlog {
		t.phase(results.PhaseDrain, from, record.Now())
	}
	return nil
}

// behind are the partitions that the members together have not read to the end.
func (t *trial) behind(members []*process) []string {
	next := make(map[int32]int64)
	reach := func(positions map[int32]int64) {
		for p, n := range positions {
			next[p] = max(next[p], n)
		}
	}
	for _, w := range members {
		m, _ := w.report(worker.Progress)
		reach(m.Next)
	}
	reach(t.committed())
	var behind []string
	for _, p := range slices.Sorted(maps.Keys(t.out.End)) {
		if next[p] < t.out.End[p] {
			behind = append(behind, fmt.Sprintf("%d at %d of %d", p, next[p], t.out.End[p]))
		}
	}
	return behind
}

// committed is what the group had committed when an observer last looked. The
// last records of a partition may have been handled by a member that is gone:
// nobody else is given them. In commit mode auto a commit proves nothing, for a
// client may commit what it has fetched before any handler had it.
func (t *trial) committed() map[int32]int64 {
	if t.plan.Spec.Consume.Commit.Mode == string(drivers.CommitAuto) {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, w := range t.workers {
		if m, ok := w.report(worker.Group); ok && m.View != nil {
			return m.View.Commits
		}
	}
	return nil
}

// close ends workers in good order.
func (t *trial) close(ctx context.Context, ws ...*process) error {
	t.step("closing")
	from := record.Now()
	for _, w := range ws {
		if err := launch.Send(w.p, worker.Command{Do: worker.Close}); err != nil {
			if _, done := w.report(worker.Done); !done {
				return fmt.Errorf("worker %s: %w", w.job.Name, err)
			}
		}
	}
	for _, w := range ws {
		if err := w.finish(ctx, t.run.o.Deadlines.Close); err != nil {
			return err
		}
	}
	t.phase(results.PhaseClose, from, record.Now())
	return nil
}
