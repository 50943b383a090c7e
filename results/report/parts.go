package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/window"
)

// partNames are the parts of a trial with churn and what they are called here.
func partNames() [][2]string {
	return [][2]string{{string(window.Steady), "steady"}, {string(window.Rebalance), "rebalance"}, {string(window.CatchUp), "catching up"}}
}

// parts prints the latencies of a workload with churn by what went on when each
// record was due. Without rows of the kind it prints nothing.
func (p *page) parts(t *tableOf) {
	type block struct {
		label, metric string
		role          results.Role
	}
	var blocks []block
	for _, b := range []block{
		{"end to end", results.E2EResponse, results.RoleConsumer}, {"end to end", results.E2EResponse, results.RoleBoth},
		{"due to ack", results.ProduceResponse, results.RoleProducer}, {"due to ack", results.ProduceResponse, results.RoleBoth},
	} {
		if slices.ContainsFunc(t.arms, func(a *arm) bool { return a.partRecords(b.metric, b.role) != "-" }) {
			blocks = append(blocks, b)
		}
	}
	with := slices.DeleteFunc(slices.Clone(t.arms), func(a *arm) bool {
		return !slices.ContainsFunc(blocks, func(b block) bool { return a.partRecords(b.metric, b.role) != "-" })
	})
	if len(with) == 0 {
		return
	}
	column := 15
	cells := map[*arm][]string{}
	for _, a := range with {
		for _, b := range blocks {
			for _, part := range partNames() {
				cells[a] = append(cells[a], a.partLatency(b.metric, b.role, part[0]))
			}
			cells[a] = append(cells[a], a.partRecords(b.metric, b.role))
		}
		for _, s := range append(slices.Clone(cells[a]), strings.Split(a.narrow(), "\n")...) {
			column = max(column, len([]rune(s))+2)
		}
	}
	for arms := range slices.Chunk(with, max(1, (p.width-33)/column)) {
		w := newWriter()
		configs := []table.ColumnConfig{{Number: 1, WidthMin: 23}, {Number: 2, WidthMin: 2}}
		header := table.Row{"by when a record was due,\np50 / p99 / max", ""}
		for i, a := range arms {
			header = append(header, a.narrow())
			configs = append(configs, table.ColumnConfig{Number: i + 3, WidthMin: 13, Align: text.AlignRight, AlignHeader: text.AlignRight})
		}
		w.SetColumnConfigs(configs)
		w.AppendHeader(header)
		at := 0
		for _, b := range blocks {
			var labels [][2]string
			for _, part := range partNames() {
				labels = append(labels, [2]string{b.label + ", " + part[1], "ms"})
			}
			for _, l := range append(labels, [2]string{"  of the records", "%"}) {
				row := table.Row{l[0], l[1]}
				for _, a := range arms {
					row = append(row, cells[a][at])
				}
				w.AppendRow(row)
				at++
			}
			w.AppendSeparator()
		}
		p.table(w)
	}
}

// inPart are the values that the trials of an arm have for a part, one each, and
// how many records they are of.
func (a *arm) inPart(metric, stat string, role results.Role, part string) (values []float64, records int64) {
	for _, r := range a.rows {
		if r.Metric == metric && r.Stat == stat && r.Role == role && r.Class == part {
			values = append(values, r.Value)
			records += r.N
		}
	}
	return values, records
}

// partLatency are the medians over trials of a part, in ms.
func (a *arm) partLatency(metric string, role results.Role, part string) string {
	var out []string
	for _, stat := range []string{"p50", "p99", "max"} {
		vs, _ := a.inPart(metric, stat, role, part)
		if len(vs) == 0 {
			return "-"
		}
		out = append(out, significant(median(vs)/1e6))
	}
	return strings.Join(out, " / ")
}

// partRecords is how the records are shared out between the parts.
func (a *arm) partRecords(metric string, role results.Role) string {
	var all int64
	var each []int64
	for _, part := range partNames() {
		_, n := a.inPart(metric, "p50", role, part[0])
		all += n
		each = append(each, n)
	}
	if all == 0 {
		return "-"
	}
	var out []string
	for _, n := range each {
		out = append(out, fmt.Sprintf("%.0f", 100*float64(n)/float64(all)))
	}
	return strings.Join(out, " / ")
}
