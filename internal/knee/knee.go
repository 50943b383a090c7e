// Package knee finds the highest rate that is held, from trials that each say of one rate
// whether it was. It is pure: it says which rate to try next, is told what came out, and
// knows how sure it is. Nothing is run, timed or read here.
//
// Rates stand on a grid of equal ratios, so that they are tried again and not beside each
// other. Near the knee a trial may say either, and far from it one in fifty is taken to
// say the opposite of what is so: a machine has hiccups. With x a place on the grid, k that
// of the knee and w how far outcomes scatter around it, in steps of the grid,
//
//	P(not held at x) = 1/50 + 48/50 * 1/(1+exp(-(x-k)/w))
//
// so that the knee is the rate that is held in every second trial. Neither k nor w is
// known. All places are alike beforehand, and so are seven widths from a twentieth of a
// step to eight; each trial moves the odds of each pair by Bayes' rule. Those of k alone
// have an interval in which the knee lies with 95%; it ends at rates that were tried.
//
// What is tried next: rates twice as high until one is not held (or half, until one is),
// then the middle of what is left, and then the rate from one end to the other that was
// tried least often. It is over when the interval is as narrow as asked and both of its
// ends were tried as often as asked.
package knee

import (
	"fmt"
	"maps"
	"math"
	"slices"
)

// Options say what is searched.
type Options struct {
	From      float64 // the first rate that is tried
	Least     float64 // none below it is; 0: one record a second
	Most      float64 // none above it is; 0: there is no such bound
	Precision float64 // how wide the interval is to be, as a share of its middle
	Repeats   int     // how often each of its ends is tried at the least
	Trials    int     // how many there are at the most
}

// Bounds of a precision: below the first one rates on the grid, of three digits each, would
// be the same, and above the other nothing would be left to search.
const (
	LeastPrecision = 0.02
	MostPrecision  = 0.5
)

// goal is how many steps of the grid are as narrow as asked: a knee that lies at a rate of
// the grid takes one to either side.
const goal = 2

// undecided is how many trials of a rate in a row may say nothing.
const undecided = 3

// Tally is what the trials of a rate said.
type Tally struct {
	Held   int `json:"held"`
	Missed int `json:"missed"`
}

// N is how many there were.
func (t Tally) N() int { return t.Held + t.Missed }

// row is how many trials of a rate in a row said nothing, and in how many of them it was
// held, or missed, all the same.
type row struct{ trials, held, missed int }

// Came is what a trial that says nothing came to.
type Came int

// What it can have come to.
const (
	ToNothing Came = iota
	ToHeld
	ToMissed
)

// Search is a search under way.
type Search struct {
	o           Options
	step        float64 // of the grid, as a logarithm
	bottom, top int     // the places of the bounds
	tallies     map[int]Tally
	nothing     map[int]row // trials in a row that said nothing, by place
	trials      int
	stuck       string // why it cannot go on
	odds        *odds
	known       *between // what interval gives; nil: since then there was a trial
}

// New begins a search.
func New(o Options) *Search {
	s := &Search{o: o, step: math.Log1p(o.Precision / goal), top: math.MaxInt32, tallies: map[int]Tally{}, nothing: map[int]row{}, odds: newOdds()}
	place := func(rate float64) int { return int(math.Round(math.Log(rate/o.From) / s.step)) }
	s.bottom = min(place(max(o.Least, 1)), 0)
	if o.Most > 0 {
		s.top = max(place(o.Most), 0)
		if s.top == 0 && o.Most > o.From {
			s.top = 1 // they are two rates, however near
		}
	}
	return s
}

// Rate is that of a place: a bound as it was given, others with three digits.
func (s *Search) rate(at int) float64 {
	switch {
	case at == 0:
		return s.o.From
	case at >= s.top:
		return s.o.Most
	case at <= s.bottom && s.o.Least > 0:
		return s.o.Least
	}
	return three(s.o.From * math.Exp(s.step*float64(at)))
}

// three rounds to three digits.
func three(v float64) float64 {
	digits := 2 - int(math.Floor(math.Log10(v)))
	if unit := math.Pow10(digits); digits > 0 {
		return math.Round(v*unit) / unit // as it is written
	}
	return math.Round(v/math.Pow10(-digits)) * math.Pow10(-digits)
}

// place is that of a rate which was tried.
func (s *Search) place(rate float64) (int, bool) {
	near := int(math.Round(math.Log(rate/s.o.From) / s.step))
	for _, at := range []int{near, near - 1, near + 1, s.bottom, s.top} {
		if s.rate(at) == rate {
			return at, true
		}
	}
	return 0, false
}

// Tried is told what a trial of a rate said. It reports false for a rate that is none of
// the search.
func (s *Search) Tried(rate float64, held bool) bool {
	at, ok := s.place(rate)
	if !ok {
		return false
	}
	t := s.tallies[at]
	if held {
		t.Held++
	} else {
		t.Missed++
	}
	s.tallies[at] = t
	s.trials++
	s.known = nil
	delete(s.nothing, at)
	return true
}

// Undecided is told that a trial of a rate said nothing of the client, what it came to all
// the same, and why. With the third in a row the search ends, since what lies there cannot
// be known; or, where each of them came to something, what most of them came to counts as
// one trial, whoever's fault that is. It does so for either outcome: were only those that
// missed run again, a rate would be held that seldom is.
func (s *Search) Undecided(rate float64, came Came, why string) bool {
	at, ok := s.place(rate)
	if !ok {
		return false
	}
	r := s.nothing[at]
	r.trials++
	switch came {
	case ToHeld:
		r.held++
	case ToMissed:
		r.missed++
	}
	s.nothing[at] = r
	switch {
	case r.trials < undecided:
	case r.held+r.missed == r.trials:
		return s.Tried(rate, r.held > r.missed)
	default:
		s.stuck = fmt.Sprintf("nothing was decided at %g/s in %d trials; in the last: %s", rate, undecided, why)
	}
	return true
}

// Next is the rate to try, and false when the search is over.
func (s *Search) Next() (rate float64, more bool) {
	at, more := s.next()
	if !more {
		return 0, false
	}
	return s.rate(at), true
}

func (s *Search) next() (at int, more bool) {
	if s.stuck != "" || s.trials >= s.o.Trials {
		return 0, false
	}
	if len(s.tallies) == 0 {
		return 0, true
	}
	tried := slices.Sorted(maps.Keys(s.tallies))
	lowest, highest := tried[0], tried[len(tried)-1]
	switch l, h := s.tallies[lowest], s.tallies[highest]; {
	case h.Held >= h.Missed && highest < s.top:
		return min(highest+s.doubling(), s.top), true
	case l.Missed >= l.Held && lowest > s.bottom:
		return max(lowest-s.doubling(), s.bottom), true
	}
	low, high, middle := s.interval()
	if high-low > goal {
		return s.within(max(low, lowest), min(high, highest), middle), true
	}
	if at, is := s.open(low, high); is {
		return at, true
	}
	return s.weak(low, high)
}

// weak says whether an end of an interval does not bear it yet, and which: it was tried less
// often than asked, or its trials do not say in their most on which side of the knee it
// lies. An end beyond a bound is none.
func (s *Search) weak(low, high int) (end int, is bool) {
	if t := s.tallies[low]; low >= s.bottom && (t.N() < s.o.Repeats || t.Held <= t.Missed) {
		return low, true
	}
	if t := s.tallies[high]; high <= s.top && (t.N() < s.o.Repeats || t.Missed <= t.Held) {
		return high, true
	}
	return 0, false
}

// open says whether an interval reaches beyond a bound, of which then is not known on which
// side of the knee it lies.
func (s *Search) open(low, high int) (bound int, is bool) {
	switch {
	case low < s.bottom && high > s.bottom:
		return s.bottom, true
	case high > s.top && low < s.top:
		return s.top, true
	}
	return 0, false
}

// doubling is how many steps make twice the rate.
func (s *Search) doubling() int { return max(int(math.Round(math.Ln2/s.step)), 1) }

// near is how many steps are so few that each of their rates is tried.
const near = 5

// within is the place to try where the interval is wider than asked: the middle of the
// odds, and once that was tried as often as an end has to be, or the ends are near, the
// place that was tried least often, of those the nearest to the middle.
func (s *Search) within(low, high int, middle float64) int {
	if m := min(max(int(math.Round(middle)), low), high); high-low > near && s.tallies[m].N() < s.o.Repeats {
		return m
	}
	best := low
	for at := low; at <= high; at++ {
		a, b := s.tallies[at].N(), s.tallies[best].N()
		if a < b || a == b && math.Abs(float64(at)-middle) < math.Abs(float64(best)-middle) {
			best = at
		}
	}
	return best
}

// interval is between which places the knee lies, and the middle of its odds. An end may
// be one beyond a bound. Where the knee surely lies at a place, that is the end which its
// trials make it, or none.
func (s *Search) interval() (low, high int, middle float64) {
	if s.known == nil {
		low, high, middle = s.odds.interval(s.tallies, s.doubling())
		if t := s.tallies[low]; low == high {
			if t.Held <= t.Missed {
				low--
			}
			if t.Missed <= t.Held {
				high++
			}
		}
		s.known = &between{min(max(low, s.bottom-1), s.top), max(min(high, s.top+1), s.bottom), middle}
	}
	return s.known.low, s.known.high, s.known.middle
}

// between is an interval and its middle.
type between struct {
	low, high int
	middle    float64
}

// Answer is what a search has found so far.
type Answer struct {
	// Held is the highest rate that was tried and is surely below the knee, and Missed the
	// lowest that is surely above it; 0: none is known.
	Held     float64 `json:"held,omitempty"`
	HeldIn   Tally   `json:"held_in,omitzero"` // its trials
	Missed   float64 `json:"missed,omitempty"`
	MissedIn Tally   `json:"missed_in,omitzero"`
	Trials   int     `json:"trials"`
	// Found says that the interval is as narrow as asked, or ends at a bound of the search.
	Found bool   `json:"found"`
	Why   string `json:"why,omitempty"` // it is not, as far as the search itself knows
}

// Answer is the narrowest interval of rates that were tried in which the knee lies.
func (s *Search) Answer() Answer {
	a := Answer{Trials: s.trials, Why: s.stuck}
	if len(s.tallies) == 0 {
		return a
	}
	low, high, _ := s.interval()
	for at, t := range s.tallies {
		if at <= low && s.rate(at) > a.Held && t.Held > t.Missed {
			a.Held, a.HeldIn = s.rate(at), t
		}
		if at >= high && (a.Missed == 0 || s.rate(at) < a.Missed) && t.Missed > t.Held {
			a.Missed, a.MissedIn = s.rate(at), t
		}
	}
	if a.Why != "" {
		return a
	}
	_, more := s.next()
	if a.Found = !more && s.settled(low, high); !more && !a.Found {
		a.Why = fmt.Sprintf("%d trials did not make it narrower: outcomes scatter", s.trials)
	}
	return a
}

// settled says whether an interval is what was asked for, whoever ended the search.
func (s *Search) settled(low, high int) bool {
	_, weak := s.weak(low, high)
	_, open := s.open(low, high)
	return high-low <= goal && !open && !weak
}
