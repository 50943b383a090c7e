package floors

import (
	"fmt"
	"slices"
)

const (
	// Enough is how many events a verdict needs. At 100 the law for 1.3H cannot
	// be mistaken for that of H; at a dozen nearly everything fits everything.
	Enough = 100
	// Level is the p below which a sample does not fit a law. A law that is true
	// is denied once in 1/Level times, by chance.
	Level = 0.01
	// Longer is the factor of the interval for which the law must not fit.
	Longer = 1.3
	// most is the share of events that may be left out. What is left out is not
	// left out at random.
	most = 0.1
)

// Verdict is what the events of one kind say. Times are ns.
type Verdict struct {
	Kind           string
	Events         int
	Survivors      float64 // on average
	Mean, Longest  float64
	Spread, Widest float64 // of the beats, in the middle and at most
	Expected       float64 // mean by the law
	AtH, AtLonger  Test
	// Refused says why there is no verdict; the tests then mean nothing.
	Refused string
}

// Test is how a sample and a law agree.
type Test struct{ D, P float64 }

// Fits says whether the sample may be of the law.
func (t Test) Fits() bool { return t.P > Level }

// Holds says whether the law holds: for H and not for more.
func (v *Verdict) Holds() bool { return v.Refused == "" && v.AtH.Fits() && v.AtLonger.P < Level }

// String is the verdict in words.
func (v *Verdict) String() string {
	switch {
	case v.Refused != "":
		return "no verdict: " + v.Refused
	case !v.AtH.Fits() && !(v.AtLonger.P < Level):
		return "does not hold, and 1.3H is not excluded"
	case !v.AtH.Fits():
		return "does not hold"
	case !v.Holds():
		return "1.3H is not excluded"
	}
	return "holds"
}

// Judge holds the times of detection of events of one kind against the law that
// is due by the beats before each of them. As each has a law of its own, it is
// the places of the times within their laws that are tested, F(T), which are
// uniform in (0, 1) whatever the laws. left is how many more events there were of
// that kind, of which no time is known.
func Judge(kind string, events []Detection, left int, h float64) Verdict {
	v := Verdict{Kind: kind, Events: len(events)}
	if total := len(events) + left; len(events) < Enough {
		v.Refused = fmt.Sprintf("%d events of %d are too few, it takes %d", len(events), total, Enough)
		return v
	} else if float64(left) > most*float64(total) {
		v.Refused = fmt.Sprintf("%d events of %d had to be left out", left, total)
		return v
	}
	var atH, atLonger, spreads []float64
	for _, d := range events {
		took, law := float64(d.Took), Last(h, d.Gaps)
		atH = append(atH, law(took))
		atLonger = append(atLonger, law(took/Longer)) // everything takes so much longer
		spreads = append(spreads, d.Spread(h))
		v.Survivors += float64(d.Survivors)
		v.Mean += took
		v.Longest = max(v.Longest, took)
		for _, g := range d.Gaps {
			v.Expected += g / h * (h - g/2)
		}
	}
	n := float64(len(events))
	v.Survivors, v.Mean, v.Expected = v.Survivors/n, v.Mean/n, v.Expected/n
	v.Spread, v.Widest = middle(spreads), slices.Max(spreads)
	v.AtH.D, v.AtH.P = Fit(atH, Uniform(1))
	v.AtLonger.D, v.AtLonger.P = Fit(atLonger, Uniform(1))
	return v
}

// middle is the value in the middle, the upper of two, and 0 of none.
func middle(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	return slices.Sorted(slices.Values(values))[len(values)/2]
}
