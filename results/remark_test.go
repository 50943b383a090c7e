package results_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kbench/kbench/results"
)

// A remark says in its fields where it was found, and as a line in front of its
// words; JSON keeps all of it.
func TestRemark(t *testing.T) {
	ref := results.TrialRef{N: 3, Workload: "w", Arm: "sarama/range", Lane: "best", Round: 2}
	about := results.Remarkf(results.KindFloorDefect, "wire excess %d ms", -1)
	about.Event = "join#3"
	thin := results.Remarkf(results.KindThinTail, "no p999")
	thin.Workload = "w"
	mark := results.Remark{Kind: results.TrialSaturated, Class: "lag", Words: "saturated: late"}.By("consumer-0").With(results.ScheduleLag, results.UnitNs, 3e7)
	f := func(r results.Remark, want string) {
		t.Helper()
		if got := r.String(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
		data, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		var again results.Remark
		if err := json.Unmarshal(data, &again); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(r, again); diff != "" {
			t.Errorf("what was written to what was read:\n%s", diff)
		}
	}
	f(mark, "saturated: late")
	f(mark.In(ref), "trial 3 (w, sarama/range, round 2): saturated: late")
	f(about, "join#3: wire excess -1 ms")
	f(about.In(ref), "trial 3 (w, sarama/range, round 2): join#3: wire excess -1 ms")
	f(thin, "w: no p999")
}

// With leaves the remark that it was asked of as it was.
func TestWith(t *testing.T) {
	one := results.Remark{}.With("a", results.UnitCount, 1)
	left, right := one.With("b", results.UnitCount, 2), one.With("c", results.UnitCount, 3)
	if len(one.Figures) != 1 || left.Figures[1].Name != "b" || right.Figures[1].Name != "c" {
		t.Errorf("%v, %v, %v", one.Figures, left.Figures, right.Figures)
	}
}
