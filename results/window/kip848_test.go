package window

import "testing"

// kip is a beat of KIP-848: the epoch and what it confirms in the request, the
// epoch and what it is given in the response. Without partitions nothing changed.
func (s *sim) kip(worker int, at int64, epoch, to int32, has, gets []int32) {
	c := s.call(worker, apiConsumer, at, at+1, 0, epoch)
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
	if e.Protocol != consumer || len(e.Notes) > 0 {
		t.Errorf("protocol %s, notes %q", e.Protocol, e.Notes)
	}
	same(t, "figures", figuresOf(e), figures{20_000, 20_050, 23_062, 3005, 3001, 4, 2, 462, 0, 462})
	same(t, "partitions", parts(e), []part{{Untouched, 2, 0, 2}, {Untouched, 2, 0, 2}, {Untouched, 2, 0, 2}, {Moved, 462, 450, 12}})
	same(t, "movement", []float64{e.Movement, e.ExcessRevocation}, []float64{0.25, 0})
	same(t, "phases", spent(t, e, "consumer-1"), map[Phase]int64{Detect: 2551})
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
	s.call(1, apiCommit, 19_900, 19_901, 0, 2)
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
