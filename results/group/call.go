package group

import (
	"cmp"
	"slices"

	"github.com/kbench/kbench/results/record"
)

// Call is a request about the group and its response. Resp is 0 where no
// response was recorded.
type Call struct {
	API          int16
	Req, Resp    int64
	Err          int16
	Conn         int // that it went over, and the node at the other end
	Node         string
	ID, Instance string   // of the member
	Topics       []string // that a JoinGroup, or a beat of KIP-848, subscribes to
	Reason       string   // that a client gives for a JoinGroup or a LeaveGroup
	Session      int64    // ns, as a JoinGroup asks for it
	Generation   int32    // the request's; of a JoinGroup the response's
	Epoch        int32    // ConsumerGroupHeartbeat: the response's
	Protocol     string
	Asked, Given []int32 // partitions in the request and in the response
	// NoneAsked and NoneGiven say that there was a list, and none in it.
	NoneAsked, NoneGiven bool
	Commits              []Commit // that an OffsetCommit asks for
}

// Commit is the offset of one partition in an OffsetCommit.
type Commit struct {
	Partition int32
	Offset    int64
}

// OK says that the request was answered without an error.
func (c *Call) OK() bool { return c.Resp != 0 && c.Err == 0 }

// Lists says that the request of a beat of KIP-848 tells what its member has, and
// Assigns that the response tells what it is to have; without a list nothing has
// changed.
func (c *Call) Lists() bool   { return len(c.Asked) > 0 || c.NoneAsked }
func (c *Call) Assigns() bool { return len(c.Given) > 0 || c.NoneGiven }

// Beats says that the request is a heartbeat, of either kind of group.
func (c *Call) Beats() bool { return c.API == Heartbeat || c.API == ConsumerGroupHeartbeat }

// Tells says that the response told its member of a new state of the group.
func (c *Call) Tells() bool {
	if c.Resp == 0 || c.API != Heartbeat && c.API != OffsetCommit {
		return false
	}
	switch c.Err {
	case RebalanceInProgress, IllegalGeneration, UnknownMemberID, FencedInstanceID:
		return true
	}
	return false
}

// Rejected says that the coordinator no longer knew the member.
func (c *Call) Rejected() bool {
	switch c.Err {
	case UnknownMemberID, FencedInstanceID, FencedMemberEpoch:
		return c.Resp != 0
	}
	return false
}

// Renews says whether the coordinator renews the session of its member on the
// request, in a group of KIP-848 or another.
func (c *Call) Renews(kip bool) bool {
	if c.Rejected() || c.Err == IllegalGeneration || c.Err == StaleMemberEpoch || c.Err == MemberIDRequired {
		return false
	}
	if kip {
		return c.API == ConsumerGroupHeartbeat
	}
	return c.API == Heartbeat || c.API == OffsetCommit || c.API == JoinGroup || c.API == SyncGroup
}

// Leaves says that the request takes its member out of the group.
func (c *Call) Leaves() bool {
	return c.API == LeaveGroup || c.API == ConsumerGroupHeartbeat && c.Generation == leaveEpoch
}

// GoesAway says that the request is the last of its member, which has nothing any
// more: it leaves, or it is a static one that will be back.
func (c *Call) GoesAway() bool {
	return c.API == LeaveGroup || c.API == ConsumerGroupHeartbeat && c.Generation < joinEpoch
}

// Enters says that the request asks for its member to be put into the group.
func (c *Call) Enters() bool {
	return c.API == JoinGroup || c.API == ConsumerGroupHeartbeat && c.Generation == joinEpoch
}

// Joins says that the request put its member into the group. One that was
// answered with a member id to come back with, or with an error, did not.
func (c *Call) Joins() bool { return c.Enters() && (c.Resp == 0 || c.Err == 0) }

// Synced says that the response gave its member an assignment in a generation.
func (c *Call) Synced() bool { return c.API == SyncGroup && c.OK() }

// Pair puts responses to their requests, in the order of the latter. Correlation
// ids count up on each connection, so the two name a request. Requests that name
// another group are left out, unless none is given.
func Pair(events []record.Event, group string) []Call {
	type key struct {
		conn int
		corr int32
	}
	var calls []Call
	open := map[key]int{}
	for _, e := range events {
		k := key{e.Conn, e.Corr}
		switch e.K {
		case record.EvRequest:
			if e.Group != "" && group != "" && e.Group != group {
				continue
			}
			open[k] = len(calls)
			calls = append(calls, Call{
				API: e.API, Req: e.T, Conn: e.Conn, Node: e.Node, Topics: e.Topics, Reason: e.Reason, ID: e.Member, Instance: e.Instance, Session: int64(e.SessionMs) * 1e6,
				Generation: e.Generation, Protocol: e.Protocol, Asked: numbers(e), NoneAsked: e.Empty, Commits: commits(e),
			})
		case record.EvResponse:
			i, ok := open[k]
			if !ok || calls[i].API != e.API {
				continue
			}
			delete(open, k)
			calls[i].answer(e)
		}
	}
	slices.SortStableFunc(calls, func(a, b Call) int { return cmp.Compare(a.Req, b.Req) })
	return calls
}

// answer fills in the response.
func (c *Call) answer(e record.Event) {
	c.Resp, c.Err, c.Epoch, c.Given, c.NoneGiven = e.T, e.Err, e.Generation, numbers(e), e.Empty
	c.ID, c.Protocol = cmp.Or(e.Member, c.ID), cmp.Or(e.Protocol, c.Protocol)
	if c.API == JoinGroup {
		c.Generation = e.Generation
	}
}

// answered are the calls that have a response, in the order of the responses.
func answered(calls []Call) []*Call {
	var out []*Call
	for i := range calls {
		if calls[i].Resp != 0 {
			out = append(out, &calls[i])
		}
	}
	slices.SortStableFunc(out, func(a, b *Call) int { return cmp.Compare(a.Resp, b.Resp) })
	return out
}

// numbers are the partitions of an event, by their numbers in the trial: who
// loaded the events has put them there.
func numbers(e record.Event) []int32 {
	var out []int32
	for _, p := range e.Parts {
		if p.Partition >= 0 {
			out = append(out, p.Partition)
		}
	}
	slices.Sort(out)
	return out
}

// commits are the offsets that a request asks to commit, of partitions that the
// trial knows.
func commits(e record.Event) []Commit {
	var out []Commit
	for i, p := range e.Parts {
		if i < len(e.Offsets) && e.Offsets[i] >= 0 && p.Partition >= 0 {
			out = append(out, Commit{p.Partition, e.Offsets[i]})
		}
	}
	return out
}
