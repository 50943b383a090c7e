package summary

import (
	"slices"
	"testing"
	"time"

	"github.com/kbench/kbench/results/evidence"
)

// What is of a part is taken from its samples, and not from those beside it; a part
// that has none has the nearest, if that is not far.
func TestWithin(t *testing.T) {
	f := func(p part, at []int64, want ...int64) {
		t.Helper()
		var samples []evidence.Sample
		for _, ms := range at {
			samples = append(samples, evidence.Sample{T: ms * int64(time.Millisecond)})
		}
		var got []int64
		for _, s := range within(samples, part{p.from * int64(time.Millisecond), p.to * int64(time.Millisecond)}) {
			got = append(got, s.T/int64(time.Millisecond))
		}
		if !slices.Equal(got, want) {
			t.Errorf("of %v in %v: %v, want %v", at, p, got, want)
		}
	}
	f(part{1000, 3000}, []int64{0, 900, 1001, 2000, 3000, 3100}, 1001, 2000)
	f(part{1000, 1500}, []int64{0, 900, 1540, 2000}, 1540)
	f(part{1000, 1500}, []int64{0, 700, 1800})
	f(part{1000, 1500}, nil)
}
