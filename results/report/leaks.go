package report

import "github.com/kbench/kbench/results"

// Leaks is the table of what members held before the acts and after them.
const Leaks Contents = "leaks"

// leaks adds what members held before and after the acts of a workload that has it read.
// A class that no arm knows anything of has no rows, but for one that the timeline asks for.
func (w *Workload) leaks() {
	if w.Spec == nil || !w.Spec.Leaks {
		return
	}
	t := Table{Of: Leaks, Groups: []Group{}}
	for i := range w.Arms {
		if w.Arms[i].Rounds > 0 {
			t.Arms = append(t.Arms, i)
		}
	}
	for _, of := range []struct{ class, label string }{
		{results.LeakReopened, "clients opened again, times"}, {results.LeakStayed, "members that stayed, acts"},
	} {
		head := w.across(t.Arms, Row{Label: of.label, Unit: results.UnitCount}, func(a *Arm) Cell { return a.cycles(of.class) })
		if !head.known() {
			continue
		}
		rows := []Row{head}
		for _, h := range []struct{ label, metric, unit string }{
			{"goroutines", results.LeakGoroutines, results.UnitCount},
			{"of which nothing wakes", results.LeakBlocked, results.UnitCount},
			{"connections", results.LeakConnections, results.UnitCount},
			{"live heap", results.LeakHeap, results.UnitBytes},
		} {
			levels := Row{Label: h.label, Under: true, Metric: h.metric, Role: results.RoleConsumer, Unit: h.unit}
			levels = w.across(t.Arms, levels, func(a *Arm) Cell { return a.held(h.metric, of.class+results.LeakBefore, of.class+results.LeakAfter) })
			growth := Row{Label: "more per 100", Under: true, Metric: h.metric, Role: results.RoleConsumer, Unit: h.unit}
			growth = w.across(t.Arms, growth, func(a *Arm) Cell { return a.held(h.metric, of.class) })
			if h.metric == results.LeakBlocked && !levels.known() {
				continue // kbench was built without the profile
			}
			rows = append(rows, notKnown(levels), notKnown(growth))
		}
		t.Groups = append(t.Groups, Group{Rows: rows})
	}
	if len(t.Groups) > 0 {
		w.Tables = append(w.Tables, t)
	}
}

// notKnown says so in the cells of arms that have nothing in a row.
func notKnown(r Row) Row {
	for i := range r.Cells {
		r.Cells[i].NotKnown = len(r.Cells[i].Values) == 0
	}
	return r
}

// cycles is how many there were in the trials of an arm, by the fewest.
func (a *Arm) cycles(class string) Cell {
	c := Cell{Values: []Value{}}
	for _, r := range a.rows {
		if r.Metric == results.LeakGoroutines && r.Class == class {
			if n := float64(r.N); c.N == 0 || n < c.Values[0].Value {
				c.Values = []Value{{Value: n}}
			}
			c.N++
		}
	}
	return c
}

// held are the medians of some classes over the trials of an arm.
func (a *Arm) held(metric string, classes ...string) Cell {
	c := Cell{Values: []Value{}}
	m, _ := results.LookupMetric(metric)
	for _, class := range classes {
		vs := a.inClass(metric, "", m.Unit, results.RoleConsumer, class)
		if len(vs) == 0 {
			return Cell{Values: []Value{}}
		}
		c.N = len(vs)
		c.Values = append(c.Values, Value{Class: class, Value: median(vs)})
	}
	return c
}
