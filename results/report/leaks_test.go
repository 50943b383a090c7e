package report

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/workloads"
)

// TestLeaks: what members held stands beside what it came to, by class; of an arm of which
// that is not known it is said so, and a workload that reads nothing has no table.
func TestLeaks(t *testing.T) {
	of := func(trial int, metric, class, unit string, before, after, per float64) (rows []results.Row) {
		for c, v := range map[string]float64{results.LeakBefore: before, results.LeakAfter: after, "": per} {
			rows = append(rows, results.Row{Trial: trial, Role: results.RoleConsumer, Metric: metric, Class: class + c, Unit: unit, Value: v, N: 10})
		}
		return rows
	}
	var known []results.Row
	for trial, grew := range []float64{10, 12, 14} {
		known = append(known, of(trial+1, results.LeakGoroutines, results.LeakReopened, results.UnitCount, 20, 20+grew, 10*grew)...)
		known = append(known, of(trial+1, results.LeakHeap, results.LeakReopened, results.UnitBytes, 1<<20, 3<<20, 20<<20)...)
	}
	f := func(reads bool, want string) {
		t.Helper()
		w := Workload{Spec: &workloads.Spec{Leaks: reads}, Arms: []Arm{{Name: "a", Rounds: 3, rows: known}, {Name: "b", Rounds: 3}, {Name: "c"}}}
		w.leaks()
		var got []string
		for _, table := range w.Tables {
			for _, g := range table.Groups {
				for _, r := range g.Rows {
					line := r.Label + ":"
					for _, c := range r.Cells {
						line += " " + cell(c)
						if c.NotKnown {
							line += "not known"
						}
					}
					got = append(got, line)
				}
			}
		}
		if diff := cmp.Diff(want, strings.Join(got, "\n")); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
	f(false, "")
	f(true, `clients opened again, times: 10 
goroutines: reopened_before 20, reopened_after 32 not known
more per 100: reopened 120 not known
connections: not known not known
more per 100: not known not known
live heap: reopened_before 1.048576e+06, reopened_after 3.145728e+06 not known
more per 100: reopened 2.097152e+07 not known`)
}
