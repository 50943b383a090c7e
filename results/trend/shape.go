package trend

import (
	"math"
	"math/rand/v2"
	"slices"
)

// A shape is what a series does over its nights: it stays on levels, which steps part, or
// drifts, or both. A drift looks like stairs to whoever looks for steps, and a step like a
// slope to whoever looks for a drift. So both are looked for, each with a bound on how
// often it finds what is not there, and where both find something the one that explains the
// nights with fewer words is what happened (Schwarz's criterion).
//
//	levels            steps by divide
//	a slope           by Theil and Sen, if Mann and Kendall say that there is one
//	levels, a slope   the slope within levels, then levels of what is left without it, twice
type shape struct {
	steps  []int     // points that begin a new level
	slope  float64   // a night; 0: none
	levels []float64 // at night 0, of each segment
}

// shapeOf finds it. level is how often it may find anything where nothing is. That is asked
// first; which shape it is, where there is something, is then asked with less doubt.
func shapeOf(nights, values []float64, level float64, rng *rand.Rand) shape {
	half := level / 2
	f := fitter{nights, values, spread(values)}
	drifts, stairs := mannKendall(values) <= half, divide(values, half, rng)
	best := f.shape(nil, 0)
	if !drifts && len(stairs) == 0 {
		return best
	}
	try := func(s shape) {
		if f.words(s) < f.words(best) {
			best = s
		}
	}
	if len(stairs) == 0 {
		stairs = divide(values, doubt, rng)
	}
	stairs = f.refined(stairs, 0)
	try(f.shape(stairs, 0))
	try(f.shape(nil, theilSen(nights, values, nil)))
	steps := stairs
	for range 2 {
		slope := theilSen(nights, values, steps)
		steps = f.refined(divide(f.without(slope), doubt, rng), slope)
		// Without its levels a series that drifts still does.
		if both := f.shape(steps, slope); len(steps) > 0 && mannKendall(f.unstepped(both)) <= half {
			try(both)
		}
	}
	return best
}

// doubt is how often a step is taken for one that is none, where something is known to be.
const doubt = 0.01

// fitter holds shapes against the nights.
type fitter struct {
	nights, values []float64
	spread         float64
}

// spread is how far a night is from the next, as the standard deviation of normal noise
// would have it; steps are few among all differences.
func spread(values []float64) float64 {
	var diffs []float64
	for i := range values[min(1, len(values)):] {
		diffs = append(diffs, math.Abs(values[i+1]-values[i]))
	}
	return toDeviation * median(diffs) / math.Sqrt2
}

// toDeviation makes a median of distances a standard deviation.
const toDeviation = 1.4826

// without are the values without a slope.
func (f *fitter) without(slope float64) []float64 {
	out := slices.Clone(f.values)
	for i := range out {
		out[i] -= slope * f.nights[i]
	}
	return out
}

// shape gives levels to steps and a slope.
func (f *fitter) shape(steps []int, slope float64) shape {
	s := shape{steps: steps, slope: slope}
	flat := f.without(slope)
	for _, seg := range segments(len(flat), steps) {
		s.levels = append(s.levels, f.level(flat[seg[0]:seg[1]]))
	}
	return s
}

// level is the mean of what is near the median.
func (f *fitter) level(vs []float64) float64 {
	middle, sum, n := median(vs), 0.0, 0.0
	for _, v := range vs {
		if math.Abs(v-middle) <= mostSpreads*f.spread {
			sum, n = sum+v, n+1
		}
	}
	if n == 0 {
		return middle
	}
	return sum / n
}

// mostSpreads is how far off a night may be to count for more than one that is wild.
const mostSpreads = 3

// rest is what a shape leaves unexplained of each night.
func (f *fitter) rest(s shape) []float64 {
	out := f.without(s.slope)
	for i, seg := range segments(len(out), s.steps) {
		for j := seg[0]; j < seg[1]; j++ {
			out[j] -= s.levels[i]
		}
	}
	return out
}

// unstepped is rest with the slope left in.
func (f *fitter) unstepped(s shape) []float64 {
	out := f.rest(s)
	for i := range out {
		out[i] += s.slope * f.nights[i]
	}
	return out
}

// words is how much it takes to say the nights by a shape: what it leaves, and its
// numbers. A step has two, where and how far, and one more because it may be anywhere
// (Zhang and Siegmund, 2007); a slope has as many as two, for both at once are rarer than
// either.
func (f *fitter) words(s shape) float64 {
	n, numbers := float64(len(f.values)), 1+3*float64(len(s.steps))
	if s.slope != 0 {
		numbers += 2
	}
	return n*math.Log(f.cost(f.rest(s))/n) + numbers*math.Log(n)
}

// cost is the sum of squares, which for a wild night goes on as a straight line (Huber,
// 1964).
func (f *fitter) cost(rest []float64) float64 {
	grain := 1e-6 * max(math.Abs(median(f.values)), 1e-6) // below it nothing is explained better
	sum := float64(len(rest)) * grain * grain
	wild := mostSpreads * max(f.spread, grain)
	for _, r := range rest {
		if r = math.Abs(r); r > wild {
			sum += 2*wild*r - wild*wild
		} else {
			sum += r * r
		}
	}
	return sum
}

// refined moves each step to where levels explain most: divide asks how laws differ, and
// is a night off more often.
func (f *fitter) refined(steps []int, slope float64) []int {
	steps = slices.Clone(steps)
	flat := f.without(slope)
	for range 2 {
		for i := range steps {
			from, to := 0, len(flat)
			if i > 0 {
				from = steps[i-1]
			}
			if i+1 < len(steps) {
				to = steps[i+1]
			}
			best := math.Inf(1)
			for at := from + leastSegment; at <= to-leastSegment; at++ {
				a, b := f.level(flat[from:at]), f.level(flat[at:to])
				rest := slices.Clone(flat[from:to])
				for j := range rest {
					if from+j < at {
						rest[j] -= a
					} else {
						rest[j] -= b
					}
				}
				if c := f.cost(rest); c < best {
					best, steps[i] = c, at
				}
			}
		}
	}
	return steps
}
