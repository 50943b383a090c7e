package compare

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// tried is the p of all ways to give signs, each tried.
func tried(diffs []float64) float64 {
	ranks, sum := signedRanks(diffs)
	as := 0
	for ways := range 1 << len(ranks) {
		s := 0
		for i, r := range ranks {
			if s += r; ways>>i&1 == 0 {
				s -= 2 * r
			}
		}
		if abs(s) >= abs(sum) {
			as++
		}
	}
	return float64(as) / float64(int(1)<<len(ranks))
}

func TestSignFlip(t *testing.T) {
	f := func(want float64, diffs ...float64) {
		t.Helper()
		if got := signFlip(diffs, nil); math.Abs(got-want) > 1e-12 {
			t.Errorf("%v: p %v, want %v", diffs, got, want)
		}
	}
	f(1)
	f(1, 0, 0)
	f(1, 5)
	f(0.25, 5, 6, 7)
	f(1.0/32, 1, 2, 3, 4, 5, 6)
	f(1.0/32, -6, -1, -2, -3, -4, -5)
	f(2.0/32, 0, 1, 2, 3, 4, 5) // what is equal says nothing
	f(1.0/16, -1, 2, 3, 4, 5, 6)
	f(1, 3, -3, 3, -3)
	rapid.Check(t, func(t *rapid.T) {
		diffs := rapid.SliceOfN(rapid.Float64Range(-3, 3), 0, 10).Draw(t, "diffs")
		for i := range diffs {
			diffs[i] = math.Round(diffs[i]) // with equal ones and zeros
		}
		if got, want := signFlip(diffs, nil), tried(diffs); math.Abs(got-want) > 1e-12 {
			t.Errorf("%v: p %v, want %v", diffs, got, want)
		}
	})
}

// What is drawn comes near what is counted.
func TestDrawnFlip(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for _, shift := range []float64{0, 0.1, 0.2, 0.4} {
		var diffs []float64
		for range 100 {
			diffs = append(diffs, rng.NormFloat64()+shift)
		}
		ranks, sum := signedRanks(diffs)
		exact, drawn := exactFlip(ranks, sum), drawnFlip(ranks, sum, rng)
		if off := math.Abs(exact - drawn); off > 0.015 {
			t.Errorf("shifted by %v: %v is drawn, %v counted", shift, drawn, exact)
		}
	}
}

func TestLeastRounds(t *testing.T) {
	f := func(alpha float64, rounds, trials int) {
		t.Helper()
		if r, n := leastRounds(alpha), leastTrials(alpha); r != rounds || n != trials {
			t.Errorf("%v takes %d rounds, or %d trials apart; want %d, %d", alpha, r, n, rounds, trials)
		}
	}
	f(0.05, 6, 4)
	f(0.03125, 6, 4)
	f(0.05/3, 7, 5)
	f(0.05/9, 9, 6)
	// And it is what the tests give.
	for n := 1; n < 12; n++ {
		diffs := make([]float64, n)
		for i := range diffs {
			diffs[i] = float64(i + 1)
		}
		if p := signFlip(diffs, nil); (p <= 0.05) != (n >= leastRounds(0.05)) {
			t.Errorf("%d rounds reach %v", n, p)
		}
	}
}

func TestHolm(t *testing.T) {
	f := func(ps, want []float64) {
		t.Helper()
		got := holm(ps)
		for i := range want {
			if math.Abs(got[i]-want[i]) > 1e-12 {
				t.Errorf("%v: %v, want %v", ps, got, want)
				return
			}
		}
	}
	f(nil, nil)
	f([]float64{0.04}, []float64{0.04})
	f([]float64{0.01, 0.04, 0.03, 0.005}, []float64{0.03, 0.06, 0.06, 0.02})
	f([]float64{0.5, 0.6, 0.9}, []float64{1, 1, 1})
}

// The interval holds the truth about as often as it says, of few rounds and of wild
// ones; the value is the middle of all pairs.
func TestInterval(t *testing.T) {
	const times = 400
	f := func(n int, law func(*rand.Rand) float64) {
		t.Helper()
		held, apart := 0, 0
		for seed := range uint64(times) {
			rng := rand.New(rand.NewPCG(seed, uint64(n)))
			a, b := make([]float64, n), make([]float64, n)
			for i := range a {
				a[i], b[i] = law(rng), law(rng)
			}
			if e := pairedEstimate(a, rng); e.low <= 0 && 0 <= e.high {
				held++
			}
			if e := apartEstimate(a, b, rng); e.low <= 0 && 0 <= e.high {
				apart++
			}
		}
		t.Logf("%d rounds: held in %d of %d, and of two runs in %d", n, held, times, apart)
		if least := int(0.92 * times); held < least || apart < least {
			t.Errorf("of %d rounds the interval holds the truth in %d of %d, and of two runs in %d; want %d", n, held, times, apart, least)
		}
	}
	normal := func(rng *rand.Rand) float64 { return rng.NormFloat64() }
	wild := func(rng *rand.Rand) float64 { return rng.NormFloat64() / max(0.1, rng.Float64()) }
	for _, n := range []int{6, 8, 12, 24} {
		f(n, normal)
		f(n, wild)
	}
	if e := pairedEstimate([]float64{1, 2, 3, 100}, rand.New(rand.NewPCG(1, 1))); e.value != 2.75 {
		t.Errorf("the middle is %v, want 2.75", e.value)
	}
	if e := apartEstimate([]float64{3, 4, 50}, []float64{1, 1, 2}, rand.New(rand.NewPCG(1, 1))); e.value != 3 {
		t.Errorf("the middle of what is apart is %v, want 3", e.value)
	}
}

func TestSeeded(t *testing.T) {
	a, b, c := Seeded("x", []float64{1, 2}), Seeded("x", []float64{1, 2}), Seeded("x", []float64{1, 3})
	if x := []uint64{a.Uint64(), b.Uint64(), c.Uint64()}; x[0] != x[1] || slices.Equal(x[:1], x[2:]) {
		t.Errorf("seeds %v", x)
	}
}
