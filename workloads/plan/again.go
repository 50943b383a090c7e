package plan

import (
	"fmt"
	"slices"
)

// Follow says which round of a workload follows the trials of a run.
type Follow struct {
	Workload string
	Profiled bool // it is one of profiles
	// Repeat is the round that is run once more, with the same records and acts, in an
	// order of its own. 0: the next one is run.
	Repeat int
	// Wanted says which arms are; nil: all, as it has to be where they are compared.
	Wanted func(arm string) bool
}

// Again plans a round that is to follow the trials of a run. It has the seed and, unless it
// is a repeat, the order that the round of its number would have had.
func Again(trials []Trial, seed uint64, f Follow) ([]Trial, error) {
	var first []Trial
	last := 0
	for _, t := range trials {
		if t.Workload != f.Workload {
			continue
		}
		if last = max(last, t.Round); t.Round == 1 && !t.Repeat {
			first = append(first, t)
		}
	}
	// The order must not hang on that of the first round.
	slices.SortFunc(first, func(a, b Trial) int { return a.index - b.index })
	b := block{workload: f.Workload, seed: seed}
	for _, t := range first {
		b.arms, b.specs = append(b.arms, t.Arm), append(b.specs, t.Spec)
	}
	round, order := last+1, ""
	if f.Repeat > 0 {
		round, order = f.Repeat, ", once more"
	}
	more, err := b.round(round, order)
	if err != nil {
		return nil, err
	}
	more = slices.DeleteFunc(more, func(t Trial) bool { return f.Wanted != nil && !f.Wanted(t.Arm.Name) })
	if len(trials)+len(more) > maxTrials {
		return nil, fmt.Errorf("workload %s: with round %d it would be %d trials, and more than %d are not run at a time", f.Workload, round, len(trials)+len(more), maxTrials)
	}
	for i := range more {
		more[i].Profiled, more[i].Repeat = f.Profiled, f.Repeat > 0
		more[i].number(len(trials) + i + 1)
	}
	return more, nil
}

// Was is a trial that once followed those of a plan.
type Was struct {
	Workload, Arm string
	Round         int
	Profiled      bool
	Repeat        bool
}

// Followed plans anew what once followed the trials of a run, and returns all of them.
func Followed(trials []Trial, seed uint64, were []Was) ([]Trial, error) {
	all := trials
	for len(were) > 0 {
		w := were[0]
		same := func(x Was) bool {
			return x.Workload == w.Workload && x.Round == w.Round && x.Profiled == w.Profiled && x.Repeat == w.Repeat
		}
		n := 1
		for n < len(were) && same(were[n]) {
			n++
		}
		f := Follow{Workload: w.Workload, Profiled: w.Profiled}
		if w.Repeat {
			f.Repeat = w.Round
		}
		f.Wanted = func(arm string) bool {
			return slices.ContainsFunc(were[:n], func(x Was) bool { return x.Arm == arm })
		}
		more, err := Again(all, seed, f)
		if err != nil {
			return nil, err
		}
		all, were = slices.Concat(all, more), were[n:]
	}
	return all, nil
}
