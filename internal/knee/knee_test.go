package knee

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// client is one whose knee is known. Its outcomes scatter by a share of the rate, and some
// trials miss for nothing.
type client struct {
	knee, scatter, hiccups float64
	rng                    *rand.Rand
}

func (c *client) holds(rate float64) bool {
	if c.rng.Float64() < c.hiccups {
		return false
	}
	if c.scatter == 0 {
		return rate <= c.knee
	}
	return c.rng.Float64() < 1/(1+math.Exp(math.Log(rate/c.knee)/c.scatter))
}

// searched runs a search to its end.
func searched(t *testing.T, o Options, holds func(float64) bool) (*Search, Answer) {
	t.Helper()
	s := New(o)
	for n := 0; ; n++ {
		rate, more := s.Next()
		if !more {
			a := s.Answer()
			if wrong := unfounded(o, a); wrong != "" {
				t.Errorf("%s: %+v", wrong, a)
			}
			return s, a
		}
		if n > o.Trials {
			t.Fatal("it does not end")
		}
		if again, _ := s.Next(); again != rate {
			t.Fatalf("it asks for %g, and asked again for %g", rate, again)
		}
		if o.Most > 0 && rate > o.Most || rate < o.Least {
			t.Fatalf("it tries %g, outside of its bounds", rate)
		}
		if !s.Tried(rate, holds(rate)) {
			t.Fatalf("it does not know %g, for which it asked", rate)
		}
	}
}

// unfounded is what an answer that says it is found lacks.
func unfounded(o Options, a Answer) string {
	switch {
	case !a.Found:
	case a.Held == 0 && (o.Least == 0 || a.Missed > o.Least), a.Missed == 0 && a.Held < o.Most:
		return "it ends at no bound"
	case a.Held > 0 && a.Missed > 0 && 2*(a.Missed-a.Held)/(a.Missed+a.Held) > o.Precision+0.01:
		return "it is wider than asked"
	case a.Held > 0 && a.HeldIn.N() < o.Repeats, a.Missed > 0 && a.MissedIn.N() < o.Repeats:
		return "an end was tried less often than asked"
	}
	return ""
}

func usual(from float64) Options {
	return Options{From: from, Precision: 0.05, Repeats: 3, Trials: 40}
}

// TestExact: where outcomes do not scatter, the knee is between two rates, as near as asked
// and each tried as often as asked, wherever the search began.
func TestExact(t *testing.T) {
	most := 0
	for _, precision := range []float64{LeastPrecision, 0.05, 0.1, MostPrecision} {
		for _, from := range []float64{10, 600, 6000, 20_000, 77_777, 3e6} {
			for _, knee := range []float64{3.3, 999, 20_000, 20_700, 123_456, 9e5} {
				o := usual(from)
				o.Precision, o.Trials = precision, 200
				_, a := searched(t, o, func(rate float64) bool { return rate <= knee })
				if !a.Found || a.Held > knee || a.Missed <= knee || 2*(a.Missed-a.Held)/(a.Missed+a.Held) > precision+0.01 || a.HeldIn.N() < 3 || a.MissedIn.N() < 3 {
					t.Errorf("from %g to within %g of %g: %+v", from, precision, knee, a)
				}
				if ratio := knee / from; ratio > 0.1 && ratio < 10 && precision == 0.05 {
					most = max(most, a.Trials)
				}
			}
		}
	}
	if most > 20 {
		t.Errorf("it took up to %d trials", most)
	}
	t.Logf("up to %d trials from a tenth to ten times of the knee", most)
}

// TestCovers: the knee lies in the interval as often as is said, however outcomes
// scatter and whatever a machine does now and then; and where they scatter little it is as
// narrow as asked, by few trials.
func TestCovers(t *testing.T) {
	const seeds = 400
	f := func(scatter, hiccups float64, least, narrow int, trials float64) {
		t.Helper()
		covered, found, sum, width, closed := 0, 0, 0, 0.0, 0
		for seed := range seeds {
			rng := rand.New(rand.NewPCG(uint64(seed), 12))
			c := &client{knee: 2000 * math.Exp(5*rng.Float64()), scatter: scatter, hiccups: hiccups, rng: rng}
			_, a := searched(t, usual(6000), c.holds)
			if a.Held <= c.knee && (a.Missed == 0 || a.Missed >= c.knee) {
				covered++
			}
			if a.Found {
				found++
			}
			sum += a.Trials
			if a.Held > 0 && a.Missed > 0 {
				width, closed = width+2*(a.Missed-a.Held)/(a.Missed+a.Held), closed+1
			}
		}
		mean := float64(sum) / seeds
		t.Logf("scatter %4.1f%%, hiccups %g: covered %5.1f%%, found %5.1f%%, %.1f trials, width %.1f%%", 100*scatter, hiccups, 100*float64(covered)/seeds, 100*float64(found)/seeds, mean, 100*width/float64(closed))
		if covered < least*seeds/100 || found < narrow*seeds/100 || mean > trials {
			t.Errorf("scatter %g with hiccups %g: %d covered and %d found of %d, %.1f trials each", scatter, hiccups, covered, found, seeds, mean)
		}
	}
	f(0, 0, 100, 100, 18)
	f(0.002, 0, 95, 95, 18)
	f(0.01, 0, 90, 80, 25)
	f(0.02, 0, 90, 0, 40)
	f(0.05, 0, 90, 0, 40)
	f(0.10, 0, 90, 0, 40)
	f(0, 0.02, 95, 90, 20)
	f(0.01, 0.05, 90, 60, 30)
}

// TestBounds: a bound that is held, or the lowest that is not, is an answer.
func TestBounds(t *testing.T) {
	o := usual(1000)
	o.Least, o.Most = 1000, 10_000
	f := func(knee float64, want string) {
		t.Helper()
		_, a := searched(t, o, func(rate float64) bool { return rate <= knee })
		if got := fmt.Sprint(a.Held, " ", a.Missed, " ", a.Found); got != want || a.Why != "" || a.Trials > 20 {
			t.Errorf("of %g: %s, want %s: %+v", knee, got, want, a)
		}
	}
	f(1e6, "10000 0 true")
	f(500, "0 1000 true")
	o.Most = 1000 // a single rate
	f(500, "0 1000 true")
	f(1000, "1000 0 true")
	o.Most = 1001
	f(1000, "1000 1001 true")
	// The bound below is held, and the next one is not: that the bound is held has to be sure.
	o = Options{From: 150, Least: 150, Most: 225, Precision: MostPrecision, Repeats: 1, Trials: 40}
	for _, s := range []float64{150, 187} {
		if _, a := searched(t, o, func(rate float64) bool { return rate <= s }); a.Held != 150 || a.Missed == 0 || !a.Found {
			t.Errorf("of %g: %+v", s, a)
		}
	}
	if _, a := searched(t, o, func(rate float64) bool { return rate < 225 }); a.Held != 188 || a.Missed != 225 && a.Missed != 0 || !a.Found {
		t.Errorf("%+v", a)
	}
}

// TestHiccup: one trial far below the knee that missed for nothing is outvoted, and does
// not end the way up.
func TestHiccup(t *testing.T) {
	for at := range 6 {
		n := -1
		_, a := searched(t, usual(1000), func(rate float64) bool {
			n++
			return n != at && rate <= 50_000
		})
		if !a.Found || a.Held > 50_000 || a.Missed < 50_000 {
			t.Errorf("a hiccup in trial %d: %+v", at, a)
		}
	}
}

// TestFounded: what is said to be found is as narrow as asked between the very rates that
// are named, and both of these were tried as often as asked, however outcomes scatter; that
// of the lowest rate it is not known on which side it lies is no answer.
func TestFounded(t *testing.T) {
	f := func(o Options, scatter, hiccups float64) {
		t.Helper()
		for seed := range 60 {
			rng := rand.New(rand.NewPCG(uint64(seed), 12))
			c := &client{knee: 2000 * math.Exp(3*rng.Float64()), scatter: scatter, hiccups: hiccups, rng: rng}
			searched(t, o, c.holds)
		}
	}
	f(usual(6000), 0.02, 0)
	o := usual(6000)
	o.Repeats = 10
	f(o, 0.01, 0.05)
	o.Repeats, o.Precision = 1, MostPrecision
	f(o, 0.05, 0.02)
	o.From, o.Least, o.Most = 5000, 5000, 10_000
	f(o, 0.10, 0.10)
}

// TestPartial: what a search knows before its end is no more than it may say.
func TestPartial(t *testing.T) {
	s := New(usual(1000))
	if a := s.Answer(); a != (Answer{}) {
		t.Errorf("before any trial: %+v", a)
	}
	s.Tried(1000, true)
	if a := s.Answer(); a.Missed != 0 || a.Found || a.Trials != 1 {
		t.Errorf("after one: %+v", a)
	}
	for range 4 {
		rate, _ := s.Next()
		s.Tried(rate, rate < 5000)
	}
	if a := s.Answer(); a.Held > 5000 || a.Missed != 0 && a.Missed < 5000 || a.Found {
		t.Errorf("after five: %+v", a)
	}
	if s.Tried(1234.5, true) || s.Undecided(1234.5, ToNothing, "") {
		t.Error("it takes a rate that is not on its grid")
	}
}

// TestUndecided: a rate of which nothing can be known ends the search, with what is known.
func TestUndecided(t *testing.T) {
	s := New(usual(1000))
	for range 100 {
		rate, more := s.Next()
		if !more {
			break
		}
		if rate >= 3500 {
			s.Undecided(rate, ToNothing, "it failed")
		} else {
			s.Tried(rate, true)
		}
	}
	a := s.Answer()
	if want := "nothing was decided at 3990/s in 3 trials; in the last: it failed"; a.Found || a.Why != want {
		t.Errorf("%+v, want %q", a, want)
	}
	// One that says nothing now and then does not.
	s = New(usual(1000))
	for n := 0; ; n++ {
		rate, more := s.Next()
		if !more {
			break
		}
		if n%3 != 2 {
			s.Undecided(rate, ToNothing, "busy")
		} else {
			s.Tried(rate, rate < 5000)
		}
	}
	if a := s.Answer(); !a.Found || a.Why != "" {
		t.Errorf("%+v", a)
	}
}

// TestMissedNowAndThen: a trial that failed says nothing of a rate that was missed before
// it, or after it: three in a row count as one that was missed where all of them were.
func TestMissedNowAndThen(t *testing.T) {
	for failed := range 3 {
		s := New(usual(1000))
		for n := range 3 {
			if rate, more := s.Next(); !more || rate != 1000 {
				t.Fatalf("after %d it tries %g, %t", n, rate, more)
			}
			came := ToMissed
			if n == failed {
				came = ToNothing
			}
			s.Undecided(1000, came, "why")
		}
		if a := s.Answer(); a.Trials != 0 || a.Why != "nothing was decided at 1000/s in 3 trials; in the last: why" {
			t.Errorf("with trial %d failed: %+v", failed, a)
		}
	}
}

// TestMissedAgain: what is missed on a busy machine three times in a row is not held there.
func TestMissedAgain(t *testing.T) {
	s, missed := New(usual(1000)), 0
	for {
		rate, more := s.Next()
		if !more {
			break
		}
		if rate < 5000 {
			s.Tried(rate, true)
			continue
		}
		missed++
		s.Undecided(rate, ToMissed, "busy")
	}
	if a := s.Answer(); !a.Found || a.Held > 5000 || a.Missed < 5000 || missed != 3*(a.Trials-s.held()) {
		t.Errorf("%+v, %d were missed", a, missed)
	}
}

// TestBusy: on a machine that is always busy the most of three trials count, whatever they
// came to, so that the knee that is found is the same.
func TestBusy(t *testing.T) {
	f := func(want Tally, came ...Came) {
		t.Helper()
		s := New(usual(1000))
		for _, c := range came {
			s.Undecided(1000, c, "busy")
		}
		if got := s.tallies[0]; got != want || s.stuck != "" {
			t.Errorf("%v: %+v, want %+v; %s", came, got, want, s.stuck)
		}
	}
	f(Tally{}, ToHeld, ToHeld)
	f(Tally{Held: 1}, ToHeld, ToMissed, ToHeld)
	f(Tally{Missed: 1}, ToMissed, ToHeld, ToMissed)
	f(Tally{Held: 1, Missed: 1}, ToHeld, ToHeld, ToHeld, ToMissed, ToMissed, ToMissed)
}

// held is how many trials held.
func (s *Search) held() (n int) {
	for _, t := range s.tallies {
		n += t.Held
	}
	return n
}

// TestGrid: rates are tried again and not beside each other, and all of them differ.
func TestGrid(t *testing.T) {
	for _, precision := range []float64{LeastPrecision, 0.05, MostPrecision} {
		for _, from := range []float64{1, 7.77, 100, 6000} {
			o := usual(from)
			o.Precision = precision
			s := New(o)
			last := 0.0
			for at := max(s.bottom, -200); at < 500; at++ {
				rate := s.rate(at)
				if rate <= last {
					t.Fatalf("from %g by %g: %g stands behind %g", from, precision, rate, last)
				}
				if got, ok := s.place(rate); !ok || got != at {
					t.Fatalf("from %g by %g: %g is at %d, not %d", from, precision, rate, at, got)
				}
				last = rate
			}
		}
	}
}

// TestCourse: each search that is not over has one trial a turn, in an order of the seed,
// and what was tried before goes on as if it had not been cut off.
func TestCourse(t *testing.T) {
	knees := []float64{1000, 9000, 80_000}
	run := func(seed uint64, cut int) (order []int) {
		start := func() *Course {
			var all []*Search
			for range knees {
				all = append(all, New(usual(6000)))
			}
			return NewCourse(all, seed)
		}
		type step struct {
			which int
			rate  float64
		}
		var steps []step
		c := start()
		for {
			if len(steps) == cut { // it is begun anew, and told what was
				c = start()
				for _, s := range steps {
					c.Next()
					c.Searches[s.which].Tried(s.rate, s.rate <= knees[s.which])
					c.Had(s.which)
				}
			}
			which, rate, more := c.Next()
			if !more {
				return order
			}
			steps, order = append(steps, step{which, rate}), append(order, which)
			c.Searches[which].Tried(rate, rate <= knees[which])
			c.Had(which)
		}
	}
	one := run(1, -1)
	for turn := range 5 {
		if seen := slices.Sorted(slices.Values(one[3*turn : 3*turn+3])); !slices.Equal(seen, []int{0, 1, 2}) {
			t.Errorf("turn %d: %v", turn, seen)
		}
	}
	if slices.Equal(one, run(2, -1)) {
		t.Error("another seed has the same order")
	}
	for cut := range 12 {
		if again := run(1, cut); !slices.Equal(one, again) {
			t.Errorf("cut off after %d: %v, want %v", cut, again, one)
		}
	}
}
