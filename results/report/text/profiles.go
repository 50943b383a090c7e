package text

import (
	"fmt"
	"io"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	gotext "github.com/jedib0t/go-pretty/v6/text"

	"github.com/kbench/kbench/internal/visible"
	"github.com/kbench/kbench/results/profiled"
)

// Ledgers writes what each layer costs per record, with the arms side by side.
func Ledgers(w io.Writer, ls []profiled.Ledger, notes []string, o Options) error {
	p := newPage(o)
	for i := range ls {
		p.ledger(&ls[i])
	}
	for _, n := range notes {
		p.wrapped("", n)
	}
	return p.writeTo(w)
}

func (p *page) ledger(l *profiled.Ledger) {
	p.title(l.Title())
	const layer, column = 14, 20
	fit := max(1, (p.width-layer)/column)
	for from := 0; from < len(l.Columns); from += fit {
		t := newWriter()
		head, all := table.Row{"", ""}, table.Row{"all", l.Unit}
		configs := []table.ColumnConfig{{Number: 1, WidthMin: 9}}
		to := min(from+fit, len(l.Columns))
		for i := from; i < to; i++ {
			head, all = append(head, visible.Line(l.Name(i))), append(all, fmt.Sprintf("%s %5s", significantIf(l.Columns[i].Sum()), ""))
			configs = append(configs, table.ColumnConfig{Number: i - from + 3, WidthMin: 14, WidthMax: mostColumns, Align: gotext.AlignRight, AlignHeader: gotext.AlignRight})
		}
		t.SetColumnConfigs(configs)
		t.AppendHeader(head)
		for _, layer := range l.Rows() {
			row := table.Row{string(layer), ""}
			for i := from; i < to; i++ {
				c := &l.Columns[i]
				row = append(row, fmt.Sprintf("%s %4.0f%%", significantIf(c.PerRecord(layer)), 100*c.Share(layer)))
			}
			t.AppendRow(row)
		}
		t.AppendSeparator()
		t.AppendRow(all)
		for line := range strings.Lines(t.Render()) {
			p.line(" %s", strings.TrimRight(line, "\n "))
		}
	}
	for i := range l.Columns {
		p.wrapped("  ", l.Columns[i].Note(l.Name(i)))
	}
	p.line("")
}

// significantIf is a figure where that is known.
func significantIf(v float64, known bool) string {
	if !known {
		return "not known"
	}
	return significant(v)
}

// Tops writes the functions that have the most of each, so many lines of them.
func Tops(w io.Writer, tops []*profiled.Top, lines int, o Options) error {
	p := newPage(o)
	for _, t := range tops {
		p.top(t, lines)
	}
	return p.writeTo(w)
}

func (p *page) top(t *profiled.Top, lines int) {
	title, of := t.A.String(), t.A.Enough()
	if t.B != nil {
		pair := profiled.Pair{A: t.A, B: t.B}
		title, of = pair.String(), pair.Enough()
	}
	p.title(fmt.Sprintf("%s: %s %s", title, t.What, t.Per))
	if of != "" {
		p.wrapped("  ", of)
	}
	biggest := 0.0
	for _, f := range t.Lines {
		biggest = max(biggest, f.Cum, -f.Cum, f.Flat, -f.Flat)
	}
	by := scaleOf(t.Unit, biggest, biggest)
	const row = "  %10s %6s %10s  %-10s %s"
	p.line(row, "flat "+by.name, "%", "cum "+by.name, "layer", "function")
	for i, f := range t.Lines {
		if i == lines {
			more := int64(len(t.Lines) - lines)
			p.line("  and %s more; --top=%d shows %s", count(more, "function"), len(t.Lines), map[bool]string{true: "it", false: "them"}[more == 1])
			break
		}
		share := ""
		if t.B == nil && t.Sum > 0 {
			share = fmt.Sprintf("%.1f", 100*f.Flat/t.Sum)
		}
		p.line(row, by.format(f.Flat), share, by.format(f.Cum), f.Layer, f.Name)
	}
	if t.B != nil {
		p.line("  in all %s%s %s", sign(t.Sum), by.format(t.Sum), by.name)
	}
	p.line("")
}

// sign is a plus before what is more.
func sign(v float64) string {
	if v > 0 {
		return "+"
	}
	return ""
}
