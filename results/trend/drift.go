package trend

import (
	"math"
	"slices"

	"github.com/aclements/go-moremath/stats"
)

// mannKendall is how often chance alone orders values as much by time as these: the
// two-sided p of the number of pairs that rise less those that fall, which knows no law of
// the noise. Shared values are in no order.
func mannKendall(values []float64) float64 {
	n := float64(len(values))
	sum, variance := 0.0, n*(n-1)*(2*n+5)
	for i, a := range values {
		for _, b := range values[i+1:] {
			switch {
			case b > a:
				sum++
			case b < a:
				sum--
			}
		}
	}
	sorted := slices.Sorted(slices.Values(values))
	for from := 0; from < len(sorted); {
		to := from + 1
		for to < len(sorted) && sorted[to] == sorted[from] {
			to++
		}
		t := float64(to - from)
		variance -= t * (t - 1) * (2*t + 5)
		from = to
	}
	if variance <= 0 || sum == 0 {
		return 1
	}
	z := (math.Abs(sum) - 1) / math.Sqrt(variance/18)
	return 2 * stats.StdNormal.CDF(-z)
}

// theilSen is the median of the slopes of all pairs within a segment: of a wild night
// few pairs are.
func theilSen(nights, values []float64, steps []int) float64 {
	var slopes []float64
	for _, s := range segments(len(values), steps) {
		for i := s[0]; i < s[1]; i++ {
			for j := i + 1; j < s[1]; j++ {
				slopes = append(slopes, (values[j]-values[i])/(nights[j]-nights[i]))
			}
		}
	}
	return median(slopes)
}

// segments are from and to of each, to not included.
func segments(n int, steps []int) (out [][2]int) {
	from := 0
	for _, to := range append(slices.Clone(steps), n) {
		out = append(out, [2]int{from, to})
		from = to
	}
	return out
}

func median(vs []float64) float64 {
	if len(vs) == 0 {
		return 0
	}
	vs = slices.Sorted(slices.Values(vs))
	n := len(vs)
	return (vs[(n-1)/2] + vs[n/2]) / 2
}
