package trend

import (
	"math"
	"slices"
)

// Noise is how far nights are off what a series does, and in which way.
type Noise struct {
	// Deviation is that of a night, as the standard deviation of normal noise would have
	// it: a share of the value, or an amount of the measure's unit.
	Deviation float64 `json:"deviation"`
	Kind      Kind    `json:"kind"`
	Wild      int     `json:"wild_nights,omitempty"` // of Outliers
}

// Kind is what noise looks like, which says where to look for its cause.
type Kind string

// The kinds, the most telling first. Few nights are Unknown.
const (
	TwoModes Kind = "two modes" // nights are here or there, and seldom between: a layout, a placement, a second state of something
	Outliers Kind = "outliers"  // some nights are far off: somebody else was there
	Skew     Kind = "skew"      // nights are off to one side: there is a floor, and things that add to it
	Even     Kind = "even"
	Unknown  Kind = "not known"
)

// Bounds of the kinds. Halves of normal noise are 2.6 of their own deviations apart, on
// average, so that modes which are to be told from chance are farther.
const (
	leastKinds = 20  // nights
	modesApart = 4.0 // Ashman's D
	modesShare = 0.2 // of the nights, in the lesser
	wildAt     = 4.0 // deviations
	skewAt     = 2.5 // standard errors, of nights that are not wild
)

// noiseOf looks at what a shape leaves of each night.
func noiseOf(rest []float64) Noise {
	n := Noise{Kind: Unknown}
	var off []float64
	middle := median(rest)
	for _, r := range rest {
		off = append(off, math.Abs(r-middle))
	}
	n.Deviation = toDeviation * median(off)
	if len(rest) < leastKinds {
		return n
	}
	var tame []float64
	for i, r := range rest {
		if n.Deviation == 0 || off[i] <= wildAt*n.Deviation {
			tame = append(tame, r)
		}
	}
	n.Kind = Even
	switch wild := len(rest) - len(tame); {
	case apart(rest) > modesApart:
		n.Kind = TwoModes
	case math.Abs(skewness(tame)) > skewAt*math.Sqrt(6/float64(len(tame))):
		n.Kind = Skew
	case wild > 0:
		n.Kind, n.Wild = Outliers, wild
	}
	return n
}

// apart is how far the best two halves are from each other, in their own deviations; 0
// where one of them is but a few nights.
func apart(values []float64) float64 {
	vs := slices.Sorted(slices.Values(values))
	least, farthest := int(math.Ceil(modesShare*float64(len(vs)))), 0.0
	within := math.Inf(1)
	for at := least; at <= len(vs)-least; at++ {
		a, va := moments(vs[:at])
		b, vb := moments(vs[at:])
		if w := va*float64(at) + vb*float64(len(vs)-at); w < within {
			within, farthest = w, 0
			if va+vb > 0 {
				farthest = math.Sqrt2 * (b - a) / math.Sqrt(va+vb)
			} else if b > a {
				farthest = math.Inf(1)
			}
		}
	}
	return farthest
}

func moments(vs []float64) (mean, variance float64) {
	for _, v := range vs {
		mean += v / float64(len(vs))
	}
	for _, v := range vs {
		variance += (v - mean) * (v - mean) / float64(len(vs))
	}
	return mean, variance
}

func skewness(vs []float64) float64 {
	mean, variance := moments(vs)
	if variance == 0 {
		return 0
	}
	sum := 0.0
	for _, v := range vs {
		sum += math.Pow((v-mean)/math.Sqrt(variance), 3)
	}
	return sum / float64(len(vs))
}
