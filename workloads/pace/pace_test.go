package pace

import (
	"math"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/kbench/kbench/workloads"
)

// drawn is a random schedule and the integral of its rate.
type drawn struct {
	rate  float64
	spec  workloads.Schedule
	total time.Duration
	seed  uint64
}

func draw(t *rapid.T, kinds ...string) (drawn, Schedule) {
	d := drawn{
		rate:  rapid.Float64Range(0.5, 50_000).Draw(t, "rate"),
		total: time.Duration(rapid.Int64Range(int64(10*time.Millisecond), int64(3*time.Second)).Draw(t, "total")),
		seed:  rapid.Uint64().Draw(t, "seed"),
	}
	d.spec.Kind = rapid.SampledFrom(kinds).Draw(t, "kind")
	switch d.spec.Kind {
	case "ramp":
		d.spec.From = rapid.Float64Range(0, 3).Draw(t, "from")
	case "steps":
		d.spec.Factors = append(rapid.SliceOfN(rapid.Float64Range(0, 3), 0, 6).Draw(t, "factors"), 1)
	case "bursts":
		d.spec.Every = time.Duration(rapid.Int64Range(int64(time.Millisecond), int64(time.Second)).Draw(t, "every"))
		d.spec.Size = rapid.IntRange(1, 1000).Draw(t, "size")
	}
	s, err := New(d.rate, d.spec, d.total, d.seed)
	if err != nil {
		t.Fatalf("New(%+v): %v", d, err)
	}
	return d, s
}

// rateAt is the rate at t without bursts; the test's own reading of the words.
func (d drawn) rateAt(t float64) float64 {
	total := d.total.Seconds()
	switch d.spec.Kind {
	case "ramp":
		return d.rate * (d.spec.From + (1-d.spec.From)*min(t/total, 1))
	case "steps":
		n := len(d.spec.Factors)
		return d.rate * d.spec.Factors[min(int(t/total*float64(n)), n-1)]
	default:
		return d.rate
	}
}

// integral sums rateAt over [0, until) in small steps.
func (d drawn) integral(until time.Duration) float64 {
	const steps = 200_000
	dt := until.Seconds() / steps
	var sum float64
	for i := range steps {
		sum += d.rateAt((float64(i)+0.5)*dt) * dt
	}
	if d.spec.Kind == "bursts" {
		sum += float64(int64(until-1)/int64(d.spec.Every)) * float64(d.spec.Size)
	}
	return sum
}

func TestTimesNeverFall(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		_, s := draw(t, "constant", "poisson", "ramp", "steps", "bursts")
		i := rapid.Int64Range(0, 100_000).Draw(t, "i")
		last := s.At(i)
		if last < 0 {
			t.Fatalf("At(%d) = %v, before the start", i, last)
		}
		for range 3000 {
			i++
			at := s.At(i)
			if at < last {
				t.Fatalf("At(%d) = %v, At(%d) = %v", i-1, last, i, at)
			}
			last = at
		}
	})
}

func TestCountIsTheInverseOfAt(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d, s := draw(t, "constant", "poisson", "ramp", "steps", "bursts")
		until := time.Duration(rapid.Int64Range(1, int64(2*d.total)).Draw(t, "until"))
		n := s.Count(until)
		if n > 0 && s.At(n-1) >= until {
			t.Fatalf("Count(%v) = %d, but At(%d) = %v", until, n, n-1, s.At(n-1))
		}
		if s.At(n) < until {
			t.Fatalf("Count(%v) = %d, but At(%d) = %v", until, n, n, s.At(n))
		}
		// The times of records themselves are the awkward bounds.
		if n > 0 {
			at := s.At(n - 1)
			if c := s.Count(at); c > n-1 {
				t.Fatalf("Count(At(%d)) = %d: a record at the bound is not below it", n-1, c)
			}
			if c := s.Count(at + 1); c < n {
				t.Fatalf("Count(At(%d)+1ns) = %d, want at least %d", n-1, c, n)
			}
		}
	})
}

func TestCountIsTheIntegralOfTheRate(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d, s := draw(t, "constant", "ramp", "steps", "bursts")
		until := time.Duration(rapid.Int64Range(1, int64(2*d.total)).Draw(t, "until"))
		got, want := float64(s.Count(until)), d.integral(until)
		// The sum in steps is off by as much as a step at each jump of the rate.
		slack := 1.01 + 3*d.rate*float64(len(d.spec.Factors))*until.Seconds()/200_000
		if math.Abs(got-want) > slack {
			t.Fatalf("%+v: Count(%v) = %v, integral of the rate = %.2f", d, until, got, want)
		}
	})
}

// TestInstantsAreTheIntegral counts the intended times of a run one by one, in all
// of it and in what comes after a warm-up, and holds both to the integral: it fails
// when either slips.
func TestInstantsAreTheIntegral(t *testing.T) {
	const rate, total, warmup = 5000.0, 8 * time.Second, 2500 * time.Millisecond
	for _, s := range []workloads.Schedule{
		{Kind: "constant"}, {Kind: "poisson"}, {Kind: "ramp", From: 0.2}, {Kind: "ramp", From: 3},
		{Kind: "steps", Factors: []float64{0, 2, 0.5}}, {Kind: "bursts", Every: 700 * time.Millisecond, Size: 40},
	} {
		schedule, err := New(rate, s, total, 3)
		if err != nil {
			t.Fatal(err)
		}
		all, after := 0, 0
		for i := int64(0); schedule.At(i) < total; i++ {
			all++
			if schedule.At(i) >= warmup {
				after++
			}
		}
		f := func(part string, got int, want float64) {
			t.Helper()
			slack := 1.0
			if s.Kind == "poisson" {
				slack = 3 * math.Sqrt(want)
			}
			if math.Abs(float64(got)-want) > slack {
				t.Errorf("%+v: %d times in %s, the integral is %.1f", s, got, part, want)
			}
		}
		f("the run", all, schedule.Expected(total))
		f("the measured part", after, schedule.Expected(total)-schedule.Expected(warmup))
	}
}

func TestTimesDoNotDependOnTheOrderOfAsking(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d, s := draw(t, "constant", "poisson", "ramp", "steps", "bursts")
		again, err := New(d.rate, d.spec, d.total, d.seed)
		if err != nil {
			t.Fatal(err)
		}
		want := make([]time.Duration, 5000)
		for i := range want {
			want[i] = s.At(int64(i))
		}
		for _, i := range rapid.SliceOfN(rapid.IntRange(0, len(want)-1), 50, 50).Draw(t, "order") {
			if got := again.At(int64(i)); got != want[i] {
				t.Fatalf("At(%d) = %v out of order, %v in order", i, got, want[i])
			}
		}
	})
}

// A Poisson process has exponential gaps, and counts whose variance is their
// mean. The seed is fixed, so the figures are too.
func TestPoissonIsPoisson(t *testing.T) {
	const rate = 10_000.0
	s, err := New(rate, workloads.Schedule{Kind: "poisson"}, 0, 7)
	if err != nil {
		t.Fatal(err)
	}
	const n = 500_000
	gaps := make([]float64, n)
	last := s.At(0)
	for i := range gaps {
		at := s.At(int64(i + 1))
		gaps[i] = (at - last).Seconds() * rate
		last = at
	}
	// P(gap > x) = exp(-x), also across the edges of blocks.
	for _, x := range []float64{0.01, 0.1, 0.5, 1, 2, 4, 7} {
		above := 0
		for _, g := range gaps {
			if g > x {
				above++
			}
		}
		p := math.Exp(-x)
		if got, sd := float64(above)/n, math.Sqrt(p*(1-p)/n); math.Abs(got-p) > 4.5*sd {
			t.Errorf("share of gaps above %v means = %.5f, want %.5f +- %.5f", x, got, p, sd)
		}
	}
	// Neighbouring gaps are independent.
	var product float64
	for i := 1; i < n; i++ {
		product += (gaps[i] - 1) * (gaps[i-1] - 1)
	}
	if r := product / n; math.Abs(r) > 4.5/math.Sqrt(n) {
		t.Errorf("correlation of neighbouring gaps = %.5f, want 0", r)
	}
	// Counts in windows that do not line up with the blocks.
	const windows, width = 4000, 7 * time.Millisecond
	var sum, squares float64
	var before int64
	for w := range windows {
		c := s.Count(time.Duration(w+1) * width)
		x := float64(c - before)
		before = c
		sum += x
		squares += x * x
	}
	mean := sum / windows
	variance := squares/windows - mean*mean
	if want := rate * width.Seconds(); math.Abs(mean-want) > 4.5*math.Sqrt(want/windows) {
		t.Errorf("mean count = %.3f, want %.3f", mean, want)
	}
	if ratio := variance / mean; math.Abs(ratio-1) > 4.5*math.Sqrt(2.0/windows) {
		t.Errorf("variance / mean of counts = %.3f, want 1", ratio)
	}
}

func TestPoissonSeedsDiffer(t *testing.T) {
	a, b := newPoisson(1000, 1), newPoisson(1000, 2)
	same := 0
	for i := range int64(1000) {
		if a.At(i) == b.At(i) {
			same++
		}
	}
	if same > 0 {
		t.Errorf("%d of 1000 times are equal under two seeds", same)
	}
}

func TestStepsThatSendNothing(t *testing.T) {
	f := func(factors []float64, i int64, want time.Duration) {
		t.Helper()
		s, err := New(10, workloads.Schedule{Kind: "steps", Factors: factors}, 3*time.Second, 0)
		if err != nil {
			t.Fatal(err)
		}
		if got := s.At(i); got != want {
			t.Errorf("steps %v: At(%d) = %v, want %v", factors, i, got, want)
		}
	}
	f([]float64{0, 1, 1}, 0, time.Second)
	f([]float64{1, 0, 1}, 9, 900*time.Millisecond)
	f([]float64{1, 0, 1}, 10, 2*time.Second)
	f([]float64{1, 1, 0}, 19, 1900*time.Millisecond)
	f([]float64{1, 1, 0}, 20, Never)
}

func TestBurstComesBeforeTheRecordOfItsTime(t *testing.T) {
	s, err := New(2, workloads.Schedule{Kind: "bursts", Every: time.Second, Size: 3}, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	ms := time.Millisecond
	for i, want := range []time.Duration{0, 500 * ms, 1000 * ms, 1000 * ms, 1000 * ms, 1000 * ms, 1500 * ms, 2000 * ms} {
		if got := s.At(int64(i)); got != want {
			t.Errorf("At(%d) = %v, want %v", i, got, want)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	f := func(rate float64, s workloads.Schedule, total time.Duration, want string) {
		t.Helper()
		got, err := New(rate, s, total, 0)
		if err == nil {
			t.Fatalf("New = %v, want an error with %q", got, want)
		}
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error %q does not say %q", err, want)
		}
	}
	f(0, workloads.Schedule{Kind: "constant"}, time.Second, "above 0")
	f(math.NaN(), workloads.Schedule{Kind: "constant"}, time.Second, "above 0")
	f(math.Inf(1), workloads.Schedule{Kind: "poisson"}, time.Second, "finite")
	f(1, workloads.Schedule{Kind: "ramp", From: -1}, time.Second, "0 or more")
	f(1, workloads.Schedule{Kind: "ramp"}, 0, "length")
	f(1, workloads.Schedule{Kind: "steps"}, time.Second, "no factor")
	f(1, workloads.Schedule{Kind: "steps", Factors: []float64{0, 0}}, time.Second, "no factor")
	f(1, workloads.Schedule{Kind: "steps", Factors: []float64{1, -2}}, time.Second, "factor 2")
	f(1, workloads.Schedule{Kind: "bursts", Size: 1}, time.Second, "bursts")
	f(1, workloads.Schedule{Kind: "bursts", Every: time.Second}, time.Second, "bursts")
	f(1, workloads.Schedule{Kind: "sine"}, time.Second, `"sine"`)
}
