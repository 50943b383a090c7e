// Package figure names a figure of a summary, and finds it in its rows: the metric, a
// statistic of it, and labels that say of which arms, roles, events or classes. It knows
// also which rows must decide nothing: of a trial on a machine that was otherwise, of an
// event that others disturbed. What is made of the values is left to gate and compare.
//
//	figure   = [ stat ] selector          stat present: "(" selector ")"
//	selector = metric [ "{" [ label { "," label } ] "}" ]
//	label    = key "=" value
//	key      = "workload" | "arm" | "client" | "lane" | "role" | "event" | "class" | "layer"
//	stat     = "min" | "p50" | "p90" | "p99" | "p99.9" | "p99.99" | "max" | "mean"
//
// Metrics and their statistics are those of results.Metrics; p99.9 may be written
// p999, as rows have it. An event is a kind, such as join, "stall 5s" where
// a trial has stops of several lengths, or storm for what shares a window in one;
// or a kind and number, such as join#3. A layer is the class of cpu.layer and its like.
package figure

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/kbench/kbench/results"
)

// Figure is one figure, checked for sense.
type Figure struct {
	Text   string // as it was written
	Stat   string
	Metric results.Metric
	Unit   string // of its rows
	labels []label
}

type label struct{ key, value string }

// The parts of a figure and of an amount. They are taken apart coarsely here; the
// functions below say what exactly is wrong with a part.
var (
	figurePattern = regexp.MustCompile(`^(?:([A-Za-z0-9_.]*)\s*\(\s*)?([A-Za-z0-9_.]+)\s*(?:\{([^{}]*)\})?\s*(\))?$`)
	amountPattern = regexp.MustCompile(`^([+-]?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)\s*(.*)$`)
)

// Parse reads a figure in the metric's own unit. Its error says what is wrong, and what
// would be right.
func Parse(text string) (Figure, error) {
	f := Figure{Text: strings.TrimSpace(text)}
	parts := figurePattern.FindStringSubmatch(f.Text)
	if parts == nil {
		return f, fmt.Errorf("%q is not a metric, nor a stat of one; write `metric` or `p99(metric{key=value})`", f.Text)
	}
	opened := strings.Contains(strings.SplitN(text, "{", 2)[0], "(")
	if opened != (parts[4] != "") {
		return f, errors.New("the parentheses do not match")
	}
	var ok bool
	if f.Metric, ok = results.LookupMetric(parts[2]); !ok {
		return f, fmt.Errorf("no metric is called %q%s", parts[2], nearest(parts[2], metricNames()))
	}
	f.Unit, f.Stat = f.Metric.Unit, statNamed(parts[1])
	if err := checkStat(f.Metric, f.Stat, opened); err != nil {
		return f, err
	}
	var err error
	if f.labels, err = parseLabels(parts[3]); err != nil {
		return f, err
	}
	return f, f.checkClass()
}

// statNamed takes p99.9 for what rows call p999.
func statNamed(s string) string {
	if whole, part, ok := strings.Cut(s, "."); ok && strings.Trim(part, "9") == "" {
		return whole + part
	}
	return s
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

// checkClass says whether the gate is about one of the classes that the metric has side
// by side. A value of all of them would be one of nothing.
func (f Figure) checkClass() error {
	of, asked := f.Metric.Classes, f.Asks("class")
	if len(of) == 0 || slices.Contains(of, asked) {
		return nil
	}
	if asked != "" {
		return fmt.Errorf("%s has no class %q%s; there are %s", f.Metric.Name, asked, nearest(asked, of), strings.Join(of, ", "))
	}
	return fmt.Errorf("%s has a figure for each class; say which, such as %s{class=%s}", f.Metric.Name, f.Metric.Name, of[len(of)-1])
}

func labelKeys() []string {
	return []string{"workload", "arm", "client", "lane", "role", "event", "class", "layer"}
}

func parseLabels(s string) ([]label, error) {
	if strings.TrimSpace(s) == "" {
		return nil, nil
	}
	var labels []label
	for _, part := range strings.Split(s, ",") {
		key, value, ok := strings.Cut(part, "=")
		key, value = strings.TrimSpace(key), strings.TrimSpace(value)
		if key == "layer" {
			key = "class"
		}
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

// Amount reads an amount of a metric: a number, with one of its units or in its own.
// unit is that of the rows which it is an amount of.
func Amount(m results.Metric, text string) (value float64, unit string, err error) {
	parts := amountPattern.FindStringSubmatch(text)
	if parts == nil {
		return 0, "", fmt.Errorf("%q is not a number with a unit", text)
	}
	number, err := strconv.ParseFloat(parts[1], 64)
	if err != nil {
		return 0, "", fmt.Errorf("%q is not a number: out of range", parts[1])
	}
	if parts[2] == "" {
		if isTime := m.Unit == results.UnitNs || m.Unit == results.UnitSeconds; isTime && number != 0 {
			return 0, "", fmt.Errorf("%s is a time and %s has no unit; write one of %s", m.Name, parts[1], unitList(m))
		}
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

// scales are the units in which an amount of a unit may be written.
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
