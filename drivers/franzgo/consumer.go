package franzgo

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kbench/kbench/drivers"
	"github.com/kbench/kbench/drivers/lane"
)

// consumer is one member of a group: a loop that polls, and the client's
// callbacks, which with RevokeWait run only between the records of that loop.
type consumer struct {
	client  *kgo.Client
	handler drivers.Handler
	modes   drivers.ConsumeSettings

	ctx     context.Context // ends the poll loop
	cancel  context.CancelFunc
	stopped chan struct{} // closed when the loop has ended
	closing atomic.Bool
	leaving sync.WaitGroup // lanes that end after their revoke, with RevokeFree

	// wake holds a token while a rebalance waits for the records of the current
	// poll. The loop then lets it go first.
	wake chan struct{}

	mu      sync.Mutex
	tenures map[drivers.TopicPartition]*tenure
	topics  []string
}

// tenure is the time between an assignment of a partition to this member and its
// end.
type tenure struct {
	drivers.TopicPartition
	out   drivers.Lane
	queue *lane.Lane[[]*kgo.Record] // nil with LanesMember

	// Where the handler is. epoch is that of the last record handed to it, which
	// a commit carries so that a truncated log is noticed; last is the same for
	// the handling goroutine alone. handled is kept with CommitAuto only.
	last    int32
	epoch   atomic.Int32
	auto    bool
	handled atomic.Int64

	// Guarded by consumer.mu.
	owned     bool
	marked    int64
	committed int64
	head      map[string]map[int32]kgo.EpochOffset // marked, in the form the client takes
}

func (driver) Consumer(s drivers.Settings, env drivers.Env, h drivers.Handler) (drivers.Consumer, error) {
	opts, err := Options(s, env, drivers.Consuming)
	if err != nil {
		return nil, err
	}
	c := &consumer{
		handler: h,
		modes:   s.Consume,
		stopped: make(chan struct{}),
		wake:    make(chan struct{}, 1),
		tenures: make(map[drivers.TopicPartition]*tenure),
		topics:  slices.Clone(s.Topics),
	}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	opts = append(opts,
		kgo.OnPartitionsAssigned(func(_ context.Context, _ *kgo.Client, parts map[string][]int32) { c.assigned(parts) }),
		kgo.OnPartitionsRevoked(func(_ context.Context, _ *kgo.Client, parts map[string][]int32) { c.released(drivers.Revoked, parts) }),
		kgo.OnPartitionsLost(func(_ context.Context, _ *kgo.Client, parts map[string][]int32) { c.released(drivers.Lost, parts) }),
	)
	opts = append(opts, onBlocked(func() {
		select {
		case c.wake <- struct{}{}:
		default:
		}
	})...)
	// The callbacks may come before NewClient has returned.
	c.mu.Lock()
	c.client, err = kgo.NewClient(opts...)
	c.mu.Unlock()
	if err != nil {
		c.cancel()
		return nil, fmt.Errorf("franz-go consumer: %w", err)
	}
	go c.run()
	return c, nil
}

// run polls until the member is closed.
func (c *consumer) run() {
	defer close(c.stopped)
	most := pollRecords
	if c.modes.Revoke != drivers.RevokeWait {
		most = 0 // whatever is there
	}
	var rec drivers.Rec
	var chunks []chunk
	for c.ctx.Err() == nil {
		fetches := c.client.PollRecords(c.ctx, most)
		if c.ctx.Err() == nil {
			fetches.EachError(c.failed)
			chunks = c.resolve(chunks[:0], fetches)
			for i := range chunks {
				c.deliver(chunks[i], &rec)
				chunks[i] = chunk{}
			}
		}
		c.client.AllowRebalance()
	}
}

// chunk is the records of one partition in one poll.
type chunk struct {
	*tenure
	records []*kgo.Record
}

// resolve finds the tenures of what was polled, while no rebalance can change
// them.
func (c *consumer) resolve(chunks []chunk, fetches kgo.Fetches) []chunk {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range fetches {
		for j := range fetches[i].Topics {
			topic := &fetches[i].Topics[j]
			for k := range topic.Partitions {
				part := &topic.Partitions[k]
				if len(part.Records) == 0 {
					continue
				}
				if t := c.tenures[drivers.TopicPartition{Topic: topic.Topic, Partition: part.Partition}]; t != nil {
					chunks = append(chunks, chunk{t, part.Records})
				}
			}
		}
	}
	return chunks
}

func (c *consumer) failed(topic string, partition int32, err error) {
	if errors.Is(err, context.Canceled) || errors.Is(err, kgo.ErrClientClosed) {
		return
	}
	e := drivers.Event{Kind: drivers.Failed, Err: err}
	if topic != "" {
		e.Parts = []drivers.TopicPartition{{Topic: topic, Partition: partition}}
	}
	c.handler.Event(e)
}

// deliver hands a chunk to the handler, or to the lane of its partition. A
// rebalance that waits meanwhile goes first, and the rest of a chunk is handed
// over only while the member keeps the partition.
//
// With CommitAuto it has to wait for the chunk: asking the client for more, as
// yield does, tells it that all it gave before was handled.
func (c *consumer) deliver(ch chunk, rec *drivers.Rec) {
	wake := c.wake
	if c.modes.CommitMode == drivers.CommitAuto {
		wake = nil
	}
	if ch.queue != nil {
		for ch.queue.Put(ch.records, wake) == lane.Woken {
			if c.yield(); !c.keeps(ch.tenure) {
				return
			}
		}
		return
	}
	// A rebalance may have run while an earlier chunk of this poll was handled.
	if !c.keeps(ch.tenure) {
		return
	}
	for _, r := range ch.records {
		if len(wake) > 0 {
			<-wake
			if c.yield(); !c.keeps(ch.tenure) {
				return
			}
		}
		if c.closing.Load() {
			return
		}
		ch.hand(r, rec)
	}
}

// yield lets a waiting rebalance run, and returns when it has. A poll that is
// over before it begins takes no records but blocks the next rebalance again.
func (c *consumer) yield() {
	c.client.AllowRebalance()
	over, cancel := context.WithCancel(c.ctx)
	cancel()
	c.client.PollRecords(over, 1)
}

func (c *consumer) keeps(t *tenure) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return t.owned
}

// hand gives one record to the harness. It runs on one goroutine at a time.
func (t *tenure) hand(r *kgo.Record, rec *drivers.Rec) {
	if r.LeaderEpoch != t.last {
		t.last = r.LeaderEpoch
		t.epoch.Store(t.last)
	}
	rec.Offset, rec.Key, rec.Value = r.Offset, r.Key, r.Value
	t.out.Record(rec)
	if t.auto {
		t.handled.Store(r.Offset + 1)
	}
}

// assigned starts the tenures of new partitions.
func (c *consumer) assigned(parts map[string][]int32) {
	list := drivers.PartitionsOf(parts)
	if len(list) == 0 {
		return
	}
	c.handler.Event(drivers.Event{Kind: drivers.Assigned, Parts: list})
	for _, tp := range list {
		t := &tenure{TopicPartition: tp, out: c.handler.Open(tp.Topic, tp.Partition), last: -1, owned: true,
			auto: c.modes.CommitMode == drivers.CommitAuto, marked: -1}
		t.epoch.Store(-1)
		t.handled.Store(-1)
		t.head = map[string]map[int32]kgo.EpochOffset{tp.Topic: {}}
		if c.modes.Lanes == drivers.LanesPartition {
			rec := new(drivers.Rec)
			t.queue = lane.New(laneDepth, func(records []*kgo.Record) {
				for _, r := range records {
					if t.queue.Stopping() {
						return
					}
					t.hand(r, rec)
				}
			})
		}
		c.mu.Lock()
		c.tenures[tp] = t
		c.mu.Unlock()
	}
}

// released ends tenures. The client's own commit on revoke is replaced by the
// mere presence of this callback, so it is done here, after the harness has made
// its last marks.
func (c *consumer) released(kind drivers.EventKind, parts map[string][]int32) {
	list := drivers.PartitionsOf(parts)
	ended := c.owned(list)
	if len(list) == 0 {
		return
	}
	for _, t := range ended {
		if t.queue == nil {
			continue
		}
		if c.modes.Revoke == drivers.RevokeWait || c.closing.Load() {
			t.queue.Stop()
		} else {
			c.leaving.Go(t.queue.Stop)
		}
	}
	c.handler.Event(drivers.Event{Kind: kind, Parts: list})
	if kind == drivers.Revoked && c.commitsOnRelease() {
		if err := c.commit(contextOf(c.client), ended); err != nil {
			c.handler.Event(drivers.Event{Kind: drivers.Failed, Parts: list, Err: fmt.Errorf("commit on revoke: %w", err)})
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, t := range ended {
		t.owned = false
		delete(c.tenures, t.TopicPartition)
	}
}

// owned are the running tenures of the listed partitions.
func (c *consumer) owned(list []drivers.TopicPartition) []*tenure {
	c.mu.Lock()
	defer c.mu.Unlock()
	var ts []*tenure
	for _, tp := range list {
		if t := c.tenures[tp]; t != nil {
			ts = append(ts, t)
		}
	}
	return ts
}

// all are all running tenures.
func (c *consumer) all() []*tenure {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Collect(maps.Values(c.tenures))
}

// Subscribe changes the topics of the running member.
func (c *consumer) Subscribe(_ context.Context, topics []string) error {
	c.mu.Lock()
	before := c.topics
	c.topics = slices.Clone(topics)
	c.mu.Unlock()
	c.client.AddConsumeTopics(without(topics, before)...)
	purge(c.client, without(before, topics))
	return nil
}

// without are the topics that are not among others.
func without(topics, others []string) []string {
	return slices.DeleteFunc(slices.Clone(topics), func(t string) bool { return slices.Contains(others, t) })
}

// Close ends the loop, and then the client: its leaving revokes what is still
// assigned, which tells the harness and commits.
func (c *consumer) Close(ctx context.Context) error {
	if c.closing.Swap(true) {
		return nil
	}
	c.cancel()
	return drivers.Within(ctx, "franz-go consumer: close", func() error {
		for _, t := range c.all() {
			if t.queue != nil {
				t.queue.Stop()
			}
		}
		<-c.stopped
		c.client.CloseAllowingRebalance()
		c.leaving.Wait()
		return nil
	})
}
