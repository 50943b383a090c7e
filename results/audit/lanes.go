package audit

import (
	"cmp"
	"container/heap"
	"iter"
	"slices"

	"github.com/kbench/kbench/results/record"
)

// place is a partition by its number, the unit of offsets; stream is what one producer put
// into it, the unit of sequences.
type place struct {
	topic     string
	partition int32
}

type stream struct {
	place
	producer uint32
}

func (p place) compare(o place) int {
	return cmp.Or(cmp.Compare(p.topic, o.topic), cmp.Compare(p.partition, o.partition))
}

func (s stream) compare(o stream) int {
	return cmp.Or(s.place.compare(o.place), cmp.Compare(s.producer, o.producer))
}

// lane is a record.Lane with what it says resolved.
type lane struct {
	*record.Lane
	place
	log int // index of the Log that it is from
}

// tenure is one time that a worker was given a partition.
type tenure struct {
	log    int
	number uint32
}

func (l *lane) tenure() tenure { return tenure{l.log, l.Tenure} }

// run is a run of a lane.
type run struct {
	record.Run
	*lane
}

func (r *run) bounds() (lo, hi int64) { return r.Lo, r.Hi }

// span is a record.Span with what it says resolved.
type span struct {
	record.Span
	stream
	log int
	pos int64 // orders the spans of a log as they were written
}

func (l *lane) span(s record.Span, page, index int) span {
	return span{s, stream{l.place, s.Producer}, l.log, l.Position(page, index)}
}

// inTime orders spans as they happened. Those of one worker that carry the same time
// stay in the order in which they were recorded, so the order within a stream is
// exact even where clock readings are shared between records.
func inTime(a, b *span) int {
	return cmp.Or(cmp.Compare(a.At, b.At), cmp.Compare(a.log, b.log), cmp.Compare(a.pos, b.pos))
}

// first and end bound the sequences, as numbers that sweep can use.
func (s *span) first() int64 { return int64(s.First) }
func (s *span) end() int64   { return int64(s.First + s.Count) }

// numbering is one of the two ways in which records are numbered.
type numbering int

const (
	bySequence numbering = iota
	byOffset
)

// of bounds a span, and page those of a page.
func (n numbering) of(s *span) (lo, hi int64) {
	if n == bySequence {
		return s.first(), s.end()
	}
	return s.Offset, s.Offset + int64(s.Count)
}

func (n numbering) page(p *record.Page) (lo, hi int64) {
	if n == bySequence {
		return p.First, p.End
	}
	return p.Offset, p.OffsetEnd
}

// at is when the record at an index of the span was booked; between the first
// and the last it is interpolated.
func (s *span) at(index int64) int64 {
	if s.Count < 2 {
		return s.At
	}
	return s.At + int64(float64(s.LastAt-s.At)*float64(index)/float64(s.Count-1))
}

// same says that what two spans have at an offset is the same record.
func (s *span) same(o *span) bool {
	return s.Producer == o.Producer && s.Offset-s.first() == o.Offset-o.first()
}

// offsetOf is the offset of a sequence of the span, -1 where none was given.
func (s *span) offsetOf(sequence int64) int64 {
	if s.Offset < 0 {
		return -1
	}
	return s.Offset + sequence - s.first()
}

// cursor is how far merge has come in a lane.
type cursor struct {
	*lane
	page, index int
	spans       []record.Span
	buf         record.Buffer
	now         span
}

// next goes to the next span; false at the end.
func (c *cursor) next() bool {
	for c.index++; c.index >= len(c.spans); c.index = 0 {
		if c.page++; c.page >= len(c.Pages) {
			return false
		}
		c.spans = c.Read(c.page, &c.buf)
	}
	c.now = c.lane.span(c.spans[c.index], c.page, c.index)
	return true
}

type cursors []*cursor

func (h cursors) Len() int           { return len(h) }
func (h cursors) Less(i, j int) bool { return inTime(&h[i].now, &h[j].now) < 0 }
func (h cursors) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *cursors) Push(x any)        { *h = append(*h, x.(*cursor)) }
func (h *cursors) Pop() any {
	last := (*h)[len(*h)-1]
	*h = (*h)[:len(*h)-1]
	return last
}

// merge reads the spans of several lanes that happened from a time on, in order. A
// span is valid until the next.
func merge(lanes []*lane, from int64) iter.Seq[*span] {
	return func(yield func(*span) bool) {
		var h cursors
		for _, l := range lanes {
			page, _ := slices.BinarySearchFunc(l.Pages, from, func(p record.Page, t int64) int { return cmp.Compare(p.AtMost, t) })
			c := &cursor{lane: l, page: page - 1}
			for c.next() {
				if c.now.At >= from {
					h = append(h, c)
					break
				}
			}
		}
		heap.Init(&h)
		for len(h) > 0 {
			if !yield(&h[0].now) {
				return
			}
			if h[0].next() {
				heap.Fix(&h, 0)
			} else {
				heap.Pop(&h)
			}
		}
	}
}

// chunk is about how many spans of a run are looked at at a time.
const chunk = 4096

// originals takes a piece that several runs cover apart into the spans that they are
// of, and calls visit as sweep does. Only some spans are held at a time; it is cut
// where one of them ends.
func originals(runs []run, lo, hi int64, by numbering, visit func(lo, hi int64, spans []*span)) {
	longest := slices.MaxFunc(runs, func(a, b run) int { return cmp.Compare(a.To-a.From, b.To-b.From) })
	for lo < hi {
		to, n := hi, 0
		longest.each(lo, hi, by, func(s *span) bool {
			if _, end := by.of(s); end < hi {
				to = end
			}
			n++
			return n < chunk
		})
		if n < chunk {
			to = hi
		}
		var spans []*span
		for _, r := range runs {
			r.each(lo, to, by, func(s *span) bool {
				spans = append(spans, s)
				return true
			})
		}
		slices.SortFunc(spans, inTime)
		// Two runs may lie in the same pages of a lane.
		spans = slices.CompactFunc(spans, func(a, b *span) bool { return inTime(a, b) == 0 })
		Cover(spans, func(s **span) (int64, int64) {
			from, end := by.of(*s)
			return max(from, lo), min(end, to)
		}, visit)
		lo = to
	}
}

// each calls fn for the spans of a run that have any of [lo, hi), until it returns
// false.
func (r run) each(lo, hi int64, by numbering, fn func(*span) bool) {
	var buf record.Buffer
	for i := int(r.From); i <= int(r.To); i++ {
		if first, end := by.page(&r.Pages[i]); end <= lo || first >= hi {
			continue
		}
		for j, s := range r.Read(i, &buf) {
			if by == bySequence && s.Producer != r.Producer || by == byOffset && s.Offset < 0 {
				continue
			}
			one := r.lane.span(s, i, j)
			if first, end := by.of(&one); end > lo && first < hi && !fn(&one) {
				return
			}
		}
	}
}
