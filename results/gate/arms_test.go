package gate

import (
	"strings"
	"testing"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/workloads"
)

// An arm without any figure for a gate is not decided, and no more so for what others
// have: but one that cannot do the workload is no arm of it, nor one that is not asked for.
func TestOfArmsWithout(t *testing.T) {
	ref := func(arm, refused string) results.TrialRef {
		return results.TrialRef{Workload: "w", Arm: arm, Client: arm, Lane: "matched", Refused: refused}
	}
	duplicate := row("a", 1, results.AuditDuplicate, "", results.UnitCount, 2)
	duplicate.Class = "crash"
	rows := []results.Row{
		row("a", 1, results.AuditLost, "", results.UnitCount, 0), row("b", 2, results.AuditLost, "", results.UnitCount, 0),
		row("a", 1, results.RSSPeak, "", results.UnitBytes, 1), row("b", 2, results.AuditDuplicate, "", results.UnitCount, 0), duplicate,
		row("a", 1, results.GroupRecovery, "", results.UnitNs, 1),
	}
	f := func(expr string, want results.Verdict, why string, order ...results.TrialRef) {
		t.Helper()
		got := Of(&results.Run{Specs: []workloads.Spec{{Name: "w", Gate: []string{expr}}}, Order: order}, rows)[0]
		if got.Verdict != want || !strings.Contains(got.Why, why) {
			t.Errorf("%s: %s, %q; want %s, %q", expr, got.Verdict, got.Why, want, why)
		}
	}
	a, b := ref("a", ""), ref("b", "")
	f("audit.lost == 0", results.Met, "", a, b)
	f("audit.lost == 0", results.NotDecided, "no trial of c has figures", a, b, ref("c", ""))
	f("audit.lost == 0", results.Met, "", a, b, ref("c", "it has no groups"))
	f("audit.lost{client=a} == 0", results.Met, "", a, b, ref("c", ""))
	f("rss.peak < 1GB", results.NotDecided, "but b has no figure for it", a, b)
	f("rss.peak{arm=a} < 1GB", results.Met, "", a, b)
	f("rss.peak < 1GB", results.NotDecided, "no trial of c has figures and b has no figure for it", a, b, ref("c", ""))
	// What an arm had none of is nothing that it lacks.
	f("audit.duplicate{class=crash} <= 2", results.Met, "", a, b)
	f("group.recovery < 1s", results.Met, "", a, b)
}

// What one arm misses is missed, whatever is not known of another.
func TestMissedIsNotMet(t *testing.T) {
	order := []results.TrialRef{{Workload: "w", Arm: "a", Client: "a", Lane: "matched"}, {Workload: "w", Arm: "c", Client: "c", Lane: "matched"}}
	f := func(lost float64, want results.Verdict) {
		t.Helper()
		got := Of(&results.Run{Specs: []workloads.Spec{{Name: "w", Gate: []string{"audit.lost == 0"}}}, Order: order},
			[]results.Row{row("a", 1, results.AuditLost, "", results.UnitCount, lost)})[0]
		if got.Verdict != want || !strings.Contains(got.Why, "no trial of c has figures") || len(got.Arms) != 1 || got.Arms[0].Value != lost {
			t.Errorf("%v lost: %+v, want %s", lost, got, want)
		}
	}
	f(0, results.NotDecided)
	f(3, results.NotMet)
}
