package audit

import (
	"testing"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/group"
	"github.com/kbench/kbench/workloads"
	"github.com/kbench/kbench/workloads/acts"
)

// TestAwake: an owner to whom nothing could come is not stuck for as long, be it stopped
// or behind a link that lets nothing through; one behind a slow link could deliver.
func TestAwake(t *testing.T) {
	f := func(want int64, act results.Act) {
		t.Helper()
		act.At = 20
		if got := awake([]results.Act{act}, "consumer-0", group.Holding{From: 10, To: 100}); got != want {
			t.Errorf("%+v: since %d, not %d", act, got, want)
		}
	}
	hole, slow := &workloads.Link{Blackhole: true}, &workloads.Link{Delay: 1}
	f(60, results.Act{Kind: acts.Stall, Member: "consumer-0", Resumed: 60})
	f(100, results.Act{Kind: acts.Stall, Member: "consumer-0"})
	f(10, results.Act{Kind: acts.Stall, Member: "consumer-1", Resumed: 60})
	f(60, results.Act{Kind: acts.Link, Member: "consumer-0", Link: hole, Resumed: 60})
	f(60, results.Act{Kind: acts.Link, Link: hole, Resumed: 60}) // all of them
	f(10, results.Act{Kind: acts.Link, Member: "consumer-1", Link: hole, Resumed: 60})
	f(10, results.Act{Kind: acts.Link, Member: "consumer-0", Link: slow, Resumed: 60})
	f(10, results.Act{Kind: acts.Crash, Member: "consumer-1"})
}
