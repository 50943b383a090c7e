package pace

import (
	"testing"
	"time"

	"github.com/kbench/kbench/workloads"
)

func kinds() []workloads.Schedule {
	return []workloads.Schedule{
		{Kind: "constant"},
		{Kind: "poisson"},
		{Kind: "ramp", From: 0.1},
		{Kind: "steps", Factors: []float64{0.5, 2, 1}},
		{Kind: "bursts", Every: 100 * time.Millisecond, Size: 1000},
	}
}

func BenchmarkAt(b *testing.B) {
	for _, spec := range kinds() {
		b.Run(spec.Kind, func(b *testing.B) {
			s, err := New(200_000, spec, time.Minute, 1)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			var i int64
			for b.Loop() {
				s.At(i)
				i++
			}
		})
	}
}

// At may allocate only for what poisson remembers of a block of about 1000
// records.
func TestAtAllocatesNothing(t *testing.T) {
	for _, spec := range kinds() {
		s, err := New(200_000, spec, time.Minute, 1)
		if err != nil {
			t.Fatal(err)
		}
		var i int64
		for ; i < 5000; i++ {
			s.At(i)
		}
		const each = 10_000
		if n := testing.AllocsPerRun(10, func() {
			for range each {
				s.At(i)
				i++
			}
		}); n > each/blockMean*3 {
			t.Errorf("%s: %v allocations for %d times", spec.Kind, n, each)
		}
	}
}
