package report

import (
	"slices"
	"testing"

	"github.com/kbench/kbench/results"
)

// TestValues: a trial that was not as planned is in no median, unless there is no
// other; then its figures are all that there is.
func TestValues(t *testing.T) {
	row := func(trial int, v float64) results.Row {
		return results.Row{Trial: trial, Metric: results.CPUPerRecord, Unit: results.UnitNs, Role: results.RoleProducer, Value: v}
	}
	f := func(want []float64, out ...int) {
		t.Helper()
		a := Arm{rows: []results.Row{row(1, 10), row(2, 20), row(3, 30)}, out: map[int]bool{}}
		for _, n := range out {
			a.out[n] = true
		}
		if got := a.values(results.CPUPerRecord, "", results.UnitNs, results.RoleProducer); !slices.Equal(got, want) {
			t.Errorf("without %v: %v, want %v", out, got, want)
		}
	}
	f([]float64{10, 20, 30})
	f([]float64{10, 30}, 2)
	f([]float64{10, 20, 30}, 1, 2, 3)
}

// TestBatches: what was counted of all batches goes before what a sample told, which is
// called that.
func TestBatches(t *testing.T) {
	row := func(class string, v float64) results.Row {
		return results.Row{Trial: 1, Metric: results.WireBatch, Unit: results.UnitCount, Role: results.RoleProducer, Class: class, Value: v}
	}
	w := Workload{Arms: []Arm{
		{rows: []results.Row{row("", 104), row(results.Sampled, 124)}},
		{rows: []results.Row{row(results.Sampled, 50)}},
	}}
	w.batches()
	if a, b := w.Arms[0], w.Arms[1]; a.Batch != 104 || a.Sampled || b.Batch != 50 || !b.Sampled {
		t.Errorf("%v, sampled: %t; %v, sampled: %t", a.Batch, a.Sampled, b.Batch, b.Sampled)
	}
}
