package window

import (
	"strings"
	"testing"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/group"
)

// replaced is a group of two of which consumer-1 is replaced by consumer-2 at
// 20 s. Its last beat is at 18.5 s; consumer-0 beats at 19 s and 22 s.
func replaced(gone int64) *sim {
	s := two("consumer-2")
	a := s.act("restart", "consumer-2", 20_000)
	a.Replaces, a.Gone, a.Group = "consumer-1", gone*ms, "assignor-roll"
	s.beats(0, 1000, 20_000)
	s.beats(1, 500, 20_000)
	return s
}

// A member that leaves before its replacement joins makes two changes, of which
// the survivor learns at one beat: one generation.
func TestGracefulRestart(t *testing.T) {
	s := replaced(20_100)
	s.call(1, group.LeaveGroup, 20_050, 20_051, 0, 0)
	s.beat(0, 22_000, group.RebalanceInProgress)
	s.join(2, 20_110, 22_005, 22_008, 2, 2, 3)
	s.join(0, 22_004, 22_005, 22_007, 2, 0, 1)
	s.beats(0, 25_000, 60_000)
	s.beats(2, 25_000, 60_000)
	s.stop(20_000, 22_010, 2, 3)
	s.stop(22_001, 22_009, 0, 1)

	r := s.compute()
	e := r.Events[0]
	same(t, "figures", figuresOf(e), figures{20_000, 20_050, 22_022, 1958, 1951, 7, 1, 2012, 0, 4024})
	same(t, "partitions", parts(e), []part{{Untouched, 11, 0, 11}, {Untouched, 11, 0, 11}, {Orphaned, 2012, 2001, 11}, {Orphaned, 2012, 2001, 11}})
	same(t, "phases of the old member", spent(t, e, "consumer-1"), map[Phase]int64{Stop: 50})
	same(t, "phases of the new member", spent(t, e, "consumer-2"), map[Phase]int64{Start: 10, Barrier: 1895, Assign: 1, Sync: 2})
	same(t, "owners", []string{e.Partitions[2].OldOwner, e.Partitions[2].NewOwner}, []string{"consumer-1", "consumer-2"})
	if len(r.Events) != 1 || r.Changes != 2 || r.Generations != 1 || len(e.Notes)+len(r.Warnings) > 0 {
		t.Errorf("%d events, %d changes, %d generations, notes %q, warnings %q", len(r.Events), r.Changes, r.Generations, e.Notes, r.Warnings)
	}
}

// The replacement of a member that was killed joins at once, but the round that
// it begins is held up by the dead one: until its session ends, of which nobody is
// told by a beat. That is no doing of any client.
func TestKillRestart(t *testing.T) {
	s := replaced(20_010)
	s.beat(0, 22_000, group.RebalanceInProgress)
	s.join(2, 20_100, 28_505, 28_508, 2, 2, 3)
	s.join(0, 22_004, 28_505, 28_507, 2, 0, 1)
	s.beats(0, 31_500, 60_000)
	s.beats(2, 31_500, 60_000)
	s.stop(20_000, 28_510, 2, 3)
	s.stop(22_001, 28_509, 0, 1)

	r := s.compute()
	e := r.Events[0]
	same(t, "figures", figuresOf(e), figures{20_000, 20_100, 28_522, 8408, 8400, 8, 1, 8512, 6511, 2 * (8512 + 6511)})
	same(t, "partitions", parts(e), []part{{Untouched, 6511, 6499, 12}, {Untouched, 6511, 6499, 12}, {Orphaned, 8512, 8500, 12}, {Orphaned, 8512, 8500, 12}})
	same(t, "phases of the survivor", spent(t, e, "consumer-0"), map[Phase]int64{Detect: 1901, React: 3, Barrier: 6501, Assign: 1, Sync: 1})
	same(t, "phases of the new member", spent(t, e, "consumer-2"), map[Phase]int64{Start: 90, Barrier: 8405, Assign: 1, Sync: 2})
	if len(r.Events) != 1 || r.Changes != 2 || r.Generations != 1 || len(e.Notes)+len(r.Warnings) > 0 {
		t.Errorf("%d events, %d changes, %d generations, notes %q, warnings %q", len(r.Events), r.Changes, r.Generations, e.Notes, r.Warnings)
	}
}

// Where the rebalance timeout is shorter than what is left of the session it is
// that which drops the dead member, by completing the round without it.
func TestKillRestartWithLongSession(t *testing.T) {
	s := replaced(20_010)
	s.in.Session = 45_000 * ms
	s.beat(0, 22_000, group.RebalanceInProgress)
	s.join(2, 20_100, 25_100, 25_103, 2, 2, 3)
	s.join(0, 22_004, 25_100, 25_102, 2, 0, 1)
	s.beats(0, 28_000, 60_000)
	s.beats(2, 28_000, 60_000)
	s.stop(20_000, 25_105, 2, 3)
	s.stop(22_001, 25_104, 0, 1)

	e := s.only(t)
	same(t, "figures", figuresOf(e), figures{20_000, 20_100, 25_122, 5003, 5000, 3, 1, 5107, 3106, 2 * (5107 + 3106)})
	same(t, "orphaned partition", parts(e)[2], part{Orphaned, 5107, 5100, 7})
	if len(e.Notes) > 0 {
		t.Errorf("notes without a cause: %q", e.Notes)
	}
}

// A replacement that is killed in its turn while it waits in the round is part of
// the generation that comes of it, and its session ends only S after that.
func TestCrashOfOneWhoWaits(t *testing.T) {
	s := ghost()
	s.stop(20_000, 40_512, 2, 3)
	s.stop(22_001, 28_509, 0, 1)
	s.stop(40_501, 40_511, 0, 1)
	r := s.compute()
	if len(r.Events) != 1 {
		t.Fatalf("%d events, want one: the ghost belongs to its act", len(r.Events))
	}
	same(t, "figures", figuresOf(r.Events[0]), figures{20_000, 20_100, 40_522, 20_409, 20_401, 8, 2, 20_514, 6511, 2 * (20_514 + 6511)})
	if len(r.Warnings) != 1 || !strings.Contains(r.Warnings[0].Words, "1 of 1 events are merged") || r.Changes != 4 || r.Generations != 2 {
		t.Errorf("%d changes, %d generations, warnings %q", r.Changes, r.Generations, r.Warnings)
	}

	// Without records that are late the wire alone tells that it is not over.
	if e := ghost().only(t); e.Rounds != 2 || e.Window.To < 40_509*ms || !e.Settled {
		t.Errorf("%d rounds until %d, settled %t", e.Rounds, e.Window.To/ms, e.Settled)
	}
}

// ghost is a group with a member that was killed while it waited in a round: the
// replacement of a replacement comes in the same generation.
func ghost() *sim {
	s := replaced(20_010)
	s.in.Workers = append(s.in.Workers, Worker{Name: "consumer-3", Client: "sarama"})
	again := s.act("restart", "consumer-3", 25_000)
	again.Replaces, again.Gone = "consumer-2", 25_010*ms
	s.call(2, group.JoinGroup, 20_100, 0, 0, 0).Protocol = s.protocol
	s.join(3, 25_100, 28_505, 28_508, 2, 1)
	s.beat(0, 22_000, group.RebalanceInProgress)
	s.join(0, 22_004, 28_505, 28_507, 2, 0) // 2 and 3 are the ghost's
	for at := int64(31_500); at < 38_000; at += 3000 {
		s.beat(0, at, 0)
		s.beat(3, at, 0)
	}
	// The generation is of 28.505 s, so the ghost is dropped at 38.505 s.
	s.beat(0, 40_500, group.RebalanceInProgress)
	s.join(0, 40_502, 40_506, 40_508, 3, 0, 1)
	s.beat(3, 40_500, group.RebalanceInProgress)
	s.join(3, 40_505, 40_506, 40_509, 3, 2, 3)
	s.beats(0, 43_500, 60_000)
	s.beats(3, 43_500, 60_000)
	return s
}

// A member that is killed while it is stopped is one that is gone, from the stop
// on, and its session ends once.
func TestCrashOfOneWhoIsStopped(t *testing.T) {
	f := func(what string, resumed, at int64) {
		t.Helper()
		s := two()
		stall := s.act("stall", "consumer-1", 20_000)
		stall.Resumed, stall.Error = resumed*ms, "it had ended before it could go on"
		s.act("crash", "consumer-1", at)
		s.beats(0, 1000, 31_000)
		s.beats(1, 500, 20_000) // expiry at 28.5 s
		s.beat(0, 31_000, group.RebalanceInProgress)
		s.join(0, 31_005, 31_006, 31_008, 2, 0, 1, 2, 3)
		s.beats(0, 34_000, 60_000)
		s.stop(20_000, 31_010, 2, 3)
		r := s.compute()
		if len(r.Events) != 1 || r.Changes != 1 {
			t.Fatalf("%s: %d events and %d changes, want one of each", what, len(r.Events), r.Changes)
		}
		e := r.Events[0]
		same(t, what, figuresOf(e), figures{20_000, 28_500, 31_022, 2508, 2501, 7, 1, 11_012, 0, 22_024})
		same(t, what+": partition", parts(e)[2], part{Orphaned, 11_012, 11_001, 11})
	}
	f("stopped for longer than the session", 32_000, 24_000)
	f("stopped for less", 25_000, 24_000)
	f("killed after it was dropped", 32_000, 30_000)
}

// A signal takes a moment to arrive: a heartbeat that was sent meanwhile is the
// last one for the stop as for the kill, and the session that ends by them is one.
func TestBeatBeforeTheSignalArrives(t *testing.T) {
	s := two()
	s.act("stall", "consumer-1", 20_000).Resumed = 32_000 * ms
	s.act("crash", "consumer-1", 24_000)
	s.beats(0, 1000, 31_000)
	s.beats(1, 500, 20_000)
	s.call(1, group.Heartbeat, 20_002, 0, 0, 0) // expiry at 30.002 s
	s.beat(0, 31_000, group.RebalanceInProgress)
	s.join(0, 31_005, 31_006, 31_008, 2, 0, 1, 2, 3)
	s.beats(0, 34_000, 60_000)
	s.stop(20_000, 31_010, 2, 3)
	if r := s.compute(); len(r.Events) != 1 || r.Changes != 1 || r.Events[0].T0 != 30_002*ms {
		t.Fatalf("%d events and %d changes, want one of each, of 30.002 s: %+v", len(r.Events), r.Changes, r.Events)
	}
}

// A stop that was refused, as the member was stopped already, did nothing.
func TestRefusedStall(t *testing.T) {
	s := two()
	s.act("stall", "consumer-1", 20_000).Resumed = 24_000 * ms
	s.act("stall", "consumer-1", 22_000).Error = "it is stopped already"
	s.beats(0, 1000, 60_000)
	s.beats(1, 500, 20_000)
	s.beats(1, 24_000, 60_000)
	s.stop(20_000, 24_000, 2, 3)
	e := s.only(t)
	same(t, "figures", figuresOf(e), figures{20_000, 0, 24_002, 0, 0, 0, 0, 4002, 0, 8004})
	same(t, "partition", parts(e)[2], part{Untouched, 4002, 4000, 2})
	if got := strings.Join(results.Lines(e.Notes), "\n"); strings.Contains(got, "no member got an assignment") {
		t.Errorf("notes: %s", got)
	}
}
