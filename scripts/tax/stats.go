package main

import (
	"math"
	"slices"
)

// confidence is the level of every interval printed.
const confidence = 0.95

// interval is a median with the bounds between which the true one lies at the
// level of confidence. Known is false with too few values for any bound; Low and
// High are then the extremes and say nothing.
type interval struct {
	Median float64 `json:"median"`
	Low    float64 `json:"low"`
	High   float64 `json:"high"`
	Known  bool    `json:"known"`
}

// medianInterval is exact and assumes no distribution: each value falls below the
// true median with probability one half, so how many do is binomial, and the
// bounds are the k-th smallest and the k-th largest value for the largest k that
// the level allows. It takes at least 6 values.
func medianInterval(values []float64) interval {
	n := len(values)
	if n == 0 {
		return interval{Median: math.NaN(), Low: math.NaN(), High: math.NaN()}
	}
	s := slices.Sorted(slices.Values(values))
	i := interval{Median: (s[(n-1)/2] + s[n/2]) / 2, Low: s[0], High: s[n-1]}
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
		if 2*outside > 1-confidence {
			return k - 1
		}
		term *= float64(n-k+1) / float64(k)
	}
	return n / 2
}

// medianOf is the median alone.
func medianOf(values []float64) float64 { return medianInterval(values).Median }
