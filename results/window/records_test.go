package window

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/kbench/kbench/results/audit"
	"github.com/kbench/kbench/results/record"
)

// Times between two are the same whether they are counted up or divided.
func TestSpread(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		first := rapid.Int64Range(-1e15, 1e15).Draw(t, "first")
		last := first + rapid.Int64Range(-1e10, 1e10).Draw(t, "step")
		n := rapid.IntRange(2, 3000).Draw(t, "n")
		from := rapid.IntRange(0, n-1).Draw(t, "from")
		out := make([]int64, rapid.IntRange(0, n-from).Draw(t, "of them"))
		spread(out, first, last, n, from)
		for i, got := range out {
			if want := first + int64(float64(last-first)*float64(from+i)/float64(n-1)); got != want {
				t.Fatalf("number %d of %d from %d to %d: %d, want %d", from+i, n, first, last, got, want)
			}
		}
	})
}

// heldRecords makes the records of spans that are all held, as they were made while
// every record of a trial was.
func heldRecords(spans [][]record.Span, members map[int]int, end int64) map[int32][]Record {
	type key struct {
		partition int32
		producer  uint32
		sequence  uint64
	}
	all := map[key]*Record{}
	for log, list := range spans {
		by, member := members[log]
		for _, s := range list {
			delivered := member && s.Kind == record.Delivered
			if !delivered && s.Kind != record.Acked {
				continue
			}
			due, at := apart(&s, nil, nil)
			for i := range due {
				k := key{s.Partition, s.Producer, s.First + uint64(i)}
				e := all[k]
				if e == nil {
					e = &Record{Due: due[i], At: end, By: -1, Lost: true}
					all[k] = e
				}
				if delivered && (e.Lost || at[i] < e.At) {
					e.At, e.By, e.Lost = at[i], by, false
				}
			}
		}
	}
	out := map[int32][]Record{}
	for k, e := range all {
		out[k.partition] = append(out[k.partition], *e)
	}
	return out
}

func sorted(list []Record) []Record {
	slices.SortFunc(list, func(a, b Record) int {
		return cmp.Or(cmp.Compare(a.Due, b.Due), cmp.Compare(a.At, b.At), cmp.Compare(a.By, b.By))
	})
	return list
}

// inventSpans makes what two producers, which are 1 and 3, and three members record,
// with redeliveries, losses and acks out of order.
func inventSpans(r *rand.Rand) [][]record.Span {
	chance := func(percent int) bool { return r.IntN(100) < percent }
	spans := make([][]record.Span, 5)
	deliver := func(a record.Span, tick int) {
		d := a
		d.Kind, d.Tenure = record.Delivered, uint32(tick/40)
		skip := r.Uint64N(a.Count)
		if chance(70) {
			skip = 0
		}
		d.First, d.Count = d.First+skip, a.Count-skip
		d.At += r.Int64N(100_000)
		d.LastAt, d.MaxLate = d.At+r.Int64N(2000), r.Int64N(120_000)
		by := []int{0, 2, 4}[(tick/40+r.IntN(9)/8)%3]
		spans[by] = append(spans[by], d)
	}
	var made [2][2]uint64
	for i := range 300 {
		tick, p := i/2, i%2
		producer := r.IntN(2)
		n := uint64(1 + r.IntN(6))
		due := int64(tick)*10_000 + r.Int64N(3000)
		a := record.Span{
			Kind: record.Acked, Partition: int32(p), Producer: uint32(producer), First: made[p][producer], Count: n,
			Due: due, LastDue: due + r.Int64N(9000), At: due + 9000, LastAt: due + 9000 + r.Int64N(500),
		}
		a.MaxLate = r.Int64N(12_000)
		made[p][producer] += n
		own := &spans[1+2*producer]
		switch {
		case chance(5): // never answered
		case chance(5) && len(*own) > 0: // answered late
			*own = slices.Insert(*own, len(*own)-1, a)
		default:
			*own = append(*own, a)
		}
		for range 1 + r.IntN(8)/6 { // some twice
			if !chance(5) {
				deliver(a, tick)
			}
		}
	}
	return spans
}

// Records that are made of spans whenever they are asked for are those that were
// held, with members whose logs come before those of their producers and after.
func TestRecordsStreamed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 4))
		const end = int64(1e12)
		spans := inventSpans(r)
		var workers []Worker
		var logs []audit.Log
		members := map[int]int{}
		for _, i := range []int{0, 2, 4} {
			members[i] = len(workers)
			workers = append(workers, Worker{Name: fmt.Sprint("w", i)})
		}
		for i := range spans {
			logs = append(logs, audit.Log{Worker: fmt.Sprint("w", i), Spans: record.HoldSpans(spans[i]...)})
		}
		in := Input{Records: newRecords(logs, workers, end)}
		for p, want := range heldRecords(spans, members, end) {
			if got := slices.Collect(in.records(p, Everything())); !slices.Equal(sorted(got), sorted(want)) {
				t.Fatalf("partition %d: %d records, want %d:\n%v\n%v", p, len(got), len(want), got, want)
			}
			from := r.Int64N(1_500_000)
			within := DueIn(from, from+r.Int64N(300_000))
			within.Since, within.Late = within.From+r.Int64N(100_000), r.Int64N(60_000)
			some := slices.DeleteFunc(slices.Clone(want), func(r Record) bool {
				return r.Due < within.From || r.Due > within.To || r.At < within.Since || r.At > within.Until || r.Late() <= within.Late
			})
			if got := slices.Collect(in.records(p, within)); !slices.Equal(sorted(got), some) {
				t.Fatalf("partition %d within %+v: %d records, want %d", p, within, len(got), len(some))
			}
			if got, ok := in.firstDue(p, from, math.MaxInt64); ok {
				i := slices.IndexFunc(want, func(r Record) bool { return r.Due >= from })
				if i < 0 || got.Due != want[i].Due || got.At != want[i].At {
					t.Fatalf("the first record of partition %d from %d on is %+v", p, from, got)
				}
			}
		}
	})
}
