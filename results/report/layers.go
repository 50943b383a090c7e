package report

import (
	"github.com/kbench/kbench/profiles/layers"
	"github.com/kbench/kbench/results"
)

// leastOfCPU is the share of the CPU per record below which a layer has no row of its
// own, in any arm.
const leastOfCPU = 0.01

// layers are the rows of what each layer has of the CPU per record of each role, for
// arms whose trials were profiled.
func (w *Workload) layers(arms []int, roles []results.Role) []Row {
	var out []Row
	several := false
	for _, role := range roles {
		rows := w.layersOf(arms, role)
		several = several || len(rows) > 0 && len(out) > 0
		out = append(out, rows...)
	}
	for i := range out {
		if several {
			out[i].Label += ", " + string(out[i].Role)
		}
	}
	return out
}

// layersOf are those of a role, and how much of its CPU the profiles saw. The harness's
// layer has its row already.
func (w *Workload) layersOf(arms []int, role results.Role) []Row {
	whole := w.overRounds(arms, Row{Metric: results.CPUPerRecord, Role: role, Unit: results.UnitNs}, "")
	var out []Row
	for _, l := range layers.Layers() {
		row := w.ofClass(arms, Row{Label: string(l), Under: true, Metric: results.CPULayer, Role: role, Unit: results.UnitNs}, string(l))
		if l != layers.Harness && row.atLeast(leastOfCPU, whole) {
			out = append(out, row)
		}
	}
	seen := Row{Label: "seen by profiles", Under: true, Metric: results.ProfileCoverage, Role: role, Unit: results.UnitRatio}
	if seen = w.ofClass(arms, seen, results.CoverCPU); seen.known() {
		out = append(out, seen)
	}
	return out
}

// profiled puts the harness's layer in the place of what its own clocks say, for arms
// that have one: it is all that the harness had, in goroutines of the client too.
func (w *Workload) profiled(arms []int, harness *Row) {
	row := w.ofClass(arms, Row{Metric: results.CPULayer, Role: harness.Role, Unit: results.UnitNs}, string(layers.Harness))
	for i, c := range row.Cells {
		if len(c.Values) > 0 {
			harness.Cells[i] = c
		}
	}
}

// ofClass is a row of one class over the trials of each arm.
func (w *Workload) ofClass(arms []int, r Row, class string) Row {
	return w.across(arms, r, func(a *Arm) Cell {
		c := overRounds(r.Metric, "", a.inClass(r.Metric, "", r.Unit, r.Role, class))
		for i := range c.Values {
			c.Values[i].Class = class
		}
		return c
	})
}

// atLeast says whether any cell is at least a share of that of another row.
func (r Row) atLeast(share float64, whole Row) bool {
	for i, c := range r.Cells {
		if of := whole.Cells[i]; len(c.Values) > 0 && len(of.Values) > 0 && c.Values[0].Value > 0 && c.Values[0].Value >= share*of.Values[0].Value {
			return true
		}
	}
	return false
}
