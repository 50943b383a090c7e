package report

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kbench/kbench/results"
)

// TestLayers: layers stand below the CPU per record where trials were profiled. Those
// that have next to nothing in every arm have no row, and the harness's is in the row
// that its own clocks would have.
func TestLayers(t *testing.T) {
	arm := func(role results.Role, cpu float64, layers map[string]float64) (rows []results.Row) {
		add := func(metric, class string, v float64) {
			rows = append(rows, results.Row{Trial: 1, Role: role, Metric: metric, Class: class, Unit: results.UnitNs, Value: v})
		}
		add(results.CPUPerRecord, "", cpu)
		add(results.HarnessCPU, "", 7)
		for l, v := range layers {
			add(results.CPULayer, l, v)
		}
		if layers != nil {
			rows = append(rows, results.Row{Trial: 1, Role: role, Metric: results.ProfileCoverage, Class: results.CoverCPU, Unit: results.UnitRatio, Value: 0.9})
		}
		return rows
	}
	layers := map[string]float64{"encode": 600, "gc": 5, "harness": 300, "alloc": 95, "tls": 0, "unmatched": 0}
	f := func(want string, arms ...[]results.Row) {
		t.Helper()
		w := Workload{}
		for i, rows := range arms {
			w.Arms = append(w.Arms, Arm{Name: fmt.Sprint("arm", i), rows: rows})
		}
		var got []string
		for _, g := range w.figures().Groups {
			for _, r := range g.Rows {
				line := r.Label
				for _, c := range r.Cells {
					line += " " + cell(c)
				}
				got = append(got, line)
			}
		}
		if diff := cmp.Diff(want, strings.Join(got, "\n")); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
	const p = results.RoleProducer
	f("CPU per record 1000\nof which harness 7", arm(p, 1000, nil))
	f("CPU per record 1000 1000\nof which harness harness 300 7\nencode encode 600 \nalloc alloc 95 \nseen by profiles cpu 0.9 ",
		arm(p, 1000, layers), arm(p, 1000, nil))
	both := append(arm(p, 1000, layers), arm(results.RoleConsumer, 400, layers)...)
	f(`CPU per record, producer 1000
CPU per record, consumer 400
of which harness, producer harness 300
of which harness, consumer harness 300
encode, producer encode 600
alloc, producer alloc 95
seen by profiles, producer cpu 0.9
encode, consumer encode 600
gc, consumer gc 5
alloc, consumer alloc 95
seen by profiles, consumer cpu 0.9`, both)
}
