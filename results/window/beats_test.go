package window

import (
	"testing"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/audit"
	"github.com/kbench/kbench/results/record"
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
		if r.BeatGap != gap*ms || r.BeatGaps != n {
			t.Errorf("%s: %d ms of %d, want %d of %d", what, r.BeatGap/ms, r.BeatGaps, gap, n)
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
		s.beat(1, 33_000, errRebalance)
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
	exchange(apiJoin, 1000, 1)
	exchange(apiSync, 1100, 1)
	for _, at := range []int64{4000, 11_000, 14_000, 18_500, 21_000} {
		exchange(apiBeat, at, 1)
	}
	same(t, "undisturbed", AtRest(trial, []audit.Log{{Worker: "consumer-0", Events: events}}), Rest{Generations: 0, BeatGap: 4500 * ms, BeatGaps: 3})
	trial.Phases[0].To = 40_000 * ms
	exchange(apiJoin, 30_000, 2)
	exchange(apiSync, 30_100, 2)
	exchange(apiBeat, 39_000, 2)
	same(t, "a rebalance", AtRest(trial, []audit.Log{{Worker: "consumer-0", Events: events}}), Rest{Generations: 1, BeatGap: 9000 * ms, BeatGaps: 3})
}
