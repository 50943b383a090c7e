package wire

import (
	"encoding/binary"
	"encoding/json"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
	"go.uber.org/goleak"

	"github.com/kbench/kbench/internal/leak"
	"github.com/kbench/kbench/results/record"
)

func TestMain(m *testing.M) {
	// go-metrics, which sarama brings, starts one goroutine and never ends it.
	leak.Main(m, goleak.IgnoreTopFunction("github.com/rcrowley/go-metrics.(*meterArbiter).tick"))
}

// log collects events.
type log struct {
	mu     sync.Mutex
	events []record.Event
}

func (l *log) emit(e record.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.events = append(l.events, e)
}

// of returns the events of some kinds, all where none is named.
func (l *log) of(kinds ...record.EventKind) []record.Event {
	l.mu.Lock()
	defer l.mu.Unlock()
	var found []record.Event
	for _, e := range l.events {
		for _, k := range kinds {
			if e.K == k {
				found = append(found, e)
			}
		}
	}
	return found
}

// clock counts its readings.
type clock struct {
	mu sync.Mutex
	t  int64
}

func (c *clock) now() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t++
	return c.t
}

// newTap makes a Tap that emits nothing by itself.
func newTap(t testing.TB, o Options) (*Tap, *log) {
	t.Helper()
	l := &log{}
	o.Emit = l.emit
	if o.Now == nil {
		o.Now = (&clock{}).now
	}
	if o.Interval == 0 {
		o.Interval = time.Hour
	}
	tap := New(o)
	t.Cleanup(tap.Close)
	return tap, l
}

// script is a connection that keeps what is written and gives what is to be
// read, as much at a time as is asked for.
type script struct {
	net.Conn // none: what a test does not expect to be called panics
	written  []byte
	toRead   []byte
	onWrite  func()
	short    bool // the next Write fails in its middle
}

func (s *script) Write(p []byte) (int, error) {
	if s.short {
		return len(p) / 2, io.ErrShortWrite
	}
	s.written = append(s.written, p...)
	if s.onWrite != nil {
		s.onWrite()
	}
	return len(p), nil
}

func (s *script) Read(p []byte) (int, error) {
	if len(s.toRead) == 0 {
		return 0, io.EOF
	}
	n := copy(p, s.toRead)
	s.toRead = s.toRead[n:]
	return n, nil
}

func (s *script) Close() error { return nil }

const clientID = "kbench-test"

// request is the frame of a request.
func request(req kmsg.Request, corr int32) []byte {
	return kmsg.NewRequestFormatter(kmsg.FormatterClientID(clientID)).AppendRequest(nil, req, corr)
}

// response is the frame of a response.
func response(resp kmsg.Response, corr int32) []byte {
	b := binary.BigEndian.AppendUint32(make([]byte, prefixBytes), uint32(corr))
	if resp.IsFlexible() && resp.Key() != int16(kmsg.ApiVersions) {
		b = append(b, 0)
	}
	b = resp.AppendTo(b)
	binary.BigEndian.PutUint32(b, uint32(len(b)-prefixBytes))
	return b
}

// send writes b in pieces of at most n bytes.
func send(t testing.TB, c net.Conn, b []byte, n int) {
	t.Helper()
	for len(b) > 0 {
		n := min(n, len(b))
		if _, err := c.Write(b[:n]); err != nil {
			t.Fatal(err)
		}
		b = b[n:]
	}
}

// receive reads all that s has, in pieces of at most n bytes.
func receive(t testing.TB, c net.Conn, s *script, n int) []byte {
	t.Helper()
	var got []byte
	buf := make([]byte, n)
	for len(s.toRead) > 0 {
		n, err := c.Read(buf)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, buf[:n]...)
	}
	return got
}

// totals are the sums since New by API key, of those that were used.
func totals(tap *Tap) []record.WireAPI {
	var now, zero [apis]record.WireAPI
	tap.sums.read(&now)
	return difference(&now, &zero)
}

// total is the sum of one API.
func total(tap *Tap, api kmsg.Key) record.WireAPI {
	for _, w := range totals(tap) {
		if w.API == int16(api) {
			return w
		}
	}
	return record.WireAPI{API: int16(api)}
}

func toJSON(t testing.TB, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
