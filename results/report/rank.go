package report

import (
	"cmp"
	"slices"
	"strings"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/workloads"
)

// Ranking is the order of the arms of a workload by the one figure that it asks
// for first, and what that order is worth. It is a first look: where it says that
// two arms are apart, a comparison of enough rounds is still to find how far.
type Ranking struct {
	Label     string     `json:"label"` // of the figure, as in its table
	Metric    string     `json:"metric"`
	Stat      string     `json:"stat,omitempty"`
	Unit      string     `json:"unit"`
	Standings []Standing `json:"standings"` // the best first
	Rounds    int        `json:"rounds"`    // behind the arm that has the fewest, of those set apart if any are
	// Chance is how often two arms that do not differ at all look apart with so
	// many rounds each, because all of one's happen to lie above the other's.
	Chance float64 `json:"chance"`
}

// Standing is the place of an arm: the median over its rounds, and their range.
// Trials that a mark keeps out of verdicts count only where there are no others.
type Standing struct {
	Arm    int     `json:"arm"` // of the workload
	Value  float64 `json:"value"`
	Least  float64 `json:"least"`
	Most   float64 `json:"most"`
	Rounds int     `json:"rounds"`
	Marked int     `json:"marked,omitempty"` // trials with a mark
	Out    bool    `json:"out,omitempty"`    // there are no others
	// Apart says that the ranges of this arm and of the next do not overlap, and
	// that their medians differ by more than a machine does of itself. Else the
	// order of the two is open. It is never said of marked trials, nor of the last.
	Apart bool `json:"apart"`
}

// leading is a figure by which arms are ranked.
type leading struct {
	label, metric, stat, unit string
	role                      []results.Role
	// Medians closer than least of the smaller one, and than ns, are the same.
	least, ns float64
}

// leadingOf are the figures that a workload asks for, the first first: of churn
// what of each stop nobody but the client explains, as fast as it goes the rate, else the time
// that a record takes.
func leadingOf(spec *workloads.Spec) []leading {
	producers, consumers := []results.Role{results.RoleProducer, results.RoleBoth}, []results.Role{results.RoleConsumer, results.RoleBoth}
	gap := leading{"unexplained", results.PauseUnexplained, "", results.UnitNs, nil, 0.1, 50e6}
	excess := leading{"gap excess", results.PauseGapExcess, "", results.UnitNs, nil, 0.1, 50e6}
	end := leading{"end to end, p99", results.E2EResponse, "p99", results.UnitNs, consumers, 0.05, 0}
	ack := leading{"due to ack, p99", results.ProduceResponse, "p99", results.UnitNs, producers, 0.05, 0}
	consumed := leading{"consumed", results.ConsumeThroughput, "", results.UnitRate, consumers, 0.03, 0}
	produced := leading{"produced", results.ProduceThroughput, "", results.UnitRate, producers, 0.03, 0}
	switch {
	case spec == nil:
		return nil
	case len(spec.Churn) > 0:
		return []leading{gap, excess, end}
	case spec.Produce.Rate.Max || spec.Kind() == workloads.Backlog:
		return []leading{consumed, produced}
	default:
		return []leading{end, ack}
	}
}

// rank finds the order of the arms: by the first figure that two of them have.
func (w *Workload) rank() {
	for _, by := range leadingOf(w.Spec) {
		by = w.ofEnough(by)
		m, _ := results.LookupMetric(by.metric)
		r := Ranking{Label: by.label, Metric: by.metric, Stat: by.stat, Unit: by.unit}
		for i := range w.Arms {
			if s, ok := w.Arms[i].standing(by); ok {
				s.Arm = i
				r.Standings = append(r.Standings, s)
			}
		}
		if len(r.Standings) < 2 {
			continue
		}
		slices.SortStableFunc(r.Standings, func(a, b Standing) int {
			if m.Better == results.Higher {
				a, b = b, a
			}
			return cmp.Compare(a.Value, b.Value)
		})
		var compared []Standing // and found apart
		for i := range r.Standings[1:] {
			if r.Standings[i].Apart = apart(by, r.Standings[i], r.Standings[i+1]); r.Standings[i].Apart {
				compared = append(compared, r.Standings[i:i+2]...)
			}
		}
		if compared == nil {
			compared = r.Standings
		}
		r.Rounds = slices.MinFunc(compared, func(a, b Standing) int { return cmp.Compare(a.Rounds, b.Rounds) }).Rounds
		r.Chance = chanceApart(r.Rounds)
		w.Ranking = &r
		return
	}
}

// ofEnough is the figure, or its median where an arm has too few samples for it.
func (w *Workload) ofEnough(by leading) leading {
	for i := range w.Arms {
		for _, role := range by.role {
			if w.Arms[i].few(by.metric, by.stat, role, "") > 0 {
				by.label, by.stat = strings.Replace(by.label, by.stat, "p50", 1), "p50"
				return by
			}
		}
	}
	return by
}

// standing is the place of an arm by a figure, but for what it takes others for.
func (a *Arm) standing(by leading) (s Standing, ok bool) {
	marked := a.marked()
	var sound, all []float64
	for _, trial := range a.trials() {
		v, known := a.ofTrial(by, trial)
		if !known {
			continue
		}
		all = append(all, v)
		if marked[trial] {
			s.Marked++
		} else {
			sound = append(sound, v)
		}
	}
	if len(sound) == 0 {
		sound, s.Out = all, true
	}
	if len(sound) == 0 {
		return s, false
	}
	s.Value, s.Least, s.Most, s.Rounds = median(sound), slices.Min(sound), slices.Max(sound), len(sound)
	return s, true
}

// trials are the numbers of the trials with figures.
func (a *Arm) trials() []int {
	seen := map[int]bool{}
	for _, r := range a.rows {
		seen[r.Trial] = true
	}
	return sortedKeys(seen)
}

// marked are the trials that are kept out of verdicts.
func (a *Arm) marked() map[int]bool {
	out := map[int]bool{}
	for _, m := range results.Marks() {
		for _, r := range a.rows {
			if r.Metric == m.Name && r.Value != 0 && !m.Result {
				out[r.Trial] = true
			}
		}
	}
	return out
}

// ofTrial is the figure of one trial; of events, the median over those whose
// times count.
func (a *Arm) ofTrial(by leading, trial int) (v float64, ok bool) {
	if by.role == nil {
		of := Arm{rows: slices.DeleteFunc(slices.Clone(a.rows), func(r results.Row) bool { return r.Trial != trial })}
		c := overEvents(by.metric, "p50")(of.events())
		if len(c.Values) == 0 {
			return 0, false
		}
		return c.Values[0].Value, true
	}
	for _, r := range a.rows {
		if r.Trial == trial && r.Metric == by.metric && r.Stat == by.stat && r.Unit == by.unit && r.Class == "" && slices.Contains(by.role, r.Role) {
			return r.Value, true
		}
	}
	return 0, false
}

// apart says whether all rounds of one standing lie beyond all of the other, and
// far enough. Of one round it is never so.
func apart(by leading, a, b Standing) bool {
	if a.Value > b.Value {
		a, b = b, a
	}
	return a.Rounds > 1 && b.Rounds > 1 && !a.Out && !b.Out && a.Most < b.Least && b.Value-a.Value >= max(by.least*a.Value, by.ns)
}

// chanceApart is how often two samples of n from one law do not overlap: of all
// the orders of 2n values two put one sample below the other.
//
//	2 n! n! / (2n)!
func chanceApart(n int) float64 {
	p := 2.0
	for i := 1; i <= n; i++ {
		p *= float64(i) / float64(n+i)
	}
	return p
}
