package window

import "testing"

// crashed is a crash after which the group is stable at 31.008 s. The orphaned
// partitions deliver again at 31.02 s, the others have their next record 2 ms later.
func crashed() *sim {
	s := two()
	s.act("crash", "consumer-1", 20_000)
	s.beats(0, 1000, 31_000)
	s.beats(1, 500, 20_000)
	s.beat(0, 31_000, errRebalance)
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
	measured := Interval{2000 * ms, 60_000 * ms}
	got := r.Stretches(measured)
	same(t, "stretches", got, []Stretch{
		{Interval{2000 * ms, 20_000 * ms}, Steady, ""},
		{Interval{20_000 * ms, 31_022 * ms}, Rebalance, "crash#1"},
		{Interval{31_022 * ms, 31_502 * ms}, CatchUp, "crash#1"},
		{Interval{31_502 * ms, 60_000 * ms}, Steady, ""},
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
	same(t, "cut", r.Stretches(Interval{25_000 * ms, 31_100 * ms}), []Stretch{
		{Interval{25_000 * ms, 31_022 * ms}, Rebalance, "crash#1"}, {Interval{31_022 * ms, 31_100 * ms}, CatchUp, "crash#1"},
	})
	if PartOf(nil, 5, 6) != -1 {
		t.Error("a record has a part where there is none")
	}
}
