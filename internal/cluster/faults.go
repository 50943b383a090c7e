package cluster

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"unicode/utf16"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// This file is what acts on nodes ask of a cluster: which node is what, whether the
// cluster is whole, what each node serves, and that leaders move without a fault.

// offsetsTopic has the coordinators: who leads a partition of it coordinates the groups
// whose names fall on it.
const offsetsTopic = "__consumer_offsets"

// Controller is the node that controls the cluster.
func (c *Cluster) Controller(ctx context.Context) (int32, error) {
	req := kmsg.NewPtrDescribeQuorumRequest()
	t := kmsg.NewDescribeQuorumRequestTopic()
	t.Topic = "__cluster_metadata"
	t.Partitions = []kmsg.DescribeQuorumRequestTopicPartition{kmsg.NewDescribeQuorumRequestTopicPartition()}
	req.Topics = append(req.Topics, t)
	resp, err := req.RequestWith(ctx, c.internal.raw)
	if err == nil {
		err = kerr.ErrorForCode(resp.ErrorCode)
	}
	if err == nil && (len(resp.Topics) != 1 || len(resp.Topics[0].Partitions) != 1) {
		err = errors.New("the cluster did not answer")
	}
	if err == nil {
		err = kerr.ErrorForCode(resp.Topics[0].Partitions[0].ErrorCode)
	}
	if err != nil {
		return 0, fmt.Errorf("controller of the cluster: %w", err)
	}
	return resp.Topics[0].Partitions[0].LeaderID, nil
}

// Replicas are the nodes that have a partition, whoever leads it first.
func (c *Cluster) Replicas(ctx context.Context, topic string, partition int32) ([]int32, error) {
	parts, err := c.internal.partitions(ctx, c.internal.raw, topic)
	if err != nil {
		return nil, fmt.Errorf("replicas of %s: %w", topic, err)
	}
	for _, p := range parts {
		if p.Partition != partition {
			continue
		}
		nodes := []int32{p.Leader}
		for _, id := range p.Replicas {
			if id != p.Leader {
				nodes = append(nodes, id)
			}
		}
		return nodes, nil
	}
	return nil, fmt.Errorf("replicas of %s: it has no partition %d", topic, partition)
}

// partitions are those of a topic, as r knows them.
func (a *admin) partitions(ctx context.Context, r kmsg.Requestor, topic string) ([]kmsg.MetadataResponseTopicPartition, error) {
	meta, err := a.metadata(ctx, r, topic)
	if err != nil {
		return nil, err
	}
	for _, t := range meta.Topics {
		if err := kerr.ErrorForCode(t.ErrorCode); err != nil {
			return nil, err
		}
		return t.Partitions, nil
	}
	return nil, kerr.UnknownTopicOrPartition
}

// AwaitWhole returns when a node answers and every partition of the topics, and of what
// the coordinators keep, has a leader and all its replicas in step.
func (c *Cluster) AwaitWhole(ctx context.Context, node int32, topics []string) error {
	if c.info.Kind == Kafka {
		topics = append(slices.Clone(topics), offsetsTopic)
	}
	last := errors.New("no answer yet")
	if err := poll(ctx, func() bool { last = c.whole(ctx, node, topics); return last == nil }); err != nil {
		return errors.Join(context.Cause(ctx), last)
	}
	return nil
}

// whole says what is missing. The node itself is asked: it knows of all the others last.
func (c *Cluster) whole(ctx context.Context, node int32, topics []string) error {
	// It is not waited for: there is the next turn.
	ctx, cancel := context.WithTimeout(ctx, 20*pollEvery)
	defer cancel()
	for _, topic := range topics {
		parts, err := c.internal.partitions(ctx, c.internal.raw.Broker(int(node)), topic)
		if err != nil {
			return fmt.Errorf("node %d: topic %s: %w", node, topic, err)
		}
		for _, p := range parts {
			if p.Leader < 0 || len(p.ISR) < len(p.Replicas) {
				return fmt.Errorf("node %d: partition %d of %s is led by node %d, and in step are %v of %v", node, p.Partition, topic, p.Leader, p.ISR, p.Replicas)
			}
		}
	}
	return nil
}

// Serves is what a node answers for.
type Serves struct {
	// Leads are the partitions by topic, each with the nodes that are in step as this one
	// knows it: what all of them have can be read.
	Leads       map[string]map[int32][]int32
	Coordinates bool // the group
}

// Serves asks a node for what it serves of some topics and a group. What a node only
// believes to lead, and is not asked about with success, it does not serve.
func (c *Cluster) Serves(ctx context.Context, node int32, topics []string, group string) (out Serves, err error) {
	to := c.internal.raw.Broker(int(node))
	meta, err := c.internal.metadata(ctx, to, topics...)
	if err != nil {
		return out, err
	}
	out.Leads = map[string]map[int32][]int32{}
	for _, t := range meta.Topics {
		led := map[int32][]int32{}
		for _, p := range t.Partitions {
			if p.Leader == node {
				led[p.Partition] = p.ISR
			}
		}
		if len(led) > 0 {
			out.Leads[deref(t.Topic)] = led
		}
	}
	if err := dropUnserved(ctx, to, out.Leads); err != nil || group == "" {
		return out, err
	}
	describe := kmsg.NewPtrDescribeGroupsRequest()
	describe.Groups = []string{group}
	got, err := to.Request(ctx, describe)
	if err != nil {
		return out, err
	}
	for _, g := range got.(*kmsg.DescribeGroupsResponse).Groups {
		switch g.ErrorCode {
		case kerr.NotCoordinator.Code, kerr.CoordinatorLoadInProgress.Code, kerr.CoordinatorNotAvailable.Code:
		default: // a group of KIP-848 is not known by that name where it is coordinated
			out.Coordinates = true
		}
	}
	return out, nil
}

// dropUnserved asks a node for the ends of partitions and drops those that it cannot tell.
func dropUnserved(ctx context.Context, to *kgo.Broker, led map[string]map[int32][]int32) error {
	if len(led) == 0 {
		return nil
	}
	ends := kmsg.NewPtrListOffsetsRequest()
	ends.ReplicaID = -1
	for topic, parts := range led {
		ask := kmsg.NewListOffsetsRequestTopic()
		ask.Topic = topic
		for p := range parts {
			end := kmsg.NewListOffsetsRequestTopicPartition()
			end.Partition, end.Timestamp = p, -1 // the end
			ask.Partitions = append(ask.Partitions, end)
		}
		ends.Topics = append(ends.Topics, ask)
	}
	got, err := to.Request(ctx, ends)
	if err != nil {
		return err
	}
	for _, t := range got.(*kmsg.ListOffsetsResponse).Topics {
		for _, p := range t.Partitions {
			if p.ErrorCode != 0 {
				delete(led[t.Topic], p.Partition)
			}
		}
	}
	return nil
}

// MoveLeaders takes from a node what it leads of some topics, without a fault: others
// that have it lead it from now on.
func (c *Cluster) MoveLeaders(ctx context.Context, node int32, topics ...string) error {
	if c.info.Kind == Embedded {
		return c.Order(ctx, node, moveLeaders)
	}
	return c.moveLed(ctx, node, nil, topics...)
}

// MoveCoordinator takes a group from the node that coordinates it, without a fault.
func (c *Cluster) MoveCoordinator(ctx context.Context, node int32, group string) error {
	if c.info.Kind == Embedded {
		return c.Order(ctx, node, moveCoordinator)
	}
	parts, err := c.internal.partitions(ctx, c.internal.raw, offsetsTopic)
	if err != nil {
		return fmt.Errorf("partitions of the coordinators: %w", err)
	}
	on := partitionOf(group, len(parts))
	return c.moveLed(ctx, node, func(p int32) bool { return p == on }, offsetsTopic)
}

// partitionOf is where Apache Kafka keeps a group: String.hashCode of its name, without
// the sign, by the number of partitions.
func partitionOf(group string, partitions int) int32 {
	var h int32
	for _, unit := range utf16.Encode([]rune(group)) {
		h = 31*h + int32(unit)
	}
	return (h & 0x7fffffff) % int32(partitions)
}

// moveLed puts each partition's next replica first and has the first ones elected: those
// of which says so, where it is not nil.
func (c *Cluster) moveLed(ctx context.Context, node int32, which func(partition int32) bool, topics ...string) error {
	assign, moved, err := c.nextFirst(ctx, node, which, topics)
	if err != nil || len(moved) == 0 {
		return err
	}
	assigned, err := c.internal.AlterPartitionAssignments(ctx, assign)
	if err == nil {
		err = assigned.Error()
	}
	if err != nil {
		return fmt.Errorf("move leaders: %w", err)
	}
	// What is reassigned is known to the controller at once, and to the others soon.
	var last error
	err = poll(ctx, func() bool {
		if last = c.elect(ctx, moved); last == nil {
			last = c.ledElsewhere(ctx, node, moved)
		}
		return last == nil
	})
	if err != nil {
		return fmt.Errorf("move leaders: %w", errors.Join(err, last))
	}
	return nil
}

// nextFirst are the partitions that a node leads, and an order of their replicas in which
// it is the last.
func (c *Cluster) nextFirst(ctx context.Context, node int32, which func(partition int32) bool, topics []string) (assign kadm.AlterPartitionAssignmentsReq, moved kadm.TopicsSet, err error) {
	moved = kadm.TopicsSet{}
	for _, topic := range topics {
		parts, err := c.internal.partitions(ctx, c.internal.raw, topic)
		if err != nil {
			return assign, nil, fmt.Errorf("move leaders of %s: %w", topic, err)
		}
		for _, p := range parts {
			if p.Leader != node || which != nil && !which(p.Partition) {
				continue
			}
			at := slices.Index(p.Replicas, node)
			if len(p.Replicas) < 2 || at < 0 {
				return assign, nil, fmt.Errorf("move leaders of %s: no other node has partition %d", topic, p.Partition)
			}
			assign.Assign(topic, p.Partition, slices.Concat(p.Replicas[at+1:], p.Replicas[:at], []int32{node}))
			moved.Add(topic, p.Partition)
		}
	}
	return assign, moved, nil
}

// ledElsewhere is an error while a node leads any of some partitions.
func (c *Cluster) ledElsewhere(ctx context.Context, node int32, parts kadm.TopicsSet) error {
	left := 0
	for topic, of := range parts {
		leaders, err := c.internal.leaders(ctx, c.internal.raw, topic)
		if err != nil {
			return err
		}
		for p := range of {
			if leaders[p] == node {
				left++
			}
		}
	}
	if left > 0 {
		return fmt.Errorf("node %d still leads %d of the partitions", node, left)
	}
	return nil
}

// elect has the first replica of each partition elected; nil: of all there are.
func (c *Cluster) elect(ctx context.Context, parts kadm.TopicsSet) error {
	elected, err := c.internal.ElectLeaders(ctx, kadm.ElectPreferredReplica, parts)
	if err != nil {
		return err
	}
	for _, of := range elected {
		for _, p := range of {
			if p.Err != nil && !errors.Is(p.Err, kerr.ElectionNotNeeded) {
				return fmt.Errorf("partition %d of %s: %w", p.Partition, p.Topic, p.Err)
			}
		}
	}
	return nil
}

// Restore has the nodes lead and coordinate what they did when the cluster was new, so
// that the next trial finds it as the first one did. What MoveCoordinator has moved stays:
// the next trial's group is another, and one in fifty has the same coordinators' partition.
func (c *Cluster) Restore(ctx context.Context) error {
	if c.info.Kind != Kafka {
		return nil // what leads what is dealt out by the simulation, topic by topic
	}
	if err := c.elect(ctx, nil); err != nil {
		return fmt.Errorf("elect the first replicas: %w", err)
	}
	return nil
}
