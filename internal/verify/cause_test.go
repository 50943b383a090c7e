package verify

import (
	"strings"
	"testing"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/cause"
	"github.com/kbench/kbench/results/window"
	"github.com/kbench/kbench/workloads/acts"
)

// TestCauseNamed: the right name of the right member is found; another one is missed where
// it is not certain, and grave where it is.
func TestCauseNamed(t *testing.T) {
	f := func(want int, kind acts.Kind, all ...cause.Rebalance) {
		t.Helper()
		e := Evidence{State: results.StateComplete, Causes: all, Pauses: &window.Report{Events: []window.Event{{
			Acts: []results.Act{{Kind: kind, Member: "consumer-1", At: 1000 * ms}},
		}}}}
		v := causeNamed(e)
		a := Answer{Case: Case{missable: true}, Wrong: v.wrong}
		if len(v.wrong) != want || a.Missed() != (want == 1) {
			t.Errorf("%s: %s: %q", v.injected, v.reported, v.wrong)
		}
	}
	of := func(known int64, c cause.Cause, sure cause.Sure, worker string) cause.Rebalance {
		return cause.Rebalance{Known: known * ms, Reason: cause.Reason{Cause: c, Sure: sure, Worker: worker}}
	}
	before := of(500, cause.Join, cause.Certain, "consumer-0")
	f(0, acts.Leave, before, of(1500, cause.Leave, cause.Certain, "consumer-1"))
	f(0, acts.Crash, before, of(1500, cause.Process, cause.Likely, "consumer-1"), of(1600, cause.Join, cause.Certain, "consumer-1"))
	f(1, acts.Crash, before, of(1500, cause.Network, cause.Likely, "consumer-1"))
	f(1, acts.Crash, of(1500, cause.Unknown, cause.Open, ""))
	f(2, acts.Crash, of(1500, cause.Network, cause.Certain, "consumer-1"))
	f(2, acts.Crash, of(1500, cause.Process, cause.Certain, "consumer-0"))
	f(1, acts.Crash, before)
	if v := causeNamed(Evidence{State: results.StateFailed, Error: "no"}); len(v.wrong) != 2 || !strings.Contains(v.wrong[0], "no") {
		t.Errorf("a trial that failed: %q", v.wrong)
	}
}
