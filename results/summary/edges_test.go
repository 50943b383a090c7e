package summary

import (
	"testing"
	"time"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/evidence"
	"github.com/kbench/kbench/workloads"
)

// TestEdges: more than was due cannot come out of a part, and what one linger holds
// is not missing from it.
func TestEdges(t *testing.T) {
	f := func(want string, saturated bool, acked int64, linger time.Duration, change func(*builder)) {
		t.Helper()
		b := tried(320, 320, 320, 320, 320)
		b.trial.Spec.Produce.Rate.PerSecond = 320
		b.trial.Spec.Produce.Linger = linger
		b.workers[0].acked = acked
		change(b)
		if why := b.edges(); why.Class != want {
			t.Errorf("%d acked: %q (%s), want %q", acked, why.Class, why, want)
		}
		if acks, _ := b.shortfall(); (acks.Class != "") != saturated {
			t.Errorf("%d acked: short is %+v, want %v", acked, acks, saturated)
		}
	}
	same := func(*builder) {}
	f("", false, 1600, 0, same)
	f("", false, 1600, time.Second, same)
	f("throughput", false, 1904, time.Second, same) // +19%
	f("throughput", false, 1904, 0, same)
	f("", false, 1610, 0, same)
	f("throughput", false, 1300, time.Second, same) // the last linger is just behind the part
	f("", true, 1250, time.Second, same)            // more than a linger holds
	f("", true, 1300, 5*time.Millisecond, same)
	f("", false, 1690, 0, func(b *builder) { b.trial.Spec.Produce.Schedule.Kind = "poisson" })
	f("throughput", false, 1904, 0, func(b *builder) { b.trial.Spec.Produce.Schedule.Kind = "poisson" })
	f("", false, 1904, 0, func(b *builder) { b.trial.Spec.Produce.Rate.Max = true })
	f("", false, 1904, 0, func(b *builder) { b.trial.Spec.Churn = []workloads.ChurnEntry{{Do: "stall"}} })
	f("", false, 1620, 0, func(b *builder) { b.trial.Spec.Topic.Partitions = 12 })
}

// TestPrefetched: a backlog that was read before the clock started has few bytes on
// the wire while it is delivered.
func TestPrefetched(t *testing.T) {
	f := func(want string, before, within int64) {
		t.Helper()
		b := tried(1000, 1000, 1000)
		b.trial.Kind = workloads.Backlog
		w := b.workers[0]
		w.Role, w.delivered, w.allDelivered = results.RoleConsumer, 3000, 4000
		w.Wire = []evidence.Wire{
			{From: b.measured.from - second, To: b.measured.from, Bytes: before},
			{From: b.measured.from, To: b.measured.to, Bytes: within},
		}
		if why := b.edges(); why.Class != want {
			t.Errorf("%d bytes before and %d within: %q (%s), want %q", before, within, why.Class, why, want)
		}
	}
	f("", 1000, 3000)
	f("", 1700, 2300)
	f("prefetched", 1800, 2200)
	f("prefetched", 4_000_000, 7*3000)
	f("", 0, 0)
}
