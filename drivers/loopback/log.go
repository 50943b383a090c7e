package loopback

import (
	"math"
	"slices"
	"sync"

	"github.com/kbench/kbench/drivers"
)

const (
	// segmentBytes is what one segment of a log holds before the next is begun.
	// Segments are recycled whole, so it is also how finely records are dropped.
	segmentBytes = 256 << 10

	// retainBytes is how much of one partition is kept. At this size the oldest
	// segment goes, unless a group with members has yet to be given some of it:
	// then Send waits, as it would for a full client buffer.
	retainBytes = 8 << 20
)

// entry says where a record lies in its segment. A length of -1 is nil, which is
// not the same record as an empty one.
type entry struct {
	start    uint32
	key, val int32
}

// segment is a stretch of a log. What was appended never changes until the
// segment is recycled, so a reader needs no lock for the part it was shown.
type segment struct {
	first   int64 // offset of entries[0]
	buf     []byte
	entries []entry
}

func (s *segment) end() int64 { return s.first + int64(len(s.entries)) }

// cursor is a group's place in a log.
type cursor struct {
	committed int64 // -1: never
	pos       int64 // everything below was delivered; kept while attached
	attached  bool  // the group has members that want this log
}

// partition is the log of one partition, in memory.
type partition struct {
	drivers.TopicPartition

	mu      sync.Mutex
	segs    []*segment // oldest first; the last one is appended to
	bytes   int
	next    int64
	cursors map[string]*cursor // by group
	readers []*runner          // asleep until something is appended
	room    chan struct{}      // closed when a reader moves on; nil: no one waits
}

func newPartition(topic string, index int32) *partition {
	return &partition{TopicPartition: drivers.TopicPartition{Topic: topic, Partition: index}, cursors: make(map[string]*cursor)}
}

// append copies a record and returns its offset, and whether a reader sleeps
// that has to be roused. A log that is full of records which a group has yet to
// be given takes nothing and returns a channel that is closed when it may be
// worth another try.
func (p *partition) append(key, val []byte) (offset int64, asleep bool, full <-chan struct{}) {
	need := len(key) + len(val)
	p.mu.Lock()
	defer p.mu.Unlock()
	tail := p.tail()
	if tail == nil || len(tail.buf)+need > cap(tail.buf) {
		if !p.grow(need) {
			if p.room == nil {
				p.room = make(chan struct{})
			}
			return -1, false, p.room
		}
		tail = p.tail()
	}
	e := entry{start: uint32(len(tail.buf)), key: size(key), val: size(val)}
	tail.buf = append(append(tail.buf, key...), val...)
	tail.entries = append(tail.entries, e)
	offset = p.next
	p.next++
	return offset, len(p.readers) > 0, nil
}

// rouse wakes the readers that found nothing.
func (p *partition) rouse() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, r := range p.readers {
		r.rouse()
	}
	p.readers = p.readers[:0]
}

func size(b []byte) int32 {
	if b == nil {
		return -1
	}
	return int32(len(b))
}

func (p *partition) tail() *segment {
	if len(p.segs) == 0 {
		return nil
	}
	return p.segs[len(p.segs)-1]
}

// grow adds an empty segment with room for need bytes and reports whether it
// could. The oldest segment is used again where no one can ask for it any more,
// which is what keeps the steady state free of allocation.
func (p *partition) grow(need int) bool {
	want := max(segmentBytes, need)
	var spare *segment
	for len(p.segs) > 1 {
		head := p.segs[0]
		full := p.bytes+want > retainBytes
		if !p.spent(head.end(), full) {
			if full {
				return false
			}
			break
		}
		p.segs = p.segs[:copy(p.segs, p.segs[1:])]
		p.bytes -= cap(head.buf)
		if cap(head.buf) >= want {
			spare = head
			break
		}
	}
	if spare == nil {
		spare = &segment{buf: make([]byte, 0, want)}
	}
	spare.first, spare.buf, spare.entries = p.next, spare.buf[:0], spare.entries[:0]
	p.segs = append(p.segs, spare)
	p.bytes += cap(spare.buf)
	return true
}

// spent says whether the records below end may be dropped: when every group has
// committed them, or, in a full log, when every group with members was given
// them.
func (p *partition) spent(end int64, full bool) bool {
	committed := int64(math.MaxInt64)
	for _, c := range p.cursors {
		if c.attached && c.pos < end {
			return false
		}
		committed = min(committed, c.committed)
	}
	return full || len(p.cursors) > 0 && committed >= end
}

// batch is what a reader may handle without a lock.
type batch struct {
	first   int64
	buf     []byte
	entries []entry
}

// read returns the records from the group's position to the end of a segment,
// having moved the position to from, which is where the reader stands: what lies
// below was handled. Without a record the reader is noted down to be roused.
func (p *partition) read(group string, from int64, r *runner) batch {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := p.cursors[group]
	c.pos = from
	if p.room != nil {
		close(p.room)
		p.room = nil
	}
	if from >= p.next {
		if !slices.Contains(p.readers, r) {
			p.readers = append(p.readers, r)
		}
		return batch{}
	}
	for _, s := range p.segs {
		if from < s.end() {
			skip := max(0, from-s.first)
			entries := s.entries[skip:]
			return batch{first: s.first + skip, buf: s.buf, entries: entries[:min(len(entries), turnRecords)]}
		}
	}
	return batch{}
}

// forget removes a reader that has ended.
func (p *partition) forget(r *runner) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.readers = slices.DeleteFunc(p.readers, func(other *runner) bool { return other == r })
}

// attach gives the group its place: the committed offset, else the start that
// was asked for. What was dropped meanwhile is skipped.
func (p *partition) attach(group string, latest bool) int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := p.cursor(group)
	oldest := p.next
	if len(p.segs) > 0 {
		oldest = p.segs[0].first
	}
	switch {
	case c.committed >= 0:
		c.pos = max(c.committed, oldest)
	case latest:
		c.pos = p.next
	default:
		c.pos = oldest
	}
	c.attached = true
	return c.pos
}

// rewind keeps records for the next owner while a partition changes hands: it
// will begin at the committed offset.
func (p *partition) rewind(group string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := p.cursor(group)
	if c.committed >= 0 {
		c.pos = min(c.pos, c.committed)
	}
}

// detach lets go of the group's place; what it committed stays.
func (p *partition) detach(group string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cursor(group).attached = false
	if p.room != nil {
		close(p.room)
		p.room = nil
	}
}

// commit notes down an offset. It never moves backwards: an owner's marks are
// monotone and begin at what its predecessor committed.
func (p *partition) commit(group string, offset int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := p.cursor(group)
	c.committed = max(c.committed, offset)
}

func (p *partition) committed(group string) int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.cursor(group).committed
}

func (p *partition) cursor(group string) *cursor {
	c := p.cursors[group]
	if c == nil {
		c = &cursor{committed: -1}
		p.cursors[group] = c
	}
	return c
}
