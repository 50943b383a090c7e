package cluster

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kbench/kbench/drivers"
)

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

// GroupState describes a group of either protocol. Brokers differ in what they
// answer about a group of the other protocol: that there is none, that it is dead,
// or (kfake) its state without its members. So an answer without members is not
// the last word.
func (c *Cluster) GroupState(ctx context.Context, group string) (GroupState, error) {
	s, err := c.classicState(ctx, group)
	if err == nil && len(s.Members) == 0 {
		var other GroupState
		if other, err = c.consumerState(ctx, group); other.State != dead {
			s = other
		}
	}
	if err != nil {
		return GroupState{}, c.denied(fmt.Errorf("state of group %s: %w", group, err))
	}
	return s, nil
}

// dead is the state of a group that does not exist.
const dead = "Dead"

// classicState describes a group of the classic protocol.
func (c *Cluster) classicState(ctx context.Context, group string) (GroupState, error) {
	described, err := c.internal.DescribeGroups(ctx, group)
	if err != nil {
		return GroupState{}, err
	}
	g := described[group]
	if errors.Is(g.Err, kerr.GroupIDNotFound) {
		return GroupState{State: dead}, nil
	}
	s := GroupState{State: g.State}
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
	return s, g.Err
}

// consumerState describes a group of the KIP-848 protocol. A cluster that does not
// know the protocol has no such group.
func (c *Cluster) consumerState(ctx context.Context, group string) (GroupState, error) {
	if c.internal.classicOnly {
		return GroupState{State: dead}, nil
	}
	req := kmsg.NewPtrConsumerGroupDescribeRequest()
	req.Groups = []string{group}
	resp, err := req.RequestWith(ctx, c.internal.raw)
	if err != nil {
		return GroupState{}, err
	}
	if len(resp.Groups) != 1 {
		return GroupState{}, fmt.Errorf("the coordinator described %d groups, not one", len(resp.Groups))
	}
	g := resp.Groups[0]
	if g.ErrorCode == kerr.GroupIDNotFound.Code {
		return GroupState{State: dead}, nil
	}
	s := GroupState{State: g.State}
	var names map[[16]byte]string
	for _, m := range g.Members {
		member := Member{ID: m.MemberID, ClientID: m.ClientID, Instance: deref(m.InstanceID)}
		for _, t := range m.Assignment.TopicPartitions {
			if t.Topic == "" { // kfake gives the id alone
				if names == nil {
					if names, err = c.internal.topicNames(ctx); err != nil {
						return GroupState{}, err
					}
				}
				t.Topic = names[t.TopicID]
			}
			for _, p := range t.Partitions {
				member.Parts = append(member.Parts, drivers.TopicPartition{Topic: t.Topic, Partition: p})
			}
		}
		s.add(member)
	}
	return s, kerr.ErrorForCode(g.ErrorCode)
}

// add appends a member with its partitions in order.
func (s *GroupState) add(m Member) {
	slices.SortFunc(m.Parts, func(a, b drivers.TopicPartition) int {
		return cmp.Or(strings.Compare(a.Topic, b.Topic), cmp.Compare(a.Partition, b.Partition))
	})
	s.Members = append(s.Members, m)
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
