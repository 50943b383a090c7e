package drivertest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kbench/kbench/drivers"
)

// checkSendBlocked gives a client more than it has room for while no broker answers
// it, ends the context of the call, and lets the brokers answer again.
func checkSendBlocked(ctx context.Context, e *Env) error {
	const calls, each = 300, 64
	tps, s := e.alone(1)
	e.needBroker()
	net, env := &muted{dial: e.env().Dial}, e.env()
	env.Dial = net.Dial
	b := &blocked{acks: make(map[*drivers.Msg]int)}
	e.must(at("start a producer", bounded(ctx, checkLimit, "Producer", func(context.Context) (err error) {
		b.p, err = e.drv.Producer(s, env, b.ack)
		return err
	})))
	e.atEnd(func() error {
		return bounded(context.Background(), e.closing(), "Producer.Close", func(ctx context.Context) error {
			_ = b.p.Close(ctx) // what it cannot get rid of was said by acks
			return nil
		})
	})
	net.mute()
	sending, cancel := context.WithCancel(ctx)
	returned := make(chan error, 1)
	go func() {
		for range calls {
			if err := b.send(sending, tps[0], each); err != nil {
				returned <- err
				return
			}
		}
		returned <- nil
	}()
	quiet(ctx, 300*time.Millisecond)
	cancel()
	var err error
	select {
	case err = <-returned:
	case <-time.After(e.closing()):
		net.answer()
		return errors.New("send hangs on a context that has ended")
	}
	net.answer()
	if left := (*drivers.NotTaken)(nil); err != nil && !errors.As(err, &left) {
		return nil // the producer is at an end
	}
	if err := until(ctx, b.answered, func() string { return "acks of what was taken" }); err != nil {
		return err
	}
	return b.sound()
}

// blocked is a producer, what it was given, and how often that was acked.
type blocked struct {
	p    drivers.Producer
	sent []*drivers.Msg

	mu   sync.Mutex
	acks map[*drivers.Msg]int
}

func (b *blocked) ack(m *drivers.Msg, _ error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.acks[m]++
}

// send sends a few records and keeps those that were taken.
func (b *blocked) send(ctx context.Context, tp topicPart, n int) error {
	if ctx.Err() != nil {
		return nil
	}
	var chunk []*drivers.Msg
	for range n {
		m := &drivers.Msg{Key: make([]byte, keyBytes), Value: make([]byte, valueBytes), Topic: tp.Topic, Partition: tp.Partition, Seq: uint64(len(b.sent)), Offset: -1}
		stamp(m.Key, m.Value, tp, m.Seq)
		chunk = append(chunk, m)
	}
	err := b.p.Send(ctx, append([]*drivers.Msg(nil), chunk...))
	if left := (*drivers.NotTaken)(nil); errors.As(err, &left) {
		chunk = chunk[:left.Taken]
	}
	b.sent = append(b.sent, chunk...)
	return err
}

func (b *blocked) answered() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.acks) >= len(b.sent)
}

// sound says that each record that was taken was acked once, and no other.
func (b *blocked) sound() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, m := range b.sent {
		if n := b.acks[m]; n != 1 {
			return fmt.Errorf("record %d was acked %d times", m.Seq, n)
		}
	}
	if n := len(b.acks) - len(b.sent); n > 0 {
		return fmt.Errorf("%d records were acked that Send said it had not taken", n)
	}
	return nil
}

// muted is a network on which answers can get lost.
type muted struct {
	dial   func(ctx context.Context, network, addr string) (net.Conn, error)
	silent atomic.Bool
	mu     sync.Mutex
	conns  []net.Conn
}

func (m *muted) Dial(ctx context.Context, network, addr string) (net.Conn, error) {
	c, err := m.dial(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.conns = append(m.conns, c)
	return &mutedConn{c, m}, nil
}

func (m *muted) mute() { m.silent.Store(true) }

// answer ends the silence, and the connections on which an answer is missing.
func (m *muted) answer() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.silent.Store(false)
	for _, c := range m.conns {
		_ = c.Close()
	}
}

type mutedConn struct {
	net.Conn
	m *muted
}

func (c *mutedConn) Read(b []byte) (int, error) {
	for {
		n, err := c.Conn.Read(b)
		if err != nil || !c.m.silent.Load() {
			return n, err
		}
	}
}
