package franzgo

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kbench/kbench/drivers"
)

type producer struct {
	client *kgo.Client
	acks   drivers.Acks
	ack    func(*drivers.Msg, error)
	slab   []record // the unused part of the last slab
}

// record is what a Msg keeps in Native: the client's record and the promise
// that acks the Msg, both made once and used again and again.
type record struct {
	kgo.Record
	promise func(*kgo.Record, error)
}

// slabRecords is how many records are allocated together.
const slabRecords = 256

func (driver) Producer(s drivers.Settings, env drivers.Env, ack func(*drivers.Msg, error)) (drivers.Producer, error) {
	opts, err := Options(s, env, drivers.Producing)
	if err != nil {
		return nil, err
	}
	client, err := kgo.NewClient(opts...)
	if err != nil {
		return nil, fmt.Errorf("franz-go producer: %w", err)
	}
	acks := s.Produce.Acks
	if s.Mode != drivers.Matched {
		acks = drivers.AcksAll
	}
	return &producer{client: client, acks: acks, ack: ack}, nil
}

// Send never waits: the client's own limit of buffered records is above the
// harness's window. The records are not bound to ctx, which is the call's alone.
func (p *producer) Send(_ context.Context, msgs []*drivers.Msg) error {
	for _, m := range msgs {
		r, ok := m.Native.(*record)
		if !ok {
			r = p.prepare(m)
		}
		// All but the promise is written anew: the client keeps its own state in
		// a record, and a used one must not look sent.
		r.Record = kgo.Record{Topic: m.Topic, Partition: m.Partition, Key: m.Key, Value: m.Value}
		p.client.Produce(context.Background(), &r.Record, r.promise)
	}
	return nil
}

// prepare gives a Msg its record. Send is called by one goroutine at a time, so
// the slab needs no lock.
func (p *producer) prepare(m *drivers.Msg) *record {
	if len(p.slab) == 0 {
		p.slab = make([]record, slabRecords)
	}
	r := &p.slab[0]
	p.slab = p.slab[1:]
	unknown := p.acks == drivers.AcksNone
	r.promise = func(done *kgo.Record, err error) {
		m.Offset = done.Offset
		if err != nil || unknown {
			m.Offset = -1
		}
		p.ack(m, err)
	}
	m.Native = r
	return r
}

// Close ends the client. Nothing is outstanding, so there is nothing to flush.
func (p *producer) Close(ctx context.Context) error {
	return drivers.Within(ctx, "franz-go producer: close", func() error { p.client.Close(); return nil })
}
