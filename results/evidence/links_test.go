package evidence

import (
	"slices"
	"testing"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/blame"
	"github.com/kbench/kbench/results/record"
)

// TestLinks: what a link held back is injected between its worker and that node, on the
// clock of the trial; a node is not blamed for a wait in it, and is for another.
func TestLinks(t *testing.T) {
	const ms = int64(1e6)
	w := Worker{Worker: results.Worker{Name: "consumer-0", Role: results.RoleConsumer}, ahead: 1000 * ms}
	w.event(record.Event{K: record.EvLink, From: 1000 * ms, T: 2000 * ms, Link: []record.Link{
		{Conn: 1, Node: "b:1", Held: []record.Stretch{{From: 1100 * ms, To: 1300 * ms}, {From: 1400 * ms, To: 1500 * ms}}},
		{Conn: 2, Node: "b:1", Held: []record.Stretch{{From: 1250 * ms, To: 1350 * ms}}},
		{Conn: 3, Node: "b:9", Held: []record.Stretch{{From: 1600 * ms, To: 1700 * ms}}},
	}}, nil)
	wait := func(from, to int64) {
		w.Waits = append(w.Waits, Wait{API: 1, Node: "b:1", From: from * ms, To: to * ms})
	}
	wait(50, 150)  // it ends in what the link held back
	wait(360, 390) // between
	e := &Trial{Trial: &results.Trial{Nodes: map[string]int32{"b:1": 7}}, Workers: []Worker{w}}
	var injected []blame.Injected
	for _, i := range e.signs().Injected {
		if i.What != "link" || i.Worker != "consumer-0" {
			t.Errorf("%+v", i)
		}
		injected = append(injected, blame.Injected{Interval: i.Interval, Node: i.Node})
	}
	at := func(from, to int64, node int32) blame.Injected {
		return blame.Injected{Interval: results.Interval{From: from * ms, To: to * ms}, Node: node}
	}
	if want := []blame.Injected{at(600, 700, -1), at(100, 350, 7), at(400, 500, 7)}; !slices.Equal(injected, want) {
		t.Errorf("injected %v, want %v", injected, want)
	}
	if answers := e.waits(&e.Workers[0]); len(answers) != 1 || len(answers[0].Late) != 1 || answers[0].Late[0].At != 390*ms {
		t.Errorf("the node is blamed for %+v", answers)
	}
}
