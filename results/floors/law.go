package floors

import (
	"math"
	"slices"
)

// Uniform is the law of what falls anywhere in [0, h) alike.
func Uniform(h float64) func(t float64) float64 {
	return func(t float64) float64 { return min(max(t/h, 0), 1) }
}

// Last is the law of the time from a random moment until the last of some
// members has beaten, where each beats once in a round of length h and gaps are
// the distances from one beat to the next, round the circle. Whoever beat just
// before that moment is the last to beat again, an h after its beat, so that a
// moment in a gap g takes from h - g to h, all alike:
//
//	     |<------ g ------>|
//	beat a    t0       beat b     ...     beat a
//	           |<---------- T ----------->|
//
//	P(T <= t) = 1/h sum over gaps of max(0, t - (h - g)),  t <= h
//
// Members in step leave one gap, of the whole round, which makes T uniform in
// (0, h). For n members that beat independently of each other it is, on average
// over where their beats are, (t/h)^n.
func Last(h float64, gaps []float64) func(t float64) float64 {
	return func(t float64) float64 {
		var sum float64
		for _, g := range gaps {
			sum += min(max(t-(h-g), 0), g)
		}
		return sum / h
	}
}

// Fit is the one-sample test of Kolmogorov and Smirnov: d is the largest distance
// between the distribution of the sample and the law, and p the probability of
// one at least as large if the sample follows the law. Without a sample there is
// nothing that speaks against the law, and p is 1.
//
//	D = max over x of |F_n(x) - F(x)|
//	p = Q((sqrt n + 0.12 + 0.11/sqrt n) D),  Q(l) = 2 sum (-1)^(k-1) exp(-2 k^2 l^2)
//
// The term beside sqrt n is Stephens' correction; with it the series is good from
// about five values on.
func Fit(sample []float64, law func(float64) float64) (d, p float64) {
	n := float64(len(sample))
	if n == 0 {
		return 0, 1
	}
	sorted := slices.Sorted(slices.Values(sample))
	for i, x := range sorted {
		f := law(x)
		d = max(d, f-float64(i)/n, float64(i+1)/n-f)
	}
	root := math.Sqrt(n)
	return d, kolmogorov((root + 0.12 + 0.11/root) * d)
}

// kolmogorov is Q. For a small l its series converges badly, and Q is 1 to more
// digits than anyone looks at.
func kolmogorov(l float64) float64 {
	if l < 0.2 {
		return 1
	}
	var sum float64
	for k := 1; k <= 100; k++ {
		term := math.Exp(-2 * float64(k*k) * l * l)
		if k%2 == 0 {
			term = -term
		}
		sum += term
		if math.Abs(term) < 1e-12 {
			break
		}
	}
	return min(max(2*sum, 0), 1)
}
