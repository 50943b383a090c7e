package compare

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/aclements/go-moremath/stats"
)

// A run may go on until its intervals are narrow. Who looks again and again, and stops
// when the answer suits, finds too often what is not there. Three things keep that from
// happening:
//
//   - The looks are planned beforehand, a half more rounds apart each: little is gained by
//     looking more often, and each look has its price.
//   - Each of K looks is allowed Level / K, and has an interval of that confidence, so that
//     all of them together find what is not there, or miss what is, as rarely as one does
//     in a run of a fixed length: whenever it stops, and whoever stops it. A look that comes
//     early, because the time is up or the run was cut off, is in place of the next one.
//   - What is waited for is how far the intervals reach, which says nothing about which arm
//     is better. Waiting for a verdict would bias the effect that is printed with it: runs
//     would stop where chance has made it large.
//
// The levels are Bonferroni's. Boundaries that use how looks hang together (Pocock's) are
// some 8% narrower, and need rounds that are alike, which a machine that drifts has not.

// MostRounds is after how many rounds a run ends that never gets as narrow as was asked,
// unless the user says otherwise.
const MostRounds = 60

// Looks are the rounds after which a run of so many at the most is looked at; nil where
// it has too few for any look. The first comes when there may be an interval of the
// confidence that so many looks ask for.
func Looks(most int) []int {
	for first := FirstLook(); first <= most; first++ {
		var out []int
		for at := float64(first); at < float64(most)/1.2; at *= 1.5 {
			out = append(out, int(at))
		}
		if out = append(out, most); leastRounds(LevelOf(len(out))) <= first {
			return out
		}
	}
	return nil
}

// FirstLook is the least number of rounds with which a run can be looked at.
func FirstLook() int { return leastRounds(Level) }

// LevelOf is what each of so many looks may spend.
func LevelOf(looks int) float64 { return Level / float64(looks) }

// signedRankEstimate is of the differences between two arms, one per round, with the
// interval that goes with the sign-flip test: of all distances that the test would not
// refuse at a level. It is between two means of pairs of rounds, so far from the ends of
// their order as signed ranks are from balance,
//
//	low = the (k+1)-th smallest,  P(sum of positive ranks <= k) <= level / 2
//
// and covers as often as it says whatever the law of the differences, as long as it is
// symmetric. A look takes it and not a bootstrap, since the percentiles of some thousand
// resamples do not reach so far out.
func signedRankEstimate(diffs []float64, level float64) estimate {
	n := len(diffs)
	e := estimate{freedom: float64(n - 1), deviation: deviation(diffs), low: math.Inf(-1), high: math.Inf(1)}
	e.standard = e.deviation / math.Sqrt(float64(n))
	var all []float64
	for i, a := range diffs {
		for _, b := range diffs[:i+1] {
			all = append(all, (a+b)/2)
		}
	}
	slices.Sort(all)
	m := len(all)
	e.value = (all[(m-1)/2] + all[m/2]) / 2
	if k := rarest(n, level/2); k >= 0 {
		e.low, e.high = all[k], all[m-1-k]
	}
	return e
}

// rarest is the largest k with which the sum of the positive ranks of n rounds is at most
// k no more often than tail; -1 where there is none.
func rarest(n int, tail float64) int {
	if n > exactRounds {
		mean := float64(n*(n+1)) / 4
		scale := math.Sqrt(mean * float64(2*n+1) / 6)
		return int(math.Floor(mean - 0.5 + stats.InvCDF(stats.StdNormal)(tail)*scale))
	}
	ranks := make([]int, n)
	for i := range ranks {
		ranks[i] = i + 1
	}
	k, sum := -1, 0.0
	for s, w := range flipLaw(ranks) {
		if sum += w; sum > tail*(1+1e-9) {
			break
		}
		k = s
	}
	return k
}

// Wide is a comparison whose interval reaches further than was asked for.
type Wide struct {
	What string
	// Reach is how far it does to either side, as a share; NaN: there is no interval yet.
	Reach float64
	// Rounds is how many it takes, by how far the rounds so far scatter, and Likely within
	// how many it is done in four of five such runs; 0: more than anyone runs.
	Rounds, Likely int
}

// Wide lists the comparisons of a workload whose intervals reach further than a share to
// either side, the one that takes most rounds first. With an amount that matters, one that
// reaches no further than that is narrow enough. Without are those that have no interval to
// wait for, since there are no figures among the trials that count, or none that have a
// ratio.
func (w *Workload) Wide(share float64) (wide []Wide, without []string) {
	for i := range w.Pairs {
		p := &w.Pairs[i]
		for j := range p.Results {
			r := &p.Results[j]
			m := &w.Measures[r.Measure]
			what := fmt.Sprintf("%s against %s by %s", p.A.Title(), p.B.Title(), m.Text)
			if r.Event != "" {
				what += " of " + r.Event
			}
			switch {
			case r.Effect == nil:
				without = append(without, what+": "+r.Why)
			case !r.narrow(m, share):
				v := Wide{What: what, Reach: r.reach(m)}
				v.Rounds, v.Likely = r.takes(m, share, w.Level)
				wide = append(wide, v)
			}
		}
	}
	slices.SortStableFunc(wide, func(a, b Wide) int {
		return cmp.Or(cmp.Compare(many(b.Rounds), many(a.Rounds)), cmp.Compare(many(b.Likely), many(a.Likely)))
	})
	return wide, without
}

// many is a number of rounds, where 0 is more than anyone runs.
func many(rounds int) int {
	if rounds == 0 {
		return math.MaxInt
	}
	return rounds
}

// target is how far half of an interval may be, on the scale on which arms are compared.
func (r *Result) target(m *Measure, share float64) float64 {
	if m.relative() {
		return math.Log1p(share)
	}
	return max(share*min(math.Abs(*r.A), math.Abs(*r.B)), m.Amount)
}

func (r *Result) narrow(m *Measure, share float64) bool {
	return r.Low != nil && (r.value.high-r.value.low)/2 <= r.target(m, share)
}

// reach is half of the interval, as a share.
func (r *Result) reach(m *Measure) float64 {
	half := (r.value.high - r.value.low) / 2
	switch {
	case r.Low == nil || math.IsInf(half, 0):
		return math.NaN()
	case m.relative():
		return math.Expm1(half)
	default:
		return half / min(math.Abs(*r.A), math.Abs(*r.B))
	}
}

// takes is how many rounds it takes until an interval is so narrow.
func (r *Result) takes(m *Measure, share, level float64) (rounds, likely int) {
	target := r.target(m, share)
	o := outlook{least: leastRounds(level), deviation: r.value.deviation, alpha: level, paired: true}
	rounds = o.until(target, 0)
	o.deviation *= wide(r.value.freedom)
	return rounds, o.until(target, 0)
}
