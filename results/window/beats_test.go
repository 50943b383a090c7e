package window

import (
	"math"
	"strings"
	"testing"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/audit"
	"github.com/kbench/kbench/results/group"
	"github.com/kbench/kbench/results/record"
	"github.com/kbench/kbench/workloads/acts"
)

// Heartbeats are looked at where nothing happens to the group; those of a
// rebalance, and a member that is at rest no more, tell nothing.
func TestBeatGap(t *testing.T) {
	f := func(what string, more func(*sim), gap int64, n int) {
		t.Helper()
		s := two()
		s.beats(0, 1000, 60_000) // 4 s to 58 s lie in the measured part: 18 times between them
		more(s)
		r := s.compute()
		if r.Calm != gap*ms || r.Calms != n {
			t.Errorf("%s: %d ms of %d, want %d of %d", what, r.Calm/ms, r.Calms, gap, n)
		}
	}
	f("every 3 s", func(*sim) {}, 3000, 18)
	f("one late", func(s *sim) {
		s.beat(1, 30_000, 0)
		s.beat(1, 33_000, 0)
		s.beat(1, 37_500, 0)
		s.beats(1, 39_000, 60_000)
	}, 4500, 27)
	f("after a refused beat", func(s *sim) {
		s.beat(1, 30_000, 0)
		s.beat(1, 33_000, group.RebalanceInProgress)
		s.beats(1, 40_000, 60_000)
	}, 7000, 26)
	f("across a rebalance", func(s *sim) {
		s.beat(1, 30_000, 0)
		s.join(1, 31_000, 31_010, 31_020, 2, 2, 3)
		s.beats(1, 38_000, 60_000)
	}, 3000, 25)
	f("silent beyond the session", func(s *sim) {
		s.beat(1, 30_000, 0)
		s.join(1, 45_000, 45_010, 45_020, 2, 2, 3)
		s.beats(1, 46_000, 60_000)
	}, 15_000, 22)
	f("silent to the end", func(s *sim) { s.beat(1, 30_000, 0) }, 30_000, 18)
	// The window of the stall reaches from 20 s to 27 s: three of the times touch it.
	f("around an event", func(s *sim) {
		s.act("stall", "consumer-1", 20_000).Resumed = 27_000 * ms
		s.beat(1, 19_500, 0)
		s.beats(1, 27_500, 60_000)
	}, 3000, 25)
}

// A member that is silent in the window of an event is told apart from one that is so
// while nothing happens, and from one that an act has stopped.
func TestBeatGapInEvents(t *testing.T) {
	s := two()
	s.beats(0, 1000, 19_000)
	s.beats(0, 29_000, 60_000)
	s.act("stall", "consumer-1", 20_000).Resumed = 27_000 * ms
	s.beat(1, 19_500, 0)
	s.beats(1, 32_500, 60_000)
	s.act("crash", "consumer-1", 55_000)
	if r := s.compute(); r.InEvents != 13_000*ms || r.Calm != 3000*ms {
		t.Errorf("%d ms in events and %d ms else, want 13000 and 3000", r.InEvents/ms, r.Calm/ms)
	}
}

// A trial without a timeline is looked at for its group alone.
func TestAtRest(t *testing.T) {
	trial := &results.Trial{
		Group:   "g",
		Phases:  []results.Phase{{Name: "measure", From: 10_000 * ms, To: 22_000 * ms}},
		Workers: []results.Worker{{Name: "consumer-0", Role: "consumer", Client: "sarama"}, {Name: "producer-0", Role: "producer"}},
	}
	var events []record.Event
	exchange := func(api int16, at int64, generation int32) {
		corr := int32(len(events))
		events = append(events, record.Event{K: record.EvRequest, T: at * ms, API: api, Corr: corr, Group: "g", Generation: generation},
			record.Event{K: record.EvResponse, T: (at + 1) * ms, API: api, Corr: corr, Generation: generation})
	}
	exchange(group.JoinGroup, 1000, 1)
	exchange(group.SyncGroup, 1100, 1)
	for _, at := range []int64{4000, 11_000, 14_000, 18_500, 21_000} {
		exchange(group.Heartbeat, at, 1)
	}
	same(t, "undisturbed", AtRest(trial, []audit.Log{{Worker: "consumer-0", Events: events}}), Rest{Generations: 0, BeatGap: BeatGap{Calm: 4500 * ms, Calms: 3}})
	trial.Phases[0].To = 40_000 * ms
	exchange(group.JoinGroup, 30_000, 2)
	exchange(group.SyncGroup, 30_100, 2)
	exchange(group.Heartbeat, 39_000, 2)
	same(t, "a rebalance", AtRest(trial, []audit.Log{{Worker: "consumer-0", Events: events}}), Rest{Generations: 1, BeatGap: BeatGap{Calm: 9000 * ms, Calms: 3}})
}

// Where nothing was done but by the link, what was late is known all the same.
func TestAvailability(t *testing.T) {
	s := two()
	s.stop(20_000, 30_000, 0, 1) // two of four partitions, from 20 s on
	s.compute()
	got := Availability(s.in)
	// 10.002 s of the record that is due at 20 s, of 58 s; those from 9.9 s on are not late.
	if want := 1 - 2*10.002/(4*58); math.Abs(got.Share-want) > 1e-9 || got.Late != 2*(9900/20+1) {
		t.Errorf("%+v, want a share of %v and %d late", *got, want, 2*(9900/20+1))
	}
	if s.in.Slow = true; Availability(s.in) != nil {
		t.Error("it is known of a handler that is too slow for it")
	}
}

// A heartbeat that came late and told of a change is a part of the floor that no
// setting asks for, and the event says so.
func TestLateBeats(t *testing.T) {
	type want struct {
		late  int64
		words string // about the heartbeat
		warns bool
	}
	// Consumer-0 is told at its beat, which was due at 22,000; consumer-1 leaves, and
	// consumer-2 is told at other.
	f := func(what string, beat, other int64, w want, prepare func(s *sim)) {
		t.Helper()
		s := newSim("consumer-0", "consumer-1", "consumer-2")
		for i := range 3 {
			s.join(i, 100, 200, 210, 1, []int32{0, 1, 2, 3}[i])
		}
		s.act("leave", "consumer-1", 20_000)
		s.beats(0, 1000, 20_000)
		s.beats(1, 500, 20_000)
		s.beats(2, 900, 20_000) // the next is due at 21,900
		s.call(1, group.LeaveGroup, 20_001, 20_002, 0, 0)
		s.beat(0, beat, group.RebalanceInProgress)
		s.beat(2, other, group.RebalanceInProgress)
		last := max(beat, other)
		s.join(0, beat+5, last+8, last+10, 2, 0, 1)
		s.join(2, other+5, last+8, last+10, 2, 2, 3)
		s.beats(0, last+3000, 60_000)
		s.beats(2, last+3000, 60_000)
		s.stop(20_000, last+12, 1)
		prepare(s)
		r := s.compute()
		e := r.Events[0]
		got := want{late: e.LateBeat / ms, warns: strings.Contains(strings.Join(results.Lines(r.Warnings), "; "), "has a heartbeat that came late")}
		for _, line := range results.Lines(e.Words) {
			if strings.Contains(line, "heartbeat") {
				got.words += line
			}
		}
		if got != w {
			t.Errorf("%s: %+v, want %+v", what, got, w)
		}
	}
	as := func(*sim) {}
	f("in time", 22_000, 21_900, want{}, as)
	f("within a fifth of the interval", 22_590, 21_900, want{}, as)
	f("late", 24_000, 21_900, want{2000, "consumer-0's heartbeat came 2000 ms late: that is in the floor", true}, as)
	f("late, and another nearly as much", 24_000, 22_500, want{1500, "consumer-0's heartbeat came 2000 ms late: 1500 ms of that are in the floor", true}, func(s *sim) {
		for i := range s.in.Workers[2].Calls { // its own beats are later by the same
			if c := &s.in.Workers[2].Calls[i]; c.API == group.Heartbeat && c.Req < 20_000*ms {
				c.Req, c.Resp = c.Req+600*ms, c.Resp+600*ms
			}
		}
	})
	f("late, and nobody waited for it", 24_000, 24_890, want{890, "consumer-0's heartbeat came 2000 ms late" + "consumer-2's heartbeat came 2990 ms late: 890 ms of that are in the floor", true}, as)
	f("the answer to the last one came late", 24_000, 21_900, want{}, func(s *sim) {
		for i := range s.in.Workers[0].Calls {
			if c := &s.in.Workers[0].Calls[i]; c.API == group.Heartbeat && c.Req == 19_000*ms {
				c.Resp = 23_990 * ms
			}
		}
	})
	f("stopped by an act", 24_000, 21_900, want{}, func(s *sim) { s.act(acts.Stall, "consumer-0", 21_000).Resumed = 23_990 * ms })
}
