package faulty

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kbench/kbench/drivers"
	"github.com/kbench/kbench/drivers/loopback"
)

// TestTurnstile: 20,000 a second go through, whoever comes; of whom it does not know when
// they came, after an idle time no more than a little too early.
func TestTurnstile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var gate turnstile
		const each, lanes, many = 50 * time.Microsecond, 4, 10_000
		from := time.Now()
		var all sync.WaitGroup
		for range lanes {
			all.Go(func() {
				for range many / lanes {
					gate.pass(each)
				}
			})
		}
		all.Wait()
		if took := time.Since(from); took != many*each-slack {
			t.Errorf("%d took %s, want %s", many, took, many*each-slack)
		}
		time.Sleep(time.Hour)
		from = time.Now()
		for range many {
			gate.pass(each)
		}
		if took := time.Since(from); took != many*each-slack {
			t.Errorf("after an hour %d took %s, want %s", many, took, many*each-slack)
		}
		// Slower ones than it never wait.
		for range 100 {
			time.Sleep(2 * each)
			from := time.Now()
			if gate.pass(each); time.Since(from) > each {
				t.Fatalf("one that came late waited for %s", time.Since(from))
			}
		}
	})
}

// TestTurnstileOwes: of those that came meanwhile none waits longer for it that nobody was
// awake, however long that was: 20,000 a second go through where more than that come.
func TestTurnstileOwes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const each, many, tick = 50 * time.Microsecond, 26_000, 25
		var gate turnstile
		records := make(chan struct{}, many)
		from := time.Now()
		go func() { // 25,000 a second
			for range many / tick {
				gate.comes(tick)
				for range tick {
					records <- struct{}{}
				}
				time.Sleep(time.Millisecond)
			}
		}()
		for n := range many {
			<-records
			gate.pass(each)
			if n%4000 == 3999 {
				time.Sleep(60 * time.Millisecond) // the machine is busy
			}
		}
		if took := time.Since(from); took != many*each {
			t.Errorf("%d took %s, want %s", many, took, many*each)
		}
		// An idle hour is none in which anybody was owed anything.
		time.Sleep(time.Hour)
		from = time.Now()
		gate.comes(tick)
		for n := range tick {
			gate.pass(each)
			if took := time.Since(from); took != time.Duration(n+1)*each {
				t.Errorf("after an hour %d took %s, want %s", n+1, took, time.Duration(n+1)*each)
			}
		}
	})
}

// counted counts what reaches the harness.
type counted struct{ n atomic.Int64 }

func (c *counted) Open(string, int32) drivers.Lane { return c }
func (*counted) Event(drivers.Event)               {}
func (c *counted) Record(*drivers.Rec)             { c.n.Add(1) }

// TestServe: what a driver is sent it delivers at its own speed, on all lanes together, from
// the moment on at which it was sent.
func TestServe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const each, many = 50 * time.Microsecond, 1000
		d := Wrap(loopback.New(), Fault{Kind: Serve, For: each})
		s := drivers.Settings{Topics: []string{"t"}, GroupID: "g"}
		s.Consume.Start, s.Consume.CommitMode, s.Consume.Lanes = "earliest", drivers.CommitNone, drivers.LanesPartition
		p, err := d.Producer(s, drivers.Env{}, func(_ *drivers.Msg, err error) {
			if err != nil {
				t.Error(err)
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		send := func(n int) {
			t.Helper()
			var msgs []*drivers.Msg
			for i := range n {
				msgs = append(msgs, &drivers.Msg{Topic: "t", Partition: int32(i % 4), Value: []byte("v")})
			}
			if err := p.Send(t.Context(), msgs); err != nil {
				t.Fatal(err)
			}
		}
		var got counted
		send(4) // so that there are partitions
		c, err := d.Consumer(s, drivers.Env{}, &got)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		send(many)
		from := time.Now()
		for _, n := range []int64{0, 1, many / 2, many - 1, many} {
			time.Sleep(time.Until(from.Add(time.Duration(n)*each + each/2)))
			synctest.Wait()
			if got := got.n.Load() - 4; got != n {
				t.Errorf("%d were delivered in %s, want %d", got, time.Since(from), n)
			}
		}
		for _, close := range []func(context.Context) error{p.Close, c.Close} {
			if err := close(t.Context()); err != nil {
				t.Error(err)
			}
		}
	})
}

// refusing is a client that takes the first record of each Send alone.
type refusing struct{ drivers.Driver }

func (refusing) Producer(drivers.Settings, drivers.Env, func(*drivers.Msg, error)) (drivers.Producer, error) {
	return refusing{}, nil
}
func (refusing) Close(context.Context) error { return nil }
func (refusing) Send(context.Context, []*drivers.Msg) error {
	return &drivers.NotTaken{Taken: 1, Err: context.Canceled}
}

// TestServeNotTaken: what a client did not take is not waited for.
func TestServeNotTaken(t *testing.T) {
	d := Wrap(refusing{loopback.New()}, Fault{Kind: Serve, For: time.Second})
	p, err := d.Producer(drivers.Settings{}, drivers.Env{}, func(*drivers.Msg, error) {})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Send(t.Context(), make([]*drivers.Msg, 5)); err == nil {
		t.Error("it took all")
	}
	if n := len(d.(*driver).gate.came); n != 1 {
		t.Errorf("%d came, want 1", n)
	}
}
