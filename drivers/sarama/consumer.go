package sarama

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	client "github.com/IBM/sarama"

	"github.com/kbench/kbench/drivers"
)

// consumer is one member of a group: a loop that calls Consume again and again,
// and the client's handler, whose ConsumeClaim runs once per partition.
//
// With an eager assignor a session begins with Setup and ends with Cleanup, and
// all partitions come and go with it. With cooperative-sticky the session goes
// on over rebalances and partitions come and go one by one, each with its claim.
type consumer struct {
	group       client.ConsumerGroup
	handler     drivers.Handler
	modes       drivers.ConsumeSettings
	cooperative bool

	ctx     context.Context // ends the loop
	cancel  context.CancelFunc
	stopped sync.WaitGroup // the loop, and the goroutine that reads errors
	closed  atomic.Bool

	serial sync.Mutex // held during Record with LanesMember
	opens  sync.Mutex // held during Open and Event, which claims would call at once

	mu      sync.Mutex
	topics  []string
	restart context.CancelFunc // ends the running Consume
	session client.ConsumerGroupSession
	owned   map[drivers.TopicPartition]bool
}

// errorPause keeps a client that fails again and again from filling the log.
const errorPause = 100 * time.Millisecond

func (driver) Consumer(s drivers.Settings, env drivers.Env, h drivers.Handler) (drivers.Consumer, error) {
	config, err := Config(s, env, drivers.Consuming)
	if err != nil {
		return nil, fmt.Errorf("sarama consumer: %w", err)
	}
	group, err := client.NewConsumerGroup(env.Seeds, s.GroupID, config)
	if err != nil {
		return nil, fmt.Errorf("sarama consumer: %w", err)
	}
	c := &consumer{
		group:   group,
		handler: h,
		modes:   s.Consume,
		topics:  slices.Clone(s.Topics),
		restart: func() {},
		owned:   make(map[drivers.TopicPartition]bool),
	}
	for _, strategy := range strategies(config) {
		c.cooperative = c.cooperative || strategy.Name() == cooperativeSticky
	}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	c.stopped.Go(c.run)
	c.stopped.Go(func() {
		for err := range group.Errors() {
			c.failed(err)
		}
	})
	return c, nil
}

// run calls Consume until the member is closed: it returns after every eager
// rebalance and after every loss of the session.
func (c *consumer) run() {
	for {
		c.mu.Lock()
		ctx, cancel := context.WithCancel(c.ctx)
		c.restart = cancel
		topics := c.topics
		c.mu.Unlock()
		err := c.group.Consume(ctx, topics, c)
		cancel()
		if c.ctx.Err() != nil || errors.Is(err, client.ErrClosedConsumerGroup) {
			return
		}
		if err != nil && !errors.Is(err, context.Canceled) {
			c.failed(err)
			select {
			case <-time.After(errorPause):
			case <-c.ctx.Done():
			}
		}
	}
}

func (c *consumer) failed(err error) {
	e := drivers.Event{Kind: drivers.Failed, Err: err}
	var ce *client.ConsumerError
	if errors.As(err, &ce) && ce.Topic != "" {
		e.Parts = []drivers.TopicPartition{{Topic: ce.Topic, Partition: ce.Partition}}
	}
	c.event(e)
}

func (c *consumer) event(e drivers.Event) {
	c.opens.Lock()
	defer c.opens.Unlock()
	c.handler.Event(e)
}

// Setup begins a session.
func (c *consumer) Setup(session client.ConsumerGroupSession) error {
	c.mu.Lock()
	c.session = session
	c.mu.Unlock()
	if !c.cooperative {
		c.assigned(drivers.PartitionsOf(session.Claims()))
	}
	return nil
}

// Cleanup ends a session: every claim has returned, and the client has not yet
// committed for the last time.
func (c *consumer) Cleanup(session client.ConsumerGroupSession) error {
	if !c.cooperative {
		c.released(session, drivers.PartitionsOf(session.Claims()))
	}
	c.mu.Lock()
	c.session = nil
	c.mu.Unlock()
	return nil
}

// ConsumeClaim is the lane of one partition. Beside the claim's channel it
// watches the session, as the client's documentation asks for.
func (c *consumer) ConsumeClaim(session client.ConsumerGroupSession, claim client.ConsumerGroupClaim) error {
	tp := drivers.TopicPartition{Topic: claim.Topic(), Partition: claim.Partition()}
	if c.cooperative {
		c.assigned([]drivers.TopicPartition{tp})
		defer c.released(session, []drivers.TopicPartition{tp})
	}
	c.opens.Lock()
	lane := c.handler.Open(tp.Topic, tp.Partition)
	c.opens.Unlock()

	// That the session is over is asked for every record, so it is asked of a
	// flag: a select between two channels costs more than the record does.
	var ended atomic.Bool
	defer context.AfterFunc(session.Context(), func() { ended.Store(true) })()

	r := &claimed{c: c, session: session, lane: lane, ended: &ended, auto: c.modes.CommitMode == drivers.CommitAuto}
	messages, over := claim.Messages(), session.Context().Done()
	for {
		var m *client.ConsumerMessage
		ok := true
		select {
		case m, ok = <-messages:
		default:
			select {
			case m, ok = <-messages:
			case <-over:
				return nil
			}
		}
		if !ok {
			return nil
		}
		if c.modes.Lanes == drivers.LanesPartition {
			ok = r.hand(m)
		} else {
			ok = r.inTurn(m, messages)
		}
		if !ok {
			return nil
		}
	}
}

// claimed hands the records of a claim to the harness.
type claimed struct {
	c       *consumer
	session client.ConsumerGroupSession
	lane    drivers.Lane
	ended   *atomic.Bool
	auto    bool
	rec     drivers.Rec
}

// hand gives one record to the harness, and says false where the session ended
// before it could: the member's lock may have been long in coming.
func (r *claimed) hand(m *client.ConsumerMessage) bool {
	if r.ended.Load() {
		return false
	}
	r.rec.Offset, r.rec.Key, r.rec.Value = m.Offset, m.Key, m.Value
	r.lane.Record(&r.rec)
	if r.auto {
		r.session.MarkOffset(m.Topic, m.Partition, m.Offset+1, "")
	}
	return true
}

// A turn is several records where they are there already and the handler is quick:
// claims that hand the member's lock to each other for every record mostly wait for
// each other. Where it is slow a turn is one record, so that all partitions get on.
const (
	turnRecords = 64
	quickRecord = 20 * time.Microsecond
)

// inTurn gives a record to the harness, and perhaps some of those behind it, while no
// other claim of the member does.
func (r *claimed) inTurn(m *client.ConsumerMessage, more <-chan *client.ConsumerMessage) bool {
	r.c.serial.Lock()
	defer r.c.serial.Unlock()
	if len(more) == 0 {
		return r.hand(m)
	}
	began := time.Now()
	if !r.hand(m) {
		return false
	}
	if time.Since(began) > quickRecord {
		return true
	}
	for range turnRecords - 1 {
		select {
		case m, ok := <-more:
			if !ok || !r.hand(m) {
				return false
			}
		default:
			return true
		}
	}
	return true
}

func (c *consumer) assigned(list []drivers.TopicPartition) {
	if len(list) == 0 {
		return
	}
	c.mu.Lock()
	for _, tp := range list {
		c.owned[tp] = true
	}
	c.mu.Unlock()
	c.event(drivers.Event{Kind: drivers.Assigned, Parts: list})
}

// released ends tenures, after the harness has made its last marks. With an
// interval the client itself commits them next; without one it would drop them.
func (c *consumer) released(session client.ConsumerGroupSession, list []drivers.TopicPartition) {
	if len(list) == 0 {
		return
	}
	kind := drivers.Revoked
	if lost(context.Cause(session.Context())) {
		kind = drivers.Lost
	}
	c.event(drivers.Event{Kind: kind, Parts: list})
	if kind == drivers.Revoked && c.modes.CommitMode == drivers.CommitSync && c.modes.CommitOnRevoke {
		session.Commit()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, tp := range list {
		delete(c.owned, tp)
	}
}

// lost says whether a session ended because the group went on without this
// member, so that its commits will be refused.
func lost(cause error) bool {
	for _, err := range append(missedHeartbeats(), client.ErrUnknownMemberId, client.ErrIllegalGeneration, client.ErrFencedInstancedId) {
		if errors.Is(cause, err) {
			return true
		}
	}
	return false
}

// Mark hands the mark to the client, which takes it forward only and commits it
// on its interval or at Commit.
func (c *consumer) Mark(topic string, partition int32, next int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.session != nil && c.owned[drivers.TopicPartition{Topic: topic, Partition: partition}] {
		c.session.MarkOffset(topic, partition, next, "")
	}
}

// Commit returns when the broker has answered. The client does not say what: a
// refused commit is reported as an event.
func (c *consumer) Commit(context.Context) error {
	if c.modes.CommitMode == drivers.CommitNone {
		return fmt.Errorf("commit: %s is none, which commits nothing", drivers.KeyCommitMode)
	}
	c.mu.Lock()
	session := c.session
	c.mu.Unlock()
	if session != nil {
		session.Commit()
	}
	return nil
}

// Subscribe ends the session; the next one has the new topics.
func (c *consumer) Subscribe(_ context.Context, topics []string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.topics = slices.Clone(topics)
	c.restart()
	return nil
}

// Close ends the session, whose end tells the harness and commits, and then the
// client, which leaves the group.
func (c *consumer) Close(ctx context.Context) error {
	if c.closed.Swap(true) {
		return nil
	}
	c.cancel()
	return drivers.Within(ctx, "sarama consumer: close", func() error {
		err := c.group.Close() // waits for the running Consume
		c.stopped.Wait()
		return err
	})
}
