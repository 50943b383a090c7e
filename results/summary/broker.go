package summary

import (
	"math"
	"time"

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
	retried          int64 // records that went over the wire again, at least
	producers        int   // of which that is known
	unseen           bool  // of one it is not
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
			r.again(e, &e.Workers[j], fromQuiet(churn, i))
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

// fromQuiet is the window of an event and a second before it, in which all that is under
// way is a send or two: what is in flight when the act comes was sent after that began.
func fromQuiet(churn *window.Report, event int) window.Interval {
	within := churn.Events[event].Window
	within.From -= int64(time.Second)
	if event > 0 {
		within.From = max(within.From, churn.Events[event-1].Window.To)
	}
	return within
}

// again adds the records of a producer that went over the wire once more: all in its
// Produce requests beyond those that can have been sent for the first time in them, which
// had no answer when the first was sent, and were due when the last was. In flight at
// both ends are a few, by which this is too low. Where the tap did not see each record
// that was acknowledged it is not known.
func (r *recovered) again(e *evidence.Trial, w *evidence.Worker, within window.Interval) {
	var sent, whole int64
	var of window.Interval
	for _, sum := range w.Wire {
		if sum.Batched == nil {
			continue
		}
		whole += sum.Batched.Records
		if sum.From < within.From || sum.To > within.To {
			continue
		}
		if sent == 0 {
			of.From = sum.From
		}
		of.To = sum.To
		sent += sum.Batched.Records
	}
	if w.Tally == nil && whole == 0 { // it is no producer
		return
	}
	if w.Tally == nil || whole < w.Tally.Acked {
		r.unseen = true
		return
	}
	r.producers++
	for _, log := range e.Logs {
		if log.Worker != w.Name {
			continue
		}
		for _, l := range log.Spans.Lanes {
			if l.Kind == record.Acked || l.Kind == record.Failed || l.Kind == record.Unanswered {
				sent -= newIn(l, of)
			}
		}
	}
	r.retried += max(sent, 0)
}

// newIn is how many records of a lane may have been sent for the first time in a stretch.
func newIn(l *record.Lane, of window.Interval) (n int64) {
	var buf record.Buffer
	for i := range l.Pages {
		p := &l.Pages[i]
		if p.Due > of.To || l.Kind != record.Unanswered && p.LastAt <= of.From {
			continue
		}
		for _, s := range l.Read(i, &buf) {
			answered := int64(0)
			if s.Kind != record.Unanswered {
				answered = upTo(of.From, s.At, s.LastAt, int64(s.Count))
			}
			n += max(upTo(of.To, s.Due, s.LastDue, int64(s.Count))-answered, 0)
		}
	}
	return n
}

// upTo is how many of n times that lie evenly between two are no later than t.
func upTo(t, first, last, n int64) int64 {
	switch {
	case t < first:
		return 0
	case t >= last:
		return n
	}
	return 1 + int64(float64(t-first)/float64(last-first)*float64(n-1))
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
	plain(results.RecoverReordered, "", float64(r.Reordered), 1)
	done := b.recovered[at]
	plain(results.RecoverAcked, "", float64(done.acked), done.lanes)
	plain(results.RecoverFailed, "", float64(done.failed), 1)
	if done.producers > 0 && !done.unseen {
		plain(results.RecoverRetried, "", float64(done.retried), int64(done.producers))
	}
	plain(results.RecoverOpened, "", float64(done.opened), 1)
	plain(results.RecoverMetadata, "", float64(done.metadata), 1)
}
