package wire

import (
	"io"
	"net"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kbench/kbench/results/record"
)

// slow is a connection on which each Read takes a known time.
type slow struct {
	net.Conn
	now   *int64
	takes int64
	in    []byte
}

func (s *slow) Write(p []byte) (int, error) { return len(p), nil }
func (s *slow) Close() error                { return nil }
func (s *slow) Read(p []byte) (int, error) {
	*s.now += s.takes
	n := copy(p, s.in)
	s.in = s.in[n:]
	return n, nil
}

// The longest wait of an interval is that of a client that was in Read, less the long
// poll; what a client does not come to read is not the node's delay.
func TestLongestWait(t *testing.T) {
	const ms = int64(1e6)
	now := int64(1000) * ms
	tap, events := newTap(t, Options{Now: func() int64 { return now }})
	s := &slow{now: &now}
	c := tap.wrap(s, "b:1", 0)
	// ask sends a request, dwells, and reads its response in two pieces, the first of
	// which takes so long to come.
	corr := int32(0)
	ask := func(req kmsg.Request, dwell, takes int64) {
		t.Helper()
		corr++
		if _, err := c.Write(request(req, corr)); err != nil {
			t.Fatal(err)
		}
		now += dwell
		s.in, s.takes = response(req.ResponseKind(), corr), takes
		b := make([]byte, len(s.in))
		for _, piece := range [][]byte{b[:prefixBytes], b[prefixBytes:]} {
			if _, err := io.ReadFull(c, piece); err != nil {
				t.Fatal(err)
			}
			s.takes = 0
		}
	}
	f := func(name string, want map[int16]int64) {
		t.Helper()
		tap.Flush()
		all := events.of(record.EvWire)
		got := map[int16]int64{}
		for _, api := range all[len(all)-1].Wire {
			if w := api.Longest; w != nil {
				got[api.API] = (w.T - w.From) / ms
				if w.Node != "b:1" || w.T > now {
					t.Errorf("%s: %+v", name, w)
				}
			}
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
	}
	p := produce(9, -1, batch(10, 100, 0))
	ask(p, 0, 20*ms)
	ask(p, 0, 300*ms)
	ask(p, 0, 10*ms)
	f("the node is slow", map[int16]int64{0: 300})
	ask(p, 500*ms, 0)
	ask(p, 500*ms, 7*ms)
	f("the client is slow to read", map[int16]int64{0: 7})
	for _, version := range []int16{4, 11, 12, 15} {
		fetch := &kmsg.FetchRequest{Version: version, MaxWaitMillis: 500}
		ask(fetch, 0, 400*ms)
		f("a long poll", map[int16]int64{})
		ask(fetch, 0, 650*ms)
		f("longer than the poll", map[int16]int64{1: 150})
	}
	ask(&kmsg.HeartbeatRequest{Version: 1}, 0, 900*ms)
	f("of others there are the events", map[int16]int64{})
}

// A node does not look at a fetch that it was sent behind what it holds, as it does a
// JoinGroup, before it has answered that: only then does the long poll begin.
func TestWaitBehindAnother(t *testing.T) {
	const ms = int64(1e6)
	f := func(takes, want int64) {
		t.Helper()
		now := 1000 * ms
		tap, events := newTap(t, Options{Now: func() int64 { return now }})
		s := &slow{now: &now}
		c := tap.wrap(s, "b:1", 0)
		both := []kmsg.Request{&kmsg.HeartbeatRequest{Version: 1}, &kmsg.FetchRequest{Version: 11, MaxWaitMillis: 500}}
		for i, req := range both {
			if _, err := c.Write(request(req, int32(i+1))); err != nil {
				t.Fatal(err)
			}
		}
		for i, req := range both {
			s.in, s.takes = response(req.ResponseKind(), int32(i+1)), []int64{3000 * ms, takes}[i]
			for len(s.in) > 0 {
				if _, err := c.Read(make([]byte, prefixBytes)); err != nil {
					t.Fatal(err)
				}
				s.takes = 0
			}
		}
		tap.Flush()
		all := events.of(record.EvWire)
		var got int64
		for _, api := range all[len(all)-1].Wire {
			if w := api.Longest; w != nil {
				got += w.T - w.From
			}
		}
		if got != want {
			t.Errorf("answered %d ms after the one before: the node is said to be silent for %d ms, want %d", takes/ms, got/ms, want/ms)
		}
	}
	f(400*ms, 0)
	f(650*ms, 150*ms)
}
