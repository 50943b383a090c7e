// Package text shows the model of a report in a terminal: tables, and lists that
// are wrapped to its width. It decides how numbers are written, in which unit and
// with how many digits, and what a thing is called; what is shown it takes from
// package report. The same model gives the same bytes.
package text

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kbench/kbench/drivers"
	"github.com/kbench/kbench/internal/visible"
	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/report"
)

// Options say how the terminal is. The zero value is good for a pipe.
type Options struct {
	Width int  // columns; 0 means 100, the width that the layout is made for
	Color bool // bold headings; only for a terminal
	// Above are workloads whose tables stand on the screen already.
	Above []string
}

const (
	defaultWidth = 100
	leastWidth   = 60 // below it nothing could stand side by side
)

// Write writes a run as text: for each workload a table with the arms side by
// side, the marks and the audit; then, once for all, what could not be matched
// between clients, what to be wary of, and which gates were met.
func Write(w io.Writer, r *report.Report, o Options) error {
	r = named(r)
	p := newPage(o)
	p.head(r)
	p.ranking(r)
	for i := range r.Workloads {
		if w := &r.Workloads[i]; !slices.Contains(o.Above, w.Name) {
			p.workload(w)
		}
	}
	if len(o.Above) > 0 {
		p.line("")
		p.wrapped("", "The tables of "+listOf(o.Above)+" stand above.")
	}
	p.unmatched(&r.Unmatched)
	p.list("Notes", results.Lines(r.Notes))
	p.list("Warnings", results.Lines(r.Warnings))
	p.gates(r.Gates)
	if r.Machine != nil {
		p.line("")
		p.wrapped("The machine was ", r.Machine.Words)
	}
	return p.writeTo(w)
}

// Workload writes the part of a run that is about one workload.
func Workload(w io.Writer, r *report.Report, name string, o Options) error {
	r = named(r)
	p := newPage(o)
	for i := range r.Workloads {
		if r.Workloads[i].Name == name {
			p.workload(&r.Workloads[i])
		}
	}
	return p.writeTo(w)
}

// listOf is names as they stand in a sentence.
func listOf(names []string) string {
	last := len(names) - 1
	if last < 1 {
		return strings.Join(names, "")
	}
	return strings.Join(names[:last], ", ") + " and " + names[last]
}

// named is the report with names that are as long as they look, so that what stands
// beside them is aligned.
func named(r *report.Report) *report.Report {
	out := *r
	out.Workloads = slices.Clone(r.Workloads)
	for i := range out.Workloads {
		w := &out.Workloads[i]
		nameArms(w)
		if w.Cut != nil {
			cut := *w.Cut
			w.Cut = &cut
			nameArms(w.Cut)
		}
	}
	return &out
}

func nameArms(w *report.Workload) {
	w.Name, w.Arms = visible.Line(w.Name), slices.Clone(w.Arms)
	for i := range w.Arms {
		a := &w.Arms[i]
		a.Name, a.Lane, a.Version = visible.Line(a.Name), visible.Line(a.Lane), visible.Line(a.Version)
	}
}

// page is text being laid out.
type page struct {
	strings.Builder
	width int
	color bool
}

func newPage(o Options) *page {
	p := &page{width: o.Width, color: o.Color}
	if p.width == 0 {
		p.width = defaultWidth
	}
	p.width = max(p.width, leastWidth)
	return p
}

func (p *page) writeTo(w io.Writer) error {
	if _, err := io.WriteString(w, p.String()); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	return nil
}

// line is where all text goes through: what others wrote is visible there.
func (p *page) line(format string, args ...any) {
	p.WriteString(strings.TrimRight(visible.Text(fmt.Sprintf(format, args...)), " "))
	p.WriteByte('\n')
}

func (p *page) heading(s string) {
	p.line("")
	p.title(s)
}

// title is a line in bold.
func (p *page) title(s string) {
	if p.color {
		p.WriteString("\x1b[1m")
		defer p.WriteByte('\n')
		p.WriteString(visible.Line(s) + "\x1b[0m")
		return
	}
	p.line("%s", visible.Line(s))
}

// head says what ran, on what, against which broker.
func (p *page) head(r *report.Report) {
	h := &r.Head
	title := "kbench run " + h.ID
	if h.Suite != "" {
		title += " · " + h.Suite
	}
	title += fmt.Sprintf(" · %s · seed %d", rounds(r), h.Seed)
	p.title(title)
	if h.State != results.StateComplete {
		p.wrapped("state    ", string(h.State)+because(h.Why))
	}
	if len(h.Resumed) > 0 {
		p.wrapped("resumed  ", strings.Join(h.Resumed, ", "))
	}
	p.sequence(h)
	p.wrapped("broker   ", h.Broker)
	m := h.Machine
	machine := nonEmpty(m.CPU, count(int64(m.Cores), "core"), humanBytes(m.MemBytes)+" memory", m.OS+"/"+m.Arch)
	p.wrapped("machine  ", strings.Join(machine, ", "))
	p.cpus(h)
	if made := nonEmpty(h.Kbench, h.Go); len(made) > 0 {
		p.wrapped("kbench   ", strings.Join(made, ", "))
	}
	if len(h.Lanes) > 1 || len(h.Lanes) == 1 && h.Lanes[0] != string(drivers.Matched) {
		p.wrapped("lanes    ", strings.Join(h.Lanes, ", "))
	}
	if len(h.Set) > 0 {
		p.wrapped("set      ", strings.Join(h.Set, " "))
	}
	if len(h.Profiles) > 0 {
		of := ", taken of every trial"
		if h.Profiled > 0 {
			of = fmt.Sprintf(", of %s beside the rounds, from which no timing is taken", count(int64(h.Profiled), "trial"))
		}
		p.wrapped("profiles ", strings.Join(h.Profiles, ", ")+of)
	}
	if h.Rounds > 1 {
		p.wrapped("figures  ", fmt.Sprintf("medians over %s, ± half of their range", rounds(r)))
	}
}

// sequence says how a run came to its rounds, and which of them were run once more.
func (p *page) sequence(h *report.Head) {
	if q := h.Sequence; q != nil {
		var until []string
		if q.Until > 0 {
			until = append(until, fmt.Sprintf("every interval reached no further than %s to either side, looked at after %s rounds", Percent(q.Until), Numbers(q.Looks)))
		}
		if q.For > 0 {
			until = append(until, time.Duration(q.For).String()+" were over")
		}
		if q.Most > 0 {
			until = append(until, fmt.Sprintf("there were %d", q.Most))
		}
		p.wrapped("rounds   ", "until "+strings.Join(until, ", or "))
		for _, e := range q.Ended {
			p.wrapped("         ", fmt.Sprintf("%s ended after %s: %s", e.Workload, count(int64(e.Rounds), "round"), e.Why))
		}
	}
	if h.Repeated > 0 {
		p.wrapped("repeated ", fmt.Sprintf("%s, run once more since a trial was out of verdicts; what there was the first time is in none", count(int64(h.Repeated), "round")))
	}
}

// Percent is a share as its user would write it.
func Percent(share float64) string { return strconv.FormatFloat(100*share, 'g', 3, 64) + "%" }

// Numbers are some of them in words: 7, 10 and 15.
func Numbers(ns []int) string {
	var words []string
	for _, n := range ns {
		words = append(words, strconv.Itoa(n))
	}
	if last := len(words) - 1; last > 0 {
		return strings.Join(words[:last], ", ") + " and " + words[last]
	}
	return strings.Join(words, "")
}

// cpus says which processors processes were tied to.
func (p *page) cpus(h *report.Head) {
	var parts []string
	for _, part := range results.PartsOfCPUs() {
		if set := h.CPUs[part]; set != "" {
			parts = append(parts, part+" on "+set)
		}
	}
	if len(parts) > 0 {
		p.wrapped("CPUs     ", strings.Join(parts, ", "))
	}
}

// rounds are how many there were, from the fewest of a workload to the most.
func rounds(r *report.Report) string {
	least := r.Head.Rounds
	for i := range r.Workloads {
		most := 0
		for _, a := range r.Workloads[i].Arms {
			most = max(most, a.Rounds)
		}
		if most > 0 {
			least = min(least, most)
		}
	}
	if least < r.Head.Rounds {
		return fmt.Sprintf("%d to %s", least, count(int64(r.Head.Rounds), "round"))
	}
	return count(int64(least), "round")
}

// because is a reason, where there is one.
func because(why string) string {
	if why == "" {
		return ""
	}
	return ": " + why
}

func nonEmpty(parts ...string) []string {
	return slices.DeleteFunc(parts, func(s string) bool { return strings.Trim(s, "/") == "" })
}

// workload prints its tables and what belongs to them.
func (p *page) workload(w *report.Workload) {
	p.heading(w.Name)
	if w.Question != "" {
		p.wrapped("  ", w.Question)
	}
	p.work(w)
	if w.Every > 1 {
		p.wrapped("  ", fmt.Sprintf("latency and checksum are taken of 1 record in %d, the sequence of every one", w.Every))
	}
	p.line("")
	if !slices.ContainsFunc(w.Arms, func(a report.Arm) bool { return a.Rounds > 0 || a.Refused != "" || a.Failed != nil }) {
		p.line("  not run")
		return
	}
	p.tables(w)
	p.atRest(w)
	for i := range w.Arms {
		a := &w.Arms[i]
		switch {
		case a.Refused != "":
			p.wrapped("  n/a      ", a.Title()+": "+a.Refused)
		case a.Failed != nil:
			why := fmt.Sprintf("%s, trial %d%s", a.Title(), a.Failed.Trial, because(a.Failed.Why))
			if a.Failed.More > 0 {
				why += fmt.Sprintf(" (and %s)", count(int64(a.Failed.More), "more trial"))
			}
			p.wrapped(fmt.Sprintf("  %-8s ", stateWord(a.Failed.State)), why)
		}
	}
	p.audit(w)
	p.cut(w.Cut)
}

// stateWord is what became of a trial, in a word.
func stateWord(s results.State) string {
	switch s {
	case results.StateInterrupted:
		return "stopped"
	case results.StateRunning:
		return "cut off" // its supervisor was killed
	default:
		return string(s)
	}
}

// status stands in the header of an arm without figures.
func status(a *report.Arm) string {
	switch {
	case a.Refused != "":
		return "n/a"
	case a.Rounds == 0 && a.Failed != nil:
		return stateWord(a.Failed.State)
	default:
		return ""
	}
}

// audit prints the truth of delivery: one line where all is well, else one for
// each arm that something is to be said about.
func (p *page) audit(w *report.Workload) {
	var clean []string
	var acked int64
	sound := "acked records, each found once, in order and intact"
	if w.Every > 1 && w.Spec != nil && w.Spec.Consume.Members > 0 {
		// What stands on the broker is read back whole where producing is measured.
		sound += fmt.Sprintf(" (of what members got, 1 in %d was looked into)", w.Every)
	}
	for i := range w.Arms {
		a := &w.Arms[i]
		switch {
		case a.Audit == nil:
		case a.Audit.None:
			p.wrapped("  audit    ", a.Title()+": none; without a broker there is nothing to read back")
		case a.Audit.Unsent == 0 && a.Audit.NotRead == 0 && len(a.Audit.Sends)+len(a.Audit.Findings)+len(a.Audit.Beside)+len(a.Audit.Group) == 0:
			clean = append(clean, a.Title())
			acked += a.Audit.Acked
		default:
			p.wrapped("  audit    ", a.Title()+": "+strings.Join(found(a.Audit, sound), "; "))
		}
	}
	if len(clean) > 0 {
		p.wrapped("  audit    ", fmt.Sprintf("%s: %s %s", strings.Join(clean, ", "), grouped(float64(acked), 0), sound))
	}
}

// found is what an audit found: of records, and what members did to each other.
// None of the latter is a count of records but for the first.
func found(a *report.Audit, sound string) []string {
	line := grouped(float64(a.Acked), 0) + " " + sound
	findings := counted(a.Findings)
	if findings != "" {
		line = findings + " of " + grouped(float64(a.Acked), 0) + " acked records"
	}
	if a.NotRead > 0 {
		unknown := count(int64(a.NotRead), "trial") + " not read back, of which what is lost is not known"
		switch {
		case a.Acked > 0:
			line = unknown + "; of the others " + line
		case findings != "":
			line = unknown + "; " + findings
		default:
			line = unknown
		}
	}
	out := []string{line}
	if sends := counted(a.Sends); sends != "" {
		out = []string{sends + " of " + grouped(float64(a.Handed), 0) + " records handed over", line}
	}
	if a.Unsent > 0 {
		out = append([]string{fmt.Sprintf("%s unsent of %s due", grouped(float64(a.Unsent), 0), grouped(float64(a.Due), 0))}, out...)
	}
	for _, f := range a.Beside {
		words := "%s foreign (of %s found)"
		if f.Metric == results.AuditUnanswered {
			words = "%s never acknowledged but there (of %s never acknowledged)"
		}
		out = append(out, fmt.Sprintf(words, grouped(f.Count, 0), grouped(float64(f.Of), 0)))
	}
	return append(out, betweenMembers(a)...)
}

// betweenMembers is what members did to each other.
func betweenMembers(a *report.Audit) (out []string) {
	for _, f := range a.Group {
		thing := map[string]string{
			results.AuditZombie: "zombie delivery", results.AuditOverlap: "overlap of owners", results.AuditCommitRegression: "commit regression",
			results.AuditStuck: "stuck partition", results.AuditGhost: "ghost member",
		}[f.Metric]
		out = append(out, thing+" "+grouped(f.Count, 0)+"×")
	}
	return out
}

// counted are findings in words, in one line.
func counted(list []report.Finding) string {
	var out []string
	for _, f := range list {
		_, name, _ := strings.Cut(f.Metric, ".")
		s := grouped(f.Count, 0) + " " + strings.ReplaceAll(name, "_", " ")
		if len(f.Causes) > 0 {
			s += " (" + byCause(f.Causes) + ")"
		}
		out = append(out, s)
	}
	return strings.Join(out, ", ")
}

// unmatched prints what the clients under test could not do exactly.
func (p *page) unmatched(u *report.Unmatched) {
	if len(u.Differences)+u.Quiet == 0 {
		return
	}
	p.heading("What could not be matched (≈ only approximately, ✗ not at all)")
	width := 0
	for _, d := range u.Differences {
		width = max(width, len(d.Key))
	}
	last := ""
	for _, d := range u.Differences {
		if who := strings.Join(d.Who, ", "); who != last {
			p.line("  %s", who)
			last = who
		}
		sign := "≈"
		if d.Fidelity == drivers.Unsupported {
			sign = "✗"
		}
		p.wrapped(fmt.Sprintf("    %s %-*s  ", sign, width, d.Key), cmp.Or(d.Why, string(d.Fidelity)))
	}
	if u.Quiet > 0 {
		p.wrapped("  ", fmt.Sprintf("Not listed: %s of structure, or whose difference shows only when something fails or members change; \"kbench plan --all\" and trial.json have them all.",
			count(int64(u.Quiet), "setting")))
	}
}

// wrapped writes text in the width, its further lines indented below the first.
func (p *page) wrapped(label, text string) {
	for _, l := range Wrap(label, visible.Cut(visible.Text(text), longestText), p.width) {
		p.line("%s", l)
	}
}

// Wrap breaks text at its words into lines of a width, the first behind a label and the
// others indented below it. A word that is longer than a line stands by itself.
func Wrap(label, text string, width int) (lines []string) {
	label = visible.Line(label)
	used := len([]rune(label))
	indent, line := strings.Repeat(" ", used), label
	for i, word := range strings.Fields(text) {
		n := len([]rune(word))
		if i > 0 && used+1+n > width {
			lines = append(lines, line)
			line, used = indent, len(indent)
		} else if i > 0 {
			line, used = line+" ", used+1
		}
		line, used = line+word, used+n
	}
	return append(lines, line)
}

// longestText is how much is shown of what is said at one place; the files of the run
// have the rest.
const longestText = 4000

// listed is how many lines of a list are shown; the rest is a number.
const listed = 12

func (p *page) list(title string, lines []string) {
	if len(lines) == 0 {
		return
	}
	p.heading(title)
	for i, l := range lines {
		if i == listed {
			p.line("  … and %d more in %s", len(lines)-listed, results.SummaryFile)
			return
		}
		p.wrapped("  - ", l)
	}
}
