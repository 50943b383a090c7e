package report

import (
	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/window"
)

// parts adds the latencies of a workload with churn by what went on when each
// record was due, where there are any.
func (w *Workload) parts() {
	t := Table{Of: Parts, Groups: []Group{}}
	split := []struct {
		label, metric string
		role          results.Role
	}{
		{"end to end", results.E2EResponse, results.RoleConsumer}, {"end to end", results.E2EResponse, results.RoleBoth},
		{"due to ack", results.ProduceResponse, results.RoleProducer}, {"due to ack", results.ProduceResponse, results.RoleBoth},
	}
	for i := range w.Arms {
		for _, b := range split {
			if a := &w.Arms[i]; len(a.shares(b.metric, b.role).Values) > 0 {
				t.Arms = append(t.Arms, i)
				break
			}
		}
	}
	for _, b := range split {
		records := Row{Label: "of the records", Under: true, Role: b.role, Unit: results.UnitCount}
		records = w.across(t.Arms, records, func(a *Arm) Cell { return a.shares(b.metric, b.role) })
		if !records.known() {
			continue
		}
		rows := []Row{}
		for _, part := range window.PartNames() {
			row := Row{Label: b.label + ", " + partName(part), Metric: b.metric, Role: b.role, Unit: results.UnitNs}
			rows = append(rows, w.across(t.Arms, row, func(a *Arm) Cell { return a.part(b.metric, b.role, part) }))
		}
		t.Groups = append(t.Groups, Group{Rows: append(rows, records)})
	}
	if len(t.Arms) > 0 {
		w.Tables = append(w.Tables, t)
	}
}

// partName is what a part is called here.
func partName(p window.Part) string {
	if p == window.CatchUp {
		return "catching up"
	}
	return string(p)
}

// inPart are the values that the trials of an arm have for a part, one each, and
// how many records they are of.
func (a *Arm) inPart(metric, stat string, role results.Role, part window.Part) (values []float64, records int64) {
	for _, r := range a.rows {
		if r.Metric == metric && r.Stat == stat && r.Role == role && r.Class == string(part) {
			values = append(values, r.Value)
			records += r.N
		}
	}
	return values, records
}

// part are the medians over trials of a part.
func (a *Arm) part(metric string, role results.Role, part window.Part) Cell {
	c := Cell{Values: []Value{}}
	for _, stat := range []string{"p50", "p99", "max"} {
		vs, _ := a.inPart(metric, stat, role, part)
		if len(vs) == 0 {
			return Cell{Values: []Value{}}
		}
		c.N = len(vs)
		c.Values = append(c.Values, Value{Stat: stat, Class: string(part), Value: median(vs), Few: a.few(metric, stat, role, string(part))})
	}
	return c
}

// shares are how many records are in each part.
func (a *Arm) shares(metric string, role results.Role) Cell {
	c := Cell{Values: []Value{}}
	var all int64
	for _, part := range window.PartNames() {
		vs, n := a.inPart(metric, "p50", role, part)
		c.N = max(c.N, len(vs))
		all += n
		c.Values = append(c.Values, Value{Class: string(part), Value: float64(n)})
	}
	if all == 0 {
		return Cell{Values: []Value{}}
	}
	return c
}
