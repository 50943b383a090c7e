package cause

import (
	"testing"

	"github.com/kbench/kbench/results/group"
)

// beat is one of KIP-848, answered after 1 ms.
func (s *sim) beat(m int, at int64, epoch, answer int32, parts ...int32) *group.Call {
	c := s.call(m, group.ConsumerGroupHeartbeat, at, at+1, 0)
	c.Generation, c.Epoch, c.Given = epoch, answer, parts
	return c
}

// kip is a group of KIP-848: x joined at 1 s and y at 2 s.
func kip(workers ...string) *sim {
	s := newSim(append([]string{"x", "y"}, workers...)...)
	s.beat(0, 1000, 0, 1, 0, 1)
	s.beat(1, 2000, 0, 2)
	s.beat(0, 4000, 1, 2, 0)
	s.beat(1, 5000, 2, 2, 1)
	s.beat(0, 7000, 2, 2)
	s.beat(1, 8000, 2, 2)
	return s
}

func TestKIP848(t *testing.T) {
	s := kip()
	s.last(t, Join, Certain, "y")
	if all := s.find(); len(all) != 2 || all[0].Cause != Join || all[0].Worker != "x" || all[1].Generation != 2 {
		t.Errorf("%+v", all)
	}
	s = kip("z")
	s.beat(2, 8500, 0, 3)
	s.last(t, Join, Certain, "z")
	s = kip()
	s.beat(1, 9000, -1, -1)
	s.beat(0, 10_000, 2, 3)
	s.last(t, Leave, Certain, "y")
	s = kip()
	s.in.Members[1].Gone, s.in.Members[1].End = 8500*ms, "killed"
	s.beat(0, 10_000, 2, 2)
	s.beat(0, 19_000, 2, 3)
	s.last(t, Process, Certain, "y")
	s = kip()
	s.call(1, group.ConsumerGroupHeartbeat, 11_000, 25_000, group.UnknownMemberID).Generation = 2
	s.quiet(11_000, group.ConsumerGroupHeartbeat)
	s.beat(0, 12_000, 2, 2)
	s.beat(0, 19_000, 2, 3)
	s.last(t, Network, Certain, "y", "ConsumerGroupHeartbeat to a")
	// The broker gives out partitions that nobody had.
	s = kip()
	s.beat(0, 10_000, 2, 3, 0, 2)
	s.last(t, Metadata, Certain, "", "1 partition that nobody had had")
	s = kip()
	s.beat(0, 10_000, 2, 3)
	s.last(t, Unknown, Open, "")
	// Another process comes under the identity of a static member.
	s = kip("y2")
	s.in.Members[1].Gone = 8500 * ms
	for i := range s.in.Members[1].Calls {
		s.in.Members[1].Calls[i].Instance = "i"
	}
	s.beat(2, 9000, 0, 2).Instance = "i"
	for at := int64(10_000); at < 30_000; at += 3000 {
		s.beat(0, at, 2, 2)
		s.beat(2, at+1, 2, 2)
	}
	s.beat(2, 30_000, -1, -1)
	s.beat(0, 31_000, 2, 3)
	if r := s.last(t, Leave, Certain, "y2"); len(r.Also) != 0 {
		t.Errorf("%+v", r.Also)
	}
	// Two changes before anybody sees either.
	s = kip("z")
	s.beat(1, 9000, -1, -1)
	s.beat(2, 9500, 0, 4)
	if all := s.find(); len(all) != 4 || all[2].Cause != Leave || all[2].Generation != 3 || all[3].Cause != Join || all[3].Worker != "z" {
		t.Errorf("%+v", all)
	}
}

// A broker may count the changes that it takes together one by one: what was left over of
// those before is why, as likely as not.
func TestTogether(t *testing.T) {
	s := newSim("x", "y", "z")
	for m := range 3 {
		s.call(m, group.ConsumerGroupHeartbeat, 1000+int64(m), 1500, 0).Epoch = 2
	}
	s.beat(0, 2500, 2, 4)
	if r := s.last(t, Join, Likely, "y", "taken together"); r.Generation != 4 || len(s.find()) != 2 {
		t.Errorf("%+v", r)
	}
	s.beat(0, 4000, 4, 5)
	s.last(t, Unknown, Open, "")
}
