package summary

import (
	"testing"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/blame"
	"github.com/kbench/kbench/results/window"
)

// TestTailOfUnacked: where the latest were never acked, max is not that of the latest
// acked record, and the mean of the tail counts them.
func TestTailOfUnacked(t *testing.T) {
	const ms = int64(1e6)
	seen := tail{from: 100 * ms, stalls: &window.Stalls{}}
	seen.see(0, "", window.Record{Due: 0, At: 200 * ms})
	if got := seen.figures(results.RoleProducer, results.ProduceResponse, 200*ms, true); len(got) != 2 || got[0].figure != 200*ms || got[1].figure != 200*ms {
		t.Errorf("all acked: %+v", got)
	}
	seen.never(lateBy(50, 1000))
	got := seen.figures(results.RoleProducer, results.ProduceResponse, 1000*ms, true)
	if len(got) != 1 || got[0].stat != "p999" || got[0].figure < 599*ms || got[0].figure > 601*ms {
		t.Errorf("one of two never acked: %+v", got)
	}
}

// TestTailOfLateStall: of twelve partitions with 1,500 late records each it is the last
// whose leader stood still, and in the others all time is the client's. A third of the
// latest were never acked, and nobody's.
func TestTailOfLateStall(t *testing.T) {
	const ms = int64(1e6)
	whole := results.Interval{From: 0, To: 2000 * 1000 * ms}
	seen := tail{from: 100 * ms, stalls: &window.Stalls{
		Leaders: map[int32]int32{11: 3}, Coordinator: -1,
		All: []blame.Stall{{Source: blame.SourceBroker, Who: "broker-3", Node: 3, Excuses: true, Certain: whole, Possible: whole}},
	}}
	const partitions, each = int64(12), int64(1500)
	for p := range partitions {
		for i := range each {
			seen.see(int32(p), "", window.Record{Due: i * 1000 * ms, At: i*1000*ms + 120*ms})
		}
	}
	f := func(name string, figure, broker int64) {
		t.Helper()
		got := seen.figures(results.RoleProducer, results.ProduceResponse, 120*ms, true)
		mean := got[len(got)-1]
		if len(mean.by) != 1 || mean.figure != figure {
			t.Fatalf("%s: %+v", name, mean)
		}
		if s := mean.by[0].Least; s < broker*98/100 || s > broker*102/100 {
			t.Errorf("%s: the broker has %d ns, want %d", name, s, broker)
		}
	}
	f("one of twelve", 120*ms, 120*ms/partitions)
	seen.unacked, seen.unackedLate = partitions*each/2, partitions*each/2*120*ms
	f("a third unacked", 120*ms, 120*ms/partitions*2/3)
	if len(seen.asked) > mostAsked {
		t.Errorf("%d were asked about", len(seen.asked))
	}
}
