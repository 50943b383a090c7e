package compare

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/aclements/go-moremath/stats"
)

// An estimate is how far two arms are apart, and between which bounds that lies, on the
// scale on which they are compared: the log of a ratio, or a difference.
type estimate struct {
	value, low, high float64
	deviation        float64 // of one round
	standard         float64 // error of the value
	freedom          float64 // degrees of it
}

const (
	confidence = 0.95
	resamples  = 2_000
)

// pairedEstimate is of the differences between two arms, one per round. The value is the
// median of the means of all pairs of rounds, each with itself too (Hodges and Lehmann),
// which goes with signed ranks as the mean goes with sums.
func pairedEstimate(diffs []float64, rng *rand.Rand) estimate {
	n := len(diffs)
	e := estimate{freedom: float64(n - 1), deviation: deviation(diffs)}
	e.standard = e.deviation / math.Sqrt(float64(n))
	var all []weighed
	for i, a := range diffs {
		for j, b := range diffs[:i+1] {
			all = append(all, weighed{(a + b) / 2, i, j})
		}
	}
	times := ones(n)
	e.resample(all, n, rng, times, times)
	return e
}

// apartEstimate is of two arms that share no round: the median of all differences
// between a trial of the one and a trial of the other.
func apartEstimate(as, bs []float64, rng *rand.Rand) estimate {
	n, m := len(as), len(bs)
	e := estimate{freedom: float64(n + m - 2)}
	a, b := deviation(as), deviation(bs)
	e.deviation = math.Sqrt((a*a*float64(n-1) + b*b*float64(m-1)) / max(e.freedom, 1))
	e.standard = e.deviation * math.Sqrt(1/float64(n)+1/float64(m))
	var all []weighed
	for i, a := range as {
		for j, b := range bs {
			all = append(all, weighed{a - b, i, j})
		}
	}
	e.resample(all, n+m, rng, ones(n), ones(m))
	return e
}

// weighed is a value that comes of two rounds, or of one twice.
type weighed struct {
	value float64
	i, j  int
}

func ones(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = 1
	}
	return out
}

// resample finds the value and its interval by a bootstrap over so many trials. a and b
// are how often each round of either arm counts; of differences between arms they are
// one. Percentiles of resamples of few rounds lie too close together, by the n-1 of a
// variance and by the difference between Student's t and the normal law: so further ones
// are taken, those that would give the interval of t for a mean (Hesterberg, 2015).
func (e *estimate) resample(all []weighed, trials int, rng *rand.Rand, a, b []int) {
	slices.SortFunc(all, func(x, y weighed) int {
		return cmp.Or(cmp.Compare(x.value, y.value), cmp.Compare(x.i, y.i), cmp.Compare(x.j, y.j))
	})
	paired := &a[0] == &b[0]
	e.value = middle(all, paired, a, b)
	if e.low, e.high = math.Inf(-1), math.Inf(1); e.freedom < 1 {
		return
	}
	drawn := make([]float64, resamples)
	for i := range drawn {
		draw(a, rng)
		if !paired {
			draw(b, rng)
		}
		drawn[i] = middle(all, paired, a, b)
	}
	slices.Sort(drawn)
	z := math.Sqrt(float64(trials)/e.freedom) * student(1-(1-confidence)/2, e.freedom)
	tail := stats.StdNormal.CDF(-z)
	at := func(q float64) float64 { return drawn[min(int(q*resamples), resamples-1)] }
	e.low, e.high = at(tail), at(1-tail)
}

// draw counts how often each round comes in a resample.
func draw(times []int, rng *rand.Rand) {
	clear(times)
	for range times {
		times[rng.IntN(len(times))]++
	}
}

// middle is the median of sorted values of which each counts as often as the rounds that
// it comes of, taken together.
func middle(all []weighed, paired bool, a, b []int) float64 {
	total := len(a) * len(b)
	if paired {
		total = len(a) * (len(a) + 1) / 2
	}
	weight := func(w weighed) int {
		if paired && w.i == w.j {
			return a[w.i] * (a[w.i] + 1) / 2
		}
		return a[w.i] * b[w.j]
	}
	i, seen := 0, 0
	for ; 2*seen < total; i++ {
		seen += weight(all[i])
	}
	if 2*seen > total {
		return all[i-1].value
	}
	above := i
	for weight(all[above]) == 0 {
		above++
	}
	return (all[i-1].value + all[above].value) / 2
}

func deviation(vs []float64) float64 {
	if len(vs) < 2 {
		return math.NaN()
	}
	return stats.StdDev(vs)
}

// student is the quantile of Student's t.
func student(q, freedom float64) float64 {
	return stats.InvCDF(stats.TDist{V: freedom})(q)
}
