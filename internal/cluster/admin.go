package cluster

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kbench/kbench/drivers"
)

// Prefix starts the name of every topic and group that kbench makes, so that what
// a killed run left can be told from what is not ours.
const Prefix = "kbench-"

// pollEvery is how often a state that is awaited is asked for.
const pollEvery = 50 * time.Millisecond

// admin is a connection for administration.
type admin struct {
	*kadm.Client
	raw *kgo.Client
}

func newAdmin(a Access) (*admin, error) {
	cl, err := a.client()
	if err != nil {
		return nil, err
	}
	return &admin{Client: kadm.NewClient(cl), raw: cl}, nil
}

func (a *admin) close() { a.raw.Close() }

// identify counts the nodes and guesses the version from the requests that they
// know.
func (a *admin) identify(ctx context.Context) (nodes int, version string, err error) {
	meta, err := a.BrokerMetadata(ctx)
	if err != nil {
		return 0, "", err
	}
	versions, err := a.ApiVersions(ctx)
	if err != nil && len(versions) == 0 {
		return 0, "", err
	}
	for _, v := range versions {
		if v.Err == nil {
			version = strings.TrimPrefix(v.VersionGuess(), "v")
			break
		}
	}
	return len(meta.Brokers), version, nil
}

// leaders asks one broker for the leader of each partition of a topic; complete
// says that it knows them all.
func (a *admin) leaders(ctx context.Context, broker int32, topic string) (leaders map[int32]int32, complete bool, err error) {
	req := kmsg.NewPtrMetadataRequest()
	t := kmsg.NewMetadataRequestTopic()
	t.Topic = kmsg.StringPtr(topic)
	req.Topics = append(req.Topics, t)
	resp, err := req.RequestWith(ctx, a.raw.Broker(int(broker)))
	if err != nil {
		return nil, false, err
	}
	leaders = map[int32]int32{}
	complete = len(resp.Topics) == 1 && resp.Topics[0].ErrorCode == 0
	for _, t := range resp.Topics {
		for _, p := range t.Partitions {
			leaders[p.Partition] = p.Leader
			complete = complete && p.ErrorCode == 0 && p.Leader >= 0
		}
	}
	return leaders, complete && len(leaders) > 0, nil
}

// awaitTopic waits until every broker names a leader for each of the partitions:
// a client may ask any of them, and the news of a topic reaches them one by one.
func (a *admin) awaitTopic(ctx context.Context, topic string, partitions int) error {
	meta, err := a.BrokerMetadata(ctx)
	if err != nil {
		return err
	}
	for _, b := range meta.Brokers {
		var last error
		err := poll(ctx, func() bool {
			leaders, complete, err := a.leaders(ctx, b.NodeID, topic)
			if err != nil {
				last = err
			}
			return err == nil && complete && len(leaders) >= partitions
		})
		if err != nil {
			return fmt.Errorf("broker %d does not know the leaders of its %d partitions: %w", b.NodeID, partitions, errors.Join(err, last))
		}
	}
	return nil
}

// poll asks until the answer is yes or ctx is done.
func poll(ctx context.Context, yes func() bool) error {
	t := time.NewTicker(pollEvery)
	defer t.Stop()
	for !yes() {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-t.C:
		}
	}
	return nil
}

// CreateTopic makes a topic and returns when every broker knows its leaders. The
// replication is at most the number of nodes; used says what it became.
func (c *Cluster) CreateTopic(ctx context.Context, name string, partitions, replication int) (used int, err error) {
	used = max(1, min(replication, c.info.Nodes))
	if _, err := c.internal.Client.CreateTopic(ctx, int32(partitions), int16(used), nil, name); err != nil {
		return 0, fmt.Errorf("create topic %s: %w", name, err)
	}
	if err := c.internal.awaitTopic(ctx, name, partitions); err != nil {
		return 0, fmt.Errorf("create topic %s: %w", name, err)
	}
	return used, nil
}

// DeleteTopic removes a topic. That it is already gone is not an error.
func (c *Cluster) DeleteTopic(ctx context.Context, name string) error {
	_, err := c.internal.Client.DeleteTopic(ctx, name)
	if err != nil && !errors.Is(err, kerr.UnknownTopicOrPartition) {
		return fmt.Errorf("delete topic %s: %w", name, err)
	}
	return nil
}

// DeleteGroup removes a group without members. That it is already gone is not an
// error.
func (c *Cluster) DeleteGroup(ctx context.Context, name string) error {
	_, err := c.internal.Client.DeleteGroup(ctx, name)
	if err != nil && !errors.Is(err, kerr.GroupIDNotFound) {
		return fmt.Errorf("delete group %s: %w", name, err)
	}
	return nil
}

// EndOffsets returns the offset after the last record of each partition.
func (c *Cluster) EndOffsets(ctx context.Context, topic string) (map[int32]int64, error) {
	listed, err := c.internal.ListEndOffsets(ctx, topic)
	if err == nil {
		err = listed.Error()
	}
	if err != nil {
		return nil, fmt.Errorf("end offsets of %s: %w", topic, err)
	}
	ends := map[int32]int64{}
	listed.Each(func(o kadm.ListedOffset) { ends[o.Partition] = o.Offset })
	return ends, nil
}

// Leaders returns the leading node of each partition; -1 where there is none.
func (c *Cluster) Leaders(ctx context.Context, topic string) (map[int32]int32, error) {
	meta, err := c.internal.Metadata(ctx, topic)
	if err == nil {
		err = meta.Topics.Error()
	}
	if err != nil {
		return nil, fmt.Errorf("leaders of %s: %w", topic, err)
	}
	leaders := map[int32]int32{}
	for _, p := range meta.Topics[topic].Partitions {
		leaders[p.Partition] = p.Leader
	}
	return leaders, nil
}

// Coordinator returns the node that coordinates a group.
func (c *Cluster) Coordinator(ctx context.Context, group string) (int32, error) {
	found, ok := c.internal.FindGroupCoordinators(ctx, group)[group]
	if !ok {
		return 0, fmt.Errorf("coordinator of %s: the cluster did not answer", group)
	}
	if found.Err != nil {
		return 0, fmt.Errorf("coordinator of %s: %w", group, found.Err)
	}
	return found.NodeID, nil
}

// Committed returns the committed offset of each partition of a topic that has
// one.
func (c *Cluster) Committed(ctx context.Context, group, topic string) (map[int32]int64, error) {
	all, err := c.internal.FetchOffsets(ctx, group)
	if err == nil {
		err = all.Error()
	}
	if errors.Is(err, kerr.GroupIDNotFound) {
		return map[int32]int64{}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("committed offsets of %s: %w", group, err)
	}
	committed := map[int32]int64{}
	for _, o := range all[topic] {
		if o.At >= 0 {
			committed[o.Partition] = o.At
		}
	}
	return committed, nil
}

// Leftovers returns the topics and groups of the cluster that kbench made, sorted.
func (c *Cluster) Leftovers(ctx context.Context) (topics, groups []string, err error) {
	details, err := c.internal.ListTopics(ctx)
	if err != nil {
		return nil, nil, fmt.Errorf("list topics: %w", err)
	}
	listed, err := c.internal.ListGroups(ctx)
	if err != nil {
		return nil, nil, fmt.Errorf("list groups: %w", err)
	}
	return ours(maps.Keys(details)), ours(maps.Keys(listed)), nil
}

// ours keeps the names that start with Prefix, sorted.
func ours(names func(func(string) bool)) []string {
	var kept []string
	for name := range names {
		if strings.HasPrefix(name, Prefix) {
			kept = append(kept, name)
		}
	}
	slices.Sort(kept)
	return kept
}

// GroupState is a group as its coordinator sees it.
type GroupState struct {
	// State is the coordinator's own word: Stable, PreparingRebalance,
	// CompletingRebalance, Empty or Dead; under KIP-848 Assigning and
	// Reconciling too. A group that does not exist is Dead.
	State   string
	Members []Member
}

// Member is one member of a group.
type Member struct {
	ID       string // made by the coordinator or, under KIP-848, by the client
	ClientID string
	Instance string // empty unless static
	Parts    []drivers.TopicPartition
}

// GroupState describes a group of either protocol.
func (c *Cluster) GroupState(ctx context.Context, group string) (GroupState, error) {
	s, found, err := c.classicState(ctx, group)
	if err == nil && !found {
		s, found, err = c.consumerState(ctx, group)
	}
	if err != nil {
		return GroupState{}, fmt.Errorf("state of group %s: %w", group, err)
	}
	if !found {
		return GroupState{State: "Dead"}, nil
	}
	return s, nil
}

// classicState describes a group of the classic protocol. Brokers answer for one
// of the other protocol, as for one that does not exist, that it is dead or not
// found.
func (c *Cluster) classicState(ctx context.Context, group string) (s GroupState, found bool, err error) {
	described, err := c.internal.DescribeGroups(ctx, group)
	if err != nil {
		return s, false, err
	}
	g := described[group]
	if errors.Is(g.Err, kerr.GroupIDNotFound) || g.Err == nil && g.State == "Dead" {
		return s, false, nil
	}
	if g.Err != nil {
		return s, false, g.Err
	}
	s.State = g.State
	for _, m := range g.Members {
		member := Member{ID: m.MemberID, ClientID: m.ClientID, Instance: deref(m.InstanceID)}
		if assigned, ok := m.Assigned.AsConsumer(); ok {
			for _, t := range assigned.Topics {
				for _, p := range t.Partitions {
					member.Parts = append(member.Parts, drivers.TopicPartition{Topic: t.Topic, Partition: p})
				}
			}
		}
		s.add(member)
	}
	return s, true, nil
}

// consumerState describes a group of the KIP-848 protocol.
func (c *Cluster) consumerState(ctx context.Context, group string) (s GroupState, found bool, err error) {
	described, err := c.internal.DescribeConsumerGroups(ctx, group)
	if errors.Is(err, kerr.UnsupportedVersion) {
		return s, false, nil // a cluster without KIP-848 has no such group
	}
	if err != nil {
		return s, false, err
	}
	g := described[group]
	if errors.Is(g.Err, kerr.GroupIDNotFound) {
		return s, false, nil
	}
	if g.Err != nil {
		return s, false, g.Err
	}
	s.State = g.State
	for _, m := range g.Members {
		member := Member{ID: m.MemberID, ClientID: m.ClientID, Instance: deref(m.InstanceID)}
		for topic, parts := range m.Assignment {
			for p := range parts {
				member.Parts = append(member.Parts, drivers.TopicPartition{Topic: topic, Partition: p})
			}
		}
		s.add(member)
	}
	return s, true, nil
}

// add appends a member with its partitions in order.
func (s *GroupState) add(m Member) {
	slices.SortFunc(m.Parts, func(a, b drivers.TopicPartition) int {
		if n := strings.Compare(a.Topic, b.Topic); n != 0 {
			return n
		}
		return int(a.Partition) - int(b.Partition)
	})
	s.Members = append(s.Members, m)
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
