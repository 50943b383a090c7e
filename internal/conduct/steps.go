package conduct

// This file is the steps that all kinds of trial are made of.

import (
	"cmp"
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
	next := t.reached(members)
	var behind []string
	for _, p := range slices.Sorted(maps.Keys(t.out.End)) {
		if next[p] < t.out.End[p] {
			behind = append(behind, fmt.Sprintf("%d at %d of %d", p, next[p], t.out.End[p]))
		}
	}
	return behind
}

// reached is how far the members together have come in each partition.
func (t *trial) reached(members []*process) map[int32]int64 {
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
	return next
}

// strangers notes members that kbench did not start, where no observer has seen who
// is in the group.
func (l *timeline) strangers(ctx context.Context) {
	if l.cluster == nil || l.observer != nil {
		return
	}
	_, view, err := l.look(ctx)
	if err != nil {
		return // the group cannot be asked any more: nothing is known
	}
	known := map[string]bool{}
	for _, w := range l.all() {
		known[w.job.Name] = true
	}
	for _, m := range view.Members {
		if !known[m.Worker] {
			if l.out.Strangers == nil {
				l.out.Strangers = map[string][]int32{}
			}
			l.out.Strangers[cmp.Or(m.Client, m.Worker, m.ID)] = m.Parts
		}
	}
}

// leftBehind notes what the group had committed when its members had closed. What
// they had not read by then is read now, to tell what is still there from what is
// lost.
func (l *timeline) leftBehind(ctx context.Context) error {
	bounded, cancel := context.WithTimeout(ctx, l.run.o.Deadlines.Start)
	defer cancel()
	commits, err := l.cluster.Committed(bounded, l.out.Group, l.names()...)
	if err != nil {
		l.note("committed positions are not known: %v", err)
	} else {
		l.out.Committed = map[int32]int64{}
		for _, topic := range l.out.Topics {
			for p, offset := range commits[topic.Name] {
				l.out.Committed[topic.First+p] = offset
			}
		}
	}
	begins, ends := map[int32]int64{}, map[int32]int64{}
	next := l.reached(l.inGroup())
	for p, end := range l.out.End {
		if next[p] < end {
			begins[p], ends[p] = next[p], end
		}
	}
	if len(begins) == 0 {
		return nil
	}
	for _, topic := range l.out.Topics {
		leaders, err := l.cluster.Leaders(bounded, topic.Name)
		if err != nil {
			l.note("leaders are not known: %v", err)
			return nil
		}
		for p, node := range leaders {
			if node < 0 {
				l.out.Leaderless = append(l.out.Leaderless, topic.First+p)
				delete(begins, topic.First+p)
				delete(ends, topic.First+p)
			}
		}
	}
	slices.Sort(l.out.Leaderless)
	l.out.Reread = begins
	return l.readBack(ctx, begins, ends)
}

// names are the topics of the trial.
func (t *trial) names() (out []string) {
	for _, topic := range t.out.Topics {
		out = append(out, topic.Name)
	}
	return out
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
	if err := t.shut(ctx, ws...); err != nil {
		return err
	}
	t.phase(results.PhaseClose, from, record.Now())
	return nil
}

// shut has workers close and waits until they have ended.
func (t *trial) shut(ctx context.Context, ws ...*process) error {
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
	return nil
}
