package record

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"sync"

	"github.com/kbench/kbench/internal/regular"
)

// Spans are those of one worker, to be read again and again without being held:
// an hour of a busy trial has millions of them. What is held is where they are. The
// file is read once, and each page of it leaves a few bounds behind:
//
//	Lane    spans of one kind, partition and tenure, in the order of time
//	Page    up to 42 of them that lie side by side, and what they are between
//	Run     what follows on without a break, by sequence or by offset
//
// Whoever looks for a time, a sequence or an offset passes over the pages that
// cannot have it and reads the others. Spans may be read by several goroutines.
type Spans struct {
	Lanes  []*Lane
	LastAt int64 // the last sign of life; 0 without any

	pages pages
	clock func(*Span) // brings times to another clock; nil: they stay
	mu    sync.Mutex
	err   error // the first; under mu
}

// pages is where spans lie: in a file, or in memory.
type pages interface {
	// read returns n spans from a position on. What it returns may be in buf.
	read(pos int64, n int, buf *Buffer) ([]Span, error)
	io.Closer
}

// Buffer is room for a page. Its zero value is ready.
type Buffer struct {
	raw   []byte
	spans []Span
}

// Lane is spans of one kind, partition and tenure in the order of their times,
// those of equal times in the order in which they were written. A worker has
// several such lanes side by side where its clock went backwards.
type Lane struct {
	Kind      Kind
	Topic     uint16
	Partition int32
	Tenure    uint32
	Pages     []Page
	Sequences []Run // of one producer each
	Offsets   []Run
	Wide      int64 // the longest time between the due times of a span's ends

	of      *Spans
	current int            // in Sequences: the run of the span that was added last
	runs    map[uint32]int // the last of each producer
}

// Page is spans that lie side by side. Its bounds hold for each record of them.
type Page struct {
	pos int64 // of the first; those of a lane rise
	n   int32

	FirstAt, AtMost   int64 // At of the first span and of the last; the next page of the lane has none before that
	LastAt            int64 // the largest LastAt
	Until             int64 // no record is taken to have come after it
	Due, LastDue      int64
	Late              int64 // no record is later than that; see Span.Latest
	First, End        int64 // sequences of any producer
	Offset, OffsetEnd int64 // 0 and 0 where no offset is known
}

// Run is [Lo, Hi) of sequences or offsets that follow each other without a break, and
// the pages From to To of the lane in which they are. Other producers may be between.
type Run struct {
	Lo, Hi   int64
	Producer uint32
	From, To int32
}

// OpenSpans reads where the spans of a file are. A span is brought to another clock
// by clock, as it is read; nil leaves it as it is. The file stays open until Close.
func OpenSpans(path string, clock func(*Span)) (DeliveriesMeta, *Spans, error) {
	f, err := regular.Open(path, mostBytes)
	if err != nil {
		return DeliveriesMeta{}, nil, fmt.Errorf("read deliveries: %w", err)
	}
	in := &file{f: f}
	meta, start, err := readHeader(f)
	if err != nil {
		return meta, nil, errors.Join(fmt.Errorf("%s: %w", path, err), f.Close())
	}
	in.start = start
	b := newLayout(in, clock)
	err = eachPage(f, start, func(page int64, raw []byte) error {
		pos := page * positions
		return eachSlot(raw, start+page*pageSize, func(s Span) error {
			if int(s.Topic) >= max(len(meta.Topics), 1) {
				return &BadSpan{in.at(pos), fmt.Sprintf("there is no topic %d, only %d", s.Topic, len(meta.Topics))}
			}
			if !b.add(s, pos) {
				return &BadSpan{in.at(pos), "the times of its partition go back again and again"}
			}
			pos++
			return nil
		})
	})
	if err != nil {
		return meta, nil, errors.Join(fmt.Errorf("%s: %w", path, err), f.Close())
	}
	return meta, b.Spans, nil
}

// HoldSpans lays out spans that are in memory.
func HoldSpans(spans ...Span) *Spans {
	b := newLayout(held(spans), nil)
	for i, s := range spans {
		if s.Count > 0 {
			b.add(s, int64(i))
		}
	}
	return b.Spans
}

// Close closes the file.
func (s *Spans) Close() error { return s.pages.Close() }

// At is where in its file a page of a lane begins, in bytes.
func (s *Spans) At(l *Lane, page int) int64 {
	if f, ok := s.pages.(*file); ok {
		return f.at(l.Pages[page].pos)
	}
	return l.Pages[page].pos
}

// Err is why spans could not be read; those are missing from what was found.
func (s *Spans) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// Each calls fn for every span, lane by lane. The span is valid until fn returns.
func (s *Spans) Each(fn func(*Span)) {
	var buf Buffer
	for _, l := range s.Lanes {
		for i := range l.Pages {
			for j := range l.Read(i, &buf) {
				fn(&buf.spans[j])
			}
		}
	}
}

// Read returns the spans of a page, in order. They are in buf.
func (l *Lane) Read(page int, buf *Buffer) []Span {
	p := &l.Pages[page]
	spans, err := l.of.pages.read(p.pos, int(p.n), buf)
	if err != nil {
		l.of.mu.Lock()
		l.of.err = cmp.Or(l.of.err, err)
		l.of.mu.Unlock()
		return nil
	}
	if l.of.clock != nil {
		for i := range spans {
			l.of.clock(&spans[i])
		}
	}
	return spans
}

// Position orders the spans of a worker as they were written: it is that of the span
// at an index of a page.
func (l *Lane) Position(page, index int) int64 { return l.Pages[page].pos + int64(index) }

// positions is how many a page of a file has: more than slots, so that the number
// of the page can be read off one.
const positions = 64

// file is the pages of a file.
type file struct {
	f     *os.File
	start int64
}

func (p *file) Close() error { return p.f.Close() }

// at is where in the file a position is.
func (p *file) at(pos int64) int64 { return p.start + pos/positions*pageSize + pos%positions*slotSize }

func (p *file) read(pos int64, n int, buf *Buffer) ([]Span, error) {
	if buf.raw == nil {
		buf.raw, buf.spans = make([]byte, pageSize), make([]Span, pageSlots)
	}
	raw := buf.raw[:n*slotSize]
	if _, err := p.f.ReadAt(raw, p.at(pos)); err != nil {
		return nil, fmt.Errorf("read deliveries: %w", err)
	}
	for i := range n {
		buf.spans[i] = decodeSlot(raw[i*slotSize:])
	}
	return buf.spans[:n], nil
}

// held is spans in memory. A clock may change what it returns.
type held []Span

func (held) Close() error { return nil }

func (h held) read(pos int64, n int, buf *Buffer) ([]Span, error) {
	buf.spans = append(buf.spans[:0], h[pos:pos+int64(n)]...)
	return buf.spans, nil
}

// layout finds the lanes of spans that come in the order in which they were written.
type layout struct {
	*Spans
	lanes map[laneKey][]*Lane
	key   laneKey // of the span before
	lane  *Lane   // that it went to
}

type laneKey struct {
	kind      Kind
	topic     uint16
	partition int32
	tenure    uint32
}

func newLayout(in pages, clock func(*Span)) *layout {
	return &layout{Spans: &Spans{pages: in, clock: clock}, lanes: map[laneKey][]*Lane{}}
}

// add adds a span; false where there are too many lanes for it.
func (b *layout) add(s Span, pos int64) bool {
	if b.clock != nil {
		moved := s // and not s, which would then be made anew for every span
		b.clock(&moved)
		s = moved
	}
	b.LastAt = max(b.LastAt, s.At, s.LastAt)
	k := laneKey{s.Kind, s.Topic, s.Partition, s.Tenure}
	l := b.lane
	var p *Page
	if l != nil && k == b.key {
		p = &l.Pages[len(l.Pages)-1]
	}
	if p == nil || p.n == pageSlots || pos != p.pos+int64(p.n) || s.At < p.AtMost {
		if l = b.laneOf(k, s.At); l == nil {
			return false
		}
		l.Pages = append(l.Pages, Page{
			pos: pos, FirstAt: s.At, AtMost: s.At, LastAt: math.MinInt64, Until: math.MinInt64, Due: math.MaxInt64, LastDue: math.MinInt64,
			Late: math.MinInt64, First: math.MaxInt64, End: math.MinInt64,
		})
		p = &l.Pages[len(l.Pages)-1]
		b.key, b.lane = k, l
	}
	p.include(&s)
	l.Wide = max(l.Wide, s.LastDue-s.Due, s.Due-s.LastDue)
	at := int32(len(l.Pages) - 1)
	l.sequence(&s, at)
	if s.Offset < 0 {
		return true
	}
	if n := len(l.Offsets); n > 0 && l.Offsets[n-1].Hi == s.Offset {
		l.Offsets[n-1].Hi, l.Offsets[n-1].To = s.Offset+int64(s.Count), at
	} else {
		l.Offsets = append(l.Offsets, Run{Lo: s.Offset, Hi: s.Offset + int64(s.Count), From: at, To: at})
	}
	return true
}

// include widens the bounds of the page by one more span.
func (p *Page) include(s *Span) {
	first, end := int64(s.First), int64(s.First+s.Count)
	due, lastDue := min(s.Due, s.LastDue), max(s.Due, s.LastDue)
	p.n++
	p.AtMost, p.LastAt = s.At, max(p.LastAt, s.LastAt)
	p.Until = max(p.Until, s.At, s.LastAt, lastDue+s.MaxLate)
	p.Due, p.LastDue = min(p.Due, due), max(p.LastDue, lastDue)
	p.Late = max(p.Late, s.Latest())
	p.First, p.End = min(p.First, first), max(p.End, end)
	switch offset := s.Offset; {
	case offset < 0:
	case p.OffsetEnd == 0:
		p.Offset, p.OffsetEnd = offset, offset+int64(s.Count)
	default:
		p.Offset, p.OffsetEnd = min(p.Offset, offset), max(p.OffsetEnd, offset+int64(s.Count))
	}
}

// Latest is what no record of the span can be later than, if it was due when any of
// them was. Times between its ends are rounded.
func (s *Span) Latest() int64 {
	return max(s.At, s.LastAt, max(s.Due, s.LastDue)+s.MaxLate) - min(s.Due, s.LastDue) + 2
}

// sequence adds a span to the last run of its producer, if it follows on that.
func (l *Lane) sequence(s *Span, at int32) {
	first, end := int64(s.First), int64(s.First+s.Count)
	i, ok := l.current, len(l.Sequences) > 0
	if ok && l.Sequences[i].Producer != s.Producer {
		i, ok = l.runs[s.Producer]
	}
	if !ok || l.Sequences[i].Hi != first {
		i = len(l.Sequences)
		l.Sequences = append(l.Sequences, Run{Lo: first, Producer: s.Producer, From: at})
		l.runs[s.Producer] = i
	}
	l.Sequences[i].Hi, l.Sequences[i].To, l.current = end, at, i
}

// mostLanes is how many lanes there may be of one kind, partition and tenure: one for
// each time that a clock went back.
const mostLanes = 4096

// laneOf is the lane that a span goes to whose page begins at a time; nil where there
// are too many.
func (b *layout) laneOf(k laneKey, at int64) *Lane {
	list := b.lanes[k]
	if i := slices.IndexFunc(list, func(l *Lane) bool { return l.Pages[len(l.Pages)-1].AtMost <= at }); i >= 0 {
		return list[i]
	}
	if len(list) == mostLanes {
		return nil
	}
	l := &Lane{Kind: k.kind, Topic: k.topic, Partition: k.partition, Tenure: k.tenure, of: b.Spans, runs: map[uint32]int{}}
	b.lanes[k], b.Lanes = append(list, l), append(b.Lanes, l)
	return l
}
