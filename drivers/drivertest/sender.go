package drivertest

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/kbench/kbench/drivers"
)

const (
	windowRecords = 64
	chunkRecords  = 8
	keyBytes      = 8
	valueBytes    = 120
)

type topicPart = drivers.TopicPartition

// parts lists the first n partitions of a topic.
func parts(topic string, n int) []topicPart {
	out := make([]topicPart, n)
	for i := range out {
		out[i] = topicPart{Topic: topic, Partition: int32(i)}
	}
	return out
}

// sender is a producer under test. It is the only one of its topics, so that the
// sequence number of a record and its offset are the same number.
//
// It reuses a few Msgs, and overwrites the buffers of each as soon as it is
// acked: a driver that still needs them would deliver rubbish.
type sender struct {
	e     *Env
	p     drivers.Producer
	free  chan *drivers.Msg
	onAck func(*drivers.Msg, error) // before the Msg is reused; nil: errors are complaints
	blind bool                      // the plan says that no broker answers, so no offset is known

	mu       sync.Mutex
	inFlight map[*drivers.Msg]bool
	sent     map[topicPart]uint64 // next sequence number
	acked    map[topicPart]uint64
	closed   bool
	hung     bool // Close did not return
}

// newSender starts a producer. It is closed at the end of the check.
func (e *Env) newSender(ctx context.Context, s drivers.Settings, env drivers.Env, onAck func(*drivers.Msg, error)) *sender {
	snd, err := e.startSender(ctx, s, env, onAck)
	e.must(err)
	return snd
}

// startSender does so and says why it could not.
func (e *Env) startSender(ctx context.Context, s drivers.Settings, env drivers.Env, onAck func(*drivers.Msg, error)) (*sender, error) {
	snd := &sender{
		e: e, onAck: onAck, blind: e.plan(s, drivers.KeyAcks).Claim == "0", free: make(chan *drivers.Msg, windowRecords),
		inFlight: make(map[*drivers.Msg]bool), sent: make(map[topicPart]uint64), acked: make(map[topicPart]uint64),
	}
	for range windowRecords {
		snd.free <- &drivers.Msg{Key: make([]byte, keyBytes), Value: make([]byte, valueBytes)}
	}
	err := bounded(ctx, checkLimit, "Producer", func(context.Context) error {
		p, err := e.drv.Producer(s, env, snd.ack)
		snd.p = p
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("start a producer: %w", err)
	}
	e.atEnd(func() error { return snd.close(context.Background()) })
	return snd, nil
}

func (s *sender) ack(m *drivers.Msg, err error) {
	tp := topicPart{Topic: m.Topic, Partition: m.Partition}
	s.mu.Lock()
	if s.closed {
		s.e.complain("record %d of %v was acked after Close had returned", m.Seq, tp)
	}
	if !s.inFlight[m] {
		s.e.complain("an ack of %v for a record that was not in flight: acked twice, or never sent", tp)
		s.mu.Unlock()
		return
	}
	delete(s.inFlight, m)
	if want := s.acked[tp]; m.Seq != want {
		s.e.complain("record %d of %v was acked where %d was next: acks of a partition come in order", m.Seq, tp, want)
	}
	s.acked[tp] = m.Seq + 1
	s.mu.Unlock()
	switch {
	case s.onAck != nil:
		s.onAck(m, err)
	case err != nil:
		s.e.complain("record %d of %v: ack: %v", m.Seq, tp, err)
	case s.blind && m.Offset == -1:
	case m.Offset != int64(m.Seq):
		s.e.complain("record %d of %v was acked with offset %d: the offset of the only producer's n-th record is n", m.Seq, tp, m.Offset)
	}
	if err != nil {
		// The driver may still hold the buffers of what failed.
		m = &drivers.Msg{Key: make([]byte, keyBytes), Value: make([]byte, valueBytes)}
	}
	scribble(m.Key)
	scribble(m.Value)
	s.free <- m
}

func scribble(b []byte) {
	for i := range b {
		b[i] = 0xAA
	}
}

// send sends n records to each of the partitions, in turns, and returns when all
// are acked.
func (s *sender) send(ctx context.Context, tps []topicPart, n int) error {
	var chunk []*drivers.Msg
	flush := func() error {
		if len(chunk) == 0 {
			return nil
		}
		err := s.p.Send(ctx, chunk)
		clear(chunk) // the slice is the caller's again: nothing may look at it later
		chunk = chunk[:0]
		return at("send", err)
	}
	for range n {
		for _, tp := range tps {
			if len(chunk) == chunkRecords || len(s.free) == 0 {
				if err := flush(); err != nil {
					return err
				}
			}
			select {
			case m := <-s.free:
				s.prepare(m, tp)
				chunk = append(chunk, m)
			case <-ctx.Done():
				return fmt.Errorf("%d records are not acked: %w", s.outstanding(), ctx.Err())
			}
		}
	}
	if err := flush(); err != nil {
		return err
	}
	return s.drain(ctx)
}

func (s *sender) prepare(m *drivers.Msg, tp topicPart) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m.Topic, m.Partition, m.Seq, m.Offset = tp.Topic, tp.Partition, s.sent[tp], -1
	s.sent[tp]++
	s.inFlight[m] = true
	stamp(m.Key, m.Value, tp, m.Seq)
}

// drain waits until every record is acked.
func (s *sender) drain(ctx context.Context) error {
	return until(ctx, func() bool { return s.outstanding() == 0 }, func() string {
		return fmt.Sprintf("%d records were never acked", s.outstanding())
	})
}

func (s *sender) outstanding() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.inFlight)
}

func (s *sender) close(ctx context.Context) error {
	s.mu.Lock()
	hung := s.hung
	s.mu.Unlock()
	if hung {
		return nil // it was said once
	}
	err := bounded(ctx, s.e.closing(), "Producer.Close", s.p.Close)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hung = errors.Is(err, errHangs)
	s.closed = s.closed || err == nil
	return at("close the producer", err)
}

// sends produces n records to each of the partitions and returns the producer,
// for more of them.
func (e *Env) sends(ctx context.Context, s drivers.Settings, env drivers.Env, tps []topicPart, n int) *sender {
	snd := e.newSender(ctx, s, env, nil)
	e.must(snd.send(ctx, tps, n))
	return snd
}

// fill produces n records to each of the partitions with a producer of its own.
func (e *Env) fill(ctx context.Context, s drivers.Settings, tps []topicPart, n int) {
	e.must(e.sends(ctx, s, e.env(), tps, n).close(ctx))
}
