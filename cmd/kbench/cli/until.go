package cli

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/spf13/cobra"

	"github.com/kbench/kbench/profiles"
	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/profiled"
	"github.com/kbench/kbench/workloads/plan"
)

// mostAgain is how many rounds of profiles of a workload follow the planned ones for
// --until-samples, at the most.
const mostAgain = 20

// until has rounds of profiles follow until the rebalances of every arm have so many CPU
// samples. An arm that has them, or to which a round brought none, is not run again.
type until struct {
	samples int64
	most    int // rounds, of each workload
	seed    uint64
	count   func(*results.Dir, *results.Trial) (int64, error)

	arms    map[armOf]*sampledArm // of workloads with churn
	rounds  map[string]int        // that followed, by workload
	counted int                   // trials
	said    []string              // what is missing in the end, and why
}

type armOf struct{ workload, arm string }

// sampledArm is how many samples an arm has, and why it gets no more.
type sampledArm struct {
	have int64
	why  string
}

// untilSamples checks what --until-samples asks for.
func untilSamples(cmd *cobra.Command, samples int64, s *selected) (*until, error) {
	if !cmd.Flags().Changed("until-samples") {
		return nil, nil
	}
	if samples < 1 {
		return nil, fmt.Errorf("--until-samples %d: at least 1 sample; %d are enough to tell one hot path from another", samples, profiles.EnoughSamples)
	}
	if s == nil {
		return nil, nil // the workloads are wrong
	}
	if !slices.Contains(s.profiles, profiles.CPU) {
		return nil, errors.New("--until-samples goes with --profile cpu, or cpu@250: it counts the samples of that")
	}
	u := &until{samples: samples, most: mostAgain, seed: s.seed, count: profiled.Rebalances, arms: map[armOf]*sampledArm{}, rounds: map[string]int{}}
	for i := range s.trials {
		if t := &s.trials[i]; len(t.Spec.Churn) > 0 {
			u.arms[armOf{t.Workload, t.Arm.Name}] = &sampledArm{}
		}
	}
	if len(u.arms) == 0 {
		return nil, errors.New("--until-samples counts samples of rebalances, and no workload here has churn; the churn-* workloads have")
	}
	return u, nil
}

// tell says what is missing in the end.
func (u *until) tell(say func(string)) {
	if u == nil {
		return
	}
	for _, line := range u.said {
		say("kbench: " + line)
	}
}

// next plans what is to follow the trials that have been run.
func (u *until) next(d *results.Dir, _ *results.Run, planned []plan.Trial) []plan.Trial {
	trials, err := d.Trials()
	if err != nil {
		u.said = append(u.said, fmt.Sprintf("--until-samples: what the rounds left could not be read: %v", err))
		return nil
	}
	for _, t := range trials[min(u.counted, len(trials)):] {
		if a := u.arms[armOf{t.Ref.Workload, t.Ref.Arm}]; a != nil && (t.Ref.Profiled || t.State == results.StateRefused) {
			n, why := u.of(d, t)
			a.have, a.why = a.have+n, why
		}
	}
	u.counted = len(trials)
	var more []plan.Trial
	for _, workload := range u.lacking(planned) {
		if u.rounds[workload] == u.most {
			continue
		}
		u.rounds[workload]++
		next, err := plan.Again(slices.Concat(planned, more), u.seed, plan.Follow{Workload: workload, Profiled: true, Wanted: func(arm string) bool {
			a := u.arms[armOf{workload, arm}]
			return a.have < u.samples && a.why == ""
		}})
		if err != nil {
			u.said = append(u.said, "--until-samples: "+err.Error())
			return nil
		}
		more = append(more, next...)
	}
	if len(more) == 0 {
		u.conclude()
	}
	return more
}

// of is how many samples a trial brought, and why where it brought none.
func (u *until) of(d *results.Dir, t *results.Trial) (n int64, why string) {
	switch t.State {
	case results.StateComplete:
	case results.StateRefused:
		return 0, "it was refused"
	default:
		return 0, "its last trial was not completed"
	}
	n, err := u.count(d, t)
	if err != nil {
		return 0, err.Error()
	}
	if n == 0 {
		why = "its last round brought none"
	}
	return n, why
}

// lacking are the workloads of which an arm wants more, in their order.
func (u *until) lacking(planned []plan.Trial) (out []string) {
	for i := range planned {
		workload := planned[i].Workload
		if slices.Contains(out, workload) {
			continue
		}
		for of, a := range u.arms {
			if of.workload == workload && a.have < u.samples && a.why == "" {
				out = append(out, workload)
				break
			}
		}
	}
	return out
}

// conclude finds which arms lack samples in the end.
func (u *until) conclude() {
	order := func(a, b armOf) int {
		return cmp.Or(cmp.Compare(a.workload, b.workload), cmp.Compare(a.arm, b.arm))
	}
	for _, of := range slices.SortedFunc(maps.Keys(u.arms), order) {
		a := u.arms[of]
		if a.have >= u.samples {
			continue
		}
		why := a.why
		if why == "" {
			why = fmt.Sprintf("%s followed, and no more do", quantity(u.rounds[of.workload], "round"))
		}
		u.said = append(u.said, fmt.Sprintf("%s, %s: the rebalances have %d of %d samples: %s", of.workload, of.arm, a.have, u.samples, why))
	}
}
