package conduct

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/kbench/kbench/drivers"
	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/workloads/plan"
)

// A harness trial runs the load of a workload with the driver that needs no
// broker. What it costs is what the harness itself costs in every trial of the
// workload: pacing, stamping, recording, handling. It is short, because it needs
// a mean and no tail.
const (
	harnessWarmup  = 100 * time.Millisecond
	harnessMeasure = 500 * time.Millisecond
)

// harness is the harness trials of a workload, to be conducted before one of its
// trials.
type harness struct {
	before     int // the number of that trial
	clockEvery int // recording is as sparse as in the trials that are explained
	trials     []plan.Trial
}

// harnesses lists the harness trials of a run: those of each workload come
// before its first trial. There are none where no driver can do without a broker,
// nor for a workload that runs with nothing else: its own trials tell the same.
func harnesses(trials []plan.Trial, table []drivers.Driver) []harness {
	i := slices.IndexFunc(table, drivers.IsBrokerless)
	if i < 0 {
		return nil
	}
	client := table[i].Name()
	onBroker := make(map[string]bool)
	for _, t := range trials {
		if d := driverOf(table, t.Arm.Client); d != nil && !drivers.IsBrokerless(d) {
			onBroker[t.Workload] = true
		}
	}
	var out []harness
	for _, t := range trials {
		// With churn nobody asks what a record costs, and a driver without a
		// broker has no backlog: its members cannot go the short way that those
		// of a real one go, and would be charged what nobody pays.
		if !onBroker[t.Workload] || len(t.Spec.Churn) > 0 || t.Spec.Consume.Backlog > 0 {
			continue
		}
		onBroker[t.Workload] = false // those after the first have it
		h := harness{before: t.N, clockEvery: clockEvery(&t.Spec), trials: []plan.Trial{harnessTrial(t, client, "produce", 0)}}
		if members := t.Spec.Consume.Members; members > 0 {
			h.trials = append(h.trials, harnessTrial(t, client, "both", members))
		}
		out = append(out, h)
	}
	return out
}

// harnessTrial makes a harness trial of a trial. What is left out is what the
// harness does not pay for: waiting in the handler.
func harnessTrial(t plan.Trial, client, part string, members int) plan.Trial {
	s := t.Spec
	s.Phases.Warmup, s.Phases.Measure = harnessWarmup, harnessMeasure
	s.Produce.By = "arm" // one process does it all
	s.Consume.Handler.Time = 0
	s.Consume.Members = members
	return plan.Trial{
		Dir:      fmt.Sprintf("harness-%s-%s", t.Workload, part),
		Workload: t.Workload,
		Arm:      plan.Arm{Name: client, Client: client, Lane: string(drivers.Matched)},
		Round:    1, Spec: s, Seed: t.Seed,
	}
}

// HarnessDuration estimates how long the harness trials of a run take together.
func HarnessDuration(trials []plan.Trial, table []drivers.Driver) time.Duration {
	n := 0
	for _, h := range harnesses(trials, table) {
		n += len(h.trials)
	}
	return time.Duration(n) * (lead + harnessWarmup + harnessMeasure)
}

// prepareHarness makes the harness trials and lists them in run.json.
func (r *runner) prepareHarness() {
	// No reference produces in them, and nobody wants their profiles.
	quiet := &runner{o: r.o, run: r.run, progress: silent{}}
	quiet.o.Profiles = nil
	r.harness = make(map[int][]*trial)
	for _, h := range harnesses(r.o.Trials, r.o.Table) {
		for _, p := range h.trials {
			t := quiet.newTrial(p)
			t.out.ClockEvery, t.out.Ref.Refused = h.clockEvery, ""
			r.run.Harness = append(r.run.Harness, t.out.Ref)
			r.harness[h.before] = append(r.harness[h.before], t)
		}
	}
}

// conductHarness runs the harness trials that come before a trial. One that
// fails leaves a figure out, of which the summary warns; the run goes on.
func (r *runner) conductHarness(ctx context.Context, before int) {
	for _, t := range r.harness[before] {
		if ctx.Err() != nil {
			return
		}
		r.progress.Step("measuring the harness itself")
		t.run.dir = r.dir
		var err error
		if t.path, err = r.dir.CreateTrial(t.out); err != nil {
			return // a disk that takes nothing fails the next trial, aloud
		}
		if err := t.conduct(ctx); err != nil {
			return // trial.json says why; the other one alone would tell nothing
		}
	}
}

// silent is the Progress of trials that are none of the user's.
type silent struct{}

func (silent) Trial(results.TrialRef, int)                   {}
func (silent) Step(string)                                   {}
func (silent) Measuring(_, _ time.Duration)                  {}
func (silent) Ended(results.TrialRef, results.State, string) {}

func driverOf(table []drivers.Driver, name string) drivers.Driver {
	for _, d := range table {
		if d.Name() == name {
			return d
		}
	}
	return nil
}
