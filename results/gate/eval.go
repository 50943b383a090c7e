package gate

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/figure"
	"github.com/kbench/kbench/workloads"
)

// Of decides the gates of the workloads of a run on its rows. Those against a baseline
// take another run, and are left open.
func Of(run *results.Run, rows []results.Row) []results.Gate {
	return Against(run, rows, nil, nil)
}

// Against decides the gates of the workloads, and more for each of them that these ask
// for, on the rows of a run and of those that are its baseline.
func Against(run *results.Run, rows []results.Row, base []Base, more []string) []results.Gate {
	out := []results.Gate{}
	for i := range run.Specs {
		spec := &run.Specs[i]
		of := judge{rows: ofWorkload(rows, spec.Name), run: run, workload: spec.Name}
		of.order = slices.DeleteFunc(slices.Clone(run.Order), func(t results.TrialRef) bool { return t.Workload != spec.Name })
		of.past(base)
		for at, expr := range slices.Concat(spec.Gate, more) {
			if at >= len(spec.Gate) && ofAnother(expr, spec.Name, run) {
				continue
			}
			g, err := of.decide(expr)
			if err != nil {
				g.Verdict, g.Why = results.NotDecided, err.Error()
			}
			g.Workload, g.Expression = spec.Name, expr
			out = append(out, g)
		}
	}
	return out
}

// ofAnother says whether a gate that is for all workloads asks for another one than this
// by its name. One that the run does not have is asked of each, and not decided.
func ofAnother(expr, workload string, run *results.Run) bool {
	e, err := parse(expr)
	asked := e.Asks("workload")
	return err == nil && asked != "" && asked != workload && slices.ContainsFunc(run.Specs, func(s workloads.Spec) bool { return s.Name == asked })
}

// ofWorkload are the rows that gates of a workload look at.
func ofWorkload(rows []results.Row, name string) []results.Row {
	return slices.DeleteFunc(slices.Clone(rows), func(r results.Row) bool {
		return r.Workload != name || r.Profiled && !results.OfProfiles(r.Metric)
	})
}

// judge decides the gates of one workload.
type judge struct {
	run      *results.Run
	workload string
	rows     []results.Row
	order    []results.TrialRef
	base     []Base // of its series
	asked    int    // how many there were to be
	apart    string // why there is none, where some were named
}

// gathered are the rows of a figure by arm: those that decide, in how many trials, and
// the events or trials that decide nothing.
type gathered struct {
	values map[unit][]results.Row
	count  map[unit]int
	left   map[unit]map[figure.Event]results.LeftWhy
}

func (e expression) gather(rows []results.Row) gathered {
	g := gathered{map[unit][]results.Row{}, map[unit]int{}, map[unit]map[figure.Event]results.LeftWhy{}}
	unfit, out := e.Unfit(rows), e.Out(rows)
	trials := map[unit][]results.Row{}
	for _, r := range rows {
		if !e.Selects(r) {
			continue
		}
		key := unit{r.Workload, r.Arm, r.Lane, r.Role, r.Trial}
		ev, why := figure.EventOf(r), unfit[figure.EventOf(r)]
		if whole := (figure.Event{Workload: r.Workload, Arm: r.Arm, Lane: r.Lane, Trial: r.Trial}); out[whole] != "" {
			ev, why = whole, out[whole]
		}
		if why != "" {
			key.trial = 0
			if g.left[key] == nil {
				g.left[key] = map[figure.Event]results.LeftWhy{}
			}
			g.left[key][ev] = why
			continue
		}
		trials[key] = append(trials[key], r)
	}
	// What the values of an arm are: one per trial, or for figures of events the
	// events of all its trials, since each of those is a sample of its own.
	for key, group := range trials {
		arm := key
		arm.trial = 0
		g.count[arm]++
		g.values[arm] = append(g.values[arm], figure.Totals(group)...)
	}
	for _, rows := range g.values {
		slices.SortFunc(rows, func(a, b results.Row) int {
			return cmp.Or(cmp.Compare(a.Value, b.Value), cmp.Compare(a.Trial, b.Trial), cmp.Compare(a.Event, b.Event))
		})
	}
	return g
}

// value is that of an arm, and the row that has it; nil where it is that of none.
func (e expression) value(rows []results.Row) (float64, *results.Row) {
	if e.Metric.PerEvent && e.Stat != "" {
		return statOf(e.Stat, rows)
	}
	return middle(rows)
}

// decide decides a gate on the rows of a summary. Every arm must pass, those of the
// order without any row too. A gate that no row answers is an error, not a pass:
// nothing was measured. Nor can an arm be decided all of whose events are noisy or
// merged, or that has no figure. An arm that misses the gate has missed it, whatever is
// not known of the others; one that is not known keeps the rest from having met it.
func (j *judge) decide(expr string) (results.Gate, error) {
	e, err := parse(expr)
	if err != nil {
		return results.Gate{}, err
	}
	res := results.Gate{Expression: e.text, Verdict: results.Met, Bound: e.bound, Unit: e.Unit, Arms: []results.GateArm{}}
	var was map[unit]earlier
	if e.baseline {
		if was, err = j.was(e); err != nil {
			return res, err
		}
		res.Baseline = j.named()
	}
	g := e.gather(j.rows)
	if len(g.values) == 0 && len(g.left) == 0 {
		return res, fmt.Errorf("gate %q: the run has no figure for it; see the rows and warnings of %s%s", e.text, results.SummaryFile, e.kindsIn(j.rows))
	}
	if unknown := cmp.Or(e.undecided(g.values, g.left), e.lacking(j.rows, j.order, g.values, g.left)); unknown != nil {
		res.Verdict, res.Why = results.NotDecided, unknown.Error()
	}
	res.LeftBy = leftBy(g.values, g.left)
	for arm, rows := range g.values {
		a := results.GateArm{Workload: arm.workload, Arm: arm.arm, Lane: arm.lane, Role: arm.role, Bound: e.bound, Unit: e.Unit, N: g.count[arm], Left: len(g.left[arm])}
		value, one := e.value(rows)
		if a.Value = value; one != nil {
			a.Trial, a.Event = one.Trial, one.Event
		}
		if e.baseline {
			a.BaselineAsked = j.asked
			e.against(&a, rows, was[arm])
		} else {
			a.Verdict = e.verdict(a.Value, a.Bound)
		}
		if a.Verdict == results.NotMet || a.Verdict == results.NotDecided && res.Verdict == results.Met {
			res.Verdict = a.Verdict
		}
		a.Beside = e.beside(rows, j.rows)
		res.N += a.N
		res.Left += a.Left
		res.Arms = append(res.Arms, a)
	}
	slices.SortFunc(res.Arms, func(a, b results.GateArm) int {
		return cmp.Or(cmp.Compare(a.Workload, b.Workload), cmp.Compare(a.Arm, b.Arm), cmp.Compare(a.Lane, b.Lane), cmp.Compare(a.Role, b.Role))
	})
	return res, nil
}

// unit is an arm in a role, in one trial.
type unit struct {
	workload, arm, lane string
	role                results.Role
	trial               int
}

// beside is what stands beside the verdict on an arm, of all rows: a record that was
// never acked cannot be lost, nor one that is still in the log.
func (e expression) beside(arm, all []results.Row) (out []results.Figure) {
	if !strings.HasPrefix(e.Metric.Name, "audit.") {
		return nil
	}
	for _, metric := range []string{results.ProduceFailed, results.ProduceUnanswered, results.ProduceUnsent, results.AuditUndelivered} {
		sum, class := 0.0, ""
		if metric == results.ProduceUnsent {
			class = results.InAll // as the others are
		}
		for _, r := range all {
			if r.Metric == metric && r.Class == class && r.Workload == arm[0].Workload && r.Arm == arm[0].Arm && r.Lane == arm[0].Lane {
				sum += r.Value
			}
		}
		if sum > 0 && metric != e.Metric.Name {
			out = append(out, results.Figure{Name: metric, Unit: results.UnitCount, Value: sum})
		}
	}
	return out
}

// kindsIn lists the kinds of events that there are, where the gate asks for one.
func (e expression) kindsIn(rows []results.Row) string {
	if e.Asks("event") == "" {
		return ""
	}
	seen := map[string]bool{}
	for _, r := range rows {
		if r.Event != "" {
			seen[r.EventKind()] = true
		}
	}
	if len(seen) == 0 {
		return "; it has no events"
	}
	return "; its events are of " + strings.Join(slices.Sorted(maps.Keys(seen)), ", ")
}

func (e expression) verdict(v, bound float64) results.Verdict {
	if e.holds(v, bound) {
		return results.Met
	}
	return results.NotMet
}

func (e expression) holds(v, bound float64) bool {
	switch e.op {
	case "<":
		return v < bound
	case "<=":
		return v <= bound
	case ">":
		return v > bound
	case ">=":
		return v >= bound
	case "==":
		return v == bound
	default:
		return v != bound
	}
}

// middle is the median of rows sorted by value, and the row that has it; nil where
// it lies between two.
func middle(rows []results.Row) (float64, *results.Row) {
	half := len(rows) / 2
	if len(rows)%2 == 0 {
		return (rows[half-1].Value + rows[half].Value) / 2, nil
	}
	return rows[half].Value, &rows[half]
}

// statOf is a statistic over events sorted by value, by the nearest rank, and the
// event that has it; nil for a mean.
func statOf(stat string, rows []results.Row) (float64, *results.Row) {
	quantile := map[string]float64{"min": 0, "p50": 0.5, "p90": 0.9, "p99": 0.99, "p999": 0.999, "p9999": 0.9999, "max": 1}
	q, ranked := quantile[stat]
	if !ranked {
		sum := 0.0
		for _, r := range rows {
			sum += r.Value
		}
		return sum / float64(len(rows)), nil
	}
	i := int(math.Ceil(q*float64(len(rows)))) - 1
	r := &rows[min(max(i, 0), len(rows)-1)]
	return r.Value, r
}
