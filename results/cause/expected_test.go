package cause

import (
	"slices"
	"testing"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/workloads/acts"
)

func TestExpected(t *testing.T) {
	f := func(kind acts.Kind, want ...Cause) {
		t.Helper()
		if got := Expected(&results.Act{Kind: kind, At: 1, Resumed: 2}); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", kind, got, want)
		}
	}
	f(acts.Join, Join)
	f(acts.Leave, Leave)
	f(acts.Crash, Process)
	f(acts.Stall, Process)
	f(acts.Restart, Leave, Join)
	f(acts.Reopen, Leave, Join)
	f(acts.Link, Network, Leave)
	f(acts.Broker, Coordinator, Network, Leave)
	f(acts.AddPartitions, Metadata)
	f(acts.Subscribe, Metadata)
	if got := Expected(&results.Act{Kind: acts.Join}); got != nil {
		t.Errorf("what was not done ought to be %v", got)
	}
}
