// Package wire is the tap: a net.Conn that passes every byte through untouched
// and reads the Kafka requests and responses among them. All clients are timed
// by it in the same way, because all of them dial through it, and TLS is below
// it, so that it sees plaintext.
//
// It does not change, delay or retry anything, and it knows no client. What it
// saw leaves it as record.Event values: the requests of group membership and
// their responses one by one, Produce and Fetch requests as a sample, everything
// as sums per interval, and with these the batches and records of every Produce
// request, by the headers of the batches. A frame that it cannot read is counted and otherwise
// left alone. The bodies of SASL frames are skipped unread.
//
//	client -> conn.Write -> framer -> requests  --+
//	                                              | correlation ids (pending)
//	client <- conn.Read  <- framer <- responses <-+
//
// A framer cuts a byte stream into frames, requests and responses each know
// their headers, pending carries from one to the other what a response does not
// say about itself, body counts what is in a Produce request as it passes, and
// decode.go turns the frames worth reading into events.
package wire

import (
	"cmp"
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kbench/kbench/results/record"
)

// Options say what a Tap reads and where its events go.
type Options struct {
	// Now reads the host's monotonic clock in ns.
	Now func() int64
	// Emit takes an event. It is called from the goroutines of the client and
	// from the Tap's own, so it must be safe for concurrent use, should be
	// quick, and must not call the Tap. The slices of the event are the
	// receiver's to keep.
	Emit func(record.Event)
	// Every says how many Produce and how many Fetch requests of a connection
	// there are for each one that is decoded. The first is always decoded. 0
	// stands for 16.
	Every int
	// TLS is the configuration of the client's side; nil means plaintext. Where
	// it names no server, the host that is dialled is the name.
	TLS *tls.Config
	// Interval is how often the sums are emitted. 0 stands for one second.
	Interval time.Duration
	// Below stands between the tap and TLS; nil, as nearly always: nothing does.
	Below Below
}

// Below makes connections otherwise than they are: it is how a bad link is put in the
// way. What it does to them the tap sees as its client does.
type Below interface {
	// Dial is called before a connection to a node is opened, and may take its time or
	// refuse. It returns the lot of the connection, by which it is among those that are
	// made otherwise, or is not.
	Dial(ctx context.Context, addr string) (lot float64, err error)
	// Wrap is given the connection, in plaintext, its lot, and the number that it has in
	// events.
	Wrap(inner net.Conn, id int, addr string, lot float64) net.Conn
}

// Tap opens connections and reads what goes over them. It is safe for
// concurrent use.
type Tap struct {
	opts   Options
	sums   sums
	opened atomic.Int64 // which numbers the connections, too
	open   atomic.Int64
	failed atomic.Int64 // dials
	quiet  quiet
	topics topics

	stop chan struct{}
	done chan struct{}
	once sync.Once

	mu   sync.Mutex // guards last, and keeps the intervals in order
	last snapshot
}

// snapshot is the state of the sums at the end of an interval.
type snapshot struct {
	at      int64
	apis    [apis]record.WireAPI
	opened  int64
	failed  int64
	unknown int64
}

// New starts a Tap. It must be closed.
func New(o Options) *Tap {
	o.Every = cmp.Or(max(o.Every, 0), 16)
	o.Interval = cmp.Or(max(o.Interval, 0), time.Second)
	t := &Tap{opts: o, stop: make(chan struct{}), done: make(chan struct{})}
	t.last.at = o.Now()
	go t.run()
	return t
}

// run emits the sums of every interval.
func (t *Tap) run() {
	defer close(t.done)
	tick := time.NewTicker(t.opts.Interval)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			t.Flush()
		case <-t.stop:
			return
		}
	}
}

// Dial opens a connection and returns its plaintext side.
func (t *Tap) Dial(ctx context.Context, network, addr string) (net.Conn, error) {
	done := t.quiet.dialling(addr, t.opts.Now())
	defer done()
	c, err := t.dial(ctx, network, addr)
	if err != nil {
		t.failed.Add(1)
	}
	return c, err
}

func (t *Tap) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	lot := 0.0
	if t.opts.Below != nil {
		var err error
		if lot, err = t.opts.Below.Dial(ctx, addr); err != nil {
			return nil, fmt.Errorf("connection to broker %s: %w", addr, &net.OpError{Op: "dial", Net: network, Err: err})
		}
	}
	var d net.Dialer
	inner, err := d.DialContext(ctx, network, addr)
	if err != nil {
		return nil, fmt.Errorf("connection to broker %s: %w", addr, err)
	}
	if t.opts.TLS != nil {
		secure, err := handshake(ctx, inner, t.opts.TLS, addr)
		if err != nil {
			inner.Close()
			return nil, fmt.Errorf("TLS handshake with broker %s: %w", addr, err)
		}
		inner = secure
	}
	return t.wrap(inner, addr, lot), nil
}

// handshake makes inner a TLS connection.
func handshake(ctx context.Context, inner net.Conn, config *tls.Config, addr string) (net.Conn, error) {
	if config.ServerName == "" {
		host, _, err := net.SplitHostPort(addr)
		if err != nil {
			return nil, err
		}
		config = config.Clone()
		config.ServerName = host
	}
	secure := tls.Client(inner, config)
	return secure, secure.HandshakeContext(ctx)
}

// wrap puts the tap around a connection to node.
func (t *Tap) wrap(inner net.Conn, node string, lot float64) *conn {
	t.open.Add(1)
	id := int(t.opened.Add(1))
	if t.opts.Below != nil {
		inner = t.opts.Below.Wrap(inner, id, node, lot)
	}
	c := newConn(t, inner, id, node)
	t.quiet.opened(c)
	return c
}

// Open is how many connections are open.
func (t *Tap) Open() int { return int(t.open.Load()) }

// Flush ends the interval now and emits its sums.
func (t *Tap) Flush() {
	t.mu.Lock()
	defer t.mu.Unlock()
	was := t.last
	is := snapshot{at: t.opts.Now(), opened: t.opened.Load(), failed: t.failed.Load(), unknown: t.sums.unknown.Load()}
	t.sums.read(&is.apis)
	t.last = is

	t.opts.Emit(record.Event{
		T: is.at, K: record.EvWire, From: was.at,
		Wire:    difference(&is.apis, &was.apis),
		Opened:  int(is.opened - was.opened),
		Open:    t.Open(),
		Unknown: int(is.unknown - was.unknown),
		Waiting: t.quiet.since(is.at - waits), Undialled: int(is.failed - was.failed),
	})
}

// Close emits the sums of the last interval and stops the Tap. Connections stay
// usable.
func (t *Tap) Close() {
	t.once.Do(func() {
		close(t.stop)
		<-t.done
		t.Flush()
	})
}
