package cause

import (
	"slices"
	"testing"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/workloads"
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
	lie := &results.Act{Kind: acts.Broker, At: 1, Resumed: 2, Broker: &results.BrokerAct{Fault: workloads.AnswerNode, Request: "Heartbeat", Error: "REBALANCE_IN_PROGRESS"}}
	if got, want := Expected(lie), []Cause{Coordinator, Network, Leave, Unknown}; !slices.Equal(got, want) {
		t.Errorf("of an error that is not true: %v, want %v", got, want)
	}
	if got := Expected(&results.Act{Kind: acts.Broker, At: 1, Error: "node 1 is down already"}); got != nil {
		t.Errorf("what was refused ought to be %v", got)
	}
	if got := Expected(&results.Act{Kind: acts.Join}); got != nil {
		t.Errorf("what was not done ought to be %v", got)
	}
}
