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

// Result is the verdict on one gate. Value is that of the arm that is furthest
// on the wrong side, or nearest to it; Want is the bound, both in Unit.
type Result struct {
	Expr  string
	Value float64
	Want  float64
	Unit  string
	Pass  bool
	N     int // trials behind all arms
	Left  int // events of all arms that were left out: noisy or merged ones
	Arms  []Arm
}

// Arm is the verdict on one arm of one workload in one role. Value is the
// median of its trials' values.
type Arm struct {
	Workload string
	Arm      string
	Lane     string
	Role     results.Role
	Value    float64
	N        int // trials
	Left     int // events that were left out
	Pass     bool
}

// Eval decides a gate on the rows of a summary. Every arm must pass. A gate
// that no row answers is an error, not a pass: nothing was measured. Nor can an
// arm be decided all of whose events are noisy or merged.
func Eval(expr string, rows []results.Row) (Result, error) {
	e, err := parse(expr)
	if err != nil {
		return Result{}, err
	}
	unfit := e.unfit(rows)
	trials, left := map[unit][]results.Row{}, map[unit]map[happening]bool{}
	for _, r := range rows {
		if !e.selects(r) {
			continue
		}
		key := unit{r.Workload, r.Arm, r.Lane, r.Role, r.Trial}
		if ev := eventOf(r); unfit[ev] {
			key.trial = 0
			if left[key] == nil {
				left[key] = map[happening]bool{}
			}
			left[key][ev] = true
			continue
		}
		trials[key] = append(trials[key], r)
	}
	if len(trials) == 0 && len(left) == 0 {
		return Result{}, fmt.Errorf("gate %q: the run has no figure for it; see the rows and warnings of %s%s", e.text, results.SummaryFile, e.kindsIn(rows))
	}
	// What the values of an arm are: one per trial, or for figures of events the
	// events of all its trials, since each of those is a sample of its own.
	values, count := map[unit][]float64{}, map[unit]int{}
	for key, group := range trials {
		arm := key
		arm.trial = 0
		count[arm]++
		for _, r := range totals(group) {
			values[arm] = append(values[arm], r.Value)
		}
	}
	if err := e.undecided(values, left); err != nil {
		return Result{}, err
	}
	res := Result{Expr: e.text, Want: e.bound, Unit: e.unit, Pass: true}
	for arm, vs := range values {
		a := Arm{Workload: arm.workload, Arm: arm.arm, Lane: arm.lane, Role: arm.role, N: count[arm], Left: len(left[arm])}
		if a.Value = median(vs); e.metric.PerEvent && e.stat != "" {
			a.Value = statOf(e.stat, vs)
		}
		a.Pass = e.holds(a.Value)
		res.Pass = res.Pass && a.Pass
		res.N += a.N
		res.Left += a.Left
		res.Arms = append(res.Arms, a)
	}
	slices.SortFunc(res.Arms, func(a, b Arm) int {
		return cmp.Or(cmp.Compare(a.Workload, b.Workload), cmp.Compare(a.Arm, b.Arm), cmp.Compare(a.Lane, b.Lane), cmp.Compare(a.Role, b.Role))
	})
	worst := slices.MinFunc(res.Arms, func(a, b Arm) int { return cmp.Compare(e.margin(a.Value), e.margin(b.Value)) })
	res.Value = worst.Value
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
		"role": string(r.Role), "event": eventKind(r.Event), "class": r.Class,
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

// kindsIn lists the kinds of events that there are, where the gate asks for one.
func (e expression) kindsIn(rows []results.Row) string {
	if !slices.ContainsFunc(e.labels, func(l label) bool { return l.key == "event" }) {
		return ""
	}
	seen := map[string]bool{}
	for _, r := range rows {
		if r.Event != "" {
			seen[eventKind(r.Event)] = true
		}
	}
	if len(seen) == 0 {
		return "; it has no events"
	}
	return "; its events are of " + strings.Join(slices.Sorted(maps.Keys(seen)), ", ")
}

// eventKind is the kind of an event without its number: join of join#3, stall 5s
// of stall 5s#7.
func eventKind(event string) string {
	for i, c := range event {
		if c == '#' {
			return event[:i]
		}
	}
	return event
}

// totals drops the parts of a sum where the sum is there too: duplicates are
// given by cause and in all.
func totals(rows []results.Row) []results.Row {
	var out []results.Row
	for _, r := range rows {
		if r.Class == "" {
			out = append(out, r)
		}
	}
	if len(out) == 0 {
		return rows
	}
	return out
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

// margin is how far a value is on the right side of the bound, negative on the
// wrong one.
func (e expression) margin(v float64) float64 {
	switch e.op {
	case "<", "<=":
		return e.bound - v
	case ">", ">=":
		return v - e.bound
	case "==":
		return -math.Abs(v - e.bound)
	default:
		return math.Abs(v - e.bound)
	}
}

func median(xs []float64) float64 {
	s := slices.Sorted(slices.Values(xs))
	return (s[(len(s)-1)/2] + s[len(s)/2]) / 2
}

// statOf is a statistic over events, by the nearest rank.
func statOf(stat string, xs []float64) float64 {
	s := slices.Sorted(slices.Values(xs))
	rank := func(q float64) float64 {
		i := int(math.Ceil(q*float64(len(s)))) - 1
		return s[min(max(i, 0), len(s)-1)]
	}
	switch stat {
	case "min":
		return s[0]
	case "p50":
		return rank(0.5)
	case "p90":
		return rank(0.9)
	case "p99":
		return rank(0.99)
	case "p999":
		return rank(0.999)
	case "p9999":
		return rank(0.9999)
	case "max":
		return s[len(s)-1]
	default:
		sum := 0.0
		for _, x := range s {
			sum += x
		}
		return sum / float64(len(s))
	}
}
