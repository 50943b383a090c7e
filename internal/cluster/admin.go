package cluster

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// pollEvery is how often a state that is awaited is asked for.
const pollEvery = 50 * time.Millisecond

// admin is a connection for administration.
type admin struct {
	*kadm.Client
	raw   *kgo.Client
	lines *lines

	// classicOnly says that the cluster is too old for the groups of KIP-848.
	classicOnly bool

	mu    sync.Mutex
	nodes map[int32]string // where clients find them, as last heard
}

func newAdmin(a Access, extra ...kgo.Opt) (*admin, error) {
	cl, l, err := connectOver(a, extra...)
	if err != nil {
		return nil, err
	}
	return &admin{Client: kadm.NewClient(cl), raw: cl, lines: l}, nil
}

func (a *admin) close() { a.raw.Close() }

// metadata asks r for the brokers and the named topics. It does not go through
// kadm, which may answer from a cache of some seconds.
func (a *admin) metadata(ctx context.Context, r kmsg.Requestor, topics ...string) (*kmsg.MetadataResponse, error) {
	req := kmsg.NewPtrMetadataRequest()
	req.Topics = []kmsg.MetadataRequestTopic{} // nil would mean all
	for _, name := range topics {
		t := kmsg.NewMetadataRequestTopic()
		t.Topic = kmsg.StringPtr(name)
		req.Topics = append(req.Topics, t)
	}
	resp, err := req.RequestWith(ctx, r)
	if err != nil {
		return nil, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.nodes = map[int32]string{}
	for _, b := range resp.Brokers {
		a.nodes[b.NodeID] = net.JoinHostPort(b.Host, strconv.Itoa(int(b.Port)))
	}
	return resp, nil
}

// topicNames returns the name of every topic by its id.
func (a *admin) topicNames(ctx context.Context) (map[[16]byte]string, error) {
	req := kmsg.NewPtrMetadataRequest() // of no topics in particular: all
	resp, err := req.RequestWith(ctx, a.raw)
	if err != nil {
		return nil, err
	}
	names := map[[16]byte]string{}
	for _, t := range resp.Topics {
		names[t.TopicID] = deref(t.Topic)
	}
	return names, nil
}

// brokers returns the ids of the nodes that are registered.
func (a *admin) brokers(ctx context.Context) ([]int32, error) {
	meta, err := a.metadata(ctx, a.raw)
	if err != nil {
		return nil, err
	}
	var ids []int32
	for _, b := range meta.Brokers {
		ids = append(ids, b.NodeID)
	}
	return ids, nil
}

// leaders returns the leader of each partition of a topic, as r knows them.
func (a *admin) leaders(ctx context.Context, r kmsg.Requestor, topic string) (map[int32]int32, error) {
	meta, err := a.metadata(ctx, r, topic)
	if err != nil {
		return nil, err
	}
	leaders := map[int32]int32{}
	for _, t := range meta.Topics {
		if err := kerr.ErrorForCode(t.ErrorCode); err != nil {
			return nil, err
		}
		for _, p := range t.Partitions {
			leaders[p.Partition] = p.Leader
		}
	}
	return leaders, nil
}

// awaitTopic waits until every broker names a leader for each of the partitions:
// a client may ask any of them, and the news of a topic reaches them one by one.
func (a *admin) awaitTopic(ctx context.Context, topic string, partitions int) error {
	ids, err := a.brokers(ctx)
	if err != nil {
		return err
	}
	for _, id := range ids {
		var last error
		err := poll(ctx, func() bool {
			var leaders map[int32]int32
			if leaders, last = a.leaders(ctx, a.raw.Broker(int(id)), topic); last != nil {
				return false
			}
			led := 0
			for _, leader := range leaders {
				if leader >= 0 {
					led++
				}
			}
			return led >= partitions && led == len(leaders)
		})
		if err != nil {
			return fmt.Errorf("broker %d does not know the leaders of its partitions: %w", id, errors.Join(err, last))
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
// replication is at most the number of nodes; used says what it became. On an
// attached cluster the lease names it first, and one that is there is refused.
func (c *Cluster) CreateTopic(ctx context.Context, name string, partitions, replication int) (used int, err error) {
	used = max(1, min(replication, c.info.Nodes))
	if err = c.claimTopic(ctx, name); err == nil {
		err = c.createTopic(ctx, name, partitions, used)
	}
	if err != nil {
		return 0, c.denied(fmt.Errorf("create topic %s: %w", name, err))
	}
	return used, nil
}

func (c *Cluster) createTopic(ctx context.Context, name string, partitions, replication int) error {
	_, err := c.internal.Client.CreateTopic(ctx, int32(partitions), int16(replication), nil, name)
	if errors.Is(err, kerr.TopicAlreadyExists) && c.holder != nil {
		return errors.Join(errTaken, c.strike(ctx, dropTopic(name)))
	}
	if err == nil {
		err = c.internal.awaitTopic(ctx, name, partitions)
	}
	if err == nil {
		err = c.madeTopic(ctx, name)
	}
	return err
}

// AddPartitions lets a topic grow to a number of partitions and returns when every
// broker knows the leaders of all of them.
func (c *Cluster) AddPartitions(ctx context.Context, name string, to int) error {
	err := c.mine(name)
	if err == nil {
		var resps kadm.CreatePartitionsResponses
		if resps, err = c.internal.UpdatePartitions(ctx, to, name); err == nil {
			err = resps.Error()
		}
	}
	if err == nil {
		err = c.internal.awaitTopic(ctx, name, to)
	}
	if err != nil {
		return fmt.Errorf("add partitions to %s: %w", name, err)
	}
	return nil
}

// TopicID is the id by which newer requests call a topic, as raw URL base64; that
// of a cluster without ids is empty.
func (c *Cluster) TopicID(ctx context.Context, name string) (string, error) {
	meta, err := c.internal.metadata(ctx, c.internal.raw, name)
	if err != nil {
		return "", fmt.Errorf("id of topic %s: %w", name, err)
	}
	for _, t := range meta.Topics {
		if err := kerr.ErrorForCode(t.ErrorCode); err != nil {
			return "", fmt.Errorf("id of topic %s: %w", name, err)
		}
		return idText(t.TopicID), nil
	}
	return "", nil
}

func idText(id [16]byte) string {
	if id == [16]byte{} {
		return ""
	}
	return base64.RawURLEncoding.EncodeToString(id[:])
}

// DeleteTopic removes a topic that this run made. That it is already gone is not an
// error.
func (c *Cluster) DeleteTopic(ctx context.Context, name string) error {
	err := c.mine(name)
	if err == nil {
		err = c.deleteTopic(ctx, name)
	}
	if err == nil {
		err = c.strike(ctx, dropTopic(name))
	}
	if err != nil {
		return fmt.Errorf("delete topic %s: %w", name, err)
	}
	return nil
}

func (c *Cluster) deleteTopic(ctx context.Context, name string) error {
	_, err := c.internal.Client.DeleteTopic(ctx, name)
	if errors.Is(err, kerr.UnknownTopicOrPartition) {
		return nil
	}
	return err
}

// DeleteGroup removes a group that this run made. That it is already gone is not an
// error. Members that are still in it, because they are static or were killed, are
// thrown out: brokers delete no group that has any.
func (c *Cluster) DeleteGroup(ctx context.Context, name string) error {
	err := c.mine(name)
	if err == nil {
		if e := poll(ctx, func() bool {
			if err = c.deleteGroup(ctx, name); errors.Is(err, kerr.NonEmptyGroup) {
				c.empty(ctx, name)
				return false
			}
			return true
		}); e != nil {
			err = errors.Join(e, err)
		}
	}
	if err == nil {
		err = c.strike(ctx, dropGroup(name))
	}
	if err != nil {
		return fmt.Errorf("delete group %s: %w", name, err)
	}
	return nil
}

// deleteGroup removes a group without members, and what was set for it.
func (c *Cluster) deleteGroup(ctx context.Context, name string) error {
	_, err := c.internal.Client.DeleteGroup(ctx, name)
	if err != nil && !errors.Is(err, kerr.GroupIDNotFound) {
		return err
	}
	return c.dropGroupConfig(ctx, name)
}

// empty throws the members out of a group. It reports nothing: whether it worked
// shows when the group is deleted, and a member that cannot be thrown out leaves
// when its session ends.
func (c *Cluster) empty(ctx context.Context, group string) {
	s, err := c.GroupState(ctx, group)
	if err != nil || len(s.Members) == 0 {
		return
	}
	leave := kmsg.NewPtrLeaveGroupRequest()
	leave.Group = group
	for _, m := range s.Members {
		member := kmsg.NewLeaveGroupRequestMember()
		member.MemberID = m.ID
		if m.Instance != "" {
			member.InstanceID = kmsg.StringPtr(m.Instance)
		}
		leave.Members = append(leave.Members, member)
	}
	_, _ = leave.RequestWith(ctx, c.internal.raw)
}

// EndOffsets returns the offset after the last record of each partition. Where leaders have
// just moved it asks until it has found the new ones.
func (c *Cluster) EndOffsets(ctx context.Context, topic string) (map[int32]int64, error) {
	var ends map[string]map[int32]int64
	var last error
	err := poll(ctx, func() bool {
		ends, last = c.EndOffsetsOf(ctx, topic)
		return last == nil || !kerr.IsRetriable(last)
	})
	if last == nil {
		return ends[topic], nil
	}
	return nil, errors.Join(last, err)
}

// EndOffsetsOf is EndOffsets of several topics, which are asked for at once.
func (c *Cluster) EndOffsetsOf(ctx context.Context, topics ...string) (map[string]map[int32]int64, error) {
	listed, err := c.internal.ListEndOffsets(ctx, topics...)
	if err == nil {
		err = listed.Error()
	}
	if err != nil {
		return nil, fmt.Errorf("end offsets of %s: %w", strings.Join(topics, ", "), err)
	}
	ends := map[string]map[int32]int64{}
	for _, topic := range topics {
		ends[topic] = map[int32]int64{}
		for _, o := range listed[topic] {
			ends[topic][o.Partition] = o.Offset
		}
	}
	return ends, nil
}

// Leaders returns the leading node of each partition; -1 where there is none.
func (c *Cluster) Leaders(ctx context.Context, topic string) (map[int32]int32, error) {
	leaders, err := c.internal.leaders(ctx, c.internal.raw, topic)
	if err != nil {
		return nil, fmt.Errorf("leaders of %s: %w", topic, err)
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
		return 0, c.denied(fmt.Errorf("coordinator of %s: %w", group, found.Err))
	}
	return found.NodeID, nil
}

// Committed returns the committed offset of each partition that has one, by topic.
// All topics are asked for at once.
func (c *Cluster) Committed(ctx context.Context, group string, topics ...string) (map[string]map[int32]int64, error) {
	all, err := c.internal.FetchOffsets(ctx, group)
	if err == nil {
		err = all.Error()
	}
	if err != nil && !errors.Is(err, kerr.GroupIDNotFound) {
		return nil, fmt.Errorf("committed offsets of %s: %w", group, err)
	}
	committed := map[string]map[int32]int64{}
	for _, topic := range topics {
		committed[topic] = map[int32]int64{}
		for _, o := range all[topic] {
			if o.At >= 0 {
				committed[topic][o.Partition] = o.At
			}
		}
	}
	return committed, nil
}
