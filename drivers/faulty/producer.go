package faulty

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/kbench/kbench/drivers"
)

type producer struct {
	drivers.Producer
	fault Fault
	ack   func(*drivers.Msg, error)
	gate  *turnstile // for Serve

	mu   sync.Mutex // also makes early acks come one at a time
	n    int
	acks atomic.Int64
	next map[drivers.TopicPartition]int64 // offsets as EarlyAck guesses them
	late sync.WaitGroup                   // sent, acked long ago, not yet written
}

// Send implements drivers.Producer.
func (p *producer) Send(ctx context.Context, msgs []*drivers.Msg) error {
	switch p.fault.Kind {
	case Swallow:
		return p.swallow(ctx, msgs)
	case EarlyAck:
		return p.ackFirst(ctx, msgs)
	case Block:
		return p.block(ctx, msgs)
	case Serve:
		return p.serve(ctx, msgs)
	default:
		return p.Producer.Send(ctx, msgs)
	}
}

func (p *producer) swallow(ctx context.Context, msgs []*drivers.Msg) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	var kept, swallowed []*drivers.Msg
	for _, m := range msgs {
		if p.n++; p.n%p.fault.Nth == 0 {
			swallowed = append(swallowed, m)
		} else {
			kept = append(kept, m)
		}
	}
	if err := p.Producer.Send(ctx, kept); err != nil {
		return fmt.Errorf("without the swallowed: %v", err) // of these Msgs nobody says which were taken
	}
	for _, m := range swallowed {
		m.Offset = -1
		p.ack(m, nil)
	}
	return nil
}

// block lets so many through.
func (p *producer) block(ctx context.Context, msgs []*drivers.Msg) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	before := min(len(msgs), p.fault.Nth-1-p.n)
	p.n += before
	if before > 0 {
		if err := p.Producer.Send(ctx, msgs[:before]); err != nil {
			return err
		}
	}
	if before == len(msgs) {
		return nil
	}
	<-ctx.Done()
	return &drivers.NotTaken{Taken: before, Err: ctx.Err()}
}

// serve says of Msgs when they came.
func (p *producer) serve(ctx context.Context, msgs []*drivers.Msg) error {
	p.gate.comes(len(msgs))
	err := p.Producer.Send(ctx, msgs)
	if err != nil {
		taken := 0
		if short := (*drivers.NotTaken)(nil); errors.As(err, &short) {
			taken = short.Taken
		}
		p.gate.stays(len(msgs) - taken)
	}
	return err
}

// ackTwice acks a copy again, as the harness may reuse what was acked.
func (p *producer) ackTwice(m *drivers.Msg, err error) {
	again := *m
	p.ack(m, err)
	if p.acks.Add(1)%int64(p.fault.Nth) == 0 {
		p.ack(&again, err)
	}
}

// ackFirst sends copies, as the harness reuses what was acked. The offsets are
// guessed well, so that nothing but the moment of the ack is wrong.
func (p *producer) ackFirst(ctx context.Context, msgs []*drivers.Msg) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	copies := make([]*drivers.Msg, len(msgs))
	for i, m := range msgs {
		copies[i] = &drivers.Msg{Topic: m.Topic, Partition: m.Partition, Key: bytes.Clone(m.Key), Value: bytes.Clone(m.Value)}
		tp := drivers.TopicPartition{Topic: m.Topic, Partition: m.Partition}
		m.Offset = p.next[tp]
		p.next[tp]++
		p.ack(m, nil)
	}
	p.late.Add(len(copies))
	if err := p.Producer.Send(ctx, copies); err != nil {
		p.late.Add(-len(copies))
		return fmt.Errorf("after %d early acks: %v", len(copies), err)
	}
	return nil
}

// Close implements drivers.Producer.
func (p *producer) Close(ctx context.Context) error {
	if p.fault.Kind == Hang {
		select {}
	}
	p.late.Wait()
	return p.Producer.Close(ctx)
}
