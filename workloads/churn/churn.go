// Package churn turns the timeline of a workload into the acts that change the
// group: who joins, leaves, crashes, stalls or is restarted, in which order and
// when. It is pure: the same workload and seed give the same acts. It starts and
// signals nothing; that is the supervisor's part.
//
// The order of the acts is fixed here, and with it who is the target of each:
// the membership of the group is followed act by act. Acts that wait for a
// stable group and acts at an offset are merged by the estimated course of the
// trial, that of the slowest arm, so that all arms of a round get one order.
// Where the real course differs the order stays, and an act whose time has passed
// when its turn comes is done at once.
package churn

import (
	"maps"
	"slices"
	"time"

	"github.com/kbench/kbench/workloads"
	"github.com/kbench/kbench/workloads/acts"
)

// When says what an act waits for once its predecessor has been done.
type When string

// What an act may wait for.
const (
	At     When = "at"     // its offset; done at once where that has passed
	Stable When = "stable" // a group that has been stable for twice the heartbeat
)

// Nobody stands for a member where an act is not about one.
const Nobody = -1

// Act is one act of the timeline. Members are numbered: the first ones from 0
// on, and each process that starts later has the next number, so that a number
// never means two processes.
type Act struct {
	N       int       // from 1, in the order in which acts are done
	Kind    acts.Kind // what is done; never a sequence
	Counted bool      // an event with figures; false: it only restores the group
	Of      string    // what the document asked for, such as join, rolling or storm

	When When
	// At is the offset from the start of the measured part; of an act that waits
	// for a stable group it is an estimate, for the slowest arm.
	At time.Duration

	// Phase is the fraction of the heartbeat interval after a beat of PhaseOf at
	// which the act is done, or -1 for as soon as it is due.
	Phase   float64
	PhaseOf int // the member that is acted on; of a join the one longest in the group

	Member    int            // joins, leaves, crashes, stalls, is restarted or reopened
	NewMember int            // the process that takes the place of Member: Restart, AssignorStep
	SameID    bool           // NewMember has the identity (group.instance.id) of Member
	Kill      bool           // Restart: Member is killed and not closed
	With      map[string]any // settings of Member, or of NewMember if there is one, from its start on
	For       time.Duration  // Stall, Link, Broker
	Count     int            // AddPartitions
	To        []string       // AssignorStep
	Link      workloads.Link // Link: what it is meanwhile, of Member or, where that is Nobody, of all who are in the group
	Fault     string         // Broker: what is done, after For undone
	Node      string         // Broker: to which node, as the document has it
	Pick      uint64         // Broker: which one, where several are meant
	Request   string         // Broker: of answers and delays, which requests
	Error     string         // with which error
	Delay     time.Duration  // by how much later
}

// Title is what is done, in words: an act on a node of the broker is called by its fault
// and the node that is meant, or by what it does to requests.
func (a Act) Title() string {
	switch a.Fault {
	case "":
	case workloads.AnswerNode:
		return a.Fault + " " + a.Request + " " + a.Error
	case workloads.DelayNode:
		return a.Fault + " " + a.Request
	default:
		return a.Fault + " " + a.Node
	}
	return string(a.Kind)
}

// Started is the process that the act starts, or Nobody.
func (a Act) Started() int {
	if d := acts.Of(a.Kind); d.Joins && !d.Within {
		return a.configured()
	}
	return Nobody
}

// Brings is how many partitions the act brings: a topic that members subscribe to
// is as large as the first.
func (a Act) Brings(s *workloads.Spec) int {
	if d := acts.Of(a.Kind); d.Grows && !d.Refresh {
		return s.Topic.Partitions
	}
	return a.Count
}

// configured is the process that With is for.
func (a Act) configured() int {
	if a.NewMember != Nobody {
		return a.NewMember
	}
	return a.Member
}

// Settings are the settings in which members differ from the workload, by
// number. A member must be started with them even where the act that names
// them comes later: a crash with a short session needs a victim that had it
// all along.
func Settings(acts []Act) map[int]map[string]any {
	all := map[int]map[string]any{}
	for _, a := range acts {
		m := a.configured()
		if len(a.With) > 0 && all[m] == nil {
			all[m] = map[string]any{}
		}
		maps.Copy(all[m], a.With)
	}
	return all
}

// Length estimates how long the acts take, from the start of the measured part
// until the group has been stable for twice the heartbeat after the last one.
func Length(s *workloads.Spec, acts []Act) time.Duration {
	var end time.Duration
	for _, a := range acts {
		end = max(end, a.At+recovery(s, a))
	}
	return end
}

// protocol is what a rebalance takes beside waiting for heartbeats: start of a
// process, requests, the first records: on the slow side.
const protocol = 500 * time.Millisecond

// recovery estimates the time from an act until the group has been stable for
// twice the heartbeat, on average.
func recovery(s *workloads.Spec, a Act) time.Duration {
	h, session := s.Group.Heartbeat, sessionOf(s, a)
	// A join or leave is seen by the others at their next beats.
	detect := h / 2
	switch d := acts.Of(a.Kind); {
	case d.Node:
		detect = workloads.NodesAway(a.Fault, a.Node, a.For)
	case d.Lasts():
		detect = a.For
		if a.For >= session {
			detect += h // evicted, it joins anew
		}
	case d.Ends && d.Joins && a.SameID:
	case d.Ends && (d.Abrupt || a.Kill):
		// The last beat was up to one interval before the act, and the others learn
		// of the eviction up to one after it, so that the two cancel on average.
		detect = session
	case d.Ends && d.Joins:
		detect = h // one leaves, one joins
	case d.Ends && s.Group.Static:
		detect = session // a static member does not say goodbye
	case d.Refresh:
		detect += s.Metadata.Refresh // the clients look for themselves
	}
	if slices.Contains(s.Group.Assignors, "cooperative-sticky") {
		detect += h // its second round
	}
	if a.Phase >= 0 {
		detect += h / 2 // until the phase is reached, on average
	}
	return detect + protocol + 2*h
}
