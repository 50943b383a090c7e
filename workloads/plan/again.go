package plan

import "slices"

// Again plans a round of profiles more of a workload, of those of its arms that are
// wanted, to follow the trials of a run. It has the seed and the order that the round of
// its number would have had.
func Again(trials []Trial, workload string, seed uint64, wanted func(arm string) bool) ([]Trial, error) {
	var first []Trial
	last := 0
	for _, t := range trials {
		if t.Workload != workload {
			continue
		}
		if last = max(last, t.Round); t.Round == 1 {
			first = append(first, t)
		}
	}
	// The order must not hang on that of the first round.
	slices.SortFunc(first, func(a, b Trial) int { return a.index - b.index })
	b := block{workload: workload, seed: seed}
	for _, t := range first {
		b.arms, b.specs = append(b.arms, t.Arm), append(b.specs, t.Spec)
	}
	more, err := b.round(last + 1)
	if err != nil {
		return nil, err
	}
	more = slices.DeleteFunc(more, func(t Trial) bool { return !wanted(t.Arm.Name) })
	for i := range more {
		more[i].Profiled = true
		more[i].number(len(trials) + i + 1)
	}
	return more, nil
}
