package window

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/kbench/kbench/results"
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

// Whatever happened, every act has its window and no moment is in two of them; and
// how long partitions were down is what one finds who looks at every moment.
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
			for _, p := range e.Partitions {
				disjoint(t, p.Down)
			}
			if got, want := [3]int64{e.UAny, e.UAll, e.LostPartitionTime}, s.everyMoment(e.Window); got != want {
				t.Fatalf("%s: any, all and the sum are down for %v, want %v", e.Name, got, want)
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

// everyMoment counts the milliseconds in which any partition, every one, and each
// for itself waited for a record that was due in a window and came too late.
func (s *sim) everyMoment(w Interval) (any [3]int64) {
	down := map[int64]int64{} // by moment: partitions
	with := int64(0)          // partitions with a record in the window
	for _, list := range s.records {
		has, late := false, map[int64]bool{}
		for _, r := range list {
			if !w.Contains(r.Due) {
				continue
			}
			has = true
			for at := r.Due; r.At-r.Due > 100*ms && at < r.At; at += ms {
				late[at] = true
			}
		}
		if has {
			with++
		}
		for at := range late {
			down[at]++
		}
	}
	for _, n := range down {
		any[0] += ms
		if n == with {
			any[1] += ms
		}
		any[2] += n * ms
	}
	return any
}

// A clock that shows another time changes no duration, and partitions that have
// other numbers no figure but by their number.
func TestClockAndNumbersDoNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawn(t)
		want := s.compute()
		by := rapid.Int64Range(-99, 1e9).Draw(t, "by") * ms
		numbers := rapid.Permutation(s.in.Partitions).Draw(t, "numbers")
		moved := s.in
		moved.Measured, moved.End = later(by)(moved.Measured), moved.End+by
		records := listed{}
		moved.Acts, moved.Workers, moved.Records = slices.Clone(moved.Acts), slices.Clone(moved.Workers), records
		for i := range moved.Acts {
			a := &moved.Acts[i]
			a.At, a.Resumed, a.Gone = known(a.At, by), known(a.Resumed, by), known(a.Gone, by)
		}
		for i := range moved.Workers {
			calls := slices.Clone(moved.Workers[i].Calls)
			for j := range calls {
				c := &calls[j]
				c.Req, c.Resp, c.Given = known(c.Req, by), known(c.Resp, by), slices.Clone(c.Given)
				for k, p := range c.Given {
					c.Given[k] = numbers[p]
				}
			}
			moved.Workers[i].Calls = calls
		}
		for p, list := range s.records {
			for _, r := range list {
				r.Due, r.At = r.Due+by, r.At+by
				records[numbers[p]] = append(records[numbers[p]], r)
			}
		}
		got := Compute(moved)
		back(got, -by, numbers)
		back(want, 0, s.in.Partitions)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("moved by %d ms, partitions %v:\n%s", by/ms, numbers, diff)
		}
	})
}

// known moves a time, but not the 0 that says that there is none.
func known(t, by int64) int64 {
	if t == 0 {
		return 0
	}
	return t + by
}

func later(by int64) func(Interval) Interval {
	return func(i Interval) Interval { return Interval{From: i.From + by, To: i.To + by} }
}

// back takes all times of a report back to another clock, and its partitions to
// the numbers that they had: number[p] is what p was changed to.
func back(r *Report, by int64, numbers []int32) {
	move := later(by)
	all := func(list []Interval) {
		for i := range list {
			list[i] = move(list[i])
		}
	}
	r.Warnings = numberless(r.Warnings)
	for i := range r.Storms {
		r.Storms[i].Interval = move(r.Storms[i].Interval)
	}
	for i := range r.Events {
		e := &r.Events[i]
		e.Acts, e.Window, e.Resumed = nil, move(e.Window), known(e.Resumed, by)
		e.T0, e.T0Low = known(e.T0, by), known(e.T0Low, by)
		e.Down, e.Notes = slices.Clone(e.Down), numberless(e.Notes)
		all(e.Down)
		parts := make([]Partition, len(e.Partitions))
		for _, p := range e.Partitions {
			p.Partition = int32(slices.Index(numbers, p.Partition))
			p.Down = slices.Clone(p.Down)
			all(p.Down)
			if p.Records > 0 {
				p.Silence = move(p.Silence)
			}
			parts[p.Partition] = p
		}
		e.Partitions = parts
		for j := range e.Members {
			for k := range e.Members[j].Rounds {
				r := &e.Members[j].Rounds[k]
				for _, t := range []*int64{&r.Told, &r.Join, &r.Joined, &r.Asked, &r.Synced} {
					*t = known(*t, by)
				}
			}
			for k := range e.Members[j].Went {
				p := &e.Members[j].Went[k]
				p.Interval = move(p.Interval)
			}
		}
	}
}

// numberless are the remarks that name no partition.
func numberless(list []results.Remark) []results.Remark {
	return slices.DeleteFunc(slices.Clone(list), func(r results.Remark) bool { return strings.Contains(r.Words, "partition ") })
}

func disjoint(t *rapid.T, list []Interval) {
	for i := 1; i < len(list); i++ {
		if list[i].From <= list[i-1].To {
			t.Fatalf("%v touch or are out of order", list)
		}
	}
}
