package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/window"
)

// event is one counted event of an arm, as its rows have it.
type event struct {
	kind string
	rows []results.Row
}

// value is the figure of a metric over all classes.
func (e *event) value(metric string) (float64, bool) { return e.ofClass(metric, "") }

// ofClass is the figure of a metric for one class.
func (e *event) ofClass(metric, class string) (float64, bool) {
	for _, r := range e.rows {
		if r.Metric == metric && r.Class == class && r.Stat == "" {
			return r.Value, true
		}
	}
	return 0, false
}

// noisy says whether the machine was late before the event, so that its figures
// say little about the client. What was lost or delivered twice stays true.
func (e *event) noisy() bool {
	v, _ := e.value(results.PauseNoisy)
	return v != 0
}

// slowest is the phase of the client's own doing that took longest. The start of
// a leave is the client's own way out.
func (e *event) slowest() (phase string, ns float64) {
	for _, p := range window.Phases() {
		metric := "pause." + string(p)
		switch {
		case p == window.Stop && e.kind == "leave":
			metric = results.PauseStart
		case p == window.Stop, !p.OfClient():
			continue
		}
		if v, ok := e.value(metric); ok && v > ns {
			phase, ns = strings.ReplaceAll(string(p), "_", " "), v
		}
	}
	return phase, ns
}

// events are the counted events of an arm in the order of its trials.
func (a *arm) events() []*event {
	type key struct {
		trial int
		name  string
	}
	found := map[key]*event{}
	var out []*event
	for _, r := range a.rows {
		if r.Event == "" {
			continue
		}
		k := key{r.Trial, r.Event}
		if found[k] == nil {
			kind, _, _ := strings.Cut(r.Event, "#")
			found[k] = &event{kind: kind}
			out = append(out, found[k])
		}
		found[k].rows = append(found[k].rows, r)
	}
	return out
}

// kinds are those of the events of all arms, those that everybody knows first.
func kinds(arms []*arm) []string {
	order := []string{"join", "leave", "crash", "stall", "restart"}
	var out []string
	for _, a := range arms {
		for _, e := range a.events() {
			if !slices.Contains(out, e.kind) {
				out = append(out, e.kind)
			}
		}
	}
	rank := func(kind string) int {
		if i := slices.Index(order, kind); i >= 0 {
			return i
		}
		return len(order)
	}
	slices.SortFunc(out, func(a, b string) int { return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a, b)) })
	return out
}

// quietEvents is how many events the figures are of, and of how many.
func quietEvents(events []*event) string {
	n := 0
	for _, e := range events {
		if !e.noisy() {
			n++
		}
	}
	switch {
	case len(events) == 0:
		return "-"
	case n < len(events):
		return fmt.Sprintf("%d, %d noisy", n, len(events)-n)
	default:
		return fmt.Sprint(n)
	}
}

// quietValues are the values of a metric in the events that were not noisy.
func quietValues(events []*event, metric string) []float64 {
	var out []float64
	for _, e := range events {
		if v, ok := e.value(metric); ok && !e.noisy() {
			out = append(out, v)
		}
	}
	return out
}

// typical is the median over events, in ms. All times of the table are, so that
// its rows can be added and subtracted at a glance.
func typical(metric string) func([]*event) string {
	return func(events []*event) string {
		vs := quietValues(events, metric)
		if len(vs) == 0 {
			return "-"
		}
		return significant(median(vs) / 1e6)
	}
}

// typicalAndWorst is the median and the largest, of a single event just the figure.
func typicalAndWorst(metric string) func([]*event) string {
	return func(events []*event) string {
		vs := quietValues(events, metric)
		if len(vs) < 2 {
			return typical(metric)(events)
		}
		return significant(median(vs)/1e6) + " / " + significant(slices.Max(vs)/1e6)
	}
}

// total sums a count over all events, noisy ones too.
func total(metric, class string) func([]*event) string {
	return func(events []*event) string {
		sum, known := 0.0, false
		for _, e := range events {
			for _, r := range e.rows {
				known = known || r.Metric == metric
				if r.Metric == metric && r.Class == class {
					sum += r.Value
				}
			}
		}
		if !known {
			return "-"
		}
		return grouped(sum, 0)
	}
}

// duplicateCauses are the causes that any arm had in events of a kind.
func duplicateCauses(arms []*arm, kind string) []string {
	seen := map[string]bool{}
	for _, a := range arms {
		for _, e := range a.events() {
			for _, r := range e.rows {
				if e.kind == kind && r.Metric == results.PauseDuplicates && r.Class != "" && r.Value > 0 {
					seen[r.Class] = true
				}
			}
		}
	}
	return sortedKeys(seen)
}
