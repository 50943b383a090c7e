package summary

import (
	"slices"
	"testing"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/blame"
	"github.com/kbench/kbench/results/window"
	"github.com/kbench/kbench/workloads"
)

// TestWithout: what a percentile would be without stalls of others is what is left of the
// records, and not the percentile less what they have of the tail.
func TestWithout(t *testing.T) {
	const ms = int64(1e6)
	f := func(name string, stalled results.Interval, late func(i int64) int64, beyond float64, unacked int64, want int64, source blame.Source) {
		t.Helper()
		seen := tail{from: 20 * ms, unacked: unacked, stalls: &window.Stalls{
			Leaders: map[int32]int32{0: 3}, Coordinator: -1,
			All: []blame.Stall{{Source: blame.SourceBroker, Who: "broker-3", Node: 3, Excuses: true, Certain: stalled, Possible: stalled}},
		}}
		for i := range int64(10_000) { // one each millisecond
			seen.see(0, "", window.Record{Due: i * ms, At: i*ms + late(i)})
		}
		got, of := seen.without(beyond)
		if got < want*98/100 || got > want*102/100 || of != source {
			t.Errorf("%s: %d of %q, want %d of %q", name, got, of, want, source)
		}
	}
	none := results.Interval{}
	second := results.Interval{From: 5000 * ms, To: 6000 * ms}
	steady := func(int64) int64 { return 60 * ms }
	held := func(i int64) int64 { // records of the second wait for its end
		if i >= 5000 && i < 6000 {
			return (6000-i)*ms + 30*ms
		}
		return 30 * ms
	}
	f("nobody stalled", none, steady, 100, 0, 60*ms, "")
	f("all of the tail is the broker's", second, held, 100, 0, 30*ms, blame.SourceBroker)
	// 1000 records of up to a second are a tenth; the percentile is that of the others.
	f("the tail is the client's all the same", second, func(i int64) int64 { return max(held(i), 60*ms) }, 2000, 0, 60*ms, blame.SourceBroker)
	f("less than was looked at", second, func(i int64) int64 { return held(i) - 15*ms }, 100, 0, 20*ms, blame.SourceBroker)
	f("those that were never acked are beyond it", none, func(i int64) int64 { return 30*ms + i*10_000 }, 100, 90, 129*ms+900_000, "")
	f("all beyond it were never acked", second, held, 100, 100, 0, "")
}

// TestGated: only percentiles are found that a gate asks for.
func TestGated(t *testing.T) {
	spec := workloads.Spec{Gate: []string{"p99(e2e.response) < 50ms", "max(e2e.response) < 1s", "p99.9(e2e.response) < 1s", "p99(e2e.response) < 90ms", "p50(produce.response) < 1s"}}
	if got := gated(&spec, results.E2EResponse); !slices.Equal(got, []string{"p99", "p999"}) {
		t.Errorf("%q", got)
	}
}
