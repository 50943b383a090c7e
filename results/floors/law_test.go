package floors

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// The critical values of the test for large samples are in every table.
func TestKolmogorov(t *testing.T) {
	f := func(l, want float64) {
		t.Helper()
		if got := kolmogorov(l); math.Abs(got-want) > 5e-4 {
			t.Errorf("Q(%v) is %v, want %v", l, got, want)
		}
	}
	f(0.1, 1)
	f(0.5, 0.9639)
	f(1, 0.2700)
	f(1.2238, 0.10)
	f(1.3581, 0.05)
	f(1.6276, 0.01)
	f(1.9495, 0.001)
}

func TestFitOfKnownSamples(t *testing.T) {
	f := func(sample []float64, want float64) {
		t.Helper()
		if d, _ := Fit(sample, Uniform(1)); math.Abs(d-want) > 1e-12 {
			t.Errorf("D of %v is %v, want %v", sample, d, want)
		}
	}
	f([]float64{0.5}, 0.5)
	f([]float64{0.75, 0.25}, 0.25)
	f([]float64{0, 0, 0}, 1)
	f([]float64{2, 3}, 1)
	if d, p := Fit(nil, Uniform(1)); d != 0 || p != 1 {
		t.Errorf("without a sample: %v, %v", d, p)
	}
}

// Samples of a law fit it and do not fit the same law for an interval that is
// 1.3 times as long. A p is uniform under its own law, so of 400 samples about
// four are below 0.01.
func TestLaws(t *testing.T) {
	const samples, size, h = 400, 100, 500.0
	for _, members := range []int{1, 3} {
		r := rand.New(rand.NewPCG(uint64(members), 7))
		low, missed := 0, 0
		for range samples {
			sample := make([]float64, size)
			for i := range sample {
				for range members {
					sample[i] = max(sample[i], r.Float64()*h)
				}
			}
			law, longer := slowest(h, members), slowest(1.3*h, members)
			if _, p := Fit(sample, law); p < 0.01 {
				low++
			}
			if _, p := Fit(sample, longer); p >= 0.01 {
				missed++
			}
		}
		if low > 12 {
			t.Errorf("%d members: %d of %d samples do not fit their own law", members, low, samples)
		}
		if missed > samples/20 {
			t.Errorf("%d members: %d of %d samples fit the law for 1.3H", members, missed, samples)
		}
	}
}

// slowest is the law where n members beat independently of each other.
func slowest(h float64, n int) func(t float64) float64 {
	return func(t float64) float64 { return math.Pow(Uniform(h)(t), float64(n)) }
}

// Averaged over the beats of independent members, Last is the law of the slowest
// of them.
func TestLastOfIndependentMembers(t *testing.T) {
	const h, rounds = 500, 20000
	r := rand.New(rand.NewPCG(1, 7))
	for _, x := range []float64{-1, 0, 1, 100, 250, 499, 500, 700} {
		for n := 1; n <= 4; n++ {
			var mean float64
			for range rounds {
				beats := make([]int64, n)
				for i := range beats {
					beats[i] = r.Int64N(h)
				}
				mean += Last(h, gaps(beats, h))(x) / rounds
			}
			if want := slowest(h, n)(x); math.Abs(mean-want) > 0.015 {
				t.Errorf("%d independent members at %v: %v on average, want %v", n, x, mean, want)
			}
		}
	}
}

// everyAct lets an act fall on every moment between two ticks of an interval, and
// looks how long it takes until the last of some members has beaten.
func everyAct(beats []int64, h int64) []float64 {
	var took []float64
	for act := range h {
		var last float64
		for _, beat := range beats {
			next := float64(beat%h) - (float64(act) + 0.5)
			for next < 0 {
				next += float64(h)
			}
			last = max(last, next)
		}
		took = append(took, last)
	}
	return took
}

// The law and its mean are what one sees who tries every act.
func TestLastIsWhatEveryActShows(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := rapid.Int64Range(1, 60).Draw(t, "h")
		beats := rapid.SliceOfN(rapid.Int64Range(0, 300), 1, 6).Draw(t, "beats")
		took := everyAct(beats, h)
		d := Detection{Gaps: gaps(beats, h)}
		law := Last(float64(h), d.Gaps)
		var mean float64
		for _, t := range took {
			mean += t / float64(h)
		}
		for x := -2.0; x < float64(h)+3; x++ {
			within := 0.0
			for _, t := range took {
				if t <= x {
					within++
				}
			}
			if got := law(x); math.Abs(got-within/float64(h)) > 1e-9 {
				t.Fatalf("P(T <= %v) is %v, and %v of %d acts are as early", x, got, within, h)
			}
		}
		if got := Judge("join", slices.Repeat([]Detection{d}, Enough), 0, float64(h)).Expected; math.Abs(got-mean) > 1e-9 {
			t.Fatalf("the mean is %v, and of all acts %v", got, mean)
		}
	})
}

// D is the largest distance that one finds who looks everywhere.
func TestFitLooksEverywhere(t *testing.T) {
	const steps = 4096
	rapid.Check(t, func(t *rapid.T) {
		sample := rapid.SliceOfN(rapid.Float64Range(-0.2, 1.2), 1, 30).Draw(t, "sample")
		law := slowest(1, rapid.IntRange(1, 3).Draw(t, "members"))
		var most float64
		for i := -steps / 4; i <= steps+steps/4; i++ {
			x, below := float64(i)/steps, 0.0
			for _, s := range sample {
				if s <= x {
					below++
				}
			}
			most = max(most, math.Abs(below/float64(len(sample))-law(x)))
		}
		// Between two looks the law rises by 3 steps at the most.
		if d, p := Fit(sample, law); d < most-1e-9 || d > most+3.0/steps || p < 0 || p > 1 {
			t.Fatalf("D is %v (p %v), and the largest that is seen %v", d, p, most)
		}
	})
}

func TestLastByHand(t *testing.T) {
	f := func(x, want float64, gaps ...float64) {
		t.Helper()
		if got := Last(10, gaps)(x); math.Abs(got-want) > 1e-12 {
			t.Errorf("gaps %v at %v: %v, want %v", gaps, x, got, want)
		}
	}
	// Opposite beats: never before half an interval, then uniform.
	f(5, 0, 5, 5)
	f(7.5, 0.5, 5, 5)
	f(10, 1, 5, 5)
	// Beats at 0 and 2: eight in ten moments are followed by the beats of both
	// after 2 to 10, the others after 8 to 10.
	f(2, 0, 2, 8)
	f(8, 0.6, 2, 8)
	f(9, 0.8, 2, 8)
	f(10, 1, 2, 8)
	f(11, 1, 2, 8)
}

// The values are those of scipy.stats.kstest with method="exact", and of
// scipy.stats.kstwo.ppf. Fit uses the series for large samples with Stephens'
// correction, which is within a tenth of them in p.
func TestFitIsThatOfScipy(t *testing.T) {
	f := func(sample []float64, law func(float64) float64, wantD, wantP float64) {
		t.Helper()
		d, p := Fit(sample, law)
		if math.Abs(d-wantD) > 1e-9 || math.Abs(p-wantP) > 0.1*wantP {
			t.Errorf("D %v, p %v; scipy has %v, %v", d, p, wantD, wantP)
		}
	}
	dozen := []float64{0.05, 0.11, 0.19, 0.31, 0.32, 0.44, 0.52, 0.61, 0.63, 0.70, 0.88, 0.97}
	f(dozen, Uniform(1), 0.13333333333333341, 0.9643775025320862)
	f(dozen, Uniform(1.3), 0.29487179487179493, 0.2026338547670613)
	f(dozen, slowest(1, 3), 0.499953, 0.002683728946408115)
	var grid, bent []float64
	for i := range 100 {
		x := (float64(i) + 0.5) / 100
		grid, bent = append(grid, x), append(bent, math.Pow(x, 1.3))
	}
	f(grid, Uniform(1.3), 0.23461538461538467, 2.521201551611591e-05)
	f(bent, Uniform(1), 0.10124094860421223, 0.24022065390747058)
}

// The p of a critical value is its level.
func TestFitAtCriticalValues(t *testing.T) {
	f := func(n int, level, critical float64) {
		t.Helper()
		root := math.Sqrt(float64(n))
		if p := kolmogorov((root + 0.12 + 0.11/root) * critical); math.Abs(p-level) > 0.05*level {
			t.Errorf("n %d, D %v: p %v, want %v", n, critical, p, level)
		}
	}
	f(10, 0.1, 0.36866)
	f(10, 0.05, 0.40925)
	f(20, 0.05, 0.29408)
	f(20, 0.01, 0.35241)
	f(100, 0.1, 0.12066)
	f(100, 0.05, 0.13403)
	f(100, 0.01, 0.16081)
	f(110, 0.01, 0.15342)
}
