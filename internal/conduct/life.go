package conduct

// This file is the life of a trial (DESIGN 4), one for every workload. What a
// workload has not (members, producers, acts, a broker) its trials go past. Only
// a backlog is measured by whoever reads it, and not by the clock.

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/kbench/kbench/drivers"
	"github.com/kbench/kbench/internal/worker"
	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/record"
	"github.com/kbench/kbench/workloads"
	"github.com/kbench/kbench/workloads/churn"
)

func (l *timeline) live(ctx context.Context) (err error) {
	defer l.pending.Wait()
	defer func() {
		if err != nil {
			l.cutOff(record.Now())
		}
	}()
	kind := l.plan.Spec.Kind()
	measure := l.measure
	if kind == workloads.Backlog {
		measure = l.measureBacklog
		if err := l.fill(ctx); err != nil {
			return err
		}
	}
	if err := l.gather(ctx); err != nil {
		return err
	}
	stopLooking := l.lookForStuck(ctx)
	defer stopLooking()
	if err := measure(ctx); err != nil {
		return err
	}
	if kind != workloads.Producing {
		if err := l.drain(ctx, l.readers()); err != nil {
			return err
		}
		l.strangers(ctx)
	}
	stopLooking()
	if err := l.close(ctx, l.everybody()...); err != nil {
		return err
	}
	switch {
	case l.cluster == nil:
		return nil
	case kind == workloads.Producing:
		err = l.readBack(ctx, nil, l.out.End)
	default:
		err = l.leftBehind(ctx)
	}
	if err != nil {
		return err
	}
	return l.shut(ctx, l.probe) // until now it would have told who does not answer
}

// gather starts everybody and waits until all are ready: whoever watches the
// group, its members, and the producers. Without a broker one process is both.
func (l *timeline) gather(ctx context.Context) (err error) {
	spec := &l.plan.Spec
	if l.cluster == nil {
		l.step("starting")
		w, err := l.start(ctx, worker.Job{Role: results.RoleBoth, Name: "both-0", Settings: l.settings, Spec: *spec})
		if err != nil {
			return err
		}
		l.producers = []*process{w}
		return l.ready(ctx, w)
	}
	if l.watched() {
		if l.observer, err = l.start(ctx, worker.Job{Role: results.RoleObserver, Name: "observer", Spec: *spec}); err != nil {
			return err
		}
	}
	if spec.Consume.Members > 0 {
		l.step("starting the group")
	}
	for i := range spec.Consume.Members {
		w, err := l.member(ctx, i, i, false)
		if err != nil {
			return err
		}
		l.members[i] = w
	}
	if err := l.ready(ctx, l.inGroup()...); err != nil || spec.Kind() == workloads.Backlog {
		return err
	}
	l.step("starting producers")
	role, set, name := l.producer()
	for i := range spec.Produce.Producers {
		w, err := l.start(ctx, worker.Job{Role: role, Name: fmt.Sprintf("%s-%d", name, i), Settings: set, Spec: *spec, Number: uint32(i)})
		if err != nil {
			return err
		}
		l.producers = append(l.producers, w)
	}
	return l.ready(ctx, l.producers...)
}

// watched says whether somebody watches the group. Acts are timed by what it
// does; without them it is watched where it is the group that is looked at: of one
// member there is nothing to see, and where a client is driven as fast as it goes
// nobody should stand beside it.
func (l *timeline) watched() bool {
	spec := &l.plan.Spec
	return len(l.acts) > 0 || spec.Consume.Members > 1 && !spec.Produce.Rate.Max
}

// producer is who produces, with its settings and the name of its processes.
func (t *trial) producer() (results.Role, drivers.Settings, string) {
	if t.plan.Spec.Produce.By == "reference" {
		return results.RoleReference, t.reference, "reference"
	}
	return results.RoleProducer, t.settings, "producer"
}

func (t *trial) ready(ctx context.Context, ws ...*process) error {
	for _, w := range ws {
		if _, err := w.await(ctx, worker.Ready, t.run.o.Deadlines.Start); err != nil {
			return err
		}
	}
	return nil
}

// readers are those who read what is produced, and everybody those who take part.
func (l *timeline) readers() []*process {
	if l.cluster == nil {
		return l.producers
	}
	return l.inGroup()
}

func (l *timeline) everybody() []*process {
	all := append(slices.Clone(l.producers), l.inGroup()...)
	if l.observer != nil {
		all = append(all, l.observer)
	}
	return all
}

// measure is warm-up and measured part, from a stable group to the last answer
// that a producer waits for. A measured part with acts lasts as long as they take.
func (l *timeline) measure(ctx context.Context) error {
	if l.cluster != nil && l.plan.Spec.Consume.Members > 0 {
		l.step("waiting for the group to be stable")
		if err := l.awaitStable(ctx, 0, l.run.o.Deadlines.Stable); err != nil {
			return err
		}
		if err := l.coordinator(ctx); err != nil {
			return err
		}
	}
	if err := l.begin(ctx); err != nil {
		return err
	}
	err := l.play(ctx)
	l.out.Acts = l.finished()
	if err != nil {
		return err
	}
	if l.begun.End == 0 {
		if err := l.end(); err != nil {
			return err
		}
	}
	return l.produced(ctx)
}

// lead is how long before the warm-up all workers are told when it begins.
const lead = 200 * time.Millisecond

// begin tells everybody when warm-up and measured part begin, and when it ends
// where no act decides that, and waits for the measured part.
func (l *timeline) begin(ctx context.Context) error {
	ph := l.plan.Spec.Phases
	l.begun = worker.Command{Do: worker.Begin, Warmup: record.Now() + int64(lead)}
	l.begun.Measure = l.begun.Warmup + int64(ph.Warmup)
	l.machine.sampleAt(l.begun.Measure)
	length := ph.Measure
	if len(l.acts) > 0 {
		length = churn.Length(&l.plan.Spec, l.acts)
	} else {
		l.begun.End = l.begun.Measure + int64(length)
		l.machine.sampleAt(l.begun.End)
	}
	if err := tell(append(l.inGroup(), l.producers...), l.begun); err != nil {
		return err
	}
	l.now("measuring")
	l.progress.Measuring(ph.Warmup, length)
	return record.SleepUntil(ctx, l.begun.Measure)
}

// end tells everybody when a measured part ends that had none until now.
func (l *timeline) end() error {
	const grid = int64(100 * time.Millisecond) // of the spans: the part ends on it
	from := l.begun.Measure
	end := max(record.Now()+int64(lead), from+int64(l.plan.Spec.Phases.Measure))
	l.begun.End = from + (end-from+grid-1)/grid*grid
	l.machine.sampleAt(l.begun.End)
	return tell(append(l.inGroup(), l.producers...), worker.Command{Do: worker.End, End: l.begun.End})
}

// produced waits until the producers have an answer for every record, notes the
// parts of the trial, and holds the end offsets against the offset after the last
// acked record of each partition.
func (l *timeline) produced(ctx context.Context) error {
	acked := make(map[int32]int64)
	limit := time.Duration(l.begun.End-record.Now()) + l.plan.Spec.Phases.Drain + l.run.o.Deadlines.Close
	for _, w := range l.producers {
		m, err := w.await(ctx, worker.Produced, limit)
		if err != nil {
			return err
		}
		if m.Error != "" {
			l.note("%s: %s", w.job.Name, m.Error)
		}
		for p, n := range m.Next {
			acked[p] = max(acked[p], n)
		}
	}
	l.phase(results.PhaseSetup, l.setup, l.begun.Warmup)
	l.phase(results.PhaseWarmup, l.begun.Warmup, l.begun.Measure)
	l.phase(results.PhaseMeasure, l.begun.Measure, l.begun.End)
	l.phase(results.PhaseDrain, l.begun.End, record.Now())
	return l.ends(ctx, acked)
}

// fill puts the backlog into the topic.
func (l *timeline) fill(ctx context.Context) error {
	if n := l.plan.Spec.Consume.Members; n != 1 {
		return fmt.Errorf("consume.members: a backlog is read by one member, not %d", n)
	}
	l.step("filling the topic")
	filler, err := l.start(ctx, worker.Job{Role: results.RoleFiller, Name: "reference-0", Settings: l.reference, Spec: l.plan.Spec})
	if err != nil {
		return err
	}
	m, err := filler.await(ctx, worker.Produced, l.run.o.Deadlines.transfer(int64(l.plan.Spec.Consume.Backlog)))
	if err != nil {
		return err
	}
	if err := l.close(ctx, filler); err != nil {
		return err
	}
	return l.ends(ctx, m.Next)
}

// measureBacklog waits while the one member reads what lies there. It knows best
// when its parts begin.
func (l *timeline) measureBacklog(ctx context.Context) error {
	l.step("reading the backlog")
	c := &l.plan.Spec.Consume
	limit := l.run.o.Deadlines.Stable + l.plan.Spec.Phases.Drain + handling(int64(c.Backlog), c.Handler.Time)
	at := [4]int64{l.setup}
	for i, next := range []string{results.PhaseWarmup, results.PhaseMeasure, results.PhaseDrain} {
		r, err := l.members[0].await(ctx, worker.PhaseMsg+" "+next, limit)
		if err != nil {
			return err
		}
		l.machine.sample()
		at[i+1] = r.At
	}
	for i, part := range []string{results.PhaseSetup, results.PhaseWarmup, results.PhaseMeasure} {
		l.phase(part, at[i], at[i+1])
	}
	return l.coordinator(ctx)
}

// readBack reads what is in the topic, for the audit: nobody else has. A trial that was
// measured keeps its figures where that fails, and says what is not known.
func (t *trial) readBack(ctx context.Context, begins, ends map[int32]int64) error {
	from := record.Now()
	t.step("reading the topic back")
	own, giveUp := context.WithCancelCause(ctx)
	defer giveUp(nil)
	w, err := t.startFor(own, worker.Job{Role: results.RoleReadback, Name: "readback", Spec: t.plan.Spec, Begins: begins, Ends: ends}, giveUp)
	if err == nil {
		err = w.finish(own, t.run.o.Deadlines.transfer(total(ends)-total(begins)))
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if w != nil && err != nil {
		err = errors.Join(err, w.end(t.run.o.Deadlines.Abort)) // with what it has read
	} else if w != nil {
		if m, _ := w.report(worker.Progress); m.Error != "" {
			err = errors.New(m.Error)
		}
	}
	if err != nil {
		t.out.NotRead, t.out.Reread = err.Error(), nil
	}
	t.phase(results.PhaseAudit, from, record.Now())
	return nil
}
