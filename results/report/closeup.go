package report

import (
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/cause"
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
	// Causes are the rebalances that became known in its window, and why they came about.
	Causes []cause.Rebalance
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

// Closeups finds the events of all trials that completed. Its error says of which
// they cannot be found.
func Closeups(d *results.Dir, trials []*results.Trial) ([]Closeup, error) {
	var out []Closeup
	var wrong []error
	n := 0
	for _, t := range trials {
		if t.Damage != nil {
			wrong = append(wrong, fmt.Errorf("the events of trial %d are not known: %w", t.Ref.N, t.Damage))
			continue
		}
		if t.State != results.StateComplete || len(t.Acts) == 0 {
			continue
		}
		e, err := evidence.Load(d, t)
		if err != nil {
			wrong = append(wrong, fmt.Errorf("the events of trial %d are not known: %w", t.Ref.N, err))
			continue
		}
		r := e.Windows()
		if err := errors.Join(e.Err(), e.Close()); err != nil {
			wrong = append(wrong, fmt.Errorf("the events of trial %d are not known: %w", t.Ref.N, err))
			continue
		}
		for i := range r.Events {
			c := Closeup{Trial: t, Input: e.Input(), Event: &r.Events[i]}
			for _, b := range e.Causes() {
				if c.Event.Window.Contains(b.Known) {
					c.Causes = append(c.Causes, b)
				}
			}
			if c.Event.Counted {
				n++
				c.N = n
			}
			out = append(out, c)
		}
	}
	return out, errors.Join(wrong...)
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

// Worst is the partition with the largest gap, nil where none is known.
func (c *Closeup) Worst() *window.Partition {
	var of *window.Partition
	for i := range c.Event.Partitions {
		if p := &c.Event.Partitions[i]; p.Records > 0 && (of == nil || p.Gap > of.Gap) {
			of = p
		}
	}
	return of
}

// Together are the other acts that share the window of the event.
func (c *Closeup) Together() []results.Act {
	acts := c.Event.Acts
	if len(acts) == 2 && c.Event.Counted && !acts[0].Counted {
		return acts[:1]
	}
	return acts[1:]
}
