package window

import (
	"strings"
	"testing"
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
		rolling.call(1, apiLeave, t+100, t+101, 0, 0)
		rolling.act("leave", "consumer-1", t)
	}
	f("rolling", rolling, "")
	f("quiet", churned(180_000), "")
}

func TestAmplification(t *testing.T) {
	s := churned(60_000, 20_500, 22_000)
	s.act("leave", "consumer-1", 20_000)
	s.call(1, apiLeave, 20_100, 20_101, 0, 0)
	r := s.compute()
	if r.Generations != 2 || r.Changes != 1 || r.Amplification != 2 {
		t.Errorf("%d generations by %d changes: %v", r.Generations, r.Changes, r.Amplification)
	}
}

// What comes without an act is said.
func TestUnaskedGenerations(t *testing.T) {
	r := churned(60_000, 20_000).compute()
	if got := strings.Join(r.Warnings, "\n"); !strings.Contains(got, "1 generations of the group belong to no act") {
		t.Errorf("warnings: %s", got)
	}
}

// Assignments that are taken away before a record came are empty; those that
// delivered are not.
func TestEmptyTenures(t *testing.T) {
	in := churned(60_000, 20_000, 20_300)
	in.compute()
	a := &analysis{Input: in.in, wire: newWire(in.in)}
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
	for p, list := range in.in.Records {
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
