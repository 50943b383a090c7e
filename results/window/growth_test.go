package window

import (
	"testing"

	"github.com/kbench/kbench/results/group"
	"github.com/kbench/kbench/results/record"
	"github.com/kbench/kbench/workloads/acts"
)

// grow adds an act that brings partitions, whose records are due from ready on.
func (s *sim) grow(kind acts.Kind, at, ready int64, parts ...int32) {
	act := s.act(kind, "", at)
	act.Added, act.Ready = parts, ready*ms
}

// TestAddPartitions: the topic of two members grows by two partitions at 20 s.
// The members look every 2 s; m0 has noticed at 21.2 s and asks to join, m1 beats
// at 22 s and is told to come back. Both are in at 22.1 s, and the new partitions,
// the numbers 4 and 5, deliver from 22.2 s on.
func TestAddPartitions(t *testing.T) {
	build := func() *sim {
		s := newSim("m0", "m1")
		s.in.Watch = 2000 * ms
		s.in.Partitions = []int32{0, 1, 2, 3, 4, 5}
		s.grow(acts.AddPartitions, 20_000, 20_050, 4, 5)
		s.join(0, 1000, 1010, 1020, 1, 0, 1)
		s.join(1, 1000, 1010, 1020, 1, 2, 3)
		s.beats(0, 1700, 21_200)
		s.beats(1, 1000, 22_000)
		s.beat(1, 22_000, group.RebalanceInProgress)
		s.join(0, 21_200, 22_060, 22_100, 2, 0, 1, 4)
		s.join(1, 22_050, 22_060, 22_100, 2, 2, 3, 5)
		s.beats(0, 25_100, 60_000)
		s.beats(1, 25_100, 60_000)
		s.stop(21_200, 22_150, 0, 1)
		s.stop(22_050, 22_150, 2, 3)
		s.stop(20_000, 22_200, 4, 5)
		var delivered [2][]record.Span
		for p, at := range []int64{22_152, 22_153, 22_152, 22_152, 22_190, 22_200} {
			w := []int{0, 0, 1, 1, 0, 1}[p]
			delivered[w] = append(delivered[w], record.Span{Kind: record.Delivered, Partition: int32(p), Count: 1, At: at * ms, LastAt: at * ms})
		}
		for w := range delivered {
			s.in.Workers[w].Spans = record.HoldSpans(delivered[w]...)
		}
		return s
	}
	// The records of the new partitions begin with the act.
	young := func(s *sim) Event {
		s.compute() // makes the records
		for _, p := range []int32{4, 5} {
			list := s.records[p]
			for len(list) > 0 && list[0].Due < s.in.Acts[0].Ready {
				list = list[1:]
			}
			s.records[p] = list
		}
		r := Compute(s.in)
		if len(r.Events) != 1 || len(r.Warnings) != 0 {
			t.Fatalf("%d events, warnings %v", len(r.Events), r.Warnings)
		}
		// Two partitions were there for 39.95 s of the 58 s only.
		if want := 1 - float64(r.Down)/float64((4*58_000+2*40_000)*ms); r.Availability != want {
			t.Errorf("availability %v, want %v", r.Availability, want)
		}
		return r.Events[0]
	}

	e := young(build())
	// The floor is m1's own beat, 801 ms after m0 asked.
	same(t, "figures", figuresOf(e), figures{
		Start: 20_000, T0: 21_200, Settled: 22_202, Wire: 900, Floor: 801, Over: 99, Rounds: 1, UAny: 2142, UAll: 0, Lost: 6188,
	})
	if e.Name != "add-partitions#1" || e.Words[0].String() != "sarama m0: noticed after 1200 ms" {
		t.Errorf("%s: %v", e.Name, e.Words)
	}
	if d, by := e.Spent(Start); d != 1200*ms || by.Worker != "m0" {
		t.Errorf("start %d of %v", d/ms, by)
	}
	// What stopped goes on 52 ms after the assignment, what is new begins later.
	if d, by := e.Spent(Deliver); d != 100*ms || by.Worker != "m1" || e.Members[0].Spent[Deliver] != 90*ms {
		t.Errorf("deliver %d by %s, m0 %d", d/ms, by.Worker, e.Members[0].Spent[Deliver]/ms)
	}
	for i, p := range e.Partitions {
		class, owner := Untouched, []string{"m0", "m0", "m1", "m1", "", ""}[i]
		// A partition of m0 waits from its own request to m1's beat, those of m1 not
		// at all; a new one waits from its first record, 60 ms after the act.
		floor := []int64{801, 801, 0, 0, 1941, 1941}[i]
		if i >= 4 {
			class = Added
		}
		if p.Class != class || p.OldOwner != owner || !p.FloorKnown || p.Floor != floor*ms || p.Excess != p.Gap-floor*ms || p.Excess < 0 {
			t.Errorf("partition %d: %+v, want %s of %q with a floor of %d", p.Partition, p, class, owner, floor)
		}
	}

	// Of a look that takes longer than its interval the rest is the client's.
	s := build()
	s.in.Watch = 500 * ms
	if p := young(s).Partitions[4]; p.Floor != (1941-700)*ms {
		t.Errorf("floor %d with a look every 500 ms, want 1241", p.Floor/ms)
	}
	// And who was told to subscribe has nothing to look for.
	s = build()
	s.in.Acts[0].Kind = acts.Subscribe
	if p := young(s).Partitions[4]; p.Floor != (1941-1200)*ms {
		t.Errorf("floor %d after a subscribe, want 741", p.Floor/ms)
	}
}

// TestUnnoticed: nobody finds the new partitions, whose records are never read.
// There is a gap and no floor, and nothing is claimed of the wire.
func TestUnnoticed(t *testing.T) {
	s := newSim("m0", "m1")
	s.in.Partitions = []int32{0, 1, 2, 3, 4}
	s.grow(acts.AddPartitions, 20_000, 20_000, 4)
	s.join(0, 1000, 1010, 1020, 1, 0, 1)
	s.join(1, 1000, 1010, 1020, 1, 2, 3)
	s.beats(0, 4000, 60_000)
	s.beats(1, 4000, 60_000)
	s.stop(0, -1, 4)
	e := s.only(t)
	p := e.Partitions[4]
	if e.Rebalanced || e.T0 != 0 || e.Settled || p.Class != Added || p.FloorKnown || p.Lost == 0 {
		t.Errorf("rebalanced %t, t0 %d, settled %t; %+v", e.Rebalanced, e.T0, e.Settled, p)
	}
	if len(e.Notes) < 2 || e.Notes[len(e.Notes)-1].String() != "no member noticed the new partitions" {
		t.Errorf("notes %q", e.Notes)
	}
	for _, p := range e.Partitions[:4] {
		if p.Class != Untouched || p.Floor != 0 || p.Gap > 5*ms {
			t.Errorf("%+v", p)
		}
	}
}

// TestNotYetBorn: an event before the act that brings a partition does not know
// of it, and a member that is told to come back has not noticed anything.
func TestNotYetBorn(t *testing.T) {
	s := newSim("m0", "m1")
	s.in.Partitions = []int32{0, 1, 2, 3, 4}
	s.act(acts.Leave, "m1", 10_000)
	s.grow(acts.AddPartitions, 40_000, 40_000, 4)
	s.join(0, 1000, 1010, 1020, 1, 0, 1)
	s.join(1, 1000, 1010, 1020, 1, 2, 3)
	s.beats(0, 4000, 12_000)
	s.beats(1, 4000, 10_000)
	s.call(1, group.LeaveGroup, 10_000, 10_001, 0, 0)
	s.beat(0, 13_000, group.RebalanceInProgress)
	s.join(0, 13_010, 13_020, 13_030, 2, 0, 1, 2, 3)
	s.beats(0, 16_000, 41_000)
	s.join(0, 41_500, 41_510, 41_520, 3, 0, 1, 2, 3, 4)
	s.beats(0, 44_000, 60_000)
	s.stop(10_000, 13_040, 2, 3)
	s.stop(40_000, 41_530, 4)
	s.compute()                                    // makes the records
	s.records[4] = s.records[4][(40_000-2000)/20:] // it has none before the act
	r := Compute(s.in)
	if len(r.Events) != 2 {
		t.Fatalf("%d events", len(r.Events))
	}
	leave, add := r.Events[0], r.Events[1]
	if leave.Window.To != 13_042*ms || len(leave.Partitions) != 4 || leave.Movement != 0.5 {
		t.Errorf("leave: settled at %d, %d partitions, movement %v; want the 4 that there were, of which 2 moved", leave.Window.To/ms, len(leave.Partitions), leave.Movement)
	}
	if len(add.Partitions) != 5 || add.T0 != 41_500*ms || add.Floor != 0 {
		t.Errorf("add: %d partitions, t0 %d, floor %d", len(add.Partitions), add.T0/ms, add.Floor)
	}
}

// TestOwnerOfTheTime: two acts in one window. The first gives partition 2 from m1
// to m0, and so it stands still for the second from when m0 asks until m1 knows;
// for m1 to know of it would have taken no wait at all. Partition 4, which the
// first act brings to m1, need not wait for the second.
func TestOwnerOfTheTime(t *testing.T) {
	s := newSim("m0", "m1")
	s.in.Watch = 2000 * ms
	s.in.Partitions = []int32{0, 1, 2, 3, 4, 5}
	s.grow(acts.AddPartitions, 20_000, 20_000, 4)
	s.grow(acts.AddPartitions, 20_620, 20_620, 5)
	s.join(0, 1000, 1010, 1020, 1, 0, 1)
	s.join(1, 1000, 1010, 1020, 1, 2, 3)
	s.beats(0, 2600, 20_500)
	s.beats(1, 2600, 20_600)
	s.join(0, 20_500, 20_640, 20_650, 2, 0, 1, 2)
	s.beat(1, 20_600, group.RebalanceInProgress)
	s.join(1, 20_602, 20_640, 20_650, 2, 3, 4)
	s.join(0, 22_000, 23_520, 23_550, 3, 0, 1, 2)
	s.beat(1, 23_500, group.RebalanceInProgress)
	s.join(1, 23_510, 23_520, 23_550, 3, 3, 4, 5)
	s.beats(0, 26_500, 60_000)
	s.beats(1, 26_500, 60_000)
	s.stop(20_500, 20_700, 0, 1, 2, 3)
	s.stop(22_000, 23_600, 0, 1, 2)
	s.stop(20_000, 20_700, 4)
	s.stop(20_620, 23_600, 5)
	s.compute() // makes the records
	s.records[4] = s.records[4][(20_000-2000)/20:]
	s.records[5] = s.records[5][(20_620-2000)/20:]
	r := Compute(s.in)
	if len(r.Events) != 1 || len(r.Events[0].Acts) != 2 {
		t.Fatalf("%d events: %+v", len(r.Events), r.Events)
	}
	// Of 4: noticed after 500, all knew at 20,601. Of 5: 1380, all knew at 23,501.
	for i, want := range []int64{1501, 1501, 1501, 0, 601, 2881} {
		if p := r.Events[0].Partitions[i]; p.Floor != want*ms || p.Excess < 0 {
			t.Errorf("partition %d has a floor of %d and an excess of %d, want %d", i, p.Floor/ms, p.Excess/ms, want)
		}
	}
}

// TestConsumerGroupGrows: under KIP-848 the broker gives the new partition 4 to m0
// with its next beat, and partition 1 to m1 once m0 has given it up. Since when it
// could have done so nobody says, so that of what came new or moved no floor is
// claimed; what nobody touched need not have stopped.
func TestConsumerGroupGrows(t *testing.T) {
	s := newSim("m0", "m1")
	s.in.Partitions = []int32{0, 1, 2, 3, 4}
	s.kip(0, 100, 0, 2, nil, []int32{0, 1})
	s.kip(1, 110, 0, 2, nil, []int32{2, 3})
	for at := int64(3100); at < 20_000; at += 3000 {
		s.kip(0, at, 2, 2, nil, nil)
		s.kip(1, at+1500, 2, 2, nil, nil)
	}
	s.grow(acts.AddPartitions, 20_000, 20_000, 4)
	s.kip(0, 21_100, 2, 3, nil, []int32{0, 4})
	s.kip(0, 21_110, 3, 3, []int32{0, 4}, nil)
	s.kip(1, 22_600, 2, 3, nil, []int32{1, 2, 3})
	s.kip(1, 22_605, 3, 3, []int32{1, 2, 3}, nil)
	for at := int64(25_000); at < 60_000; at += 3000 {
		s.kip(0, at, 3, 3, nil, nil)
		s.kip(1, at+1, 3, 3, nil, nil)
	}
	s.stop(21_101, 22_620, 1)
	s.stop(20_000, 21_120, 4)
	s.compute() // makes the records
	s.records[4] = s.records[4][(20_000-2000)/20:]
	r := Compute(s.in)
	if len(r.Events) != 1 || len(r.Warnings) != 0 {
		t.Fatalf("%d events, warnings %v", len(r.Events), r.Warnings)
	}
	e := r.Events[0]
	if e.Rebalanced || e.T0 != 0 || e.Rounds != 1 || len(e.Notes) != 1 {
		t.Errorf("rebalanced %t, t0 %d, %d rounds, notes %q", e.Rebalanced, e.T0, e.Rounds, e.Notes)
	}
	for i, want := range []Class{Untouched, Moved, Untouched, Untouched, Added} {
		if p := e.Partitions[i]; p.Class != want || p.FloorKnown != (want == Untouched) || p.Floor != 0 {
			t.Errorf("partition %d: %+v, want %s", i, p, want)
		}
	}
	if p := e.Partitions[4]; p.Gap != 1122*ms || p.NewOwner != "m0" {
		t.Errorf("the new partition: %+v", p)
	}
}
