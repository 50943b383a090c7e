package link

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"math/rand/v2"
	"net"
	"os"
	"slices"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kbench/kbench/internal/leak"
	"github.com/kbench/kbench/results/record"
)

func TestMain(m *testing.M) { leak.Main(m) }

const ms = time.Millisecond

// bench is a link on a clock that a test owns, and what it told.
type bench struct {
	*Link
	began time.Time

	mu     sync.Mutex
	events []record.Event
}

// newBench must be called in a bubble.
func newBench(law Law) *bench {
	b := &bench{began: time.Now()}
	if law.Share == 0 {
		law.Share = 1
	}
	b.Link = New(Options{Now: b.now, Emit: b.emit, Law: law, Seed: 1, Worker: "consumer-0"})
	return b
}

func (b *bench) now() int64 { return int64(time.Since(b.began)) }

func (b *bench) emit(e record.Event) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.events = append(b.events, e)
}

// sum closes the link and returns what it told of it all.
func (b *bench) sum() (all record.Link) {
	b.Close()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, e := range b.events {
		for _, k := range e.Link {
			all.Add(k)
			all.Held = append(all.Held, k.Held...)
		}
	}
	all.Held = union(all.Held) // an interval may end between two pieces of one stretch, as evidence has it too
	return all
}

// pair is a client's side with the link on it, and the side of the node.
func (b *bench) pair(id int) (client, node net.Conn) {
	near, far := net.Pipe()
	return b.Wrap(near, id, "b:1", b.dice("dial", int64(id)).Float64()), far
}

// frame is a request or response of so many bytes.
func frame(size int) []byte {
	p := binary.BigEndian.AppendUint32(nil, uint32(size))
	return append(p, bytes.Repeat([]byte{7}, size)...)
}

// echo answers every frame with itself until the connection ends.
func echo(t *testing.T, node net.Conn) {
	go func() {
		defer node.Close()
		_, _ = io.Copy(node, node)
	}()
}

// ask sends a frame and waits for it to come back.
func ask(t *testing.T, client net.Conn, size int) time.Duration {
	t.Helper()
	began := time.Now()
	if _, err := client.Write(frame(size)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(client, make([]byte, 4+size)); err != nil {
		t.Fatal(err)
	}
	return time.Since(began)
}

// TestDelay: a delay of 50 ms each way is a round trip of 100 ms, and the account has
// every request and response with its 50 ms.
func TestDelay(t *testing.T) {
	f := func(name string, law Law, want time.Duration, requests, responses int64) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			b := newBench(law)
			client, node := b.pair(1)
			echo(t, node)
			for range 20 {
				if got := ask(t, client, 100); got != want {
					t.Fatalf("%s: a round trip took %s, not %s", name, got, want)
				}
			}
			client.Close()
			got := b.sum()
			if got.Requests != requests || got.Responses != responses || got.Bytes != 104*(requests+responses) {
				t.Errorf("%s: %+v", name, got)
			}
			if n := requests + responses; n > 0 && (len(got.Delays) != 1 || got.Delays[0].N != n || off(got.Delays[0].Ns, 50*ms) > 0.01) {
				t.Errorf("%s: delays %v", name, got.Delays)
			}
			var held int64
			for _, h := range got.Held {
				held += h.To - h.From
			}
			if held != int64(20*want) {
				t.Errorf("%s: held for %s, not %s", name, time.Duration(held), 20*want)
			}
		})
	}
	f("both", Law{Delay: 50 * ms, Out: true, In: true}, 100*ms, 20, 20)
	f("out", Law{Delay: 50 * ms, Out: true}, 50*ms, 20, 0)
	f("in", Law{Delay: 50 * ms, In: true}, 50*ms, 0, 20)
	f("another node", Law{Delay: 50 * ms, Out: true, In: true, Nodes: []string{"b:2"}}, 0, 0, 0)
	f("this node", Law{Delay: 50 * ms, Out: true, In: true, Nodes: []string{"b:2", "b:1"}}, 100*ms, 20, 20)
	f("nothing", Law{Out: true, In: true}, 0, 0, 0)
}

// off is how far a time is from what it should be, as a share of that.
func off(ns int64, want time.Duration) float64 { return math.Abs(float64(ns)/float64(want) - 1) }

// TestPipelined: a delay is no bound on how many requests are under way.
func TestPipelined(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(Law{Delay: 50 * ms, Out: true, In: true})
		client, node := b.pair(1)
		echo(t, node)
		go func() {
			for range 100 {
				_, _ = client.Write(frame(100))
				time.Sleep(ms)
			}
		}()
		if _, err := io.ReadFull(client, make([]byte, 100*104)); err != nil {
			t.Fatal(err)
		}
		if took := b.now(); took != int64(199*ms) {
			t.Errorf("100 requests, one each ms, were answered after %s", time.Duration(took))
		}
		client.Close()
		b.Close()
	})
}

// TestBehind: what comes behind something that is held back is held back with it, and
// counted, though no law was for it.
func TestBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(Law{Delay: 50 * ms, Out: true})
		client, node := b.pair(1)
		for range 2 {
			if _, err := client.Write(frame(100)); err != nil {
				t.Fatal(err)
			}
			b.Set(Law{Share: 1})
		}
		if _, err := io.ReadFull(node, make([]byte, 208)); err != nil || b.now() != int64(50*ms) {
			t.Errorf("%v after %s", err, time.Duration(b.now()))
		}
		client.Close()
		if got := b.sum(); got.Requests != 2 || got.Bytes != 208 || len(got.Delays) != 1 {
			t.Errorf("%+v", got)
		}
	})
}

// TestBandwidth: 100 kB at 100 kB/s take a second, and come little by little.
func TestBandwidth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(Law{Bandwidth: 100_000, Out: true})
		client, node := b.pair(1)
		go func() { _, _ = client.Write(frame(99_996)) }()
		buf := make([]byte, 100_000)
		if _, err := io.ReadFull(node, buf[:50_000]); err != nil {
			t.Fatal(err)
		}
		if half := time.Duration(b.now()); half < 480*ms || half > 520*ms {
			t.Errorf("half of it came after %s", half)
		}
		if _, err := io.ReadFull(node, buf[50_000:]); err != nil {
			t.Fatal(err)
		}
		if all := time.Duration(b.now()); all < 990*ms || all > 1010*ms {
			t.Errorf("it came after %s", all)
		}
		client.Close()
		if got := b.sum(); got.Requests != 1 || got.Bytes != 100_000 {
			t.Errorf("%+v", got)
		}
	})
}

// TestFullBlocks: a lane holds as much as a socket's buffer, and no more; who waits
// for room has a deadline.
func TestFullBlocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(Law{Hole: true, Out: true})
		client, node := b.pair(1)
		_ = client.SetWriteDeadline(time.Now().Add(3 * time.Second))
		n, err := client.Write(make([]byte, capacity+1))
		if n != capacity || !errors.Is(err, os.ErrDeadlineExceeded) || b.now() != int64(3*time.Second) {
			t.Errorf("%d bytes, %v after %s", n, err, time.Duration(b.now()))
		}
		var timeout net.Error
		if !errors.As(err, &timeout) || !timeout.Timeout() {
			t.Errorf("%v is no timeout to a client", err)
		}
		_ = client.SetWriteDeadline(time.Time{})
		go func() { _, _ = io.Copy(io.Discard, node) }()
		time.AfterFunc(2*time.Second, func() { b.Set(Law{Share: 1}) })
		if n, err := client.Write([]byte{1}); n != 1 || err != nil || b.now() != int64(5*time.Second) {
			t.Errorf("%d bytes, %v after %s", n, err, time.Duration(b.now()))
		}
		client.Close()
		b.Close()
		node.Close()
	})
}

// TestHole: in a hole nothing comes and nothing ends; when it is over all of it does.
func TestHole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(Law{})
		client, node := b.pair(1)
		echo(t, node)
		ask(t, client, 10)
		b.Set(Law{Hole: true, Out: true, In: true, Share: 1})
		began := b.now()
		_ = client.SetReadDeadline(time.Now().Add(10 * time.Second))
		if _, err := client.Write(frame(10)); err != nil {
			t.Fatal(err)
		}
		node.Close() // which the client cannot know
		if _, err := client.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("in the hole: %v", err)
		}
		_ = client.SetReadDeadline(time.Time{})
		time.AfterFunc(5*time.Second, func() { b.Set(Law{Share: 1}) })
		if _, err := client.Read(make([]byte, 1)); !errors.Is(err, io.EOF) || b.now()-began != int64(15*time.Second) {
			t.Errorf("after the hole: %v after %s", err, time.Duration(b.now()-began))
		}
		client.Close()
		got := b.sum()
		if len(got.Held) != 1 || got.Held[0] != (record.Stretch{From: began, To: began + int64(15*time.Second)}) {
			t.Errorf("held: %v", got.Held)
		}
	})
}

// TestCut: a reset ends a connection for both sides at once, with the error that a
// client knows, and is counted; one that the law is not for goes on.
func TestCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(Law{Delay: time.Hour, In: true, Out: true, Nodes: []string{"b:1"}})
		client, node := b.pair(1)
		near, far := net.Pipe()
		other := b.Wrap(near, 2, "b:2", 0)
		echo(t, far)
		gone, _ := b.pair(3)
		gone.Close() // on its way, and no connection of the client's any more
		if _, err := client.Write(frame(10)); err != nil {
			t.Fatal(err)
		}
		reading := make(chan error)
		go func() {
			_, err := client.Read(make([]byte, 1))
			reading <- err
		}()
		synctest.Wait()
		b.Cut(&b.state.Load().law)
		if err := <-reading; !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("read: %v", err)
		}
		if _, err := client.Write([]byte{1}); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("write: %v", err)
		}
		if n, err := node.Read(make([]byte, 1)); n != 0 || err == nil {
			t.Errorf("the node has %d bytes, %v", n, err)
		}
		ask(t, other, 10)
		b.Cut(&b.state.Load().law) // it is cut already
		client.Close()
		other.Close()
		if got := b.sum(); got.Cut != 1 {
			t.Errorf("%d cuts", got.Cut)
		}
	})
}

// TestIdle: a connection without traffic is closed when it has been so for long
// enough, not before.
func TestIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(Law{Idle: 5 * time.Second, Out: true, In: true})
		client, node := b.pair(1)
		echo(t, node)
		for range 5 {
			time.Sleep(3 * time.Second)
			ask(t, client, 10)
		}
		if _, err := client.Read(make([]byte, 1)); err != io.EOF || b.now() != int64(20*time.Second) {
			t.Errorf("%v after %s", err, time.Duration(b.now()))
		}
		if _, err := client.Write([]byte{1}); !errors.Is(err, syscall.EPIPE) {
			t.Errorf("write: %v", err)
		}
		client.Close()
		if got := b.sum(); got.Idle != 1 || got.Cut != 0 {
			t.Errorf("%+v", got)
		}
	})
}

// TestDials: they take their round trips, are refused as often as the law has it, and
// find nobody in a hole.
func TestDials(t *testing.T) {
	dial := func(b *bench, limit time.Duration) (time.Duration, error) {
		ctx, cancel := context.WithTimeout(context.Background(), limit)
		defer cancel()
		began := b.now()
		_, err := b.Dial(ctx, "b:1")
		return time.Duration(b.now() - began), err
	}
	synctest.Test(t, func(t *testing.T) {
		b := newBench(Law{Delay: 50 * ms, Dial: time.Second, Out: true, In: true})
		if took, err := dial(b, time.Minute); err != nil || took != 1100*ms {
			t.Errorf("%s, %v", took, err)
		}
		if took, err := dial(b, 300*ms); !errors.Is(err, context.DeadlineExceeded) || took != 300*ms {
			t.Errorf("%s, %v", took, err)
		}
		b.Set(Law{Hole: true, Out: true, In: true, Share: 1})
		if took, err := dial(b, 2*time.Second); !errors.Is(err, context.DeadlineExceeded) || took != 2*time.Second {
			t.Errorf("in a hole: %s, %v", took, err)
		}
		if took, err := dial(b, time.Hour); !errors.Is(err, syscall.ETIMEDOUT) || took != connecting {
			t.Errorf("in a hole: %s, %v", took, err)
		}
		time.AfterFunc(time.Second, func() { b.Set(Law{Refuse: 0.25, Share: 1}) })
		if took, err := dial(b, time.Hour); err != nil || took != time.Second {
			t.Errorf("after the hole: %s, %v", took, err)
		}
		refused := 0
		for range 1000 {
			if _, err := dial(b, time.Hour); errors.Is(err, syscall.ECONNREFUSED) {
				refused++
			} else if err != nil {
				t.Fatal(err)
			}
		}
		got := b.sum()
		if refused < 200 || refused > 300 || got.Refused != refused || len(got.Dials) != 5 {
			t.Errorf("%d of 1000 refused; %+v", refused, got)
		}
	})
}

// TestShapes: delays have the mean and the deviation that were asked for.
func TestShapes(t *testing.T) {
	f := func(shape Shape, deviation, median time.Duration) {
		t.Helper()
		l := Law{Delay: 200 * ms, Jitter: 20 * ms, Shape: shape}
		dice := rand.New(rand.NewPCG(1, 2))
		var all []float64
		sum, squares := 0.0, 0.0
		const n = 100_000
		for range n {
			d := float64(l.delay(dice))
			all = append(all, d)
			sum, squares = sum+d, squares+d*d
		}
		slices.Sort(all)
		mean := sum / n
		if off(int64(mean), l.Delay) > 0.005 || off(int64(all[n/2]), median) > 0.005 {
			t.Errorf("%s: mean %s, median %s", shape, time.Duration(mean), time.Duration(all[n/2]))
		}
		if got := math.Sqrt(squares/n - mean*mean); off(int64(got), deviation) > 0.1 {
			t.Errorf("%s: deviation %s, not %s", shape, time.Duration(got), deviation)
		}
	}
	f(Uniform, 11547*time.Microsecond, 200*ms)
	f(Normal, 20*ms, 200*ms)
	f(Pareto, 20*ms, 194456*time.Microsecond) // 1.26 - 1.5 of a deviation below the mean
}

// TestStalls: a segment that is lost waits for its timeout, one lost again for twice
// that; what has enough behind it is known to be lost after a round trip.
func TestStalls(t *testing.T) {
	l := Law{Delay: 50 * ms, Out: true, In: true, Loss: 0.2}
	dice := rand.New(rand.NewPCG(1, 2))
	counts := map[time.Duration]float64{}
	const n = 100_000
	for range n {
		counts[l.stall(100, dice)]++
	}
	for stall, want := range map[time.Duration]float64{0: 0.8, 300 * ms: 0.16, 900 * ms: 0.032, 2100 * ms: 0.0064} {
		if got := counts[stall] / n; math.Abs(got-want) > 0.1*want {
			t.Errorf("%s in %.4f of segments, not %.4f", stall, got, want)
		}
	}
	l.Loss = 0.001
	fast, slow := 0.0, 0.0
	for range n {
		switch stall := l.stall(100*segment, dice); {
		case stall >= 300*ms:
			slow++
		case stall == 100*ms:
			fast++
		}
	}
	if math.Abs(fast/n-0.0925) > 0.01 || math.Abs(slow/n-0.003) > 0.001 {
		t.Errorf("of 100 segments one of the first is lost in %.4f, one of the last in %.4f", fast/n, slow/n)
	}
}

// TestSameDice: what happens to a connection depends on the seed, the worker and its
// number alone.
func TestSameDice(t *testing.T) {
	times := func(seed uint64, worker string) (all []time.Duration) {
		synctest.Test(t, func(t *testing.T) {
			b := &bench{began: time.Now()}
			b.Link = New(Options{Now: b.now, Emit: b.emit, Seed: seed, Worker: worker,
				Law: Law{Delay: 50 * ms, Jitter: 20 * ms, Shape: Normal, Loss: 0.1, Out: true, In: true, Share: 1}})
			client, node := b.pair(1)
			echo(t, node)
			for range 20 {
				all = append(all, ask(t, client, 10))
			}
			client.Close()
			b.Close()
		})
		return all
	}
	first := times(1, "consumer-0")
	if again := times(1, "consumer-0"); !slices.Equal(first, again) {
		t.Errorf("the same dice fell otherwise: %v, %v", first, again)
	}
	if slices.Equal(first, times(2, "consumer-0")) || slices.Equal(first, times(1, "consumer-1")) {
		t.Error("another seed, or another worker, has the same dice")
	}
}
