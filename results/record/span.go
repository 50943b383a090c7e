package record

import (
	"sync/atomic"
	"unsafe"
)

// Kind says what happened to the records of a span.
type Kind uint8

// The kinds of Span. The zero Kind marks an unused slot.
const (
	Acked      Kind = iota + 1 // the broker has them, says the producing client
	Failed                     // the producing client gave up on them
	Delivered                  // they reached the handler
	ReadBack                   // the audit found them in the topic
	Corrupt                    // they reached the handler (or the audit) damaged
	Foreign                    // they reached the handler (or the audit) and carry another trial's tag, or none
	Unanswered                 // the producing client had said nothing of them when it was closed
	Twice                      // the producing client answered for them once more
)

// Kinds is one more than the largest Kind.
const Kinds = Twice + 1

// Span is a run of records of one partition and one producer in which sequence
// and offset both rise by one from record to record. In this order it lies in the
// file; see slot.
type Span struct {
	Kind      Kind
	Topic     uint16 // index into DeliveriesMeta.Topics
	Partition int32
	Tenure    uint32
	Producer  uint32
	First     uint64 // sequences First .. First+Count-1
	Count     uint64
	Offset    int64 // of First; record First+i has Offset+i; -1: unknown for all
	Due       int64 // intended time of the first record
	LastDue   int64 // intended time of the last record
	At        int64 // time of ack or handler entry of the first record
	LastAt    int64 // the same of the last record
	MaxLate   int64 // largest At - Due of a record
	MaxGap    int64 // largest difference between the At of neighbours
}

// slot is a Span as it lies in the mapping. Its size and order are the file
// format. Count is stored last: a span with a count of 0 is not there.
type slot struct {
	Span
	_ int64
}

var _ [slotSize]byte = [unsafe.Sizeof(slot{})]byte{} // the file format depends on it

// maxSilence is how far apart neighbours in a span may be. A time that goes
// backwards is cut as well: it compares as a huge gap.
const maxSilence = 10_000_000 // ns

// SpanLane turns the records of one partition into spans. One goroutine at a
// time may use it.
//
// Its plain fields repeat what is in the mapping, so that an Add reads only
// memory that no other thread writes and stores each figure once.
type SpanLane struct {
	d       *Deliveries
	slot    *slot
	free    []byte // what is left of the lane's page
	scratch *slot  // where spans go that have no room; nil until needed

	cuts        *cuts
	from, width uint64 // At may lie in [from, from+width); width 0: no span is open
	seq         uint64 // next expected
	offset      int64  // next expected
	lastAt      int64
	count       uint64
	maxLate     int64
	maxGap      int64

	producer  uint32
	tenure    uint32
	partition int32
	topic     uint16
	kind      Kind

	// Lanes are allocated side by side; this keeps them out of each other's cache
	// lines.
	_ [56]byte
}

// Add writes down one record. When it returns, the record is in the file even
// if the process is killed at once. offset is -1 where it is unknown.
//
// The count is what makes a record part of the span. Where a span begins it is
// stored last, atomically, since without the other fields it would be a lie.
// Where a span grows the order does not matter: a kill in between leaves at
// most the times of a neighbouring record. A plain store is enough there, for
// the mapping outlives the process and no other thread looks at it.
func (l *SpanLane) Add(producer uint32, seq uint64, offset, due, at int64) {
	gap := at - l.lastAt
	if seq != l.seq || offset != l.offset || producer != l.producer || uint64(gap) > maxSilence ||
		uint64(at)-l.from >= l.width || l.d.cuts.Load() != l.cuts {
		l.open(producer, seq, offset, due, at)
		return
	}
	s := l.slot
	s.LastDue = due
	s.LastAt = at
	if late := at - due; late > l.maxLate {
		l.maxLate = late
		s.MaxLate = late
	}
	if gap > l.maxGap {
		l.maxGap = gap
		s.MaxGap = gap
	}
	l.lastAt = at
	l.seq = seq + 1
	if offset >= 0 {
		l.offset = offset + 1
	}
	l.count++
	s.Count = l.count
}

// Next writes down the record that follows on the last one, where nothing but
// its sequence is to be known: times stay those of the last Add. It reports
// false, and writes nothing, for a record that does not follow; that one wants
// an Add. Clients that are driven as fast as they go are counted with it, and
// every nanosecond of it is a tax on them.
func (l *SpanLane) Next(producer uint32, seq uint64, offset int64) bool {
	if seq != l.seq || offset != l.offset || producer != l.producer || l.width == 0 || offset < 0 {
		return false
	}
	l.seq, l.offset = seq+1, offset+1
	l.count++
	l.slot.Count = l.count
	return true
}

// Cut ends the open span; the next record begins another.
func (l *SpanLane) Cut() { l.width = 0 }

// open begins a span with one record.
func (l *SpanLane) open(producer uint32, seq uint64, offset, due, at int64) {
	l.slot = l.take()
	l.cuts = l.d.cuts.Load()
	l.from, l.width = l.cuts.around(at)
	l.producer, l.seq, l.offset = producer, seq+1, offset
	if offset >= 0 {
		l.offset++
	}
	l.lastAt, l.maxLate, l.maxGap, l.count = at, at-due, 0, 1

	s := l.slot
	s.Kind, s.Topic, s.Partition, s.Tenure, s.Producer = l.kind, l.topic, l.partition, l.tenure, producer
	s.First, s.Offset = seq, offset
	s.Due, s.LastDue, s.At, s.LastAt = due, due, at, at
	s.MaxLate, s.MaxGap = at-due, 0
	atomic.StoreUint64(&s.Count, 1)
}

// take returns the next free slot of the lane, from a new page where the old
// one is full. Without room the span goes to memory and is counted as lost, so
// that the client under test does not notice.
func (l *SpanLane) take() *slot {
	if len(l.free) < slotSize {
		l.free = l.d.page()
	}
	if l.free == nil {
		l.d.lost.Add(1)
		if l.scratch == nil {
			l.scratch = new(slot)
		}
		return l.scratch
	}
	s := (*slot)(unsafe.Pointer(&l.free[0]))
	l.free = l.free[slotSize:]
	return s
}

// around returns the cell of the grid that holds t, as its start and width.
// Without a grid the cell is everything.
func (c *cuts) around(t int64) (from, width uint64) {
	if c.every == 0 {
		return 1 << 63, 1<<64 - 1 // from the least int64
	}
	in := (t - c.origin) % c.every
	if in < 0 {
		in += c.every
	}
	return uint64(t - in), uint64(c.every)
}
