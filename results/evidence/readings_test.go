package evidence

import (
	"testing"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/record"
)

// TestKept: what a member owned at a reading is what the coordinator had last told by
// then. That the members were closed right after the last reading, before the coordinator
// was asked again, changes nothing.
func TestKept(t *testing.T) {
	view := func(at int64, parts ...int32) record.Event {
		return record.Event{K: record.EvGroup, From: at - 2, T: at, View: &record.GroupView{
			Members: []record.GroupMember{{Worker: "consumer-0", Parts: parts}}}}
	}
	member := Worker{Worker: results.Worker{Name: "consumer-0", Role: results.RoleConsumer},
		Readings: []Reading{{Name: results.ReadingBefore, T: 100}, {Name: results.ReadingAfter, T: 200}}}
	observer := Worker{Worker: results.Worker{Name: "observer", Role: results.RoleObserver},
		Group: []record.Event{view(90, 0, 1), view(150), view(190, 2, 3, 4), view(210)}}
	gone := Worker{Worker: results.Worker{Name: "consumer-1", Role: results.RoleConsumer}}
	e := &Trial{Trial: &results.Trial{Acts: []results.Act{{Kind: "crash", At: 120, Counted: true}}}, Workers: []Worker{member, gone, observer}}
	kept, untold := e.Kept()
	if len(kept) != 1 || untold != 1 {
		t.Fatalf("%+v and %d untold", kept, untold)
	}
	if k := kept[0]; k.Worker != "consumer-0" || k.Had != 2 || k.Has != 3 || k.Cycles != 1 {
		t.Errorf("%s had %d and has %d partitions, in %d cycles", k.Worker, k.Had, k.Has, k.Cycles)
	}
}
