package conduct

// This file is the life of a trial, by what its workload measures; that of a
// trial with a timeline is in churn.go.

import (
	"context"
	"fmt"

	"github.com/kbench/kbench/drivers"
	"github.com/kbench/kbench/internal/worker"
	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/record"
	"github.com/kbench/kbench/workloads"
)

// runBoth is a trial without a broker: one process is producer and members.
func (t *trial) runBoth(ctx context.Context, setup int64) error {
	t.step("starting")
	w, err := t.start(ctx, results.RoleBoth, "both-0", t.settings, 0, nil)
	if err != nil {
		return err
	}
	if _, err := w.await(ctx, worker.Ready, t.run.o.Deadlines.Start); err != nil {
		return err
	}
	produced, err := t.measure(ctx, setup, []*process{w}, nil)
	if err != nil {
		return err
	}
	t.out.Acked, t.out.End = produced, produced
	if t.plan.Spec.Kind() != workloads.Producing {
		if err := t.drain(ctx, []*process{w}, produced); err != nil {
			return err
		}
	}
	return t.close(ctx, []*process{w})
}

func (t *trial) runProducing(ctx context.Context, setup int64) error {
	producers, err := t.startProducers(ctx)
	if err != nil {
		return err
	}
	acked, err := t.measure(ctx, setup, producers, nil)
	if err != nil {
		return err
	}
	if err := t.close(ctx, producers); err != nil {
		return err
	}
	if err := t.ends(ctx, acked); err != nil {
		return err
	}
	from := record.Now()
	t.step("reading the topic back")
	w, err := t.start(ctx, results.RoleReadback, "readback", drivers.Settings{}, 0, t.out.End)
	if err != nil {
		return err
	}
	if err := w.finish(ctx, t.run.o.Deadlines.transfer(total(t.out.End))); err != nil {
		return err
	}
	t.phase("audit", from, record.Now())
	return nil
}

func (t *trial) runBacklog(ctx context.Context, setup int64) error {
	if t.plan.Spec.Consume.Members != 1 {
		return fmt.Errorf("consume.members: a backlog is read by one member, not %d", t.plan.Spec.Consume.Members)
	}
	t.step("filling the topic")
	filler, err := t.start(ctx, results.RoleFiller, "reference-0", t.reference, 0, nil)
	if err != nil {
		return err
	}
	backlog := int64(t.plan.Spec.Consume.Backlog)
	m, err := filler.await(ctx, worker.Produced, t.run.o.Deadlines.transfer(backlog))
	if err != nil {
		return err
	}
	if err := t.close(ctx, []*process{filler}); err != nil {
		return err
	}
	if err := t.ends(ctx, m.Next); err != nil {
		return err
	}
	t.step("reading the backlog")
	member, err := t.start(ctx, results.RoleConsumer, memberName(0), t.identified(t.settings, 0), 0, t.out.End)
	if err != nil {
		return err
	}
	if _, err := member.await(ctx, worker.Ready, t.run.o.Deadlines.Start); err != nil {
		return err
	}
	limit := t.run.o.Deadlines.Stable + t.plan.Spec.Phases.Drain + handling(backlog, t.plan.Spec.Consume.Handler.Time)
	var at [3]int64
	for i, name := range []string{"warmup", "measure", "drain"} {
		r, err := member.await(ctx, worker.PhaseMsg+" "+name, limit)
		if err != nil {
			return err
		}
		t.machine.sample()
		at[i] = r.At
	}
	t.phase("setup", setup, at[0])
	t.phase("warmup", at[0], at[1])
	t.phase("measure", at[1], at[2])
	if err := t.coordinator(ctx); err != nil {
		return err
	}
	if err := t.drain(ctx, []*process{member}, t.out.End); err != nil {
		return err
	}
	return t.close(ctx, []*process{member})
}

func (t *trial) runEndToEnd(ctx context.Context, setup int64) error {
	spec := &t.plan.Spec
	observers, err := t.startObserver(ctx)
	if err != nil {
		return err
	}
	t.step("starting the group")
	var members []*process
	for i := range spec.Consume.Members {
		w, err := t.start(ctx, results.RoleConsumer, memberName(i), t.identified(t.settings, i), uint32(i), nil)
		if err != nil {
			return err
		}
		members = append(members, w)
	}
	for _, w := range members {
		if _, err := w.await(ctx, worker.Ready, t.run.o.Deadlines.Start); err != nil {
			return err
		}
	}
	producers, err := t.startProducers(ctx)
	if err != nil {
		return err
	}
	if err := t.stable(ctx); err != nil {
		return err
	}
	if err := t.coordinator(ctx); err != nil {
		return err
	}
	acked, err := t.measure(ctx, setup, producers, members)
	if err != nil {
		return err
	}
	if err := t.ends(ctx, acked); err != nil {
		return err
	}
	if err := t.drain(ctx, members, t.out.End); err != nil {
		return err
	}
	return t.close(ctx, append(append(producers, members...), observers...))
}

// startObserver starts whoever watches the group, where it is the group that is
// looked at: of one member there is nothing to see, and where a client is driven
// as fast as it goes nobody should stand beside it.
func (t *trial) startObserver(ctx context.Context) ([]*process, error) {
	spec := &t.plan.Spec
	if spec.Consume.Members < 2 || spec.Produce.Rate.Max {
		return nil, nil
	}
	w, err := t.watchGroup(ctx)
	if err != nil {
		return nil, err
	}
	return []*process{w}, nil
}

func (t *trial) watchGroup(ctx context.Context) (*process, error) {
	return t.start(ctx, results.RoleObserver, "observer", drivers.Settings{}, 0, nil)
}

// identified gives a member the identity that a static group knows it by: that of
// the first in its line of replacements.
func (t *trial) identified(set drivers.Settings, identity int) drivers.Settings {
	if set.Group.Static {
		set.InstanceID = fmt.Sprintf("%s-member-%d", t.out.Group, identity)
	}
	return set
}

// producer is who produces, with its settings and the name of its processes.
func (t *trial) producer() (results.Role, drivers.Settings, string) {
	if t.plan.Spec.Produce.By == "reference" {
		return results.RoleReference, t.reference, "reference"
	}
	return results.RoleProducer, t.settings, "producer"
}

func (t *trial) startProducers(ctx context.Context) ([]*process, error) {
	role, set, name := t.producer()
	t.step("starting producers")
	var out []*process
	for i := range t.plan.Spec.Produce.Producers {
		w, err := t.start(ctx, role, fmt.Sprintf("%s-%d", name, i), set, uint32(i), nil)
		if err != nil {
			return nil, err
		}
		out = append(out, w)
	}
	for _, w := range out {
		if _, err := w.await(ctx, worker.Ready, t.run.o.Deadlines.Start); err != nil {
			return nil, err
		}
	}
	return out, nil
}
