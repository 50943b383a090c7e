package report

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/window"
	"github.com/kbench/kbench/workloads/acts"
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

// merged says whether another act shares the window of the event, so that its
// figures are of both and of neither.
func (e *event) merged() bool {
	v, _ := e.value(results.PauseMerged)
	return v != 0
}

// ofOthers says whether stalls of others make much of its figures.
func (e *event) ofOthers() bool {
	v, _ := e.value(results.PauseOthers)
	return v != 0
}

// ownEvents is from how many events on that are the client's own the others are
// left out.
const ownEvents = 3

// own are the events that figures are of: those that are fit, and of them those that
// are the client's own while there are enough.
func own(events []*event) []*event {
	fit := slices.DeleteFunc(slices.Clone(events), func(e *event) bool { return !e.fit() })
	own := slices.DeleteFunc(slices.Clone(fit), (*event).ofOthers)
	if len(own) < ownEvents {
		return fit
	}
	return own
}

// fit says whether the times of the event may go into a figure of its kind.
func (e *event) fit() bool { return !e.noisy() && !e.merged() }

// further is how many more acts of a kind the window has.
func (e *event) further(kind string) int {
	v, _ := e.ofClass(results.PauseMerged, kind)
	return int(v)
}

// acts is how many counted acts the window has.
func (e *event) acts() int {
	n := 1
	for _, r := range e.rows {
		if r.Metric == results.PauseMerged && r.Class != "" {
			n += int(r.Value)
		}
	}
	return n
}

// slowest is the phase of the client's own doing that took longest. The start of
// a leave is the client's own way out.
func (e *event) slowest() (phase string, ns float64) {
	for _, p := range window.Phases() {
		metric := "pause." + string(p)
		switch {
		case p == window.Stop && acts.Of(acts.Kind(e.kind)).Leaves():
			metric = results.PauseStart
		case p == window.Stop, !p.OfClient():
			continue
		}
		if v, ok := e.value(metric); ok && v > ns {
			phase, ns = string(p), v
		}
	}
	return phase, ns
}

// events are the counted events of an arm in the order of its trials.
func (a *Arm) events() []*event {
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
			found[k] = &event{kind: r.EventKind()}
			out = append(out, found[k])
		}
		found[k].rows = append(found[k].rows, r)
	}
	return out
}

// kinds are those of the events of all arms, those that everybody knows first.
func kinds(arms []Arm) []string {
	seen := map[string]bool{}
	for i := range arms {
		for _, e := range arms[i].events() {
			seen[e.kind] = true
			if !e.merged() {
				continue
			}
			for _, r := range e.rows {
				if r.Metric == results.PauseMerged && r.Class != "" {
					seen[r.Class] = true
				}
			}
		}
	}
	order := acts.Singles()
	// Stops of several lengths have the length in their kind.
	rank := func(kind string) (int, time.Duration) {
		word, length, _ := strings.Cut(kind, " ")
		d, _ := time.ParseDuration(length)
		if i := slices.Index(order, word); i >= 0 {
			return i, d
		}
		return len(order), d
	}
	out := sortedKeys(seen)
	slices.SortStableFunc(out, func(a, b string) int {
		i, d := rank(a)
		j, e := rank(b)
		return cmp.Or(cmp.Compare(i, j), cmp.Compare(d, e))
	})
	return out
}

// ofKind are the events of a kind.
func (a *Arm) ofKind(kind string) []*event {
	return slices.DeleteFunc(a.events(), func(e *event) bool { return e.kind != kind })
}

// numbers is of how many events of a kind the figures are, and how many more there
// were: those that merged with another act, also where that one gave the event its
// name, those that were noisy, and those that stalls of others make much of. Where the figures are of more acts
// than events, as in a storm, it says of how many.
func (a *Arm) numbers(kind string) Cell {
	fit, merged, noisy, acts, others := 0, 0, 0, 0, 0
	events := a.events()
	figures := own(slices.DeleteFunc(slices.Clone(events), func(e *event) bool { return e.kind != kind }))
	for _, e := range events {
		if e.kind != kind {
			if e.merged() {
				merged += e.further(kind)
			}
			continue
		}
		switch {
		case e.merged():
			merged += 1 + e.further(kind)
		case e.noisy():
			noisy++
			acts += e.acts()
		case e.ofOthers() && !slices.Contains(figures, e):
			others++
			acts += e.acts()
		default:
			fit++
			acts += e.acts()
		}
	}
	c := Cell{Values: []Value{}, N: fit + merged + noisy + others}
	if c.N == 0 {
		return c
	}
	add := func(class string, n int) { c.Values = append(c.Values, Value{Class: class, Value: float64(n)}) }
	add(Fit, fit)
	if acts > fit+noisy+others {
		add(Acts, acts)
	}
	if merged > 0 {
		add(Merged, merged)
	}
	if noisy > 0 {
		add(Noisy, noisy)
	}
	if others > 0 {
		add(OfOthers, others)
	}
	return c
}

// Classes of the numbers of events: those that the figures are of, their acts,
// and those that are left out.
const (
	Fit      = "fit"
	Acts     = "acts"
	Merged   = "merged"
	Noisy    = "noisy"
	OfOthers = "of others"
)

// overEvents are statistics of a metric over the events whose times count. Of a
// single event there is just the figure.
func overEvents(metric string, stats ...string) func([]*event) Cell {
	return func(events []*event) Cell {
		var vs []float64
		for _, e := range own(events) {
			if v, ok := e.value(metric); ok {
				vs = append(vs, v)
			}
		}
		c := Cell{Values: []Value{}, N: len(vs)}
		for i, stat := range stats {
			if len(vs) > min(i, 1) {
				c.Values = append(c.Values, Value{Stat: stat, Value: statOf(stat, vs)})
			}
		}
		return c
	}
}

func statOf(stat string, vs []float64) float64 {
	switch stat {
	case "p50":
		return median(vs)
	case "max":
		return slices.Max(vs)
	default: // mean
		sum := 0.0
		for _, v := range vs {
			sum += v
		}
		return sum / float64(len(vs))
	}
}

// total sums a count over all events, noisy and merged ones too.
func total(metric, class string) func([]*event) Cell {
	return func(events []*event) Cell {
		sum, known := 0.0, false
		for _, e := range events {
			for _, r := range e.rows {
				known = known || r.Metric == metric
				if r.Metric == metric && r.Class == class {
					sum += r.Value
				}
			}
		}
		c := Cell{Values: []Value{}, N: len(events)}
		if known {
			c.Values = append(c.Values, Value{Stat: "sum", Class: class, Value: sum})
		}
		return c
	}
}

// duplicateCauses are the causes that any arm had in events of a kind.
func duplicateCauses(arms []Arm, kind string) []string {
	seen := map[string]bool{}
	for i := range arms {
		for _, e := range arms[i].ofKind(kind) {
			for _, r := range e.rows {
				if r.Metric == results.PauseDuplicates && r.Class != "" && r.Value > 0 {
					seen[r.Class] = true
				}
			}
		}
	}
	return sortedKeys(seen)
}
