// Package gate decides thresholds: expressions over the rows of a summary that
// a run must meet. Expressions are checked for sense before a run starts, so
// that a misspelt metric costs a second and not a night. A gate looks at one run
// alone; comparing arms or nights belongs to other packages.
//
// The grammar, where spaces may stand between any two symbols:
//
//	gate     = figure op want
//	figure   = [ stat ] selector          stat present: "(" selector ")"
//	selector = metric [ "{" [ label { "," label } ] "}" ]
//	label    = key "=" value
//	key      = "workload" | "arm" | "client" | "lane" | "role" | "event" | "class"
//	stat     = "min" | "p50" | "p90" | "p99" | "p999" | "p9999" | "max" | "mean"
//	op       = "<" | "<=" | ">" | ">=" | "==" | "!="
//	want     = number [ unit ] | [ number "*" ] "baseline"
//
// Metrics and their statistics are those of results.Metrics. A number without a
// unit is in the metric's own. An event is a kind, such as join, "stall 5s" where
// a trial has stops of several lengths, or storm for what shares a window in one;
// or a kind and number, such as join#3.
package gate

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/kbench/kbench/results"
)

// expression is a parsed gate, checked for sense. Its bound is in unit.
type expression struct {
	text   string
	stat   string
	metric results.Metric
	labels []label
	op     string
	bound  float64
	unit   string // of the rows that it is about
}

type label struct{ key, value string }

// Check says what is wrong with a gate, and what would be right.
func Check(expr string) error {
	_, err := parse(expr)
	return err
}

// The three parts of a gate. They are taken apart coarsely here; the functions
// below say what exactly is wrong with a part.
var (
	opPattern     = `(<=|>=|==|!=|<|>)`
	gatePattern   = regexp.MustCompile(`^\s*([^<>=!{]+(?:\{[^{}]*\})?\s*\)?)\s*` + opPattern + `\s*(.*?)\s*$`)
	figurePattern = regexp.MustCompile(`^(?:([A-Za-z0-9_]*)\s*\(\s*)?([A-Za-z0-9_.]+)\s*(?:\{([^{}]*)\})?\s*(\))?$`)
	numberPattern = regexp.MustCompile(`^([+-]?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)\s*(.*)$`)
)

func parse(expr string) (expression, error) {
	fail := func(format string, args ...any) (expression, error) {
		return expression{}, fmt.Errorf("gate %q: "+format, append([]any{strings.TrimSpace(expr)}, args...)...)
	}
	parts := gatePattern.FindStringSubmatch(expr)
	if parts == nil {
		return fail("not of the form `metric op value` or `stat(metric{key=value}) op value`, such as `p99(e2e.response) < 20ms`")
	}
	e := expression{text: strings.TrimSpace(expr), op: parts[2]}
	figure := figurePattern.FindStringSubmatch(strings.TrimSpace(parts[1]))
	if figure == nil {
		return fail("%q is not a metric, nor a stat of one; write `metric` or `p99(metric{key=value})`", strings.TrimSpace(parts[1]))
	}
	opened := strings.Contains(strings.SplitN(parts[1], "{", 2)[0], "(")
	if opened != (figure[4] != "") {
		return fail("the parentheses do not match")
	}
	var ok bool
	if e.metric, ok = results.LookupMetric(figure[2]); !ok {
		return fail("no metric is called %q%s", figure[2], nearest(figure[2], metricNames()))
	}
	e.stat = figure[1]
	if err := checkStat(e.metric, e.stat, opened); err != nil {
		return fail("%w", err)
	}
	var err error
	if e.labels, err = parseLabels(figure[3]); err != nil {
		return fail("%w", err)
	}
	if e.bound, e.unit, err = parseWant(e.metric, parts[3]); err != nil {
		return fail("%w", err)
	}
	return e, nil
}

// checkStat says whether the metric has the statistic.
func checkStat(m results.Metric, stat string, opened bool) error {
	switch {
	case opened && !slices.Contains(results.Stats(), stat):
		return fmt.Errorf("no statistic is called %q; there are %s", stat, strings.Join(results.Stats(), ", "))
	case m.HasStat(stat):
		return nil
	case stat == "":
		return fmt.Errorf("%s is a distribution; say which statistic, such as p99(%s)", m.Name, m.Name)
	default:
		return fmt.Errorf("%s is one figure per trial and has no %s; write %s alone", m.Name, stat, m.Name)
	}
}

func labelKeys() []string {
	return []string{"workload", "arm", "client", "lane", "role", "event", "class"}
}

func parseLabels(s string) ([]label, error) {
	if strings.TrimSpace(s) == "" {
		return nil, nil
	}
	var labels []label
	for _, part := range strings.Split(s, ",") {
		key, value, ok := strings.Cut(part, "=")
		key, value = strings.TrimSpace(key), strings.TrimSpace(value)
		switch {
		case !ok || key == "" || value == "":
			return nil, fmt.Errorf("label %q is not of the form key=value", strings.TrimSpace(part))
		case !slices.Contains(labelKeys(), key):
			return nil, fmt.Errorf("no label is called %q%s; there are %s", key, nearest(key, labelKeys()), strings.Join(labelKeys(), ", "))
		case slices.ContainsFunc(labels, func(l label) bool { return l.key == key }):
			return nil, fmt.Errorf("label %s stands twice", key)
		}
		labels = append(labels, label{key, value})
	}
	return labels, nil
}

// errBaseline is what a comparison with another run gets until there is one to compare with. It is
// understood, so that the message can be about what is missing.
var errBaseline = errors.New("a gate against a baseline needs a second run, and `gate` reads only one; write a fixed bound")

func parseWant(m results.Metric, s string) (bound float64, unit string, err error) {
	if s == "" {
		return 0, "", errors.New("the value is missing")
	}
	if s == "baseline" {
		return 0, "", errBaseline
	}
	parts := numberPattern.FindStringSubmatch(s)
	if parts == nil {
		return 0, "", fmt.Errorf("%q is not a number with a unit", s)
	}
	if strings.Join(strings.Fields(parts[2]), "") == "*baseline" {
		return 0, "", errBaseline
	}
	number, err := strconv.ParseFloat(parts[1], 64)
	if err != nil {
		return 0, "", fmt.Errorf("%q is not a number: out of range", parts[1])
	}
	if parts[2] == "" {
		return number, m.Unit, nil
	}
	for _, of := range []string{m.Unit, m.Also} {
		for _, u := range scales(of) {
			if u.name == parts[2] {
				return number * u.factor, of, nil
			}
		}
	}
	return 0, "", fmt.Errorf("%q is not a unit of %s; write %s", parts[2], m.Name, unitList(m))
}

// scale is a name for a multiple of a unit.
type scale struct {
	name   string
	factor float64
}

// scales are the units in which a bound on rows of a unit may be written.
func scales(unit string) []scale {
	switch unit {
	case results.UnitNs:
		return []scale{{"ns", 1}, {"us", 1e3}, {"µs", 1e3}, {"ms", 1e6}, {"s", 1e9}, {"m", 60e9}}
	case results.UnitSeconds:
		return []scale{{"s", 1}, {"ns", 1e-9}, {"us", 1e-6}, {"µs", 1e-6}, {"ms", 1e-3}, {"m", 60}}
	case results.UnitBytes:
		return []scale{{"B", 1}, {"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"bytes", 1}}
	case results.UnitBytesPS:
		return []scale{{"B/s", 1}, {"KB/s", 1e3}, {"MB/s", 1e6}, {"GB/s", 1e9}, {"KiB/s", 1 << 10}, {"MiB/s", 1 << 20}, {"GiB/s", 1 << 30}, {"bytes/s", 1}}
	case results.UnitRate:
		return []scale{{"/s", 1}, {"k/s", 1e3}, {"M/s", 1e6}, {"records/s", 1}}
	case results.UnitCores:
		return []scale{{"cores", 1}}
	case results.UnitAllocs:
		return []scale{{"allocs", 1}}
	case results.UnitRatio:
		return []scale{{"%", 0.01}}
	default:
		return nil
	}
}

func unitList(m results.Metric) string {
	var names []string
	for _, of := range []string{m.Unit, m.Also} {
		for _, u := range scales(of) {
			names = append(names, u.name)
		}
	}
	if len(names) == 0 {
		return "a number alone"
	}
	return strings.Join(names, ", ")
}

func metricNames() []string {
	var names []string
	for _, m := range results.Metrics() {
		names = append(names, m.Name)
	}
	return names
}

// nearest is a hint at the name that was probably meant, empty where none is
// near.
func nearest(name string, names []string) string {
	best, at := len(name)/2+1, ""
	for _, n := range names {
		if d := distance(name, n); d < best {
			best, at = d, n
		}
	}
	if at == "" {
		return ""
	}
	return fmt.Sprintf("; did you mean %s?", at)
}

// distance is the number of single-character edits between two words.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
