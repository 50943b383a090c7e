package cluster

import (
	"context"
	"fmt"
	"net"
	"strconv"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// This file asks single nodes what they answer at once where nothing holds them up.
// What they answer is of no interest, only when. A question goes to the node that is
// named and is not asked twice; an answer that says no is one too.

// Nodes are the ids of the nodes that are registered.
func (c *Cluster) Nodes(ctx context.Context) ([]int32, error) {
	ids, err := c.internal.brokers(ctx)
	if err != nil {
		return nil, fmt.Errorf("nodes of the cluster: %w", err)
	}
	return ids, nil
}

// Addresses are the ids of the nodes by where clients find them, host:port.
func (c *Cluster) Addresses(ctx context.Context) (map[string]int32, error) {
	meta, err := c.internal.metadata(ctx, c.internal.raw)
	if err != nil {
		return nil, fmt.Errorf("addresses of the cluster: %w", err)
	}
	ids := make(map[string]int32)
	for _, b := range meta.Brokers {
		ids[net.JoinHostPort(b.Host, strconv.Itoa(int(b.Port)))] = b.NodeID
	}
	return ids, nil
}

// Address is where clients find a node, as was last heard; empty of one that is not known.
func (c *Cluster) Address(node int32) string {
	c.internal.mu.Lock()
	defer c.internal.mu.Unlock()
	return c.internal.nodes[node]
}

// AskMetadata asks a node for the nodes that it knows.
func (c *Cluster) AskMetadata(ctx context.Context, node int32) error {
	_, err := c.internal.metadata(ctx, c.internal.raw.Broker(int(node)))
	return err
}

// AskGroup asks a node for a group that it coordinates.
func (c *Cluster) AskGroup(ctx context.Context, node int32, group string) error {
	req := kmsg.NewPtrDescribeGroupsRequest()
	req.Groups = []string{group}
	_, err := c.internal.raw.Broker(int(node)).Request(ctx, req)
	return err
}

// AskEnd asks a node for the end offset of a partition that it leads.
func (c *Cluster) AskEnd(ctx context.Context, node int32, topic string, partition int32) error {
	p := kmsg.NewListOffsetsRequestTopicPartition()
	p.Partition, p.Timestamp = partition, -1 // the end
	t := kmsg.NewListOffsetsRequestTopic()
	t.Topic, t.Partitions = topic, []kmsg.ListOffsetsRequestTopicPartition{p}
	req := kmsg.NewPtrListOffsetsRequest()
	req.ReplicaID, req.Topics = -1, []kmsg.ListOffsetsRequestTopic{t}
	_, err := c.internal.raw.Broker(int(node)).Request(ctx, req)
	return err
}
