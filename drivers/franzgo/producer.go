package franzgo

import (
	"context"
	"fmt"
	"time"
	"unsafe"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kbench/kbench/drivers"
)

type producer struct {
	client *kgo.Client
	acks   drivers.Acks
	ack    func(*drivers.Msg, error)
	slabs  map[int32][]record // of each partition, the unused part of its last slab
	looked int                // keeps looking from being left out
}

// record is what a Msg keeps in Native: the client's record and the promise
// that acks the Msg, both made once and used again and again.
type record struct {
	kgo.Record
	promise func(*kgo.Record, error)
}

// renew makes the record one that was never sent. The client keeps its own state in a
// record; what it does not write, and what stays as it is from one use to the next
// (the context is always the same), is left alone, for each line of memory that is written costs what the client would
// be charged with.
func (r *record) renew(m *drivers.Msg) {
	if len(r.Value) != len(m.Value) || unsafe.SliceData(r.Value) != unsafe.SliceData(m.Value) {
		r.Value = m.Value
	}
	if r.Key != nil || m.Key != nil {
		r.Key = m.Key
	}
	if r.Topic != m.Topic {
		r.Topic = m.Topic
	}
	r.Partition = m.Partition
	r.Timestamp, r.Attrs, r.ProducerEpoch, r.ProducerID, r.LeaderEpoch, r.Offset = time.Time{}, kgo.RecordAttrs{}, 0, 0, 0, 0
}

// slabRecords is how many records of a partition are allocated together: what is sent to one in
// a row lies in a row, which is what a processor reads ahead in.
const slabRecords = 64

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
	return &producer{client: client, acks: acks, ack: ack, slabs: map[int32][]record{}}, nil
}

// Send never waits: the client's own limit of buffered records is above the
// harness's window. The records are not bound to ctx, which is the call's alone.
func (p *producer) Send(_ context.Context, msgs []*drivers.Msg) error {
	// Records that are used again have left the cache. All are looked at before the
	// first is used, so that they come side by side.
	for _, m := range msgs {
		if r, ok := m.Native.(*record); ok {
			p.looked += len(r.Value) + int(r.Partition) + int(r.Offset)
		}
	}
	for _, m := range msgs {
		r, ok := m.Native.(*record)
		if !ok {
			r = p.prepare(m)
		}
		r.renew(m)
		p.client.Produce(context.Background(), &r.Record, r.promise)
	}
	return nil
}

// prepare gives a Msg its record. Send is called by one goroutine at a time, so
// the slab needs no lock.
func (p *producer) prepare(m *drivers.Msg) *record {
	slab := p.slabs[m.Partition]
	if len(slab) == 0 {
		slab = make([]record, slabRecords)
	}
	r := &slab[0]
	p.slabs[m.Partition] = slab[1:]
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
