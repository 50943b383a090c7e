package report

import (
	"slices"

	"github.com/kbench/kbench/results"
)

// headline is a row of the main table: a figure that a reader looks for first.
type headline struct {
	label              string
	under              bool
	metric, stat, unit string
}

// headlines are the rows, in groups that are set apart.
func headlines() [][]headline {
	const above, under = false, true
	return [][]headline{
		{
			{"produced", above, results.ProduceThroughput, "", results.UnitRate},
			{"", above, results.ProduceThroughput, "", results.UnitBytesPS},
			{"consumed", above, results.ConsumeThroughput, "", results.UnitRate},
			{"", above, results.ConsumeThroughput, "", results.UnitBytesPS},
			{"redelivered", under, results.ConsumeRedelivered, "", results.UnitCount},
		}, {
			{"send to ack, p50", above, results.ProduceService, "p50", results.UnitNs},
			{"p99", under, results.ProduceService, "p99", results.UnitNs},
			{"due to ack, p50", above, results.ProduceResponse, "p50", results.UnitNs},
			{"p99", under, results.ProduceResponse, "p99", results.UnitNs},
			{"p99.9", under, results.ProduceResponse, "p999", results.UnitNs},
			{"end to end, p50", above, results.E2EResponse, "p50", results.UnitNs},
			{"p99", under, results.E2EResponse, "p99", results.UnitNs},
			{"p99.9", under, results.E2EResponse, "p999", results.UnitNs},
			{"max", under, results.E2EResponse, "max", results.UnitNs},
			{"inside Send, p99", above, results.ProduceSendTime, "p99", results.UnitNs},
			{"no room in window, p99", above, results.ProduceNoRoom, "p99", results.UnitNs},
			{"generator late, p99", above, results.ScheduleLag, "p99", results.UnitNs},
			{"never handed over", above, results.ProduceUnsent, "", results.UnitCount},
		}, {
			{"held back by link", above, results.LinkDelayed, "", results.UnitCount},
			{"for, p50", under, results.LinkDelay, "p50", results.UnitNs},
			{"max", under, results.LinkDelay, "max", results.UnitNs},
			{"stalls by loss", above, results.LinkStalls, "", results.UnitCount},
			{"for, p50", under, results.LinkStall, "p50", results.UnitNs},
			{"max", under, results.LinkStall, "max", results.UnitNs},
			{"connections cut", above, results.LinkCuts, "", results.UnitCount},
			{"closed idle", above, results.LinkIdle, "", results.UnitCount},
			{"dials refused", above, results.LinkRefused, "", results.UnitCount},
			{"slower dials by, p50", above, results.LinkDial, "p50", results.UnitNs},
		}, {
			{"CPU per record", above, results.CPUPerRecord, "", results.UnitNs},
			{"of which harness", under, results.HarnessCPU, "", results.UnitNs},
			{"", under, results.CPULayer, "", results.UnitNs}, // a row for each
			{"heap allocs per record", above, results.AllocPerRecord, "", results.UnitAllocs},
			{"heap bytes per record", above, results.AllocBytes, "", results.UnitBytes},
			{"memory, peak", above, results.RSSPeak, "", results.UnitBytes},
			{"of which harness", under, results.HarnessRSS, "", results.UnitBytes},
			{"live heap of harness", above, results.HarnessHeap, "", results.UnitBytes},
			{"GC pauses, total", above, results.GCPause, "", results.UnitNs},
			{"requests per 1,000 rec.", above, results.WireRequests, "", results.UnitCount},
			{"broker CPU", above, results.BrokerCPU, "", results.UnitCores},
			{"observer CPU", above, results.ObserverCPU, "", results.UnitCores},
		},
	}
}

// partOf says where there is a whole of which the part is not known, and whether
// there is a whole at all.
func (r Row) partOf(whole Row) bool {
	for i := range r.Cells {
		r.Cells[i].NotKnown = len(r.Cells[i].Values) == 0 && len(whole.Cells[i].Values) > 0
	}
	return whole.known()
}

// figures is the main table: medians over rounds, of all arms.
func (w *Workload) figures() Table {
	t := Table{Of: Figures, Groups: []Group{}}
	for i := range w.Arms {
		t.Arms = append(t.Arms, i)
	}
	for _, group := range headlines() {
		rows := []Row{}
		for _, h := range group {
			rows = append(rows, w.rows(t.Arms, h)...)
		}
		if len(rows) > 0 {
			t.Groups = append(t.Groups, Group{Rows: rows})
		}
	}
	return t
}

// rows are those of a headline: one for each role that has it.
func (w *Workload) rows(arms []int, h headline) []Row {
	roles := []results.Role{results.RoleProducer, results.RoleConsumer, results.RoleBoth}
	switch h.metric {
	case results.CPULayer:
		return w.layers(arms, roles)
	case results.BrokerCPU:
		roles = []results.Role{results.RoleBroker}
	case results.ObserverCPU:
		roles = []results.Role{results.RoleObserver}
	case results.ProduceSendTime, results.ProduceNoRoom, results.ScheduleLag, results.ProduceUnsent:
		roles = append(roles, results.RoleReference) // how the load was kept, whoever offers it
	}
	var out []Row
	for _, role := range roles {
		row := w.overRounds(arms, Row{Label: h.label, Under: h.under, Metric: h.metric, Role: role, Unit: h.unit}, h.stat)
		known := row.known() && !((h.metric == results.ProduceUnsent || h.metric == results.ConsumeRedelivered) && row.zero())
		if h.metric == results.HarnessCPU {
			w.profiled(arms, &row)
			known = row.partOf(w.overRounds(arms, Row{Metric: results.CPUPerRecord, Role: role, Unit: h.unit}, ""))
		}
		if known {
			out = append(out, row)
		}
	}
	if len(out) < 2 {
		return out
	}
	for i := range out {
		if out[i].Label != "" {
			out[i].Label += ", " + string(out[i].Role)
		}
	}
	return out
}

// overRounds is a row of a statistic over the trials of each arm.
func (w *Workload) overRounds(arms []int, r Row, stat string) Row {
	return w.across(arms, r, func(a *Arm) Cell {
		c := overRounds(r.Metric, stat, a.values(r.Metric, stat, r.Unit, r.Role))
		for i := range c.Values {
			c.Values[i].Few = a.few(r.Metric, stat, r.Role, "")
		}
		return c
	})
}

// overRounds is the median of the values of trials, and how far they lie around
// it.
func overRounds(metric, stat string, vs []float64) Cell {
	c := Cell{Values: []Value{}, N: len(vs)}
	if len(vs) == 0 {
		return c
	}
	m := median(vs)
	if metric, _ := results.LookupMetric(metric); metric.Unit == results.UnitNs && len(metric.Stats) > 0 && !metric.PerEvent && m < results.Shortest {
		c.Values = append(c.Values, Value{Stat: stat, Below: results.Shortest})
		return c
	}
	c.Values = append(c.Values, Value{Stat: stat, Value: m})
	if len(vs) > 1 && m != 0 {
		half := (slices.Max(vs) - slices.Min(vs)) / 2
		c.Spread = &half
	}
	return c
}
