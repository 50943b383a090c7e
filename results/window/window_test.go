package window

import (
	"strings"
	"testing"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/audit"
	"github.com/kbench/kbench/results/group"
	"github.com/kbench/kbench/workloads/acts"
)

// two is a group of two members from 1 s on, with two partitions each. consumer-0
// beats at 1 s, 4 s, ..., 19 s, 22 s; consumer-1 at 0.5 s, ..., 18.5 s, 21.5 s.
func two(more ...string) *sim {
	s := newSim(append([]string{"consumer-0", "consumer-1"}, more...)...)
	s.join(0, 100, 200, 210, 1, 0, 1)
	s.join(1, 110, 200, 211, 1, 2, 3)
	return s
}

func TestJoin(t *testing.T) {
	e := joining().only(t)
	if e.Name != "join#1" || e.Protocol != group.Eager || !e.Settled {
		t.Errorf("%s, %s, settled %t", e.Name, e.Protocol, e.Settled)
	}
	same(t, "figures", figuresOf(e), figures{20_000, 20_102, 22_022, 1907, 1899, 8, 1, 512, 0, 1024})
	// consumer-1 stops at its own beat and cannot go on before consumer-0's.
	same(t, "partitions", parts(e), []part{{Untouched, 10, 0, 10}, {Untouched, 10, 0, 10}, {Untouched, 512, 500, 12}, {Moved, 512, 500, 12}})
	same(t, "phases", spent(t, e, "consumer-1"), map[Phase]int64{Detect: 1399, React: 9, Barrier: 495, Assign: 1, Sync: 3})
	same(t, "phases of the new member", spent(t, e, "consumer-2"), map[Phase]int64{Start: 102, Barrier: 1903, Assign: 1, Sync: 2})
	same(t, "words", results.Lines(e.Words), []string{"sarama consumer-1: react 9 ms"})
	same(t, "movement", []float64{e.Movement, e.ExcessRevocation}, []float64{0.25, 0.75})
	if e.Baseline != 2*ms || e.Noisy {
		t.Errorf("baseline %d, noisy %t", e.Baseline, e.Noisy)
	}
	if len(e.Notes) > 0 {
		t.Errorf("notes without a cause: %q", e.Notes)
	}
}

func TestLeave(t *testing.T) {
	s := two()
	s.act("leave", "consumer-1", 20_000).Gone = 20_400 * ms
	s.beats(0, 1000, 20_000)
	s.beats(1, 500, 20_000)
	s.call(1, group.LeaveGroup, 20_300, 20_301, 0, 0)
	s.beat(0, 22_000, group.RebalanceInProgress)
	s.join(0, 22_100, 22_101, 22_103, 2, 0, 1, 2, 3)
	s.beats(0, 25_000, 60_000)
	s.stop(20_000, 22_110, 2, 3)
	s.stop(22_001, 22_110, 0, 1)

	e := s.only(t)
	same(t, "figures", figuresOf(e), figures{20_000, 20_300, 22_122, 1803, 1701, 102, 1, 2112, 112, 4448})
	same(t, "partitions", parts(e), []part{{Untouched, 112, 0, 112}, {Untouched, 112, 0, 112}, {Orphaned, 2112, 2001, 111}, {Orphaned, 2112, 2001, 111}})
	same(t, "words", results.Lines(e.Words), []string{"sarama consumer-1: stop 300 ms"})
}

// moving is a join that gives partition 3 of consumer-1 to consumer-2, and an act
// that comes before its window is over.
func moving(kind acts.Kind, member string) *sim {
	s := two("consumer-2")
	s.act("join", "consumer-2", 20_000)
	s.act(kind, member, 22_015)
	s.beats(0, 1000, 20_000)
	s.beats(1, 500, 20_000)
	s.join(2, 20_102, 22_005, 22_008, 2, 3)
	s.beat(1, 21_500, group.RebalanceInProgress)
	s.join(1, 21_510, 22_005, 22_009, 2, 2)
	s.beat(0, 22_000, group.RebalanceInProgress)
	s.join(0, 22_004, 22_005, 22_007, 2, 0, 1)
	return s
}

// Where acts share a window a partition is orphaned by the leave of who had it
// then, not of who had it before the window.
func TestOrphanedAfterAMove(t *testing.T) {
	s := moving("leave", "consumer-1")
	s.call(1, group.LeaveGroup, 22_016, 22_017, 0, 0)
	s.beat(2, 24_900, group.RebalanceInProgress)
	s.join(2, 24_910, 25_005, 25_008, 3, 2, 3)
	s.beat(0, 25_000, group.RebalanceInProgress)
	s.join(0, 25_004, 25_005, 25_007, 3, 0, 1)
	s.beats(0, 28_000, 60_000)
	s.beats(2, 28_000, 60_000)
	s.stop(21_502, 22_010, 2, 3)
	s.stop(22_015, 25_010, 2)
	s.stop(24_902, 25_010, 3)
	e := s.only(t)
	// What the leave orphaned waits for the last survivor, 2,986 ms; what had moved
	// before only from its new owner's beat.
	same(t, "partitions", parts(e)[2:], []part{{Orphaned, 2992, 2986, 6}, {Orphaned, 512, 500, 12}})
}

// The same where its new owner dies: what it was given in the window waits for the
// end of its session.
func TestOrphanedByADeathAfterAMove(t *testing.T) {
	s := moving("crash", "consumer-2")
	s.beats(0, 25_000, 34_000)
	s.beats(1, 25_000, 34_000)
	s.beat(1, 34_000, group.RebalanceInProgress)
	s.join(1, 34_004, 34_005, 34_007, 3, 2, 3)
	s.beat(0, 34_000, group.RebalanceInProgress)
	s.join(0, 34_004, 34_005, 34_008, 3, 0, 1)
	s.beats(0, 37_000, 60_000)
	s.beats(1, 37_000, 60_000)
	s.stop(21_502, 22_010, 2, 3)
	s.stop(22_015, 34_012, 3)
	e := s.only(t)
	// Told at 34,001, dead since 22,015.
	same(t, "partitions", parts(e)[2:], []part{{Untouched, 512, 500, 12}, {Untouched, 11_994, 11_986, 8}})
}

// A member that is asked to leave may go on delivering until it has: what it
// delivers late is not made up for by a floor that counts from the signal.
func TestLeaveDelivering(t *testing.T) {
	s := two()
	s.act("leave", "consumer-1", 20_000).Gone = 21_400 * ms
	s.beats(0, 1000, 20_000)
	s.beats(1, 500, 20_000)
	s.call(1, group.LeaveGroup, 21_300, 21_301, 0, 0)
	s.beat(0, 22_000, group.RebalanceInProgress)
	s.join(0, 22_100, 22_101, 22_103, 2, 0, 1, 2, 3)
	s.beats(0, 25_000, 60_000)
	s.stop(21_000, 22_110, 2, 3) // a second after the signal
	s.stop(22_001, 22_110, 0, 1)
	e := s.only(t)
	same(t, "partitions", parts(e), []part{{Untouched, 112, 0, 112}, {Untouched, 112, 0, 112}, {Orphaned, 1112, 1019, 93}, {Orphaned, 1112, 1019, 93}})
	if len(e.Notes) > 0 {
		t.Errorf("notes without a cause: %q", e.Notes)
	}
}

// A victim's session is renewed by its commits as well as by its beats, and a
// request that may not have arrived leaves t0 open.
func TestCrash(t *testing.T) {
	f := func(what string, extra func(*sim), told int64, want figures, floorHigh int64) {
		t.Helper()
		s := two()
		s.act("crash", "consumer-1", 20_000)
		s.beats(0, 1000, told)
		s.beats(1, 500, 20_000) // the last at 18.5 s
		extra(s)
		s.beat(0, told, group.RebalanceInProgress)
		s.join(0, told+5, told+6, told+8, 2, 0, 1, 2, 3)
		s.beats(0, told+3000, 60_000)
		s.stop(20_000, told+10, 2, 3)
		e := s.only(t)
		same(t, what, figuresOf(e), want)
		if e.FloorHigh/ms != floorHigh {
			t.Errorf("%s: the floor is at most %d, want %d", what, e.FloorHigh/ms, floorHigh)
		}
		if p := parts(e)[2]; p != (part{Orphaned, told + 12 - 20_000, told + 1 - 20_000, 11}) {
			t.Errorf("%s: orphaned partition %+v", what, p)
		}
	}
	// Expiry at 28.5 s, seen at the beat of 31 s.
	f("no commit", func(*sim) {}, 31_000, figures{20_000, 28_500, 31_022, 2508, 2501, 7, 1, 11_012, 0, 22_024}, 2501)
	// A commit at 19.9 s: expiry at 29.9 s.
	f("commit between beats", func(s *sim) { s.call(1, group.OffsetCommit, 19_900, 19_902, 0, 1) },
		31_000, figures{20_000, 29_900, 31_022, 1108, 1101, 7, 1, 11_012, 0, 22_024}, 1101)
	// An unknown member's commit renews nothing.
	f("refused commit", func(s *sim) { s.call(1, group.OffsetCommit, 19_900, 19_902, group.IllegalGeneration, 1) },
		31_000, figures{20_000, 28_500, 31_022, 2508, 2501, 7, 1, 11_012, 0, 22_024}, 2501)
	// Not known whether the commit arrived: expiry at 28.5 or at 29.9 s.
	f("commit without a response", func(s *sim) { s.call(1, group.OffsetCommit, 19_900, 0, 0, 1) },
		31_000, figures{20_000, 29_900, 31_022, 1108, 1101, 7, 1, 11_012, 0, 22_024}, 2501)
	// The survivor knew at 29 s, so it did not.
	f("commit that did not arrive", func(s *sim) { s.call(1, group.OffsetCommit, 19_900, 0, 0, 1) },
		29_000, figures{20_000, 28_500, 29_022, 508, 501, 7, 1, 9012, 0, 18_024}, 501)
}

// A member may have a session of its own: the last that it asked for counts, and
// the workload's where the wire tells none.
func TestCrashWithItsOwnSession(t *testing.T) {
	f := func(what string, sessions []int64, told int64, want figures) {
		t.Helper()
		s := two()
		s.act("crash", "consumer-1", 20_000)
		s.beats(0, 1000, told)
		s.beats(1, 500, 20_000) // the last at 18.5 s
		for i, session := range sessions {
			at := int64(i) * 10
			s.call(1, group.JoinGroup, at+120, at+121, 0, 1).Session = session * ms
			s.call(1, group.SyncGroup, at+122, at+123, 0, 1).Given = []int32{2, 3}
		}
		s.beat(0, told, group.RebalanceInProgress)
		s.join(0, told+5, told+6, told+8, 2, 0, 1, 2, 3)
		s.beats(0, told+3000, 60_000)
		s.stop(20_000, told+10, 2, 3)
		e := s.only(t)
		same(t, what, figuresOf(e), want)
		same(t, what+": orphaned partition", parts(e)[2], part{Orphaned, told + 12 - 20_000, told + 1 - 20_000, 11})
	}
	f("the workload's", nil, 31_000, figures{20_000, 28_500, 31_022, 2508, 2501, 7, 1, 11_012, 0, 22_024})
	f("shorter", []int64{6000}, 25_000, figures{20_000, 24_500, 25_022, 508, 501, 7, 1, 5012, 0, 10_024})
	f("longer", []int64{20_000}, 40_000, figures{20_000, 38_500, 40_022, 1508, 1501, 7, 1, 20_012, 0, 40_024})
	f("the last", []int64{20_000, 6000}, 25_000, figures{20_000, 24_500, 25_022, 508, 501, 7, 1, 5012, 0, 10_024})
}

// A cooperative join takes a second round, which begins when the member that
// gives up nothing hears of it. What does not move never stops.
func TestCooperativeJoin(t *testing.T) {
	s := two("consumer-2")
	s.protocol = "cooperative-sticky"
	for i := range s.in.Workers[:2] {
		s.in.Workers[i].Calls[0].Protocol = s.protocol
	}
	s.act("join", "consumer-2", 20_000)
	s.beats(0, 1000, 20_000)
	s.beats(1, 500, 20_000)
	s.join(2, 20_050, 22_005, 22_008, 2)
	s.beat(1, 21_500, group.RebalanceInProgress)
	s.join(1, 21_510, 22_005, 22_009, 2, 2)
	s.beat(0, 22_000, group.RebalanceInProgress)
	s.join(0, 22_004, 22_005, 22_007, 2, 0, 1)
	// consumer-1 has given up 3 and rejoins at once; the others hear at their beats.
	s.join(1, 22_012, 25_010, 25_013, 3, 2)
	s.beat(2, 25_000, group.RebalanceInProgress)
	s.join(2, 25_003, 25_010, 25_014, 3, 3)
	s.beat(0, 25_001, group.RebalanceInProgress)
	s.join(0, 25_009, 25_010, 25_012, 3, 0, 1)
	for i := range 3 {
		s.beats(i, 28_000, 60_000)
	}
	s.stop(22_009, 25_020, 3)

	e := s.only(t)
	if e.Protocol != group.Cooperative {
		t.Errorf("protocol %s", e.Protocol)
	}
	same(t, "figures", figuresOf(e), figures{20_000, 20_050, 25_022, 4964, 1951, 3013, 2, 3002, 0, 3002})
	same(t, "partitions", parts(e), []part{{Untouched, 2, 0, 2}, {Untouched, 2, 0, 2}, {Untouched, 2, 0, 2}, {Moved, 3002, 0, 3002}})
	same(t, "phases", spent(t, e, "consumer-0"), map[Phase]int64{Detect: 1951, SecondRound: 2995, React: 10, Barrier: 2, Assign: 2, Sync: 2})
	same(t, "movement", []float64{e.Movement, e.ExcessRevocation}, []float64{0.25, 0})
	same(t, "words", results.Lines(e.Words), []string{"sarama consumer-0: second_round 2995 ms"})
	if len(e.Notes) > 0 {
		t.Errorf("a second round is no defect of the floor: %q", e.Notes)
	}
}

// A stop below the session is nobody's business but the stopped member's.
func TestStall(t *testing.T) {
	s := two()
	s.act("stall", "consumer-1", 20_000).Resumed = 24_000 * ms
	s.beats(0, 1000, 60_000)
	s.beats(1, 500, 20_000)
	s.beats(1, 24_000, 60_000)
	s.stop(20_000, 24_000, 2, 3)
	e := s.only(t)
	same(t, "figures", figuresOf(e), figures{20_000, 0, 24_002, 0, 0, 0, 0, 4002, 0, 8004})
	same(t, "partitions", parts(e), []part{{Untouched, 2, 0, 2}, {Untouched, 2, 0, 2}, {Untouched, 4002, 4000, 2}, {Untouched, 4002, 4000, 2}})
	if e.Rebalanced {
		t.Error("nobody joined, and yet there is a wire time")
	}
}

// Beyond the session the member is evicted, and joins again when it goes on.
func TestStallBeyondSession(t *testing.T) {
	s := two()
	s.act("stall", "consumer-1", 20_000).Resumed = 33_000 * ms
	s.beats(0, 1000, 31_000)
	s.beats(1, 500, 20_000) // the last at 18.5 s: expiry at 28.5 s
	s.beat(0, 31_000, group.RebalanceInProgress)
	s.join(0, 31_005, 31_006, 31_008, 2, 0, 1, 2, 3)
	s.beat(1, 33_000, group.UnknownMemberID)
	s.join(1, 33_010, 34_020, 34_024, 3, 2, 3)
	s.beat(0, 34_008, group.RebalanceInProgress)
	s.join(0, 34_010, 34_020, 34_023, 3, 0, 1)
	s.beats(0, 37_000, 60_000)
	s.beats(1, 37_000, 60_000)
	s.stop(20_000, 31_010, 2, 3)
	e := s.only(t)
	// The floor is the beat that told of the return.
	same(t, "figures", figuresOf(e), figures{20_000, 28_500, 34_042, 5524, 5509, 15, 2, 11_012, 0, 22_024})
	same(t, "partition", parts(e)[2], part{Orphaned, 11_012, 11_001, 11})
	if spent(t, e, "consumer-1")[Start] != 10 {
		t.Errorf("start %v: it counts from SIGCONT", spent(t, e, "consumer-1"))
	}
}

// An act that comes before all is quiet again shares the window; one that comes
// within 2H of quiet does not.
func TestOverlap(t *testing.T) {
	base := func() *sim {
		s := two()
		s.beats(0, 1000, 60_000)
		s.beats(1, 500, 60_000)
		return s
	}
	s := base()
	s.act("stall", "consumer-1", 20_000).Resumed = 24_000 * ms
	s.act("stall", "consumer-0", 23_000).Resumed = 25_000 * ms
	s.stop(20_000, 24_000, 2, 3)
	s.stop(23_000, 25_000, 0, 1)
	e := s.only(t)
	same(t, "merged", figuresOf(e), figures{20_000, 0, 25_002, 0, 0, 0, 0, 5002, 1002, 12_008})
	if got := strings.Join(results.Lines(e.Notes), "\n"); !strings.Contains(got, "merged with stall#2") {
		t.Errorf("notes: %s", got)
	}

	s = base()
	s.act("stall", "consumer-1", 20_000).Resumed = 21_000 * ms
	s.act("stall", "consumer-0", 23_001).Resumed = 25_000 * ms
	s.stop(20_000, 21_000, 2, 3)
	s.stop(23_000, 25_000, 0, 1) // it catches a record on its way
	r := s.compute()
	if len(r.Events) != 2 {
		t.Fatalf("%d events, want 2", len(r.Events))
	}
	same(t, "first", r.Events[0].Window, Interval{From: 20_000 * ms, To: 21_002 * ms})
	same(t, "second", r.Events[1].Window, Interval{From: 23_001 * ms, To: 25_002 * ms})
}

// A partition that is never delivered again keeps its window open to the end and
// says so; its gap reaches to the end of the trial.
func TestNeverDelivered(t *testing.T) {
	s := two()
	s.act("leave", "consumer-1", 20_000)
	s.beats(0, 1000, 20_000)
	s.beats(1, 500, 20_000)
	s.call(1, group.LeaveGroup, 20_001, 20_002, 0, 0)
	s.beat(0, 22_000, group.RebalanceInProgress)
	s.join(0, 22_001, 22_002, 22_003, 2, 0, 1, 2, 3)
	s.beats(0, 25_000, 60_000)
	s.stop(20_000, 22_010, 2)
	s.stop(20_000, -1, 3)
	r := s.compute()
	e := r.Events[0]
	if e.Settled || e.Lost != 2000 || e.Partitions[3].Lost != 2000 || e.Partitions[3].Gap != 42_000*ms || r.Lost != 2000 {
		t.Errorf("settled %t, lost %d (of the trial %d), partition %+v", e.Settled, e.Lost, r.Lost, e.Partitions[3])
	}
	if got := strings.Join(results.Lines(e.Notes), "\n"); !strings.Contains(got, "not settled") {
		t.Errorf("notes: %s", got)
	}
	// 2.0 s of one partition and 40 s of another, of four times 58 s.
	if want := 1 - (2.012+40)/(4*58); r.Availability < want-1e-9 || r.Availability > want+1e-9 {
		t.Errorf("availability %v, want %v", r.Availability, want)
	}
}

// Who comes back under its static identity was never gone: no generation, no
// expiry, and the gap is what its absence took.
func TestStaticRestart(t *testing.T) {
	s := two("consumer-2")
	a := s.act("restart", "consumer-2", 20_000)
	a.Replaces, a.Gone = "consumer-1", 20_050*ms
	s.in.Workers[1].Calls[0].Instance = "one"
	s.beats(0, 1000, 60_000)
	s.beats(1, 500, 20_000)
	s.call(2, group.JoinGroup, 20_100, 20_105, 0, 1).Instance = "one"
	s.call(2, group.SyncGroup, 20_106, 20_110, 0, 1).Given = []int32{2, 3}
	s.beats(2, 23_000, 60_000)
	s.stop(20_000, 20_120, 2, 3)
	e := s.only(t)
	same(t, "figures", figuresOf(e), figures{20_000, 20_100, 20_122, 10, 0, 10, 1, 122, 0, 244})
	same(t, "partitions", parts(e), []part{{Untouched, 2, 0, 2}, {Untouched, 2, 0, 2}, {Orphaned, 122, 100, 22}, {Orphaned, 122, 100, 22}})
}

// Where the wire is slower than the beats allow by a whole interval, or faster,
// the floor is in doubt and says so.
func TestDoubts(t *testing.T) {
	f := func(asked, joined int64, want string) {
		t.Helper()
		s := two()
		s.act("leave", "consumer-1", 20_000)
		s.beats(0, 1000, 20_000)
		s.call(1, group.LeaveGroup, 20_001, 20_002, 0, 0)
		s.beat(0, 22_000, group.RebalanceInProgress)
		s.join(0, asked, joined+1, joined+2, 2, 0, 1, 2, 3)
		s.beats(0, joined+3000, 60_000)
		s.stop(20_000, joined+4, 2, 3)
		if got := strings.Join(results.Lines(s.only(t).Notes), "\n"); !strings.Contains(got, want) || want == "" && got != "" {
			t.Errorf("joined at %d: notes %q, want %q", joined, got, want)
		}
	}
	f(22_010, 22_010, "")
	f(22_010, 24_000, "")
	f(22_010, 24_900, "near a whole heartbeat interval: a defect")
	f(22_010, 25_300, "near a whole heartbeat interval: a defect")
	// The member itself is seen to have taken that long.
	f(24_900, 24_900, "and is consumer-0's own: it took 2900 ms")

	s := two()
	s.act("join", "consumer-9", 20_000)
	s.in.Workers = append(s.in.Workers, Worker{Name: "consumer-9", Client: "kafka-go"})
	s.beats(0, 1000, 60_000)
	s.beats(1, 500, 60_000)
	if got := s.only(t); got.Rebalanced || got.T0 != 0 {
		t.Errorf("a member that never joined: %+v", figuresOf(got))
	}
}

// Acts that were not done at their time are named, but for a hundred of them.
func TestLateActs(t *testing.T) {
	f := func(want []string, late ...int64) {
		t.Helper()
		s := two()
		s.beats(0, 1000, 60_000)
		s.beats(1, 500, 60_000)
		for i, d := range late {
			a := s.act("stall", "consumer-1", 10_000+int64(i)*100)
			a.Resumed = a.At
			a.Planned = a.At - d*ms
		}
		var got []string
		for _, w := range results.Lines(s.compute().Warnings) {
			if strings.Contains(w, "later than planned") {
				got = append(got, w)
			}
		}
		same(t, "warnings", got, want)
	}
	f(nil, 0, 100) // theta is as late as a record may be
	f([]string{"act 3 was done 450 ms later than planned"}, 0, 50, 450)
	f([]string{
		"act 1 was done 101 ms later than planned", "act 2 was done 102 ms later than planned", "act 3 was done 103 ms later than planned",
		"act 4 was done 104 ms later than planned", "act 5 was done 105 ms later than planned",
		"2 more acts were done later than planned, by up to 300 ms",
	}, 101, 102, 103, 104, 105, 300, 200)
	s := two()
	s.act("stall", "consumer-1", 10_000).Resumed = 10_000 * ms // a trial that did not record its plan
	for _, w := range results.Lines(s.compute().Warnings) {
		if strings.Contains(w, "planned") {
			t.Errorf("warning without a plan: %s", w)
		}
	}
}

// What is delivered a second time may come after the window, when nothing is late
// any more; it belongs to the event until the next one begins.
func TestDuplicatesOfAnEvent(t *testing.T) {
	s := two()
	s.beats(0, 1000, 60_000)
	s.beats(1, 500, 60_000)
	s.act("stall", "consumer-1", 20_000).Resumed = 21_000 * ms
	s.act("stall", "consumer-1", 25_000).Resumed = 26_000 * ms
	s.stop(20_000, 21_000, 2, 3)
	s.stop(25_000, 26_000, 2, 3)
	for _, at := range []int64{19_999, 20_500, 21_500, 24_999, 25_000, 33_000} {
		s.in.Redelivered = append(s.in.Redelivered, audit.Redelivery{At: at * ms, Count: 1, Cause: "stale"})
	}
	r := s.compute()
	if len(r.Events) != 2 || r.Events[0].Duplicates != (audit.Duplicates{Stale: 3}) || r.Events[1].Duplicates != (audit.Duplicates{Stale: 1}) {
		t.Errorf("events %+v", r.Events)
	}
}

// A member that is asked to leave before it has got its partition leaves it to its
// former owner until then; the partition is silent only from then on.
func TestLeaveBeforeAssignment(t *testing.T) {
	s := newSim("consumer-0", "consumer-1", "consumer-2")
	s.join(0, 100, 200, 210, 1, 0, 1)
	s.join(1, 110, 200, 210, 1, 2, 3)
	s.act("join", "consumer-2", 20_000)
	s.act("leave", "consumer-2", 20_050)
	s.beats(0, 1000, 21_000)
	s.beats(1, 1000, 21_000)
	for i := range 2 {
		s.beat(i, 22_000, group.RebalanceInProgress)
	}
	s.join(2, 20_003, 22_008, 22_010, 2, 3)
	s.join(0, 22_005, 22_008, 22_010, 2, 0, 1)
	s.join(1, 22_005, 22_008, 22_010, 2, 2)
	s.call(2, group.LeaveGroup, 22_020, 22_021, 0, 0)
	for i := range 2 {
		s.beat(i, 25_010, group.RebalanceInProgress)
	}
	s.join(0, 25_015, 25_018, 25_020, 3, 0, 1)
	s.join(1, 25_015, 25_018, 25_020, 3, 2, 3)
	s.beats(0, 28_000, 60_000)
	s.beats(1, 28_000, 60_000)
	s.stop(22_005, 25_022, 3)
	e := s.only(t)
	if p := parts(e)[3]; p.Floor < 2900 || p.Excess < -20 || p.Excess > 100 {
		t.Errorf("partition 3: %+v, and it was delivered until 22,004", p)
	}
	if got := strings.Join(results.Lines(e.Notes), "; "); strings.Contains(got, "a defect of the floor") {
		t.Errorf("notes: %s", got)
	}
}
