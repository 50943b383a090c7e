package audit

// The checker as it was while it held every span of a trial at once. It is what
// the one that streams them must agree with, to the last example.

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/record"
	"github.com/kbench/kbench/workloads"
)

// checkHeld audits spans that are all held, by log.
func checkHeld(t *results.Trial, logs []Log, spans [][]record.Span) Report {
	c := newHeldChecker(t.Kind == workloads.Producing, t.Topics, logs, spans)
	c.accounts()
	c.redeliveries()
	c.order()
	c.offsets(t)
	c.group(t)
	return c.report()
}

func heldName(topics results.Topics, at place) string { return (&checker{topics: topics}).name(at) }

// heldSpan is a record.Span with what it says resolved.
type heldSpan struct {
	record.Span
	stream
	log int // index of the Log that it is from
}

// first and end bound the sequences, as numbers that sweep can use.
func (s *heldSpan) first() int64 { return int64(s.First) }
func (s *heldSpan) end() int64   { return int64(s.First + s.Count) }

// at is when the record at an index of the span was booked; between the first
// and the last it is interpolated.
func (s *heldSpan) at(index int64) int64 {
	if s.Count < 2 {
		return s.At
	}
	return s.At + int64(float64(s.LastAt-s.At)*float64(index)/float64(s.Count-1))
}

// offsetOf is the offset of a sequence of the span, -1 where none was given.
func (s *heldSpan) offsetOf(sequence int64) int64 {
	if s.Offset < 0 {
		return -1
	}
	return s.Offset + sequence - s.first()
}

// heldChecker holds the spans of a trial and what has been established so far.
type heldChecker struct {
	topics  results.Topics
	logs    []Log
	spans   []heldSpan           // of all kinds, in the order in which they happened
	found   record.Kind          // the kind that shows that a record is there
	streams map[stream][]int     // spans, in that order
	lastAt  []int64              // by log: its last sign of life
	inLog   map[place]int64      // records that the log must hold
	noted   map[string][]Example // by what and cause
	r       Report
}

// newChecker orders the spans in time. Spans of one worker that carry the same
// time stay in the order in which they were recorded, so the order within a
// stream is exact even where clock readings are shared between records.
func newHeldChecker(producing bool, topics results.Topics, logs []Log, spans [][]record.Span) *heldChecker {
	c := &heldChecker{
		topics: topics, logs: logs, found: record.Delivered,
		streams: map[stream][]int{}, lastAt: make([]int64, len(logs)),
		inLog: map[place]int64{}, noted: map[string][]Example{},
	}
	if producing {
		c.found = record.ReadBack
	}
	for i, l := range logs {
		if l.Died {
			c.r.Died = append(c.r.Died, l.Worker)
		}
		for _, s := range spans[i] {
			if s.Count == 0 {
				continue
			}
			topic := fmt.Sprintf("topic %d", s.Topic)
			if int(s.Topic) < len(l.Topics) {
				topic = l.Topics[s.Topic]
			}
			c.lastAt[i] = max(c.lastAt[i], s.At, s.LastAt)
			c.spans = append(c.spans, heldSpan{s, stream{place{topic, s.Partition}, s.Producer}, i})
		}
	}
	slices.SortStableFunc(c.spans, func(a, b heldSpan) int { return cmp.Compare(a.At, b.At) })
	for i := range c.spans {
		c.streams[c.spans[i].stream] = append(c.streams[c.spans[i].stream], i)
	}
	return c
}

func (c *heldChecker) sortedStreams() []stream {
	return slices.SortedFunc(maps.Keys(c.streams), stream.compare)
}

// accounts compares, sequence by sequence, what was acknowledged with what is
// there.
func (c *heldChecker) accounts() {
	damaged := c.corrupt()
	for _, key := range c.sortedStreams() {
		var in []interval
		for _, i := range c.streams[key] {
			if s := &c.spans[i]; s.Kind == record.Acked || s.Kind == record.Failed || s.Kind == c.found {
				in = append(in, interval{s.first(), s.end(), i})
			}
		}
		sweep(in, func(lo, hi int64, spans []int) { c.account(lo, hi, spans, damaged[key.place]) })
	}
}

// account books one piece: sequences that share the same spans.
func (c *heldChecker) account(lo, hi int64, spans []int, damaged set) {
	var acked, failed, found, again *heldSpan
	var shifts []int64 // offset minus sequence: differs between two copies of one record
	for _, i := range spans {
		switch s := &c.spans[i]; s.Kind {
		case record.Acked:
			acked = s
		case record.Failed:
			failed = s
		default:
			shift := s.Offset - s.first()
			if s.Offset >= 0 && !slices.Contains(shifts, shift) {
				shifts = append(shifts, shift)
				again = s
			}
			if found == nil {
				found = s
			}
		}
	}
	n := hi - lo
	var at place
	switch {
	case acked != nil:
		c.r.Sent += n
		at = acked.place
		c.inLog[at] += n
	case found != nil:
		c.r.Unanswered += n
		at = found.place
		c.inLog[at] += n
		c.note("unanswered", "", found, lo, hi)
	}
	if acked == nil && failed != nil {
		c.r.Failed += n
	}
	if found != nil {
		c.r.Delivered += n
	} else if acked != nil {
		c.lose(acked, lo, hi, damaged)
	}
	if len(shifts) > 1 {
		copies := int64(len(shifts)-1) * n
		c.r.Duplicates.Producer += copies
		c.inLog[at] += copies
		c.note("duplicate", causeProducer, again, lo, hi)
	}
}

// lose books acknowledged records that were not found, but for those at whose
// offset something damaged was found: they are corrupt, which is counted
// elsewhere.
func (c *heldChecker) lose(acked *heldSpan, lo, hi int64, damaged set) {
	if acked.Offset < 0 {
		c.r.Lost += hi - lo
		c.note("lost", "", acked, lo, hi)
		return
	}
	shift := acked.Offset - acked.first()
	at := lo
	gone := func(to int64) {
		if at < to {
			c.r.Lost += to - at
			c.note("lost", "", acked, at, to)
		}
	}
	damaged.overlap(lo+shift, hi+shift, func(from, to int64) {
		gone(from - shift)
		at = to - shift
	})
	gone(hi)
}

// corrupt counts damaged records and returns their offsets. It goes by offset,
// since the sequence of a damaged record may be part of the damage.
func (c *heldChecker) corrupt() map[place]set {
	damaged := map[place]set{}
	for i := range c.spans {
		s := &c.spans[i]
		if s.Kind != record.Corrupt {
			continue
		}
		offsets := damaged[s.place]
		offsets.add(s.Offset, s.Offset+int64(s.Count), func(lo, hi int64) {
			c.r.Corrupt += hi - lo
			from := s.first() + lo - s.Offset
			c.note("corrupt", "", s, from, from+hi-lo)
		})
		damaged[s.place] = offsets
	}
	return damaged
}

// redeliveries finds offsets that were handed to a handler more than once.
// Spans are numbered in the order of time, so each piece lists its deliveries
// in that order and each one but the first has its predecessor to blame.
func (c *heldChecker) redeliveries() {
	places := map[place][]interval{}
	for i := range c.spans {
		if s := &c.spans[i]; s.Kind == c.found && s.Offset >= 0 {
			places[s.place] = append(places[s.place], interval{s.Offset, s.Offset + int64(s.Count), i})
		}
	}
	byPlace := func(a, b place) int { return stream{place: a}.compare(stream{place: b}) }
	for _, at := range slices.SortedFunc(maps.Keys(places), byPlace) {
		sweep(places[at], func(lo, hi int64, spans []int) {
			for i := range spans {
				s, before := &c.spans[spans[i]], i-1
				for before >= 0 {
					if b := &c.spans[spans[before]]; b.Producer == s.Producer && b.Offset-b.first() == s.Offset-s.first() {
						break
					}
					before--
				}
				if before < 0 {
					continue
				}
				cause := c.cause(&c.spans[spans[before]], s)
				c.r.Duplicates.Add(cause, hi-lo)
				c.r.Redelivered = append(c.r.Redelivered, redelivery(&s.Span, lo-s.Offset, hi-lo, c.logs[s.log].Worker, cause))
				from := s.first() + lo - s.Offset
				c.note("duplicate", cause, s, from, from+hi-lo)
			}
		})
	}
}

// cause says why s was delivered although before had delivered the same: it is
// a question of how the tenure of before ended.
func (c *heldChecker) cause(before, s *heldSpan) string {
	switch l := &c.logs[before.log]; {
	case before.log == s.log && before.Tenure == s.Tenure:
		return causeOther
	case l.abrupt() && c.lastAt[before.log] <= s.At:
		return causeCrash
	case l.Closing != 0 && l.Closing <= s.At:
		return causeGraceful
	default:
		return causeStale
	}
}

// order finds records that came after a later one of their stream within one
// tenure. A record that the tenure had seen before is a duplicate and nothing
// else.
func (c *heldChecker) order() {
	type tenure struct {
		log    int
		number uint32
	}
	for _, key := range c.sortedStreams() {
		seen := map[tenure]*set{}
		for _, i := range c.streams[key] {
			s := &c.spans[i]
			if s.Kind != c.found {
				continue
			}
			at := tenure{s.log, s.Tenure}
			if seen[at] == nil {
				seen[at] = new(set)
			}
			had := seen[at]
			highest := int64(-1)
			if n := len(*had); n > 0 {
				highest = (*had)[n-1].hi
			}
			had.add(s.first(), s.end(), func(lo, hi int64) {
				if hi = min(hi, highest); lo < hi {
					c.r.Reordered += hi - lo
					c.r.TooLate = append(c.r.TooLate, redelivery(&s.Span, lo-s.first(), hi-lo, c.logs[s.log].Worker, ""))
					c.note("reordered", "", s, lo, hi)
				}
			})
		}
	}
}

// offsets compares the number of records that must be in the log with the end
// offsets that the broker gave.
func (c *heldChecker) offsets(t *results.Trial) {
	both := &checker{topics: c.topics, inLog: c.inLog}
	both.offsets(t)
	c.r.Warnings = both.r.Warnings
}

// note keeps a finding as an example. Pieces that touch become one.
func (c *heldChecker) note(what, cause string, s *heldSpan, lo, hi int64) {
	topic, partition := (&checker{topics: c.topics}).named(s.place)
	e := Example{
		What: what, Cause: cause, Topic: topic, Partition: partition, Producer: s.producer,
		First: uint64(lo), Count: uint64(hi - lo), Offset: s.offsetOf(lo),
	}
	if s.Kind == c.found || s.Kind == record.Corrupt {
		e.Worker = c.logs[s.log].Worker
	}
	kind := what + "/" + cause
	list := c.noted[kind]
	if n := len(list); n > 0 {
		last := &list[n-1]
		sameRun := last.Worker == e.Worker && last.Topic == e.Topic && last.Partition == e.Partition && last.Producer == e.Producer
		if sameRun && last.First+last.Count == e.First {
			last.Count += e.Count
			return
		}
	}
	if len(list) < examples {
		c.noted[kind] = append(list, e)
	}
}

func (c *heldChecker) report() Report {
	kinds := []string{"lost/"}
	for _, cause := range c.r.Duplicates.Causes() {
		kinds = append(kinds, "duplicate/"+cause.Name)
	}
	for _, kind := range append(kinds, "reordered/", "corrupt/", "unanswered/") {
		c.r.Examples = append(c.r.Examples, c.noted[kind]...)
	}
	return c.r
}
