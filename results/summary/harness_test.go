package summary

import (
	"testing"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/evidence"
	"github.com/kbench/kbench/results/record"
)

// TestHarnessShare: what its own threads used per record, never above the whole, and
// no row where not all is known.
func TestHarnessShare(t *testing.T) {
	f := func(want float64, role results.Role, own ...int64) {
		t.Helper()
		b := tried(1000, 1000)
		var ws []*worker
		for _, n := range own { // of each worker from the first sample to the last
			w := &worker{Worker: &evidence.Worker{Worker: results.Worker{Role: role}}}
			for i, at := range []int64{b.measured.from, b.measured.to} {
				s := evidence.Sample{T: at}
				if n > 0 {
					s.Runtime = record.Runtime{Own: 5 + n*int64(i)}
				}
				w.Runtime = append(w.Runtime, s)
			}
			ws = append(ws, w)
		}
		b.harnessShare(role, ws, 100_000, 2000)
		switch {
		case want < 0 && len(b.rows) != 0:
			t.Errorf("%s with %v: %+v, want no row", role, own, b.rows)
		case want >= 0 && (len(b.rows) != 1 || b.rows[0].Value != want || b.rows[0].Metric != results.HarnessCPU || b.rows[0].N != 2000):
			t.Errorf("%s with %v: %+v, want %v", role, own, b.rows, want)
		}
	}
	f(20, results.RoleProducer, 40_000)
	f(30, results.RoleProducer, 40_000, 20_000)
	f(50, results.RoleProducer, 140_000) // the clocks of a process and of its threads tick apart
	f(-1, results.RoleProducer, 40_000, 0)
	f(-1, results.RoleProducer, 0)
	f(-1, results.RoleConsumer, 40_000)
	f(-1, results.RoleReference, 40_000)
	f(-1, results.RoleBoth, 40_000)
}
