package link

import (
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kbench/kbench/results/record"
)

// TestHoleHoldsAll: all that was sent in a hole, or was on its way when it began, was held
// back by it until it was over, and not only what would have been next; of connections
// that it was not for, nothing was.
func TestHoleHoldsAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(Law{})
		client, node := b.pair(1)
		near, far := net.Pipe()
		other := b.Wrap(near, 2, "b:2", 0)
		b.Set(Law{Hole: true, Out: true, In: true, Share: 1, Nodes: []string{"b:1"}})
		for range 3 {
			if _, err := client.Write(frame(100)); err != nil {
				t.Fatal(err)
			}
			if _, err := other.Write(frame(100)); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Second)
		b.Set(Law{Share: 1})
		b.Set(Law{Delay: 50 * ms, Out: true, Share: 1}) // what has been in the hole goes by no law after it
		for _, end := range []net.Conn{node, far} {
			if _, err := io.ReadFull(end, make([]byte, 3*104)); err != nil || b.now() != int64(time.Second) {
				t.Errorf("%v after %s", err, time.Duration(b.now()))
			}
		}
		client.Close()
		other.Close()
		got := b.sum()
		if got.Requests != 3 || got.Bytes != 312 || len(got.Delays) != 1 || got.Delays[0].N != 3 || off(got.Delays[0].Ns, time.Second) > 0.01 {
			t.Errorf("%+v", got)
		}
		if len(got.Held) != 1 || got.Held[0] != (record.Stretch{To: int64(time.Second)}) {
			t.Errorf("held: %v", got.Held)
		}
	})
}
