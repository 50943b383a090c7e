package trend

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
)

func rngOf(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 1)) }

// levelsOf are normal values around levels, of so many nights each.
func levelsOf(rng *rand.Rand, nights int, levels ...float64) (out []float64) {
	for _, l := range levels {
		for range nights {
			out = append(out, l+rng.NormFloat64())
		}
	}
	return out
}

// Where levels are far apart a library that finds change points in another way finds the
// same ones, but for a night. It is pgregory.net/changepoint (ED-PELT, at 0394ac8), which the module proxy did not serve
// when this was written, so that what it says of these values is kept with them.
func TestDivideAgrees(t *testing.T) {
	data, err := os.ReadFile("testdata/changepoint.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct {
		Values []float64 `json:"values"`
		Points []int     `json:"points"`
	}
	if err := json.Unmarshal(data, &cases); err != nil || len(cases) < 20 {
		t.Fatalf("%d cases, %v", len(cases), err)
	}
	for i, c := range cases {
		near := func(a, b int) bool { return a-b <= 1 && b-a <= 1 }
		if got := divide(c.Values, 0.01, rngOf(uint64(i))); !slices.EqualFunc(got, c.Points, near) {
			t.Errorf("case %d is divided at %v, and by changepoint at %v", i, got, c.Points)
		}
	}
}

// The statistic of a split by its definition is the one that is kept up to date.
func TestSplit(t *testing.T) {
	values := levelsOf(rngOf(9), 7, 0, 1)
	mean := func(as, bs []float64, pairs float64) float64 {
		sum := 0.0
		for _, a := range as {
			for _, b := range bs {
				sum += math.Abs(a - b)
			}
		}
		return sum / pairs
	}
	at, far := 0, 0.0
	for m := leastSegment; m <= len(values)-leastSegment; m++ {
		x, y := values[:m], values[m:]
		a, b := float64(len(x)), float64(len(y))
		if q := a * b / (a + b) * (2*mean(x, y, a*b) - mean(x, x, a*(a-1)) - mean(y, y, b*(b-1))); q > far {
			at, far = m, q
		}
	}
	d := &divider{values: values, distances: distances(values)}
	p := d.part(0, len(values))
	if p.split != at || math.Abs(p.far-far) > 1e-9 {
		t.Errorf("split at %d, %g apart; by the definition at %d, %g", p.split, p.far, at, far)
	}
}

// The p of orders that can be counted by hand, and of values that are the same.
func TestMannKendall(t *testing.T) {
	f := func(values []float64, want float64) {
		t.Helper()
		if got := mannKendall(values); math.Abs(got-want) > 0.0005 {
			t.Errorf("p of %v is %.4f, want %.4f", values, got, want)
		}
	}
	f([]float64{1, 2, 3, 4, 5, 6, 7, 8}, 0.0008) // S 28, variance 65.3
	f([]float64{8, 7, 6, 5, 4, 3, 2, 1}, 0.0008)
	f([]float64{1, 1, 1, 1, 1, 1, 1, 1}, 1)
	f([]float64{1, 1, 1, 1, 2, 2, 2, 2}, 0.0304) // S 16, variance 48 with ties
}

func TestNoiseKinds(t *testing.T) {
	f := func(of func(*rand.Rand, int) float64, want Kind) {
		t.Helper()
		right := 0
		for seed := range uint64(20) {
			rng := rngOf(seed)
			var rest []float64
			for i := range 60 {
				rest = append(rest, of(rng, i))
			}
			if noiseOf(rest).Kind == want {
				right++
			}
		}
		if right < 16 {
			t.Errorf("%s is seen in %d of 20", want, right)
		}
	}
	f(func(r *rand.Rand, _ int) float64 { return r.NormFloat64() }, Even)
	f(func(r *rand.Rand, i int) float64 { return r.NormFloat64() + float64(i%15/14)*12 }, Outliers)
	f(func(r *rand.Rand, _ int) float64 { return r.NormFloat64() + float64(r.IntN(2))*9 }, TwoModes)
	f(func(r *rand.Rand, _ int) float64 { return r.ExpFloat64() }, Skew)
	if k := noiseOf([]float64{1, 2, 3}).Kind; k != Unknown {
		t.Errorf("three nights have noise that is %q", k)
	}
	if n := noiseOf(make([]float64, 30)); n.Deviation != 0 || n.Kind != Even {
		t.Errorf("nights without noise have %+v", n)
	}
}

// Figures that are exact, such as allocations, step without any noise.
func TestExactSteps(t *testing.T) {
	var nights, values []float64
	for i := range 20 {
		nights, values = append(nights, float64(i)), append(values, 2+float64(i/12))
	}
	s := shapeOf(nights, values, 0.01, rngOf(1))
	if !slices.Equal(s.steps, []int{12}) || s.slope != 0 || !slices.Equal(s.levels, []float64{2, 3}) {
		t.Errorf("%+v", s)
	}
	if s := shapeOf(nights, make([]float64, 20), 0.01, rngOf(1)); len(s.steps) > 0 || s.slope != 0 {
		t.Errorf("of nights that are the same: %+v", s)
	}
}
