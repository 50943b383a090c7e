package loopback

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kbench/kbench/drivers"
)

// consumer is one member of a group.
type consumer struct {
	g   *group
	set drivers.ConsumeSettings
	h   drivers.Handler

	// With the group's turn only.
	topics  []string
	leaving bool
	runners []*runner

	mu     sync.Mutex
	claims map[drivers.TopicPartition]*claim

	quit       context.CancelFunc // ends the committing goroutine
	committing sync.WaitGroup
}

var (
	_ drivers.Consumer   = (*consumer)(nil)
	_ drivers.Subscriber = (*consumer)(nil)
)

// claim is a partition in the hands of a member.
type claim struct {
	p         *partition
	lane      drivers.Lane
	next      int64        // to be delivered; the runner's own while it runs
	delivered atomic.Int64 // kept up to date with CommitAuto only
	mark      int64        // under consumer.mu
}

// Consumer implements drivers.Driver. It returns when the member has its
// partitions.
func (d *Driver) Consumer(s drivers.Settings, _ drivers.Env, h drivers.Handler) (drivers.Consumer, error) {
	ticks := s.Consume.CommitMode == drivers.CommitAuto || s.Consume.CommitMode == drivers.CommitMarked
	switch {
	case h == nil:
		return nil, errors.New("loopback consumer needs a handler")
	case s.GroupID == "":
		return nil, errors.New("loopback consumer needs a group id")
	case len(s.Topics) == 0:
		return nil, fmt.Errorf("loopback member of group %q needs a topic", s.GroupID)
	case s.Group.Static:
		return nil, fmt.Errorf("%s is unsupported by loopback: set it to false", drivers.KeyStatic)
	case ticks && s.Consume.CommitEvery <= 0:
		return nil, fmt.Errorf("%s must be above 0 with commit mode %q", drivers.KeyCommitEvery, s.Consume.CommitMode)
	}
	g := d.group(s.GroupID)
	c := &consumer{
		g: g, set: s.Consume, h: h, topics: slices.Clone(s.Topics),
		claims: make(map[drivers.TopicPartition]*claim),
	}
	ctx, quit := context.WithCancel(context.Background())
	c.quit = quit
	if ticks {
		c.committing.Go(func() { c.commitEvery(ctx, s.Consume.CommitEvery) })
	}
	// The background context never ends: a join waits for handlers as long as they take.
	if err := g.change(context.Background(), func() { g.members = append(g.members, c) }); err != nil {
		return nil, err
	}
	return c, nil
}

// Mark implements drivers.Consumer.
func (c *consumer) Mark(topic string, index int32, next int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if cl := c.claims[drivers.TopicPartition{Topic: topic, Partition: index}]; cl != nil {
		cl.mark = max(cl.mark, next)
	}
}

// Commit implements drivers.Consumer.
func (c *consumer) Commit(context.Context) error {
	if c.set.CommitMode == drivers.CommitNone {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, cl := range c.claims {
		c.commit(cl)
	}
	return nil
}

// commit commits what the mode says of one claim. c.mu is held, so that it
// cannot come after the claim was given up.
func (c *consumer) commit(cl *claim) {
	if c.set.CommitMode == drivers.CommitAuto {
		cl.p.commit(c.g.id, cl.delivered.Load())
		return
	}
	if cl.mark >= 0 {
		cl.p.commit(c.g.id, cl.mark)
	}
}

func (c *consumer) commitEvery(ctx context.Context, d time.Duration) {
	tick := time.NewTicker(d)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			_ = c.Commit(ctx) // it waits for nobody and cannot fail
		}
	}
}

// Close implements drivers.Consumer.
func (c *consumer) Close(ctx context.Context) error {
	c.quit()
	c.committing.Wait()
	if err := c.g.change(ctx, func() { c.leaving = true }); err != nil {
		return fmt.Errorf("close member of group %q, whose handler may not have returned: %w", c.g.id, err)
	}
	return nil
}

// Subscribe implements drivers.Subscriber.
func (c *consumer) Subscribe(ctx context.Context, topics []string) error {
	if err := c.g.change(ctx, func() { c.topics = slices.Clone(topics) }); err != nil {
		return fmt.Errorf("subscribe to %v: %w", topics, err)
	}
	return nil
}

// owned returns the member's partitions, in order.
func (c *consumer) owned() []*partition {
	c.mu.Lock()
	defer c.mu.Unlock()
	parts := make([]*partition, 0, len(c.claims))
	for _, cl := range c.claims {
		parts = append(parts, cl.p)
	}
	slices.SortFunc(parts, comparePartitions)
	return parts
}

func comparePartitions(a, b *partition) int {
	return cmp.Or(cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Partition, b.Partition))
}

// revoke takes partitions back: their lanes stand still first, then the handler
// hears of it and marks, then the marks are committed.
func (c *consumer) revoke(ctx context.Context, parts []*partition) error {
	if len(parts) == 0 {
		return nil
	}
	if err := c.halt(ctx, parts); err != nil {
		return err
	}
	c.h.Event(drivers.Event{Kind: drivers.Revoked, Parts: topicParts(parts)})
	byPolicy := c.set.CommitMode == drivers.CommitMarked || c.set.CommitMode == drivers.CommitAuto
	c.mu.Lock()
	for _, p := range parts {
		if c.set.CommitMode != drivers.CommitNone && (c.set.CommitOnRevoke || byPolicy && c.leaving) {
			c.commit(c.claims[p.TopicPartition])
		}
		delete(c.claims, p.TopicPartition)
		p.rewind(c.g.id)
	}
	c.mu.Unlock()
	c.start()
	return nil
}

// assign hands partitions to the member.
func (c *consumer) assign(parts []*partition) {
	if len(parts) == 0 {
		return
	}
	c.h.Event(drivers.Event{Kind: drivers.Assigned, Parts: topicParts(parts)})
	if c.set.Lanes != drivers.LanesPartition {
		// The one runner of the member is begun anew with the wider share. It
		// ends by itself as soon as the handler returns.
		_ = c.halt(context.Background(), c.owned())
	}
	for _, p := range parts {
		cl := &claim{p: p, lane: c.h.Open(p.Topic, p.Partition), mark: -1}
		cl.next = p.attach(c.g.id, c.set.Start == "latest")
		cl.delivered.Store(cl.next)
		c.mu.Lock()
		c.claims[p.TopicPartition] = cl
		c.mu.Unlock()
	}
	c.start()
}

// halt stops the runners that deliver any of parts and waits for them.
func (c *consumer) halt(ctx context.Context, parts []*partition) error {
	var stopped []*runner
	for _, r := range c.runners {
		if slices.ContainsFunc(r.claims, func(cl *claim) bool { return slices.Contains(parts, cl.p) }) {
			r.stopping.Store(true)
			r.rouse()
			stopped = append(stopped, r)
		}
	}
	for _, r := range stopped {
		select {
		case <-r.done:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	c.runners = slices.DeleteFunc(c.runners, func(r *runner) bool { return slices.Contains(stopped, r) })
	return nil
}

// start begins to deliver every claim that no runner delivers yet: one runner
// each with LanesPartition, else one for all of them.
func (c *consumer) start() {
	c.mu.Lock()
	defer c.mu.Unlock()
	var idle []*claim
	for _, cl := range c.claims {
		if !slices.ContainsFunc(c.runners, func(r *runner) bool { return slices.Contains(r.claims, cl) }) {
			idle = append(idle, cl)
		}
	}
	slices.SortFunc(idle, func(a, b *claim) int { return comparePartitions(a.p, b.p) })
	share := max(1, len(idle))
	if c.set.Lanes == drivers.LanesPartition {
		share = 1
	}
	for claims := range slices.Chunk(idle, share) {
		r := &runner{
			group: c.g.id, claims: claims, track: c.set.CommitMode == drivers.CommitAuto,
			wake: make(chan struct{}, 1), done: make(chan struct{}),
		}
		c.runners = append(c.runners, r)
		go r.run()
	}
}
