package summary

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/cause"
	"github.com/kbench/kbench/results/window"
)

// causesFile is the shape of rebalances.json.
type causesFile struct {
	Schema     int         `json:"schema"`
	Trial      int         `json:"trial"`
	Rebalances []causeLine `json:"rebalances"`
}

// causeLine is a rebalance, and the event in whose window it was known.
type causeLine struct {
	cause.Rebalance
	Event string `json:"event,omitempty"`
}

// causesOf puts the rebalances of a trial into the shape of the file.
func causesOf(t *results.Trial, w *window.Report, all []cause.Rebalance) causesFile {
	out := causesFile{Schema: results.Schema, Trial: t.Ref.N, Rebalances: []causeLine{}}
	for _, r := range all {
		line := causeLine{Rebalance: r}
		if e := eventOfRebalance(w, &r); e != nil {
			line.Event = e.Name
		}
		out.Rebalances = append(out.Rebalances, line)
	}
	return out
}

// eventOfRebalance is the event in whose window a rebalance came to be known, nil where
// there is none.
func eventOfRebalance(w *window.Report, r *cause.Rebalance) *window.Event {
	if w == nil {
		return nil
	}
	for i := range w.Events {
		if e := &w.Events[i]; e.Window.Contains(r.Known) {
			return e
		}
	}
	return nil
}

// causesTold is how many rebalances of a trial are told of one by one.
const causesTold = 3

// rebalances adds why the group rebalanced in the measured part, and tells of what nobody
// asked for. Without a group there are no rows.
func (b *builder) rebalances() {
	if b.trial.Group == "" || len(b.byRole(results.RoleConsumer)) == 0 {
		return
	}
	counts, outside := map[cause.Cause]int{}, map[cause.Cause]int{}
	total, stray, uncertain, told := 0, 0, 0, 0
	for i := range b.causes {
		r := &b.causes[i]
		if !b.measured.contains(r.Known) {
			continue
		}
		total++
		counts[r.Cause]++
		if r.Sure != cause.Certain {
			uncertain++
		}
		if eventOfRebalance(b.churn, r) != nil {
			continue
		}
		stray++
		outside[r.Cause]++
		if r.Cause == cause.Join && r.Sure == cause.Certain {
			continue // of one that was lost before, and of that is told
		}
		if told++; told <= causesTold {
			b.tellCause(r)
		}
	}
	if more := told - causesTold; more > 0 {
		b.warn(results.Remarkf(results.RebalanceOutside, "%d more rebalances that nobody asked for; %s of the trial has each with its cause", more, results.CausesFile).
			With("rebalances", results.UnitCount, float64(more)))
	}
	add := func(metric, class string, n, of int) {
		b.add(results.Row{Class: class, Metric: metric, Unit: results.UnitCount, Value: float64(n), N: int64(of)})
	}
	add(results.RebalanceCause, "", total, total)
	for _, c := range cause.Causes() {
		add(results.RebalanceCause, string(c), counts[c], total)
	}
	add(results.RebalanceCause, results.Uncertain, uncertain, total)
	if b.churn == nil {
		return
	}
	add(results.RebalanceOutside, "", stray, total)
	for _, c := range cause.Causes() {
		add(results.RebalanceOutside, string(c), outside[c], total)
	}
	b.asDone()
}

// tellCause tells of a rebalance in the window of no event.
func (b *builder) tellCause(r *cause.Rebalance) {
	m := results.Remarkf(results.RebalanceOutside, "a rebalance that nobody asked for, %s: %s", b.since(r.Known), said(&r.Reason)).By(r.Worker)
	m.Class = string(r.Cause)
	b.warn(m)
}

// said is a cause in words.
func said(r *cause.Reason) string { return fmt.Sprintf("%s (%s): %s", r.Cause, r.Sure, r.Why) }

// asDone holds the causes against what was done: the first rebalance of each event that
// is of one act. One that made none is no matter of causes.
func (b *builder) asDone() {
	events, otherwise, certain := 0, 0, 0
	for i := range b.churn.Events {
		e := &b.churn.Events[i]
		if len(e.Acts) != 1 {
			continue
		}
		want := cause.Expected(&e.Acts[0])
		r := slices.IndexFunc(b.causes, func(r cause.Rebalance) bool { return r.At >= e.Acts[0].At && eventOfRebalance(b.churn, &r) == e })
		if r < 0 || len(want) == 0 {
			continue
		}
		events++
		found := &b.causes[r]
		if slices.Contains(want, found.Cause) {
			continue
		}
		otherwise++
		if found.Sure == cause.Certain {
			certain++
		}
		words := make([]string, len(want))
		for i, c := range want {
			words[i] = string(c)
		}
		m := results.Remarkf(results.RebalanceOtherwise, "the wire shows another cause than what was done (%s): %s", strings.Join(words, " or "), said(&found.Reason)).By(found.Worker)
		m.Class, m.Event = string(found.Cause), e.Name
		b.warn(m)
	}
	b.plain("", results.RebalanceOtherwise, float64(otherwise), int64(events))
	b.add(results.Row{Class: string(cause.Certain), Metric: results.RebalanceOtherwise, Unit: results.UnitCount, Value: float64(certain), N: int64(events)})
}
