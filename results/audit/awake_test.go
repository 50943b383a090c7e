package audit

import (
	"testing"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/group"
	"github.com/kbench/kbench/workloads"
	"github.com/kbench/kbench/workloads/acts"
)

// TestAwake: an owner to whom nothing could come is not stuck for as long, be it stopped,
// behind a link that lets nothing through, or without a node of the broker; one behind a
// slow link could deliver, and so could one whose leaders were moved.
func TestAwake(t *testing.T) {
	f := func(want int64, act results.Act) {
		t.Helper()
		act.At = 20
		if got := awake([]results.Act{act}, "consumer-0", group.Holding{From: 10, To: 100}); got != want {
			t.Errorf("%+v: since %d, not %d", act, got, want)
		}
	}
	hole, slow := &workloads.Link{Blackhole: true}, &workloads.Link{Delay: 1}
	f(60, results.Act{Kind: acts.Stall, Member: "consumer-0", Resumed: 60})
	f(100, results.Act{Kind: acts.Stall, Member: "consumer-0"})
	f(10, results.Act{Kind: acts.Stall, Member: "consumer-1", Resumed: 60})
	f(60, results.Act{Kind: acts.Link, Member: "consumer-0", Link: hole, Resumed: 60})
	f(60, results.Act{Kind: acts.Link, Link: hole, Resumed: 60}) // all of them
	f(10, results.Act{Kind: acts.Link, Member: "consumer-1", Link: hole, Resumed: 60})
	f(10, results.Act{Kind: acts.Link, Member: "consumer-0", Link: slow, Resumed: 60})
	kill, move := &results.BrokerAct{Fault: workloads.KillNode}, &results.BrokerAct{Fault: workloads.MoveNode}
	f(60, results.Act{Kind: acts.Broker, Broker: kill, Resumed: 60})
	f(10, results.Act{Kind: acts.Broker, Broker: move, Resumed: 60})
	answer := func(request string) *results.BrokerAct {
		return &results.BrokerAct{Fault: workloads.AnswerNode, Request: request}
	}
	f(60, results.Act{Kind: acts.Broker, Broker: answer("Fetch"), Resumed: 60})
	f(10, results.Act{Kind: acts.Broker, Broker: answer("Heartbeat"), Resumed: 60})
	f(10, results.Act{Kind: acts.Crash, Member: "consumer-1"})
}
