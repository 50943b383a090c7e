package summary

import (
	"slices"
	"testing"
	"time"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/audit"
	"github.com/kbench/kbench/results/evidence"
	"github.com/kbench/kbench/workloads"
)

// What is of a part is taken from its samples, and not from those beside it; a part
// that has none has the nearest, if that is not far.
func TestWithin(t *testing.T) {
	f := func(p part, at []int64, want ...int64) {
		t.Helper()
		var samples []evidence.Sample
		for _, ms := range at {
			samples = append(samples, evidence.Sample{T: ms * int64(time.Millisecond)})
		}
		var got []int64
		for _, s := range within(samples, part{p.from * int64(time.Millisecond), p.to * int64(time.Millisecond)}) {
			got = append(got, s.T/int64(time.Millisecond))
		}
		if !slices.Equal(got, want) {
			t.Errorf("of %v in %v: %v, want %v", at, p, got, want)
		}
	}
	f(part{1000, 3000}, []int64{0, 900, 1001, 2000, 3000, 3100}, 1001, 2000)
	f(part{1000, 1500}, []int64{0, 900, 1540, 2000}, 1540)
	f(part{1000, 1500}, []int64{0, 700, 1800})
	f(part{1000, 1500}, nil)
}

// TestNothingNew has rows of what was at work in the measured part and got nothing acked
// or delivered for the first time, and does not say that it did nothing.
func TestNothingNew(t *testing.T) {
	f := func(role results.Role, want string, idle bool, w *worker) {
		t.Helper()
		b := &builder{inputs: &inputs{trial: &results.Trial{Kind: workloads.EndToEnd, Phases: []results.Phase{{Name: results.PhaseMeasure, To: 10 * second}}}, measured: part{0, 10 * second}}, thin: &thinData{}}
		said := false
		b.warn = func(r results.Remark) { said = said || r.Kind == results.KindIdle }
		w.Worker = &evidence.Worker{Worker: results.Worker{Role: role}}
		b.workers = []*worker{w}
		b.role(role, b.workers)
		if some := slices.ContainsFunc(b.rows, func(r results.Row) bool { return r.Metric == want }); some == idle || said != idle {
			t.Errorf("%s: a row %v, said to be idle %v", want, some, said)
		}
	}
	f(results.RoleProducer, results.ProduceResponse, false, &worker{never: []audit.Redelivery{{Due: second, LastDue: 2 * second, Count: 5}}})
	f(results.RoleProducer, results.ProduceResponse, true, &worker{never: []audit.Redelivery{{Due: -2 * second, LastDue: -second, Count: 5}}})
	f(results.RoleConsumer, results.ConsumeRedelivered, false, &worker{redelivered: map[string]int64{"stale": 3}})
	f(results.RoleConsumer, results.ConsumeRedelivered, true, &worker{})
}
