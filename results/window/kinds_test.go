package window

import (
	"slices"
	"testing"
	"time"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/workloads"
	"github.com/kbench/kbench/workloads/acts"
)

// What shares a window is no event of a kind, unless a storm meant it to.
func TestCalled(t *testing.T) {
	act := func(n int, kind acts.Kind, of string) results.Act {
		return results.Act{N: n, Kind: kind, Group: of, Counted: of != ""}
	}
	stopped := func(n int, length time.Duration) results.Act {
		return results.Act{N: n, Kind: acts.Stall, Group: "stall", Counted: true, For: int64(length), Resumed: 1}
	}
	none := results.Act{N: 9, Kind: acts.Stall, Group: "storm", Counted: true, Error: "it is stopped already"}
	f := func(name string, counted, merged bool, further []string, acts ...results.Act) {
		t.Helper()
		a := &seen{lengths: 2}
		e := Event{Acts: acts}
		a.called(&e)
		if e.Name != name || e.Counted != counted || e.Merged != merged || !slices.Equal(e.Further, further) {
			t.Errorf("%s, counted %t, merged %t, further %q; want %s, %t, %t, %q", e.Name, e.Counted, e.Merged, e.Further, name, counted, merged, further)
		}
	}
	f("join#1", true, false, nil, act(1, "join", "join"))
	f("leave#2", false, false, nil, act(2, "leave", ""))
	f("join#1", true, true, nil, act(1, "join", "join"), act(2, "leave", ""))
	f("join#2", true, true, nil, act(1, "leave", ""), act(2, "join", "join"))
	f("leave#1", false, true, nil, act(1, "leave", ""), act(2, "join", ""))
	f("join#1", true, true, []string{"join"}, act(1, "join", "join"), act(2, "join", "join"))
	f("crash#4", true, true, []string{"join"}, act(4, "crash", "crash"), act(5, "join", "join"))
	f("storm#1", true, false, []string{"crash", "join"}, act(1, "join", "storm"), act(2, "crash", "storm"), act(3, "join", "storm"))
	f("storm#1", true, false, []string{"crash"}, act(1, "join", "storm"), act(2, "crash", "storm"), act(3, "join", ""))
	f("crashloop#1", true, false, []string{"restart"}, act(1, "restart", "crashloop"), act(2, "restart", "crashloop"))
	f("restart#1", true, false, nil, act(1, "restart", "crashloop"))
	f("join#1", true, true, nil, act(1, "join", "storm"), act(2, "leave", ""))
	f("join#1", true, true, []string{"leave"}, act(1, "join", "storm"), act(2, "leave", "leave"))
	f("restart#1", true, true, []string{"restart"}, act(1, "restart", "rolling"), act(2, "restart", "rolling"))
	f("join#1", true, false, nil, act(1, "join", "storm"), none)
	f("stall 5s#1", true, false, nil, stopped(1, 5*time.Second))
	f("stall 1s#1", true, true, []string{"stall 12s"}, stopped(1, time.Second), stopped(2, 12*time.Second))
	f("stall#1", true, false, nil, stopped(1, 0))
	// What was done to nodes of the broker is called by that.
	node := func(n int, fault string) results.Act {
		return results.Act{N: n, Kind: acts.Broker, Group: "broker", Counted: true, Broker: &results.BrokerAct{Fault: fault, Node: "leader"}}
	}
	down := results.Act{N: 9, Kind: acts.Broker, Group: "broker", Counted: true, Error: "node 2 is down already"}
	f("kill leader#1", true, false, nil, node(1, "kill"))
	f("kill leader#1", true, true, []string{"move leader"}, node(1, "kill"), node(2, "move"))
	f("kill leader#1", true, false, nil, node(1, "kill"), down)
	long, slow := node(2, "kill"), node(3, "delay")
	long.For = int64(12 * time.Second)
	slow.Broker.Request, slow.For, slow.Broker.Delay = "Fetch", long.For, int64(300*time.Millisecond)
	later := slow
	later.Broker = &results.BrokerAct{Fault: "delay", Request: "Fetch", Delay: int64(2 * time.Second)}
	short := node(1, "kill")
	short.For = int64(500 * time.Millisecond)
	all := &seen{lengths: 2, faultLengths: faultLengthsOf([]results.Act{short, long, slow, later, slow, node(4, "move"), {Kind: acts.Join}})}
	for want, act := range map[string]results.Act{"kill leader 500ms": short, "kill leader 12s": long, "delay Fetch 300ms": slow, "delay Fetch 2s": later, "move leader": node(4, "move")} {
		if got := all.kind(act); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

// The act that an event is named by is not said to have merged with it.
func TestMergedWith(t *testing.T) {
	s := two()
	s.act(acts.Stall, "consumer-1", 20_000).Resumed = 24_000 * ms
	s.act(acts.Stall, "consumer-0", 23_000).Resumed = 25_000 * ms
	s.in.Acts[0].Counted = false
	s.beats(0, 1000, 60_000)
	s.beats(1, 500, 60_000)
	s.stop(20_000, 24_000, 2, 3)
	s.stop(23_000, 25_000, 0, 1)
	if e := s.only(t); e.Name != "stall#2" || !e.Merged || !slices.Equal(results.Lines(e.Notes), []string{"merged with stall#1, which came before everything was quiet again"}) {
		t.Errorf("%s, merged %t, notes %q", e.Name, e.Merged, e.Notes)
	}
}

// Where all stops of a trial are of one length it says nothing.
func TestCalledByLength(t *testing.T) {
	f := func(want string, lengths ...time.Duration) {
		t.Helper()
		s := two()
		s.beats(0, 1000, 60_000)
		s.beats(1, 500, 60_000)
		for i, l := range lengths {
			a := s.act(acts.Stall, "consumer-1", 20_000+20_000*int64(i))
			a.Resumed, a.For = a.At+5*ms, int64(l)
		}
		if got := s.compute().Events[0].Name; got != want {
			t.Errorf("stops of %v: %s, want %s", lengths, got, want)
		}
	}
	f("stall#1", 5*time.Second)
	f("stall#1", 5*time.Second, 5*time.Second)
	f("stall 5s#1", 5*time.Second, 12*time.Second)
}

// A trial that does not say how long its stops were to last has the lengths of
// its workload.
func TestStallLengths(t *testing.T) {
	churn := []workloads.ChurnEntry{{Do: "stall", For: time.Second}, {Cycle: []string{"join", "stall"}, For: 5 * time.Second}, {Do: "storm", For: 3 * time.Second}}
	acts := []results.Act{
		{Kind: acts.Stall, At: 10_000 * ms, Resumed: 11_300 * ms}, {Kind: acts.Stall, At: 10_000 * ms, Resumed: 14_900 * ms},
		{Kind: acts.Stall, At: 10_000 * ms, Resumed: 14_900 * ms, For: 7000 * ms}, {Kind: acts.Stall, At: 10_000 * ms, Error: "gone"}, {Kind: acts.Join, At: 10_000 * ms},
	}
	var got []int64
	for _, a := range stallLengths(acts, churn) {
		got = append(got, a.For/ms)
	}
	same(t, "lengths", got, []int64{1000, 5000, 7000, 0, 0})
	if acts[0].For != 0 {
		t.Error("the trial itself was changed")
	}
	if got := stallLengths(acts[:1], nil); got[0].For != 0 {
		t.Errorf("%d ns without a workload that says so", got[0].For)
	}
}
