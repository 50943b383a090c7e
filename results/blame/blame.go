// Package blame finds whose stall it was when a partition was silent or a record
// late: from signs of life of all that is not the client under test it makes
// stalls, and says how much of a stretch of time they explain. What nobody else
// explains is the client's. MEASURING 8 has the rules.
//
//	signs -> Find -> stalls -> Of a place (its leader, its producer, its owner) -> Explain a stretch
//
// It is pure, knows no files and no windows, and judges no client: package evidence
// fills in the signs, package window asks about gaps and summary about latencies.
package blame

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/kbench/kbench/results"
)

// Source is what stood still.
type Source string

// The sources, in the order in which they are heard: time that two of them cover
// counts for the first.
const (
	SourceFloor      Source = "floor"      // what settings of the group made a partition wait; no sign tells of it
	SourceInjected   Source = "injected"   // an act or a fault
	SourceProcess    Source = "process"    // it was suspended
	SourceMachine    Source = "machine"    // others than kbench had the processors
	SourceBroker     Source = "broker"     // it did not answer
	SourceGenerator  Source = "generator"  // it did not hand over what was due
	SourceContention Source = "contention" // our own broker, reference or observer had the processors: it excuses nobody
)

func sources() []Source {
	return []Source{SourceFloor, SourceInjected, SourceProcess, SourceMachine, SourceBroker, SourceGenerator, SourceContention}
}

// Threshold is by how much a sign must be later than it usually is to tell of a
// stall, and the least time of others in a figure that is worth a mark.
const Threshold = int64(10e6)

// Stall is a stretch in which a source stood still: surely in Certain, and perhaps
// in all of Possible, which contains it.
type Stall struct {
	Source            Source
	Who               string // worker or supervisor; host of a machine; broker-N of a node
	Node              int32  // of a broker, else -1
	Certain, Possible results.Interval
	// Group says that it was heard of the group alone, which the node coordinates:
	// what it leads is another matter.
	Group bool
	// Unserved is what no node served because of what was done to one of them.
	Unserved Unserved
	// Excuses is false for the client's own process, which was suspended, and for
	// contention: they are said, and the time stays the client's.
	Excuses bool
}

// Place is what one partition depends on. What is not known, or does not matter, is left
// out: a node of -1, a worker without a name.
type Place struct {
	Partition   int32
	Leader      int32
	Coordinator int32    // where what the group does matters
	Workers     []string // its producers and owners
	Hosts       []string // of those

	// Leaders and Coordinators are known where nodes were ended or moved on purpose: all
	// that were that in the stretch, in place of the one that was so at the beginning.
	Leaders, Coordinators []int32
}

func (p *Place) ledBy(node int32) bool {
	if len(p.Leaders) > 0 {
		return slices.Contains(p.Leaders, node)
	}
	return node == p.Leader
}

func (p *Place) coordinatedBy(node int32) bool {
	if len(p.Coordinators) > 0 {
		return slices.Contains(p.Coordinators, node)
	}
	return node == p.Coordinator
}

// has says whether a stall concerns the place.
func (p *Place) has(s *Stall) bool {
	switch {
	case s.Unserved.Group:
		return p.Coordinator >= 0
	case s.Unserved.Is:
		return s.Unserved.Partition == p.Partition
	case s.Node >= 0 && s.Source == SourceInjected && s.Who != "" && !slices.Contains(p.Workers, s.Who):
		return false
	case s.Node >= 0:
		return p.coordinatedBy(s.Node) || p.ledBy(s.Node) && !s.Group
	case s.Source == SourceMachine || s.Source == SourceContention:
		return slices.Contains(p.Hosts, s.Who)
	}
	return slices.Contains(p.Workers, s.Who)
}

// Of are the stalls that concern a place in a stretch of time.
func Of(stalls []Stall, p Place, within results.Interval) []Stall {
	var out []Stall
	for i := range stalls { // nearly all are elsewhere, in an hour on a busy machine
		if s := &stalls[i]; s.Possible.To > within.From && s.Possible.From < within.To && p.has(s) {
			out = append(out, *s)
		}
	}
	return out
}

// Bounds are the least and the most that a time may be, ns.
type Bounds struct{ Least, Most int64 }

// Share is what one source has of a stretch: at least what is certain of it, and at
// most all that is possible, but in neither what those before it surely have. The least
// of all shares add up to what is surely explained; the most need not, since two may
// have the same time.
type Share struct {
	Source  Source
	Who     string
	Excuses bool
	Bounds
}

// Name is the source and who it was.
func (s Share) Name() string {
	if s.Who == "" {
		return string(s.Source)
	}
	return fmt.Sprintf("%s %s", s.Source, s.Who)
}

// Explain takes out of disjoint stretches what stalls cover, and returns what is
// left and who had the rest, in the order of sources. What excuses nobody has a
// share and takes nothing away.
func Explain(stretches []results.Interval, stalls []Stall) (unexplained Bounds, by []Share) {
	type key struct {
		who     string
		excuses bool
	}
	sure, perhaps := stretches, stretches // what is left when only the certain is taken, and when all that is possible
	for _, source := range sources() {
		of := map[key][2][]results.Interval{}
		var order []key
		for _, s := range stalls {
			k := key{s.Who, s.Excuses}
			if s.Source != source {
				continue
			}
			both, known := of[k]
			if !known {
				order = append(order, k)
			}
			both[0], both[1] = append(both[0], s.Certain), append(both[1], s.Possible)
			of[k] = both
		}
		slices.SortStableFunc(order, func(a, b key) int { // what excuses comes first: it takes away
			if a.excuses == b.excuses {
				return 0
			} else if a.excuses {
				return -1
			}
			return 1
		})
		for _, k := range order {
			certain, possible := results.Union(of[k][0]), results.Union(of[k][1])
			share := Share{source, k.who, k.excuses, Bounds{
				results.TotalLength(results.Intersect(sure, certain)), results.TotalLength(results.Intersect(sure, possible))}}
			if share.Most > 0 {
				by = append(by, share)
			}
			if k.excuses {
				sure, perhaps = results.Without(sure, certain), results.Without(perhaps, possible)
			}
		}
	}
	return Bounds{results.TotalLength(perhaps), results.TotalLength(sure)}, by
}

// Excuses is what stalls that excuse the client cover, for who asks about many
// stretches and not who had them.
type Excuses struct{ certain, possible cover }

// NewExcuses takes in all such stalls.
func NewExcuses(stalls []Stall) *Excuses {
	var certain, possible []results.Interval
	for i := range stalls {
		if s := &stalls[i]; s.Excuses {
			certain, possible = append(certain, s.Certain), append(possible, s.Possible)
		}
	}
	return &Excuses{newCover(certain), newCover(possible)}
}

// Left is what Explain leaves of one stretch.
func (e *Excuses) Left(of results.Interval) Bounds {
	return Bounds{of.Length() - e.possible.within(of), of.Length() - e.certain.within(of)}
}

// cover is disjoint stretches in ascending order, and how long those before each are.
type cover struct {
	list   []results.Interval
	before []int64 // one more than the list has
}

func newCover(of []results.Interval) cover {
	c := cover{results.Union(of), []int64{0}}
	for i, one := range c.list {
		c.before = append(c.before, c.before[i]+one.Length())
	}
	return c
}

// within is how much of a stretch it covers.
func (c *cover) within(of results.Interval) int64 {
	if of.To <= of.From {
		return 0
	}
	return c.upTo(of.To) - c.upTo(of.From)
}

func (c *cover) upTo(t int64) int64 {
	i, _ := slices.BinarySearchFunc(c.list, t, func(i results.Interval, t int64) int { return cmp.Compare(i.To, t) })
	if i == len(c.list) {
		return c.before[i]
	}
	return c.before[i] + max(t-c.list[i].From, 0)
}

// Covered says whether stalls of others cover so much of a figure that it is not
// the client's: more than a tenth and more than the threshold. Of those that do it
// returns the one with most. Of an excess that is none nothing can be covered.
func Covered(figure int64, by []Share) (most Share, sum int64, covered bool) {
	for _, s := range by {
		if !s.Excuses || s.Source == SourceFloor || s.Source == SourceInjected { // what the workload asks for is no accident
			continue
		}
		if sum += s.Least; s.Least > most.Least {
			most = s
		}
	}
	return most, sum, figure > 0 && sum > Threshold && 10*sum > figure
}

// Kept is the most that a source has of a figure which it does not excuse, where that is
// as much as would make it another's: a client that was suspended, our own processes that
// had the processors. It stays the client's and must be said.
func Kept(figure int64, by []Share) (most Share, kept bool) {
	for _, s := range by {
		if !s.Excuses && s.Least > most.Least {
			most = s
		}
	}
	return most, figure > 0 && most.Least > Threshold && 10*most.Least > figure
}

// Kept says what a source did that excuses nobody.
func (s Share) Kept() string {
	if s.Source == SourceContention {
		return "kbench's own broker, reference or observer had the processors"
	}
	return s.Who + " was suspended"
}
