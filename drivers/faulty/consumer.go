package faulty

import (
	"bytes"
	"context"
	"sync"
	"time"

	"github.com/kbench/kbench/drivers"
)

type consumer struct {
	drivers.Consumer
	fault Fault
	h     *handler

	mu    sync.Mutex
	marks map[drivers.TopicPartition]int64 // the last one given, for Regress
}

// subscriber is a consumer whose client can change its topics.
type subscriber struct {
	*consumer
	drivers.Subscriber
}

// Mark implements drivers.Consumer.
func (c *consumer) Mark(topic string, partition int32, next int64) {
	switch c.fault.Kind {
	case Regress:
		tp := drivers.TopicPartition{Topic: topic, Partition: partition}
		c.mu.Lock()
		last, ok := c.marks[tp]
		c.marks[tp] = next
		c.mu.Unlock()
		if !ok {
			return
		}
		next = last
	case Overcommit:
		next++
	}
	c.Consumer.Mark(topic, partition, next)
}

// Close implements drivers.Consumer.
func (c *consumer) Close(ctx context.Context) error {
	if c.fault.Kind == Hang {
		select {}
	}
	c.h.once.Do(func() { close(c.h.closing) })
	if err := c.Consumer.Close(ctx); err != nil {
		return err
	}
	if c.fault.Kind == Zombie {
		c.h.haunt(nil)
	}
	return nil
}

// handler stands between the client and the harness.
type handler struct {
	drivers.Handler
	fault   Fault
	closing chan struct{} // closed when Close was called: stuck lanes let go
	once    sync.Once

	mu    sync.Mutex
	lanes map[drivers.TopicPartition]*lane
}

// Open implements drivers.Handler.
func (h *handler) Open(topic string, partition int32) drivers.Lane {
	l := &lane{out: h.Handler.Open(topic, partition), h: h}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.lanes[drivers.TopicPartition{Topic: topic, Partition: partition}] = l
	return l
}

// Event implements drivers.Handler.
func (h *handler) Event(ev drivers.Event) {
	h.Handler.Event(ev)
	if h.fault.Kind == Zombie && ev.Kind == drivers.Revoked {
		h.haunt(ev.Parts)
	}
}

// haunt delivers the last record of the partitions again, or of all for nil.
func (h *handler) haunt(parts []drivers.TopicPartition) {
	h.mu.Lock()
	var lanes []*lane
	if parts == nil {
		for _, l := range h.lanes {
			lanes = append(lanes, l)
		}
	}
	for _, tp := range parts {
		if l := h.lanes[tp]; l != nil {
			lanes = append(lanes, l)
		}
	}
	h.mu.Unlock()
	for _, l := range lanes {
		l.mu.Lock()
		last := l.last
		l.mu.Unlock()
		if last != nil {
			l.out.Record(last)
		}
	}
}

// lane breaks the records of one partition.
type lane struct {
	out  drivers.Lane
	h    *handler
	n    int
	held *drivers.Rec // for Reorder: waits for its successor

	mu   sync.Mutex
	last *drivers.Rec // for Zombie
}

// Record implements drivers.Lane.
func (l *lane) Record(r *drivers.Rec) {
	l.n++
	hit := l.n%l.h.fault.Nth == 0
	once := l.n == l.h.fault.Nth
	switch kind := l.h.fault.Kind; {
	case kind == Drop && hit:
		return
	case kind == Duplicate && hit:
		again := clone(r)
		l.out.Record(r)
		l.out.Record(again)
		return
	case kind == Reorder && hit && l.held == nil:
		l.held = clone(r)
		return
	case kind == Corrupt && hit && len(r.Value) > 0:
		// A copy, because the client's memory is not the harness's to change.
		bad := clone(r)
		bad.Value[len(bad.Value)/2] ^= 1
		l.out.Record(bad)
		return
	case kind == Stuck && once:
		<-l.h.closing
		return
	case kind == Stall && once:
		time.Sleep(l.h.fault.For)
	case kind == Zombie:
		l.mu.Lock()
		l.last = clone(r)
		l.mu.Unlock()
	}
	l.out.Record(r)
	if l.held != nil {
		held := l.held
		l.held = nil
		l.out.Record(held)
	}
}

func clone(r *drivers.Rec) *drivers.Rec {
	return &drivers.Rec{Offset: r.Offset, Key: bytes.Clone(r.Key), Value: bytes.Clone(r.Value)}
}
