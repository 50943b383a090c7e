package verify

import (
	"strings"
	"testing"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/blame"
	"github.com/kbench/kbench/results/cause"
	"github.com/kbench/kbench/results/window"
	"github.com/kbench/kbench/workloads"
	"github.com/kbench/kbench/workloads/acts"
)

// nodeEvidence is that of a broker which took what it was made to take.
func nodeEvidence() Evidence {
	event := func(fault string, from, to int64) window.Event {
		return window.Event{
			Recovery: &window.Recovery{Leaders: (to - from + 20) * ms, Coordinator: 40 * ms},
			Acts:     []results.Act{{At: from * ms, Broker: &results.BrokerAct{Fault: fault, Nodes: []results.NodeFault{{Node: 1, At: from * ms, Back: to * ms}}}}},
			Partitions: []window.Partition{
				{Partition: 0, FloorKnown: true, Floor: (to - from) * ms, Gap: (to - from + 10) * ms, Unexplained: &blame.Bounds{Least: 5 * ms, Most: 60 * ms}},
				{Partition: 1, FloorKnown: true, Gap: 3 * ms, Unexplained: &blame.Bounds{Least: 3 * ms, Most: 3 * ms}},
			},
		}
	}
	return Evidence{State: results.StateComplete, Pauses: &window.Report{Events: []window.Event{event(workloads.StopNode, 1000, 3000), event(workloads.KillNode, 9000, 9500)}}}
}

// TestNodesFound: what the broker took must be as long as it was made to take, and nobody
// is charged with it.
func TestNodesFound(t *testing.T) {
	f := func(want string, change func(e *Evidence, stop *window.Event)) {
		t.Helper()
		e := nodeEvidence()
		change(&e, &e.Pauses.Events[0])
		if got := strings.Join(nodesFound(e).wrong, "; "); want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("%q; want %q", got, want)
		}
	}
	f("", func(*Evidence, *window.Event) {})
	f("", func(e *Evidence, _ *window.Event) { e.Counts = map[string]int64{results.AuditDuplicate: 3} })
	f("audit.lost is 1", func(e *Evidence, _ *window.Event) { e.Counts = map[string]int64{results.AuditLost: 1} })
	f("the trial is failed: broker", func(e *Evidence, _ *window.Event) { e.State, e.Error = results.StateFailed, "broker: node 1 died" })
	f("there must be two events", func(e *Evidence, _ *window.Event) { e.Pauses.Events = e.Pauses.Events[:1] })
	f("there must be two events", func(_ *Evidence, stop *window.Event) { stop.Recovery = nil })
	f("one node must have been stopped", func(_ *Evidence, stop *window.Event) { stop.Acts[0].Broker.Nodes = nil })
	f("served by nobody for 1.7s, and their leader stood still for 2s", func(_ *Evidence, stop *window.Event) { stop.Recovery.Leaders = 1700 * ms })
	f("served by nobody for 2.3s", func(_ *Evidence, stop *window.Event) { stop.Recovery.Leaders = 2300 * ms })
	f("no partition had to wait", func(_ *Evidence, stop *window.Event) { stop.Partitions[0].Floor = 0 })
	f("300ms of a gap of 2.01s are left to the client", func(_ *Evidence, stop *window.Event) { stop.Partitions[0].Unexplained.Least = 300 * ms })
	f("the longest gap is 1s, shorter than the stop of 2s", func(_ *Evidence, stop *window.Event) { stop.Partitions[0].Gap = 1000 * ms })
}

// TestMovedFound: a coordinator that moved is one by the word of the nodes, and by that of the
// client; an act that says so and changed nothing is not believed.
func TestMovedFound(t *testing.T) {
	reign := func(node int32, from, to int64) window.Reign {
		return window.Reign{Node: node, Interval: results.Interval{From: from * ms, To: to * ms}}
	}
	f := func(want string, change func(e *Evidence, event *window.Event)) {
		t.Helper()
		e := nodeEvidence()
		e.Pauses.Events = e.Pauses.Events[:1]
		event := &e.Pauses.Events[0]
		event.Acts[0].Kind, event.Acts[0].Resumed, event.Acts[0].Broker.Fault, event.Recovery.Lookers = acts.Broker, 1010*ms, workloads.MoveNode, 1
		e.Stalls = &window.Stalls{Served: &window.Served{Coordinated: window.Reigns{reign(0, 980, 4000), reign(1, 0, 1005)}}}
		e.Causes = []cause.Rebalance{
			{Reason: cause.Reason{At: 100 * ms, Cause: cause.Join, Sure: cause.Certain}}, {Reason: cause.Reason{At: 1500 * ms, Cause: cause.Coordinator, Sure: cause.Certain}},
		}
		change(&e, event)
		if got := strings.Join(movedFound(e).wrong, "; "); want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("%q; want %q", got, want)
		}
	}
	f("", func(*Evidence, *window.Event) {})
	f("", func(e *Evidence, _ *window.Event) { e.Causes = e.Causes[:1] })
	f("", func(e *Evidence, _ *window.Event) { e.Causes[1].Cause, e.Causes[1].Sure = cause.Client, cause.Likely })
	f("moved from node 1, and by the answers of the nodes from 1 to 1", func(e *Evidence, _ *window.Event) { e.Stalls.Served.Coordinated = e.Stalls.Served.Coordinated[1:] })
	f("moved from node 1, and by the answers of the nodes from -1 to -1", func(e *Evidence, _ *window.Event) { e.Stalls = nil })
	f("no member is said to have found another", func(_ *Evidence, event *window.Event) { event.Recovery.Lookers = 0 })
	f("is called join with certainty", func(e *Evidence, _ *window.Event) { e.Causes[1].Cause = cause.Join })
	f("there must be one event", func(e *Evidence, _ *window.Event) { e.Pauses.Events = nil })
	f("produce.failed is 1", func(e *Evidence, _ *window.Event) { e.Counts = map[string]int64{results.ProduceFailed: 1} })
}
