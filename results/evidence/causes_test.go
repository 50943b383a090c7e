package evidence

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/cause"
	"github.com/kbench/kbench/results/group"
	"github.com/kbench/kbench/results/record"
	"github.com/kbench/kbench/results/window"
)

// TestMemberOf: what a member recorded in the terms of package cause, on the clock of the
// trial.
func TestMemberOf(t *testing.T) {
	const ahead = 1000 * ms
	w := Worker{Worker: results.Worker{Name: "consumer-0", Host: "h", Role: results.RoleConsumer, Exit: results.End{How: results.Killed, Signal: "SIGKILL"}}, ahead: ahead}
	for _, ev := range []record.Event{
		{K: record.EvRequest, T: 1100 * ms, Conn: 3, Corr: 1, Node: "b:1", API: group.Heartbeat, Group: "g", Member: "m"},
		{K: record.EvResponse, T: 1101 * ms, Conn: 3, Corr: 1, Node: "b:1", API: group.Heartbeat},
		{K: record.EvCanary, From: 1000 * ms, T: 2000 * ms},
		{K: record.EvCanary, From: 2000 * ms, T: 5000 * ms, Late: []record.Late{{Since: 2900 * ms, Due: 3000 * ms, T: 4500 * ms, CPU: 7}}},
		{K: record.EvWire, From: 1000 * ms, T: 2000 * ms, Waiting: []record.Waiting{{Conn: 3, Node: "b:1", API: 12, From: 1200 * ms}}},
		{K: record.EvWire, From: 2000 * ms, T: 3000 * ms, Undialled: 2, Waiting: []record.Waiting{{Conn: 3, Node: "b:1", API: 12, From: 1200 * ms}, {Node: "b:2", API: -1, From: 1900 * ms}}},
		{K: record.EvHangup, T: 3100 * ms, Conn: 3, Node: "b:1"},
		{K: record.EvTopics, T: 1050 * ms, Counts: []record.TopicCount{{Topic: "t", Partitions: 3}}},
		{K: record.EvTopics, T: 4050 * ms, Counts: []record.TopicCount{{Topic: "t", Partitions: 5}}},
	} {
		w.event(ev, nil)
	}
	stretch := func(from, to int64) results.Interval { return results.Interval{From: from * ms, To: to * ms} }
	e := &Trial{Trial: &results.Trial{Group: "g"}, Machine: []results.MachineSample{
		{T: 100 * ms, Host: "h", Procs: map[string]int64{"consumer-0": 1}}, {T: 150 * ms, Procs: map[string]int64{}},
		{T: 4100 * ms, Host: "h", Procs: map[string]int64{"consumer-0": 2}}, {T: 4200 * ms, Host: "h", Procs: map[string]int64{}},
	}}
	want := cause.Member{
		Worker: "consumer-0",
		Calls:  []group.Call{{API: group.Heartbeat, Req: 100 * ms, Resp: 101 * ms, Conn: 3, Node: "b:1", ID: "m"}},
		Life: cause.Life{
			Heard: []results.Interval{stretch(0, 2000), stretch(3500, 4000)}, Still: []cause.Still{{Interval: stretch(2000, 3500), CPU: 7}},
			Gone: 4200 * ms, End: "killed by kbench: SIGKILL",
		},
		Wire: cause.Wire{
			Waiting:   []cause.Waiting{{Interval: stretch(200, 2000), Node: "b:1", API: 12}, {Interval: stretch(900, 2000), Node: "b:2", API: -1}},
			Hangups:   []cause.Hangup{{At: 2100 * ms, Node: "b:1"}},
			Undialled: []results.Interval{stretch(1000, 2000)},
			Topics:    []cause.Topic{{At: 50 * ms, Name: "t", Has: 3}, {At: 3050 * ms, Name: "t", Had: 3, Has: 5}},
		},
	}
	if diff := cmp.Diff(want, e.memberOf(&w)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	// Without samples of the machine a process that was killed was there as long as it
	// wrote; one that runs has not ended.
	e.Machine = nil
	if at, _ := e.gone(&w); at != 4000*ms {
		t.Errorf("gone at %d", at)
	}
	w.Exit = results.End{How: results.Running}
	if at, _ := e.gone(&w); at != 0 {
		t.Errorf("gone at %d", at)
	}
}

// TestLost: members that could not be reached, or were evicted whatever the reason, in the
// order of time.
func TestLost(t *testing.T) {
	e := &Trial{why: func() []cause.Rebalance {
		return []cause.Rebalance{
			{Reason: cause.Reason{At: 5, Cause: cause.Join, Worker: "a"}, Also: []cause.Reason{{At: 9, Cause: cause.Client, Worker: "b", Evicted: true}}},
			{Reason: cause.Reason{At: 7, Cause: cause.Network, Worker: "c"}},
		}
	}}
	if diff := cmp.Diff([]window.Lost{{Worker: "c", At: 7}, {Worker: "b", At: 9, Evicted: true}}, e.lost()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
