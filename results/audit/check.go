package audit

import (
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/record"
)

// checker holds where the spans of a trial are and what has been established so far.
type checker struct {
	topics    results.Topics
	logs      []Log
	reopened  map[string][]int64   // by worker, when an act had it close its client and go on with another
	lanes     []*lane              // of all kinds
	found     record.Kind          // the kind that shows that a record is there
	lastAt    []int64              // by log: its last sign of life
	inLog     map[place]int64      // records of this trial that the log must hold
	alien     map[place]set        // offsets of records that nobody of this trial sent
	stuckAt   map[place]bool       // stuck to the end
	gone      []gone               // acknowledged and not found
	committed map[int32]int64      // the last position of each partition that was committed on the wire
	noted     map[string][]Example // by what and cause
	r         Report
}

func newChecker(producing bool, topics results.Topics, logs []Log) *checker {
	c := &checker{
		topics: topics, logs: logs, found: record.Delivered, lastAt: make([]int64, len(logs)),
		inLog: map[place]int64{}, noted: map[string][]Example{}, stuckAt: map[place]bool{},
	}
	if producing {
		c.found = record.ReadBack
	}
	for i, l := range logs {
		if l.Died {
			c.r.Died = append(c.r.Died, l.Worker)
		}
		if l.Spans == nil {
			continue
		}
		c.lastAt[i] = l.Spans.LastAt
		for _, rl := range l.Spans.Lanes {
			topic := fmt.Sprintf("topic %d", rl.Topic)
			if int(rl.Topic) < len(l.Topics) {
				topic = l.Topics[rl.Topic]
			}
			c.lanes = append(c.lanes, &lane{rl, place{topic, rl.Partition}, i})
		}
	}
	return c
}

// of lists the lanes of some kinds by partition.
func (c *checker) of(kinds ...record.Kind) map[place][]*lane {
	out := map[place][]*lane{}
	for _, l := range c.lanes {
		if slices.Contains(kinds, l.Kind) {
			out[l.place] = append(out[l.place], l)
		}
	}
	return out
}

// streams lists the runs of lanes by the producer that they are of.
func streams(places map[place][]*lane) map[stream][]run {
	out := map[stream][]run{}
	for at, lanes := range places {
		for _, l := range lanes {
			for _, r := range l.Sequences {
				key := stream{at, r.Producer}
				out[key] = append(out[key], run{r, l})
			}
		}
	}
	return out
}

func sortedPlaces[V any](m map[place]V) []place {
	return slices.SortedFunc(maps.Keys(m), place.compare)
}

func sortedStreams[V any](m map[stream]V) []stream {
	return slices.SortedFunc(maps.Keys(m), stream.compare)
}

// named is a place as its broker calls it: one of a trial with several topics
// goes by a number.
func (c *checker) named(at place) (topic string, partition int32) {
	if topic, partition = c.topics.Place(at.partition); topic == "" || len(c.topics) < 2 {
		return at.topic, at.partition
	}
	return topic, partition
}

func (c *checker) name(at place) string {
	topic, partition := c.named(at)
	return fmt.Sprintf("%s/%d", topic, partition)
}

// accounts compares, sequence by sequence, what was acknowledged with what is
// there. Mostly one run was acknowledged and one is there; what is not so plain is
// looked at span by span.
func (c *checker) accounts() {
	damaged := c.corrupt()
	all := streams(c.of(record.Acked, record.Failed, record.Unanswered, c.found))
	for _, key := range sortedStreams(all) {
		Cover(all[key], (*run).bounds, func(lo, hi int64, runs []run) {
			var of [record.Kinds]int
			for _, r := range runs {
				of[r.Kind]++
			}
			switch acked, found := of[record.Acked], of[c.found]; {
			case acked == 1 && found == 1:
				c.r.Sent += hi - lo
				c.r.Delivered += hi - lo
				c.inLog[key.place] += hi - lo
				c.r.Sums.First += hi - lo
			case acked+found == 0 && of[record.Failed] > 0:
				c.r.Failed += hi - lo
			case acked+found == 0:
				c.r.Sums.Unanswered += hi - lo
			default:
				originals(runs, lo, hi, bySequence, func(lo, hi int64, spans []*span) { c.account(lo, hi, spans, damaged[key.place]) })
			}
		})
	}
}

// account books one piece: sequences that share the same spans.
func (c *checker) account(lo, hi int64, spans []*span, damaged set) {
	var acked, failed, silent, found *span
	var again []*span
	var shifts []int64 // offset minus sequence: differs between two copies of one record
	for _, s := range spans {
		switch s.Kind {
		case record.Acked:
			acked = s
		case record.Failed:
			failed = s
		case record.Unanswered:
			silent = s
		default:
			shift := s.Offset - s.first()
			if s.Offset >= 0 && !slices.Contains(shifts, shift) {
				shifts = append(shifts, shift)
				again = append(again, s)
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
	switch {
	case acked != nil:
	case failed != nil:
		c.r.Failed += n
	case silent != nil:
		c.r.Sums.Unanswered += n
	default:
		c.r.Sums.Unknown += n
	}
	if found != nil {
		c.r.Delivered += n
		if acked != nil {
			c.r.Sums.First += n
		}
	} else if acked != nil {
		c.lose(acked, lo, hi, damaged)
	}
	if len(shifts) > 1 {
		copies := int64(len(shifts)-1) * n
		c.r.Duplicates.Producer += copies
		c.inLog[at] += copies
		c.note("duplicate", causeProducer, again[len(again)-1], lo, hi)
		for _, s := range again[1:] {
			if c.found == record.Delivered {
				c.r.Copies = append(c.r.Copies, redelivery(&s.Span, lo-s.first(), n, c.logs[s.log].Worker, causeProducer))
			}
		}
	}
}

// lose books acknowledged records that were not found, but for those at whose
// offset something damaged was found: they are corrupt, which is counted
// elsewhere.
func (c *checker) lose(acked *span, lo, hi int64, damaged set) {
	if acked.Offset < 0 {
		c.gone = append(c.gone, gone{*acked, lo, hi})
		return
	}
	shift := acked.Offset - acked.first()
	at := lo
	lose := func(to int64) {
		if at < to {
			c.gone = append(c.gone, gone{*acked, at, to})
		}
	}
	damaged.overlap(lo+shift, hi+shift, func(from, to int64) {
		lose(from - shift)
		at = to - shift
		c.r.Sums.Damaged += to - from
	})
	lose(hi)
}

// corrupt counts damaged records and returns their offsets. It goes by offset,
// since the sequence of a damaged record may be part of the damage. Where the tag is,
// and no ack is for the offset, the record is nobody's of this trial.
func (c *checker) corrupt() map[place]set {
	damaged, alien := map[place]set{}, map[place]set{}
	var lanes []*lane
	for _, l := range c.lanes {
		if l.Kind == record.Corrupt || l.Kind == record.Foreign {
			lanes = append(lanes, l)
		}
	}
	if len(lanes) == 0 {
		return damaged
	}
	ours := c.acknowledged()
	add := func(to map[place]set, what string, s *span, from, end int64, count *int64) {
		offsets := to[s.place]
		offsets.add(from, end, func(lo, hi int64) {
			*count += hi - lo
			first := s.first() + lo - s.Offset
			c.note(what, "", s, first, first+hi-lo)
		})
		to[s.place] = offsets
	}
	for s := range merge(lanes, math.MinInt64) {
		lo, hi := s.Offset, s.Offset+int64(s.Count)
		if s.Kind == record.Corrupt {
			add(damaged, "corrupt", s, lo, hi, &c.r.Corrupt)
			continue
		}
		at := lo
		ours[s.place].overlap(lo, hi, func(from, to int64) {
			add(alien, "foreign", s, at, from, &c.r.Foreign)
			add(damaged, "corrupt", s, from, to, &c.r.Corrupt)
			at = to
		})
		add(alien, "foreign", s, at, hi, &c.r.Foreign)
	}
	c.alien = alien
	return damaged
}

// acknowledged are the offsets that acks gave.
func (c *checker) acknowledged() map[place]set {
	out := map[place]set{}
	for at, lanes := range c.of(record.Acked) {
		var offsets set
		for _, l := range lanes {
			for _, r := range l.Offsets {
				offsets.add(r.Lo, r.Hi, func(int64, int64) {})
			}
		}
		out[at] = offsets
	}
	return out
}

// redeliveries finds offsets that were handed to a handler more than once.
// Spans come in the order of time, so each piece lists its deliveries in that order
// and each one but the first has its predecessor to blame.
func (c *checker) redeliveries() {
	places := c.of(c.found)
	for _, at := range sortedPlaces(places) {
		var all []run
		for _, l := range places[at] {
			for _, r := range l.Offsets {
				all = append(all, run{r, l})
			}
		}
		Cover(all, (*run).bounds, func(lo, hi int64, runs []run) {
			if len(runs) > 1 {
				originals(runs, lo, hi, byOffset, c.redelivered)
			}
		})
	}
}

// redelivered books one piece: offsets that share the same deliveries. A topic that was
// made anew has other records at the same offsets.
func (c *checker) redelivered(lo, hi int64, spans []*span) {
	for i, s := range spans {
		before := i - 1
		for before >= 0 && !s.same(spans[before]) {
			before--
		}
		if before < 0 {
			continue
		}
		cause := c.cause(spans[before], s)
		c.r.Duplicates.Add(cause, hi-lo)
		c.r.Redelivered = append(c.r.Redelivered, redelivery(&s.Span, lo-s.Offset, hi-lo, c.logs[s.log].Worker, cause))
		from := s.first() + lo - s.Offset
		c.note("duplicate", cause, s, from, from+hi-lo)
	}
}

// cause says why s was delivered although before had delivered the same: it is
// a question of how the tenure of before ended.
func (c *checker) cause(before, s *span) string {
	switch l := &c.logs[before.log]; {
	case before.log == s.log && before.Tenure == s.Tenure:
		return causeOther
	case l.abrupt() && c.lastAt[before.log] <= s.At:
		return causeCrash
	case l.Closing != 0 && l.Closing <= s.At, slices.ContainsFunc(c.reopened[l.Worker], func(at int64) bool { return before.At < at && at <= s.At }):
		return causeGraceful
	default:
		return causeStale
	}
}

// order finds records that came after a later one of their stream within one
// tenure. A record that the tenure had seen before is a duplicate and nothing
// else.
func (c *checker) order() {
	places := c.of(c.found)
	all := streams(places)
	for _, key := range sortedStreams(all) {
		if inOrder(all[key]) {
			continue
		}
		seen := map[tenure]*set{}
		for s := range merge(places[key.place], math.MinInt64) {
			if s.producer != key.producer {
				continue
			}
			at := tenure{s.log, s.Tenure}
			if seen[at] == nil {
				seen[at] = new(set)
			}
			seen[at].late(s.first(), s.end(), func(lo, hi int64) {
				c.r.Reordered += hi - lo
				c.r.TooLate = append(c.r.TooLate, redelivery(&s.Span, lo-s.first(), hi-lo, c.logs[s.log].Worker, ""))
				c.note("reordered", "", s, lo, hi)
			})
		}
	}
}

// inOrder says that nothing can have come too late: each tenure has one lane, and
// each run of it is beyond those before it, or had come before.
func inOrder(runs []run) bool {
	seen, lanes, ok := map[tenure]*set{}, map[tenure]*lane{}, true
	for _, r := range runs {
		at := r.tenure()
		if seen[at] == nil {
			seen[at], lanes[at] = new(set), r.lane
		}
		seen[at].late(r.Lo, r.Hi, func(int64, int64) { ok = false })
		ok = ok && lanes[at] == r.lane
	}
	return ok
}

// offsets compares the number of records that must be in the log with the end
// offsets that the broker gave.
func (c *checker) offsets(t *results.Trial) {
	for _, p := range slices.Sorted(maps.Keys(t.End)) {
		at, end := place{t.Topic, p}, t.End[p]
		want := c.inLog[at]
		for _, r := range c.alien[at] { // what others sent after the broker was asked is behind the end
			want += max(0, min(r.hi, end)-r.lo)
		}
		if end != want {
			c.r.Warnings = append(c.r.Warnings, results.Remarkf(results.KindEndOffset,
				"audit.offsets: %s ends at offset %d, but acked, written twice, unanswered and foreign records make %d", c.name(place{t.Topic, p}), end, want).
				With("partition", results.UnitCount, float64(p)).With("end", results.UnitCount, float64(end)).With("records", results.UnitCount, float64(want)))
		}
	}
}

// examples is how many of each finding a report shows.
const examples = 3

// note keeps a finding as an example. Pieces that touch become one.
func (c *checker) note(what, cause string, s *span, lo, hi int64) {
	topic, partition := c.named(s.place)
	e := Example{
		What: what, Cause: cause, Topic: topic, Partition: partition, Producer: s.producer,
		First: uint64(lo), Count: uint64(hi - lo), Offset: s.offsetOf(lo),
	}
	if s.Kind == c.found || s.Kind == record.Corrupt || s.Kind == record.Foreign {
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

func (c *checker) report() Report {
	kinds := []string{"lost/"}
	for _, why := range causesOfMissing() {
		kinds = append(kinds, "undelivered/"+why)
	}
	for _, cause := range c.r.Duplicates.Causes() {
		kinds = append(kinds, "duplicate/"+cause.Name)
	}
	for _, kind := range append(kinds, "reordered/", "corrupt/", "foreign/", "unanswered/") {
		c.r.Examples = append(c.r.Examples, c.noted[kind]...)
	}
	return c.r
}
