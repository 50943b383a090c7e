package gate

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/perf/benchmath"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/series"
	"github.com/kbench/kbench/workloads"
)

// Base is a run that others are held against: one that was named, or one of the last
// good ones.
type Base struct {
	Run     *results.Run
	Summary *results.Summary
}

// Good says why a run may not be among those whose median is a baseline; empty where it
// may. What a gate said of it counts only where it does not ask for a baseline itself:
// else one slow night would keep all after it out.
func (b Base) Good() string {
	if b.Run.State != results.StateComplete {
		return string(b.Run.State)
	}
	for _, g := range b.Summary.Gates {
		if g.Verdict == results.NotMet && g.Baseline == "" {
			return "it did not meet " + g.Expression
		}
	}
	return ""
}

// Of says whether a run has anything that a baseline of it can be held against.
func (b Base) Of(run *results.Run) bool {
	return slices.ContainsFunc(run.Specs, func(w workloads.Spec) bool { return len(series.Differences(run, b.Run, w.Name)) == 0 })
}

// past keeps the baselines that are of the series of the run.
func (j *judge) past(base []Base) {
	j.asked = len(base)
	for _, b := range base {
		differs := series.Differences(j.run, b.Run, j.workload)
		if len(differs) == 0 {
			j.base = append(j.base, b)
			continue
		}
		var words []string
		for _, d := range differs {
			words = append(words, d.String())
		}
		j.apart = fmt.Sprintf("%s is of another series (%s)", b.Run.ID, strings.Join(words, "; "))
	}
}

func (j *judge) named() string {
	var ids []string
	for _, b := range j.base {
		ids = append(ids, b.Run.ID)
	}
	return strings.Join(ids, ", ")
}

// earlier is the figure of an arm in the baseline: of several runs the median.
type earlier struct {
	value float64
	runs  int
	vs    []float64 // of its trials, where it is one run
}

// was is what each arm had in the baseline.
func (j *judge) was(e expression) (map[unit]earlier, error) {
	switch {
	case len(j.base) == 0 && j.apart == "":
		return nil, fmt.Errorf("gate %q: it is against a baseline; \"kbench gate --baseline RUN\" decides it", e.text)
	case len(j.base) == 0:
		return nil, fmt.Errorf("gate %q: %s", e.text, j.apart)
	}
	all, trials := map[unit][]float64{}, map[unit][]float64{}
	for _, b := range j.base {
		for arm, rows := range e.gather(ofWorkload(b.Summary.Rows, j.workload)).values {
			v, _ := e.value(rows)
			if !e.Exact() {
				trials[arm] = e.byTrial(rows)
				v = medianOf(trials[arm])
			}
			all[arm] = append(all[arm], v)
		}
	}
	out := map[unit]earlier{}
	for arm, vs := range all {
		was := earlier{value: medianOf(vs), runs: len(vs)}
		if j.asked == 1 {
			was.vs = trials[arm]
		}
		out[arm] = was
	}
	return out, nil
}

// byTrial are the values of an arm, one of each of its trials. The largest of many
// events is larger than that of few: what is held against a baseline, and the baseline, is
// the median of what trials have.
func (e expression) byTrial(rows []results.Row) (vs []float64) {
	trials := map[int][]results.Row{}
	for _, r := range rows {
		trials[r.Trial] = append(trials[r.Trial], r)
	}
	for _, rows := range trials { // each sorted as all of them are
		v, _ := e.value(rows)
		vs = append(vs, v)
	}
	return vs
}

func medianOf(vs []float64) float64 {
	slices.Sort(vs)
	return (vs[(len(vs)-1)/2] + vs[len(vs)/2]) / 2
}

// confidence is that of the interval which has to lie on one side of a bound that was
// measured itself.
const confidence = 0.95

// against decides an arm by its baseline. A fixed bound is what somebody can live with,
// and a median is on this side of it or on that. A bound that is one of the same figure
// lies near it, and of two medians that do not differ one is the larger: so the whole
// interval of the median has to be on one side, of a bound that is one run's too, wherever
// in its own interval that lies; else it is not decided. What is exact has no interval.
func (e expression) against(a *results.GateArm, rows []results.Row, was earlier) {
	if was.runs == 0 {
		a.Verdict, a.Why = results.NotDecided, "the baseline has no figure of it"
		return
	}
	a.Baseline, a.BaselineRuns, a.Bound = &was.value, was.runs, e.bound*was.value
	if e.Exact() {
		a.Verdict = e.verdict(a.Value, a.Bound)
		return
	}
	if was.value <= 0 && e.bound != 1 {
		a.Verdict, a.Why = results.NotDecided, "the baseline is not above 0, so that no number of times it is a bound; write one that is an amount"
		return
	}
	vs := e.byTrial(rows)
	if e.Metric.PerEvent {
		a.Value, a.Trial, a.Event = medianOf(vs), 0, ""
	}
	var known bool
	if a.Low, a.High, known = interval(vs); !known {
		a.Verdict, a.Why = results.NotDecided, fmt.Sprintf("so few trials do not tell how far they scatter; it takes %d", leastTrials)
		return
	}
	boundLow, boundHigh, why := a.Bound, a.Bound, "the bound is within the interval of its median; it takes more rounds"
	if was.vs != nil {
		if a.BaselineLow, a.BaselineHigh, known = interval(was.vs); !known {
			a.Verdict, a.Why = results.NotDecided, fmt.Sprintf("so few trials of the baseline do not tell how far they scatter; it takes %d", leastTrials)
			return
		}
		boundLow, boundHigh = e.bound**a.BaselineLow, e.bound**a.BaselineHigh
		why = "the intervals of its median and of the baseline's do not decide it; it takes more rounds of both"
	}
	low, high := e.verdict(*a.Low, boundHigh), e.verdict(*a.High, boundLow)
	if a.Verdict = low; low != high {
		a.Verdict, a.Why = results.NotDecided, why
	}
}

// interval is where the median of trials lies, nil where they are too few to tell.
func interval(vs []float64) (low, high *float64, known bool) {
	s := benchmath.AssumeNothing.Summary(benchmath.NewSample(vs, &benchmath.DefaultThresholds), confidence)
	if math.IsInf(s.Lo, 0) || math.IsInf(s.Hi, 0) {
		return nil, nil, false
	}
	return &s.Lo, &s.Hi, true
}

// leastTrials is of how many the median has an interval.
const leastTrials = 6

// parseBaseline reads a want that is a baseline, or so many times one.
func (e *expression) parseBaseline(want string) error {
	factor := strings.TrimSpace(strings.TrimSuffix(want, "baseline"))
	if e.bound, e.baseline = 1, true; factor != "" {
		number, ok := strings.CutSuffix(factor, "*")
		var err error
		if e.bound, err = strconv.ParseFloat(strings.TrimSpace(number), 64); !ok || err != nil || !(e.bound > 0) || math.IsInf(e.bound, 0) {
			return fmt.Errorf("%q is not a number of times the baseline; write it as 1.05 * baseline", want)
		}
	}
	if (e.op == "==" || e.op == "!=") && !e.Exact() {
		return errors.New("a figure is never quite that of its baseline; write < 1.05 * baseline, or > 0.95 * baseline")
	}
	return nil
}
