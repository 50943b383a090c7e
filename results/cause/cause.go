// Package cause finds why a consumer group rebalanced: a member joined, left or fell
// silent, and if so whether its process, its connections or its client were why; topics
// changed; the coordinator moved. It goes by what the taps of the members saw, by the signs
// of life of their processes and by what the coordinator told an observer, and by nothing
// else: it knows no acts and no faults that were injected, so that its answer can be held
// against them (Expected, and package verify).
//
//	rounds    the generations of a classic group, who was in each, and what was given to whom
//	reasons   what happened between two of them that makes a group rebalance
//	rejoined  why a member asked to join again although nobody had told it to
//	silent    why a member that said nothing any more was dropped
//	kip848    the same for groups of KIP-848, by their epochs
//	expected  what an act of the timeline ought to be named
//
// What happened first, and before any member knew of the rebalance, is its cause. Where
// the wire leaves that open the answer is likely or unknown, and says what was seen.
package cause

import (
	"cmp"
	"slices"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/group"
)

// Cause is why a group rebalanced.
type Cause string

// The causes. Network, Process and Client are evictions: a session ran out.
const (
	Join        Cause = "join"        // a member joined
	Leave       Cause = "leave"       // a member asked to leave
	Network     Cause = "network"     // a member ran and could not be reached, or its connection to the coordinator broke
	Process     Cause = "process"     // the process of a member was gone, stopped or starved
	Client      Cause = "client"      // a member ran, could be reached, and was silent all the same
	Metadata    Cause = "metadata"    // there are other partitions, or members asked for other topics
	Coordinator Cause = "coordinator" // the coordinator moved, or forgot the group
	Unknown     Cause = "unknown"
)

// Causes lists them in the order in which they are shown.
func Causes() []Cause {
	return []Cause{Join, Leave, Network, Process, Client, Metadata, Coordinator, Unknown}
}

// Sure is how certain a cause is.
type Sure string

// The degrees of certainty. Of an unknown cause it is Open.
const (
	Certain Sure = "certain" // the wire shows it, and nothing else that could be the cause
	Likely  Sure = "likely"
	Open    Sure = "unknown"
)

// Rebalance is one rebalance of the group, with all its rounds. Times are ns of the
// clock of the trial. It stands in rebalances.json as it is.
type Rebalance struct {
	Reason
	Known      int64    `json:"known"`          // the first sign that a member knew of it
	Over       int64    `json:"over,omitempty"` // the last member had its assignment; 0: none got one
	Generation int32    `json:"generation"`     // the last of it; under KIP-848 the epoch
	Rounds     int      `json:"rounds"`
	Also       []Reason `json:"also,omitempty"` // what else happened before it was complete
}

// Reason is something that makes a group rebalance, and the evidence of it in words.
type Reason struct {
	At     int64  `json:"at"` // when it happened, as near as is known
	Cause  Cause  `json:"cause"`
	Sure   Sure   `json:"sure"`
	Worker string `json:"worker,omitempty"` // whose doing
	Why    string `json:"why"`
	// Evicted says that it is a session that ran out.
	Evicted bool `json:"evicted,omitempty"`

	// first and last bound when it happened, where At alone does not: when a session ended
	// is known from and to, a request is dealt with before its answer comes.
	first, last int64

	soft   bool // it counts only where there is no other
	follow bool // it goes on with the rebalance before it
}

// Input is what a cause is found in.
type Input struct {
	Session   int64 // ns, of members that ask for none of their own
	Members   []Member
	Strangers []Stranger
	Views     []View // of the coordinator, in the order of time
}

// Member is a process that was in the group.
type Member struct {
	Worker string
	Calls  []group.Call // in the order of their requests
	Life
	Wire
}

// between are the calls that were sent in a stretch of time, its ends included.
func (m *Member) between(from, to int64) []group.Call {
	sent := func(c group.Call, t int64) int { return cmp.Compare(c.Req, t) }
	i, _ := slices.BinarySearchFunc(m.Calls, from, sent)
	j, _ := slices.BinarySearchFunc(m.Calls, to+1, sent)
	return m.Calls[i:max(i, j)]
}

// Life is what the process of a member showed of itself.
type Life struct {
	Heard []results.Interval // its canary woke up, and wrote that down; nil: it had none
	Still []Still            // it did not run, in the order of time
	Gone  int64              // it was seen to have ended; 0: it was not
	End   string             // how
}

// Still is a stretch in which a thread that only sleeps did not wake up. CPU is what the
// process used meanwhile: next to nothing where it was stopped.
type Still struct {
	results.Interval
	CPU int64
}

// Wire is what the tap of a member saw beside the calls.
type Wire struct {
	Waiting   []Waiting
	Hangups   []Hangup
	Undialled []results.Interval // in which dials failed
	Topics    []Topic
}

// Waiting is a stretch in which nothing came back on a connection although something was
// asked, or a dial did not come through.
type Waiting struct {
	results.Interval
	Node string
	API  int16 // of the oldest request; -1: of a dial
}

// Hangup is that a connection was ended, and not by the client.
type Hangup struct {
	At   int64
	Node string
}

// Topic is that a member saw another number of partitions of a topic than before.
type Topic struct {
	At       int64
	Name     string
	Had, Has int // Had is 0 where it is the first number
}

// Stranger is a member that kbench did not start, and when the coordinator told of it.
type Stranger struct {
	Name        string
	First, Last int64
}

// View is who the members were, by the coordinator, asked at From and answered at To.
type View struct {
	results.Interval
	IDs []string
}

// slack is how much later than it was written a request may have been noted: the time of
// it is read after the write, and the coordinator can have acted by then. Hosts' clocks
// are brought together to less than that.
const slack = int64(500e6)

// finder has the input and what was found in it on the way.
type finder struct {
	Input
}

// Find finds the rebalances of a group and the cause of each, in the order of time.
func Find(in Input) []Rebalance {
	f := &finder{in}
	for i := range f.Members {
		for j := range f.Members[i].Calls {
			if f.Members[i].Calls[j].API == group.ConsumerGroupHeartbeat {
				return f.epochs()
			}
		}
	}
	return f.classic()
}

// contested says whether what another did, of another kind, can have come before a reason that
// At has first.
func (r *Reason) contested(others []Reason) bool {
	return slices.ContainsFunc(others, func(o Reason) bool {
		return !o.soft && o.Worker != r.Worker && o.Cause != r.Cause && cmp.Or(o.first, o.At) <= max(r.At, r.last)
	})
}

// named picks the cause of a rebalance from all that may be it: what happened first, and
// not after somebody knew. A reason that is soft stands behind all others.
func named(all []Reason, known int64) (cause Reason, also []Reason, found bool) {
	slices.SortStableFunc(all, func(a, b Reason) int { return cmp.Or(cmp.Compare(a.At, b.At), cmp.Compare(a.Worker, b.Worker)) })
	pick := -1
	for i, r := range all {
		if r.At <= known+slack && (pick < 0 || all[pick].soft && !r.soft) {
			pick = i
		}
	}
	for i, r := range all {
		if i != pick && !r.soft {
			also = append(also, r)
		}
	}
	if pick < 0 {
		return cause, also, false
	}
	cause = all[pick]
	if cause.At > known+slack/10 && cause.Sure == Certain {
		cause.Sure = Likely // it may have been noted so late, or something came before it that was not seen
	}
	if cause.Sure == Certain && cause.contested(also) {
		cause.Sure = Likely
	}
	if cause.Sure == Certain && slices.ContainsFunc(all[:pick], func(r Reason) bool { return r.soft && !r.follow }) {
		cause.Sure = Likely // somebody had asked to join again before, and it is not known why
	}
	return cause, also, true
}

// stranger is a member of somebody else that came in a stretch of time.
func (f *finder) stranger(from, to int64) (Reason, bool) {
	for _, s := range f.Strangers {
		if s.First >= from && s.First <= to {
			return Reason{At: s.First, Cause: Join, Sure: Likely, Worker: s.Name, Why: s.Name + ", which kbench did not start, was among the members from then on"}, true
		}
	}
	return Reason{}, false
}
