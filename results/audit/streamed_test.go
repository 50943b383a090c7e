package audit

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/record"
)

// invented is a trial in which members hold partitions side by side, go silent, go
// back, hand over damaged records and have clocks that do as well: what the spans
// say need not make sense, but that acks give an offset once.
type invented struct {
	*rand.Rand
	*results.Trial
	logs  []Log
	spans [][]record.Span // by log
	corr  int32
}

const inventedMembers, inventedPartitions = 3, 2

func (v *invented) chance(percent int) bool { return v.IntN(100) < percent }

func anything(r *rand.Rand, scale int) (*results.Trial, []Log, [][]record.Span) {
	v := &invented{Rand: r, Trial: groupTrial(), logs: []Log{{Worker: "producer-0", Topics: []string{"t"}}}, spans: make([][]record.Span, 1)}
	v.Spec.Consume.Handler.Time = time.Duration(r.IntN(2)) * time.Millisecond
	v.Spec.Consume.Handler.Lanes = []string{"member", "partition"}[r.IntN(2)]
	for p := range int32(inventedPartitions) {
		v.produce(p, scale)
	}
	for m := range inventedMembers {
		v.consume(m)
	}
	for i := range v.logs {
		v.logs[i].Spans = record.HoldSpans(v.spans[i]...)
	}
	return v.Trial, v.logs, v.spans
}

// produce fills a partition by two producers.
func (v *invented) produce(p int32, scale int) {
	next, sequences := int64(0), [2]uint64{}
	for at := int64(0); at < 50*s; at += v.Int64N(s / int64(scale)) {
		if v.chance(1) {
			at += v.Int64N(20 * s)
		}
		producer, n := uint32(v.IntN(2)), uint64(1+v.IntN(5))
		a := record.Span{Kind: record.Acked, Partition: p, Producer: producer, First: sequences[producer], Count: n, Offset: next, At: at, LastAt: at + v.Int64N(s/100)}
		if v.chance(2) {
			a.Kind, a.Offset = record.Failed, -1
		} else {
			next += int64(n)
		}
		sequences[producer] += n
		if !v.chance(2) {
			v.spans[0] = append(v.spans[0], a)
		}
	}
}

// consume lets a member have one partition after the other.
func (v *invented) consume(m int) {
	log := Log{Worker: fmt.Sprintf("consumer-%d", m), Topics: []string{"t"}, Killed: v.chance(20)}
	if v.chance(30) {
		log.Closing = v.Int64N(50 * s)
	}
	var mine []record.Span
	tenure := uint32(0)
	for at := int64(0); at < 50*s; at += v.Int64N(5 * s) {
		tenure++
		p := int32(v.IntN(inventedPartitions))
		if v.chance(50) {
			v.corr++
			log = withEvents(log, given(at, v.corr))
		}
		var got []record.Span
		got, at = v.deliver(p, tenure, at)
		mine = append(mine, got...)
	}
	v.spans, v.logs = append(v.spans, mine), append(v.logs, log)
	if v.chance(30) {
		at := v.Int64N(40 * s)
		v.Acts = append(v.Acts, results.Act{N: m + 1, Kind: "stall", Member: log.Worker, At: at, Resumed: at + v.Int64N(20*s)})
	}
}

// deliver is a tenure from a time on, and when it was over.
func (v *invented) deliver(p int32, tenure uint32, at int64) (mine []record.Span, _ int64) {
	for _, a := range v.spans[0] {
		if a.Partition != p || a.Kind != record.Acked || a.At < at || v.chance(2) {
			continue
		}
		if v.chance(1) {
			break
		}
		d := a
		d.Kind, d.Tenure, d.At = record.Delivered, tenure, max(at, a.At)+v.Int64N(s/10)
		d.LastAt = d.At + v.Int64N(s/50)
		switch {
		case v.chance(1):
			d.Kind = record.Corrupt
		case v.chance(1):
			d.First, d.Count = d.First+1, 1
			d.Offset++
		case v.chance(1):
			d.At -= v.Int64N(s) // as if its clock had been set back
		}
		if at = max(at, d.At); v.chance(1) {
			at += v.Int64N(30 * s)
		}
		if mine = append(mine, d); v.chance(2) {
			mine = append(mine, d) // again, in the same tenure
		}
	}
	return mine, at
}

// Spans that are streamed give what spans that are held gave, to the last example.
func TestStreamed(t *testing.T) {
	bitten := map[string]bool{}
	check := func(t interface{ Fatalf(string, ...any) }, r *rand.Rand, scale int) {
		trial, logs, spans := anything(r, scale)
		got := Check(trial, logs)
		if broken := got.Sums.Broken(); broken != nil {
			t.Fatalf("sums do not hold: %q", broken)
		}
		got.Sums, got.Copies = Sums{}, nil
		if diff := cmp.Diff(checkHeld(trial, logs, spans), got); diff != "" {
			t.Fatalf("spans held to spans streamed:\n%s", diff)
		}
		for what, n := range map[string]int64{
			"zombie": got.Group.Zombies, "overlap": got.Group.Overlaps, "stuck": got.Group.Stuck, "corrupt": got.Corrupt, "lost": got.Lost,
			"reordered": got.Reordered, "duplicate": got.Duplicates.Total(), "unanswered": got.Unanswered,
		} {
			bitten[what] = bitten[what] || n > 0
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		check(t, rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 2)), 1+rapid.IntRange(0, 20).Draw(t, "scale"))
	})
	check(t, rand.New(rand.NewPCG(1, 3)), 2000) // pieces of more spans than are held at a time
	for seed := range uint64(100) {             // among which is each kind, whatever was drawn above
		check(t, rand.New(rand.NewPCG(seed, 4)), 20)
	}
	for _, what := range []string{"zombie", "overlap", "stuck", "corrupt", "lost", "reordered", "duplicate", "unanswered"} {
		if !bitten[what] {
			t.Errorf("no trial had a finding of the kind %s", what)
		}
	}
}
