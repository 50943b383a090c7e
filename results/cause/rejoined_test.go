package cause

import (
	"testing"

	"github.com/kbench/kbench/results/group"
)

// rejoining is a group in which x asks to join again at 9 s, although nobody told it to.
func rejoining() *sim {
	s := two(8000)
	s.beats(1, 4000, 7000)
	s.told(1, 10_001)
	s.join(0, 9000, 10_010, 2)
	s.join(1, 10_002, 10_010, 2)
	return s
}

func TestMetadata(t *testing.T) {
	s := rejoining()
	s.in.Members[0].Topics = []Topic{{500 * ms, "t", 0, 12}, {8900 * ms, "t", 12, 18}}
	s.last(t, Metadata, Certain, "x", "18 partitions of a topic that had 12")
	s = rejoining()
	s.in.Members[1].Topics = []Topic{{8900 * ms, "t", 12, 18}}
	s.last(t, Metadata, Likely, "x", "Metadata told y")
	s = rejoining()
	for i := range s.in.Members[0].Calls {
		if c := &s.in.Members[0].Calls[i]; c.API == group.JoinGroup {
			c.Topics = []string{"t", "u"}[:c.Generation]
		}
	}
	s.last(t, Metadata, Certain, "x", "subscribes to 2 topics, and did to 1 topic")
	// It learns late of what the round before was about.
	s = rejoining()
	for i := range s.in.Members[0].Calls {
		if c := &s.in.Members[0].Calls[i]; c.Generation == 1 && c.API == group.SyncGroup {
			c.Given = []int32{0, 1, 15}
		}
	}
	s.in.Members[0].Topics = []Topic{{7500 * ms, "t", 12, 18}}
	s.last(t, Metadata, Likely, "x")
	s.call(0, group.Heartbeat, 7800, 0, 0)
	s.last(t, Network, Likely, "x", "Heartbeat to a")
	// What was broken before a heartbeat that was answered is over.
	s = rejoining()
	s.in.Members[0].Hangups = []Hangup{{5000 * ms, "a"}}
	s.last(t, Unknown, Open, "x")
	s.in.Members[0].Hangups = []Hangup{{8500 * ms, "a"}}
	s.last(t, Network, Likely, "x")
	// It is the first number that it saw.
	s = rejoining()
	s.in.Members[0].Topics = []Topic{{8900 * ms, "t", 0, 12}}
	s.last(t, Unknown, Open, "x")
	// It had seen them before it joined.
	s = rejoining()
	s.in.Members[0].Topics = []Topic{{900 * ms, "t", 12, 18}}
	s.last(t, Unknown, Open, "x", "asked to join again")
}

func TestCoordinator(t *testing.T) {
	s := rejoining()
	s.call(0, group.Heartbeat, 8500, 8501, group.NotCoordinator)
	s.last(t, Coordinator, Certain, "x", "a answered NOT_COORDINATOR")
	s = rejoining()
	s.call(0, group.Heartbeat, 8500, 8501, group.NoCoordinator)
	s.last(t, Coordinator, Likely, "x")
	s = rejoining()
	for i := range s.in.Members[0].Calls {
		if c := &s.in.Members[0].Calls[i]; c.Req >= 9000*ms {
			c.Node = "b"
		}
	}
	s.last(t, Coordinator, Certain, "x", "its coordinator was a and is b")
	// It had moved long before, and the group was whole.
	s = rejoining()
	s.call(0, group.Heartbeat, 5000, 5001, group.NotCoordinator)
	s.last(t, Unknown, Open, "x")
	// It is the client that asks a node which never was the coordinator.
	s = rejoining()
	s.call(0, group.Heartbeat, 8500, 8501, group.NotCoordinator).Node = "b"
	s.last(t, Client, Likely, "x", "it had asked b")
	// The node that it is told of has not taken over yet, and does so before the next round.
	taken := func(asked string) *sim {
		s := rejoining()
		for i := range s.in.Members[0].Calls {
			if c := &s.in.Members[0].Calls[i]; c.API == group.JoinGroup && c.Req == 9000*ms {
				c.Node = "b"
			}
		}
		early := s.call(0, group.JoinGroup, 8500, 8501, group.NotCoordinator)
		early.Node, early.Generation = asked, -1
		return s
	}
	taken("b").last(t, Coordinator, Certain, "x", "its coordinator was a and is b, which answered NOT_COORDINATOR before")
	taken("c").last(t, Coordinator, Likely, "x", "its coordinator was a and then b; c, which it had asked, answered NOT_COORDINATOR")
	// A new coordinator does not know the group.
	s = two(8000)
	s.beats(1, 4000, 7000)
	s.call(0, group.Heartbeat, 8500, 8501, group.UnknownMemberID).Node = "b"
	c := s.join(0, 8600, 8700, 1)
	c.Node, c.ID = "b", "x2"
	s.last(t, Coordinator, Certain, "x", "was forgotten")
}

// A connection broke, and the member asks to join again before its session is over.
func TestBroken(t *testing.T) {
	s := rejoining()
	s.in.Members[0].Hangups = []Hangup{{8000 * ms, "a"}}
	if r := s.last(t, Network, Likely, "x", "it was not evicted"); r.Evicted {
		t.Error("evicted")
	}
}
