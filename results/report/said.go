package report

import (
	"slices"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/workloads"
)

// said is what there is to say of the work itself, before any figure.
func (w *Workload) said() {
	if w.Spec == nil {
		return
	}
	w.Question = workloads.Question(w.Spec.About)
	w.Unusual = append(w.Unusual, w.Spec.Unusual()...)
	varying := w.Spec.Varying()
	for _, path := range sortedKeys(varying) {
		w.Varies = append(w.Varies, Varied{path, varying[path]})
	}
}

// owns takes note of what the lane of a trial has in place of the workload's
// settings, but for what moves no figure. A producer and a consumer may both have
// a setting, and it is the same.
func (a *Arm) owns(t *results.Trial) {
	for _, l := range t.Plan {
		own := workloads.Said{Path: l.Key, Value: l.Own}
		if l.Own != "" && l.Role.UnderTest() && !quiet(l.Key, &t.Spec) && !slices.Contains(a.Own, own) {
			a.Own = append(a.Own, own)
		}
	}
}
