package window

import (
	"strings"
	"testing"

	"github.com/kbench/kbench/results/group"
)

// crashed is a crash after which the group is stable at 31.008 s. The orphaned
// partitions deliver again at 31.02 s, the others have their next record 2 ms later.
func crashed() *sim {
	s := two()
	s.act("crash", "consumer-1", 20_000)
	s.beats(0, 1000, 31_000)
	s.beats(1, 500, 20_000)
	s.beat(0, 31_000, group.RebalanceInProgress)
	s.join(0, 31_005, 31_006, 31_008, 2, 0, 1, 2, 3)
	s.beats(0, 34_000, 60_000)
	s.stop(20_000, 31_018, 2, 3)
	return s
}

func TestResumed(t *testing.T) {
	f := func(what string, s *sim, from, resumed, to int64) {
		t.Helper()
		e := s.only(t)
		same(t, what, []int64{e.Window.From / ms, e.Resumed / ms, e.Window.To / ms}, []int64{from, resumed, to})
	}
	// All that had waited comes at once, so that nothing is left to catch up.
	f("at once", crashed(), 20_000, 31_022, 31_022)

	// A partition that delivered and stops once more has its lag not back.
	s := crashed()
	s.stop(31_030, 31_500, 3)
	f("a partition that stops again", s, 20_000, 31_022, 31_502)

	// One partition delivers later than the others: it is waited for.
	s = crashed()
	s.stop(31_018, 33_000, 3)
	f("a partition that is later", s, 20_000, 33_002, 33_002)

	// A partition that never comes back is what the end of the trial finds.
	s = crashed()
	s.stop(20_000, -1, 3)
	if e := s.only(t); e.Resumed/ms != 31_022 || e.Settled {
		t.Errorf("with a partition that is lost the others resume at %d, settled %t", e.Resumed/ms, e.Settled)
	}
}

func TestStretches(t *testing.T) {
	s := crashed()
	s.stop(31_030, 31_500, 3)
	r := s.compute()
	measured := Interval{From: 2000 * ms, To: 60_000 * ms}
	got := r.Stretches(measured)
	same(t, "stretches", got, []Stretch{
		{Interval{From: 2000 * ms, To: 20_000 * ms}, Steady, ""},
		{Interval{From: 20_000 * ms, To: 31_022 * ms}, Rebalance, "crash#1"},
		{Interval{From: 31_022 * ms, To: 31_502 * ms}, CatchUp, "crash#1"},
		{Interval{From: 31_502 * ms, To: 60_000 * ms}, Steady, ""},
	})
	for _, c := range []struct {
		due, at int64
		want    int
	}{
		{1999, 2001, -1},
		{2000, 2001, 0},
		{19_990, 19_999, 0},
		{19_990, 20_000, 1}, // on its way when the act came
		{19_000, 31_019, 1},
		{20_000, 20_001, 1},
		{31_021, 31_400, 1},
		{31_022, 31_023, 2},
		{31_501, 40_000, 2},
		{31_502, 31_503, 3},
		{59_999, 61_000, 3},
		{60_000, 60_001, -1},
	} {
		if have := PartOf(got, c.due*ms, c.at*ms); have != c.want {
			t.Errorf("due %d, delivered %d: stretch %d, want %d", c.due, c.at, have, c.want)
		}
	}
	// Without events all is steady, and nothing of an event lies outside.
	same(t, "no events", (&Report{}).Stretches(measured), []Stretch{{measured, Steady, ""}})
	same(t, "cut", r.Stretches(Interval{From: 25_000 * ms, To: 31_100 * ms}), []Stretch{
		{Interval{From: 25_000 * ms, To: 31_022 * ms}, Rebalance, "crash#1"}, {Interval{From: 31_022 * ms, To: 31_100 * ms}, CatchUp, "crash#1"},
	})
	if PartOf(nil, 5, 6) != -1 {
		t.Error("a record has a part where there is none")
	}
}

// A handler that takes longer than theta makes records late at all times: the
// windows of its acts then end when the wire is quiet, and no gap is claimed.
func TestSlowHandler(t *testing.T) {
	f := func(slow bool, events int) {
		t.Helper()
		s := two()
		s.in.Slow = slow
		s.act("leave", "consumer-1", 20_000)
		s.act("stall", "consumer-0", 40_000).Resumed = 40_100 * ms
		s.beats(0, 1000, 20_000)
		s.beats(1, 500, 20_000)
		s.call(1, group.LeaveGroup, 20_001, 20_002, 0, 0)
		s.beat(0, 22_000, group.RebalanceInProgress)
		s.join(0, 22_010, 22_011, 22_012, 2, 0, 1, 2, 3)
		s.beats(0, 25_000, 60_000)
		for at := int64(19_000); at < 50_000; at += 2000 { // what waits for the handler
			s.stop(at, at+1500, 0, 1, 2, 3)
		}
		r := s.compute()
		if len(r.Events) != events || r.Slow != slow {
			t.Fatalf("slow %t: %d events, want %d", slow, len(r.Events), events)
		}
		if !slow {
			return
		}
		e := r.Events[0]
		if e.Window.To != 22_012*ms || e.Wire != 2011*ms || e.BaselineKnown || e.Noisy || e.Late+r.Late != 0 || e.LostPartitionTime != 0 {
			t.Errorf("the leave: %+v", e)
		}
		for _, p := range e.Partitions {
			if p.Records != 0 || p.Gap != 0 || p.DownTime() != 0 {
				t.Errorf("a gap that nobody can know: %+v", p)
			}
		}
		if len(r.Warnings) == 0 || !strings.Contains(r.Warnings[0].Words, "windows close on the wire alone") {
			t.Errorf("warnings %q", r.Warnings)
		}
	}
	f(false, 1)
	f(true, 2)
}
