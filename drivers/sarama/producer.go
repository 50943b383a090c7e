package sarama

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	client "github.com/IBM/sarama"

	"github.com/kbench/kbench/drivers"
)

type producer struct {
	client  client.AsyncProducer
	unacked bool // the broker answers nothing
	ack     func(*drivers.Msg, error)
	fault   func(error)         // nil: nobody wants to know
	done    chan struct{}       // closed when the last ack is out
	closed  atomic.Bool         // the client panics when it is closed again, or sent to afterwards
	slabs   map[int32][]message // of each partition, the unused part of its last slab
	looked  int                 // keeps looking from being left out

	answering sync.Mutex // acks come one at a time
}

// message is what a Msg keeps in Native: the client's message, and its key and
// value in the form that the client reads them, so that none is allocated anew.
type message struct {
	client.ProducerMessage
	key, value payload
}

// payload is bytes behind a pointer: putting it into the client's interface
// costs no allocation.
type payload []byte

func (p *payload) Encode() ([]byte, error) { return *p, nil }
func (p *payload) Length() int             { return len(*p) }

// slabMessages is how many messages of a partition are allocated together: what is sent to one in
// a row lies in a row, which is what a processor reads ahead in.
const slabMessages = 64

func (driver) Producer(s drivers.Settings, env drivers.Env, ack func(*drivers.Msg, error)) (drivers.Producer, error) {
	config, err := Config(s, env, drivers.Producing)
	if err != nil {
		return nil, fmt.Errorf("sarama producer: %w", err)
	}
	c, err := client.NewAsyncProducer(env.Seeds, config)
	if err != nil {
		return nil, fmt.Errorf("sarama producer: %w", err)
	}
	p := &producer{
		client:  c,
		unacked: config.Producer.RequiredAcks == client.NoResponse,
		ack:     ack,
		fault:   env.Fault,
		slabs:   map[int32][]message{},
		done:    make(chan struct{}),
	}
	go p.drain()
	return p, nil
}

// drain acks. The client's channels are unbuffered and its brokers wait for them, so
// each has a goroutine that does nothing else: a select of both would cost a record
// a twentieth of what the client does. The lock is as good as never waited for, since
// what fails is rare.
func (p *producer) drain() {
	defer close(p.done)
	var failing sync.WaitGroup
	failing.Go(func() {
		for e := range p.client.Errors() {
			p.answering.Lock()
			if m := p.of(e.Msg); m != nil {
				p.fail(m, e.Err)
			}
			p.answering.Unlock()
		}
	})
	for m := range p.client.Successes() {
		p.answering.Lock()
		if msg := p.of(m); msg != nil {
			p.succeed(msg, m)
		}
		p.answering.Unlock()
	}
	failing.Wait()
}

// of is the Msg that an answer is about. Version 1.32.0 was seen to answer for a message
// that it had not been given: that is its fault, and no record has its answer by it.
func (p *producer) of(m *client.ProducerMessage) *drivers.Msg {
	if m != nil {
		if msg, ours := m.Metadata.(*drivers.Msg); ours {
			return msg
		}
	}
	if p.fault != nil {
		where := "of no topic"
		if m != nil {
			where = fmt.Sprintf("of topic %q, partition %d", m.Topic, m.Partition)
		}
		p.fault(fmt.Errorf("sarama producer: the client answered for a message %s, that it was not given: it has no metadata of ours", where))
	}
	return nil
}

func (p *producer) succeed(msg *drivers.Msg, m *client.ProducerMessage) {
	msg.Offset = m.Offset
	if p.unacked {
		msg.Offset = -1
	}
	p.ack(msg, nil)
}

func (p *producer) fail(m *drivers.Msg, err error) {
	m.Offset = -1
	p.ack(m, err)
}

// Send waits for room in the client's channels, which is all the backpressure it
// has.
func (p *producer) Send(ctx context.Context, msgs []*drivers.Msg) error {
	if p.closed.Load() {
		return errors.New("sarama producer is closed: send before Close")
	}
	// Messages that are used again have left the cache. All are looked at before the
	// first is used, so that they come side by side.
	for _, m := range msgs {
		if native, ok := m.Native.(*message); ok {
			p.looked += len(native.Topic) + int(native.Offset) + native.Timestamp.Nanosecond() + len(native.value)
		}
	}
	input, over := p.client.Input(), ctx.Done()
	for i, m := range msgs {
		native, ok := m.Native.(*message)
		if !ok {
			native = p.prepare(m)
		}
		// All is written anew: the client keeps its own state in a message.
		native.ProducerMessage = client.ProducerMessage{Topic: m.Topic, Partition: m.Partition, Metadata: m}
		if m.Key != nil {
			native.key = m.Key
			native.Key = &native.key
		}
		native.value = m.Value
		native.Value = &native.value
		select { // of one channel, since a select locks all that it names
		case input <- &native.ProducerMessage:
			continue
		default:
		}
		select {
		case input <- &native.ProducerMessage:
		case <-over:
			return &drivers.NotTaken{Taken: i, Err: ctx.Err()}
		}
	}
	return nil
}

// prepare gives a Msg its message. Send is called by one goroutine at a time, so
// the slab needs no lock.
func (p *producer) prepare(m *drivers.Msg) *message {
	slab := p.slabs[m.Partition]
	if len(slab) == 0 {
		slab = make([]message, slabMessages)
	}
	native := &slab[0]
	p.slabs[m.Partition] = slab[1:]
	m.Native = native
	return native
}

// Close flushes, though nothing is outstanding.
func (p *producer) Close(ctx context.Context) error {
	if !p.closed.Swap(true) {
		p.client.AsyncClose()
	}
	return drivers.Within(ctx, "sarama producer: close", func() error { <-p.done; return nil })
}
