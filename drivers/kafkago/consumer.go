package kafkago

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/segmentio/kafka-go"

	"github.com/kbench/kbench/drivers"
	"github.com/kbench/kbench/drivers/kafkago/door"
	"github.com/kbench/kbench/drivers/lane"
)

// consumer is one member of a group: a Reader and the loop that empties it.
//
// The Reader says nothing of rebalances, so the driver reports no events, and
// knows of partitions only by their records. It therefore takes marks of every
// partition that was ever delivered: a mark that comes after a rebalance took
// the partition away is committed by this client over that of the new owner,
// for it has no filter of its own. That is a finding about the client, and is
// seen on the wire as a commit that goes back.
type consumer struct {
	reader  *kafka.Reader
	door    func() // ends what leads its connections
	handler drivers.Handler
	modes   drivers.ConsumeSettings

	ctx     context.Context // ends the loop
	cancel  context.CancelFunc
	stopped chan struct{} // closed when the loop has ended
	closed  atomic.Bool

	// The loop's own.
	rebalances int64
	rec        drivers.Rec
	last       *part // the one that was delivered last

	mu    sync.Mutex
	parts map[drivers.TopicPartition]*part
}

// part is one partition that was delivered.
type part struct {
	drivers.TopicPartition
	out        drivers.Lane
	queue      *lane.Lane[item] // nil with LanesMember
	next       int64            // the offset after the last one delivered
	rebalances int64            // how many there had been when it was opened

	// Guarded by consumer.mu.
	marked    int64
	committed int64
}

// item is what waits in a lane. It names the harness's lane, which is another
// one after a rebalance, while the order within the partition goes on.
type item struct {
	out drivers.Lane
	kafka.Message
}

// errorPause keeps a client that returns the same passing error again and again
// from filling the log.
const errorPause = 100 * time.Millisecond

func (driver) Consumer(s drivers.Settings, env drivers.Env, h drivers.Handler) (drivers.Consumer, error) {
	config, err := ReaderConfig(s, env)
	if err != nil {
		return nil, err
	}
	closeDoor := func() {}
	if dialsPast {
		led, err := door.Open(env.Seeds, env.Dial)
		if err != nil {
			return nil, fmt.Errorf("kafka-go consumer: this version dials for its group past the dialer that it is given, and has to be led to it: %w", err)
		}
		config.Dialer.Resolver, config.Dialer.DialFunc, closeDoor = led, led.Dial, led.Close
	}
	c := &consumer{
		reader:  kafka.NewReader(config),
		door:    closeDoor,
		handler: h,
		modes:   s.Consume,
		stopped: make(chan struct{}),
		parts:   make(map[drivers.TopicPartition]*part),
	}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	go c.run()
	return c, nil
}

// ReaderConfig is the configuration of a member. It is exported so that a loop
// without the harness can be measured with the very same client.
func ReaderConfig(s drivers.Settings, env drivers.Env) (kafka.ReaderConfig, error) {
	sasl, err := mechanism(env.SASL)
	if err != nil {
		return kafka.ReaderConfig{}, err
	}
	config := kafka.ReaderConfig{
		Brokers:     env.Seeds,
		GroupID:     s.GroupID,
		GroupTopics: s.Topics,
		Dialer: &kafka.Dialer{
			ClientID:      s.ClientID,
			DialFunc:      env.Dial,
			SASLMechanism: sasl,
			Timeout:       10 * time.Second,
		},
		Logger:      logger(env, 2),
		ErrorLogger: logger(env, 0),
	}
	if err := translate(s).Apply(s, drivers.Consuming, target{reader: &config}); err != nil {
		return config, fmt.Errorf("kafka-go consumer: %w", err)
	}
	if err := config.Validate(); err != nil {
		return config, fmt.Errorf("kafka-go consumer: %w", err)
	}
	return config, nil
}

// run takes records one by one until the member is closed. Errors of the client
// are passing, such as a broker that cannot be reached: it goes on by itself.
func (c *consumer) run() {
	defer close(c.stopped)
	fetch := c.reader.FetchMessage
	if c.modes.CommitMode == drivers.CommitAuto {
		fetch = c.reader.ReadMessage
	}
	for {
		m, err := fetch(c.ctx)
		switch {
		case err == nil:
			c.deliver(m)
		case c.ctx.Err() != nil || errors.Is(err, io.EOF):
			return
		default:
			c.handler.Event(drivers.Event{Kind: drivers.Failed, Err: err})
			select {
			case <-time.After(errorPause):
			case <-c.ctx.Done():
				return
			}
		}
	}
}

func (c *consumer) deliver(m kafka.Message) {
	// Records of one partition come many in a row, and a map of strings costs
	// more than all else here.
	p := c.last
	if p == nil || p.Partition != int32(m.Partition) || p.Topic != m.Topic {
		p = c.parts[drivers.TopicPartition{Topic: m.Topic, Partition: int32(m.Partition)}]
	}
	if p == nil || p.next != m.Offset {
		p = c.open(p, m)
	}
	c.last = p
	p.next = m.Offset + 1
	if p.queue != nil {
		p.queue.Put(item{p.out, m}, nil)
		return
	}
	c.rec = drivers.Rec{Offset: m.Offset, Key: m.Key, Value: m.Value}
	p.out.Record(&c.rec)
}

// open begins a tenure for the first record of a partition, and for one that
// does not follow on the last after a rebalance: then the partition was read
// anew from what was committed. A break without a rebalance is left in the
// tenure, where the harness will see it.
func (c *consumer) open(p *part, m kafka.Message) *part {
	c.rebalances += c.reader.Stats().Rebalances
	if p != nil && p.rebalances == c.rebalances {
		return p
	}
	tp := drivers.TopicPartition{Topic: m.Topic, Partition: int32(m.Partition)}
	opened := &part{TopicPartition: tp, out: c.handler.Open(tp.Topic, tp.Partition), rebalances: c.rebalances, marked: m.Offset, committed: m.Offset}
	switch {
	case p != nil:
		opened.queue = p.queue
	case c.modes.Lanes == drivers.LanesPartition:
		var rec drivers.Rec
		opened.queue = lane.New(laneDepth, func(i item) {
			rec = drivers.Rec{Offset: i.Offset, Key: i.Key, Value: i.Value}
			i.out.Record(&rec)
		})
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.parts[tp] = opened
	return opened
}

// Mark hands the mark to the client, which commits it on its interval, or keeps
// it until Commit.
func (c *consumer) Mark(topic string, partition int32, next int64) {
	c.mu.Lock()
	p := c.parts[drivers.TopicPartition{Topic: topic, Partition: partition}]
	if p == nil || next <= p.marked {
		c.mu.Unlock()
		return
	}
	p.marked = next
	c.mu.Unlock()
	if c.modes.CommitMode == drivers.CommitMarked {
		// With an interval the client only takes note. It fails when the Reader
		// is closed, and then there is nothing to commit to.
		_ = c.reader.CommitMessages(context.Background(), message(p.TopicPartition, next))
	}
}

// message is a record as CommitMessages wants it: the last one processed.
func message(tp drivers.TopicPartition, next int64) kafka.Message {
	return kafka.Message{Topic: tp.Topic, Partition: int(tp.Partition), Offset: next - 1}
}

// Commit commits the marks and waits for the broker. The client does that only
// where it commits nothing on an interval.
func (c *consumer) Commit(ctx context.Context) error {
	if c.modes.CommitMode != drivers.CommitSync {
		return fmt.Errorf("commit: kafka-go waits for a commit with %s sync alone, not with %s", drivers.KeyCommitMode, c.modes.CommitMode)
	}
	var msgs []kafka.Message
	c.mu.Lock()
	for tp, p := range c.parts {
		if p.marked > p.committed {
			msgs = append(msgs, message(tp, p.marked))
		}
	}
	c.mu.Unlock()
	if len(msgs) == 0 {
		return nil
	}
	if err := c.reader.CommitMessages(ctx, msgs...); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, m := range msgs {
		p := c.parts[drivers.TopicPartition{Topic: m.Topic, Partition: int32(m.Partition)}]
		p.committed = max(p.committed, m.Offset+1)
	}
	return nil
}

// Close ends the loop and the lanes, so that every mark is made, and then the
// Reader, which commits what is marked and leaves the group.
func (c *consumer) Close(ctx context.Context) error {
	if c.closed.Swap(true) {
		return nil
	}
	c.cancel()
	return drivers.Within(ctx, "kafka-go consumer: close", func() error {
		c.stopLanes() // first, for the loop may wait for room in one
		<-c.stopped
		c.stopLanes() // and those that the loop has opened meanwhile
		var err error
		if c.modes.CommitMode == drivers.CommitSync && c.modes.CommitOnRevoke {
			err = c.Commit(ctx)
		}
		err = errors.Join(err, c.reader.Close())
		c.door()
		return err
	})
}

func (c *consumer) stopLanes() {
	c.mu.Lock()
	var queues []*lane.Lane[item]
	for _, p := range c.parts {
		if p.queue != nil {
			queues = append(queues, p.queue)
		}
	}
	c.mu.Unlock()
	for _, q := range queues {
		q.Stop()
	}
}
