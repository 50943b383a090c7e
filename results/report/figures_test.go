package report

import (
	"slices"
	"testing"

	"github.com/kbench/kbench/results"
)

// How the load was kept is shown whoever offered it, and what was never handed over
// only where there is any.
func TestHowTheLoadWasKept(t *testing.T) {
	labels := func(unsent float64) (out []string) {
		w := &Workload{Arms: []Arm{{}}}
		add := func(metric, stat, unit string, v float64) {
			w.Arms[0].rows = append(w.Arms[0].rows, results.Row{Role: results.RoleReference, Metric: metric, Stat: stat, Unit: unit, Value: v, N: 1})
		}
		for _, metric := range []string{results.ProduceSendTime, results.ProduceNoRoom, results.ScheduleLag, results.ProduceResponse} {
			add(metric, "p99", results.UnitNs, 1e6)
		}
		add(results.ProduceUnsent, "", results.UnitCount, unsent)
		for _, g := range w.figures().Groups {
			for _, r := range g.Rows {
				out = append(out, r.Label)
			}
		}
		return out
	}
	want := []string{"inside Send, p99", "no room in window, p99", "generator late, p99"}
	if got := labels(0); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if got := labels(3); !slices.Equal(got, append(want, "never handed over")) {
		t.Errorf("%q with some unsent", got)
	}
}

// What is as short as a histogram can hold is shown as that, not as its upper edge.
func TestTooShortToTell(t *testing.T) {
	f := func(want Value, metric string, vs ...float64) {
		t.Helper()
		if c := overRounds(metric, "p99", vs); c.Values[0] != want {
			t.Errorf("%v of %s is %+v", vs, metric, c.Values[0])
		}
	}
	f(Value{Stat: "p99", Below: 128}, results.ProduceNoRoom, 127, 127, 5000)
	f(Value{Stat: "p99", Value: 5000}, results.ProduceNoRoom, 127, 5000, 5000)
	f(Value{Stat: "p99", Value: 90}, results.CPUPerRecord, 90)
	if c := overRounds(results.ProduceNoRoom, "p99", []float64{127, 127, 5000}); c.Spread != nil {
		t.Error("a share of nothing")
	}
}
