package text

import (
	"slices"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	gotext "github.com/jedib0t/go-pretty/v6/text"

	"github.com/kbench/kbench/results/report"
)

// This file puts tables on the page: as many arms side by side as its width has room
// for. Where that is not all of them, a table is written closely if more fit so: with
// short units, with labels and names in several lines, and with no column wider than
// its figures. What still does not fit stands below.

// layout is the least widths of the columns of label and unit and of an arm, and the
// most of an arm; 0: whatever it takes. Written closely they are as narrow as can be.
type layout struct {
	header                 string
	label, unit, arm, most int
}

// mostColumns is the width of an arm in the main table; longer names are broken.
const mostColumns = 24

func layoutOf(of report.Contents, close bool) layout {
	l := layout{label: 22, unit: 9, arm: 12, most: mostColumns}
	switch of {
	case report.Events:
		l = layout{header: "events of churn", label: 23, unit: 2, arm: 13}
	case report.Leaks:
		l = layout{header: "what members hold,\nbefore / after", label: 23, unit: 3, arm: 13}
	case report.Rebalances:
		l = layout{header: "rebalances by cause,\nin all rounds", label: 23, unit: 2, arm: 13}
	case report.Parts:
		l = layout{header: "by when a record was due,\np50 / p99 / max", label: 23, unit: 2, arm: 13}
	}
	if close {
		l.label, l.unit, l.arm, l.most = 0, 0, 0, 0
	}
	return l
}

// sheet is a table in text: every row with its label, its unit and a cell for
// each arm.
type sheet struct {
	layout
	close     bool
	heads     []string // of the arms
	groups    [][]line
	published bool
}

type line struct {
	label, unit string
	cells       []string
	words       bool // cells are words, and may be broken
	published   string
	optional    bool // it is left out where no arm beside each other has it
}

const publishedHead = "published*"

// sheets prints a table, or several of it.
func (p *page) sheets(w *report.Workload, t *report.Table) {
	s := sheetOf(w, t, false)
	if len(s.groups) == 0 {
		return // nothing is known of any arm
	}
	cuts := s.cut(p.width)
	if len(cuts) > 2 {
		closely := sheetOf(w, t, true)
		if fewer := closely.cut(p.width); len(fewer) < len(cuts) {
			s, cuts = closely, fewer
		}
	}
	for i := range cuts[1:] {
		p.sheet(s.part(cuts[i], cuts[i+1], p.width))
	}
}

// sheetOf lays a table out, closely or not.
func sheetOf(w *report.Workload, t *report.Table, close bool) *sheet {
	s := &sheet{layout: layoutOf(t.Of, close), close: close}
	for _, i := range t.Arms {
		if t.Of == report.Figures {
			s.heads = append(s.heads, head(w, &w.Arms[i], close))
		} else {
			s.heads = append(s.heads, narrow(&w.Arms[i]))
		}
	}
	write := writer{of: t.Of, close: close, spread: spreadOf(t, close)}
	for _, g := range t.Groups {
		var lines []line
		for _, r := range g.Rows {
			lines = append(lines, write.line(g, r))
		}
		s.groups = append(s.groups, lines)
		s.published = s.published || g.Published != 0
	}
	if t.Of == report.Figures {
		if l, any := marks(w, t); any {
			s.groups = append(s.groups, []line{l})
		}
	}
	s.label = max(s.label, s.widest(close, func(l line) string { return l.label }, s.header))
	s.unit = max(s.unit, s.widest(false, func(l line) string { return l.unit }, ""))
	return s
}

// widest is the width of the widest text of a column, or of what of it cannot be broken.
func (s *sheet) widest(broken bool, of func(line) string, header string) int {
	n := widthOf(header, broken)
	for _, lines := range s.groups {
		for _, l := range lines {
			n = max(n, widthOf(of(l), broken))
		}
	}
	return n
}

// column is the width of an arm, unbroken or as narrow as it can be.
func (s *sheet) column(arm int, broken bool) int {
	n := max(s.arm, widthOf(s.heads[arm], broken))
	for _, lines := range s.groups {
		for _, l := range lines {
			n = max(n, widthOf(l.cells[arm], broken && l.words))
		}
	}
	if s.most > 0 {
		n = min(n, s.most)
	}
	return n
}

// gap is the columns between two of a table.
const gap = 2

// beside is how many columns there are beside the arms.
func (s *sheet) beside() int {
	n := 1 + s.label + gap + s.unit + gap
	if s.published {
		n += len(publishedHead) + gap
	}
	return n
}

// cut is where a table is cut so that its parts fit: the first arm of each, and the end.
func (s *sheet) cut(width int) []int {
	cuts, used := []int{0}, s.beside()
	for i := range s.heads {
		n := s.column(i, s.close) + gap
		if used+n > width && i > cuts[len(cuts)-1] {
			cuts, used = append(cuts, i), s.beside()
		}
		used += n
	}
	return append(cuts, len(s.heads))
}

// part is a table of the arms from one to before another. Written closely, what room is
// left goes to labels first.
func (s *sheet) part(from, to, width int) *sheet {
	out := *s
	out.heads = slices.Clone(s.heads[from:to])
	out.groups = nil
	for _, lines := range s.groups {
		var kept []line
		for _, l := range lines {
			l.cells = slices.Clone(l.cells[from:to])
			if !l.optional || slices.ContainsFunc(l.cells, func(c string) bool { return c != none && c != "" }) {
				kept = append(kept, l)
			}
		}
		out.groups = append(out.groups, kept)
	}
	if s.close {
		out.breakUp(width)
	}
	return &out
}

// breakUp breaks labels, heads and words into the width.
func (s *sheet) breakUp(width int) {
	spare, columns := width-s.beside(), make([]int, len(s.heads))
	for i := range columns {
		columns[i] = s.column(i, true)
		spare -= columns[i] + gap
	}
	label := s.widest(false, func(l line) string { return l.label }, s.header)
	more := max(min(label-s.label, spare), 0)
	s.label, spare = s.label+more, spare-more
	for i := range columns {
		columns[i] += max(min(s.column(i, false)-columns[i], spare/len(columns)), 0)
		s.heads[i] = broken(s.heads[i], columns[i], "")
	}
	s.header = broken(s.header, s.label, "")
	for _, lines := range s.groups {
		for j := range lines {
			l := &lines[j]
			l.label = broken(l.label, s.label, "  ")
			for i := range l.cells {
				if l.words {
					l.cells[i] = broken(l.cells[i], columns[i], "")
				}
			}
		}
	}
}

// broken breaks each line of a text at its words, the further ones indented by more.
func broken(text string, width int, more string) string {
	var out []string
	for line := range strings.SplitSeq(text, "\n") {
		words := strings.TrimLeft(line, " ")
		indent := line[:len(line)-len(words)]
		for i, l := range Wrap(indent, words, width) {
			if i > 0 {
				l = more + l
			}
			if len([]rune(l)) > width && more != "" { // the indent took the room
				l = strings.TrimPrefix(l, more)
			}
			out = append(out, l)
		}
	}
	return strings.Join(out, "\n")
}

// widthOf is the width of the longest line, or of the longest word, of a text.
func widthOf(text string, words bool) (n int) {
	for line := range strings.SplitSeq(text, "\n") {
		if !words {
			n = max(n, len([]rune(line)))
			continue
		}
		indent := len(line) - len(strings.TrimLeft(line, " "))
		for word := range strings.FieldsSeq(line) {
			n = max(n, indent+len([]rune(word)))
		}
	}
	return n
}

// sheet prints a table.
func (p *page) sheet(s *sheet) {
	w := newWriter()
	configs := []table.ColumnConfig{{Number: 1, WidthMin: s.label}, {Number: 2, WidthMin: s.unit}}
	header := table.Row{s.header, ""}
	for i, h := range s.heads {
		header = append(header, h)
		configs = append(configs, table.ColumnConfig{Number: i + 3, WidthMin: s.arm, WidthMax: s.most, Align: gotext.AlignRight, AlignHeader: gotext.AlignRight})
	}
	if s.published {
		header = append(header, publishedHead)
		configs = append(configs, table.ColumnConfig{Number: len(s.heads) + 3, Align: gotext.AlignRight, AlignHeader: gotext.AlignRight})
	}
	w.SetColumnConfigs(configs)
	w.AppendHeader(header)
	for _, lines := range s.groups {
		for _, l := range lines {
			row := table.Row{l.label, l.unit}
			for _, c := range l.cells {
				row = append(row, c)
			}
			if l.published != "" {
				row = append(row, l.published)
			}
			w.AppendRow(row)
		}
		w.AppendSeparator()
	}
	for l := range strings.Lines(w.Render()) {
		p.line(" %s", strings.TrimRight(l, "\n "))
	}
	p.line("")
}

// newWriter is a table in the style of all of them.
func newWriter() table.Writer {
	w := table.NewWriter()
	style := table.StyleLight
	style.Format.Header = gotext.FormatDefault
	style.Options.DrawBorder = false
	style.Options.SeparateColumns = false
	w.SetStyle(style)
	return w
}
