package compare

import (
	"math"

	"github.com/aclements/go-moremath/stats"
	"golang.org/x/perf/benchmath"
)

// power is how often an effect is to be seen that is called one that would have been.
const power = 0.8

// mostRounds is more than anyone runs.
const mostRounds = 10_000

// outlook says what rounds can tell, by how much they scatter: an effect is seen in four of
// five runs if it is as many standard errors as it takes to convince and 80% of the time
// to be there,
//
//	effect = (t(1 - alpha/2) + t(80%)) deviation / sqrt(rounds)
//
// and it has to be as large as matters, too, which one of just that size is every other
// time. Few rounds tell little of how far they scatter: the deviation is taken as large
// as it is in four of five such runs at the most.
type outlook struct {
	smallest  float64 // effect that would have been seen, on the scale that is compared
	least     int     // rounds without which no effect would
	deviation float64
	alpha     float64
	paired    bool
}

func outlookOf(e *estimate, matters, alpha float64, paired bool) outlook {
	wider := wide(e.freedom)
	standard := wider * e.standard
	p := outlook{smallest: math.NaN(), deviation: wider * e.deviation, alpha: alpha, paired: paired}
	if p.least = leastRounds(alpha); !paired {
		p.least = leastTrials(alpha)
	}
	if e.freedom >= 1 {
		often := student(power, e.freedom)
		p.smallest = max(student(1-alpha/2, e.freedom)*standard, matters) + often*standard
	}
	return p
}

// wide is how many times of what was seen a deviation may be: by the law of chi-squared,
// as Wilson and Hilferty come near it.
func wide(freedom float64) float64 {
	if freedom < 1 {
		return math.NaN()
	}
	z := stats.InvCDF(stats.StdNormal)(1 - power)
	cube := 1 - 2/(9*freedom) + z*math.Sqrt(2/(9*freedom))
	return math.Pow(cube, -1.5)
}

// more is how many rounds it takes to tell an effect of some size, of which so many have
// not told; 0: more than anyone runs. It takes those that see it, or one of the size that
// matters. Where there are as many already it lies beside what matters, and it takes those
// that set it apart from that.
func (p *outlook) more(than int, effect, matters float64) int {
	n := p.rounds(max(effect, matters))
	if n == 0 || n > than {
		return n
	}
	if n = p.rounds(math.Abs(effect - matters)); n == 0 {
		return 0
	}
	return max(n, than+1)
}

// rounds is how many it takes to see an effect; 0: more than anyone runs.
func (p *outlook) rounds(effect float64) int { return p.until(effect, power) }

// until is how many rounds it takes until an effect is so many standard errors as it takes
// to convince, and to be there as often as power says; with a power of 0, until half of an
// interval is no longer.
func (p *outlook) until(effect, power float64) int {
	enough := func(n int) bool {
		freedom, standard := float64(n-1), p.deviation/math.Sqrt(float64(n))
		if !p.paired { // so many of either
			freedom, standard = float64(2*n-2), standard*math.Sqrt2
		}
		far := student(1-p.alpha/2, freedom)
		if power > 0 {
			far += student(power, freedom)
		}
		return math.IsNaN(p.deviation) || far*standard <= effect
	}
	if enough(p.least) {
		return p.least
	}
	low, high := p.least, p.least
	for !enough(high) {
		if low, high = high, 2*high; high > mostRounds {
			return 0
		}
	}
	for high-low > 1 {
		if mid := (low + high) / 2; enough(mid) {
			high = mid
		} else {
			low = mid
		}
	}
	return high
}

// leastTrials is how many trials of either arm it takes until the rarest order of both
// is rarer than alpha: of C(2n, n) orders two are furthest apart.
func leastTrials(alpha float64) int {
	p, n := 2.0, 0
	for p > alpha {
		n++
		p *= float64(n) / float64(2*n) * float64(n) / float64(2*n-1)
	}
	return n
}

// uTest is the p of two samples without pairs, as benchstat has it.
func uTest(a, b []float64) *float64 {
	sample := func(vs []float64) *benchmath.Sample {
		return benchmath.NewSample(append([]float64{}, vs...), &benchmath.DefaultThresholds)
	}
	p := benchmath.AssumeNothing.Compare(sample(a), sample(b)).P
	return &p
}
