package workloads

import (
	"slices"
	"time"

	"github.com/kbench/kbench/workloads/acts"
	"github.com/kbench/kbench/workloads/reader"
)

// The faults of a node of the broker: what an act does to it.
const (
	KillNode    = "kill"
	StopNode    = "stop"
	RestartNode = "restart"
	MoveNode    = "move"   // no fault of the node: what it leads or coordinates is another's
	AnswerNode  = "answer" // requests are answered with an error
	DelayNode   = "delay"  // requests are answered later
)

// answered are the requests that can be answered with an error, or later, each with the
// errors that Apache Kafka answers it with: what members and producers ask and whoever
// looks on need not. No client was written for others.
func answered() []replies {
	coordinator := []string{"NOT_COORDINATOR", "COORDINATOR_NOT_AVAILABLE", "COORDINATOR_LOAD_IN_PROGRESS"}
	generation := []string{"ILLEGAL_GENERATION", "UNKNOWN_MEMBER_ID", "REBALANCE_IN_PROGRESS"}
	leader := []string{"NOT_LEADER_OR_FOLLOWER", "UNKNOWN_TOPIC_OR_PARTITION"}
	epoch := append([]string{"FENCED_LEADER_EPOCH", "UNKNOWN_LEADER_EPOCH"}, leader...)
	return []replies{
		{"Produce", append([]string{"NOT_ENOUGH_REPLICAS", "NOT_ENOUGH_REPLICAS_AFTER_APPEND", "REQUEST_TIMED_OUT"}, leader...)},
		{"Fetch", append([]string{"OFFSET_OUT_OF_RANGE"}, epoch...)},
		{"OffsetCommit", slices.Concat(coordinator, generation, []string{"UNKNOWN_TOPIC_OR_PARTITION", "REQUEST_TIMED_OUT", "STALE_MEMBER_EPOCH"})},
		{"OffsetFetch", append([]string{"UNKNOWN_TOPIC_OR_PARTITION", "UNKNOWN_MEMBER_ID", "STALE_MEMBER_EPOCH"}, coordinator...)},
		{"JoinGroup", append([]string{"UNKNOWN_MEMBER_ID"}, coordinator...)},
		{"SyncGroup", slices.Concat(coordinator, generation)},
		{"Heartbeat", append([]string{"NOT_COORDINATOR", "COORDINATOR_NOT_AVAILABLE"}, generation...)}, // while it loads, a beat is good
		{"LeaveGroup", append([]string{"UNKNOWN_MEMBER_ID"}, coordinator...)},
		{"OffsetForLeaderEpoch", epoch},
		{"ConsumerGroupHeartbeat", append([]string{"UNKNOWN_MEMBER_ID", "FENCED_MEMBER_EPOCH"}, coordinator...)},
	}
}

// replies are the errors that a request can be answered with, beside unforeseen.
type replies struct {
	request string
	errors  []string
}

// unforeseen is what every request can be answered with.
const unforeseen = "UNKNOWN_SERVER_ERROR"

func requests() (out []string) {
	for _, a := range answered() {
		out = append(out, a.request)
	}
	return out
}

// errorNames are the errors of all of them.
func errorNames() []string {
	out := []string{unforeseen}
	for _, a := range answered() {
		out = append(out, a.errors...)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// errorsOf are those of one.
func errorsOf(request string) []string {
	for _, r := range answered() {
		if r.request == request {
			return append(r.errors, unforeseen)
		}
	}
	return []string{unforeseen}
}

// The words for nodes of acts on the broker, beside those of link.node.
const (
	LeaderNode     = "leader"     // of the first partition that the coordinator does not lead
	FollowerNode   = "follower"   // of the first partition
	ControllerNode = "controller" // of the cluster
	AllNodes       = "all"        // one after the other
)

// NodeReturn is what it takes a node that was ended to start and to be in step with the
// others again, roughly: Apache Kafka's on two busy cores.
const NodeReturn = 12 * time.Second

// usualNodes is how many nodes a cluster is taken to have where it is not known yet.
const usualNodes = 3

// BrokerActs reports whether an act of the timeline is done to a node of the broker.
func (s *Spec) BrokerActs() bool {
	return slices.ContainsFunc(s.Acts(), func(a acts.Act) bool { return a.Node })
}

// NodesAway estimates for how long an act on the broker has a node away, or nodes one
// after the other, until the cluster is whole again.
func NodesAway(fault, node string, length time.Duration) time.Duration {
	if fault == KillNode || fault == RestartNode {
		length += NodeReturn
	}
	if node == AllNodes {
		length *= usualNodes
	}
	return length
}

// brokerOfEntry looks at what an entry does to a node of the broker.
func brokerOfEntry(s *Spec, e *ChurnEntry, at func(keys string) []string) (out findings) {
	out.fail(e.Fault == "", at("fault do"), "it is not said what happens to the node; write fault: kill, stop, restart, move, answer or delay")
	out.fail(e.Node == "", at("node do"), "it is not said which node; write one such as node: coordinator, or leader")
	if e.Fault == "" || e.Node == "" {
		return out
	}
	answers, delays := e.Fault == AnswerNode, e.Fault == DelayNode
	away := e.Fault == KillNode || e.Fault == StopNode
	out.fail((answers || delays) && e.For == 0, at("for fault do"), "it is not said for how long; write for, such as for: 5s")
	out.fail((answers || delays) && e.Request == "", at("request fault"), "it is not said which requests; write request, such as request: Heartbeat")
	out.fail(answers && e.Error == "", at("error fault"), "it is not said with which error; write error, such as error: NOT_COORDINATOR")
	out.fail(delays && e.Delay == 0, at("delay fault"), "it is not said by how much; write delay, such as delay: 2s")
	out.fail(!answers && !delays && e.Request != "", at("request fault"), "has no meaning for %s; remove it, it is for answer or delay", e.Fault)
	if answers && e.Request != "" && e.Error != "" {
		out.fail(!slices.Contains(errorsOf(e.Request), e.Error), at("error request"), "Apache Kafka answers no %s with it, so that no client expects it; write %s",
			e.Request, reader.Either(errorsOf(e.Request)))
	}
	out.fail(!answers && e.Error != "", at("error fault"), "has no meaning for %s; remove it, it is for answer", e.Fault)
	out.fail(!delays && e.Delay > 0, at("delay fault"), "has no meaning for %s; remove it, it is for delay", e.Fault)
	out.fail(delays && e.For > 0 && e.Delay > e.For, at("delay"),
		"a request waits no longer than until the fault is over, after %s; write a delay of that at the most, or a longer for", reader.ShowDuration(e.For))
	out.fail(away && e.For == 0, at("for fault do"), "it is not said after how long the node goes on; write for, such as for: 5s")
	out.fail(e.Fault == MoveNode && e.For > 0, at("for fault"), "what is moved stays where it then is; remove it")
	out.fail(e.Fault == MoveNode && e.Node != CoordinatorNode && e.Node != LeaderNode, at("node fault"),
		"there is nothing to be moved away from it by that name; write node: coordinator or node: leader")
	out.fail(e.Fault == MoveNode && e.Node == LeaderNode && s.Topic.Replication == 1, append([]string{"topic.replication"}, at("node")...),
		"no other node has the partitions, so that their leaders cannot move; write a replication of 3")
	out.fail(e.Node == FollowerNode && s.Topic.Replication == 1, append([]string{"topic.replication"}, at("node")...),
		"no other node has the first partition, so that nobody follows; write a replication of 3")
	out.warn(s.Topic.Replication == 1 && (e.Fault == KillNode || e.Fault == RestartNode), []string{"topic.replication", at("node")[0]},
		"no other node has what this one leads, so those partitions stand still until it is back; write a replication of 3")
	out.warn(s.Produce.By == "arm" && e.Fault != StopNode && !answers && !delays && s.Metadata.Refresh > patient, append([]string{"metadata.refresh"}, at("fault")...),
		"kafka-go's Writer learns of new leaders by refreshing its metadata alone, here at a random time up to %s, and its sends fail until then; write one of seconds, such as 6s, which is its default",
		reader.ShowDuration(s.Metadata.Refresh))
	out.warn(e.Fault == StopNode && e.For >= NodeSession, at("for"),
		"a node that stands still for %s is given up after its session of %s, and others lead in its place; stop it for less, or write fault: kill where that is meant",
		reader.ShowDuration(e.For), reader.ShowDuration(NodeSession))
	return out
}

// NodeSession is after how long without a heartbeat a node of Apache Kafka is given up by
// the controller: broker.session.timeout.ms, as kbench sets it.
const NodeSession = 9 * time.Second
