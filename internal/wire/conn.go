package wire

import (
	"errors"
	"net"
	"sync"
	"sync/atomic"

	"github.com/kbench/kbench/results/record"
)

// conn is a connection with the tap on it. Its two directions share nothing but
// the pending requests.
type conn struct {
	net.Conn
	tap  *Tap
	id   int
	node string

	pending   pending
	requests  requests
	responses responses

	// A stream is followed in the order in which its bytes go, so calls in one
	// direction follow one another, as they do in any connection below.
	writing sync.Mutex
	reading sync.Mutex
	out, in framer

	closing sync.Once
	closed  atomic.Bool // by the client
	hungUp  atomic.Bool // by the other side, or by what is between
}

func newConn(t *Tap, inner net.Conn, id int, node string) *conn {
	c := &conn{Conn: inner, tap: t, id: id, node: node}
	c.requests = requests{sums: &t.sums, pending: &c.pending, every: t.opts.Every, now: t.opts.Now}
	c.responses = responses{sums: &t.sums, pending: &c.pending, node: node, now: t.opts.Now}
	c.out, c.in = newFramer(&c.requests), newFramer(&c.responses)
	return c
}

// Write sends p. The bytes are followed before they are sent, because the
// response must find its request, and reported afterwards, when the time at
// which they were sent is known.
func (c *conn) Write(p []byte) (int, error) {
	c.writing.Lock()
	defer c.writing.Unlock()
	c.out.feed(p)
	report := len(c.out.kept) > 0
	if report {
		c.pending.sending()
	}
	n, err := c.Conn.Write(p)
	if n < len(p) {
		// What was followed was not sent, so the two are no longer in step.
		c.out.state = broken
	} else {
		c.requests.sent()
	}
	c.ended(err)
	if report {
		now := c.tap.opts.Now()
		c.out.take(func(k *kept) {
			if n == len(p) {
				c.report(k, now, decodeRequest)
			}
		})
		c.pending.sent(c.tap.opts.Emit)
	}
	return n, err
}

// Read receives into p.
func (c *conn) Read(p []byte) (int, error) {
	c.reading.Lock()
	defer c.reading.Unlock()
	c.responses.reading = c.tap.opts.Now()
	n, err := c.Conn.Read(p)
	c.in.feed(p[:n])
	if len(c.in.kept) > 0 {
		now := c.tap.opts.Now()
		c.in.take(func(k *kept) { c.report(k, now, decodeResponse) })
	}
	c.ended(err)
	return n, err
}

// ended reports that a connection was ended, once, where that was not the client's doing:
// neither its Close nor a deadline of its own.
func (c *conn) ended(err error) {
	if err == nil { // as a rule; what is below allocates
		return
	}
	var late net.Error
	if c.closed.Load() || errors.As(err, &late) && late.Timeout() || c.hungUp.Swap(true) {
		return
	}
	c.tap.opts.Emit(record.Event{T: c.tap.opts.Now(), K: record.EvHangup, Conn: c.id, Node: c.node})
}

// report emits the event of a frame.
func (c *conn) report(k *kept, now int64, decode func(*record.Event, *kept) error) {
	e := record.Event{
		T: now, Conn: c.id, Node: c.node,
		API: k.api, V: k.version, Corr: k.corr, Bytes: prefixBytes + k.size,
	}
	if err := decode(&e, k); err != nil {
		if !errors.Is(err, errNothing) {
			c.tap.sums.unknown.Add(1)
		}
		return
	}
	if e.K == record.EvTopics && !c.tap.topics.changed(&e) {
		return
	}
	if e.K == record.EvResponse && c.pending.hold(e) {
		return
	}
	c.tap.opts.Emit(e)
}

// Close closes the connection.
func (c *conn) Close() error {
	c.closed.Store(true)
	c.closing.Do(func() {
		c.tap.open.Add(-1)
		c.tap.quiet.closed(c)
	})
	return c.Conn.Close()
}
