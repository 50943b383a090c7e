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
	"github.com/kbench/kbench/internal/worker"
	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/record"
	"github.com/kbench/kbench/workloads"
)

// stable waits until the coordinator says that every member is in and every
// partition is owned.
func (t *trial) stable(ctx context.Context) error {
	t.step("waiting for the group to be stable")
	spec := &t.plan.Spec
	limit := time.Now().Add(t.run.o.Deadlines.Stable)
	last := "no answer"
	for time.Now().Before(limit) {
		g, err := t.cluster.GroupState(ctx, t.out.Group)
		if err != nil {
			last = err.Error()
		} else {
			owned := 0
			for _, m := range g.Members {
				owned += len(m.Parts)
			}
			if g.State == "Stable" && len(g.Members) == spec.Consume.Members && owned == spec.Topic.Partitions {
				return nil
			}
			last = fmt.Sprintf("%s with %d members owning %d partitions", g.State, len(g.Members), owned)
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(100 * time.Millisecond):
		}
	}
	return fmt.Errorf("group %s was not stable with %d members and %d partitions within %s: last seen %s",
		t.out.Group, spec.Consume.Members, spec.Topic.Partitions, t.run.o.Deadlines.Stable, last)
}

func (t *trial) coordinator(ctx context.Context) (err error) {
	if t.out.Coordinator, err = t.cluster.Coordinator(ctx, t.out.Group); err != nil {
		return fmt.Errorf("coordinator of %s: %w", t.out.Group, err)
	}
	return nil
}

// lead is how long before the warm-up all workers are told when it begins.
const lead = 200 * time.Millisecond

// measure tells all workers when the parts begin and waits for the producers.
func (t *trial) measure(ctx context.Context, setup int64, producers, members []*process) (map[int32]int64, error) {
	ph := t.plan.Spec.Phases
	begin := worker.Command{Do: worker.Begin, Warmup: record.Now() + int64(lead)}
	begin.Measure = begin.Warmup + int64(ph.Warmup)
	begin.End = begin.Measure + int64(ph.Measure)
	for _, at := range []int64{begin.Measure, begin.End} {
		t.machine.sampleAt(at)
	}
	for _, w := range append(slices.Clone(members), producers...) {
		if err := w.send(begin); err != nil {
			return nil, fmt.Errorf("worker %s: %w", w.job.Name, err)
		}
	}
	t.run.progress.Measuring(ph.Warmup, ph.Measure)
	return t.produced(ctx, setup, begin, producers)
}

// produced waits until the producers have an answer for every record, notes the
// parts of the trial, and returns the offset after the last acked record of each
// partition.
func (t *trial) produced(ctx context.Context, setup int64, begin worker.Command, producers []*process) (map[int32]int64, error) {
	acked := make(map[int32]int64)
	limit := time.Duration(begin.End-record.Now()) + t.plan.Spec.Phases.Drain + t.run.o.Deadlines.Close
	for _, w := range producers {
		m, err := w.await(ctx, worker.Produced, limit)
		if err != nil {
			return nil, err
		}
		if m.Error != "" {
			t.note("%s: %s", w.job.Name, m.Error)
		}
		for p, n := range m.Next {
			acked[p] = max(acked[p], n)
		}
	}
	t.phase("setup", setup, begin.Warmup)
	t.phase("warmup", begin.Warmup, begin.Measure)
	t.phase("measure", begin.Measure, begin.End)
	t.phase("drain", begin.End, record.Now())
	return acked, nil
}

func (t *trial) phase(name string, from, to int64) {
	t.out.Phases = append(t.out.Phases, results.Phase{Name: name, From: from, To: to})
}

// ends reads the end offsets and holds them against what was acked.
func (t *trial) ends(ctx context.Context, acked map[int32]int64) error {
	t.out.Acked = acked
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
func (t *trial) drain(ctx context.Context, members []*process, ends map[int32]int64) error {
	t.step("draining")
	from := record.Now()
	for _, w := range members {
		if err := w.send(worker.Command{Do: worker.Drain, Ends: ends}); err != nil {
			return fmt.Errorf("worker %s: %w", w.job.Name, err)
		}
	}
	limit := time.Now().Add(t.plan.Spec.Phases.Drain)
	for {
		next := make(map[int32]int64)
		for _, w := range members {
			if m, ok := w.report(worker.Progress); ok {
				for p, n := range m.Next {
					next[p] = max(next[p], n)
				}
			}
		}
		for p, n := range t.committed() {
			next[p] = max(next[p], n)
		}
		var behind []string
		for _, p := range slices.Sorted(maps.Keys(ends)) {
			if next[p] < ends[p] {
				behind = append(behind, fmt.Sprintf("%d at %d of %d", p, next[p], ends[p]))
			}
		}
		if len(behind) == 0 {
			break
		}
		if time.Now().After(limit) {
			// What was not delivered is a result, and the audit counts it.
			t.note("not drained within %s: partition %s", t.plan.Spec.Phases.Drain, strings.Join(behind, ", "))
			break
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(20 * time.Millisecond):
		}
	}
	if t.plan.Spec.Kind() == workloads.Backlog {
		t.phase("drain", from, record.Now())
	}
	return nil
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
func (t *trial) close(ctx context.Context, ws []*process) error {
	t.step("closing")
	from := record.Now()
	for _, w := range ws {
		if err := w.send(worker.Command{Do: worker.Close}); err != nil {
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
	t.phase("close", from, record.Now())
	return nil
}
