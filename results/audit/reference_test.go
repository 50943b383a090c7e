package audit

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/record"
	"github.com/kbench/kbench/workloads"
)

// entry is one record of a log, and delivery one call of a handler.
type entry struct {
	partition int32
	producer  uint32
	sequence  uint64
	offset    int64
}

type delivery struct {
	entry
	log    int
	tenure uint32
	at     int64
}

// history is a trial told record by record.
type history struct {
	acked, failed []entry
	delivered     []delivery
	killed        map[int]bool
	closing       map[int]int64
}

// naive audits record by record, by the definitions and nothing else.
func naive(h history) Report {
	type id struct {
		partition int32
		producer  uint32
		sequence  uint64
	}
	type offset struct {
		partition int32
		offset    int64
	}
	type lane struct {
		log       int
		tenure    uint32
		partition int32
		producer  uint32
	}
	of := func(e entry) id { return id{e.partition, e.producer, e.sequence} }
	var r Report
	acked, failed, there := map[id]bool{}, map[id]bool{}, map[id]map[int64]bool{}
	for _, e := range h.acked {
		acked[of(e)] = true
	}
	for _, e := range h.failed {
		failed[of(e)] = true
	}
	lastAt := map[int]int64{}
	for _, d := range h.delivered {
		lastAt[d.log] = max(lastAt[d.log], d.at)
		if there[of(d.entry)] == nil {
			there[of(d.entry)] = map[int64]bool{}
		}
		there[of(d.entry)][d.offset] = true
	}
	before := map[offset]delivery{}
	seen, highest := map[lane]map[uint64]bool{}, map[lane]uint64{}
	for _, d := range h.delivered {
		at := offset{d.partition, d.offset}
		if b, ok := before[at]; ok {
			switch {
			case b.log == d.log && b.tenure == d.tenure:
				r.Duplicates.Other++
			case h.killed[b.log] && lastAt[b.log] <= d.at:
				r.Duplicates.Crash++
			case h.closing[b.log] != 0 && h.closing[b.log] <= d.at:
				r.Duplicates.Graceful++
			default:
				r.Duplicates.Stale++
			}
		}
		before[at] = d
		l := lane{d.log, d.tenure, d.partition, d.producer}
		if seen[l] == nil {
			seen[l] = map[uint64]bool{}
		}
		if !seen[l][d.sequence] && d.sequence < highest[l] {
			r.Reordered++
		}
		seen[l][d.sequence] = true
		highest[l] = max(highest[l], d.sequence)
	}
	for e := range acked {
		r.Sent++
		if there[e] == nil {
			r.Lost++
		}
	}
	for e := range failed {
		if !acked[e] {
			r.Failed++
		}
	}
	for e, offsets := range there {
		r.Delivered++
		r.Duplicates.Producer += int64(len(offsets) - 1)
		if !acked[e] {
			r.Unanswered++
		}
	}
	return r
}

// logs turns a history into what workers would have recorded, in spans that are
// cut wherever cut says so even if they need not be.
func (h history) logs(workers int, cut func() bool) ([]Log, [][]record.Span) {
	out, spans := make([]Log, workers+1), make([][]record.Span, workers+1)
	out[0] = Log{Worker: "producer-0", Topics: []string{"t"}}
	spans[0] = append(spansOf(record.Acked, h.acked, cut), spansOf(record.Failed, h.failed, cut)...)
	for w := 1; w <= workers; w++ {
		out[w] = Log{Worker: fmt.Sprintf("consumer-%d", w), Topics: []string{"t"}, Killed: h.killed[w], Closing: h.closing[w]}
	}
	for i := 0; i < len(h.delivered); {
		first := h.delivered[i]
		run := []entry{first.entry}
		j := i + 1
		for ; j < len(h.delivered); j++ {
			d, last := h.delivered[j], run[len(run)-1]
			if d.log != first.log || d.tenure != first.tenure || d.at != first.at || !follows(last, d.entry) {
				break
			}
			run = append(run, d.entry)
		}
		for _, s := range spansOf(record.Delivered, run, cut) {
			s.Tenure, s.At, s.LastAt = first.tenure, first.at, first.at
			spans[first.log] = append(spans[first.log], s)
		}
		i = j
	}
	for i := range out {
		out[i].Spans = record.HoldSpans(spans[i]...)
	}
	return out, spans
}

func follows(a, b entry) bool {
	return a.partition == b.partition && a.producer == b.producer && a.sequence+1 == b.sequence && a.offset+1 == b.offset
}

func spansOf(kind record.Kind, entries []entry, cut func() bool) []record.Span {
	var spans []record.Span
	for i, e := range entries {
		if i > 0 && follows(entries[i-1], e) && !cut() {
			spans[len(spans)-1].Count++
			continue
		}
		spans = append(spans, record.Span{Kind: kind, Partition: e.partition, Producer: e.producer, First: e.sequence, Count: 1, Offset: e.offset})
	}
	return spans
}

// inventor draws histories.
type inventor struct {
	*rand.Rand
	log [2][]entry // what the partitions hold
	history
}

func (r *inventor) chance(percent int) bool { return r.IntN(100) < percent }

// invent makes a history: two producers write to two partitions, with retries
// that write twice, out of order, or without an answer; members hand partitions
// to each other, replay, skip and swap records.
func invent(rng *rand.Rand, workers int) history {
	r := &inventor{Rand: rng, history: history{killed: map[int]bool{}, closing: map[int]int64{}}}
	r.produce()
	at := r.consume(workers)
	for w := 1; w <= workers; w++ {
		switch {
		case r.chance(30):
			r.killed[w] = true
		case r.chance(50):
			r.closing[w] = 1 + r.Int64N(at)
		}
	}
	return r.history
}

func (r *inventor) produce() {
	var next [2][2]uint64
	for range 40 {
		p, producer := r.IntN(2), r.IntN(2)
		batch := make([]entry, 1+r.IntN(6))
		for i := range batch {
			batch[i] = entry{int32(p), uint32(producer), next[p][producer], 0}
			next[p][producer]++
		}
		r.write(p, batch)
		if n := len(r.log[p]); n > 2 && r.chance(10) { // a late retry
			i := r.IntN(n - 1)
			a, b := r.log[p][i], r.log[p][n-1]
			r.log[p][i], r.log[p][n-1] = b, a
			r.log[p][i].offset, r.log[p][n-1].offset = a.offset, b.offset
		}
	}
	// Offsets of swapped entries changed: give the acked ones those of the log.
	for i, e := range r.acked {
		for _, there := range r.log[e.partition] {
			if there.producer == e.producer && there.sequence == e.sequence {
				r.acked[i].offset = there.offset
			}
		}
	}
}

// write writes a batch, or does not, or twice, and draws its answer.
func (r *inventor) write(p int, batch []entry) {
	put := func() {
		for i := range batch {
			batch[i].offset = int64(len(r.log[p]))
			r.log[p] = append(r.log[p], batch[i])
		}
	}
	if !r.chance(5) {
		put()
	}
	if r.chance(10) {
		put()
	}
	switch {
	case r.chance(10):
		r.failed = append(r.failed, batch...)
	case r.chance(5): // never answered
	default:
		r.acked = append(r.acked, batch...)
	}
}

// consume hands the partitions around until all is read, and returns when.
func (r *inventor) consume(workers int) (at int64) {
	at = 1
	var pos [2]int
	for tenure := uint32(1); pos[0] < len(r.log[0]) || pos[1] < len(r.log[1]); tenure++ {
		w := 1 + r.IntN(workers)
		p := r.IntN(2)
		for n := 1 + r.IntN(30); n > 0 && pos[p] < len(r.log[p]); n-- {
			at += int64(r.IntN(2)) // readings are shared between records
			i := pos[p]
			switch {
			case r.chance(3): // skipped
			case r.chance(3) && i > 0:
				r.delivered = append(r.delivered, delivery{r.log[p][r.IntN(i)], w, tenure, at})
			default:
				r.delivered = append(r.delivered, delivery{r.log[p][i], w, tenure, at})
			}
			pos[p]++
		}
		at++
		if r.chance(30) {
			pos[p] = max(0, pos[p]-r.IntN(10)) // the next owner replays
		}
	}
	return at
}

func TestAgainstReference(t *testing.T) {
	bitten := map[string]bool{}
	rapid.Check(t, func(t *rapid.T) {
		seed := rapid.Uint64().Draw(t, "seed")
		r := rand.New(rand.NewPCG(seed, 1))
		h := invent(r, 3)
		logs, spans := h.logs(3, func() bool { return r.IntN(4) == 0 })
		trial := &results.Trial{Kind: workloads.EndToEnd}
		got := Check(trial, logs)
		if broken := got.Sums.Broken(); broken != nil {
			t.Fatalf("sums do not hold: %q", broken)
		}
		got.Sums, got.Copies = Sums{}, nil
		if diff := cmp.Diff(checkHeld(trial, logs, spans), got); diff != "" {
			t.Fatalf("spans held to spans streamed:\n%s", diff)
		}
		var again Duplicates
		for _, r := range got.Redelivered {
			again.Add(r.Cause, r.Count)
		}
		if again.Producer = got.Duplicates.Producer; again != got.Duplicates {
			t.Fatalf("redeliveries add up to %+v, counted are %+v", again, got.Duplicates)
		}
		late := int64(0)
		for _, r := range got.TooLate {
			late += r.Count
		}
		if late != got.Reordered {
			t.Fatalf("what came too late adds up to %d, counted are %d", late, got.Reordered)
		}
		got.Examples, got.Redelivered, got.TooLate = nil, nil, nil
		if diff := cmp.Diff(naive(h), got); diff != "" {
			t.Fatalf("naive to intervals:\n%s", diff)
		}
		for name, n := range map[string]int64{
			"lost": got.Lost, "reordered": got.Reordered, "unanswered": got.Unanswered, "failed": got.Failed,
			"producer": got.Duplicates.Producer, "graceful": got.Duplicates.Graceful, "crash": got.Duplicates.Crash,
			"stale": got.Duplicates.Stale, "other": got.Duplicates.Other,
		} {
			if n > 0 {
				bitten[name] = true
			}
		}
	})
	if len(bitten) != 9 {
		t.Errorf("the histories only had %v: the reference was not tried on every finding", bitten)
	}
}
