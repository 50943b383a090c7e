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

// anything is a trial in which members hold partitions side by side, go silent, go
// back, hand over damaged records and have clocks that do as well: what the spans
// say need not make sense, but that acks give an offset once.
func anything(r *rand.Rand, scale int) (*results.Trial, []Log, [][]record.Span) {
	const members, partitions = 3, 2
	chance := func(percent int) bool { return r.IntN(100) < percent }
	t := groupTrial()
	t.Spec.Consume.Handler.Time = time.Duration(r.IntN(2)) * time.Millisecond
	t.Spec.Consume.Handler.Lanes = []string{"member", "partition"}[r.IntN(2)]
	logs := []Log{{Worker: "producer-0", Topics: []string{"t"}}}
	spans := make([][]record.Span, members+1)
	for p := range int32(partitions) {
		next, sequences := int64(0), [2]uint64{}
		for at := int64(0); at < 50*s; at += r.Int64N(s / int64(scale)) {
			if chance(1) {
				at += r.Int64N(20 * s)
			}
			producer, n := uint32(r.IntN(2)), uint64(1+r.IntN(5))
			a := record.Span{Kind: record.Acked, Partition: p, Producer: producer, First: sequences[producer], Count: n, Offset: next, At: at, LastAt: at + r.Int64N(s/100)}
			if chance(2) {
				a.Kind, a.Offset = record.Failed, -1
			} else {
				next += int64(n)
			}
			sequences[producer] += n
			if !chance(2) {
				spans[0] = append(spans[0], a)
			}
		}
	}
	corr := int32(0)
	for m := range members {
		log := Log{Worker: fmt.Sprintf("consumer-%d", m), Topics: []string{"t"}, Killed: chance(20)}
		if chance(30) {
			log.Closing = r.Int64N(50 * s)
		}
		tenure := uint32(0)
		var mine []record.Span
		for at := int64(0); at < 50*s; {
			tenure++
			p := int32(r.IntN(partitions))
			if chance(50) {
				corr++
				log = withEvents(log, given(at, corr))
			}
			for _, a := range spans[0] {
				if a.Partition != p || a.Kind != record.Acked || a.At < at || chance(2) {
					continue
				}
				if chance(1) {
					break
				}
				d := a
				d.Kind, d.Tenure, d.At = record.Delivered, tenure, max(at, a.At)+r.Int64N(s/10)
				d.LastAt = d.At + r.Int64N(s/50)
				switch {
				case chance(1):
					d.Kind = record.Corrupt
				case chance(1):
					d.First, d.Count = d.First+1, 1
					d.Offset++
				case chance(1):
					d.At -= r.Int64N(s) // as if its clock had been set back
				}
				if at = max(at, d.At); chance(1) {
					at += r.Int64N(30 * s)
				}
				if mine = append(mine, d); chance(2) {
					mine = append(mine, d) // again, in the same tenure
				}
			}
			at += r.Int64N(5 * s)
		}
		spans[m+1] = mine
		logs = append(logs, log)
		if chance(30) {
			at := r.Int64N(40 * s)
			t.Acts = append(t.Acts, results.Act{N: m + 1, Kind: "stall", Member: log.Worker, At: at, Resumed: at + r.Int64N(20*s)})
		}
	}
	for i := range logs {
		logs[i].Spans = record.HoldSpans(spans[i]...)
	}
	return t, logs, spans
}

// Spans that are streamed give what spans that are held gave, to the last example.
func TestStreamed(t *testing.T) {
	bitten := map[string]bool{}
	check := func(t interface{ Fatalf(string, ...any) }, r *rand.Rand, scale int) {
		trial, logs, spans := anything(r, scale)
		got := Check(trial, logs)
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
	for _, what := range []string{"zombie", "overlap", "stuck", "corrupt", "lost", "reordered", "duplicate", "unanswered"} {
		if !bitten[what] {
			t.Errorf("no trial had a finding of the kind %s", what)
		}
	}
}
