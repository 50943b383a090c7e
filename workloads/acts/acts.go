// Package acts describes the acts of churn, each in one place: what it is called,
// which fields an entry that asks for it may have, what it does to the members of
// the group, and how its events are counted. The parser, the schema, the timeline
// (workloads/churn), the conductor, the window analysis, the audit and the report
// go by what stands here; none of them lists acts of its own. What an act needs of
// the machinery is elsewhere: the signal it sends in internal/conduct, the acts that
// a sequence comes to in workloads/churn.
package acts

import (
	"slices"
	"strings"
	"time"
)

// Kind is an act by its name, as documents and trial.json have it.
type Kind string

// The acts of one member, those of the whole group, and the sequences of acts that
// a document may ask for.
const (
	Join    Kind = "join"    // a process that stands ready joins
	Leave   Kind = "leave"   // SIGTERM: the member closes gracefully
	Crash   Kind = "crash"   // SIGKILL
	Stall   Kind = "stall"   // SIGSTOP, and SIGCONT after a time
	Restart Kind = "restart" // the member ends and another process starts in its place
	Reopen  Kind = "reopen"  // the member closes its client and opens a new one, in the process that it has
	Link    Kind = "link"    // what the network does to the connections of a member is otherwise for a time

	Broker Kind = "broker" // a node of the broker is ended or stopped and comes back, or gives up what it leads

	AddPartitions Kind = "add-partitions" // the topic grows
	Subscribe     Kind = "subscribe"      // every member subscribes to one topic more

	Rolling      Kind = "rolling"       // every member is restarted, one after the other
	Crashloop    Kind = "crashloop"     // a member is killed and replaced again and again
	Storm        Kind = "storm"         // joins, leaves and crashes at random instants
	AssignorRoll Kind = "assignor-roll" // the group changes its assignors by two rolling restarts

	AssignorStep Kind = "assignor-step" // a restart of an assignor-roll; no document asks for it
)

// Act is what all who deal with an act need to know of it.
type Act struct {
	Kind Kind

	// Fields of an entry of churn beside do, at and when, with blanks between. An
	// entry that has another one asks for something that would be ignored.
	Fields string
	Single bool          // of one member: a cycle is made of such acts
	Roll   bool          // a sequence of acts, every so long or when the group is stable
	Storm  bool          // a sequence that takes its course in time: its acts come before the group has settled, and share windows
	Every  time.Duration // unless an entry says how long is between its acts

	// What it does to the group. What both ends one process and has another join
	// puts that one in the place of the first, and Within does so with the clients of
	// one process.
	Joins   bool   // a process joins
	Ends    bool   // the process of a member ends
	Within  bool   // no process ends or starts: its client does
	Abrupt  bool   // and is killed: it says no goodbye
	Stops   bool   // a member is stopped and goes on later
	Link    bool   // its link is worse, or broken
	Node    bool   // it is done to a node of the broker, and to no member
	Grows   bool   // there are more partitions
	Refresh bool   // which a member finds when it next looks at the metadata
	Needs   string // setting that a client must have for it, by its key
}

var table = []Act{
	{Kind: Join, Fields: "every times phase with restore", Single: true, Joins: true},
	{Kind: Leave, Fields: "every times phase target with restore", Single: true, Ends: true},
	{Kind: Crash, Fields: "every times phase target with restore", Single: true, Ends: true, Abrupt: true},
	{Kind: Stall, Fields: "every times phase target with for", Single: true, Stops: true},
	{Kind: Restart, Fields: "every times phase target with id", Single: true, Ends: true, Joins: true},
	{Kind: Reopen, Fields: "every times phase target", Single: true, Ends: true, Joins: true, Within: true},
	{Kind: Link, Fields: "every times phase target with for", Single: true, Link: true},
	{Kind: Broker, Fields: "every times phase fault node for request error delay", Node: true},
	{Kind: Rolling, Fields: "every times phase with", Roll: true},
	{Kind: Crashloop, Fields: "every target with for", Storm: true, Every: 5 * time.Second},
	{Kind: Storm, Fields: "restore for rate", Storm: true},
	{Kind: AddPartitions, Fields: "every times count", Grows: true, Refresh: true, Needs: "metadata.refresh"},
	{Kind: Subscribe, Fields: "every times", Grows: true, Needs: "group.subscribe"},
	{Kind: AssignorRoll, Fields: "every phase to", Roll: true},
	{Kind: AssignorStep, Ends: true, Joins: true},
}

// Of is the description of an act; of one that there is not it is that of an act
// which does nothing.
func Of(k Kind) Act {
	for i := range table {
		if table[i].Kind == k {
			return table[i]
		}
	}
	return Act{Kind: k}
}

// Leaves says whether the member goes by itself: the way out is its client's own.
func (a Act) Leaves() bool { return a.Ends && !a.Abrupt && !a.Joins }

// Lasts says whether it takes its time, and is over when that is.
func (a Act) Lasts() bool { return a.Stops || a.Link || a.Node }

// Has says whether an entry that asks for the act may have a field.
func (a Act) Has(field string) bool { return slices.Contains(strings.Fields(a.Fields), field) }

// Names are the acts that a document may ask for, in the order in which they are
// listed: of them all those of one member come first.
func Names() []string {
	return names(func(a Act) bool { return a.Fields != "" })
}

// Singles are the acts of one member.
func Singles() []string {
	return names(func(a Act) bool { return a.Single })
}

// With are the acts that have a field.
func With(field string) []string {
	return names(func(a Act) bool { return a.Has(field) })
}

func names(which func(Act) bool) []string {
	var out []string
	for _, a := range table {
		if which(a) {
			out = append(out, string(a.Kind))
		}
	}
	return out
}
