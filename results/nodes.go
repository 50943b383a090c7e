package results

import (
	"math"
	"slices"

	"github.com/kbench/kbench/workloads"
)

// BrokerAct is what an act did to nodes of the broker, in the order in which it was done.
type BrokerAct struct {
	Fault string      `json:"fault"` // workloads.KillNode and so on
	Node  string      `json:"node"`  // which was meant: a word, or its id
	Nodes []NodeFault `json:"nodes"`

	// Of answers and delays: which requests, with which error, by how much later.
	Request string `json:"request,omitempty"`
	Error   string `json:"error,omitempty"`
	Delay   int64  `json:"delay,omitempty"`
}

// NodeFault is what was done to one node, and when. Times that are 0 did not come.
type NodeFault struct {
	Node int32 `json:"node"`
	At   int64 `json:"at"`             // the signal
	Done int64 `json:"done,omitempty"` // it had ended, or stood still; or what it led was another's
	Back int64 `json:"back,omitempty"` // it was started again, or went on
	// Whole is when the cluster was whole again: the node had been seen to answer, and
	// all replicas of the trial's topics to be in step.
	Whole int64 `json:"whole,omitempty"`
	// Requests are those that were answered with the error, or later.
	Requests int64 `json:"requests,omitempty"`
}

// Name is what is done to which node, such as kill coordinator, or to which requests, such as
// answer Heartbeat NOT_COORDINATOR.
func (b *BrokerAct) Name() string {
	switch b.Fault {
	case workloads.AnswerNode:
		return b.Fault + " " + b.Request + " " + b.Error
	case workloads.DelayNode:
		return b.Fault + " " + b.Request
	default:
		return b.Fault + " " + b.Node
	}
}

// Answers says whether the node is there, and answers otherwise than it should.
func (b *BrokerAct) Answers() bool {
	return b.Fault == workloads.AnswerNode || b.Fault == workloads.DelayNode
}

// Lies says whether the node answers requests with an error that is not true.
func (b *BrokerAct) Lies() bool { return b.Fault == workloads.AnswerNode }

// OfGroup says whether the requests are about a group, which its coordinator answers.
func (b *BrokerAct) OfGroup() bool {
	return b.Answers() && !slices.Contains([]string{"Produce", "Fetch", "OffsetForLeaderEpoch"}, b.Request)
}

// Withholds says whether it keeps from members what they have to deliver: the node is
// away, or does not answer as it should what they read with.
func (b *BrokerAct) Withholds() bool {
	if b.Answers() {
		return slices.Contains([]string{"Fetch", "OffsetFetch", "OffsetForLeaderEpoch"}, b.Request)
	}
	return b.Fault != workloads.MoveNode
}

// Away is when the node was surely not there, the end of time where it did not come back.
// One that is to end in good order hands over first.
func (b *BrokerAct) Away(f *NodeFault) (Interval, bool) {
	from := f.At
	switch b.Fault {
	case workloads.MoveNode, workloads.AnswerNode, workloads.DelayNode:
		return Interval{}, false
	case workloads.RestartNode:
		if from = f.Done; from == 0 {
			return Interval{}, false
		}
	}
	away := Interval{From: from, To: f.Back}
	if f.Back == 0 {
		away.To = math.MaxInt64
	}
	return away, true
}
