package loopback

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kbench/kbench/drivers"
)

const topicName = "t"

func settings() drivers.Settings {
	s := drivers.Settings{Topics: []string{topicName}, GroupID: "g"}
	s.Consume.Start = "earliest"
	s.Consume.CommitMode = drivers.CommitSync
	s.Consume.Lanes = drivers.LanesPartition
	return s
}

// counter is a handler that counts, and marks every record if mark is set.
type counter struct {
	began atomic.Int64
	n     atomic.Int64
	first atomic.Int64
	hold  chan struct{} // a record is handled for each value; nil: at once
	mark  func(topic string, partition int32, next int64)
}

func newCounter() *counter {
	c := &counter{}
	c.first.Store(-1)
	return c
}

func (c *counter) Event(drivers.Event) {}

func (c *counter) Open(topic string, partition int32) drivers.Lane {
	return &countLane{c: c, topic: topic, partition: partition}
}

type countLane struct {
	c         *counter
	topic     string
	partition int32
}

func (l *countLane) Record(r *drivers.Rec) {
	l.c.began.Add(1)
	if l.c.hold != nil {
		<-l.c.hold
	}
	l.c.first.CompareAndSwap(-1, r.Offset)
	l.c.n.Add(1)
	if l.c.mark != nil {
		l.c.mark(l.topic, l.partition, r.Offset+1)
	}
}

func messages(n, partitions, size int) []*drivers.Msg {
	msgs := make([]*drivers.Msg, n)
	for i := range msgs {
		msgs[i] = &drivers.Msg{Topic: topicName, Partition: int32(i % partitions), Value: make([]byte, size)}
	}
	return msgs
}

func newProducer(t testing.TB, d drivers.Driver, ack func(*drivers.Msg, error)) drivers.Producer {
	t.Helper()
	p, err := d.Producer(settings(), drivers.Env{}, ack)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return p
}

func newMember(t testing.TB, d drivers.Driver, s drivers.Settings, h drivers.Handler) drivers.Consumer {
	t.Helper()
	c, err := d.Consumer(s, drivers.Env{}, h)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return c
}

func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
	}
}

// TestSendAllocatesNothing runs long enough for every segment to be recycled.
func TestSendAllocatesNothing(t *testing.T) {
	const chunk = 64
	for _, members := range []int{0, 1} {
		t.Run(fmt.Sprintf("members=%d", members), func(t *testing.T) {
			d := New()
			p := newProducer(t, d, func(*drivers.Msg, error) {})
			if members > 0 {
				newMember(t, d, settings(), newCounter())
			}
			msgs := messages(chunk, 2, 100)
			send := func() {
				if err := p.Send(context.Background(), msgs); err != nil {
					t.Fatal(err)
				}
			}
			for range 2 * retainBytes * 2 / 100 / chunk {
				send()
			}
			if got := testing.AllocsPerRun(5000, send); got >= 1 {
				t.Errorf("%v allocations for %d records, want none", got, chunk)
			}
		})
	}
}

// TestUnreadRecordsAreBounded: nothing consumes, so the oldest go.
func TestUnreadRecordsAreBounded(t *testing.T) {
	d := New()
	p := newProducer(t, d, func(_ *drivers.Msg, err error) {
		if err != nil {
			t.Error(err)
		}
	})
	const n, size = 3 * retainBytes / 4096, 4096
	if err := p.Send(context.Background(), messages(n, 1, size)); err != nil {
		t.Fatal(err)
	}
	if held := d.(*Driver).find(topicName, 0).bytes; held > retainBytes {
		t.Errorf("%d bytes are held, above the limit of %d", held, retainBytes)
	}
	h := newCounter()
	newMember(t, d, settings(), h)
	first := func() int64 { return h.first.Load() }
	eventually(t, "the newest records delivered", func() bool { f := first(); return f >= 0 && f+h.n.Load() == n })
	if first() == 0 {
		t.Error("the first record was still there: nothing was dropped")
	}
}

// TestSendWaitsForAMember: a group with a member is never robbed of records.
func TestSendWaitsForAMember(t *testing.T) {
	d := New()
	h := newCounter()
	h.hold = make(chan struct{})
	newMember(t, d, settings(), h)
	var acked atomic.Int64
	p := newProducer(t, d, func(_ *drivers.Msg, err error) {
		if err != nil {
			t.Errorf("ack: %v", err)
		}
		acked.Add(1)
	})
	const n, size = 2 * retainBytes / 4096, 4096
	ctx, cancel := context.WithCancel(context.Background())
	sent := make(chan error)
	go func() { sent <- p.Send(ctx, messages(n, 1, size)) }()
	eventually(t, "a full log", func() bool {
		part := d.(*Driver).find(topicName, 0)
		if part == nil {
			return false
		}
		part.mu.Lock()
		defer part.mu.Unlock()
		return part.room != nil
	})
	cancel()
	err := <-sent
	var left *drivers.NotTaken
	if !errors.As(err, &left) || !errors.Is(err, context.Canceled) {
		t.Fatalf("send: %v", err)
	}
	close(h.hold)
	if taken := int64(left.Taken); acked.Load() != taken || taken == 0 || taken >= n {
		t.Errorf("%d acked of %d taken of %d", acked.Load(), taken, n)
	}
	eventually(t, "every acked record delivered", func() bool { return h.n.Load() == acked.Load() })
	if h.first.Load() != 0 {
		t.Errorf("delivery began at %d: records were dropped", h.first.Load())
	}
}

// TestCloseGivesUpOnAHandler: Close ends with its context, and again later.
func TestCloseGivesUpOnAHandler(t *testing.T) {
	d := New()
	h := newCounter()
	h.hold = make(chan struct{})
	c := newMember(t, d, settings(), h)
	p := newProducer(t, d, func(*drivers.Msg, error) {})
	if err := p.Send(context.Background(), messages(1, 1, 1)); err != nil {
		t.Fatal(err)
	}
	eventually(t, "a handler at work", func() bool { return h.began.Load() > 0 })
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := c.Close(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("close while a handler runs: %v, want the context's error", err)
	}
	close(h.hold)
	if err := c.Close(context.Background()); err != nil {
		t.Errorf("second close: %v", err)
	}
	if n := d.(*Driver).Members("g"); n != 0 {
		t.Errorf("%d members left", n)
	}
}

// TestNilIsNotEmpty: a key or value arrives as it was sent.
func TestNilIsNotEmpty(t *testing.T) {
	d := New()
	var mu sync.Mutex
	var got []string
	show := func(b []byte) string {
		if b == nil {
			return "nil"
		}
		return fmt.Sprintf("%q", b)
	}
	newMember(t, d, settings(), handlerFunc(func(r *drivers.Rec) {
		mu.Lock()
		defer mu.Unlock()
		got = append(got, show(r.Key)+"="+show(r.Value))
	}))
	p := newProducer(t, d, func(*drivers.Msg, error) {})
	err := p.Send(context.Background(), []*drivers.Msg{
		{Topic: topicName},
		{Topic: topicName, Key: []byte{}, Value: []byte("v")},
		{Topic: topicName, Key: []byte("k"), Value: []byte{}},
	})
	if err != nil {
		t.Fatal(err)
	}
	const want = `[nil=nil ""="v" "k"=""]`
	eventually(t, want, func() bool {
		mu.Lock()
		defer mu.Unlock()
		return fmt.Sprint(got) == want
	})
}

type handlerFunc func(*drivers.Rec)

func (handlerFunc) Event(drivers.Event)               {}
func (f handlerFunc) Open(string, int32) drivers.Lane { return laneFunc(f) }

type laneFunc func(*drivers.Rec)

func (f laneFunc) Record(r *drivers.Rec) { f(r) }

// TestRefusals: what cannot be had is refused with the setting's name.
func TestRefusals(t *testing.T) {
	for name, edit := range map[string]func(*drivers.Settings){
		"static":   func(s *drivers.Settings) { s.Group.Static = true },
		"group":    func(s *drivers.Settings) { s.GroupID = "" },
		"topics":   func(s *drivers.Settings) { s.Topics = nil },
		"interval": func(s *drivers.Settings) { s.Consume.CommitMode = drivers.CommitAuto },
	} {
		s := settings()
		edit(&s)
		if c, err := New().Consumer(s, drivers.Env{}, newCounter()); err == nil {
			t.Errorf("%s: a consumer was made", name)
			c.Close(context.Background())
		}
	}
	d := New()
	var got error
	p := newProducer(t, d, func(_ *drivers.Msg, err error) { got = err })
	if err := p.Send(context.Background(), []*drivers.Msg{{Topic: topicName, Partition: -1}}); err != nil || got == nil {
		t.Errorf("send to partition -1: error %v, ack %v; want an ack with an error", err, got)
	}
	p.Close(context.Background())
	if err := p.Send(context.Background(), nil); err == nil {
		t.Error("send after Close succeeded")
	}
}

// BenchmarkSend is the cost of one record of 100 bytes, with and without a
// member that reads and marks it.
func BenchmarkSend(b *testing.B) {
	const chunk, partitions = 64, 12
	for _, members := range []int{0, 1} {
		b.Run(fmt.Sprintf("members=%d", members), func(b *testing.B) {
			d := New()
			p := newProducer(b, d, func(*drivers.Msg, error) {})
			h := newCounter()
			if members > 0 {
				newMember(b, d, settings(), h)
			}
			msgs := messages(chunk, partitions, 100)
			b.ReportAllocs()
			for n := 0; n < b.N; n += chunk {
				if err := p.Send(context.Background(), msgs); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
