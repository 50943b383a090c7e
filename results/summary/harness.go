package summary

import (
	"errors"
	"fmt"
	"reflect"
	"slices"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/evidence"
	"github.com/kbench/kbench/workloads"
)

// harness is what the harness itself was seen to cost in one workload: in a
// trial that only produced, and in one that consumed too.
type harness struct {
	workload      string
	load          workloads.Spec
	produce, both perRecord
	consumes      bool
	err           error // why a figure of it cannot be given
	missed        int   // figures left out because of err
	otherLoad     int   // figures left out because their trial had another load
}

// perRecord is a cost in ns and the number of records that it is a mean of.
type perRecord struct {
	ns      float64
	records int64
}

// readHarness reads the harness trials of a run, one entry for each workload.
func readHarness(d *results.Dir) []*harness {
	var all []*harness
	for _, ref := range d.Run().Harness {
		h := harnessOf(all, ref.Workload)
		if h == nil {
			h = &harness{workload: ref.Workload}
			all = append(all, h)
		}
		if h.err != nil {
			continue
		}
		if err := h.read(d, ref); err != nil {
			h.err = fmt.Errorf("%s: %w", ref.Dir, err)
		}
	}
	return all
}

// harnessOf returns the entry of a workload, nil where it has none.
func harnessOf(all []*harness, workload string) *harness {
	if i := slices.IndexFunc(all, func(h *harness) bool { return h.workload == workload }); i >= 0 {
		return all[i]
	}
	return nil
}

// read adds one harness trial.
func (h *harness) read(d *results.Dir, ref results.TrialRef) error {
	t, err := results.ReadTrial(d.TrialPath(ref))
	if err != nil {
		return err
	}
	if t.State != results.StateComplete {
		return fmt.Errorf("%s: %s", t.State, oneLine(t.Error))
	}
	e, err := evidence.Load(d, t)
	if err != nil {
		return err
	}
	in := newInputs(e)
	if err := errors.Join(e.Err(), e.Unread(), e.Close()); err != nil {
		return err
	}
	var cost perRecord
	for _, w := range in.byRole(results.RoleBoth) {
		cpu, ok := w.grew(in.measured, cpuOf)
		if !ok {
			return errors.New("no runtime samples span its measured part")
		}
		cost.ns += cpu
		cost.records += w.records()
	}
	if cost.records == 0 {
		return errors.New("no record went through it in its measured part")
	}
	cost.ns /= float64(cost.records)
	h.load = loadOf(t.Spec) // of the trial that consumes, where there is one: it comes last
	if t.Spec.Consume.Members == 0 {
		h.produce = cost
	} else {
		h.both, h.consumes = cost, true
	}
	return nil
}

// of is the harness's part in the cost of a role. That of consuming is what
// consumers add to producing. Noise may put it below zero, and it stays there,
// with a warning: clipped, it would hide how large the noise is.
func (h *harness) of(role results.Role) (perRecord, bool) {
	switch {
	case role == results.RoleProducer, role == results.RoleBoth && !h.consumes:
		return h.produce, true
	case role == results.RoleBoth:
		return h.both, true
	case role == results.RoleConsumer && h.consumes:
		return perRecord{h.both.ns - h.produce.ns, h.both.records}, true
	default:
		return perRecord{}, false
	}
}

// warnings say, once for each workload, which figures were left out and why.
func (h *harness) warnings() []results.Remark {
	var out []results.Remark
	add := func(r results.Remark) {
		r.Workload = h.workload
		out = append(out, r)
	}
	if h.missed > 0 {
		add(results.Remarkf(results.KindHarness, "no %s: %v", results.HarnessCPU, h.err))
	}
	if cost, ok := h.of(results.RoleConsumer); ok && h.err == nil && cost.ns < 0 {
		add(results.Remarkf(results.KindHarness, "producing and consuming took less CPU per record than producing alone (%.0f and %.0f ns), so something else disturbed these trials: do not use %s",
			h.both.ns, h.produce.ns, results.HarnessCPU).With("both", results.UnitNs, h.both.ns).With("produce", results.UnitNs, h.produce.ns))
	}
	if h.otherLoad > 0 {
		add(results.Remarkf(results.KindHarness, "%d trials have no %s: it was measured for the load of the first arm, and theirs is another",
			h.otherLoad, results.HarnessCPU).With("figures", results.UnitCount, float64(h.otherLoad)))
	}
	return out
}

// harnessShare adds the harness's own part of the cost of a role.
func (b *builder) harnessShare(role results.Role) {
	if b.harness == nil || role == results.RoleReference {
		return
	}
	if b.harness.err != nil {
		b.harness.missed++
		return
	}
	cost, ok := b.harness.of(role)
	if !ok {
		return
	}
	if !reflect.DeepEqual(b.harness.load, loadOf(b.trial.Spec)) {
		b.harness.otherLoad++
		return
	}
	b.plain(role, results.HarnessCPU, cost.ns, cost.records)
}

// loadOf is what of a workload decides the harness's own cost. The cells of a
// matrix may differ in it; they may also differ in what only a client notices,
// such as the codec, and then share one figure. A closed loop has no schedule and
// no tick, and the harness trials of a backlog are one.
func loadOf(s workloads.Spec) (l workloads.Spec) {
	l.Records, l.Topic.Partitions, l.Process = s.Records, s.Topic.Partitions, s.Process
	l.Produce.Producers, l.Produce.Window, l.Produce.Chunk = s.Produce.Producers, s.Produce.Window, s.Produce.Chunk
	l.Produce.Rate.Max = s.Produce.Rate.Max || s.Consume.Backlog > 0
	if !l.Produce.Rate.Max {
		l.Produce.Rate, l.Produce.Schedule, l.Produce.Tick = s.Produce.Rate, s.Produce.Schedule, s.Produce.Tick
	}
	l.Consume.Members, l.Consume.Commit, l.Consume.Handler.Lanes = s.Consume.Members, s.Consume.Commit, s.Consume.Handler.Lanes
	return l
}
