package report

import (
	"cmp"
	"slices"

	"github.com/kbench/kbench/results"
)

// cut gathers what the trials of a workload had that did not complete, each in an arm of
// its own: the tables are those of other trials, but of nothing that is compared.
func (w *Workload) cut(run *results.Run, all []results.Cut) {
	out := &Workload{Name: w.Name, Spec: w.Spec, Every: w.Every}
	out.empty()
	for i := range all {
		c := &all[i]
		if c.Workload != w.Name {
			continue
		}
		arm := *w.arm(run, c.TrialRef)
		arm.rows, arm.out, arm.Rounds, arm.Marks, arm.Audit, arm.Failed, arm.Cut = c.Rows, map[int]bool{}, 1, []Mark{}, noFindings(), nil, c
		count(arm.rows, arm.Audit)
		out.Arms = append(out.Arms, arm)
	}
	if len(out.Arms) == 0 {
		return
	}
	slices.SortStableFunc(out.Arms, func(a, b Arm) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Lane, b.Lane), cmp.Compare(a.Cut.N, b.Cut.N))
	})
	out.Tables = append(out.Tables, out.figures())
	out.churn()
	w.Cut = out
}
