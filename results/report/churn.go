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

// published are pause times that are quoted widely, in ms. They hold for one
// heartbeat interval and session timeout, and most of each is that configuration.
func published(spec *workloads.Spec, kind string) string {
	if !hasPublished(spec) {
		return ""
	}
	return map[string]string{"join": "1,850", "leave": "1,620", "crash": "9,800"}[kind]
}

func hasPublished(spec *workloads.Spec) bool {
	return spec != nil && time.Duration(spec.Group.Heartbeat) == 3*time.Second && time.Duration(spec.Group.Session) == 10*time.Second
}

// anyPublished says whether one of the kinds has a figure in the column.
func anyPublished(spec *workloads.Spec, kinds []string) bool {
	return slices.ContainsFunc(kinds, func(kind string) bool { return published(spec, kind) != "" })
}

// churn prints what the events of a workload did to each arm: a table, then in
// words what was slow. Workloads without events print nothing.
func (p *page) churn(t *tableOf) {
	all := kinds(t.arms)
	if len(all) == 0 {
		p.atRest(t)
		return
	}
	with := slices.DeleteFunc(slices.Clone(t.arms), func(a *arm) bool { return len(a.events()) == 0 })
	least, extra := 33, 0 // columns of label and unit, and of the published figures
	if anyPublished(t.spec, all) {
		extra = 13
	}
	column := 15
	for _, a := range with {
		for line := range strings.Lines(a.narrow()) {
			column = max(column, len([]rune(strings.TrimRight(line, "\n")))+2)
		}
		for _, kind := range all {
			column = max(column, len(a.numbers(kind))+2)
		}
	}
	fit := max(1, (p.width-least-extra)/column)
	for arms := range slices.Chunk(with, fit) {
		p.pauses(t, all, arms)
	}
	if extra > 0 {
		p.wrapped("  ", "* Published for a heartbeat of 3 s and a session of 10 s, undefined elsewhere. It stands beside the time from the act to the last assignment, and need not be the same thing.")
	}
	for _, kind := range all {
		p.slowest(kind, with)
	}
	for _, kind := range all {
		p.shared(kind, with)
	}
	p.line("")
	p.parts(t)
}

// shared says in words where partitions that kept their owner stopped only
// because the coordinator's node leads them.
func (p *page) shared(kind string, arms []*arm) {
	const clear = 100e6 // ns; what a noisy machine makes of a gap is not worth a line
	for _, a := range arms {
		var led, others []float64
		worse := 0
		for _, e := range a.events() {
			if e.kind != kind || !e.fit() {
				continue
			}
			l, ok := e.ofClass(results.PauseGap, results.LedByCoordinator)
			o, ok2 := e.ofClass(results.PauseGap, results.LedElsewhere)
			if !ok || !ok2 {
				continue
			}
			led, others = append(led, l), append(others, o)
			if l > 2*o && l-o > clear {
				worse++
			}
		}
		if 2*worse > len(led) {
			p.wrapped(fmt.Sprintf("  shared   %s: ", kind), fmt.Sprintf(
				"%s, of the partitions that kept their owner those led by the coordinator's node stopped for %s ms, the others for %s ms (medians of the worst; %d of %d events)",
				a.title(), significant(median(led)/1e6), significant(median(others)/1e6), worse, len(led)))
		}
	}
}

// atRest says of each arm whether its group stayed as it was, where nothing was
// done to it.
func (p *page) atRest(t *tableOf) {
	wrote := false
	for _, a := range t.arms {
		generations, gaps := a.values(results.GroupGenerations, "", results.UnitCount, ""), a.values(results.GroupBeatGap, "", results.UnitNs, "")
		if len(generations) == 0 {
			continue
		}
		words := "no rebalance"
		if most := slices.Max(generations); most > 0 {
			words = count(int64(most), "rebalance") + " that nobody asked for"
		}
		if len(gaps) > 0 {
			words += fmt.Sprintf(", at most %s ms between two heartbeats", significant(slices.Max(gaps)/1e6))
		}
		p.wrapped("  group    ", a.title()+": "+words)
		wrote = true
	}
	if wrote {
		p.line("")
	}
}

// narrow is the title of an arm over several lines: the client, what varies, and
// of a long name its last word.
func (a *arm) narrow() string {
	client, varies, found := strings.Cut(a.title(), "/")
	if !found {
		return client
	}
	if i := strings.LastIndexByte(varies, '-'); i > 0 && len(varies) > 13 {
		varies = varies[:i+1] + "\n" + varies[i+1:]
	}
	return client + "/\n" + varies
}

// pauses prints one table: a group of rows per kind of event, then those about
// the trials as a whole.
func (p *page) pauses(t *tableOf, kinds []string, arms []*arm) {
	w := newWriter()
	configs := []table.ColumnConfig{{Number: 1, WidthMin: 23}, {Number: 2, WidthMin: 2}}
	header := table.Row{"events of churn", ""}
	for i, a := range arms {
		header = append(header, a.narrow())
		configs = append(configs, table.ColumnConfig{Number: i + 3, WidthMin: 13, Align: text.AlignRight, AlignHeader: text.AlignRight})
	}
	if anyPublished(t.spec, kinds) {
		header = append(header, "published*")
		configs = append(configs, table.ColumnConfig{Number: len(arms) + 3, Align: text.AlignRight, AlignHeader: text.AlignRight})
	}
	w.SetColumnConfigs(configs)
	w.AppendHeader(header)
	for _, kind := range kinds {
		for _, row := range kindRows(kind, t.arms, arms, published(t.spec, kind)) {
			w.AppendRow(row)
		}
		w.AppendSeparator()
	}
	for _, row := range trialRows(arms) {
		w.AppendRow(row)
	}
	p.table(w)
}

// kindRows are the rows of one kind of event. Which rows there are depends on
// all arms of the workload, so that tables below each other agree.
func kindRows(kind string, all, arms []*arm, published string) []table.Row {
	var out []table.Row
	add := func(label, unit string, cell func([]*event) string) {
		known := false
		for _, a := range all {
			known = known || !slices.Contains([]string{"", "-"}, cell(a.ofKind(kind)))
		}
		if !known {
			return
		}
		row := table.Row{label, unit}
		for _, a := range arms {
			row = append(row, cell(a.ofKind(kind)))
		}
		out = append(out, row)
	}
	head := table.Row{kind + ", events", ""}
	for _, a := range arms {
		head = append(head, a.numbers(kind))
	}
	out = append(out, head)
	first := "  start"
	if kind == "leave" {
		first = "  stop"
	}
	add(first+", p50", "ms", typical(results.PauseStart))
	before := len(out)
	add("  act to assigned, p50", "ms", typical(results.PauseTotal))
	if published != "" && len(out) > before {
		out[before] = append(out[before], published)
	}
	add("  wire time, p50", "ms", typical(results.PauseWire))
	add("  floor, p50", "ms", typical(results.PauseFloor))
	add("  wire excess, p50 / max", "ms", typicalAndWorst(results.PauseWireExcess))
	add("  reaction, p50 / max", "ms", typicalAndWorst(results.PauseReact))
	add("  generations, mean", "", mean(results.GroupRounds))
	add("  gap, p50 / max", "ms", typicalAndWorst(results.PauseGap))
	add("  gap excess, p50 / max", "ms", typicalAndWorst(results.PauseGapExcess))
	add("  lost partition-s, mean", "s", mean(results.PauseLost))
	causes := duplicateCauses(all, kind)
	if len(causes) == 0 {
		add("  duplicates", "", total(results.PauseDuplicates, ""))
	}
	for _, cause := range causes {
		add("  duplicates, "+cause, "", total(results.PauseDuplicates, cause))
	}
	add("  lost records", "", total(results.PauseLostRecords, ""))
	return out
}

// trialRows are about whole trials: medians over rounds.
func trialRows(arms []*arm) []table.Row {
	var out []table.Row
	for _, h := range []struct {
		label, metric string
		role          results.Role
		unit, shown   string
		scale         float64
	}{
		{"availability", results.PauseAvailability, "", results.UnitRatio, "%", 100},
		{"generations per change", results.GroupAmplification, "", results.UnitRatio, "", 1},
		{"recovery after last act", results.GroupRecovery, "", results.UnitNs, "ms", 1e-6},
		{"longest between beats", results.GroupBeatGap, "", results.UnitNs, "ms", 1e-6},
		{"connections opened", results.WireOpened, results.RoleConsumer, results.UnitCount, "", 1},
	} {
		row, known := table.Row{h.label, h.shown}, false
		for _, a := range arms {
			vs := a.values(h.metric, "", h.unit, h.role)
			if len(vs) == 0 {
				row = append(row, "-")
				continue
			}
			known = true
			row = append(row, significant(h.scale*median(vs)))
		}
		if known {
			out = append(out, row)
		}
	}
	return out
}

// slowest says in words, for one kind of event, which phase of each client was
// the slowest most often. The longest of them comes first.
func (p *page) slowest(kind string, arms []*arm) {
	type finding struct {
		words string
		ns    float64
	}
	var found []finding
	for _, a := range arms {
		times := map[string][]float64{}
		n := 0
		for _, e := range a.events() {
			if e.kind != kind || !e.fit() {
				continue
			}
			n++
			if phase, ns := e.slowest(); phase != "" {
				times[phase] = append(times[phase], ns)
			}
		}
		phases := sortedKeys(times)
		if len(phases) == 0 {
			continue
		}
		slices.SortStableFunc(phases, func(a, b string) int {
			return cmp.Or(cmp.Compare(len(times[b]), len(times[a])), cmp.Compare(median(times[b]), median(times[a])))
		})
		most := phases[0]
		ns := median(times[most])
		words := fmt.Sprintf("%s in %s, %s ms", a.title(), most, significant(ns/1e6))
		if n > 1 {
			words += fmt.Sprintf(" (%d of %d events)", len(times[most]), n)
		}
		found = append(found, finding{words, ns})
	}
	slices.SortStableFunc(found, func(a, b finding) int { return cmp.Compare(b.ns, a.ns) })
	var words []string
	for _, f := range found {
		words = append(words, f.words)
	}
	if len(words) > 0 {
		p.wrapped(fmt.Sprintf("  slowest  %s: ", kind), strings.Join(words, "; "))
	}
}
