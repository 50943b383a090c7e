package window

import (
	"testing"

	"github.com/kbench/kbench/results/group"
)

// A member that closes its client and opens a new one in its process leaves and joins,
// as if a process had taken the place of another: its partitions had no owner, the
// others stood still from their beat on, and what it is told later is no news of a leave.
func TestReopen(t *testing.T) {
	s := two()
	a := s.act("reopen", "consumer-1", 20_000)
	a.Gone, a.Group = 20_100*ms, "reopen"
	s.beats(0, 1000, 20_000)
	s.beats(1, 500, 20_000)
	s.call(1, group.LeaveGroup, 20_050, 20_051, 0, 0)
	s.join(1, 20_110, 22_005, 22_008, 2, 2, 3)
	s.beat(0, 22_000, group.RebalanceInProgress)
	s.join(0, 22_004, 22_005, 22_007, 2, 0, 1)
	s.beats(0, 25_000, 60_000)
	s.beats(1, 25_000, 60_000)
	s.stop(20_000, 22_010, 2, 3)
	s.stop(22_001, 22_009, 0, 1)

	r := s.compute()
	if len(r.Events) != 1 || r.Changes != 2 || r.Generations != 1 || len(r.Warnings) > 0 {
		t.Fatalf("%d events, %d changes, %d generations, warnings %q", len(r.Events), r.Changes, r.Generations, r.Warnings)
	}
	e := r.Events[0]
	same(t, "figures", figuresOf(e), figures{20_000, 20_050, 22_022, 1958, 1951, 7, 1, 2012, 0, 4024})
	same(t, "partitions", parts(e), []part{{Untouched, 11, 0, 11}, {Untouched, 11, 0, 11}, {Orphaned, 2012, 2001, 11}, {Orphaned, 2012, 2001, 11}})
	same(t, "owners", []string{e.Partitions[2].OldOwner, e.Partitions[2].NewOwner}, []string{"consumer-1", "consumer-1"})
	if len(e.Notes) > 0 {
		t.Errorf("notes %q", e.Notes)
	}
}
