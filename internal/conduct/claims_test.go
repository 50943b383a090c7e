package conduct

import (
	"testing"

	"github.com/kbench/kbench/drivers"
	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/workloads"
)

// A timeout that the client counts down may go out shorter, now and then by much;
// it is a lie where most of them do, or where one is longer than was claimed.
func TestCountedTimeouts(t *testing.T) {
	f := func(what string, fidelity drivers.Fidelity, values map[string]int, lie bool) {
		t.Helper()
		plan := []results.PlanLine{{Role: "consumer", Key: drivers.KeyFetchWait, Claim: "250", Fidelity: string(fidelity)}}
		s := &seen{values: map[string]map[string]int{drivers.KeyFetchWait: values}}
		if got := check("consumer-0", "consumer", &workloads.Spec{}, plan, s)[0]; got.Lie != lie || got.OK == lie {
			t.Errorf("%s: %+v, want a lie: %t", what, got, lie)
		}
	}
	f("as claimed", drivers.Exact, map[string]int{"250": 9}, false)
	f("one shorter, exactly claimed", drivers.Exact, map[string]int{"250": 9, "249": 1}, true)
	f("a little shorter", drivers.Approx, map[string]int{"249": 5, "231": 5}, false)
	f("some much shorter", drivers.Approx, map[string]int{"250": 9, "110": 4, "84": 1}, false)
	f("most much shorter", drivers.Approx, map[string]int{"250": 4, "110": 5}, true)
	f("one longer", drivers.Approx, map[string]int{"250": 99, "251": 1}, true)
	f("never seen", drivers.Approx, nil, false)
}
