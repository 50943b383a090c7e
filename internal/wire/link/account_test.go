package link

import (
	"net"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kbench/kbench/results/record"
)

// TestStallsAsTheyWere: a stall counts once, however many pieces were lost in it, and for as
// long as it was and not as it would have been.
func TestStallsAsTheyWere(t *testing.T) {
	f := func(name string, loss float64, do func(b *bench, client, node net.Conn) (n int64), wait time.Duration) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			b := newBench(Law{Loss: loss, Out: true})
			client, node := b.pair(1)
			n := do(b, client, node)
			client.Close()
			sum, count := b.sum(), int64(0)
			for _, s := range sum.Stalls {
				count += s.N
			}
			if count != n || off(record.MedianTime(sum.Stalls), wait) > 0.05 {
				t.Errorf("%s: %d stalls of %s, want %d of %s", name, count, time.Duration(record.MedianTime(sum.Stalls)), n, wait)
			}
		})
	}
	f("cut off after 10 s", 1, func(b *bench, client, node net.Conn) int64 {
		for range 2 { // both are lost, the second behind the first
			if _, err := client.Write(frame(10)); err != nil {
				t.Error(err)
			}
			time.Sleep(5 * time.Second)
		}
		b.Cut(&Law{Share: 1})
		synctest.Wait()
		node.Close()
		return 1
	}, 10*time.Second)
	f("each by itself", 0.3, func(b *bench, client, node net.Conn) (n int64) {
		echo(t, node)
		for range 50 {
			if took := ask(t, client, 10); took >= 200*ms {
				n++
			}
		}
		return n
	}, 200*ms)
}

// TestShareOfDials: the connections that are concerned are those whose dials were.
func TestShareOfDials(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(Law{Delay: 50 * ms, Dial: 70 * ms, Out: true, In: true, Share: 0.5})
		both := map[bool]int{}
		for id := range 40 {
			began := time.Now()
			lot, err := b.Dial(t.Context(), "b:1")
			if err != nil {
				t.Fatal(err)
			}
			slow := time.Since(began) > 0
			near, node := net.Pipe()
			client := b.Wrap(near, id+1, "b:1", lot)
			echo(t, node)
			if took := ask(t, client, 10); took > 0 != slow {
				t.Errorf("connection %d: its dial was concerned %t, and a request took %s", id, slow, took)
			}
			both[slow]++
			client.Close()
		}
		b.Close()
		if both[true] == 0 || both[false] == 0 {
			t.Errorf("concerned: %v", both)
		}
	})
}

// TestShare: about so many of the connections are concerned as the law has it.
func TestShare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(Law{Delay: 50 * ms, Out: true, In: true, Share: 0.3})
		hit := 0
		for id := range 400 {
			client, node := b.pair(id + 1)
			echo(t, node)
			if ask(t, client, 10) > 0 {
				hit++
			}
			client.Close()
		}
		b.Close()
		if hit < 90 || hit > 150 {
			t.Errorf("%d of 400 connections were slow", hit)
		}
	})
}

// TestHeldDials: it is known when a node could not be reached, or only later.
func TestHeldDials(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(Law{Dial: time.Second})
		sec := int64(time.Second)
		dial := func() { _, _ = b.Dial(t.Context(), "b:1") }
		dial()
		time.Sleep(2 * time.Second)
		b.Set(Law{Refuse: 1, Share: 1})
		time.Sleep(time.Second)
		dial() // at 4 s
		time.Sleep(2 * time.Second)
		dial()
		time.Sleep(3 * time.Second)
		b.Set(Law{Refuse: 0.999999, Share: 1}) // at 9 s: who is refused may be lucky the next time
		dial()
		time.Sleep(time.Second)
		b.Set(Law{Refuse: 1, Share: 1})
		dial() // at 10 s
		time.Sleep(time.Second)
		got := b.sum()
		want := []record.Stretch{{From: 0, To: sec}, {From: 4 * sec, To: 9 * sec}, {From: 10 * sec, To: 11 * sec}}
		if !slices.Equal(got.Held, want) || got.Refused != 4 {
			t.Errorf("held %v, want %v; %d refused", got.Held, want, got.Refused)
		}
	})
}
