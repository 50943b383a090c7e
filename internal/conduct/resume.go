package conduct

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"runtime"
	"slices"

	"github.com/kbench/kbench/drivers"
	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/workloads"
	"github.com/kbench/kbench/workloads/plan"
)

// Left are the trials of a run that are still to run when it goes on: all but those that
// were completed, those that their client cannot do, and those whose round was run once
// more.
func Left(d *results.Dir, trials []plan.Trial) ([]plan.Trial, error) {
	had, err := d.Trials()
	if err != nil {
		return nil, err
	}
	over := map[string]bool{}
	for _, t := range had {
		if t.Damage == nil && (t.State == results.StateComplete || t.State == results.StateRefused || t.Ref.Repeated != "") {
			over[t.Ref.Dir] = true
		}
	}
	return slices.DeleteFunc(slices.Clone(trials), func(t plan.Trial) bool { return over[t.Dir] }), nil
}

// Other says what makes a run another one than it was when it was cut off; empty where
// nothing does. Rounds of two programs, or on two machines, are no rounds of one run.
func Other(d *results.Dir, specs []workloads.Spec, trials []plan.Trial, table []drivers.Driver, m results.Machine) string {
	run := d.Run()
	build, clients := Build(table)
	switch {
	case run.Kbench != build.String():
		return fmt.Sprintf("it was begun by kbench %s, and this is %s", run.Kbench, build)
	case run.Go != runtime.Version():
		return fmt.Sprintf("it was begun with %s, and this is %s", run.Go, runtime.Version())
	case m.Host != run.Machine.Host || m.CPU != run.Machine.CPU || m.Cores != run.Machine.Cores:
		return fmt.Sprintf("it was begun on %s, and this is %s", run.Machine.Host, m.Host)
	case !maps.Equal(clients, run.Clients):
		return "it was begun with other versions of the clients"
	case len(run.Order) < len(trials):
		return fmt.Sprintf("it had %d trials, and its command means %d now", len(run.Order), len(trials))
	}
	for _, spec := range specs {
		if !slices.ContainsFunc(run.Specs, func(was workloads.Spec) bool { return sameSpec(was, spec) }) {
			return fmt.Sprintf("its workload %s is another one now", spec.Name)
		}
	}
	for i, t := range trials {
		if ref := run.Order[i]; ref.Dir != t.Dir || ref.Workload != t.Workload || ref.Arm != t.Arm.Name || ref.Round != t.Round {
			return fmt.Sprintf("its trial %d was %s, and its command means %s now", i+1, ref.Dir, t.Dir)
		}
	}
	return ""
}

// sameSpec compares workloads as run.json has them.
func sameSpec(a, b workloads.Spec) bool {
	x, err := json.Marshal(a)
	y, errB := json.Marshal(b)
	return err == nil && errB == nil && bytes.Equal(x, y)
}

// reopen takes a run up again. What there is of the trials that run once more is put aside.
func (r *runner) reopen() (trials []*trial, err error) {
	if r.dir, err = results.Reopen(r.o.Out); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			r.dir.Release()
		}
	}()
	run := *r.dir.Run()
	if why := Other(r.dir, r.o.Specs, r.o.Trials, r.o.Table, r.o.Launcher.Host().Machine()); why != "" {
		return nil, fmt.Errorf("%s cannot go on: %s; run it anew", r.o.Out, why)
	}
	left, err := Left(r.dir, r.o.Trials)
	if err != nil {
		return nil, err
	}
	run.State, run.Error, run.Ended = results.StateRunning, "", ""
	run.Resumed = append(slices.Clone(run.Resumed), now())
	r.run = &run
	for _, p := range left {
		t := r.newTrial(p)
		if err := r.dir.PutAside(t.out.Ref); err != nil {
			return nil, err
		}
		trials = append(trials, t)
	}
	return trials, r.dir.WriteRun(r.run)
}
