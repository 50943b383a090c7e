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
	// inStep is the share of the interval over which beats may be spread that
	// count as in step. It moves the distribution by less than so much, a third of
	// what a hundred events can tell.
	inStep = 0.05
	// alone is the share from which they count as independent of each other: that
	// of two such members is a quarter in the middle, and more members have more.
	alone = 0.2
	// most is the share of events that may be left out. What is left out is not
	// left out at random.
	most = 0.1
)

// Verdict is what the events of one kind say. Times are ns.
type Verdict struct {
	Kind           string
	Events         int
	Survivors      int
	Mean, Longest  float64
	Spread, Widest float64 // of the beats, in the middle and at most
	Law            string  // that is due, by the spread
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

// Judge chooses the law for events of one kind by the spread of the beats before
// them and holds their times of detection against it. left is how many more
// there were of that kind, of which no time is known.
func Judge(kind string, events []Detection, left int, h float64) Verdict {
	v := Verdict{Kind: kind, Events: len(events)}
	if total := len(events) + left; len(events) < Enough {
		v.Refused = fmt.Sprintf("%d events of %d are too few, it takes %d", len(events), total, Enough)
		return v
	} else if float64(left) > most*float64(total) {
		v.Refused = fmt.Sprintf("%d events of %d had to be left out", left, total)
		return v
	}
	var took, spreads []float64
	v.Survivors = events[0].Survivors
	for _, d := range events {
		if d.Survivors != v.Survivors {
			v.Refused = fmt.Sprintf("groups of %d and of %d survivors follow different laws", v.Survivors, d.Survivors)
			return v
		}
		took = append(took, float64(d.Took))
		spreads = append(spreads, float64(d.Spread))
		v.Mean += float64(d.Took) / float64(len(events))
	}
	v.Longest = slices.Max(took)
	v.Spread, v.Widest = median(spreads), slices.Max(spreads)
	n := 0
	switch {
	case v.Spread <= inStep*h:
		v.Law, n = "U(0, H)", 1
	case v.Spread >= alone*h:
		v.Law, n = fmt.Sprintf("(t/H)^%d", v.Survivors), v.Survivors
	default:
		v.Refused = fmt.Sprintf("beats spread over %.0f%% of the interval are neither in step nor independent", 100*v.Spread/h)
		return v
	}
	v.Expected = h * float64(n) / float64(n+1)
	v.AtH.D, v.AtH.P = Fit(took, Slowest(h, n))
	v.AtLonger.D, v.AtLonger.P = Fit(took, Slowest(Longer*h, n))
	return v
}

// median is the value in the middle, the upper of two, and 0 of none.
func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	return slices.Sorted(slices.Values(values))[len(values)/2]
}
