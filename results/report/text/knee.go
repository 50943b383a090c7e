package text

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/jedib0t/go-pretty/v6/table"
	gotext "github.com/jedib0t/go-pretty/v6/text"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/held"
)

// Knee writes the highest rate that each arm holds, who gave out above it, and latency over
// the rate.
func Knee(w io.Writer, k *held.Knee, o Options) error {
	p := newPage(o)
	var slo []string
	for _, s := range k.SLO {
		slo = append(slo, s.Expression)
	}
	p.title("kbench knee · " + k.Workload + " · " + strings.Join(slo, ", "))
	if k.Machine != "" {
		p.wrapped("machine  ", k.Machine)
	}
	if k.Broker != "" {
		p.wrapped("broker   ", k.Broker)
	}
	p.wrapped("held     ", "every SLO met, what was due handed over and out again, no send failed or was left unanswered, nothing lost or left in the log")
	for i := range k.Arms {
		p.knee(k, &k.Arms[i])
	}
	return p.writeTo(w)
}

func (p *page) knee(k *held.Knee, a *held.Arm) {
	p.heading(a.Name + ": " + KneeLine(a))
	if a.Refused != "" {
		return
	}
	p.wrapped("  by       ", kneeBy(a))
	if a.Why != "" {
		p.wrapped("  open     ", a.Why)
	}
	if limit := LimitLine(a); limit != "" {
		p.wrapped("  limit    ", limit)
	}
	if len(a.Points) > 0 {
		p.curve(k, a)
	}
}

// KneeLine is what an arm holds, in one line.
func KneeLine(a *held.Arm) string {
	switch {
	case a.Refused != "":
		return "n/a: " + a.Refused
	case a.Held > 0 && a.NotHeld > 0:
		return fmt.Sprintf("holds %s, and %s no more", RateOf(a.Held), RateOf(a.NotHeld))
	case a.Held > 0 && a.Found:
		return fmt.Sprintf("holds %s, above which nothing was tried", RateOf(a.Held))
	case a.Held > 0:
		return fmt.Sprintf("holds %s; what it does not hold is not known", RateOf(a.Held))
	case a.NotHeld > 0 && a.Found:
		return fmt.Sprintf("does not hold %s, below which nothing was tried", RateOf(a.NotHeld))
	case a.NotHeld > 0:
		return fmt.Sprintf("does not hold %s; what it holds is not known", RateOf(a.NotHeld))
	}
	return "not known"
}

// RateOf is a rate in words.
func RateOf(rate float64) string {
	decimals := 0
	if whole := strconv.FormatFloat(rate, 'f', -1, 64); strings.Contains(whole, ".") {
		decimals = len(whole) - strings.Index(whole, ".") - 1
	}
	return grouped(rate, decimals) + "/s"
}

// kneeBy says on how many trials the ends of an interval rest. Those that were not decided
// are not counted.
func kneeBy(a *held.Arm) string {
	var parts []string
	if a.Held > 0 {
		parts = append(parts, fmt.Sprintf("%s held in %d of %s", RateOf(a.Held), a.HeldIn.Held, count(int64(a.HeldIn.Held+a.HeldIn.NotHeld), "trial")))
	}
	if a.NotHeld > 0 {
		parts = append(parts, fmt.Sprintf("%s held in %d of %s", RateOf(a.NotHeld), a.NotHeldIn.Held, count(int64(a.NotHeldIn.Held+a.NotHeldIn.NotHeld), "trial")))
	}
	return strings.Join(append(parts, count(int64(a.Trials), "trial")+" counted"), "; ")
}

// LimitLine is who gave out above the knee, and what follows from it; empty where it is not
// known.
func LimitLine(a *held.Arm) string {
	switch a.Limit {
	case "":
		return ""
	case held.Client:
		what := map[string]string{"cpu": "its CPU", "window": "the window was full", "send": "time inside Send", "records": "what became of records", "latency": "it was late"}[a.By]
		return fmt.Sprintf("the client (%s): %s", cmp.Or(what, a.By), a.LimitWhy)
	}
	beyond := ""
	if a.Held > 0 {
		beyond = " beyond " + RateOf(a.Held)
	}
	return fmt.Sprintf("the %s, and not the client, whose own knee is not known%s: %s", a.Limit, beyond, a.LimitWhy)
}

// curve is the latency over the rate. Where it is wider than the page, the columns that
// tell least are left out.
func (p *page) curve(k *held.Knee, a *held.Arm) {
	of := latencyName(a)
	columns := []column{
		{head: "rate, /s", cell: func(pt *held.Point) string { return strings.TrimSuffix(RateOf(pt.Rate), "/s") }},
		{head: "held", cell: tallyCell},
		{head: "p50", spare: true, cell: func(pt *held.Point) string { return latencyCell(pt.Latency.P50) }},
		{head: "p99", cell: func(pt *held.Point) string { return latencyCell(pt.Latency.P99) }},
		{head: "p99.9", spare: true, cell: func(pt *held.Point) string { return latencyCell(pt.Latency.P999) }},
	}
	for i, slo := range k.SLO {
		if slices.Contains([]string{"p50(" + of + ")", "p99(" + of + ")", "p99.9(" + of + ")", "p999(" + of + ")"}, slo.Figure) {
			columns[2].spare = columns[2].spare && !strings.HasPrefix(slo.Figure, "p50")
			columns[4].spare = columns[4].spare && !strings.HasPrefix(slo.Figure, "p99.9") && !strings.HasPrefix(slo.Figure, "p999")
			continue
		}
		columns = append(columns, column{head: slo.Figure, cell: func(pt *held.Point) string { return sloCell(slo.Unit, pt.SLO[i]) }})
	}
	columns = append(columns,
		column{head: "came out, /s", cell: func(pt *held.Point) string { return known(pt.CameOut) }},
		column{head: "client", cell: func(pt *held.Point) string { return known(pt.Client) }},
		column{head: "broker", spare: true, cell: func(pt *held.Point) string { return known(pt.Broker) }})
	lines := rendered(columns, a.Points)
	for at := len(columns) - 1; at >= 0 && widest(lines) > p.width; at-- {
		if columns[at].spare {
			columns = slices.Delete(columns, at, at+1)
			lines = rendered(columns, a.Points)
		}
	}
	p.line("")
	for _, l := range lines {
		p.line("%s", l)
	}
	p.line("  %s, medians of the trials of a rate; client and broker are cores", of)
}

// column is one of a curve.
type column struct {
	head  string
	spare bool // it is left out where there is no room
	cell  func(*held.Point) string
}

func rendered(columns []column, points []held.Point) (lines []string) {
	w := newWriter()
	var head table.Row
	configs := make([]table.ColumnConfig, len(columns))
	for i, c := range columns {
		head = append(head, c.head)
		configs[i] = table.ColumnConfig{Number: i + 1, Align: gotext.AlignRight, AlignHeader: gotext.AlignRight}
	}
	w.SetColumnConfigs(configs)
	w.AppendHeader(head)
	for i := range points {
		var row table.Row
		for _, c := range columns {
			row = append(row, c.cell(&points[i]))
		}
		w.AppendRow(row)
	}
	for l := range strings.Lines(w.Render()) {
		lines = append(lines, "  "+strings.TrimRight(l, "\n "))
	}
	return lines
}

func widest(lines []string) (n int) {
	for _, l := range lines {
		n = max(n, utf8.RuneCountInString(l))
	}
	return n
}

func tallyCell(pt *held.Point) string {
	words := fmt.Sprintf("%d of %d", pt.Held, pt.Held+pt.NotHeld)
	if pt.Open > 0 {
		words += fmt.Sprintf(", %d open", pt.Open)
	}
	return words
}

// latencyName is the latency that a curve shows.
func latencyName(a *held.Arm) string {
	for i := range a.Points {
		if m := a.Points[i].Latency.Metric; m != "" {
			return m
		}
	}
	return results.ProduceResponse
}

func latencyCell(ns float64) string {
	if ns == 0 {
		return none
	}
	return Amount(results.UnitNs, ns)
}

func known(v float64) string {
	if v == 0 {
		return none
	}
	return significant(v)
}

// sloCell is the figure of an SLO at a rate.
func sloCell(unit string, v *float64) string {
	if v == nil {
		return none
	}
	return SLOAmount(unit, *v)
}

// SLOAmount is the figure of an SLO in words.
func SLOAmount(unit string, v float64) string {
	if unit == results.UnitCount && v == math.Trunc(v) {
		return grouped(v, 0)
	}
	return Amount(unit, v)
}
