package window

import (
	"testing"

	"github.com/kbench/kbench/results/group"
	"github.com/kbench/kbench/workloads"
)

// cutOff is a group of two of which nothing of consumer-1 comes through from 20 s to 32 s.
// Its last beat that was answered is at 18.5 s, so that its session ends at 28.5 s; of
// consumer-0, which beats at 28 s and 31 s, the latter tells.
func cutOff() *sim {
	s := two()
	a := s.act("link", "consumer-1", 20_000)
	a.For, a.Resumed, a.Link = 12_000*ms, 32_000*ms, &workloads.Link{Blackhole: true}
	s.beats(0, 1000, 31_000)
	s.beats(1, 500, 20_000)
	s.call(1, group.Heartbeat, 21_500, 32_001, group.UnknownMemberID, 1) // it goes on asking
	s.call(1, group.OffsetCommit, 22_000, 0, 0, 1)
	s.beat(0, 31_000, group.RebalanceInProgress)
	s.join(0, 31_003, 31_005, 31_007, 2, 0, 1, 2, 3)
	s.call(1, group.JoinGroup, 32_003, 34_005, 0, 3).Protocol = "range"
	s.beat(0, 34_000, group.RebalanceInProgress)
	s.join(0, 34_003, 34_005, 34_007, 3, 0, 1)
	s.call(1, group.SyncGroup, 34_006, 34_008, 0, 3).Given = []int32{2, 3}
	s.beats(0, 37_000, 60_000)
	s.beats(1, 37_000, 60_000)
	s.stop(20_000, 31_010, 2, 3)
	return s
}

// A member that is cut off is evicted when its session ends, counted from the last of its
// requests that came through; its partitions wait for that and for the survivor's beat.
func TestCutOff(t *testing.T) {
	s := cutOff()
	s.in.Lost = []Lost{{Worker: "consumer-1", At: 10_000 * ms}, {Worker: "consumer-1", At: 31_000 * ms, Evicted: true}}
	e := s.only(t)
	if !e.Rebalanced || e.T0 != 28_500*ms {
		t.Errorf("rebalanced %t, t0 at %d ms", e.Rebalanced, e.T0/ms)
	}
	if p := e.Partitions[2]; !p.FloorKnown || p.Floor < 11_000*ms || p.Floor > 11_002*ms || p.OldOwner != "consumer-1" {
		t.Errorf("%+v", p)
	}
	same(t, "phases of who was cut off", spent(t, e, "consumer-1"), map[Phase]int64{Start: 3, Detect: 3501, React: 2, Barrier: 2002, Assign: 1, Sync: 2})
	// Nobody found that it was lost: nothing is known of a change.
	if e := cutOff().only(t); e.Rebalanced || e.T0 != 0 {
		t.Errorf("rebalanced %t, t0 at %d ms", e.Rebalanced, e.T0/ms)
	}
	// What becomes of others is not the act's.
	s = cutOff()
	s.in.Lost = []Lost{{Worker: "consumer-0", At: 31_000 * ms, Evicted: true}}
	if e := s.only(t); e.Rebalanced {
		t.Error("consumer-0 was not hit")
	}
}

// On a link that only loses and delays, what was asked may have come through: the session
// ends when it was found to have ended, and the act may be over by then.
func TestLostLate(t *testing.T) {
	s := cutOff()
	s.in.Acts[0].Link, s.in.Acts[0].Resumed = &workloads.Link{Loss: 0.5}, 24_000*ms
	s.in.Lost = []Lost{{Worker: "consumer-1", At: 28_600 * ms, Evicted: true}}
	if e := s.only(t); !e.Rebalanced || e.T0 < 28_500*ms || e.T0 > 28_600*ms {
		t.Errorf("rebalanced %t, t0 at %d ms", e.Rebalanced, e.T0/ms)
	}
}

// A client that gives up by itself leaves, or asks to join again.
func TestGaveUp(t *testing.T) {
	s := cutOff()
	s.call(1, group.LeaveGroup, 26_000, 26_001, 0, 0)
	if e := s.only(t); !e.Rebalanced || e.T0 != 26_000*ms {
		t.Errorf("left: rebalanced %t, t0 at %d ms", e.Rebalanced, e.T0/ms)
	}
	s = cutOff()
	s.in.Lost = []Lost{{Worker: "consumer-1", At: 32_003 * ms}}
	if e := s.only(t); !e.Rebalanced || e.T0 != 32_003*ms {
		t.Errorf("joined again: rebalanced %t, t0 at %d ms", e.Rebalanced, e.T0/ms)
	}
}
