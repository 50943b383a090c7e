package summary

import (
	"testing"

	"github.com/kbench/kbench/results"
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
