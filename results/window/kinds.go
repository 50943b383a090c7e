package window

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/workloads"
	"github.com/kbench/kbench/workloads/acts"
)

// Name is how an act is called: its kind and its number.
func Name(act results.Act) string { return fmt.Sprintf("%s#%d", act.Kind, act.N) }

// kind is the kind of event that an act makes. Stops of different lengths are
// different things, so where a trial has several a stop is named by its own. Acts on nodes
// of the broker are named by what is done, and to which node, with their length where a
// trial has several of that name: a node that is back at once is not missed by the others.
func (a *seen) kind(act results.Act) string {
	if b := act.Broker; b != nil {
		if a.faultLengths[b.Name()] > 1 {
			return fmt.Sprintf("%s %s", b.Name(), time.Duration(faultLength(act)))
		}
		return b.Name()
	}
	if stops(act) && act.For != 0 && a.lengths > 1 {
		return fmt.Sprintf("%s %s", act.Kind, time.Duration(act.For))
	}
	return string(act.Kind)
}

func (a *seen) name(act results.Act) string { return fmt.Sprintf("%s#%d", a.kind(act), act.N) }

// called names an event by the acts in its window. The figures of a window with
// several are of all of them together, and of no kind: it is merged, be it only
// with an act that restores the group. But a storm is meant to be that, and what
// shares a window in it is an event of its own kind.
func (a *seen) called(e *Event) {
	first := a.first(e)
	e.Kind = a.kind(e.Acts[first])
	group, counted, done := e.Acts[first].Group, 0, 0
	for i, act := range e.Acts {
		if act.Refused() {
			continue
		}
		done++
		if !act.Counted {
			continue
		}
		counted++
		if act.Group != group {
			group = ""
		}
		if i != first {
			e.Further = append(e.Further, a.kind(act))
		}
	}
	e.Counted = e.Acts[first].Counted
	switch {
	case done < 2:
	case counted > 1 && group != "" && stormy(e.Acts[first]):
		e.Kind = group
	default:
		e.Merged = true
	}
	e.Name = fmt.Sprintf("%s#%d", e.Kind, e.Acts[first].N)
}

// first is the act that gives an event its name: the first that is counted.
func (a *seen) first(e *Event) int {
	return max(slices.IndexFunc(e.Acts, func(act results.Act) bool { return act.Counted }), 0)
}

// stallLengths are the acts with the lengths that stops were to have. A trial
// that did not record them has those of its workload, of which the nearest to
// what a stop became is taken.
func stallLengths(done []results.Act, churn []workloads.ChurnEntry) []results.Act {
	var lengths []int64
	for _, e := range churn {
		if slices.ContainsFunc(e.Acts(), func(a acts.Act) bool { return a.Stops }) {
			lengths = append(lengths, int64(e.For))
		}
	}
	out := slices.Clone(done)
	for i := range out {
		act := &out[i]
		if !stops(*act) || act.For != 0 || act.Resumed == 0 {
			continue
		}
		for _, l := range lengths {
			if act.For == 0 || off(l, act.Resumed-act.At) < off(act.For, act.Resumed-act.At) {
				act.For = l
			}
		}
	}
	return out
}

func off(a, b int64) int64 { return max(a-b, b-a) }

// lengthsOf counts the different lengths of stops.
func lengthsOf(acts []results.Act) int {
	seen := map[int64]bool{}
	for _, act := range acts {
		if stops(act) && act.For != 0 {
			seen[act.For] = true
		}
	}
	return len(seen)
}

// faultLength is for how long an act did something to a node, or by how much later it had
// that answer.
func faultLength(act results.Act) int64 { return cmp.Or(act.Broker.Delay, act.For) }

// faultLengthsOf counts the different lengths of what was done to nodes, by its name.
func faultLengthsOf(acts []results.Act) map[string]int {
	seen, out := map[string][]int64{}, map[string]int{}
	for _, act := range acts {
		if act.Broker == nil {
			continue
		}
		name := act.Broker.Name()
		if length := faultLength(act); !slices.Contains(seen[name], length) {
			seen[name] = append(seen[name], length)
			out[name]++
		}
	}
	return out
}
