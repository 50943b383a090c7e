// Package report shows a run to people. Its tables read the rows of a summary and
// what the trials say about themselves; they compute medians over rounds and
// events and nothing else. A closer look at one event, and the file with all of
// them, come from package window. The same input gives the same bytes.
package report

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/workloads"
)

// Options say how the terminal is. The zero value is good for a pipe.
type Options struct {
	Width int  // columns; 0 means 100, the width that the layout is made for
	Color bool // bold headings; only for a terminal
}

const (
	defaultWidth = 100
	leastWidth   = 60 // below it nothing could stand side by side
)

// Terminal writes the run as text: for each workload a table with the arms side
// by side, the marks and the audit; then, once for all, what could not be
// matched between clients and what to be wary of.
func Terminal(w io.Writer, run *results.Run, trials []*results.Trial, s *results.Summary, o Options) error {
	p := newPage(o)
	p.head(run, trials)
	for _, name := range workloadNames(run, trials) {
		p.workload(newTable(run, trials, s, name))
	}
	p.unmatched(trials)
	p.list("Notes", notes(trials))
	p.list("Warnings", results.Lines(warnings(run, trials, s.Warnings)))
	p.gates(s.Gates)
	return p.writeTo(w)
}

// gates says which thresholds of the workloads were met.
func (p *page) gates(gates []results.Gate) {
	if len(gates) > 0 {
		p.line("")
		p.line("Gates")
	}
	for _, g := range gates {
		note := ""
		switch {
		case g.Verdict == results.NotDecided:
			note = ": " + g.Why
		case g.Left > 0:
			note = fmt.Sprintf(" (noisy or merged events left out: %d)", g.Left)
		}
		verdict := string(g.Verdict)
		if g.Verdict != results.Met {
			verdict = strings.ToUpper(verdict)
		}
		p.line("  %-8s %s: %s%s", verdict, g.Workload, g.Expression, note)
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

func (p *page) line(format string, args ...any) {
	p.WriteString(strings.TrimRight(fmt.Sprintf(format, args...), " "))
	p.WriteByte('\n')
}

func (p *page) heading(s string) {
	p.line("")
	p.line("%s", p.bold(s))
}

func (p *page) bold(s string) string {
	if !p.color {
		return s
	}
	return "\x1b[1m" + s + "\x1b[0m"
}

// head says what ran, on what, against which broker.
func (p *page) head(run *results.Run, trials []*results.Trial) {
	title := "kbench run " + run.ID
	if run.Suite != "" {
		title += " · " + run.Suite
	}
	title += fmt.Sprintf(" · %s · seed %d", count(int64(run.Rounds), "round"), run.Seed)
	p.line("%s", p.bold(title))
	if run.State != results.StateComplete {
		why := reason(run.State, run.Error)
		if slices.ContainsFunc(trials, func(t *results.Trial) bool { return t.Error == run.Error }) {
			why = "" // it stands beside the trial
		}
		p.wrapped("state    ", string(run.State)+why)
	}
	broker := run.Broker.Title
	if broker == "" {
		broker = run.Broker.Kind
	}
	if run.Broker.Kind == "none" && run.State == results.StateFailed {
		broker = "none was reached"
	}
	if run.Broker.Kind == "embedded" && !strings.Contains(broker, "simulated") {
		broker += " (a simulated broker)"
	}
	p.wrapped("broker   ", broker)
	m := run.Machine
	machine := nonEmpty(m.CPU, count(int64(m.Cores), "core"), humanBytes(m.MemBytes)+" memory", m.OS+"/"+m.Arch, run.Go)
	p.wrapped("machine  ", strings.Join(machine, ", "))
	if run.Rounds > 1 {
		p.wrapped("figures  ", fmt.Sprintf("medians over %d rounds, ± half of their range", run.Rounds))
	}
}

// reason is why something is in a state, where that says more than the state.
func reason(state results.State, err string) string {
	if err == "" || err == string(state) {
		return ""
	}
	first, _, _ := strings.Cut(err, "\n")
	return ": " + first
}

func nonEmpty(parts ...string) []string {
	var out []string
	for _, s := range parts {
		if strings.Trim(s, "/") != "" {
			out = append(out, s)
		}
	}
	return out
}

// workloadNames lists the workloads in the order of the documents, then those
// that only a trial knows.
func workloadNames(run *results.Run, trials []*results.Trial) []string {
	var names []string
	seen := map[string]bool{"": true}
	add := func(name string) {
		if !seen[name] {
			seen[name] = true
			names = append(names, name)
		}
	}
	for _, spec := range run.Specs {
		add(spec.Name)
	}
	for _, ref := range run.Order {
		add(ref.Workload)
	}
	for _, t := range trials {
		add(t.Ref.Workload)
	}
	return names
}

// firstSentence is the question that a workload asks; what its author says
// beyond it is for "kbench list" and the document itself.
func firstSentence(about string) string {
	for i, r := range about {
		if r == '?' || r == '.' {
			if rest := about[i+1:]; rest == "" || rest[0] == ' ' || rest[0] == '\n' {
				return about[:i+1]
			}
		}
	}
	return about
}

// describe is one line about the work that every client did. How long it took
// is what was asked for, but under churn, where nobody asks for a length.
func describe(spec *workloads.Spec, measured [2]time.Duration) string {
	if spec == nil {
		return ""
	}
	parts := []string{sizeOf(spec.Records.Size) + " records", count(int64(spec.Topic.Partitions), "partition")}
	switch {
	case spec.Kind() == workloads.Backlog:
		parts = append(parts, "a backlog of "+grouped(float64(spec.Consume.Backlog), 0))
	case spec.Produce.Rate.Max:
		parts = append(parts, "rate max with "+grouped(float64(spec.Produce.Window), 0)+" outstanding")
	default:
		parts = append(parts, rateOf(spec.Produce.Rate.PerSecond)+" "+spec.Produce.Schedule.Kind)
	}
	if spec.Kind() != workloads.Backlog {
		parts = append(parts, "acks "+spec.Produce.Acks, "codec "+spec.Produce.Codec)
	}
	if spec.Consume.Members > 0 {
		parts = append(parts, count(int64(spec.Consume.Members), "member"))
	}
	switch {
	case len(spec.Churn) > 0:
		parts = append(parts, "members come and go")
		least, most := measured[0].Round(time.Second), measured[1].Round(time.Second)
		switch {
		case most > least:
			parts = append(parts, fmt.Sprintf("%s to %s measured", least, most))
		case most > 0:
			parts = append(parts, most.String()+" measured")
		}
	case spec.Kind() != workloads.Backlog:
		parts = append(parts, spec.Phases.Measure.String()+" measured")
	}
	if spec.Sample {
		parts = append(parts, "a sample, not a measurement")
	}
	return strings.Join(parts, ", ")
}

// rateOf writes a rate by the minute where a second has less than one record.
func rateOf(perSecond float64) string {
	if perSecond < 1 {
		return significant(perSecond*60) + "/min"
	}
	return grouped(perSecond, 0) + "/s"
}

func sizeOf(s workloads.Size) string {
	switch {
	case s.Uniform[1] > 0:
		return fmt.Sprintf("%s to %s B", grouped(float64(s.Uniform[0]), 0), grouped(float64(s.Uniform[1]), 0))
	case s.Median > 0:
		return "median " + grouped(float64(s.Median), 0) + " B"
	case len(s.Choice) > 0:
		return "mixed"
	default:
		return grouped(float64(s.Fixed), 0) + " B"
	}
}

// wrapped writes text in the width, its further lines indented below the first.
func (p *page) wrapped(label, text string) {
	indent := strings.Repeat(" ", len([]rune(label)))
	line, used := label, len([]rune(label))
	for i, word := range strings.Fields(text) {
		n := len([]rune(word))
		if i > 0 && used+1+n > p.width {
			p.line("%s", line)
			line, used = indent, len(indent)
		} else if i > 0 {
			line, used = line+" ", used+1
		}
		line, used = line+word, used+n
	}
	p.line("%s", line)
}

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
