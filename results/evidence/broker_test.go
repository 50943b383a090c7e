package evidence

import (
	"reflect"
	"slices"
	"testing"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/blame"
	"github.com/kbench/kbench/results/record"
	"github.com/kbench/kbench/results/window"
	"github.com/kbench/kbench/workloads"
	"github.com/kbench/kbench/workloads/acts"
)

// told is a probe that heard what nodes serve, on a clock 1 s ahead.
func told(events ...record.Event) Worker {
	w := Worker{Worker: results.Worker{Name: "probe", Role: results.RoleProbe}, ahead: 1000 * ms}
	for _, e := range events {
		e.K, e.From, e.T = record.EvServing, e.From+w.ahead, e.T+w.ahead
		if e.Serving.Well != 0 {
			e.Serving.Well += w.ahead
		}
		w.event(e, nil)
	}
	return w
}

// says is an answer of a node, asked at a time and answered at another; well is when it
// last said what it had said before.
func says(node int32, from, at, well int64, group bool, leads map[int32][]int32) record.Event {
	return record.Event{From: from * ms, T: at * ms, Serving: &record.Serving{Node: node, Well: well * ms, Group: group, Leads: leads}}
}

// dumb is no answer of a node.
func dumb(node int32, at int64) record.Event {
	return record.Event{From: at * ms, T: at * ms, Serving: &record.Serving{Node: node, Well: (at - 20) * ms, Error: "connection refused"}}
}

func gone(since, from, to, until int64) window.Unserved {
	return window.Unserved{Since: since * ms, Interval: results.Interval{From: from * ms, To: to * ms}, Until: until * ms}
}

// killed is a trial of 1 s in which node 1, the leader of partition 0 and the coordinator,
// was killed at 100 and started at 500; it was whole at 600.
func killed(w Worker) *Trial {
	return &Trial{Workers: []Worker{w}, Trial: &results.Trial{
		Phases: []results.Phase{{Name: results.PhaseMeasure, From: 0, To: 1000 * ms}},
		Acts: []results.Act{{N: 1, Kind: acts.Broker, At: 100 * ms, Resumed: 600 * ms, Broker: &results.BrokerAct{
			Fault: workloads.KillNode, Node: workloads.CoordinatorNode, Nodes: []results.NodeFault{{Node: 1, At: 100 * ms, Done: 101 * ms, Back: 500 * ms, Whole: 600 * ms}},
		}}},
	}}
}

// TestServed: what a node serves ends when it is ended, whatever was heard last, and what
// it has a part of is held back until the others have given it up; what it takes until
// another answers is the broker's. That a node which no act was at answered late, or not,
// says nothing.
func TestServed(t *testing.T) {
	all, rest := []int32{1, 2}, []int32{2}
	e := killed(told(
		says(1, 0, 1, 0, true, map[int32][]int32{0: all}),
		says(2, 0, 1, 0, false, map[int32][]int32{1: all, 2: rest}),
		dumb(1, 110),
		says(2, 198, 200, 180, false, map[int32][]int32{0: rest, 1: rest, 2: rest}),
		says(2, 248, 250, 240, true, map[int32][]int32{0: rest, 1: rest, 2: rest}),
		dumb(2, 300),
		says(2, 700, 820, 690, true, map[int32][]int32{0: rest, 1: rest, 2: rest}),
	))
	e.BrokerPIDs = []int{7, 8}
	got := e.served()
	want := map[int32][]window.Unserved{0: {gone(100, 100, 180, 200)}, 1: {gone(100, 100, 180, 200)}, 2: nil}
	for p, stretches := range want {
		if !slices.Equal(got.Parts[p], stretches) {
			t.Errorf("partition %d: %v, want %v", p, got.Parts[p], stretches)
		}
	}
	if want := []window.Unserved{gone(100, 100, 240, 250)}; !slices.Equal(got.Group, want) {
		t.Errorf("group: %v, want %v", got.Group, want)
	}
	node := func(id int32, from, to int64) window.Reign {
		return window.Reign{Node: id, Interval: results.Interval{From: from * ms, To: to * ms}}
	}
	if want := (window.Reigns{node(1, 1, 100), node(2, 180, 250), node(2, 240, 820), node(2, 690, 1000)}); !slices.Equal(got.Led[0], want) {
		t.Errorf("partition 0 was led by %v, want %v", got.Led[0], want)
	}
	if n := len(unserved(got)); n != 3 {
		t.Errorf("%d stretches are injected, want 3", n)
	}
	// Nodes that are one process have no replicas.
	e.BrokerPIDs = []int{7}
	if got := e.served(); len(got.Parts[0]) != 1 || len(got.Parts[1]) != 0 {
		t.Errorf("without replicas: %v", got.Parts)
	}
}

// TestServedByOneThatStoodStill: it was away until it went on, and perhaps until it had
// answered what it was asked meanwhile.
func TestServedByOneThatStoodStill(t *testing.T) {
	leads := map[int32][]int32{0: {1}}
	e := killed(told(says(1, 0, 1, 0, true, leads), says(1, 110, 530, 90, true, leads)))
	e.Acts[0].Broker.Fault = workloads.StopNode
	if got, want := e.served().Parts[0], []window.Unserved{gone(100, 100, 500, 530)}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// TestServedAfterAHandOver: a node that is restarted hands over first. When it gave up is
// known to two answers of its own.
func TestServedAfterAHandOver(t *testing.T) {
	e := killed(told(
		says(1, 0, 1, 0, true, map[int32][]int32{0: {1}}),
		says(1, 150, 152, 130, false, nil),
		says(2, 170, 172, 165, true, map[int32][]int32{0: {1, 2}}),
		says(2, 210, 212, 205, true, map[int32][]int32{0: {2}}),
	))
	e.Acts[0].Broker.Fault, e.Acts[0].Broker.Nodes[0].Done = workloads.RestartNode, 300*ms
	got := e.served()
	if want := []window.Unserved{gone(130, 150, 165, 172)}; !slices.Equal(got.Parts[0], want) || !slices.Equal(got.Group, want) {
		t.Errorf("partition 0: %v, group: %v; want %v", got.Parts[0], got.Group, want)
	}
}

// TestNobodyAsked: without acts on nodes, or answers, nothing is said.
func TestNobodyAsked(t *testing.T) {
	if got := killed(Worker{}).served(); got != nil {
		t.Errorf("%+v", got)
	}
	e := killed(told(says(1, 0, 1, 0, true, nil)))
	e.Acts = nil
	if got := e.served(); got != nil {
		t.Errorf("%+v", got)
	}
}

// TestServedAfterARefusal: an act that was refused did nothing, and what no node serves after
// the one before it was over is nobody's fault that was injected.
func TestServedAfterARefusal(t *testing.T) {
	alone := map[int32][]int32{0: {1}}
	e := killed(told(
		says(1, 0, 1, 0, true, alone),
		dumb(1, 110),
		says(1, 550, 552, 540, true, alone),
		says(1, 700, 702, 690, true, nil), // nobody leads it from now on
	))
	e.Acts = append(e.Acts, results.Act{N: 2, Kind: acts.Broker, At: 300 * ms, Error: "node 1 is down already"})
	if got, want := e.served().Parts[0], []window.Unserved{gone(100, 100, 540, 552)}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// TestAnswering: what a node answers otherwise is injected where a request came that had it,
// and concerns those who wait for such an answer.
func TestAnswering(t *testing.T) {
	of := func(request string, requests int64) results.Act {
		return results.Act{Kind: acts.Broker, At: 100 * ms, Broker: &results.BrokerAct{
			Fault: workloads.AnswerNode, Request: request, Nodes: []results.NodeFault{{Node: 1, At: 100 * ms, Back: 300 * ms, Requests: requests}},
		}}
	}
	e := &Trial{Trial: &results.Trial{Acts: []results.Act{of("Fetch", 3), of("Heartbeat", 1), of("JoinGroup", 0)}}}
	within := results.Interval{From: 100 * ms, To: 300 * ms}
	want := []blame.Injected{{Interval: within, What: "broker", Node: 1}, {Interval: within, What: "broker", Node: 1, Group: true}}
	got := e.answering()
	if !slices.Equal(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
	all := blame.Find(blame.Signs{Injected: got})
	if n := len(blame.Of(all, blame.Place{Leader: 1, Coordinator: 2}, within)); n != 1 {
		t.Errorf("%d concern a partition that the node leads, want that of Fetch", n)
	}
	if n := len(blame.Of(all, blame.Place{Leader: 2, Coordinator: 1}, within)); n != 2 {
		t.Errorf("%d concern a group that it coordinates", n)
	}
}

// TestAway: a node that an act had away is not blamed for it, by the probe or by a client;
// for what it does at other times it is.
func TestAway(t *testing.T) {
	w := Worker{Worker: results.Worker{Name: "probe", Role: results.RoleProbe}}
	w.Answers = []record.Answers{{Node: 1, API: 3, Late: []record.Late{{Since: 90 * ms, Due: 95 * ms, T: 600 * ms}, {Since: 700 * ms, Due: 710 * ms, T: 800 * ms}}}}
	w.Waits = []Wait{{API: 1, Node: "b:1", From: 90 * ms, To: 120 * ms}, {API: 1, Node: "b:1", From: 700 * ms, To: 800 * ms}, {API: 1, Node: "b:2", From: 90 * ms, To: 120 * ms}}
	e := killed(w)
	e.Nodes = map[string]int32{"b:1": 1, "b:2": 2}
	if got := e.answers(&e.Workers[0]); len(got) != 1 || len(got[0].Late) != 1 || got[0].Late[0].At != 800*ms {
		t.Errorf("the probe: %+v", got)
	}
	var ends []int64
	for _, a := range e.waits(&e.Workers[0]) {
		for _, l := range a.Late {
			ends = append(ends, l.At)
		}
	}
	if want := []int64{800 * ms, 120 * ms}; !reflect.DeepEqual(ends, want) {
		t.Errorf("the client waited until %v, want %v", ends, want)
	}
}
