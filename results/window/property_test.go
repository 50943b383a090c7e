package window

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/kbench/kbench/results/group"
	"github.com/kbench/kbench/workloads/acts"
)

// drawn is a trial with any acts, stops and rebalances at all: what they say need
// not make sense.
func drawn(t *rapid.T) *sim {
	s := two("consumer-2")
	s.interval = 50
	time := rapid.Int64Range(2100, 59_000)
	kinds := []acts.Kind{acts.Join, acts.Leave, acts.Crash, acts.Stall, acts.Restart}
	for range rapid.IntRange(0, 6).Draw(t, "acts") {
		a := s.act(rapid.SampledFrom(kinds).Draw(t, "kind"), s.in.Workers[rapid.IntRange(0, 2).Draw(t, "member")].Name, time.Draw(t, "at"))
		switch a.Kind {
		case acts.Stall:
			a.Resumed = a.At + rapid.Int64Range(0, 15_000).Draw(t, "stall")*ms
		case acts.Restart:
			a.Replaces = s.in.Workers[rapid.IntRange(0, 2).Draw(t, "replaces")].Name
		}
	}
	for range rapid.IntRange(0, 8).Draw(t, "stops") {
		from := time.Draw(t, "from")
		s.stop(from, from+rapid.Int64Range(1, 9000).Draw(t, "long"), int32(rapid.IntRange(0, 3).Draw(t, "partition")))
	}
	for g := range rapid.IntRange(0, 6).Draw(t, "generations") {
		at := time.Draw(t, "rebalance")
		for w := range 3 {
			if rapid.Bool().Draw(t, "takes part") {
				s.beat(w, at-10, group.RebalanceInProgress)
				s.join(w, at, at+20, at+30, int32(g+2), int32(w))
			}
		}
		if rapid.Bool().Draw(t, "leaves") {
			s.call(rapid.IntRange(0, 2).Draw(t, "who"), group.LeaveGroup, at-5, at-4, 0, 0)
		}
	}
	return s
}

func TestProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawn(t)
		r := s.compute()
		acts := 0
		for i, e := range r.Events {
			acts += len(e.Acts)
			if e.Window.To < e.Window.From {
				t.Fatalf("%s ends before it begins: %v", e.Name, e.Window)
			}
			if i > 0 && e.Window.From <= r.Events[i-1].Window.To {
				t.Fatalf("windows of %s and %s overlap", r.Events[i-1].Name, e.Name)
			}
			downTimes(t, e)
			if e.Rebalanced && e.WireExcess != e.Wire-e.Floor {
				t.Fatalf("%s: wire %d - floor %d is not %d", e.Name, e.Wire, e.Floor, e.WireExcess)
			}
		}
		if acts != len(s.in.Acts) {
			t.Fatalf("%d acts in events, %d were done", acts, len(s.in.Acts))
		}
		if r.Availability < 0 || r.Availability > 1 {
			t.Fatalf("availability %v", r.Availability)
		}
	})
}

// downTimes holds those of an event against those of its partitions.
func downTimes(t *rapid.T, e Event) {
	var sum int64
	for _, p := range e.Partitions {
		sum += p.DownTime()
		if p.DownTime() > e.UAny {
			t.Fatalf("%s: partition %d was down for longer than any was", e.Name, p.Partition)
		}
		if p.FloorKnown && p.Excess != p.Gap-p.Floor {
			t.Fatalf("%s: excess %d, gap %d, floor %d", e.Name, p.Excess, p.Gap, p.Floor)
		}
		disjoint(t, p.Down)
	}
	if e.UAll > e.UAny || e.UAny > sum || sum != e.LostPartitionTime {
		t.Fatalf("%s: all %d, any %d, lost %d, of partitions %d", e.Name, e.UAll, e.UAny, e.LostPartitionTime, sum)
	}
}

func disjoint(t *rapid.T, list []Interval) {
	for i := 1; i < len(list); i++ {
		if list[i].From <= list[i-1].To {
			t.Fatalf("%v touch or are out of order", list)
		}
	}
}

// union and intersect say of every moment what the sets themselves say.
func TestIntervals(t *testing.T) {
	has := func(list []Interval, x int64) bool {
		return slices.ContainsFunc(list, func(i Interval) bool { return i.From <= x && x < i.To })
	}
	rapid.Check(t, func(t *rapid.T) {
		list := func(name string) []Interval {
			return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Interval {
				from := rapid.Int64Range(0, 30).Draw(t, "from")
				return Interval{from, from + rapid.Int64Range(0, 8).Draw(t, "length")}
			}), 0, 6).Draw(t, name)
		}
		a, b := list("a"), list("b")
		ua, ub := union(a), union(b)
		both := intersect(ua, ub)
		disjoint(t, ua)
		var any int64
		for x := range int64(40) {
			if has(a, x) != has(ua, x) {
				t.Fatalf("union of %v is %v: they differ at %d", a, ua, x)
			}
			if has(both, x) != (has(a, x) && has(b, x)) {
				t.Fatalf("%v and %v have %v in common: wrong at %d", a, b, both, x)
			}
			if has(a, x) {
				any++
			}
		}
		if any != length(ua) {
			t.Fatalf("length of %v is %d, want %d", ua, length(ua), any)
		}
	})
}
