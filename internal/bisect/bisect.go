// Package bisect finds between which two versions something changed, from trials that
// may be wrong. It is pure: it says what to try next, is told what came out, and knows
// how sure it is.
//
// The versions stand in a row, and from one of them on all are of the other kind:
//
//	v0 v1 v2 | v3 v4        the first of the other kind is v3
//
// Each trial is right about its version but for a known part of trials (Wrong), so that
// by Bayes' rule it moves the odds of every place that lies on the other side of its
// version. What is tried next is the version that halves the odds, and the search ends
// when one place has all but a hundredth of them. Its answer is then wrong in one of a
// hundred searches at most, on the average over all places and as long as no larger part
// of the trials is wrong; no other rule that tries one version at a time gets there with
// many fewer trials. That nothing changed at all is two of the places: before the first
// version, and behind the last.
package bisect

import (
	"math"
	"slices"
)

// Search is a search under way.
type Search struct {
	versions []string
	odds     []float64 // odds[i]: the i-th version is the first of the other kind; one more: none is
	wrong    float64
	trials   map[string][2]int // by version: those that said the first kind, and the other
	skipped  []Skipped
}

// Skipped is a version that could not be tried, with those that stood beside it.
type Skipped struct {
	Version string `json:"version"`
	Why     string `json:"why"`
}

// Sure is what the odds of one place must reach.
const Sure = 0.99

// New begins a search in versions, of which no more than a part of the trials is wrong.
func New(versions []string, wrong float64) *Search {
	s := &Search{versions: slices.Clone(versions), wrong: wrong, trials: map[string][2]int{}}
	for range len(versions) + 1 {
		s.odds = append(s.odds, 1/float64(len(versions)+1))
	}
	return s
}

// Next is the version to try, and false when the search has ended. The ends come first:
// where they are alike there is nothing to search for.
func (s *Search) Next() (version string, more bool) {
	n := len(s.versions)
	if n == 0 {
		return "", false
	}
	if s.best() >= Sure {
		end, again := s.odd(most)
		return end, again
	}
	for _, end := range []string{s.versions[0], s.versions[n-1]} {
		if s.trials[end] == [2]int{} {
			return end, true
		}
	}
	// The version of which the odds of either kind are nearest to even.
	best, at, other := 2.0, 0, 0.0
	for i := range s.versions {
		other += s.odds[i]
		if off := math.Abs(other - 0.5); off < best {
			best, at = off, i
		}
	}
	return s.versions[at], true
}

// most is how many trials an end has that goes on to contradict the answer.
const most = 4

// odd is an end most of whose trials contradict the answer, of those with fewer trials
// than some: what changes the other way round than was said is in no place, and must not
// be taken for one.
func (s *Search) odd(fewer int) (end string, is bool) {
	at := slices.Index(s.odds, s.best())
	for _, i := range []int{0, len(s.versions) - 1} {
		n := s.trials[s.versions[i]]
		if i >= at {
			n[0], n[1] = n[1], n[0]
		}
		if n[1] > n[0] && n[0]+n[1] < fewer {
			return s.versions[i], true
		}
	}
	return "", false
}

// Tried is told what a trial of a version said: that it is of the other kind or not.
func (s *Search) Tried(version string, other bool) {
	k := slices.Index(s.versions, version)
	if k < 0 {
		return
	}
	n := s.trials[version]
	if other {
		n[1]++
	} else {
		n[0]++
	}
	s.trials[version] = n
	sum := 0.0
	for i := range s.odds {
		if (i <= k) == other {
			s.odds[i] *= 1 - s.wrong
		} else {
			s.odds[i] *= s.wrong
		}
		sum += s.odds[i]
	}
	for i := range s.odds {
		s.odds[i] /= sum
	}
}

// Skip takes out a version that cannot be tried: that it is the first of the other kind
// cannot be told from that of the next one.
func (s *Search) Skip(version, why string) {
	k := slices.Index(s.versions, version)
	if k < 0 {
		return
	}
	s.odds[k] += s.odds[k+1]
	s.odds = slices.Delete(s.odds, k+1, k+2)
	s.versions = slices.Delete(s.versions, k, k+1)
	s.skipped = append(s.skipped, Skipped{version, why})
}

func (s *Search) best() float64 { return slices.Max(s.odds) }

// Answer is what a search has found so far.
type Answer struct {
	First   string    `json:"first,omitempty"` // the first version of the other kind; empty: there is none, or all are
	Last    string    `json:"last,omitempty"`  // the one before it that could be tried
	Sure    float64   `json:"sure"`
	Trials  int       `json:"trials"`
	Against int       `json:"against"` // trials that contradict the answer
	Doubt   bool      `json:"doubt"`   // they are more than were to be expected
	Skipped []Skipped `json:"skipped,omitempty"`
}

// Answer is the likeliest place.
func (s *Search) Answer() Answer {
	at := slices.Index(s.odds, s.best())
	a := Answer{Sure: s.best(), Skipped: slices.Clone(s.skipped)}
	if at < len(s.versions) {
		a.First = s.versions[at]
	}
	if at > 0 {
		a.Last = s.versions[at-1]
	}
	for i, v := range s.versions {
		n := s.trials[v]
		a.Trials += n[0] + n[1]
		if i >= at {
			a.Against += n[0]
		} else {
			a.Against += n[1]
		}
	}
	a.Doubt = tail(a.Trials, a.Against, s.wrong) < 0.05
	if len(s.versions) > 0 && !a.Doubt {
		_, a.Doubt = s.odd(math.MaxInt)
	}
	return a
}

// tail is how likely k or more of n are wrong where a part of them is.
func tail(n, k int, part float64) (p float64) {
	for i := k; i <= n; i++ {
		lg := func(x int) float64 { v, _ := math.Lgamma(float64(x) + 1); return v }
		p += math.Exp(lg(n) - lg(i) - lg(n-i) + float64(i)*math.Log(part) + float64(n-i)*math.Log1p(-part))
	}
	return p
}
