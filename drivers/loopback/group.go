package loopback

import (
	"context"
	"slices"
	"sync/atomic"

	"github.com/kbench/kbench/drivers"
)

// group splits partitions among its members. There is no coordinator: whoever
// changes the membership carries the change out, one at a time, and returns when
// every member has what it should have.
type group struct {
	d  *Driver
	id string

	// turn holds one token, taken by whoever changes the group. It is a channel
	// so that a Close can give up waiting for it. It guards what follows.
	turn     chan struct{}
	members  []*consumer // in order of joining
	attached map[*partition]bool

	size atomic.Int32 // of members, for those without the turn
}

func newGroup(d *Driver, id string) *group {
	g := &group{d: d, id: id, turn: make(chan struct{}, 1), attached: make(map[*partition]bool)}
	g.turn <- struct{}{}
	return g
}

// change takes the turn, lets edit change the members or their topics, and
// rebalances. Where ctx ends first the partitions that were to be given up stay
// where they are, idle, and the change may be asked for again.
func (g *group) change(ctx context.Context, edit func()) error {
	select {
	case <-g.turn:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { g.turn <- struct{}{} }()
	edit()
	return g.rebalance(ctx)
}

// rebalance gives every member its share: first all that must move is taken
// back, then it is handed out, so that a partition never has two owners.
// Partitions that stay are not interrupted.
func (g *group) rebalance(ctx context.Context) error {
	target := g.split()
	for _, c := range g.members {
		gone := slices.DeleteFunc(c.owned(), func(p *partition) bool { return slices.Contains(target[c], p) })
		if err := c.revoke(ctx, gone); err != nil {
			return err
		}
	}
	g.members = slices.DeleteFunc(g.members, func(c *consumer) bool { return c.leaving })
	g.size.Store(int32(len(g.members)))
	wanted := make(map[*partition]bool)
	for _, c := range g.members {
		owned := c.owned()
		for _, p := range target[c] {
			wanted[p] = true
		}
		c.assign(slices.DeleteFunc(target[c], func(p *partition) bool { return slices.Contains(owned, p) }))
	}
	for p := range g.attached {
		if !wanted[p] {
			p.detach(g.id)
		}
	}
	g.attached = wanted
	return nil
}

// split is the range assignor: of each topic, every member that wants it has a
// contiguous share, and the first ones have one more where it does not divide.
func (g *group) split() map[*consumer][]*partition {
	wants := make(map[string][]*consumer)
	for _, c := range g.members {
		if c.leaving {
			continue
		}
		for _, t := range c.topics {
			wants[t] = append(wants[t], c)
		}
	}
	target := make(map[*consumer][]*partition)
	for name, members := range wants {
		parts := g.d.partitions(name, 0)
		for i, c := range members {
			target[c] = append(target[c], parts[i*len(parts)/len(members):(i+1)*len(parts)/len(members)]...)
		}
	}
	for _, parts := range target {
		slices.SortFunc(parts, comparePartitions)
	}
	return target
}

// topicParts names partitions as events do.
func topicParts(parts []*partition) []drivers.TopicPartition {
	out := make([]drivers.TopicPartition, len(parts))
	for i, p := range parts {
		out[i] = p.TopicPartition
	}
	return out
}
