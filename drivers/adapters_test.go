package drivers_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/kbench/kbench/drivers"
	"github.com/kbench/kbench/drivers/franzgo"
	"github.com/kbench/kbench/drivers/kafkago"
	"github.com/kbench/kbench/drivers/sarama"
)

// adapters are the drivers with a client.
func adapters() []drivers.Driver {
	return []drivers.Driver{franzgo.New(), sarama.New(), kafkago.New()}
}

// each runs a test of every client, beside each other.
func each(t *testing.T, f func(t *testing.T, d drivers.Driver)) {
	for _, d := range adapters() {
		t.Run(d.Name(), func(t *testing.T) {
			t.Parallel()
			f(t, d)
		})
	}
}

// eachIn runs a test of every client in several ways.
func eachIn(t *testing.T, ways []string, f func(t *testing.T, d drivers.Driver, way string)) {
	each(t, func(t *testing.T, d drivers.Driver) {
		for _, way := range ways {
			t.Run(way, func(t *testing.T) {
				t.Parallel()
				f(t, d, way)
			})
		}
	})
}

const (
	topic      = "work"
	partitions = 3
	// patience is what only a defect uses up.
	patience = 2 * time.Minute
)

// settings are those of a matched workload that every client can do.
func settings() drivers.Settings {
	return drivers.Settings{
		Mode: drivers.Matched,
		Produce: drivers.ProduceSettings{
			Acks: drivers.AcksAll, InFlight: 1, Linger: 5 * time.Millisecond, BatchBytes: 64 << 10, Codec: "none",
			AckTimeout: 5 * time.Second, Retries: 3, RetryBackoff: 100 * time.Millisecond, Window: 10_000, Chunk: 100,
		},
		Consume: drivers.ConsumeSettings{
			Start: "earliest", FetchMin: 1, FetchMax: 50 << 20, FetchMaxPartition: 1 << 20, FetchWait: 250 * time.Millisecond,
			Isolation: "read_uncommitted", CommitMode: drivers.CommitMarked, CommitEvery: 200 * time.Millisecond, CommitOnRevoke: true,
			Lanes: drivers.LanesMember, Revoke: drivers.RevokeWait,
		},
		Group: drivers.GroupSettings{
			Protocol: "classic", Assignors: []string{"range"}, Session: 10 * time.Second, Heartbeat: 500 * time.Millisecond,
			Rebalance: 10 * time.Second, RejoinBackoff: 200 * time.Millisecond,
		},
		MetadataRefresh: 30 * time.Second,
		ClientID:        "kbench-test",
		Topics:          []string{topic},
		GroupID:         "group",
		RecordBytes:     100,
	}
}

// cluster is a fake broker of its own for one test, and the way to it. Every
// connection is counted, so that a driver which dials by itself is seen.
func cluster(t *testing.T, opts ...kfake.Opt) (drivers.Env, *atomic.Int64) {
	t.Helper()
	return start(t, func(*kfake.Cluster) {}, opts...)
}

func start(t *testing.T, prepare func(*kfake.Cluster), opts ...kfake.Opt) (drivers.Env, *atomic.Int64) {
	t.Helper()
	c, err := kfake.NewCluster(append([]kfake.Opt{kfake.NumBrokers(2), kfake.SeedTopics(partitions, topic)}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	prepare(c)
	var dials atomic.Int64
	return drivers.Env{
		Seeds: c.ListenAddrs(),
		Dial: func(ctx context.Context, network, addr string) (net.Conn, error) {
			dials.Add(1)
			return dial(ctx, network, addr)
		},
		// Not to t: a client may have something to say after its test.
		Log: func(level int, line string) {
			if testing.Verbose() {
				fmt.Fprintln(os.Stderr, t.Name(), level, line)
			}
		},
	}, &dials
}

func dial(ctx context.Context, network, addr string) (net.Conn, error) {
	return new(net.Dialer).DialContext(ctx, network, addr)
}

// watched is a cluster whose requests are looked at.
func watched(t *testing.T, w *seen) (drivers.Env, *atomic.Int64) {
	t.Helper()
	return start(t, func(c *kfake.Cluster) { c.Control(w.request) })
}

// otherTopic adds a topic of one partition.
func otherTopic() kfake.Opt { return kfake.SeedTopics(1, "other") }

// produce sends n records round robin and waits for their acks.
func produce(t *testing.T, d drivers.Driver, s drivers.Settings, env drivers.Env, n int) []*drivers.Msg {
	t.Helper()
	msgs := make([]*drivers.Msg, n)
	for i := range msgs {
		value := make([]byte, s.RecordBytes)
		copy(value, fmt.Sprint(i/partitions))
		msgs[i] = &drivers.Msg{Topic: topic, Partition: int32(i % partitions), Value: value, Offset: -2}
	}
	send(t, d, s, env, msgs)
	return msgs
}

// send sends records of the caller's and waits for their acks.
func send(t *testing.T, d drivers.Driver, s drivers.Settings, env drivers.Env, msgs []*drivers.Msg) {
	t.Helper()
	acks := make(chan error, len(msgs))
	p, err := d.Producer(s, env, func(m *drivers.Msg, err error) { acks <- err })
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	await := func(n int) {
		for range n {
			select {
			case err := <-acks:
				if err != nil {
					t.Fatal("ack:", err)
				}
			case <-ctx.Done():
				t.Fatalf("%s: an ack is missing", d.Name())
			}
		}
	}
	give := func(msgs []*drivers.Msg) {
		for chunk := range slices.Chunk(msgs, s.Produce.Chunk) {
			if err := p.Send(ctx, chunk); err != nil {
				t.Fatal(err)
			}
		}
		await(len(msgs))
	}
	// The first records go alone, as in a warm-up: franz-go cuts batches short
	// until it knows which version the broker speaks.
	first := min(len(msgs), partitions)
	give(msgs[:first])
	give(msgs[first:])
	if err := p.Close(ctx); err != nil {
		t.Fatal(err)
	}
}

// handler keeps what a member was given.
type handler struct {
	mu      sync.Mutex
	member  drivers.Consumer
	opened  []drivers.TopicPartition
	events  []drivers.Event
	offsets map[drivers.TopicPartition][]int64
	inside  atomic.Int32
	beside  atomic.Bool // two Records at once
	each    time.Duration
	count   atomic.Int64
}

func newHandler() *handler {
	return &handler{offsets: make(map[drivers.TopicPartition][]int64)}
}

func (h *handler) Open(topic string, partition int32) drivers.Lane {
	tp := drivers.TopicPartition{Topic: topic, Partition: partition}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.opened = append(h.opened, tp)
	return &recorder{h, tp}
}

func (h *handler) Event(e drivers.Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.events = append(h.events, e)
}

type recorder struct {
	h  *handler
	tp drivers.TopicPartition
}

func (r *recorder) Record(rec *drivers.Rec) {
	if r.h.inside.Add(1) > 1 {
		r.h.beside.Store(true)
	}
	defer r.h.inside.Add(-1)
	time.Sleep(r.h.each)
	r.h.mu.Lock()
	r.h.offsets[r.tp] = append(r.h.offsets[r.tp], rec.Offset)
	member := r.h.member
	r.h.mu.Unlock()
	if member != nil {
		member.Mark(r.tp.Topic, r.tp.Partition, rec.Offset+1)
	}
	r.h.count.Add(1)
}

// join starts a member.
func join(t *testing.T, d drivers.Driver, s drivers.Settings, env drivers.Env, h *handler) drivers.Consumer {
	t.Helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	c, err := d.Consumer(s, env, h)
	if err != nil {
		t.Fatal(err)
	}
	h.member = c
	return c
}

func leave(t *testing.T, c drivers.Consumer) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := c.Close(ctx); err != nil {
		t.Fatal(err)
	}
}

// eventually waits for what must come.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("did not happen: %s", what)
		}
	}
}

// ordered fails unless the partitions hold exactly the offsets from first on.
func (h *handler) ordered(t *testing.T, n int) {
	t.Helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	total := 0
	for tp, offsets := range h.offsets {
		for i, o := range offsets {
			if o != int64(i) {
				t.Fatalf("%v: record %d has offset %d", tp, i, o)
			}
		}
		total += len(offsets)
	}
	if total != n {
		t.Fatalf("%d records of %d", total, n)
	}
}

// nothingOld says that the group holds the marks of its last member: the next one
// gets new records alone.
func nothingOld(t *testing.T, d drivers.Driver, s drivers.Settings, env drivers.Env) {
	t.Helper()
	h := newHandler()
	c := join(t, d, s, env, h)
	produce(t, d, s, env, partitions)
	eventually(t, "the new records", func() bool { return h.count.Load() >= partitions })
	leave(t, c)
	if got := h.count.Load(); got != partitions {
		t.Errorf("the second member got %d records, want %d", got, partitions)
	}
}

func TestProduceAndConsume(t *testing.T) {
	eachIn(t, []string{drivers.LanesMember, drivers.LanesPartition}, func(t *testing.T, d drivers.Driver, lanes string) {
		env, dials := cluster(t)
		s := settings()
		s.Consume.Lanes = lanes
		const n = 3000
		for i, m := range produce(t, d, s, env, n) {
			if m.Offset != int64(i/partitions) {
				t.Fatalf("message %d got offset %d", i, m.Offset)
			}
		}
		h := newHandler()
		c := join(t, d, s, env, h)
		eventually(t, "all records", func() bool { return h.count.Load() >= n })
		leave(t, c)
		h.ordered(t, n)
		if lanes == drivers.LanesMember && h.beside.Load() {
			t.Error("two records at once in one member")
		}
		if dials.Load() == 0 {
			t.Error("no connection came from the dialer given")
		}
		nothingOld(t, d, s, env)
	})
}
