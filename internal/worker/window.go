package worker

import (
	"iter"
	"math/bits"
	"sync"
	"sync/atomic"

	"github.com/kbench/kbench/drivers"
	"github.com/kbench/kbench/results/record"
)

// window is one partition's share of the records that may be outstanding: a
// ring of Msgs in sequence order. Two goroutines work on it and share no lock.
// The generator takes the slot of the next sequence; whoever the client acks
// on (one at a time within a partition) gives it back by moving acked on.
//
//	sequence  ... acked ............ next ...
//	               |---- outstanding ---|          next - acked <= limit
//
// The ring has as many slots as were ever outstanding at once. It grows where it
// stands: the slot after the last one is always the one that was used longest ago.
type window struct {
	// The generator's.
	msgs  []*drivers.Msg // by slot; nil where none was needed yet
	after []uint32       // by slot: the next one of the ring
	at    uint32         // the slot of the last sequence
	used  uint64         // slots in the ring
	mask  uint64         // of done
	limit uint64
	next  uint64 // next sequence to send
	seen  uint64 // acked as last read
	_     [64]byte

	// The ack side's.
	head  uint64 // all sequences below are answered
	done  []bool // answered out of order: sequence s is s & mask
	n     uint64 // answers so far
	now   int64  // the clock as last read
	spans *record.SpanLane
	fails *record.SpanLane
	again *record.SpanLane // answered once more
	// service and response are nil where they are not recorded.
	service  *record.Series
	response *record.Series
	end      int64 // offset after the last acked record
	failed   int64
	twice    int64
	_        [64]byte

	acked atomic.Uint64 // head, for the generator
	_     [64]byte
}

func (w *window) init(limit int) {
	limit = max(limit, 1)
	size := uint64(1) << bits.Len64(uint64(limit-1))
	w.limit, w.mask = uint64(limit), size-1
	w.msgs, w.after, w.done = make([]*drivers.Msg, limit), make([]uint32, limit), make([]bool, size)
}

// slot goes on to the slot of the next sequence, for which there must be room.
func (w *window) slot() uint32 {
	if w.next-w.seen >= w.used {
		w.seen = w.acked.Load()
		if w.next-w.seen >= w.used {
			last := w.at
			w.at = uint32(w.used)
			w.after[w.at], w.after[last] = w.after[last], w.at // of the first it is the first
			w.used++
			return w.at
		}
	}
	w.at = w.after[w.at]
	return w.at
}

// room reports whether the next sequence has a slot.
func (w *window) room() bool {
	if w.next-w.seen < w.limit {
		return true
	}
	w.seen = w.acked.Load()
	return w.next-w.seen < w.limit
}

// emptied reports whether a quarter of the window is free, by a fresh look.
func (w *window) emptied() bool {
	w.seen = w.acked.Load()
	return w.next-w.seen <= w.limit-max(w.limit/4, 1)
}

// answered reports whether a sequence other than head has its answer. A client that
// answers twice would else give a slot back that is in use.
func (w *window) answered(seq uint64) bool { return seq < w.head || w.done[seq&w.mask] }

// all goes through the Msgs of the ring, beginning with the one used longest ago.
func (w *window) all() iter.Seq[*drivers.Msg] {
	return func(yield func(*drivers.Msg) bool) {
		slot := w.at
		for range w.used {
			slot = w.after[slot]
			if !yield(w.msgs[slot]) {
				return
			}
		}
	}
}

// acks is what the ack side of all partitions shares, read-only but for what
// a waiting generator waits for and the channel that wakes it.
type acks struct {
	windows  []window
	first    int32 // the first window's partition: a producer has one topic, and there a row of them
	producer uint32
	every    uint64 // mask: clock and histogram where the number of the answer has none of its bits
	waiting  atomic.Int32
	wake     chan struct{}
	refused  record.Refusals
	closing  atomic.Bool                         // the client is
	mu       sync.Mutex                          // held for each answer from then on
	closed   bool                                // no answer is heard any more; under mu
	fresh    func(old *drivers.Msg) *drivers.Msg // a Msg to stand in for one that may not be reused
}

// What a generator waits for: a quarter of any window, or room in one, which is its
// index after the first.
const (
	nothing = 0
	quarter = -1
)

// rouse wakes a generator that waits for what w has now, where its head was at before.
func (a *acks) rouse(w *window, before uint64, what int32) {
	if what == quarter {
		// Of a full window two quarters are passed before all of it is answered, the
		// second when one is free.
		if (before^w.head)&^(w.mask>>2) == 0 {
			return
		}
	} else if w != &a.windows[what-1] {
		return
	}
	select {
	case a.wake <- struct{}{}:
	default:
	}
}

// ack is given to the driver. The cost of this function is part of what every
// client pays per record.
func (a *acks) ack(m *drivers.Msg, err error) {
	if a.closing.Load() {
		a.ackClosing(m, err)
		return
	}
	a.answer(m, err)
}

// close calls f, which closes the client, and then hears no answer any more: where f
// ran out of time one may still come, while the account is made. One that was under
// way when f began has had the time of f to end.
func (a *acks) close(f func() error) error {
	a.closing.Store(true)
	err := f()
	a.mu.Lock()
	defer a.mu.Unlock()
	a.closed = true
	for p := range a.windows {
		a.windows[p].acked.Load() // sees what those before wrote
	}
	return err
}

func (a *acks) ackClosing(m *drivers.Msg, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.closed {
		a.answer(m, err)
	}
}

func (a *acks) answer(m *drivers.Msg, err error) {
	w := &a.windows[m.Partition-a.first]
	seq := m.Seq
	if seq != w.head && w.answered(seq) {
		w.twice++
		w.again.Add(a.producer, seq, m.Offset, m.Due, record.Now())
		return
	}
	timed := w.n&a.every == 0
	w.n++
	if timed {
		w.now = record.Now()
	}
	if err == nil {
		if timed || !w.spans.Next(a.producer, seq, m.Offset) {
			w.spans.Add(a.producer, seq, m.Offset, m.Due, w.now)
		}
		w.end = m.Offset + 1
		if timed {
			if w.service != nil {
				w.service.Record(m.Due, w.now, w.now-m.Sent)
			}
			if w.response != nil {
				w.response.Record(m.Due, w.now, w.now-m.Due)
			}
		}
	} else {
		now := record.Now()
		w.fails.Add(a.producer, seq, -1, m.Due, now)
		w.failed++
		a.refused.Add(err.Error(), now, 1)
		// The client may still hold the buffers of a record it gave up on.
		w.msgs[m.Slot] = a.fresh(m)
	}
	if seq != w.head {
		w.done[seq&w.mask] = true
		w.acked.Store(w.head) // for close
		return
	}
	before := seq
	w.head++
	for w.done[w.head&w.mask] {
		w.done[w.head&w.mask] = false
		w.head++
	}
	w.acked.Store(w.head)
	// A generator says what it waits for before it looks for room again, so that no
	// wake-up is missed.
	if what := a.waiting.Load(); what != nothing {
		a.rouse(w, before, what)
	}
}
