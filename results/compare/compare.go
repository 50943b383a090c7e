// Package compare says which of two arms is better, and how far that can be believed.
//
// A trial is one sample, however many records it had. In a run every round has all arms
// one after the other, so that what drifts on the machine falls on all of them alike:
// arms are compared within rounds, by the logarithm of the ratio of their figures, or by
// the difference where a figure can be 0. Figures of events are compared event by event,
// since all arms of a round have the same acts; a round then counts once, with the median
// of its events.
//
//	samples   which values there are, and which trials say nothing
//	flip      how often chance alone would set two arms so far apart; for all pairs at once
//	interval  how far they are apart
//	outlook   how far they would have had to be, or how many rounds it takes to tell
//	sequence  what of that holds where rounds follow until an interval is narrow
//
// Two runs share no round. They are compared trial by trial, and only where all is the
// same that a client has no part in: package series says what that is.
//
// It is pure: the same rows give the same bytes, for what chance draws is drawn by a hash
// of the values. It reads rows and nothing else, and shows nothing: that is for report.
package compare

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/series"
)

// Level is how often a family of comparisons finds what is not there.
const Level = 0.05

// Verdict is what is said of an arm against another.
type Verdict string

// The verdicts. Better and Worse are said where chance does not explain the distance and
// it is at least as large as matters, Same where the whole interval is smaller than that.
const (
	Better     Verdict = "better"
	Worse      Verdict = "worse"
	Same       Verdict = "the same"
	CannotTell Verdict = "cannot tell"
)

// Comparison is a run, or a run and its baseline. No list of it is nil.
type Comparison struct {
	Run      string  `json:"run"`
	Baseline string  `json:"baseline,omitempty"`
	Level    float64 `json:"level"`
	// Changed is what differs between a run and its baseline and may be what is asked
	// about, such as the version of a client.
	Changed   []series.Difference `json:"changed"`
	Workloads []Workload          `json:"workloads"`
}

// Workload is one workload, with a family of comparisons.
type Workload struct {
	Name     string    `json:"name"`
	Measures []Measure `json:"measures"`
	// Differs is why two runs stand side by side without a verdict.
	Differs []series.Difference `json:"differs"`
	Why     string              `json:"why,omitempty"` // there is no pair
	Family  int                 `json:"family"`        // comparisons that a verdict has to hold against
	// Level is how often the family finds what is not there, and its intervals miss what
	// is, at this look: of a run that was looked at after Looks rounds, a part of what all
	// of those may come to.
	Level   float64 `json:"level"`
	Looks   []int   `json:"looks,omitempty"`
	Out     []Out   `json:"out"`          // trials of the run
	BaseOut []Out   `json:"baseline_out"` // and of the baseline
	Alone   []Arm   `json:"alone"`        // arms that the baseline does not have
	Pairs   []Pair  `json:"pairs"`
}

// Pair is two arms, or an arm and the same in the baseline.
type Pair struct {
	A Arm `json:"a"`
	B Arm `json:"b"`
	// Twins are one arm under two names (A/A): no pair that anybody asks about, and so in
	// no family. That they differ is a false alarm.
	Twins   bool     `json:"twins,omitempty"`
	Results []Result `json:"results"`
}

// Result is what one measure says of A against B.
type Result struct {
	Measure int      `json:"measure"` // of the workload
	Event   string   `json:"event,omitempty"`
	Verdict Verdict  `json:"verdict"`
	Why     string   `json:"why,omitempty"` // it cannot tell
	A       *float64 `json:"a_median"`
	B       *float64 `json:"b_median"`
	// Effect is how far A is from B, and Low and High where that lies with a confidence
	// of 95%, of all looks together where there are several: shares of B, or amounts of the
	// measure's unit. nil: too few rounds.
	Effect *float64 `json:"effect"`
	Low    *float64 `json:"low"`
	High   *float64 `json:"high"`
	Matter float64  `json:"matters"`  // the least that does, on the same scale
	N      int      `json:"n"`        // rounds that both have; of two runs, trials of the one that has fewer
	Left   int      `json:"left_out"` // events of both that decide nothing
	P      *float64 `json:"p"`        // of this comparison alone
	Holm   *float64 `json:"p_holm"`   // in its family
	UTest  *float64 `json:"p_u_test"` // as benchstat has it, which knows of no rounds
	// Smallest is the effect that would have been seen in four of five such runs; nil
	// where no effect could. Rounds is how many it takes to tell; 0: more than anyone runs.
	Smallest *float64 `json:"smallest"`
	Rounds   int      `json:"rounds,omitempty"`

	value estimate
}

// Of compares the arms of a run with each other.
func Of(run *results.Run, s *results.Summary) *Comparison {
	c := &Comparison{Run: run.ID, Level: Level, Changed: []series.Difference{}, Workloads: []Workload{}}
	for i := range run.Specs {
		spec := &run.Specs[i]
		w, a := newWorkload(spec.Name, spec.Compared()), sideOf(run, s, spec.Name)
		w.looked(run)
		w.Out = append(w.Out, a.outs(w.Measures)...)
		for i, x := range a.arms {
			for _, y := range a.arms[i+1:] {
				if a.comparable(x, y) {
					w.Pairs = append(w.Pairs, Pair{A: x, B: y, Twins: a.twin[x] || a.twin[y]})
				}
			}
		}
		if len(w.Pairs) == 0 {
			w.Why = "it has a single arm; run it with several clients or settings, or name a baseline"
		}
		w.compare(a, a, true)
		c.Workloads = append(c.Workloads, w)
	}
	return c
}

// comparable says whether two arms are a pair: those of different clients with the same
// settings are, and where there is a single client its settings are what is compared. A
// twin is compared with what it is once more.
func (s *side) comparable(a, b Arm) bool {
	if s.twin[a] || s.twin[b] {
		return s.twin[a] != s.twin[b] && a.once() == b.once()
	}
	if a.setting() == b.setting() {
		return true
	}
	for _, x := range s.arms {
		for _, y := range s.arms {
			if x != y && !s.twin[x] && !s.twin[y] && x.setting() == y.setting() {
				return false
			}
		}
	}
	return true
}

// Against compares each arm of a run with the same of a baseline.
func Against(run *results.Run, s *results.Summary, base *results.Run, of *results.Summary) *Comparison {
	c := &Comparison{Run: run.ID, Baseline: base.ID, Level: Level, Changed: append([]series.Difference{}, series.Changed(run, base)...), Workloads: []Workload{}}
	for i := range run.Specs {
		spec := &run.Specs[i]
		w, a, b := newWorkload(spec.Name, spec.Compared()), sideOf(run, s, spec.Name), sideOf(base, of, spec.Name)
		w.Differs = append(append(w.Differs, series.Differences(run, base, spec.Name)...), slower(a, b)...)
		w.Out, w.BaseOut = append(w.Out, a.outs(w.Measures)...), append(w.BaseOut, b.outs(w.Measures)...)
		for _, arm := range a.arms {
			if slices.Contains(b.arms, arm) {
				w.Pairs = append(w.Pairs, Pair{A: arm, B: arm})
			} else {
				w.Alone = append(w.Alone, arm)
			}
		}
		if len(w.Pairs) == 0 {
			w.Why = "no arm of it is in the baseline"
		}
		w.compare(a, b, false)
		c.Workloads = append(c.Workloads, w)
	}
	return c
}

func newWorkload(name string, entries []string) Workload {
	w := Workload{Name: name, Level: Level, Measures: []Measure{}, Differs: []series.Difference{}, Out: []Out{}, BaseOut: []Out{}, Alone: []Arm{}, Pairs: []Pair{}}
	for _, entry := range entries {
		if m, err := parse(entry); err == nil { // it was checked when it was read; of a newer kbench it may say more
			w.Measures = append(w.Measures, m)
		}
	}
	return w
}

// looked takes note of how often a run was to be looked at. With a baseline nobody looked
// while it ran, and what it ended by is no figure of that comparison.
func (w *Workload) looked(run *results.Run) {
	if q := run.Sequence; q != nil && q.Level > 0 && q.Level < w.Level {
		w.Level, w.Looks = q.Level, q.Looks
	}
}

// compare fills the pairs in. Those of one run are paired by their rounds.
func (w *Workload) compare(a, b *side, paired bool) {
	for i := range w.Pairs {
		w.Pairs[i].Results = []Result{}
	}
	for i := range w.Measures {
		m := &w.Measures[i]
		ofA, err := a.sample(m)
		ofB, errB := b.sample(m)
		kinds := ofA.kinds
		if err = cmp.Or(err, errB); err != nil || len(kinds) == 0 {
			kinds = []string{""}
		}
		for j := range w.Pairs {
			p := &w.Pairs[j]
			for _, kind := range kinds {
				r := Result{Measure: i, Event: kind, Verdict: CannotTell}
				if err != nil {
					r.Why = err.Error()
				} else {
					r.Left = ofA.left[kind][p.A] + ofB.left[kind][p.B]
					r.measure(m, w, p, ofA.of[kind][p.A], ofB.of[kind][p.B], paired)
				}
				p.Results = append(p.Results, r)
			}
		}
	}
	w.decide(paired, false)
	w.decide(paired, true)
}

// measure finds how far two samples are apart.
func (r *Result) measure(m *Measure, w *Workload, p *Pair, a, b sample, paired bool) {
	as, bs := a.values(), b.values()
	if len(as) == 0 || len(bs) == 0 {
		r.Why = "there is no figure of " + p.without(len(as) == 0, len(bs) == 0, paired) + " among the trials that count"
		return
	}
	medianA, medianB := median(as), median(bs)
	if r.A, r.B = &medianA, &medianB; len(w.Differs) > 0 {
		r.N, r.Why = min(len(as), len(bs)), "the runs are not of one series"
		return
	}
	r.Matter = max(m.Amount, m.Share*min(math.Abs(medianA), math.Abs(medianB)))
	if m.relative() {
		r.Matter = m.Share
		if min(slices.Min(as), slices.Min(bs)) <= 0 {
			r.Why = fmt.Sprintf("it has values that are not above 0, which have no ratio; say which amount matters, such as \"%s by %s\"", m.Text, example(m.Unit))
			return
		}
	}
	r.UTest = uTest(as, bs)
	rng := Seeded(w.Name, p.A.Title(), p.B.Title(), m.Text, r.Event, as, bs)
	if paired {
		diffs := m.diffs(a, b)
		if r.N = len(diffs); r.N == 0 {
			r.Why = "there is no round that both have"
			return
		}
		p := signFlip(diffs, rng)
		if r.P = &p; len(w.Looks) > 0 {
			r.value = signedRankEstimate(diffs, w.Level)
		} else {
			r.value = pairedEstimate(diffs, rng)
		}
	} else {
		for _, vs := range [][]float64{as, bs} {
			for i := range vs {
				vs[i] = m.scaled(vs[i])
			}
		}
		r.N = min(len(as), len(bs))
		r.P, r.value = r.UTest, apartEstimate(as, bs, rng)
	}
	effect := m.effectOf(r.value.value)
	r.Effect = &effect
	if r.N >= leastRounds(w.Level) {
		low, high := m.effectOf(r.value.low), m.effectOf(r.value.high)
		r.Low, r.High = &low, &high
	}
}

// without names who has no figure.
func (p *Pair) without(a, b, paired bool) string {
	if !paired {
		switch {
		case a && b:
			return p.A.Title() + " in either run"
		case a:
			return p.A.Title() + " in the run"
		default:
			return p.B.Title() + " in the baseline"
		}
	}
	var names []string
	if a {
		names = append(names, p.A.Title())
	}
	if b {
		names = append(names, p.B.Title())
	}
	return strings.Join(names, " and ")
}

func example(unit string) string {
	switch unit {
	case results.UnitNs, results.UnitSeconds:
		return "50ms"
	case results.UnitBytes:
		return "1MiB"
	default:
		return "1"
	}
}

// diffs are what sets two arms apart in each round that both have: of events, the median
// over those that both have.
func (m *Measure) diffs(a, b sample) []float64 {
	var out []float64
	for _, round := range a.rounds() {
		var events []float64
		for event, x := range a[round] {
			if y, both := b[round][event]; both {
				events = append(events, m.scaled(x)-m.scaled(y))
			}
		}
		if len(events) > 0 {
			out = append(out, median(events))
		}
	}
	return out
}

// scaled is a value on the scale on which arms are compared, effectOf the way back.
func (m *Measure) scaled(v float64) float64 {
	if m.relative() {
		return math.Log(v)
	}
	return v
}

func (m *Measure) effectOf(d float64) float64 {
	if m.relative() {
		return math.Expm1(d)
	}
	return d
}

// decide gives the verdicts of a family: of all pairs, or of twins, which are one of
// their own.
func (w *Workload) decide(paired, twins bool) {
	var all []*Result
	var ps []float64
	for i := range w.Pairs {
		if w.Pairs[i].Twins == twins {
			for j := range w.Pairs[i].Results {
				if r := &w.Pairs[i].Results[j]; r.P != nil {
					all, ps = append(all, r), append(ps, *r.P)
				}
			}
		}
	}
	if !twins {
		w.Family = len(all)
	}
	for i, p := range holm(ps) {
		all[i].Holm = &p
		all[i].decide(&w.Measures[all[i].Measure], w.Level, len(all), paired)
	}
}

// decide gives the verdict on one result, at the level of its family.
func (r *Result) decide(m *Measure, level float64, family int, paired bool) {
	matters := r.Matter
	if m.relative() {
		matters = math.Log1p(m.Share)
	}
	e := &r.value
	o := outlookOf(e, matters, level/float64(family), paired) // as the first of them
	if r.N >= o.least && !math.IsNaN(o.smallest) {
		smallest := m.effectOf(o.smallest)
		r.Smallest = &smallest
	}
	switch beyond := *r.Holm <= level && (e.low > 0 || e.high < 0); {
	case r.N >= leastRounds(level) && beyond && math.Abs(e.value) >= matters:
		r.Verdict = Worse
		if (e.value > 0) == (m.Better == results.Higher) {
			r.Verdict = Better
		}
	case r.N >= leastRounds(level) && -matters < e.low && e.high < matters:
		r.Verdict = Same
	default:
		r.Rounds = o.more(r.N, math.Abs(e.value), matters)
	}
}

// Alone lists the arms that the baseline does not have, by workload.
func (c *Comparison) Alone() (out []string) {
	for i := range c.Workloads {
		for _, arm := range c.Workloads[i].Alone {
			out = append(out, c.Workloads[i].Name+", "+arm.Title())
		}
	}
	return out
}

// With lists the results of a verdict, by workload, arm and figure.
func (c *Comparison) With(v Verdict) (out []string) {
	for i := range c.Workloads {
		w := &c.Workloads[i]
		for _, p := range w.Pairs {
			for _, r := range p.Results {
				if r.Verdict == v {
					out = append(out, fmt.Sprintf("%s, %s: %s", w.Name, p.A.Title(), strings.TrimSpace(w.Measures[r.Measure].Text+" "+r.Event)))
				}
			}
		}
	}
	return out
}
