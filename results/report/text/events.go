package text

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/kbench/kbench/internal/visible"
	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/report"
	"github.com/kbench/kbench/results/window"
)

// Events writes a line for each event: how it is asked for and what it was.
func Events(w io.Writer, list []report.Closeup, o Options) error {
	p := newPage(o)
	if len(list) == 0 {
		p.line("The run has no completed trial in which members come and go.")
		return p.writeTo(w)
	}
	event, arm := 10, len("arm")
	for _, c := range list {
		event, arm = max(event, utf8.RuneCountInString(visible.Line(c.Event.Name))), max(arm, utf8.RuneCountInString(visible.Line(c.Trial.Ref.Arm)))
	}
	const row = "%4s  %-9s  %-*s  %-*s  %9s  %11s  "
	p.title(fmt.Sprintf(row, "n", "trial.act", event, "event", arm, "arm", "worst gap", "wire excess") + "slowest")
	for i := range list {
		c := &list[i]
		n := "-"
		if c.N > 0 {
			n = strconv.Itoa(c.N)
		}
		gap := "-"
		if of := c.Worst(); of != nil {
			gap = window.Short(of.Gap)
		}
		excess := "-"
		if c.Event.Rebalanced {
			excess = window.Short(c.Event.WireExcess)
		}
		p.wrapped(fmt.Sprintf(row, n, c.Name(), event, visible.Line(c.Event.Name), arm, visible.Line(c.Trial.Ref.Arm), gap, excess), strings.Join(append(together(c), results.Lines(c.Event.Words)...), "; "))
	}
	p.line("")
	p.wrapped("", "Events without n only restore the group and are in no figure; they can be drawn by trial and act.")
	return p.writeTo(w)
}

// together says with how many other acts an event shares its window.
func together(c *report.Closeup) []string {
	switch others := c.Together(); len(others) {
	case 0:
		return nil
	case 1:
		return []string{"merged with " + window.Name(others[0])}
	default:
		return []string{fmt.Sprintf("merged with %d more acts", len(others))}
	}
}
