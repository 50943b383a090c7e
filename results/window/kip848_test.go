package window

import (
	"strings"
	"testing"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/group"
)

// kip is a beat of KIP-848: the epoch and what it confirms in the request, the
// epoch and what it is given in the response. Without partitions nothing changed.
func (s *sim) kip(worker int, at int64, epoch, to int32, has, gets []int32) {
	c := s.call(worker, group.ConsumerGroupHeartbeat, at, at+1, 0, epoch)
	c.Epoch, c.Asked, c.Given = to, has, gets
}

// A member joins; what it is to get is first given up by its owner at that one's
// next beat, and taken at its own next beat after that.
func TestConsumerGroupJoin(t *testing.T) {
	s := newSim("consumer-0", "consumer-1", "consumer-2")
	s.kip(0, 100, 0, 2, nil, []int32{0, 1})
	s.kip(1, 110, 0, 2, nil, []int32{2, 3})
	for at := int64(3100); at < 20_000; at += 3000 {
		s.kip(0, at, 2, 2, nil, nil)
		s.kip(1, at+1500, 2, 2, nil, nil)
	}
	s.act("join", "consumer-2", 20_000)
	s.kip(2, 20_050, 0, 3, nil, nil)
	s.kip(0, 21_100, 2, 3, nil, nil)               // keeps what it has
	s.kip(1, 22_600, 2, 2, nil, []int32{2})        // must give up 3
	s.kip(1, 22_610, 2, 3, []int32{2}, []int32{2}) // has done so
	s.kip(2, 23_050, 3, 3, nil, []int32{3})        // and 3 is free
	s.kip(2, 23_055, 3, 3, []int32{3}, nil)        // confirmed
	for at := int64(25_000); at < 60_000; at += 3000 {
		for i := range 3 {
			s.kip(i, at+int64(i), 3, 3, nil, nil)
		}
	}
	s.stop(22_601, 23_060, 3)
	e := s.only(t)
	if Compute(s.in).StormsSought {
		t.Error("storms were looked for, and no generations tell of them")
	}
	if e.Protocol != group.Consumer || len(e.Notes) > 0 {
		t.Errorf("protocol %s, notes %q", e.Protocol, e.Notes)
	}
	same(t, "figures", figuresOf(e), figures{20_000, 20_050, 23_062, 3005, 2992, 13, 2, 462, 0, 462})
	same(t, "partitions", parts(e), []part{{Untouched, 2, 0, 2}, {Untouched, 2, 0, 2}, {Untouched, 2, 0, 2}, {Moved, 462, 441, 21}})
	same(t, "movement", []float64{e.Movement, e.ExcessRevocation}, []float64{0.25, 0})
	same(t, "phases", spent(t, e, "consumer-1"), map[Phase]int64{Detect: 2551, React: 9})
}

// The same where the owner gives up the last that it has: the lists are empty, but
// they are there.
func TestConsumerGroupGivesUpAll(t *testing.T) {
	s := newSim("consumer-0", "consumer-1", "consumer-2")
	s.kip(0, 100, 0, 2, nil, []int32{0, 1, 2})
	s.kip(1, 110, 0, 2, nil, []int32{3})
	for at := int64(3100); at < 20_000; at += 3000 {
		s.kip(0, at, 2, 2, nil, nil)
		s.kip(1, at+1500, 2, 2, nil, nil)
	}
	s.act("join", "consumer-2", 20_000)
	s.kip(2, 20_050, 0, 3, nil, nil)
	s.kip(0, 21_100, 2, 3, nil, nil)
	s.kip(1, 22_600, 2, 2, nil, nil)
	last := func(worker int) *group.Call { return &s.in.Workers[worker].Calls[len(s.in.Workers[worker].Calls)-1] }
	last(1).NoneGiven = true
	s.kip(1, 22_610, 2, 3, nil, nil)
	last(1).NoneAsked, last(1).NoneGiven = true, true
	s.kip(2, 23_050, 3, 3, nil, []int32{3})
	s.kip(2, 23_055, 3, 3, []int32{3}, nil)
	for at := int64(25_000); at < 60_000; at += 3000 {
		for i := range 3 {
			s.kip(i, at+int64(i), 3, 3, nil, nil)
		}
	}
	s.stop(22_601, 23_060, 3)
	e := s.only(t)
	same(t, "figures", figuresOf(e), figures{20_000, 20_050, 23_062, 3005, 2992, 13, 2, 462, 0, 462})
	same(t, "partition", parts(e)[3], part{Moved, 462, 441, 21})
	same(t, "phases", spent(t, e, "consumer-1"), map[Phase]int64{Detect: 2551, React: 9})
}

// A victim's partitions are free when its session ends, and taken at the next
// beat of whoever gets them. Only beats renew the session, commits do not.
func TestConsumerGroupCrash(t *testing.T) {
	s := newSim("consumer-0", "consumer-1")
	s.kip(0, 100, 0, 2, nil, []int32{0, 1})
	s.kip(1, 110, 0, 2, nil, []int32{2, 3})
	for at := int64(3100); at < 30_000; at += 3000 {
		s.kip(0, at, 2, 2, nil, nil)
		if at < 20_000 {
			s.kip(1, at+400, 2, 2, nil, nil) // the last at 18.5 s
		}
	}
	s.call(1, group.OffsetCommit, 19_900, 19_901, 0, 2)
	s.act("crash", "consumer-1", 20_000)
	s.kip(0, 30_100, 2, 3, nil, []int32{0, 1, 2, 3})
	s.kip(0, 30_105, 3, 3, []int32{0, 1, 2, 3}, nil)
	for at := int64(33_100); at < 60_000; at += 3000 {
		s.kip(0, at, 3, 3, nil, nil)
	}
	s.stop(20_000, 30_110, 2, 3)
	e := s.only(t)
	same(t, "figures", figuresOf(e), figures{20_000, 28_500, 30_112, 1605, 1601, 4, 1, 10_112, 0, 20_224})
	same(t, "partition", parts(e)[2], part{Orphaned, 10_112, 10_101, 11})
}

// inPhase is a group of one whose new member gets two partitions at a time. They
// beat in phase, so that the new owner's beat falls between the moment at which the
// old one is told and the moment at which it has done so.
func inPhase(taken int64) *sim {
	s := newSim("consumer-0", "consumer-1")
	s.kip(0, 100, 0, 2, nil, []int32{0, 1, 2, 3})
	for at := int64(3100); at < 20_000; at += 3000 {
		s.kip(0, at, 2, 2, nil, nil)
	}
	s.act("join", "consumer-1", 20_000)
	s.kip(1, 20_003, 0, 3, nil, nil)
	s.kip(0, 23_001, 2, 2, nil, []int32{0, 1})
	s.kip(1, 23_004, 3, 3, nil, nil) // too early
	s.kip(0, 23_021, 2, 3, []int32{0, 1}, []int32{0, 1})
	s.kip(1, taken, 3, 3, nil, []int32{2, 3})
	s.kip(1, taken+2, 3, 3, []int32{2, 3}, nil)
	for at := int64(26_000); at < 60_000; at += 3000 {
		s.kip(0, at, 3, 3, nil, nil)
		s.kip(1, at+taken-23_000, 3, 3, nil, nil)
	}
	s.stop(23_002, taken+6, 2, 3)
	return s
}

// That a new owner then waits for its next beat is luck and nobody's doing.
func TestConsumerGroupInPhase(t *testing.T) {
	e := inPhase(26_004).only(t)
	same(t, "figures", figuresOf(e), figures{20_000, 20_003, 26_012, 6003, 5983, 20, 2, 3012, 0, 6024})
	same(t, "partition", parts(e)[2], part{Moved, 3012, 2984, 28})
	same(t, "phases", spent(t, e, "consumer-0"), map[Phase]int64{Detect: 2999, React: 19})
}

// What it waits beyond its next beat, because that comes late, is its own: this one
// was due at 26,004.
func TestConsumerGroupTardy(t *testing.T) {
	e := inPhase(28_004).only(t)
	same(t, "figures", figuresOf(e), figures{20_000, 20_003, 28_012, 8003, 5983, 2020, 2, 5012, 0, 10_024})
	same(t, "partition", parts(e)[2], part{Moved, 5012, 2984, 2028})
	same(t, "phases", spent(t, e, "consumer-0"), map[Phase]int64{Detect: 2999, React: 19})
}

// A leave whose window has a join in it too: what the leaver had went to a
// survivor first, and part of it on to the newcomer. Neither wait is the other's.
func TestConsumerGroupLeaveAndJoin(t *testing.T) {
	s := newSim("consumer-0", "consumer-1", "consumer-2")
	s.kip(0, 100, 0, 2, nil, []int32{0, 1})
	s.kip(1, 110, 0, 2, nil, []int32{2, 3})
	for at := int64(3100); at < 20_000; at += 3000 {
		s.kip(0, at, 2, 2, nil, nil)
		s.kip(1, at+10, 2, 2, nil, nil)
	}
	s.act("leave", "consumer-1", 21_000)
	s.kip(1, 21_010, -1, -1, nil, nil)
	s.act("join", "consumer-2", 21_080)
	s.kip(0, 21_100, 2, 3, nil, []int32{0, 1, 2, 3})
	s.kip(2, 21_104, 0, 4, nil, nil)
	s.kip(0, 21_105, 3, 3, []int32{0, 1, 2, 3}, []int32{0, 1, 2})
	s.kip(0, 21_115, 3, 4, []int32{0, 1, 2}, nil)
	s.kip(2, 24_104, 4, 4, nil, []int32{3})
	s.kip(2, 24_106, 4, 4, []int32{3}, nil)
	for at := int64(27_000); at < 60_000; at += 3000 {
		s.kip(0, at, 4, 4, nil, nil)
		s.kip(2, at+4, 4, 4, nil, nil)
	}
	s.stop(21_001, 21_102, 2)
	s.stop(21_001, 24_110, 3)
	e := s.only(t)
	same(t, "figures", figuresOf(e), figures{21_000, 21_010, 24_112, 3096, 3086, 10, 2, 3112, 0, 3216})
	same(t, "partitions", parts(e)[2:], []part{{Orphaned, 104, 101, 3}, {Orphaned, 3112, 2990, 122}})
}

// A new owner that passes over a beat is a whole interval behind what the floor
// allows, and the event says so.
func TestConsumerGroupDoubt(t *testing.T) {
	f := func(taken int64, want string) {
		t.Helper()
		s := newSim("consumer-0", "consumer-1")
		s.kip(0, 100, 0, 2, nil, []int32{0, 1, 2, 3})
		for at := int64(3100); at < 21_000; at += 3000 {
			s.kip(0, at, 2, 2, nil, nil)
		}
		s.act("join", "consumer-1", 20_000)
		s.kip(1, 20_050, 0, 3, nil, nil)
		s.kip(0, 21_100, 2, 2, nil, []int32{0, 1})
		s.kip(0, 21_110, 2, 3, []int32{0, 1}, nil)
		s.kip(1, taken, 3, 3, nil, []int32{2, 3})
		s.kip(1, taken+5, 3, 3, []int32{2, 3}, nil)
		for i := range 2 {
			for at := int64(28_000); at < 60_000; at += 3000 {
				s.kip(i, at+int64(i), 3, 3, nil, nil)
			}
		}
		s.stop(21_101, taken+10, 2, 3)
		if got := strings.Join(results.Lines(s.only(t).Notes), "; "); !strings.Contains(got, want) || want == "" && got != "" {
			t.Errorf("taken at %d: notes %q, want %q", taken, got, want)
		}
	}
	f(23_050, "")
	f(25_000, "")
	f(26_000, "near a whole heartbeat interval: a defect of the floor, or a member that passed over a beat")
}
