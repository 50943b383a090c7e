package report

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kbench/kbench/results"
)

// All numbers of a line are sums over the same stretch, the whole trial: what was due
// is what was handed over and what was not.
func TestAuditAddsUp(t *testing.T) {
	a := &Arm{rows: []results.Row{
		{Metric: results.AuditLost, N: 1_989_435},
		{Metric: results.ProduceFailed, N: 1_989_440},
		{Metric: results.ProduceUnsent, Role: results.RoleProducer, Value: 8_004_592, N: 8_004_592},
		{Metric: results.ProduceUnsent, Role: results.RoleProducer, Class: results.InAll, Value: 8_010_560, N: 10_000_000},
		{Metric: results.AuditUnanswered, Value: 3, N: 5},
		{Metric: results.AuditForeign, Value: 7, N: 2_000_000},
	}}
	got := a.audit()
	if got.Unsent != 8_010_560 || got.Due != 10_000_000 || got.Handed != 1_989_440 || got.Acked != 1_989_435 {
		t.Errorf("%d unsent of %d due, %d handed over, %d acked", got.Unsent, got.Due, got.Handed, got.Acked)
	}
	want := []Finding{{Metric: results.AuditUnanswered, Count: 3, Of: 5}, {Metric: results.AuditForeign, Count: 7, Of: 2_000_000}}
	if diff := cmp.Diff(want, got.Beside); diff != "" || len(got.Findings) > 0 {
		t.Errorf("of others than the acked, want to got:\n%s; and %v", diff, got.Findings)
	}
}
