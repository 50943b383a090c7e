// Package gate decides thresholds: expressions over the rows of a summary that
// a run must meet. Expressions are checked for sense before a run starts, so
// that a misspelt metric costs a second and not a night. A gate looks at one run, and
// where its bound is a baseline at those before it; comparing arms belongs to package
// compare, and nights to others.
//
// The grammar, where spaces may stand between any two symbols, and figure is what
// package figure says:
//
//	gate = figure op want
//	op   = "<" | "<=" | ">" | ">=" | "==" | "!="
//	want = number [ unit ] | [ number "*" ] "baseline"
//
// A number without a unit is in the metric's own, but a time needs one.
package gate

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/kbench/kbench/results/figure"
)

// expression is a parsed gate, checked for sense. Its bound is in the unit of its
// figure.
type expression struct {
	figure.Figure
	text     string
	op       string
	bound    float64
	baseline bool // the bound is that many times one
}

// Check says what is wrong with a gate, and what would be right.
func Check(expr string) error {
	_, err := parse(expr)
	return err
}

// AsksBaseline says whether the bound of a gate is a baseline.
func AsksBaseline(expr string) bool {
	e, err := parse(expr)
	return err == nil && e.baseline
}

// FigureOf is what a gate is about.
func FigureOf(expr string) (figure.Figure, error) {
	e, err := parse(expr)
	return e.Figure, err
}

// gatePattern takes a gate apart coarsely.
var gatePattern = regexp.MustCompile(`^\s*([^<>=!{]+(?:\{[^{}]*\})?\s*\)?)\s*(<=|>=|==|!=|<|>)\s*(.*?)\s*$`)

func parse(expr string) (expression, error) {
	fail := func(format string, args ...any) (expression, error) {
		return expression{}, fmt.Errorf("gate %q: "+format, append([]any{strings.TrimSpace(expr)}, args...)...)
	}
	parts := gatePattern.FindStringSubmatch(expr)
	if parts == nil {
		return fail("not of the form `metric op value` or `stat(metric{key=value}) op value`, such as `p99(e2e.response) < 20ms`")
	}
	e := expression{text: strings.TrimSpace(expr), op: parts[2]}
	var err error
	if e.Figure, err = figure.Parse(parts[1]); err != nil {
		return fail("%w", err)
	}
	switch want := parts[3]; {
	case want == "":
		err = errors.New("the value is missing")
	case strings.HasSuffix(want, "baseline"):
		err = e.parseBaseline(want)
	default:
		e.bound, e.Unit, err = figure.Amount(e.Metric, want)
	}
	if err != nil {
		return fail("%w", err)
	}
	return e, nil
}
