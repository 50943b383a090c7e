package text

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/kbench/kbench/internal/visible"
	"github.com/kbench/kbench/results/compare"
	"github.com/kbench/kbench/results/series"
	"github.com/kbench/kbench/results/trend"
)

// Trend writes what moved over nights, and of each figure the log of its last nights, with
// a dotted line at those where something changed.
func Trend(w io.Writer, t *trend.Trend, nights int, o Options) error {
	p := newPage(o)
	p.title(fmt.Sprintf("kbench trend · %s, %s to %s", count(int64(t.Runs), "run"), day(t.From), day(t.To)))
	for _, o := range t.Passed {
		p.wrapped("passed over  ", o.Dir+": "+o.Why)
	}
	for i := range t.Workloads {
		p.trend(t, &t.Workloads[i], nights)
	}
	return p.writeTo(w)
}

// day is the date of a time in RFC 3339.
func day(at string) string { return at[:min(len(at), len("2006-01-02"))] }

func (p *page) trend(t *trend.Trend, w *trend.Workload, nights int) {
	p.heading(fmt.Sprintf("%s · %s, %s · %s", w.Name, w.Host, count(int64(w.Cores), "core"), w.Broker))
	out := 0
	for _, n := range w.Nights {
		if n.Out != "" {
			out++
		}
	}
	p.wrapped("  nights   ", fmt.Sprintf("%s, %s to %s; %d count", grouped(float64(len(w.Nights)), 0), day(w.Nights[0].Started), day(w.Nights[len(w.Nights)-1].Started), len(w.Nights)-out))
	if w.Earlier {
		p.wrapped("  earlier  ", "nights after these are of another series, which stands by itself")
	}
	for _, d := range w.Differs {
		p.wrapped("  begins   ", visible.Line(d.What)+": "+d.Run+", and "+d.Base+" in the nights before")
	}
	for _, n := range w.Nights {
		if n.Out != "" {
			p.wrapped("  out      ", day(n.Started)+": "+n.Out)
		}
	}
	p.wrapped("  canary   ", canaryLine(w))
	told := 0
	for i := range w.Series {
		for j := range w.Series[i].Changes {
			told++
			p.wrapped(fmt.Sprintf("  %-8s ", standing(w.Series[i].Changes[j].Standing)), ChangeLine(w, &w.Series[i], &w.Series[i].Changes[j]))
		}
	}
	if told == 0 {
		p.wrapped("  changes  ", unchanged(t, w))
	}
	for _, line := range noiseLines(w) {
		p.wrapped("  noise    ", line)
	}
	for _, l := range logsOf(w) {
		p.log(w, l, nights)
	}
}

func standing(s trend.Standing) string {
	if s == trend.Alert {
		return "ALERT"
	}
	return string(s)
}

// unchanged says that no series did anything, or that nights are too few to tell.
func unchanged(t *trend.Trend, w *trend.Workload) string {
	for _, s := range w.Series {
		if s.Why == "" {
			return fmt.Sprintf("none; of nights on which nothing changes one look in %s finds some", grouped(math.Round(1/t.Level), 0))
		}
	}
	if len(w.Series) == 0 {
		return "no night has a figure that counts"
	}
	return "not looked for: " + w.Series[0].Why
}

// canaryLine says which arms cannot change, and whether they did.
func canaryLine(w *trend.Workload) string {
	if len(w.Canaries) == 0 {
		return "none: an arm pinned to a version, such as --client sarama@v1.60.1, would tell a change of the machine from one of a client"
	}
	var moved []string
	for _, s := range w.Series {
		if title := s.Arm.Title(); s.Canary && len(s.Changes) > 0 && !slices.Contains(moved, title) {
			moved = append(moved, title)
		}
	}
	if len(moved) == 0 {
		return listOf(w.Canaries) + ": did not move"
	}
	return listOf(w.Canaries) + "; moved: " + listOf(moved)
}

// ChangeLine is a change in words: of what, how far, since when, and what changed with it.
func ChangeLine(w *trend.Workload, s *trend.Series, c *trend.Change) string {
	m := &w.Measures[s.Measure]
	way := "worse"
	if c.Better {
		way = "better"
	}
	a, b := math.Abs(c.Before), math.Abs(c.After)
	scale := finer(m.Unit, min(a, b), max(a, b))
	levels := strings.TrimSpace(fmt.Sprintf("%s, was %s %s", scale.format(c.After), scale.format(c.Before), scale.name))
	line := fmt.Sprintf("%s, %s: ", s.Arm.Title(), w.Figure(s))
	if c.Kind == trend.Drift {
		line += fmt.Sprintf("drifts, %s by %s a night since %s (%s so far; %s)", way, Effect(m, c.PerNight), day(w.Nights[c.Night].Started), Effect(m, c.Effect), levels)
	} else {
		line += fmt.Sprintf("%s by %s since %s (%s)", way, Effect(m, c.Effect), day(w.Nights[c.Night].Started), levels)
	}
	if c.Why != "" {
		line += "; " + c.Why
	}
	if len(c.What) > 0 {
		line += "; changed then: " + whatChanged(c.What)
	}
	return line
}

func whatChanged(all []series.Difference) string {
	var words []string
	for _, d := range all {
		words = append(words, fmt.Sprintf("%s %s (was %s)", d.What, brief(d.Run, d.Base), brief(d.Base, d.Run)))
	}
	return strings.Join(words, ", ")
}

// brief is a version without its module, where that is the same in the other.
func brief(version, other string) string {
	module, at, found := strings.Cut(version, "@")
	if was, _, also := strings.Cut(other, "@"); found && also && module == was {
		return at
	}
	return version
}

// noiseLines say of each figure how far its arms scatter.
func noiseLines(w *trend.Workload) (lines []string) {
	for _, l := range logsOf(w) {
		var words []string
		for _, s := range l {
			m := &w.Measures[s.Measure]
			size := Amount(m.Unit, s.Noise.Deviation)
			if m.Amount == 0 {
				size = significant(100*s.Noise.Deviation) + "%"
			}
			switch word := s.Arm.Title() + " " + size; {
			case s.Noise.Kind == trend.Unknown:
				words = append(words, word)
			case s.Noise.Wild > 0:
				words = append(words, fmt.Sprintf("%s (%s, %d)", word, s.Noise.Kind, s.Noise.Wild))
			default:
				words = append(words, fmt.Sprintf("%s (%s)", word, s.Noise.Kind))
			}
		}
		lines = append(lines, w.Figure(l[0])+": "+strings.Join(words, ", "))
	}
	return lines
}

// logsOf are the series side by side: those of one figure.
func logsOf(w *trend.Workload) (logs [][]*trend.Series) {
	for i := range w.Series {
		s := &w.Series[i]
		if n := len(logs); n > 0 && logs[n-1][0].Measure == s.Measure && logs[n-1][0].Event == s.Event {
			logs[n-1] = append(logs[n-1], s)
		} else {
			logs = append(logs, []*trend.Series{s})
		}
	}
	return logs
}

// leastColumn is as wide as an effect in its dotted line.
const leastColumn = 9

// log draws nights from top to bottom, as many arms side by side as there is room for.
func (p *page) log(w *trend.Workload, all []*trend.Series, nights int) {
	for len(all) > 0 {
		label, n, used := len("  "+day(w.Nights[0].Started)), 0, 0
		for used = label; n < len(all); n++ {
			next := used + 2 + columnOf(all[n])
			if n > 0 && next > p.width {
				break
			}
			used = next
		}
		p.panelOf(w, all[:n], nights, label, used)
		all = all[n:]
	}
}

func columnOf(s *trend.Series) int {
	return max(utf8.RuneCountInString(visible.Line(s.Arm.Title())), leastColumn)
}

func (p *page) panelOf(w *trend.Workload, arms []*trend.Series, nights, label, width int) {
	m := &w.Measures[arms[0].Measure]
	scale := scaleOfLog(m, arms)
	p.line("")
	p.line("  %s", strings.TrimSuffix(w.Figure(arms[0])+", "+scale.name, ", "))
	head := fmt.Sprintf("  %-*s", label-2, "night")
	values := make([]map[int]float64, len(arms))
	for i, s := range arms {
		head += fmt.Sprintf("  %*s", columnOf(s), visible.Line(s.Arm.Title()))
		values[i] = map[int]float64{}
		for _, pt := range s.Points {
			values[i][pt.Night] = pt.Value
		}
	}
	p.line("%s", head)
	from := max(0, len(w.Nights)-nights)
	if from > 0 {
		p.line("  … %s before", count(int64(from), "night"))
	}
	for n := from; n < len(w.Nights); n++ {
		of := &w.Nights[n]
		p.breakAt(m, of, arms, n, label, width)
		line := fmt.Sprintf("  %-*s", label-2, day(of.Started))
		if of.Out != "" {
			p.line("%s  %s", line, visible.Cut(visible.Line("out: "+of.Out), p.width-label-2))
			continue
		}
		for i, s := range arms {
			cell := "-"
			if v, known := values[i][n]; known {
				cell = scale.format(v)
			}
			line += fmt.Sprintf("  %*s", columnOf(s), cell)
		}
		p.line("%s", line)
	}
}

// breakAt draws the dotted line above a night at which an arm makes a step or something
// changed that is no part of the key.
func (p *page) breakAt(m *compare.Measure, of *trend.NightOf, arms []*trend.Series, night, label, width int) {
	dots := []rune("  " + strings.Repeat("·", width-2))
	steps := false
	at := label
	for _, s := range arms {
		at += 2 + columnOf(s)
		for i := range s.Changes {
			if c := &s.Changes[i]; c.Kind == trend.Step && c.Night == night {
				word := []rune(" " + Effect(m, c.Effect))
				copy(dots[at-min(len(word), columnOf(s)):], word)
				if at < len(dots) {
					dots[at] = ' '
				}
				steps = true
			}
		}
	}
	if !steps && len(of.Changed) == 0 {
		return
	}
	p.line("%s", string(dots))
	if len(of.Changed) > 0 {
		p.wrapped("  changed  ", whatChanged(of.Changed))
	}
}

// scaleOfLog is one unit for all of a log, with a digit more than a table has.
func scaleOfLog(m *compare.Measure, arms []*trend.Series) scale {
	least, most := math.Inf(1), 0.0
	for _, s := range arms {
		for _, pt := range s.Points {
			least, most = min(least, math.Abs(pt.Value)), max(most, math.Abs(pt.Value))
		}
	}
	return finer(m.Unit, least, most)
}
