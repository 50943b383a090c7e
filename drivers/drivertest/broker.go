package drivertest

import (
	"context"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kbench/kbench/drivers"
)

// broker is what the suite asks of the other side, past the client under test.
type broker interface {
	Inspector
	Seeds() []string
	Close()
}

// nodes is how many brokers there are: enough that a partition's leader, another
// partition's and the coordinator are not all the same.
const nodes = 3

func newBroker(drv drivers.Driver) (broker, error) {
	if !drivers.IsBrokerless(drv) {
		return newFake()
	}
	for inner := drv; ; {
		if i, ok := inner.(Inspector); ok {
			return local{i}, nil
		}
		w, ok := inner.(Wrapper)
		if !ok {
			return nil, errors.New("a Brokerless driver must implement drivertest.Inspector")
		}
		inner = w.Unwrap()
	}
}

// local is the inside of a Brokerless driver.
type local struct{ Inspector }

func (local) Seeds() []string { return nil }
func (local) Close()          {}

// fake is a kfake cluster, asked directly and not by a client, so that no client
// vouches for another.
type fake struct{ c *kfake.Cluster }

func newFake(opts ...kfake.Opt) (fake, error) {
	c, err := kfake.NewCluster(append([]kfake.Opt{kfake.NumBrokers(nodes)}, opts...)...)
	if err != nil {
		return fake{}, fmt.Errorf("start a simulated broker: %w", err)
	}
	return fake{c}, nil
}

func (f fake) Seeds() []string { return f.c.ListenAddrs() }
func (f fake) Close()          { f.c.Close() }

func (f fake) CreateTopic(name string, partitions int) {
	// It fails only for a topic that exists, which is then as good.
	_ = f.c.CreateTopic(name, int32(partitions), nil)
}

func (f fake) End(topic string, partition int32) int64 {
	p := f.c.PartitionInfo(topic, partition)
	if p == nil {
		return 0
	}
	return p.HighWatermark
}

func (f fake) Committed(group, topic string, partition int32) int64 {
	g := f.c.GroupInfo(group)
	if g == nil {
		return -1
	}
	commit, ok := g.Commits[topic][partition]
	if !ok {
		return -1
	}
	return commit.Offset
}

func (f fake) Members(group string) int {
	g := f.c.GroupInfo(group)
	if g == nil {
		return 0
	}
	return len(g.Members)
}

// Evict throws the members out of a group. They hear of it from the answer to
// their next request.
func (f fake) Evict(ctx context.Context, group string) error {
	g := f.c.GroupInfo(group)
	if g == nil || len(g.Members) == 0 {
		return fmt.Errorf("the group %s has no members to throw out", group)
	}
	cl, err := kgo.NewClient(kgo.SeedBrokers(f.Seeds()...))
	if err != nil {
		return fmt.Errorf("throw members out of %s: %w", group, err)
	}
	defer cl.Close()
	req := kmsg.NewPtrLeaveGroupRequest()
	req.Group = group
	for _, m := range g.Members {
		leave := kmsg.NewLeaveGroupRequestMember()
		leave.MemberID = m.MemberID
		req.Members = append(req.Members, leave)
	}
	resp, err := req.RequestWith(ctx, cl)
	if err == nil {
		err = kerr.ErrorForCode(resp.ErrorCode)
	}
	if err != nil {
		return fmt.Errorf("throw members out of %s: %w", group, err)
	}
	for _, m := range resp.Members {
		if err := kerr.ErrorForCode(m.ErrorCode); err != nil {
			return fmt.Errorf("throw %s out of %s: %w", m.MemberID, group, err)
		}
	}
	return nil
}
