package record

import (
	"cmp"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"
)

// Spans that are read lane by lane are those of the file, each once, in the order of
// time within a lane; pages bound them, and runs hold what follows on.
func TestOpenSpans(t *testing.T) {
	path := filepath.Join(t.TempDir(), "deliveries.bin")
	d, err := CreateDeliveries(path, DeliveriesMeta{Worker: "w", Topics: []string{"t"}})
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(1, 1))
	type open struct {
		*SpanLane
		next [2]uint64
		off  int64
	}
	var lanes []*open
	for p := range int32(3) {
		for tenure := range uint32(2) {
			lanes = append(lanes, &open{SpanLane: d.Lane(Delivered, 0, p, tenure)}, &open{SpanLane: d.Lane(Delivered, 0, p, tenure)}) // two side by side
		}
	}
	at := int64(1e9)
	for range 20_000 {
		l, producer := lanes[r.IntN(len(lanes))], uint32(r.IntN(2))
		if at += r.Int64N(3e6); r.IntN(500) == 0 {
			at -= 1e9 // a clock goes back
		}
		l.next[producer] += uint64(r.IntN(50) / 49)
		l.Add(producer, l.next[producer], l.off, at-r.Int64N(1e6), at)
		l.next[producer]++
		l.off++
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	_, all, err := ReadDeliveries(path)
	if err != nil {
		t.Fatal(err)
	}
	_, spans, err := OpenSpans(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer spans.Close()
	for name, s := range map[string]*Spans{"file": spans, "memory": HoldSpans(all...)} {
		var got []Span
		var last int64
		s.Each(func(one *Span) { got = append(got, *one) })
		for _, l := range s.Lanes {
			last = max(last, ordered(t, name, l))
		}
		order := func(a, b Span) int {
			return cmp.Or(cmp.Compare(a.Partition, b.Partition), cmp.Compare(a.Tenure, b.Tenure), cmp.Compare(a.At, b.At), cmp.Compare(a.Producer, b.Producer), cmp.Compare(a.First, b.First), cmp.Compare(a.Offset, b.Offset))
		}
		want := slices.SortedFunc(slices.Values(all), order)
		slices.SortFunc(got, order)
		if !slices.Equal(got, want) || s.LastAt != last || s.Err() != nil {
			t.Errorf("%s: %d spans, want %d; last at %d, want %d; %v", name, len(got), len(want), s.LastAt, last, s.Err())
		}
	}
}

// ordered holds the spans of a lane against its pages and its runs, and returns when
// the last of them ends.
func ordered(t *testing.T, name string, l *Lane) (last int64) {
	t.Helper()
	var buf Buffer
	before, position := int64(math.MinInt64), int64(-1)
	covered := uint64(0)
	for i, p := range l.Pages {
		for j, one := range l.Read(i, &buf) {
			last = max(last, one.LastAt)
			covered += one.Count
			inside := p.FirstAt <= one.At && one.At <= p.AtMost && one.LastAt <= p.LastAt && p.Due <= one.Due && one.LastDue <= p.LastDue &&
				p.First <= int64(one.First) && int64(one.First+one.Count) <= p.End && p.Offset <= one.Offset && one.Offset < p.OffsetEnd && one.Latest() <= p.Late
			if !inside || one.At < before || l.Position(i, j) <= position || one.Partition != l.Partition || one.Tenure != l.Tenure {
				t.Fatalf("%s: span %+v of page %+v", name, one, p)
			}
			before, position = one.At, l.Position(i, j)
		}
	}
	for _, runs := range [][]Run{l.Sequences, l.Offsets} {
		n := uint64(0)
		for _, r := range runs {
			n += uint64(r.Hi - r.Lo)
		}
		if n != covered {
			t.Errorf("%s: runs have %d records of %d", name, n, covered)
		}
	}
	return last
}
