package drivers_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/kbench/kbench/drivers"
)

// TestRefusedRecordsAreAcked sends a record that is too long for the client and
// one to a topic that is not there, among others: each is acked once.
func TestRefusedRecordsAreAcked(t *testing.T) {
	each(t, func(t *testing.T, d drivers.Driver) {
		env, _ := cluster(t)
		s := settings()
		s.Topics = nil // the client must find out by itself that one does not exist
		var mu sync.Mutex
		acks := make(map[*drivers.Msg][]error)
		p, err := d.Producer(s, env, func(m *drivers.Msg, err error) {
			mu.Lock()
			defer mu.Unlock()
			acks[m] = append(acks[m], err)
		})
		if err != nil {
			t.Fatal(err)
		}
		long := &drivers.Msg{Topic: topic, Value: make([]byte, 10<<20)}
		nowhere := &drivers.Msg{Topic: "missing", Value: make([]byte, 100)}
		msgs := []*drivers.Msg{long}
		for i := range 30 {
			msgs = append(msgs, &drivers.Msg{Topic: topic, Partition: int32(i % partitions), Value: make([]byte, 100)})
		}
		for _, call := range [][]*drivers.Msg{msgs, {nowhere}} {
			if err := p.Send(t.Context(), call); err != nil {
				t.Fatal(err)
			}
		}
		eventually(t, "all acks", func() bool {
			mu.Lock()
			defer mu.Unlock()
			return len(acks) == len(msgs)+1
		})
		if err := p.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		for m, errs := range acks {
			wrong := m == long || m == nowhere
			if len(errs) != 1 || (errs[0] != nil) != wrong {
				t.Errorf("%s/%d, %d bytes: acked with %v", m.Topic, m.Partition, len(m.Value), errs)
			}
			if wrong && m.Offset != -1 {
				t.Errorf("a record that was refused has offset %d", m.Offset)
			}
		}
	})
}

// TestMessagesAreReused sends the same Msgs again and again, as the harness does.
func TestMessagesAreReused(t *testing.T) {
	each(t, func(t *testing.T, d drivers.Driver) {
		env, _ := cluster(t)
		s := settings()
		acked := make(chan *drivers.Msg, 10)
		p, err := d.Producer(s, env, func(m *drivers.Msg, err error) {
			if err != nil {
				t.Error(err)
			}
			acked <- m
		})
		if err != nil {
			t.Fatal(err)
		}
		m := &drivers.Msg{Topic: topic, Partition: 1, Key: []byte("k"), Value: make([]byte, 99)}
		var native any
		for i := range 5 {
			if err := p.Send(t.Context(), []*drivers.Msg{m}); err != nil {
				t.Fatal(err)
			}
			if got := <-acked; got != m || got.Offset != int64(i) {
				t.Fatalf("ack %d is of another message or has offset %d", i, got.Offset)
			}
			if i > 0 && m.Native != native {
				t.Error("the client's own record was made anew")
			}
			native = m.Native
		}
		if err := p.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
}

// TestAcksNone has no offsets to tell.
func TestAcksNone(t *testing.T) {
	each(t, func(t *testing.T, d drivers.Driver) {
		env, _ := cluster(t)
		s := settings()
		s.Produce.Acks = drivers.AcksNone
		for i, m := range produce(t, d, s, env, 30) {
			if m.Offset != -1 {
				t.Errorf("message %d has offset %d, and nobody told it", i, m.Offset)
			}
		}
	})
}

// TestBestProducers write as the client does it best.
func TestBestProducers(t *testing.T) {
	each(t, func(t *testing.T, d drivers.Driver) {
		env, _ := cluster(t)
		s := settings()
		s.Mode = drivers.Best
		for i, m := range produce(t, d, s, env, 300) {
			if m.Offset != int64(i/partitions) {
				t.Fatalf("message %d has offset %d", i, m.Offset)
			}
		}
	})
}

// TestSASL goes through the whole way with every mechanism, and is turned away
// with a wrong password.
func TestSASL(t *testing.T) {
	eachIn(t, []string{"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"}, func(t *testing.T, d drivers.Driver, mechanism string) {
		env, _ := cluster(t, kfake.EnableSASL(), kfake.Superuser(mechanism, "user", "secret"))
		env.SASL = &drivers.SASL{Mechanism: mechanism, User: "user", Password: "secret"}
		s := settings()
		produce(t, d, s, env, 30)
		h := newHandler()
		c := join(t, d, s, env, h)
		eventually(t, "all records", func() bool { return h.count.Load() == 30 })
		leave(t, c)
	})
}

func TestSASLThatNobodyKnows(t *testing.T) {
	each(t, func(t *testing.T, d drivers.Driver) {
		env := drivers.Env{Seeds: []string{"127.0.0.1:1"}, SASL: &drivers.SASL{Mechanism: "GSSAPI"}}
		if _, err := d.Producer(settings(), env, func(*drivers.Msg, error) {}); err == nil {
			t.Error("an unknown mechanism is no error")
		}
	})
}

// TestCloseKeepsToItsContext ends a member whose handler never returns.
func TestCloseKeepsToItsContext(t *testing.T) {
	each(t, func(t *testing.T, d drivers.Driver) {
		env, _ := cluster(t)
		s := settings()
		produce(t, d, s, env, partitions)
		release, entered := make(chan struct{}), make(chan struct{}, partitions)
		c, err := d.Consumer(s, env, stuck{release, entered})
		if err != nil {
			t.Fatal(err)
		}
		<-entered
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		if err := c.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("close says %v while a record runs", err)
		}
		close(release)
	})
}

type stuck struct {
	release chan struct{}
	entered chan struct{}
}

func (s stuck) Open(string, int32) drivers.Lane { return s }
func (s stuck) Event(drivers.Event)             {}
func (s stuck) Record(*drivers.Rec) {
	s.entered <- struct{}{}
	<-s.release
}

// BenchmarkSend is the whole way of a record through a producer, with a window
// that is always full; look at the allocations.
func BenchmarkSend(b *testing.B) {
	for _, d := range adapters() {
		b.Run(d.Name(), func(b *testing.B) { benchmarkSend(b, d) })
	}
}

func benchmarkSend(b *testing.B, d drivers.Driver) {
	const window, chunk = 4096, 256
	c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(partitions, topic), kfake.BlackholeProduce())
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	s := settings()
	s.Produce.Window = window
	free := make(chan *drivers.Msg, window)
	for i := range window {
		free <- &drivers.Msg{Topic: topic, Partition: int32(i % partitions), Value: make([]byte, 100)}
	}
	env := drivers.Env{Seeds: c.ListenAddrs(), Dial: dial}
	p, err := d.Producer(s, env, func(m *drivers.Msg, err error) {
		if err != nil {
			b.Error(err)
		}
		free <- m
	})
	if err != nil {
		b.Fatal(err)
	}
	msgs := make([]*drivers.Msg, 0, chunk)
	b.ReportAllocs()
	for b.Loop() {
		if msgs = append(msgs, <-free); len(msgs) == chunk {
			if err := p.Send(b.Context(), msgs); err != nil {
				b.Fatal(err)
			}
			msgs = msgs[:0]
		}
	}
	if err := p.Send(b.Context(), slices.Clone(msgs)); err != nil {
		b.Fatal(err)
	}
	for range window {
		<-free
	}
	if err := p.Close(context.Background()); err != nil {
		b.Fatal(err)
	}
}
