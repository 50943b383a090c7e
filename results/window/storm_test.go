package window

import (
	"slices"
	"strings"
	"testing"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/audit"
	"github.com/kbench/kbench/results/group"
	"github.com/kbench/kbench/workloads"
	"github.com/kbench/kbench/workloads/acts"
)

// churned is a group of two members that rebalances at each of the times, in
// 100 ms.
func churned(end int64, at ...int64) *sim {
	s := two()
	s.end, s.interval = end, 100
	for i, t := range at {
		g := int32(i + 2)
		s.join(0, t, t+80, t+100, g, 0, 1)
		s.join(1, t+10, t+80, t+100, g, 2, 3)
	}
	return s
}

func every(step, from, to int64) []int64 {
	var out []int64
	for t := from; t < to; t += step {
		out = append(out, t)
	}
	return out
}

func TestStorms(t *testing.T) {
	f := func(what string, s *sim, want string) {
		t.Helper()
		r := s.compute()
		why := ""
		for _, storm := range r.Storms {
			why += storm.Why
		}
		if !r.StormsSought {
			t.Errorf("%s: storms were not looked for", what)
		}
		if !strings.Contains(why, want) || want == "" && why != "" {
			t.Errorf("%s: %q, want %q", what, why, want)
		}
	}
	// A generation each 15 s without any act.
	f("a loop", churned(180_000, every(15_000, 5000, 175_000)...), "generations without any act")
	// Rebalances of 3 s, 20 per minute.
	slow := two()
	slow.end, slow.interval = 120_000, 100
	for i, at := range every(3200, 5000, 110_000) {
		slow.join(0, at, at+2900, at+3000, int32(i+2), 0, 1)
		slow.join(1, at+10, at+2900, at+3000, int32(i+2), 2, 3)
	}
	slow.act("leave", "nobody", 6000)
	f("long rebalances", slow, "generations")
	// One change each 20 s, two generations for each, is no storm.
	var at []int64
	for _, t := range every(20_000, 10_000, 170_000) {
		at = append(at, t+500, t+1500)
	}
	rolling := churned(180_000, at...)
	for _, t := range every(20_000, 10_000, 170_000) {
		rolling.call(1, group.LeaveGroup, t+100, t+101, 0, 0)
		rolling.act("leave", "consumer-1", t)
	}
	f("rolling", rolling, "")
	f("quiet", churned(180_000), "")
	// A generation for each of the nodes that are restarted is none either; five for one are.
	of := func(nodes int, at ...int64) *sim {
		s := churned(60_000, at...)
		roll := s.act(acts.Broker, "", 19_000)
		roll.Resumed, roll.Broker = 32_000*ms, &results.BrokerAct{Fault: workloads.RestartNode, Node: workloads.AllNodes, Nodes: make([]results.NodeFault, nodes)}
		return s
	}
	f("a roll of nodes", of(3, 20_000, 24_000, 28_000), "")
	f("a node", of(1, 20_000, 22_000, 24_000, 26_000, 28_000), "more than three generations per change")
}

func TestAmplification(t *testing.T) {
	s := churned(60_000, 20_500, 22_000)
	s.act("leave", "consumer-1", 20_000)
	s.call(1, group.LeaveGroup, 20_100, 20_101, 0, 0)
	r := s.compute()
	if r.Generations != 2 || r.Changes != 1 || r.Amplification != 2 {
		t.Errorf("%d generations by %d changes: %v", r.Generations, r.Changes, r.Amplification)
	}
}

// What comes without an act is said, and who came that nobody here had started.
func TestUnaskedGenerations(t *testing.T) {
	f := func(want string, strangers ...audit.Stranger) {
		t.Helper()
		s := churned(60_000, 20_000)
		s.in.Strangers = strangers
		if got := results.Lines(s.compute().Warnings); !slices.Contains(got, want) {
			t.Errorf("warnings: %q", got)
		}
	}
	f("1 generations of the group belong to no act")
	f(`1 generations of the group belong to no act; among its members was "orders", "x", which kbench did not start`, audit.Stranger{Member: "orders"}, audit.Stranger{Member: "x"})
}

// Assignments that are taken away before a record came are empty; those that
// delivered are not.
func TestEmptyTenures(t *testing.T) {
	in := churned(60_000, 20_000, 20_300)
	in.compute()
	a := &seen{Input: in.in, wire: newWire(in.in)}
	count := func() (all, empty int) {
		for _, x := range a.tenures() {
			all++
			if x.empty {
				empty++
			}
		}
		return all, empty
	}
	if all, empty := count(); all != 8 || empty != 0 {
		t.Errorf("%d of %d tenures are empty, want none of 8", empty, all)
	}
	for p, list := range in.records {
		for i := range list {
			if p == 3 && list[i].At > 20_100*ms && list[i].At < 20_500*ms {
				list[i].By = 0
			}
		}
	}
	if all, empty := count(); all != 8 || empty != 1 {
		t.Errorf("%d of %d tenures are empty, want 1 of 8", empty, all)
	}
}

// Recovery is from the last act of a storm that was asked for until everything
// was quiet, whether or not a storm was seen. What restores the group afterwards
// is no part of it, and what comes too early leaves it unknown.
func TestRecovery(t *testing.T) {
	type want struct {
		ms    int64
		n     int
		warns bool
	}
	f := func(what string, w want, prepare func(s *sim)) {
		t.Helper()
		s := two()
		s.end = 90_000
		s.beats(0, 1000, 90_000)
		s.beats(1, 500, 90_000)
		stop := func(of string, from, to int64) {
			act := s.act(acts.Stall, "consumer-1", from)
			act.Resumed, act.Group = to*ms, of
			s.stop(from, to, 2, 3)
		}
		stop("crashloop", 20_000, 21_000)
		stop("crashloop", 30_000, 34_000)
		prepare(s)
		r := s.compute()
		warned := strings.Contains(strings.Join(results.Lines(r.Warnings), "; "), "had not recovered from the crashloop that ended with act 2")
		if got := (want{r.Recovery / ms, r.Recoveries, warned}); got != w {
			t.Errorf("%s: %+v, want %+v; warnings %q", what, got, w, r.Warnings)
		}
	}
	f("alone", want{4002, 1, false}, func(*sim) {})
	f("not quiet for 2H until later", want{7002, 1, false}, func(s *sim) { s.stop(36_000, 37_000, 0) })
	f("restored when it was quiet", want{4002, 1, false}, func(s *sim) {
		act := s.act(acts.Stall, "consumer-0", 45_000)
		act.Resumed, act.Counted = 47_000*ms, false
		s.stop(45_000, 47_000, 0, 1)
	})
	f("another act too early", want{0, 0, true}, func(s *sim) {
		s.act(acts.Stall, "consumer-0", 32_000).Resumed = 33_000 * ms
		s.stop(32_000, 33_000, 0, 1)
	})
	f("never", want{0, 0, true}, func(s *sim) { s.stop(34_002, -1, 0) })
	f("two of them", want{5002, 2, false}, func(s *sim) {
		act := s.act(acts.Stall, "consumer-0", 60_000)
		act.Resumed, act.Group = 65_000*ms, "storm"
		s.stop(60_000, 65_000, 0, 1)
	})
	f("none asked for", want{0, 0, false}, func(s *sim) {
		for i := range s.in.Acts {
			s.in.Acts[i].Group = "stall"
		}
	})
}
