package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/workloads"
)

// tableOf is one workload with its arms side by side.
type tableOf struct {
	name string
	spec *workloads.Spec
	arms []*arm
	// measured is the real length of the measured part, of the shortest and of the
	// longest trial: under churn the timeline decides it.
	measured [2]time.Duration
	// every is how many records go by for one of which clock, checksum and latency
	// are taken; more than one where a client is driven as fast as it goes.
	every int
}

// arm is one column.
type arm struct {
	name, lane, client string
	version            string
	refused            string
	failed             string // of the first trial that did not complete: which and why
	state              string // of that trial: failed, stopped, or cut off with its supervisor
	alsoFailed         int    // further trials that did not complete
	rounds             int    // trials with figures
	rows               []results.Row
}

// newTable gathers what belongs to a workload. Arms are sorted by name: the
// order in which they ran is random.
func newTable(run *results.Run, trials []*results.Trial, s *results.Summary, workload string) *tableOf {
	t := &tableOf{name: workload}
	for i := range run.Specs {
		if run.Specs[i].Name == workload {
			t.spec = &run.Specs[i]
		}
	}
	find := func(ref results.TrialRef) *arm {
		for _, a := range t.arms {
			if a.name == ref.Arm && a.lane == ref.Lane {
				return a
			}
		}
		a := &arm{name: ref.Arm, lane: ref.Lane, client: ref.Client, version: version(run.Clients[ref.Client])}
		t.arms = append(t.arms, a)
		return a
	}
	for _, ref := range run.Order {
		if ref.Workload == workload {
			if a := find(ref); a.refused == "" {
				a.refused = ref.Refused
			}
		}
	}
	for _, tr := range trials {
		if tr.Ref.Workload != workload {
			continue
		}
		a := find(tr.Ref)
		if t.spec == nil && tr.Spec.Name != "" {
			t.spec = &tr.Spec
		}
		t.lasted(tr)
		t.every = max(t.every, tr.ClockEvery)
		switch {
		case tr.State == results.StateRefused && a.refused == "":
			a.refused = cmp.Or(tr.Ref.Refused, tr.Error)
		case tr.State != results.StateRefused && tr.State != results.StateComplete && a.failed == "":
			a.state, a.failed = string(tr.State), fmt.Sprintf("trial %d%s", tr.Ref.N, reason(tr.State, tr.Error))
			switch tr.State {
			case "interrupted":
				a.state = "stopped"
			case "running":
				a.state = "cut off" // its supervisor was killed
			}
		case tr.State != results.StateRefused && tr.State != results.StateComplete:
			a.alsoFailed++
		}
	}
	for _, a := range t.arms {
		seen := map[int]bool{}
		for _, r := range s.Rows {
			if r.Workload == workload && r.Arm == a.name && r.Lane == a.lane {
				a.rows = append(a.rows, r)
				seen[r.Trial] = true
			}
		}
		a.rounds = len(seen)
	}
	slices.SortStableFunc(t.arms, func(a, b *arm) int { return cmp.Or(cmp.Compare(a.name, b.name), cmp.Compare(a.lane, b.lane)) })
	return t
}

// lasted takes note of how long the measured part of a completed trial was.
func (t *tableOf) lasted(tr *results.Trial) {
	if tr.State != results.StateComplete {
		return
	}
	for _, ph := range tr.Phases {
		if d := time.Duration(ph.To - ph.From); ph.Name == "measure" && d > 0 {
			if t.measured[0] == 0 || d < t.measured[0] {
				t.measured[0] = d
			}
			t.measured[1] = max(t.measured[1], d)
		}
	}
}

// version is the v1.22.2 of module@v1.22.2.
func version(module string) string {
	_, v, _ := strings.Cut(module, "@")
	return v
}

// values are those of all trials of an arm that match, one per trial.
func (a *arm) values(metric, stat, unit string, role results.Role) []float64 {
	var out []float64
	for _, r := range a.rows {
		if r.Metric == metric && r.Stat == stat && r.Unit == unit && r.Role == role && r.Class == "" {
			out = append(out, r.Value)
		}
	}
	return out
}

// status stands in the header of an arm without figures.
func (a *arm) status() string {
	switch {
	case a.refused != "":
		return "n/a"
	case len(a.rows) == 0:
		return a.state
	default:
		return ""
	}
}

// headline is a row of the table: a figure that a reader looks for first.
type headline struct {
	label, metric, stat, unit string
}

// headlines are the rows, in groups that are set apart.
func headlines() [][]headline {
	return [][]headline{
		{
			{"produced", results.ProduceThroughput, "", results.UnitRate},
			{"", results.ProduceThroughput, "", results.UnitBytesPS},
			{"consumed", results.ConsumeThroughput, "", results.UnitRate},
			{"", results.ConsumeThroughput, "", results.UnitBytesPS},
		}, {
			{"send to ack, p50", results.ProduceService, "p50", results.UnitNs},
			{"  p99", results.ProduceService, "p99", results.UnitNs},
			{"due to ack, p50", results.ProduceResponse, "p50", results.UnitNs},
			{"  p99", results.ProduceResponse, "p99", results.UnitNs},
			{"  p99.9", results.ProduceResponse, "p999", results.UnitNs},
			{"end to end, p50", results.E2EResponse, "p50", results.UnitNs},
			{"  p99", results.E2EResponse, "p99", results.UnitNs},
			{"  p99.9", results.E2EResponse, "p999", results.UnitNs},
			{"  max", results.E2EResponse, "max", results.UnitNs},
			{"generator late, p99", results.ScheduleLag, "p99", results.UnitNs},
		}, {
			{"CPU per record", results.CPUPerRecord, "", results.UnitNs},
			{"  of which harness", results.HarnessCPU, "", results.UnitNs},
			{"heap allocs per record", results.AllocPerRecord, "", results.UnitAllocs},
			{"heap bytes per record", results.AllocBytes, "", results.UnitBytes},
			{"memory, peak", results.RSSPeak, "", results.UnitBytes},
			{"GC pauses, total", results.GCPause, "", results.UnitNs},
			{"requests per 1,000 rec.", results.WireRequests, "", results.UnitCount},
			{"broker CPU", results.BrokerCPU, "", results.UnitCores},
			{"observer CPU", results.ObserverCPU, "", results.UnitCores},
		},
	}
}

// leastColumns are the columns of the label and the unit; each arm takes about
// armColumns more.
const (
	leastColumns = 40
	armColumns   = 19
	mostColumns  = 24 // of an arm; longer names are broken
)

// workload prints one table, or several below each other where the arms do not
// fit side by side, and what belongs to it.
func (p *page) workload(t *tableOf) {
	p.heading(t.name)
	if t.spec != nil && t.spec.About != "" {
		p.wrapped("  ", firstSentence(t.spec.About))
	}
	if about := describe(t.spec, t.measured); about != "" {
		p.wrapped("  ", about)
	}
	if t.every > 1 {
		p.wrapped("  ", fmt.Sprintf("latency and checksum are taken of 1 record in %d, the sequence of every one", t.every))
	}
	p.line("")
	if !slices.ContainsFunc(t.arms, func(a *arm) bool { return len(a.rows) > 0 || a.refused != "" || a.failed != "" }) {
		p.line("  not run")
		return
	}
	fit := max(1, (p.width-leastColumns)/armColumns)
	if slices.ContainsFunc(t.arms, func(a *arm) bool { return len(a.rows) > 0 }) {
		for arms := range slices.Chunk(t.arms, fit) {
			p.arms(t, arms)
		}
		p.churn(t)
	}
	for _, a := range t.arms {
		switch {
		case a.refused != "":
			p.wrapped("  n/a      ", a.title()+": "+a.refused)
		case a.failed != "":
			why := a.title() + ", " + a.failed
			if a.alsoFailed > 0 {
				why += fmt.Sprintf(" (and %s)", count(int64(a.alsoFailed), "more trial"))
			}
			p.wrapped(fmt.Sprintf("  %-8s ", a.state), why)
		}
	}
	p.audit(t)
}

func (a *arm) title() string {
	if a.lane == "" || a.lane == "matched" {
		return a.name
	}
	return a.name + " (" + a.lane + ")"
}

// arms prints one table.
func (p *page) arms(t *tableOf, arms []*arm) {
	w := newWriter()
	configs := []table.ColumnConfig{{Number: 1, WidthMin: 22}, {Number: 2, WidthMin: 9}}
	header := table.Row{"", ""}
	batches := batchLines(t.arms)
	for i, a := range arms {
		head := []string{a.name}
		if len(a.name) > mostColumns {
			head[0] = a.narrow()
		}
		if manyLanes(t.arms) {
			head = append(head, a.lane)
		}
		if a.version != "" {
			head = append(head, a.version)
		}
		if line := batches[a]; line != "" {
			head = append(head, line)
		}
		if line := a.status(); line != "" {
			head = append(head, line)
		}
		header = append(header, strings.Join(head, "\n"))
		configs = append(configs, table.ColumnConfig{Number: i + 3, WidthMin: 12, WidthMax: mostColumns, Align: text.AlignRight, AlignHeader: text.AlignRight})
	}
	w.SetColumnConfigs(configs)
	w.AppendHeader(header)
	roles := rolesOf(t.arms)
	for _, group := range headlines() {
		var rows []table.Row
		for _, h := range group {
			rows = append(rows, figures(h, roles, t.arms, arms)...)
		}
		if len(rows) > 0 {
			w.AppendRows(rows)
			w.AppendSeparator()
		}
	}
	if row := marks(arms); row != nil {
		w.AppendRow(row)
	}
	p.table(w)
}

// newWriter is a table in the style of all of them.
func newWriter() table.Writer {
	w := table.NewWriter()
	style := table.StyleLight
	style.Format.Header = text.FormatDefault
	style.Options.DrawBorder = false
	style.Options.SeparateColumns = false
	w.SetStyle(style)
	return w
}

// table prints a table and an empty line.
func (p *page) table(w table.Writer) {
	for line := range strings.Lines(w.Render()) {
		p.line(" %s", strings.TrimRight(line, "\n "))
	}
	p.line("")
}

func manyLanes(arms []*arm) bool {
	for _, a := range arms[1:] {
		if a.lane != arms[0].lane {
			return true
		}
	}
	return false
}

// rolesOf lists the roles that have a cost of their own, in a fixed order.
func rolesOf(arms []*arm) []results.Role {
	var out []results.Role
	for _, role := range []results.Role{results.RoleProducer, results.RoleConsumer, results.RoleBoth} {
		for _, a := range arms {
			if slices.ContainsFunc(a.rows, func(r results.Row) bool { return r.Role == role }) {
				out = append(out, role)
				break
			}
		}
	}
	return out
}

// figures are the rows of a headline: one for each role that has it. The scale
// is that of all arms of the workload, so that tables below each other agree.
func figures(h headline, roles []results.Role, all, arms []*arm) []table.Row {
	var out []table.Row
	candidates := roles
	switch h.metric {
	case results.BrokerCPU:
		candidates = []results.Role{results.RoleBroker}
	case results.ObserverCPU:
		candidates = []results.Role{results.RoleObserver}
	}
	var with []results.Role
	for _, role := range candidates {
		if slices.ContainsFunc(all, func(a *arm) bool { return len(a.values(h.metric, h.stat, h.unit, role)) > 0 }) {
			with = append(with, role)
		}
	}
	for _, role := range with {
		smallest, largest := 0.0, 0.0
		for _, a := range all {
			if vs := a.values(h.metric, h.stat, h.unit, role); len(vs) > 0 {
				m := median(vs)
				if smallest == 0 || m > 0 && m < smallest {
					smallest = m
				}
				largest = max(largest, m)
			}
		}
		by := scaleOf(h.unit, smallest, largest)
		label := h.label
		if len(with) > 1 && label != "" {
			label += ", " + string(role)
		}
		row := table.Row{label, by.name}
		for _, a := range arms {
			vs := a.values(h.metric, h.stat, h.unit, role)
			if len(vs) == 0 {
				row = append(row, "-")
				continue
			}
			cell := by.format(median(vs)) + spread(vs)
			if h.metric == results.HarnessCPU {
				cell = by.format(vs[0]) // measured once for all rounds, so they say nothing of its spread
			}
			row = append(row, cell)
		}
		out = append(out, row)
	}
	return out
}

// spread is how far the rounds lie around their median: half their range.
func spread(vs []float64) string {
	m := median(vs)
	if len(vs) < 2 || m == 0 {
		return ""
	}
	percent := 100 * (slices.Max(vs) - slices.Min(vs)) / 2 / m
	return fmt.Sprintf(" %6s", fmt.Sprintf("±%.0f%%", percent))
}

func median(xs []float64) float64 {
	s := slices.Sorted(slices.Values(xs))
	return (s[(len(s)-1)/2] + s[len(s)/2]) / 2
}
