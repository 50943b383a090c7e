package text

import (
	"testing"

	"github.com/kbench/kbench/results/group"
	"github.com/kbench/kbench/results/report"
	"github.com/kbench/kbench/results/window"
)

const ms = int64(1e6)

// Ticks are round numbers, at most as many as fit.
func TestTick(t *testing.T) {
	f := func(least, want int64) {
		t.Helper()
		if got, _ := tick(least); got != want {
			t.Errorf("tick(%d) = %d, want %d", least, got, want)
		}
	}
	f(1, 1000)
	f(1001, 2000)
	f(2001, 5000)
	f(5001, 10_000)
	f(300*ms, 500*ms)
	f(7_000*ms, 10_000*ms)
}

// Under KIP-848 one request does it all; its epoch tells a join and a leave from
// the beats between them.
func TestMemberOfKIP848(t *testing.T) {
	var calls []group.Call
	for i, epoch := range []int32{0, 4, 4, -1} {
		calls = append(calls, group.Call{API: group.ConsumerGroupHeartbeat, Generation: epoch, Req: int64(10*i) * ms, Resp: int64(10*i)*ms + 1})
	}
	w := &window.Worker{Name: "consumer-0", Calls: calls}
	d := &drawing{c: &report.Closeup{Input: &window.Input{}}, e: &window.Event{}}
	x := axis{window.Interval{From: 0 * ms, To: 40 * ms}, 0 * ms, 8}
	if got := d.member(x, w).String(); got != "J·h·h·L·" {
		t.Errorf("%q", got)
	}
}
