package bare

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	client "github.com/IBM/sarama"
	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kbench/kbench/drivers"
	"github.com/kbench/kbench/drivers/franzgo"
	"github.com/kbench/kbench/drivers/kafkago"
	saramadriver "github.com/kbench/kbench/drivers/sarama"
)

// slabRecords is how many records are allocated together.
const slabRecords = 1024

// window bounds the records outstanding, as kbench does, with one counter: the
// clients' own limits differ, and one of them has none.
type window struct {
	m     *meter
	acked *count
	limit int64
	// every is how many acks lie between two that wake: far less than the window,
	// so that among the acks that follow on a full one there is always one.
	every int64
	wake  chan struct{}
	rate  float64
	began time.Time
}

func newWindow(m *meter, j Job) *window {
	limit := int64(j.Settings.Produce.Window)
	return &window{
		m: m, acked: &m.parts[0], limit: limit, every: max(limit/4/publishEvery, 1) * publishEvery, wake: make(chan struct{}, 1),
		rate: j.Rate, began: time.Now(),
	}
}

// room waits until a chunk more may be outstanding, and says false at the end.
func (w *window) room(sent, chunk int64) bool {
	for sent+chunk-w.acked.Load() > w.limit {
		select {
		case <-w.wake:
		case <-w.m.ctx.Done():
			return false
		}
	}
	if w.rate > 0 && !w.due(sent+chunk) {
		return false
	}
	return sent%clockEvery != 0 || !w.m.over()
}

// due waits until the rate allows so many records, and says false at the end.
func (w *window) due(records int64) bool {
	return until(w.m.ctx.Done(), func() bool { return time.Since(w.began).Seconds()*w.rate >= float64(records) })
}

// acks is the ack side of a client that acks on one goroutine.
type acks struct {
	*window
	n int64
}

func (a *acks) one() {
	a.n++
	if a.n%publishEvery == 0 {
		a.acked.Store(a.n)
		if a.n%a.every == 0 {
			a.rouse()
		}
	}
}

func (w *window) rouse() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// sharedValues is how many values all records share. They stay in the cache.
const sharedValues = 256

// values are the shared ones. They have no pattern, like those of kbench, should a
// codec ever be looked at.
func (j Job) values() [sharedValues][]byte {
	var vs [sharedValues][]byte
	rng := rand.New(rand.NewPCG(1, uint64(j.Size)))
	for i := range vs {
		vs[i] = make([]byte, j.Size)
		for at := range vs[i] {
			vs[i][at] = byte(rng.Uint32())
		}
	}
	return vs
}

func produceFranzGo(m *meter, j Job) error {
	opts, err := franzgo.Options(j.Settings, j.env(), drivers.Producing)
	if err != nil {
		return err
	}
	c, err := kgo.NewClient(opts...)
	if err != nil {
		return fmt.Errorf("franz-go: %w", err)
	}
	defer c.Close()
	a := &acks{window: newWindow(m, j)}
	acked := func(_ *kgo.Record, err error) {
		if err != nil {
			m.fail(fmt.Errorf("franz-go: produce: %w", err))
			return
		}
		a.one()
	}
	values, chunk := j.values(), int64(j.Settings.Produce.Chunk)
	var slab []kgo.Record
	var p int32
	var v uint8
	for sent := int64(0); a.room(sent, chunk); sent += chunk {
		for range chunk {
			if len(slab) == 0 {
				slab = make([]kgo.Record, slabRecords)
			}
			r := &slab[0]
			slab = slab[1:]
			r.Topic, r.Partition, r.Value = j.Topic, p, values[v]
			v++
			if p++; int(p) == j.Partitions {
				p = 0
			}
			c.Produce(context.Background(), r, acked)
		}
	}
	return nil
}

func produceSarama(m *meter, j Job) error {
	config, err := saramadriver.Config(j.Settings, j.env(), drivers.Producing)
	if err != nil {
		return err
	}
	c, err := client.NewAsyncProducer(j.Seeds, config)
	if err != nil {
		return fmt.Errorf("sarama: %w", err)
	}
	a := &acks{window: newWindow(m, j)}
	var drains sync.WaitGroup
	drains.Go(func() {
		for range c.Successes() {
			a.one()
		}
	})
	drains.Go(func() {
		for e := range c.Errors() {
			m.fail(fmt.Errorf("sarama: produce: %w", e.Err))
		}
	})
	var values [sharedValues]client.Encoder
	for i, v := range j.values() {
		values[i] = client.ByteEncoder(v)
	}
	input, chunk := c.Input(), int64(j.Settings.Produce.Chunk)
	var slab []client.ProducerMessage
	var p int32
	var v uint8
	for sent := int64(0); a.room(sent, chunk); sent += chunk {
		for range chunk {
			if len(slab) == 0 {
				slab = make([]client.ProducerMessage, slabRecords)
			}
			r := &slab[0]
			slab = slab[1:]
			r.Topic, r.Partition, r.Value = j.Topic, p, values[v]
			v++
			if p++; int(p) == j.Partitions {
				p = 0
			}
			input <- r
		}
	}
	c.AsyncClose()
	drains.Wait()
	return nil
}

func produceKafkaGo(m *meter, j Job) error {
	c, transport, err := kafkago.NewWriter(j.Settings, j.env())
	if err != nil {
		return err
	}
	defer transport.CloseIdleConnections()
	w := newWindow(m, j)
	c.Balancer = kafka.BalancerFunc(func(r kafka.Message, _ ...int) int { return r.WriterData.(int) })
	c.Completion = func(batch []kafka.Message, err error) {
		if err != nil {
			m.fail(fmt.Errorf("kafka-go: produce: %w", err))
			return
		}
		n := int64(len(batch))
		if after := w.acked.Add(n); after/w.every != (after-n)/w.every {
			w.rouse()
		}
	}
	values, chunk := j.values(), int64(j.Settings.Produce.Chunk)
	batch := make([]kafka.Message, chunk) // the client copies it
	p := 0
	var v uint8
	for sent := int64(0); w.room(sent, chunk); sent += chunk {
		for i := range batch {
			r := &batch[i]
			r.Topic, r.Value, r.WriterData = j.Topic, values[v], p
			v++
			if p++; p == j.Partitions {
				p = 0
			}
		}
		if err := c.WriteMessages(m.ctx, batch...); err != nil && m.ctx.Err() == nil {
			return errors.Join(fmt.Errorf("kafka-go: produce: %w", err), c.Close())
		}
	}
	if err := c.Close(); err != nil {
		return fmt.Errorf("kafka-go: close: %w", err)
	}
	return nil
}
