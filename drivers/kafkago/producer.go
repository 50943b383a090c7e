package kafkago

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/segmentio/kafka-go"

	"github.com/kbench/kbench/drivers"
)

type producer struct {
	writer    *kafka.Writer
	transport *kafka.Transport
	ack       func(*drivers.Msg, error)
	scratch   []kafka.Message // of Send; the client copies what it is given

	// refusing keeps an ack from Send, for a Msg that the client does not take,
	// apart from the acks of batches, which share it.
	refusing sync.RWMutex
}

func (driver) Producer(s drivers.Settings, env drivers.Env, ack func(*drivers.Msg, error)) (drivers.Producer, error) {
	writer, transport, err := NewWriter(s, env)
	if err != nil {
		return nil, err
	}
	p := &producer{writer: writer, transport: transport, ack: ack}
	writer.Completion = p.complete
	return p, nil
}

// NewWriter is an asynchronous Writer and the Transport below it, without a
// Completion. It is exported so that a loop without the harness can be measured
// with the very same client.
func NewWriter(s drivers.Settings, env drivers.Env) (*kafka.Writer, *kafka.Transport, error) {
	sasl, err := mechanism(env.SASL)
	if err != nil {
		return nil, nil, err
	}
	transport := &kafka.Transport{
		Dial:     env.Dial,
		ClientID: s.ClientID,
		SASL:     sasl,
	}
	askFor(transport, s.Topics)
	writer := &kafka.Writer{
		Addr:        kafka.TCP(env.Seeds...),
		Async:       true,
		Transport:   transport,
		ErrorLogger: logger(env, 0),
	}
	if err := translate(s).Apply(s, drivers.Producing, target{writer: writer, transport: transport}); err != nil {
		return nil, nil, fmt.Errorf("kafka-go producer: %w", err)
	}
	return writer, transport, nil
}

// Send passes the slice on in one call, as the client's documentation advises.
// The call waits for nothing but the first metadata of a topic.
func (p *producer) Send(ctx context.Context, msgs []*drivers.Msg) error {
	p.scratch = p.scratch[:0]
	for _, m := range msgs {
		p.scratch = append(p.scratch, carry(m))
	}
	rest := p.scratch
	for len(rest) > 0 {
		err := p.writer.WriteMessages(ctx, rest...)
		var large kafka.MessageTooLargeError
		switch {
		case err == nil:
			return nil
		case errors.Is(err, io.ErrClosedPipe):
			return fmt.Errorf("kafka-go producer: the writer is closed: %w", err)
		case errors.As(err, &large):
			// The client has taken nothing and says what to try again with.
			p.refuse(err, large.Message)
			rest = large.Remaining
		case ctx.Err() != nil && len(rest) == len(p.scratch):
			return &drivers.NotTaken{Err: ctx.Err()}
		default:
			p.refuse(err, rest...)
			return nil
		}
	}
	return nil
}

// refuse acks what the client did not take.
func (p *producer) refuse(err error, msgs ...kafka.Message) {
	p.refusing.Lock()
	defer p.refusing.Unlock()
	for i := range msgs {
		m := carried(&msgs[i])
		m.Offset = -1
		p.ack(m, err)
	}
}

// complete acks a batch. The client calls it in order within a partition and
// concurrently across partitions.
func (p *producer) complete(msgs []kafka.Message, err error) {
	p.refusing.RLock()
	defer p.refusing.RUnlock()
	unknown := err != nil || p.writer.RequiredAcks == kafka.RequireNone
	for i := range msgs {
		m := carried(&msgs[i])
		m.Offset = msgs[i].Offset
		if unknown {
			m.Offset = -1
		}
		p.ack(m, err)
	}
}

// Close flushes, though nothing is outstanding, and closes the connections.
func (p *producer) Close(ctx context.Context) error {
	return drivers.Within(ctx, "kafka-go producer: close", func() error {
		err := p.writer.Close()
		p.transport.CloseIdleConnections()
		return err
	})
}
