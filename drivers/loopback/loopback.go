// Package loopback is a driver without a broker and without a client: topics
// are logs in memory, and a producer and the consumers of one Driver value share
// them. It tells what the harness itself costs, and gives known answers: nothing
// in it waits, retries or rebalances for reasons of its own.
//
// A record is copied into its partition's log and acked inside Send. A goroutine
// per lane delivers it. Send never runs a handler, so a slow handler delays the
// records behind it and not the schedule of the producer.
//
// A log keeps what some group has not committed, up to 8 MiB for each
// partition. Above that the oldest records go, as by a topic's retention, but
// never one that a group with members has yet to be given: Send waits instead.
// A producer that nothing consumes can thus run for ever; a backlog must fit.
//
// The package is not a model of Kafka: no wire, no sessions, no replicas. What
// has no meaning here is Unsupported in its Plan.
package loopback

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/kbench/kbench/drivers"
)

// Driver is the loopback driver; its producers and consumers share its topics
// and groups.
type Driver struct {
	mu     sync.Mutex
	topics map[string][]*partition // a slice is replaced, never changed, when it grows
	groups map[string]*group
}

var (
	_ drivers.Driver     = (*Driver)(nil)
	_ drivers.Brokerless = (*Driver)(nil)
)

// New returns a driver with no topics. A topic comes into being, and grows, when
// a record is sent to it or CreateTopic is called.
func New() drivers.Driver {
	return &Driver{topics: make(map[string][]*partition), groups: make(map[string]*group)}
}

// Name implements drivers.Driver.
func (d *Driver) Name() string { return "loopback" }

// Brokerless implements drivers.Brokerless.
func (d *Driver) Brokerless() bool { return true }

// CreateTopic makes a topic, or gives one more partitions. A harness that knows
// the number calls it first, so that no group is rebalanced by the first records.
func (d *Driver) CreateTopic(name string, partitions int) {
	d.partitions(name, partitions)
}

// partitions returns the partitions of a topic, which are at least n.
func (d *Driver) partitions(name string, n int) []*partition {
	d.mu.Lock()
	parts := d.topics[name]
	var groups []*group
	if n > len(parts) {
		parts = slices.Clone(parts)
		for i := len(parts); i < n; i++ {
			parts = append(parts, newPartition(name, int32(i)))
		}
		d.topics[name] = parts
		groups = slices.Collect(maps.Values(d.groups))
	}
	d.mu.Unlock()
	for _, g := range groups {
		// It hands out the new ones. The background context never ends, so neither
		// does it fail.
		_ = g.change(context.Background(), func() {})
	}
	return parts
}

func (d *Driver) group(id string) *group {
	d.mu.Lock()
	defer d.mu.Unlock()
	g := d.groups[id]
	if g == nil {
		g = newGroup(d, id)
		d.groups[id] = g
	}
	return g
}

// Committed returns a group's committed offset, or -1. It is what a broker's
// admin side would answer.
func (d *Driver) Committed(group, topic string, index int32) int64 {
	p := d.find(topic, index)
	if p == nil {
		return -1
	}
	return p.committed(group)
}

// End returns the offset after a partition's last record.
func (d *Driver) End(topic string, index int32) int64 {
	p := d.find(topic, index)
	if p == nil {
		return 0
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.next
}

// find returns a partition, or nil where there is none.
func (d *Driver) find(topic string, index int32) *partition {
	d.mu.Lock()
	defer d.mu.Unlock()
	parts := d.topics[topic]
	if index < 0 || int(index) >= len(parts) {
		return nil
	}
	return parts[index]
}

// Members returns how many members a group has.
func (d *Driver) Members(group string) int {
	d.mu.Lock()
	g := d.groups[group]
	d.mu.Unlock()
	if g == nil {
		return 0
	}
	return int(g.size.Load())
}

var errClosed = errors.New("producer is closed: send before Close")

type producer struct {
	d    *Driver
	ack  func(*drivers.Msg, error)
	done chan struct{} // closed by Close, so that a Send that waits for room ends
	once sync.Once

	// mu makes the acks of a partition come in order when several goroutines
	// send. It is held during acks, so an ack must not call Send.
	mu    sync.Mutex
	topic string // of parts: nearly always that of the next record too
	parts []*partition
	rouse []*partition // with sleeping readers
}

// Producer implements drivers.Driver.
func (d *Driver) Producer(_ drivers.Settings, _ drivers.Env, ack func(*drivers.Msg, error)) (drivers.Producer, error) {
	if ack == nil {
		return nil, errors.New("loopback producer needs an ack function")
	}
	return &producer{d: d, ack: ack, done: make(chan struct{})}, nil
}

// Send implements drivers.Producer: every Msg that is taken is acked before it returns.
func (p *producer) Send(ctx context.Context, msgs []*drivers.Msg) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-p.done:
		return errClosed
	default:
	}
	for i, m := range msgs {
		offset, err := p.send(ctx, m)
		if err != nil && ctx.Err() != nil {
			p.wake()
			return &drivers.NotTaken{Taken: i, Err: err}
		}
		m.Offset = offset
		p.ack(m, err)
	}
	p.wake()
	return nil
}

// wake rouses the readers of what was sent. To do it once per Send and not once
// per record is what keeps a record cheap: a wake-up costs more than a copy.
func (p *producer) wake() {
	for _, part := range p.rouse {
		part.rouse()
	}
	p.rouse = p.rouse[:0]
}

func (p *producer) send(ctx context.Context, m *drivers.Msg) (int64, error) {
	if m.Partition < 0 {
		return -1, fmt.Errorf("partition %d of topic %q does not exist: the harness chooses one from 0", m.Partition, m.Topic)
	}
	if p.topic != m.Topic || int(m.Partition) >= len(p.parts) {
		p.parts = p.d.partitions(m.Topic, int(m.Partition)+1)
		p.topic = m.Topic
	}
	part := p.parts[m.Partition]
	for {
		offset, asleep, full := part.append(m.Key, m.Value)
		if full == nil {
			if asleep && !slices.Contains(p.rouse, part) {
				p.rouse = append(p.rouse, part)
			}
			return offset, nil
		}
		p.wake()
		select {
		case <-full:
		case <-ctx.Done():
			return -1, fmt.Errorf("partition %d of topic %q is full of undelivered records: %w", m.Partition, m.Topic, ctx.Err())
		case <-p.done:
			return -1, errClosed
		}
	}
}

// Close implements drivers.Producer.
func (p *producer) Close(context.Context) error {
	p.once.Do(func() { close(p.done) })
	p.mu.Lock() // no ack comes after Close
	defer p.mu.Unlock()
	return nil
}
