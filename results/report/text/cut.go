package text

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/report"
)

// cut shows what trials had that did not complete: until when, the tables of it, and
// what is known of their records.
func (p *page) cut(w *report.Workload) {
	if w == nil {
		return
	}
	p.line("")
	for i := range w.Arms {
		a := &w.Arms[i]
		p.wrapped("  cut off  ", trialOf(a)+": "+until(a.Cut)+": not in medians, gates or verdicts")
	}
	p.line("")
	p.tables(w)
	for i := range w.Arms {
		a := &w.Arms[i]
		p.wrapped("  so far   ", trialOf(a)+": "+strings.Join(slices.Concat(sums(&a.Cut.Account), foundSoFar(a)), "; "))
	}
}

// trialOf names the trial that an arm is.
func trialOf(a *report.Arm) string { return fmt.Sprintf("%s, trial %d", a.Title(), a.Cut.N) }

// until is how long a trial was measured, of how long it was to be.
func until(c *results.Cut) string {
	tenths := func(ns int64) string { return significantTo(time.Duration(ns), 100*time.Millisecond) }
	switch {
	case c.Whole:
		return fmt.Sprintf("%s after the measured part of %s", c.State, tenths(c.Measured))
	case c.Planned == 0:
		return fmt.Sprintf("%s after %s of the measured part", c.State, tenths(c.Measured))
	default:
		return fmt.Sprintf("%s after %s of %s", c.State, tenths(c.Measured), tenths(c.Planned))
	}
}

// significantTo is a length, the finer parts of it left out.
func significantTo(d, part time.Duration) string {
	d = d.Round(part)
	if d < time.Minute {
		return fmt.Sprintf("%g s", d.Seconds())
	}
	return strings.ReplaceAll(d.Round(time.Second).String(), "m0s", "m")
}

// sums are the four sums of a trial, each a whole with its parts.
func sums(a *results.Account) []string {
	type part struct {
		name string
		n    *int64
	}
	sum := func(whole part, parts ...part) string {
		words := make([]string, len(parts))
		for i, t := range parts {
			words[i] = t.name + " " + knownOr(t.n)
		}
		return fmt.Sprintf("%s %s (%s)", whole.name, knownOr(whole.n), strings.Join(words, ", "))
	}
	late := ""
	if a.Unanswered != nil && *a.Failed+*a.Unanswered > 0 {
		late = ", what was under way when the client was closed among them"
	}
	handed, acked := part{"handed over", a.Handed}, part{"acked", a.Acked}
	return []string{
		sum(part{"due", a.Due}, handed, part{"unsent", a.Unsent}),
		sum(handed, acked, part{"failed", a.Failed}, part{"unanswered", a.Unanswered}) + late,
		sum(acked, part{"delivered", a.First}, part{"damaged", a.Damaged}, part{"not delivered until then", a.Missing}, part{"of which lost", a.Lost}),
		sum(part{"delivered", a.Delivered}, part{"for the first time", a.First}, part{"never acked", a.Unsure}, part{"again", a.Again}),
	}
}

func knownOr(n *int64) string {
	if n == nil {
		return "not known"
	}
	return grouped(float64(*n), 0)
}

// foundSoFar are the findings of the audit that nothing later can change.
func foundSoFar(a *report.Arm) []string {
	if a.Cut.Delivered == nil {
		return []string{"nobody has read what is in the log"}
	}
	var out []string
	if words := counted(slices.Concat(a.Audit.Findings, a.Audit.Beside)); words != "" {
		out = append(out, words)
	} else {
		out = append(out, "nothing duplicate, reordered, corrupt or foreign")
	}
	return append(out, betweenMembers(a.Audit)...)
}
