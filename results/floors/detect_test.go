package floors

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/group"
	"github.com/kbench/kbench/results/window"
)

func TestGapsAndSpread(t *testing.T) {
	f := func(want float64, times ...int64) {
		t.Helper()
		d := Detection{Gaps: gaps(times, 500)}
		var sum float64
		for _, g := range d.Gaps {
			sum += g
		}
		if got := d.Spread(500); got != want || sum != 500 || len(d.Gaps) != len(times) {
			t.Errorf("%v: gaps %v, a spread of %v; want %v", times, d.Gaps, got, want)
		}
	}
	f(0, 1234)
	f(0, 100, 600, 2100)      // in step, some intervals apart
	f(10, 495, 505)           // round the end of the interval
	f(250, 0, 250)            // opposite: the widest that two can be
	f(333, 0, 167, 334)       // thirds, the widest of three
	f(30, 1020, 500, 10, 490) // the order does not matter
}

// A trial of H = 500 ns: members a and b beat, and c joins at 1700.
func joined() (window.Input, *window.Report) {
	worker := func(name string, beats ...int64) window.Worker {
		w := window.Worker{Name: name}
		for _, at := range beats {
			w.Calls = append(w.Calls, group.Call{API: group.Heartbeat, Req: at, Resp: at + 1}, group.Call{API: group.OffsetCommit, Req: at + 3, Resp: at + 4})
		}
		return w
	}
	in := window.Input{Heartbeat: 500, Workers: []window.Worker{
		worker("a", 1000, 1501, 2002), worker("b", 1020, 1522, 2024), worker("c"),
	}}
	member := func(name string, spent map[window.Phase]int64) window.Member {
		return window.Member{Worker: name, Spent: spent}
	}
	e := window.Event{
		Name: "join#1", Counted: true, Rebalanced: true, T0: 1700, Floor: 325,
		Acts: []results.Act{{Kind: "join", Member: "c", Owned: map[string][]int32{"a": {0}, "b": {1}}}},
		Members: []window.Member{
			member("a", map[window.Phase]int64{window.Detect: 303, window.React: 1}),
			member("b", map[window.Phase]int64{window.Detect: 325, window.React: 1}),
			member("c", map[window.Phase]int64{window.Start: 9, window.Sync: 1}),
		},
	}
	return in, &window.Report{Events: []window.Event{e}}
}

func TestDetections(t *testing.T) {
	in, r := joined()
	want := []Detection{{Event: "join#1", Kind: "join", Survivors: 2, Took: 325, Gaps: []float64{21, 479}, Beats: []float64{501, 502}}}
	got, left := Detections(in, r)
	if len(got) == 1 && got[0].Beats[0] > got[0].Beats[1] {
		t.Error("the members of an event are not in a fixed order")
	}
	if diff := cmp.Diff(want, got); diff != "" || left != nil {
		t.Errorf("want to got:\n%s; left out %v", diff, left)
	}
	r.Events[0].Acts[0].Kind = "leave"
	if got, left = Detections(in, r); len(got) != 1 || got[0].Kind != "leave" || left != nil {
		t.Errorf("a leave: %v, left out %v", got, left)
	}
}

func TestWhatIsNoDetection(t *testing.T) {
	f := func(change func(in *window.Input, e *window.Event), want ...LeftOut) {
		t.Helper()
		in, r := joined()
		change(&in, &r.Events[0])
		got, left := Detections(in, r)
		if len(got) > 0 {
			t.Errorf("got %v", got)
		}
		if diff := cmp.Diff(want, left); diff != "" {
			t.Errorf("left out, want to got:\n%s", diff)
		}
	}
	why := func(why string) LeftOut { return LeftOut{"join#1", "join", why} }

	f(func(_ *window.Input, e *window.Event) { e.Counted = false })
	f(func(_ *window.Input, e *window.Event) { e.Acts[0].Kind = "crash" })
	f(func(_ *window.Input, e *window.Event) { e.Acts = append(e.Acts, results.Act{Kind: "leave"}) }, why("2 acts share its window"))
	f(func(_ *window.Input, e *window.Event) { e.Rebalanced = false }, why("nobody was given an assignment after it"))
	f(func(_ *window.Input, e *window.Event) { delete(e.Members[1].Spent, window.Detect) }, why("b was not told of it"))
	f(func(_ *window.Input, e *window.Event) { e.Members = e.Members[1:] }, why("a was not told of it"))
	f(func(_ *window.Input, e *window.Event) { e.Acts[0].Owned = nil }, why("nobody was there to be told"))
	f(func(_ *window.Input, e *window.Event) { e.Floor = 303 }, why("its floor is 303 ns, and the last member was told after 325 ns"))
	f(func(in *window.Input, _ *window.Event) {
		in.Workers[1].Calls[0].Req = 949
		in.Workers[1].Calls = in.Workers[1].Calls[:1]
	},
		why("b had sent no heartbeat in the one and a half intervals before it"))
	f(func(in *window.Input, _ *window.Event) { in.Workers[0].Calls = nil },
		why("a had sent no heartbeat in the one and a half intervals before it"))
}
