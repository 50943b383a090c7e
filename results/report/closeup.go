package report

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/evidence"
	"github.com/kbench/kbench/results/window"
)

// Closeup is one event of a run with all that is needed to draw it.
type Closeup struct {
	// N numbers the counted events of the run in the order in which they happened,
	// from 1. It is 0 for an event that only restores the group.
	N     int
	Trial *results.Trial
	Input *window.Input
	Event *window.Event
}

// Name is how the event is asked for: TRIAL.ACT, the act being the number in the
// event's name.
func (c *Closeup) Name() string { return fmt.Sprintf("%d.%d", c.Trial.Ref.N, c.Event.Acts[0].N) }

// is says whether the event is the one that was asked for. Any act that was
// merged into an event names it as well.
func (c *Closeup) is(name string) bool {
	if c.N > 0 && name == strconv.Itoa(c.N) {
		return true
	}
	return slices.ContainsFunc(c.Event.Acts, func(a results.Act) bool {
		return name == fmt.Sprintf("%d.%d", c.Trial.Ref.N, a.N)
	})
}

// Closeups finds the events of all trials that completed.
func Closeups(d *results.Dir, trials []*results.Trial) ([]Closeup, error) {
	var out []Closeup
	n := 0
	for _, t := range trials {
		if t.State != results.StateComplete || len(t.Acts) == 0 {
			continue
		}
		e, err := evidence.Load(d, t)
		if err != nil {
			return nil, fmt.Errorf("look at the events of trial %d: %w", t.Ref.N, err)
		}
		r := e.Windows()
		if err := errors.Join(e.Err(), e.Close()); err != nil {
			return nil, fmt.Errorf("look at the events of trial %d: %w", t.Ref.N, err)
		}
		for i := range r.Events {
			c := Closeup{Trial: t, Input: e.Input(), Event: &r.Events[i]}
			if c.Event.Counted {
				n++
				c.N = n
			}
			out = append(out, c)
		}
	}
	return out, nil
}

// FindCloseup is the event that a user means by n or TRIAL.ACT. Its error says
// what there is.
func FindCloseup(list []Closeup, name string) (*Closeup, error) {
	if len(list) == 0 {
		return nil, fmt.Errorf("event %s: the run has no completed trial in which members come and go", name)
	}
	for i := range list {
		if list[i].is(name) {
			return &list[i], nil
		}
	}
	last := 0
	for _, c := range list {
		last = max(last, c.N)
	}
	first, end := list[0].Name(), list[len(list)-1].Name()
	return nil, fmt.Errorf("event %s: the run has the counted events 1 to %d, and by trial and act %s to %s; \"--event list\" prints them", name, last, first, end)
}

// ListCloseups writes a line for each event: how it is asked for and what it was.
func ListCloseups(w io.Writer, list []Closeup, o Options) error {
	p := newPage(o)
	if len(list) == 0 {
		p.line("The run has no completed trial in which members come and go.")
		return p.writeTo(w)
	}
	event, arm := 10, len("arm")
	for _, c := range list {
		event, arm = max(event, len(c.Event.Name)), max(arm, len(c.Trial.Ref.Arm))
	}
	const row = "%4s  %-9s  %-*s  %-*s  %9s  %11s  "
	p.line("%s", p.bold(fmt.Sprintf(row, "n", "trial.act", event, "event", arm, "arm", "worst gap", "wire excess")+"slowest"))
	for i := range list {
		c := &list[i]
		n := "-"
		if c.N > 0 {
			n = strconv.Itoa(c.N)
		}
		gap, _ := worst(c.Event)
		excess := "-"
		if c.Event.Rebalanced {
			excess = window.Short(c.Event.WireExcess)
		}
		p.wrapped(fmt.Sprintf(row, n, c.Name(), event, c.Event.Name, arm, c.Trial.Ref.Arm, gap, excess), strings.Join(append(together(c.Event), results.Lines(c.Event.Words)...), "; "))
	}
	p.line("")
	p.wrapped("", "Events without n only restore the group and are in no figure; they can be drawn by trial and act.")
	return p.writeTo(w)
}

// together says with how many other acts an event shares its window.
func together(e *window.Event) []string {
	switch n := len(e.Acts) - 1; {
	case n == 0:
		return nil
	case n == 1:
		other := e.Acts[1]
		if e.Counted && !e.Acts[0].Counted {
			other = e.Acts[0]
		}
		return []string{"merged with " + window.Name(other)}
	default:
		return []string{fmt.Sprintf("merged with %d more acts", n)}
	}
}

// worst is the largest gap of an event and the partition that had it.
func worst(e *window.Event) (gap string, of *window.Partition) {
	for i := range e.Partitions {
		if p := &e.Partitions[i]; p.Records > 0 && (of == nil || p.Gap > of.Gap) {
			of = p
		}
	}
	if of == nil {
		return "-", nil
	}
	return window.Short(of.Gap), of
}
