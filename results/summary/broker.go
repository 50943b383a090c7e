package summary

import (
	"math"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/evidence"
	"github.com/kbench/kbench/results/record"
	"github.com/kbench/kbench/results/window"
)

// recovered is what producers and connections did in an event in which something was done
// to a node of the broker.
type recovered struct {
	acked, lanes     int64 // from the act until each producer was acknowledged again, of so many lanes
	failed           int64 // sends that were answered with an error
	opened, metadata int64 // connections and Metadata requests of all clients under test
}

// recoveredIn finds that for each event that has one, by its index.
func recoveredIn(e *evidence.Trial, churn *window.Report) map[int]recovered {
	out := map[int]recovered{}
	for i := range churn.Events {
		ev := &churn.Events[i]
		if ev.Recovery == nil {
			continue
		}
		r := recovered{}
		since := window.Interval{From: brokerAct(ev), To: ev.Window.To}
		for _, log := range e.Logs {
			for _, l := range log.Spans.Lanes {
				switch l.Kind {
				case record.Acked:
					r.acks(l, since, int64(e.Spec.Pause.Theta))
				case record.Failed:
					r.fails(l, ev.Window)
				}
			}
		}
		for j := range e.Workers {
			r.worker(&e.Workers[j], ev.Window)
		}
		out[i] = r
	}
	return out
}

// brokerAct is when the first act of an event on nodes was done: the figures of such an
// event begin there, also where it shares its window with an act before.
func brokerAct(e *window.Event) int64 {
	for _, act := range e.Acts {
		if act.Broker != nil {
			return act.At
		}
	}
	return e.Window.From
}

// acks adds when a partition's records were acknowledged again, if they had ceased to be:
// the ack of the one that had waited longest came first.
func (r *recovered) acks(l *record.Lane, within window.Interval, theta int64) {
	var latest, at int64
	r.lanes++
	for b := range window.Acked(l, theta) {
		for i, due := range b.Due {
			if b.At[i] >= within.From && due <= within.To && b.At[i]-due > max(latest, theta) {
				latest, at = b.At[i]-due, b.At[i]
			}
		}
	}
	if at != 0 {
		r.acked = max(r.acked, at-within.From)
	}
}

// fails adds the sends that were answered with an error, each when that came: the words of
// a kind of error are written down once in a trial, and not in each event.
func (r *recovered) fails(l *record.Lane, within window.Interval) {
	for b := range window.Acked(l, math.MinInt64) {
		for _, at := range b.At {
			if within.Contains(at) {
				r.failed++
			}
		}
	}
}

// worker adds what a process did. Sums over 100 ms belong to the window that has their
// middle.
func (r *recovered) worker(w *evidence.Worker, within window.Interval) {
	if !w.Role.UnderTest() {
		return
	}
	for _, sum := range w.Wire {
		if within.Contains(sum.From + (sum.To-sum.From)/2) {
			r.opened += int64(sum.Opened)
			r.metadata += sum.Metadata
		}
	}
}

// recovery adds the figures of an event in which something was done to a node.
func (b *builder) recovery(at int, e *window.Event, plain func(metric, class string, value float64, n int64)) {
	r := e.Recovery
	if r == nil {
		return
	}
	parts := int64(len(e.Partitions))
	plain(results.BrokerLeaders, "", float64(r.Leaders), parts)
	plain(results.BrokerCoordinator, "", float64(r.Coordinator), 1)
	plain(results.RecoverDelivered, "", float64(r.Delivered), parts)
	if r.Lookers > 0 {
		plain(results.RecoverCoordinator, "", float64(r.Found), int64(r.Lookers))
	}
	plain(results.RecoverEvictions, "", float64(r.Evicted), 1)
	done := b.recovered[at]
	plain(results.RecoverAcked, "", float64(done.acked), done.lanes)
	plain(results.RecoverFailed, "", float64(done.failed), 1)
	plain(results.RecoverOpened, "", float64(done.opened), 1)
	plain(results.RecoverMetadata, "", float64(done.metadata), 1)
}
