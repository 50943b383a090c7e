package summary

import (
	"math"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/workloads"
)

// Bounds of what may have crossed the edges of the measured part.
const (
	edgeExcess = 0.01 // of what was due in it: more cannot come out of it
	edgeWire   = 0.75 // of the bytes that a record takes: the rest was read before
)

// edges tells whether what was counted in the measured part is that of its edges: of
// records that were due before it, or read before it, more came out of it than went
// into it. It is no property of the client.
func (b *builder) edges() results.Remark {
	if b.trial.Kind == workloads.Backlog {
		return b.prefetched()
	}
	if b.trial.Spec.Produce.Rate.Max || len(b.trial.Spec.Churn) > 0 { // churn holds records up on purpose
		return results.Remark{}
	}
	offered, lot := b.offered(), b.lot()
	spread := float64(b.trial.Spec.Topic.Partitions) // each has a schedule of its own, of whole records
	if b.trial.Spec.Produce.Schedule.Kind == "poisson" {
		spread += 3 * math.Sqrt(offered)
	}
	for _, out := range b.came() {
		switch over := float64(out.records) - offered; {
		case offered == 0:
		case over > edgeExcess*offered+spread:
			return because("throughput", "%d records were %s in the measured part, and %.0f were due in it (+%.1f%%): the others were due before", out.records, out.what, offered, 100*over/offered).
				With(out.what, results.UnitCount, float64(out.records)).With("offered", results.UnitCount, offered)
		case lot > edgeExcess*offered && over < -edgeExcess*offered-spread && -over <= lot+edgeExcess*offered:
			return because("throughput", "%d of the %.0f records that were due in the measured part were %s in it (%.1f%%), and so many may lie in one linger of %s: the part is too short for it",
				out.records, offered, out.what, 100*over/offered, b.trial.Spec.Produce.Linger).
				With(out.what, results.UnitCount, float64(out.records)).With("offered", results.UnitCount, offered)
		}
	}
	return results.Remark{}
}

// lot is how many records may be due in one linger of the client. They come out at
// once, within the part or just behind it.
func (b *builder) lot() float64 {
	return b.trial.Spec.Produce.Rate.PerSecond * b.trial.Spec.Produce.Linger.Seconds()
}

// came is what came out in the measured part.
type came struct {
	records int64
	what    string
}

func (b *builder) came() []came {
	acked, delivered := came{what: "acked"}, came{what: "delivered"}
	for _, w := range b.workers {
		acked.records += w.acked
		delivered.records += w.delivered
	}
	if b.trial.Kind != workloads.EndToEnd {
		return []came{acked}
	}
	return []came{acked, delivered}
}

// prefetched tells whether the client had read much of what it delivered in the
// measured part before it began, so that the work of reading is not in its cost.
func (b *builder) prefetched() results.Remark {
	var inPart, whole, delivered, all int64
	for _, w := range b.byRole(results.RoleConsumer) {
		for _, sum := range w.Wire {
			whole += sum.Bytes
			if b.measured.contains(sum.From + (sum.To-sum.From)/2) {
				inPart += sum.Bytes
			}
		}
		delivered += w.delivered
		all += w.allDelivered
	}
	if delivered == 0 || all == 0 || whole == 0 {
		return results.Remark{}
	}
	got, usual := float64(inPart)/float64(delivered), float64(whole)/float64(all)
	if got >= edgeWire*usual {
		return results.Remark{}
	}
	return because("prefetched", "%.0f bytes per record were on the wire in the measured part, and %.0f in the whole trial: much of what was delivered had been read before the clock started", got, usual).
		With(results.WireBytes, results.UnitBytes, got).With("usual", results.UnitBytes, usual)
}
