package text

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/kbench/kbench/internal/visible"
	"github.com/kbench/kbench/results/compare"
)

// Comparison writes what was found of pairs of arms: a line for each pair, and below it
// by which figures.
func Comparison(w io.Writer, c *compare.Comparison, o Options) error {
	p := newPage(o)
	title := "kbench compare " + c.Run
	if c.Baseline != "" {
		title += " · against " + c.Baseline
	}
	p.title(title)
	for _, d := range c.Changed {
		p.wrapped("changed  ", d.String())
	}
	for i := range c.Workloads {
		p.compared(c, &c.Workloads[i])
	}
	return p.writeTo(w)
}

func (p *page) compared(c *compare.Comparison, w *compare.Workload) {
	p.heading(w.Name)
	p.wrapped("  by       ", MeasuresLine(w))
	if looks := LooksLine(w); looks != "" {
		p.wrapped("  looks    ", looks)
	}
	for _, d := range w.Differs {
		p.wrapped("  differs  ", d.String())
	}
	if len(w.Differs) > 0 {
		p.wrapped("  so       ", "the two runs are not of one series: their figures stand side by side, without a verdict")
	}
	for _, line := range OutLines(c, w) {
		p.wrapped("  out      ", line)
	}
	if w.Why != "" {
		p.wrapped("  none     ", w.Why)
	} else if line := AloneLine(w); line != "" {
		p.wrapped("  alone    ", line)
	}
	for i := range w.Pairs {
		pair := &w.Pairs[i]
		p.line("")
		p.wrapped("  ", PairLine(c, w, pair))
		for j := range pair.Results {
			r := &pair.Results[j]
			p.wrapped(fmt.Sprintf("    %-11s  ", r.Verdict), detail(c, w, r))
		}
	}
}

// MeasuresLine says by which figures a workload is compared, what matters of them, and
// against how many comparisons a verdict holds.
func MeasuresLine(w *compare.Workload) string {
	var parts []string
	for i := range w.Measures {
		m := &w.Measures[i]
		var effects []string
		if m.Share > 0 {
			effects = append(effects, strconv.FormatFloat(100*m.Share, 'g', 4, 64)+"%")
		}
		if m.Amount > 0 {
			s := scaleOf(m.Unit, m.Amount, m.Amount)
			effects = append(effects, strings.TrimSpace(strconv.FormatFloat(m.Amount/s.per, 'g', 4, 64)+" "+s.name))
		}
		parts = append(parts, m.Text+", of which "+strings.Join(effects, " or ")+" matters")
	}
	line := strings.Join(parts, "; ")
	if w.Family > 1 {
		line += fmt.Sprintf("; verdicts hold for all %d comparisons together", w.Family)
	}
	return line
}

// LooksLine says after how many rounds a run was to be looked at, and what each look may
// spend; empty where it had as many rounds as it was given.
func LooksLine(w *compare.Workload) string {
	if len(w.Looks) == 0 {
		return ""
	}
	return fmt.Sprintf("rounds followed until the intervals were narrow, looked at after %s rounds: each look holds at %s, so that all of them together do at %s, as their intervals of %s do",
		Numbers(w.Looks), Percent(w.Level), Percent(compare.Level), Percent(1-compare.Level))
}

// OutLines say how many trials are in no verdict, and why.
func OutLines(c *compare.Comparison, w *compare.Workload) []string {
	said := func(outs []compare.Out, of string) (lines []string) {
		for _, o := range outs {
			lines = append(lines, fmt.Sprintf("%s of %s%s: %s", count(int64(o.Trials), "trial"), o.Title(), of, o.Why))
		}
		return lines
	}
	if c.Baseline == "" {
		return said(w.Out, "")
	}
	return append(said(w.Out, ""), said(w.BaseOut, " in the baseline")...)
}

// AloneLine says which arms have none to be compared with; empty where all have.
func AloneLine(w *compare.Workload) string {
	var arms []string
	for _, a := range w.Alone {
		arms = append(arms, a.Title())
	}
	if len(arms) == 0 {
		return ""
	}
	return "not in the baseline: " + strings.Join(arms, ", ")
}

// PairLine is a pair in one line: by which figures it is what.
func PairLine(c *compare.Comparison, w *compare.Workload, p *compare.Pair) string {
	title := p.A.Title() + " against "
	if c.Baseline == "" {
		title += p.B.Title()
	} else {
		title += "the baseline"
	}
	if p.Twins {
		title = "A/A, " + title
	}
	var parts []string
	for _, v := range []compare.Verdict{compare.Better, compare.Worse, compare.Same, compare.CannotTell} {
		var by []string
		for i := range p.Results {
			if r := &p.Results[i]; r.Verdict == v {
				what := ResultName(w, r)
				if r.Effect != nil && v != compare.Same && v != compare.CannotTell {
					what += " (" + Effect(&w.Measures[r.Measure], *r.Effect) + ")"
				}
				by = append(by, what)
			}
		}
		if len(by) > 0 {
			parts = append(parts, string(v)+" by "+strings.Join(by, ", "))
		}
	}
	if len(w.Differs) > 0 {
		parts = []string{"no verdict"}
	}
	if p.Twins && slices.ContainsFunc(p.Results, func(r compare.Result) bool { return r.Verdict == compare.Better || r.Verdict == compare.Worse }) {
		parts = append(parts, "a false alarm, for they are the same: believe no effect of that size")
	}
	return title + ": " + strings.Join(parts, "; ")
}

// ResultName is of what a result is.
func ResultName(w *compare.Workload, r *compare.Result) string {
	name := w.Measures[r.Measure].Text
	if r.Event != "" && !strings.Contains(name, "event=") {
		name += " of " + r.Event
	}
	return name
}

// detail is a result with its figures, and where it cannot tell what it would take.
func detail(c *compare.Comparison, w *compare.Workload, r *compare.Result) string {
	m := &w.Measures[r.Measure]
	line := ResultName(w, r)
	if r.Effect != nil {
		line += " " + Effect(m, *r.Effect)
	}
	if r.Low != nil {
		line += fmt.Sprintf(" (%s to %s)", Effect(m, *r.Low), Effect(m, *r.High))
	}
	if r.A != nil {
		line += ": " + Medians(m, r)
	}
	if r.N > 0 {
		line += "; " + Samples(c, r)
	}
	if words := WhatItTakes(c, m, r); words != "" {
		line += "; " + words
	}
	return line
}

// Medians are those of the two arms, in one unit.
func Medians(m *compare.Measure, r *compare.Result) string {
	a, b := math.Abs(*r.A), math.Abs(*r.B)
	s := finer(m.Unit, min(a, b), max(a, b))
	return strings.TrimSpace(s.format(*r.A) + " against " + s.format(*r.B) + " " + s.name)
}

// Samples says of how much a result is, and how often chance gives as much.
func Samples(c *compare.Comparison, r *compare.Result) string {
	words := count(int64(r.N), "round")
	if c.Baseline != "" {
		words = count(int64(r.N), "trial") + " of each"
	}
	if r.Left > 0 {
		words += ", " + count(int64(r.Left), "event") + " left out"
	}
	if r.Holm != nil {
		words += ", p " + Probability(*r.Holm)
	}
	return words
}

// Probability is a p in words.
func Probability(p float64) string {
	if p < 0.0001 {
		return "below 0.0001"
	}
	return significant(p)
}

// WhatItTakes says why a result cannot tell, which effect would have been seen, and how
// many rounds it takes; empty where there is a verdict.
func WhatItTakes(c *compare.Comparison, m *compare.Measure, r *compare.Result) string {
	thing := "round"
	if c.Baseline != "" {
		thing = "trial"
	}
	switch {
	case r.Verdict != compare.CannotTell:
		return ""
	case r.Why != "":
		return r.Why
	}
	takes := "to tell takes more rounds than anyone runs"
	if r.Rounds > 0 {
		takes = fmt.Sprintf("it takes about %s to tell", count(int64(r.Rounds), thing))
	}
	if r.Smallest == nil {
		return "so few show nothing, however far apart the arms are; " + takes
	}
	return "an effect of " + strings.TrimPrefix(Effect(m, *r.Smallest), "+") + " would have been seen; " + takes
}

// Effect is how far two arms are apart, with its sign: a share, or an amount.
func Effect(m *compare.Measure, v float64) string {
	sign := ""
	if v > 0 {
		sign = "+"
	}
	if m.Amount == 0 {
		return sign + significant(100*v) + "%"
	}
	return sign + Amount(m.Unit, v)
}

// Amount is a number with its unit.
func Amount(unit string, v float64) string {
	s := scaleOf(unit, math.Abs(v), math.Abs(v))
	return visible.Line(strings.TrimSpace(s.format(v) + " " + s.name))
}

// Compared is the end of a run with several arms: a line for each pair of which something
// can be told, or else nothing.
func Compared(w io.Writer, c *compare.Comparison, o Options) error {
	p := newPage(o)
	for i := range c.Workloads {
		work := &c.Workloads[i]
		for j := range work.Pairs {
			pair := &work.Pairs[j]
			told := slices.ContainsFunc(pair.Results, func(r compare.Result) bool { return r.Verdict != compare.CannotTell })
			if !told {
				continue
			}
			if p.Len() == 0 {
				p.heading("Verdicts (kbench compare has all of them)")
			}
			p.wrapped("  "+work.Name+"  ", PairLine(c, work, pair))
		}
	}
	return p.writeTo(w)
}
