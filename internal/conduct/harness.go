package conduct

import (
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

// harnessTrials lists the harness trials of a run, by the number of the trial that
// they come before: the first one of their workload. There are none where no
// driver can do without a broker, nor for a workload that runs with nothing else:
// its own trials tell the same.
func harnessTrials(trials []plan.Trial, table []drivers.Driver) map[int][]plan.Trial {
	i := slices.IndexFunc(table, drivers.IsBrokerless)
	if i < 0 {
		return nil
	}
	client := table[i].Name()
	onBroker := make(map[string]bool)
	for _, t := range trials {
		if d := drivers.Find(table, t.Arm.Client); d != nil && !drivers.IsBrokerless(d) {
			onBroker[t.Workload] = true
		}
	}
	out := make(map[int][]plan.Trial)
	for _, t := range trials {
		// With churn nobody asks what a record costs, and a driver without a
		// broker has no backlog: its members cannot go the short way that those
		// of a real one go, and would be charged what nobody pays.
		if !onBroker[t.Workload] || len(t.Spec.Churn) > 0 || t.Spec.Consume.Backlog > 0 {
			continue
		}
		onBroker[t.Workload] = false // those after the first have it
		out[t.N] = []plan.Trial{harnessTrial(t, client, "produce", 0)}
		if members := t.Spec.Consume.Members; members > 0 {
			out[t.N] = append(out[t.N], harnessTrial(t, client, "both", members))
		}
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
	for _, own := range harnessTrials(trials, table) {
		n += len(own)
	}
	return time.Duration(n) * (lead + harnessWarmup + harnessMeasure)
}

// newHarnessTrial is a trial that is none of the user's: nobody is told of it, or
// wants its profiles, and one process is all the producers that it has a part of.
func (r *runner) newHarnessTrial(p plan.Trial) *trial {
	t := r.newTrial(p)
	t.harness, t.progress, t.profiles, t.out.Ref.Refused = true, silent{}, nil, ""
	return t
}

// silent is the Progress of trials that are none of the user's.
type silent struct{}

func (silent) Trial(results.TrialRef, int)                   {}
func (silent) Step(string)                                   {}
func (silent) Measuring(_, _ time.Duration)                  {}
func (silent) Ended(results.TrialRef, results.State, string) {}
