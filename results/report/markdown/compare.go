// Package markdown shows comparisons and gates as a comment to a pull request: short
// enough to be read there, with what was decided first and what is left out counted.
package markdown

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/kbench/kbench/results/compare"
	"github.com/kbench/kbench/results/report/text"
)

// mostLines is as long as a comment is read.
const mostLines = 20

// Comparison writes at most 20 lines: a table with a row for each result, what is worse
// first, then what is better, and what keeps others from being decided.
func Comparison(w io.Writer, c *compare.Comparison) error {
	lines := []string{heading(c), ""}
	var worse, better, open []string
	var notes []string
	for i := range c.Workloads {
		work := &c.Workloads[i]
		for j := range work.Pairs {
			p := &work.Pairs[j]
			for k := range p.Results {
				r := &p.Results[k]
				row := row(c, work, p, r)
				switch r.Verdict {
				case compare.Worse:
					worse = append(worse, row)
				case compare.Better:
					better = append(better, row)
				default:
					open = append(open, row)
				}
			}
		}
		notes = append(notes, notesOf(c, work)...)
	}
	const table = 2 // lines of its head
	notes = atMost(notes, 4, "note")
	room := mostLines - len(lines) - table - len(notes) - 1
	if rows := atMost(slices.Concat(worse, better, open), room, "comparison"); len(rows) > 0 {
		lines = append(lines, "| workload | arms | figure | effect | 95% | p | n | verdict |", "|---|---|---|--:|---|--:|--:|---|")
		lines = append(lines, rows...)
	}
	if len(notes) > 0 {
		lines = append(append(lines, ""), notes...)
	}
	_, err := io.WriteString(w, strings.Join(lines, "\n")+"\n")
	return err
}

func heading(c *compare.Comparison) string {
	n := map[compare.Verdict]int{}
	for i := range c.Workloads {
		for _, p := range c.Workloads[i].Pairs {
			for _, r := range p.Results {
				n[r.Verdict]++
			}
		}
	}
	title := "**kbench** " + code(c.Run)
	if c.Baseline != "" {
		title += " against " + code(c.Baseline)
	}
	return fmt.Sprintf("%s: %d worse, %d better, %d the same, %d cannot tell", title, n[compare.Worse], n[compare.Better], n[compare.Same], n[compare.CannotTell])
}

func row(c *compare.Comparison, w *compare.Workload, p *compare.Pair, r *compare.Result) string {
	m := &w.Measures[r.Measure]
	arms := p.A.Title()
	if c.Baseline == "" {
		arms += " : " + p.B.Title()
	}
	if p.Twins {
		arms += " (A/A)"
	}
	effect, interval, chance, verdict := "", "", "", string(r.Verdict)
	if r.Effect != nil {
		effect = text.Effect(m, *r.Effect)
	}
	if r.Low != nil {
		interval = text.Effect(m, *r.Low) + " to " + text.Effect(m, *r.High)
	}
	if r.Holm != nil {
		chance = text.Probability(*r.Holm)
	}
	if r.Verdict == compare.Better || r.Verdict == compare.Worse {
		verdict = "**" + verdict + "**"
	}
	if takes := text.WhatItTakes(c, m, r); takes != "" {
		verdict += ": " + takes
	}
	cells := []string{w.Name, arms, text.ResultName(w, r), effect, interval, chance, fmt.Sprint(r.N), verdict}
	for i := range cells {
		cells[i] = cell(cells[i])
	}
	return "| " + strings.Join(cells, " | ") + " |"
}

// notesOf are what a reader of the table must know beside it.
func notesOf(c *compare.Comparison, w *compare.Workload) (notes []string) {
	add := func(line string) { notes = append(notes, "- "+cell(w.Name+": "+line)) }
	var differs []string
	for _, d := range w.Differs {
		differs = append(differs, d.String())
	}
	if len(differs) > 0 {
		add("no verdict, for the runs are not of one series. " + strings.Join(differs, "; "))
	}
	if w.Why != "" {
		add(w.Why)
	} else if line := text.AloneLine(w); line != "" {
		add(line)
	}
	if looks := text.LooksLine(w); looks != "" {
		add(looks)
	}
	if out := text.OutLines(c, w); len(out) > 0 {
		add("out: " + strings.Join(out, "; "))
	}
	return notes
}

// atMost is a list of at most so many lines, the last of which says how many more there
// are.
func atMost(lines []string, most int, thing string) []string {
	if len(lines) <= most {
		return lines
	}
	more := fmt.Sprintf("and %d more %ss", len(lines)-most+1, thing)
	if strings.HasPrefix(lines[0], "|") {
		more = "| " + more + " |"
	} else {
		more = "- " + more
	}
	return append(lines[:most-1:most-1], more)
}

// cell is text that ends no cell of a table and begins no markup.
func cell(s string) string {
	return strings.NewReplacer("|", "\\|", "\n", " ", "<", "&lt;", "[", "\\[", "`", "'").Replace(s)
}

func code(s string) string { return "`" + strings.ReplaceAll(s, "`", "'") + "`" }
