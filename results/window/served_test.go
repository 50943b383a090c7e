package window

import (
	"strings"
	"testing"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/audit"
	"github.com/kbench/kbench/results/group"
	"github.com/kbench/kbench/workloads"
	"github.com/kbench/kbench/workloads/acts"
)

// kills is a group of two of which a node of the broker was killed at 20 s. It led
// partition 1 and coordinated; others served the one from 23 s and the other from 24 s on.
// Partition 1 delivered again at 23.5 s, and at 33 s the cluster was whole.
func kills() *sim {
	s := newSim("consumer-0", "consumer-1")
	act := s.act(acts.Broker, "", 20_000)
	act.Resumed = 33_000 * ms
	act.Broker = &results.BrokerAct{Fault: workloads.KillNode, Node: workloads.LeaderNode, Nodes: []results.NodeFault{{Node: 2, At: act.At}}}
	for worker := range s.in.Workers {
		s.join(worker, 500, 501, 503, 1, int32(2*worker), int32(2*worker+1))
		s.beats(worker, 1000, 20_000)
		s.beats(worker, 25_000, 60_000)
	}
	s.stop(20_000, 23_500, 1)
	gone := func(to int64) []Unserved {
		return []Unserved{{Since: 20_000 * ms, Interval: Interval{From: 20_000 * ms, To: to * ms}, Until: (to + 50) * ms}}
	}
	s.in.Served = &Served{Parts: map[int32][]Unserved{1: gone(23_000)}, Group: gone(24_000)}
	return s
}

// TestNodeRecovery: what the broker took is told apart from what its clients took until they
// had found that out. The first is what a partition had to wait.
func TestNodeRecovery(t *testing.T) {
	const findCoordinator = 10
	s := kills()
	s.call(0, findCoordinator, 22_000, 22_001, 15, 0) // there is none yet
	s.call(0, findCoordinator, 24_300, 24_301, 0, 0)
	s.call(0, findCoordinator, 24_900, 24_901, 0, 0) // it knows
	s.call(1, findCoordinator, 23_000, 23_001, 0, 0) // of the one that is dead
	s.call(1, group.Heartbeat, 24_400, 24_401, group.UnknownMemberID, 1)
	s.join(0, 24_500, 24_600, 24_610, 2, 0, 1)
	s.join(1, 24_550, 24_600, 24_610, 2, 2, 3)
	s.in.TooLate = []audit.Redelivery{{At: 19_000 * ms, Count: 9}, {At: 23_600 * ms, Count: 5}, {At: 24_000 * ms, Count: 2}}
	e := s.only(t)
	r := e.Recovery
	if r == nil {
		t.Fatal("nothing is known of the recovery")
	}
	if want := (Recovery{Leaders: 3000 * ms, Coordinator: 4000 * ms, Delivered: 3502 * ms, Found: 4301 * ms, Lookers: 1, Evicted: 1, Reordered: 7}); *r != want {
		t.Errorf("%+v, want %+v", *r, want)
	}
	if e.Kind != "kill leader" || !e.Settled || e.Window.To < 33_000*ms {
		t.Errorf("event %s, %+v", e.Kind, e.Window)
	}
	p, other := e.Partitions[1], e.Partitions[0]
	if !p.FloorKnown || p.Floor != 3000*ms || p.Excess != p.Gap-3000*ms || p.Gap < 3400*ms {
		t.Errorf("partition 1 had to wait for %d ns of %d", p.Floor, p.Gap)
	}
	if other.Floor != 0 || other.Gap > 10*ms {
		t.Errorf("partition 0: %+v", other)
	}
	var words []string
	for _, w := range e.Words {
		words = append(words, w.Words)
	}
	for _, want := range []string{"kill leader: node 2; whole again after 13s", "served all partitions again after 3000 ms, and the group after 4000 ms"} {
		if !strings.Contains(strings.Join(words, "\n"), want) {
			t.Errorf("%q does not say %q", words, want)
		}
	}
}

// TestMoved: where nothing had to stop the event is over at once, and members find the new
// coordinator when they next ask the old one.
func TestMoved(t *testing.T) {
	const findCoordinator = 10
	s := kills()
	act := &s.in.Acts[0]
	act.Resumed = act.At + ms
	act.Broker = &results.BrokerAct{Fault: workloads.MoveNode, Node: workloads.CoordinatorNode, Nodes: []results.NodeFault{{Node: 2, At: act.At, Done: act.At + ms}}}
	s.stops, s.in.Served = nil, nil
	s.beat(0, 22_500, group.NotCoordinator)
	s.call(0, findCoordinator, 22_502, 22_503, 0, 0)
	s.call(1, findCoordinator, 27_000, 27_001, 0, 0) // long after
	e := s.only(t)
	if r := e.Recovery; e.Window.To >= 22_500*ms || r == nil || r.Lookers != 1 || r.Found != 2503*ms {
		t.Errorf("%+v: %+v", e.Window, r)
	}
}

// TestAnswered: of requests that a node was to answer otherwise is said how many were.
func TestAnswered(t *testing.T) {
	s := kills()
	act := &s.in.Acts[0]
	act.Resumed = 22_000 * ms
	act.Broker = &results.BrokerAct{Fault: workloads.AnswerNode, Request: "Heartbeat", Error: "NOT_COORDINATOR", Nodes: []results.NodeFault{{Node: 2, At: act.At, Requests: 3}}}
	words := results.Lines(s.only(t).Words)
	const want = "answer Heartbeat NOT_COORDINATOR: node 2, for 2000 ms; requests that had it: 3"
	if !strings.Contains(strings.Join(words, "\n"), want) {
		t.Errorf("%q does not say %q", words, want)
	}
}

// TestRounds: rebalances that follow an act on a node are its own, though it changed no
// member, and none is called stray.
func TestRounds(t *testing.T) {
	s := kills()
	s.join(0, 24_500, 24_600, 24_610, 2, 0, 1)
	s.join(1, 24_550, 24_600, 24_610, 2, 2, 3)
	r := s.compute()
	if len(r.Events) != 1 || r.Events[0].Rounds != 1 {
		t.Errorf("%d events: %+v", len(r.Events), r.Events)
	}
	for _, w := range r.Warnings {
		if w.Kind == results.KindStrayGeneration {
			t.Errorf("%s", w.Words)
		}
	}
}

// TestNodesWereNotAsked: without what nodes said the broker's share is not known, and the
// partition had to wait for nothing.
func TestNodesWereNotAsked(t *testing.T) {
	s := kills()
	s.in.Served = nil
	e := s.only(t)
	if e.Recovery == nil || e.Recovery.Leaders != 0 || e.Recovery.Delivered != 3502*ms || e.Partitions[1].Floor != 0 {
		t.Errorf("%+v, %+v", e.Recovery, e.Partitions[1])
	}
}
