package ratio

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestMedianInterval(t *testing.T) {
	f := func(values []float64, median, low, high float64, known bool) {
		t.Helper()
		got := Of(values)
		if want := (Interval{median, low, high, known}); got != want {
			t.Errorf("Of(%v) = %+v, want %+v", values, got, want)
		}
	}
	f([]float64{3}, 3, 3, 3, false)
	f([]float64{2, 1}, 1.5, 1, 2, false)
	f([]float64{5, 1, 4, 2, 3}, 3, 1, 5, false)           // all within: 93.75%
	f([]float64{6, 5, 4, 3, 2, 1}, 3.5, 1, 6, true)       // 96.9%
	f([]float64{8, 7, 6, 5, 4, 3, 2, 1}, 4.5, 1, 8, true) // the second to the seventh: 93.0%
	f([]float64{9, 8, 7, 6, 5, 4, 3, 2, 1}, 5, 2, 8, true)
	if got := Of(nil); !math.IsNaN(got.Median) || got.Known {
		t.Errorf("Of(nil) = %+v, want no number", got)
	}
}

func TestMedianIntervalLeavesItsInputAlone(t *testing.T) {
	values := []float64{3, 1, 2}
	Of(values)
	if want := []float64{3, 1, 2}; !slices.Equal(values, want) {
		t.Errorf("the values became %v, want %v", values, want)
	}
}

// TestRank holds the ranks against the table that every statistics book has for
// the 95% interval of a median.
func TestRank(t *testing.T) {
	for n, want := range map[int]int{1: 0, 5: 0, 6: 1, 8: 1, 9: 2, 11: 2, 12: 3, 15: 4, 20: 6, 30: 10, 50: 18, 100: 40} {
		if got := rank(n); got != want {
			t.Errorf("rank(%d) = %d, want %d", n, got, want)
		}
	}
}

// TestIntervalCovers draws from a skewed law with a known median.
func TestIntervalCovers(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 7))
	const draws = 4000
	for _, n := range []int{6, 8, 12, 25} {
		hit := 0
		for range draws {
			values := make([]float64, n)
			for i := range values {
				values[i] = rng.ExpFloat64()
			}
			if i := Of(values); i.Low <= math.Ln2 && math.Ln2 <= i.High {
				hit++
			}
		}
		if share := float64(hit) / draws; share < Confidence-0.01 {
			t.Errorf("with %d values the interval holds the median in %.3f of draws, want %.2f", n, share, Confidence)
		}
	}
}
