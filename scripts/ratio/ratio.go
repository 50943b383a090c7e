// Package ratio is the interval of a median of ratios, for scripts that compare in pairs.
package ratio

import (
	"fmt"
	"math"
	"slices"
)

// Confidence is the level of every interval printed.
const Confidence = 0.95

// Interval is a median with the bounds between which the true one lies at the
// level of Confidence. Known is false with too few values for any bound; Low and
// High are then the extremes and say nothing.
type Interval struct {
	Median float64 `json:"median"`
	Low    float64 `json:"low"`
	High   float64 `json:"high"`
	Known  bool    `json:"known"`
}

// Of is exact and assumes no distribution: each value falls below the
// true median with probability one half, so how many do is binomial, and the
// bounds are the k-th smallest and the k-th largest value for the largest k that
// the level allows. It takes at least 6 values.
func Of(values []float64) Interval {
	n := len(values)
	if n == 0 {
		return Interval{Median: math.NaN(), Low: math.NaN(), High: math.NaN()}
	}
	s := slices.Sorted(slices.Values(values))
	i := Interval{Median: (s[(n-1)/2] + s[n/2]) / 2, Low: s[0], High: s[n-1]}
	if k := rank(n); k > 0 {
		i.Low, i.High, i.Known = s[k-1], s[n-k], true
	}
	return i
}

// rank is the largest k for which the k-th smallest and the k-th largest of n
// values enclose the median at the level of confidence; 0: there is none.
func rank(n int) int {
	outside := 0.0 // probability that fewer than k values fall on one given side
	term := math.Pow(0.5, float64(n))
	for k := 1; k <= n/2; k++ {
		outside += term
		if 2*outside > 1-Confidence {
			return k - 1
		}
		term *= float64(n-k+1) / float64(k)
	}
	return n / 2
}

// Median is the median alone.
func Median(values []float64) float64 { return Of(values).Median }

func (i Interval) String() string {
	if !i.Known {
		return fmt.Sprintf("%.3f", i.Median)
	}
	return fmt.Sprintf("%.3f [%.3f, %.3f]", i.Median, i.Low, i.High)
}

// Negated is the interval of the negated values.
func (i Interval) Negated() Interval {
	return Interval{Median: -i.Median, Low: -i.High, High: -i.Low, Known: i.Known}
}
