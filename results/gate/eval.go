package gate

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/kbench/kbench/results"
)

// Of decides the gates of the workloads of a run on its rows.
func Of(run *results.Run, rows []results.Row) []results.Gate {
	out := []results.Gate{}
	for _, spec := range run.Specs {
		own := slices.DeleteFunc(slices.Clone(rows), func(r results.Row) bool { return r.Workload != spec.Name })
		order := slices.DeleteFunc(slices.Clone(run.Order), func(t results.TrialRef) bool { return t.Workload != spec.Name })
		for _, expr := range spec.Gate {
			g, err := decide(expr, own, order)
			if err != nil {
				g.Verdict, g.Why, g.Arms = results.NotDecided, err.Error(), []results.GateArm{}
			}
			g.Workload, g.Expression = spec.Name, expr
			out = append(out, g)
		}
	}
	return out
}

// Eval decides a gate on the rows of a summary. Every arm must pass. A gate
// that no row answers is an error, not a pass: nothing was measured. Nor can an
// arm be decided all of whose events are noisy or merged, or that has no figure.
func Eval(expr string, rows []results.Row) (results.Gate, error) { return decide(expr, rows, nil) }

// decide is Eval where the order tells of arms without any row.
func decide(expr string, rows []results.Row, order []results.TrialRef) (results.Gate, error) {
	e, err := parse(expr)
	if err != nil {
		return results.Gate{}, err
	}
	res := results.Gate{Expression: e.text, Verdict: results.Met, Bound: e.bound, Unit: e.unit}
	unfit, out := e.unfit(rows), e.out(rows)
	trials, left := map[unit][]results.Row{}, map[unit]map[happening]results.LeftWhy{}
	for _, r := range rows {
		if !e.selects(r) {
			continue
		}
		key := unit{r.Workload, r.Arm, r.Lane, r.Role, r.Trial}
		ev, why := eventOf(r), unfit[eventOf(r)]
		if whole := (happening{r.Workload, r.Arm, r.Lane, r.Trial, ""}); out[whole] != "" {
			ev, why = whole, out[whole]
		}
		if why != "" {
			key.trial = 0
			if left[key] == nil {
				left[key] = map[happening]results.LeftWhy{}
			}
			left[key][ev] = why
			continue
		}
		trials[key] = append(trials[key], r)
	}
	if len(trials) == 0 && len(left) == 0 {
		return res, fmt.Errorf("gate %q: the run has no figure for it; see the rows and warnings of %s%s", e.text, results.SummaryFile, e.kindsIn(rows))
	}
	// What the values of an arm are: one per trial, or for figures of events the
	// events of all its trials, since each of those is a sample of its own.
	values, count := map[unit][]results.Row{}, map[unit]int{}
	for key, group := range trials {
		arm := key
		arm.trial = 0
		count[arm]++
		values[arm] = append(values[arm], totals(group)...)
	}
	if err := e.undecided(values, left); err != nil {
		return res, err
	}
	if err := e.lacking(rows, order, values, left); err != nil {
		return res, err
	}
	res.LeftBy = leftBy(values, left)
	own := rows
	for arm, rows := range values {
		a := results.GateArm{Workload: arm.workload, Arm: arm.arm, Lane: arm.lane, Role: arm.role, Verdict: results.Met, Bound: e.bound, Unit: e.unit, N: count[arm], Left: len(left[arm])}
		slices.SortFunc(rows, func(a, b results.Row) int {
			return cmp.Or(cmp.Compare(a.Value, b.Value), cmp.Compare(a.Trial, b.Trial), cmp.Compare(a.Event, b.Event))
		})
		value, one := middle(rows)
		if e.metric.PerEvent && e.stat != "" {
			value, one = statOf(e.stat, rows)
		}
		if a.Value = value; one != nil {
			a.Trial, a.Event = one.Trial, one.Event
		}
		if !e.holds(a.Value) {
			a.Verdict, res.Verdict = results.NotMet, results.NotMet
		}
		a.Beside = e.beside(rows, own)
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

// selects says whether the gate is about the row. The reference producer is no
// arm: it is asked for by name or not at all.
func (e expression) selects(r results.Row) bool {
	if r.Metric != e.metric.Name || r.Unit != e.unit {
		return false
	}
	if r.Stat != e.stat && !(e.metric.PerEvent && r.Stat == "") {
		return false
	}
	have := map[string]string{
		"workload": r.Workload, "arm": r.Arm, "client": r.Client, "lane": r.Lane,
		"role": string(r.Role), "event": r.EventKind(), "class": r.Class,
	}
	asked := false
	for _, l := range e.labels {
		if have[l.key] != l.value && !(l.key == "event" && r.Event == l.value) {
			return false
		}
		asked = asked || l.key == "role"
	}
	return asked || r.Role != results.RoleReference
}

// beside is what stands beside the verdict on an arm, of all rows: a record that was
// never acked cannot be lost, nor one that is still in the log.
func (e expression) beside(arm, all []results.Row) (out []results.Figure) {
	if !strings.HasPrefix(e.metric.Name, "audit.") {
		return nil
	}
	for _, metric := range []string{results.ProduceFailed, results.ProduceUnanswered, results.ProduceUnsent, results.AuditUndelivered} {
		sum := 0.0
		for _, r := range all {
			if r.Metric == metric && r.Class == "" && r.Workload == arm[0].Workload && r.Arm == arm[0].Arm && r.Lane == arm[0].Lane {
				sum += r.Value
			}
		}
		if sum > 0 && metric != e.metric.Name {
			out = append(out, results.Figure{Name: metric, Unit: results.UnitCount, Value: sum})
		}
	}
	return out
}

// kindsIn lists the kinds of events that there are, where the gate asks for one.
func (e expression) kindsIn(rows []results.Row) string {
	if !slices.ContainsFunc(e.labels, func(l label) bool { return l.key == "event" }) {
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

// totals drops the parts of a sum where the sum is there too: duplicates are
// given by cause and in all.
func totals(rows []results.Row) []results.Row {
	whole := slices.DeleteFunc(slices.Clone(rows), func(r results.Row) bool { return r.Class != "" })
	if len(whole) == 0 {
		return rows
	}
	return whole
}

func (e expression) holds(v float64) bool {
	switch e.op {
	case "<":
		return v < e.bound
	case "<=":
		return v <= e.bound
	case ">":
		return v > e.bound
	case ">=":
		return v >= e.bound
	case "==":
		return v == e.bound
	default:
		return v != e.bound
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
