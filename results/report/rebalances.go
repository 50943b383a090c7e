package report

import "github.com/kbench/kbench/results"

// Rebalances is the table of why groups rebalanced.
const Rebalances Contents = "rebalances"

// rebalances adds how often the group of each arm rebalanced and why, summed over its
// trials. Causes that no arm has are left out, and where no group rebalanced there is no
// table.
func (w *Workload) rebalances() {
	t := Table{Of: Rebalances, Groups: []Group{}}
	for i := range w.Arms {
		if len(w.Arms[i].values(results.RebalanceCause, "", results.UnitCount, "")) > 0 {
			t.Arms = append(t.Arms, i)
		}
	}
	row := func(label, metric, class string, under bool) Row {
		return w.across(t.Arms, Row{Label: label, Under: under, Metric: metric, Unit: results.UnitCount}, func(a *Arm) Cell { return a.sum(metric, class) })
	}
	all := row("all", results.RebalanceCause, "", false)
	if all.zero() {
		return
	}
	rows := []Row{all}
	m, _ := results.LookupMetric(results.RebalanceCause)
	for _, class := range m.Classes[1:] {
		label := class
		if class == results.Uncertain {
			label = "not certain"
		}
		if r := row(label, results.RebalanceCause, class, true); !r.zero() {
			rows = append(rows, r)
		}
	}
	for _, h := range []struct{ label, metric string }{
		{"outside of events", results.RebalanceOutside}, {"otherwise than done", results.RebalanceOtherwise},
	} {
		if r := row(h.label, h.metric, "", false); !r.zero() {
			rows = append(rows, r)
		}
	}
	t.Groups = append(t.Groups, Group{Rows: rows})
	w.Tables = append(w.Tables, t)
}

// sum adds up a count over the trials of an arm.
func (a *Arm) sum(metric, class string) Cell {
	vs := a.inClass(metric, "", results.UnitCount, "", class)
	c := Cell{Values: []Value{}, N: len(vs)}
	if len(vs) == 0 {
		return c
	}
	total := 0.0
	for _, v := range vs {
		total += v
	}
	c.Values = append(c.Values, Value{Stat: "sum", Class: class, Value: total})
	return c
}
