package text

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/report"
)

// tables prints the tables of a workload, each as several below each other where
// the arms do not fit side by side, and what is said of them in words.
func (p *page) tables(w *report.Workload) {
	for i := range w.Tables {
		t := &w.Tables[i]
		p.sheets(w, t)
		p.fewSamples(t)
		if t.Of == report.Events {
			p.words(w, t)
		}
	}
}

// none is a cell about which nothing is known.
const none = "-"

// writer writes the rows of a table, closely or not.
type writer struct {
	of     report.Contents
	close  bool
	spread int // the width of the spreads of rounds
}

// line is a row of a table in text.
func (w writer) line(g report.Group, r report.Row) line {
	l := line{label: r.Label}
	if r.Under {
		l.label = "  " + l.label
	}
	write := numbers
	switch {
	case w.of == report.Figures:
		by := scaleOfRow(r)
		l.unit = by.name
		if w.close && r.Unit == results.UnitRate {
			l.unit = "/s"
		}
		write = func(c report.Cell) string { return by.value(c.Values[0]) + few(c.Values[0]) + spread(c, w.spread) }
	case w.of == report.Leaks:
		l.unit, write = ofMembers(r, w.separator())
	case w.of == report.Parts && r.Unit == results.UnitCount:
		l.unit, write = "%", func(c report.Cell) string { return shares(c, w.separator()) }
	case r.Metric != "":
		var by func(report.Value) string
		l.unit, by = eventUnit(r)
		write = func(c report.Cell) string {
			var out []string
			for _, v := range c.Values {
				out = append(out, by(v)+few(v))
			}
			return strings.Join(out, w.separator())
		}
	default:
		l.words = true
	}
	for _, c := range r.Cells {
		cell := none
		if c.NotKnown {
			cell = "not known"
		}
		if len(c.Values) > 0 {
			cell = write(c)
		}
		l.cells = append(l.cells, cell)
	}
	l.optional = w.of == report.Events && g.Event == ""
	if r.Metric == results.PauseTotal && g.Published != 0 {
		l.published = significant(g.Published / 1e6)
	}
	return l
}

// ofMembers is how what members hold is written: levels beside each other, in one unit for
// all arms, and what there is more with its sign.
func ofMembers(r report.Row, separator string) (unit string, write func(report.Cell) string) {
	largest := 0.0
	for _, v := range valuesOf(r) {
		largest = max(largest, math.Abs(v.Value))
	}
	by := scaleOf(r.Unit, largest, largest)
	return by.name, func(c report.Cell) string {
		var out []string
		for _, v := range c.Values {
			words := by.value(v)
			if v.Value == math.Trunc(v.Value) && by.per == 1 { // a count, and not a share of one
				words = grouped(v.Value, 0)
			}
			out = append(out, words)
		}
		return strings.Join(out, separator)
	}
}

// separator stands between figures that are read together.
func (w writer) separator() string {
	if w.close && w.of == report.Parts {
		return "/"
	}
	return " / "
}

// scaleOfRow is one unit for all cells, also of tables below each other.
func scaleOfRow(r report.Row) scale {
	smallest, largest := 0.0, 0.0
	for _, c := range r.Cells {
		if len(c.Values) == 0 {
			continue
		}
		m := c.Values[0].Value
		if smallest == 0 || m > 0 && m < smallest {
			smallest = m
		}
		largest = max(largest, m)
	}
	return scaleOf(r.Unit, smallest, largest)
}

// eventUnit is how the figures of events are written. All times are in ms, so
// that rows can be added and subtracted at a glance.
func eventUnit(r report.Row) (unit string, write func(report.Value) string) {
	times, per := 1.0, 1.0
	switch {
	case r.Unit == results.UnitNs:
		unit, per = "ms", 1e6
	case r.Metric == results.PauseAvailability:
		unit, times = "%", 100
	case r.Unit == results.UnitSeconds:
		unit = "s"
	}
	return unit, func(v report.Value) string {
		if v.Stat == "sum" {
			return grouped(v.Value, 0)
		}
		return significant(times * v.Value / per)
	}
}

// few marks a percentile of fewer samples than it takes.
func few(v report.Value) string {
	if v.Few == 0 {
		return ""
	}
	return "†"
}

// valuesOf are the values of all cells of a row.
func valuesOf(r report.Row) []report.Value {
	var out []report.Value
	for _, c := range r.Cells {
		out = append(out, c.Values...)
	}
	return out
}

// fewSamples says below a table what the marked percentiles in it are worth.
func (p *page) fewSamples(t *report.Table) {
	var all []int64
	for _, g := range t.Groups {
		for _, r := range g.Rows {
			for _, v := range valuesOf(r) {
				if v.Few > 0 {
					all = append(all, v.Few)
				}
			}
		}
	}
	if len(all) == 0 {
		return
	}
	least, most := slices.Min(all), slices.Max(all)
	of := count(most, "sample")
	if least < most {
		of = fmt.Sprintf("%d to %s", least, of)
	}
	p.wrapped("  † ", fmt.Sprintf("a percentile of %s (where the trials of an arm differ, of the fewest): no more than the largest of them; p99 takes %d, p99.9 %s",
		of, results.SamplesOf("p99"), grouped(float64(results.SamplesOf("p999")), 0)))
	p.line("")
}

// spread is how far the rounds lie around their median.
func spread(c report.Cell, width int) string {
	if c.Spread == nil {
		return ""
	}
	return fmt.Sprintf(" %*s", width, fmt.Sprintf("±%.0f%%", 100**c.Spread/c.Values[0].Value))
}

// spreadOf is the width that spreads have in a table, closely written that of the widest.
func spreadOf(t *report.Table, close bool) (n int) {
	if !close {
		return 6
	}
	for _, g := range t.Groups {
		for _, r := range g.Rows {
			for _, c := range r.Cells {
				n = max(n, len([]rune(spread(c, 0)))-1)
			}
		}
	}
	return n
}

// shares are the parts of a whole in percent.
func shares(c report.Cell, separator string) string {
	all := 0.0
	for _, v := range c.Values {
		all += v.Value
	}
	var out []string
	for _, v := range c.Values {
		out = append(out, fmt.Sprintf("%.0f", 100*v.Value/all))
	}
	return strings.Join(out, separator)
}

// numbers is of how many events the figures are, and how many others there were.
func numbers(c report.Cell) string {
	words := ""
	for _, v := range c.Values {
		switch v.Class {
		case report.Fit:
			words = fmt.Sprint(v.Value)
		case report.Acts:
			words += " (" + count(int64(v.Value), "act") + ")"
		default:
			words += fmt.Sprintf(", %v %s", v.Value, v.Class)
		}
	}
	return words
}

// head is the header of an arm in the main table.
func head(w *report.Workload, a *report.Arm, close bool) string {
	lines := []string{a.Name}
	if close || len(a.Name) > mostColumns {
		lines[0] = narrow(a)
	}
	if slices.ContainsFunc(w.Arms, func(b report.Arm) bool { return b.Lane != w.Arms[0].Lane }) {
		lines = append(lines, a.Lane)
	}
	if a.Version != "" {
		lines = append(lines, a.Version)
	}
	if a.Batch != 0 {
		lines = append(lines, significant(a.Batch)+" rec/batch")
		if a.Sampled {
			lines = append(lines, "sampled")
		}
	}
	if a.Cut != nil {
		lines = append(lines, fmt.Sprintf("trial %d", a.Cut.N))
	}
	if line := status(a); line != "" {
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n")
}

// narrow is the title of an arm over several lines: the client, what varies, and
// of a long name its last word.
func narrow(a *report.Arm) string {
	client, varies, found := strings.Cut(a.Title(), "/")
	if !found {
		return client
	}
	if i := strings.LastIndexByte(varies, '-'); i > 0 && len(varies) > 13 {
		varies = varies[:i+1] + "\n" + varies[i+1:]
	}
	return client + "/\n" + varies
}

// marks is the last row of the main table: what keeps trials of an arm out of
// verdicts, and whether anything does.
func marks(w *report.Workload, t *report.Table) (l line, any bool) {
	l = line{label: "marks", words: true, optional: true}
	for _, i := range t.Arms {
		lines := marksOf(&w.Arms[i])
		any = any || len(lines) > 0
		l.cells = append(l.cells, strings.Join(lines, "\n"))
	}
	return l, any
}

// marksOf are the marks of an arm, and of how many of its trials where not of all.
func marksOf(a *report.Arm) []string {
	var out []string
	for _, m := range a.Marks {
		metric, _ := results.LookupMetric(m.Metric)
		s := metric.Mark
		if m.Class != "" {
			s += " by " + m.Class
		}
		if m.Trials < a.Rounds {
			s += fmt.Sprintf(" %d/%d", m.Trials, a.Rounds)
		}
		out = append(out, s)
	}
	return out
}

// words says below the table of events what was slow, and what stopped only
// because of where it is led.
func (p *page) words(w *report.Workload, t *report.Table) {
	if slices.ContainsFunc(t.Groups, func(g report.Group) bool { return g.Published != 0 }) {
		p.wrapped("  ", "* Published for a heartbeat of 3 s and a session of 10 s, undefined elsewhere. It stands beside the time from the act to the last assignment, and need not be the same thing.")
	}
	for _, g := range t.Groups {
		var words []string
		for _, s := range w.Slowest {
			if s.Event != g.Event {
				continue
			}
			one := fmt.Sprintf("%s in %s, %s ms", w.Arms[s.Arm].Title(), strings.ReplaceAll(s.Phase, "_", " "), significant(s.Ns/1e6))
			if s.Events > 1 {
				one += fmt.Sprintf(" (%d of %d events)", s.Slower, s.Events)
			}
			words = append(words, one)
		}
		if len(words) > 0 {
			p.wrapped(fmt.Sprintf("  slowest  %s: ", g.Event), strings.Join(words, "; "))
		}
	}
	for _, s := range w.Shared {
		p.wrapped(fmt.Sprintf("  shared   %s: ", s.Event), fmt.Sprintf(
			"%s, of the partitions that kept their owner those led by the coordinator's node stopped for %s ms, the others for %s ms (medians of the worst; %d of %d events)",
			w.Arms[s.Arm].Title(), significant(s.Led/1e6), significant(s.Others/1e6), s.Worse, s.Events))
	}
	p.line("")
}

// atRest says of each arm whether its group stayed as it was, where nothing was
// done to it.
func (p *page) atRest(w *report.Workload) {
	for _, r := range w.Rest {
		words := "no rebalance"
		if r.Generations > 0 {
			words = count(int64(r.Generations), "rebalance") + " that nobody asked for"
			if r.Strangers > 0 {
				words = count(int64(r.Generations), "rebalance") + ", and " + count(int64(r.Strangers), "member") + " in the group that kbench did not start"
			}
		}
		if r.BeatGap != nil {
			words += fmt.Sprintf(", at most %s ms between two heartbeats", significant(*r.BeatGap/1e6))
		}
		if r.Availability != nil {
			words += fmt.Sprintf(", availability %.1f%%", 100**r.Availability)
		}
		p.wrapped("  group    ", w.Arms[r.Arm].Title()+": "+words)
	}
	if len(w.Rest) > 0 {
		p.line("")
	}
}
