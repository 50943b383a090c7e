// Package link makes connections worse on purpose: slow, lossy, narrow, broken or
// silent ones, as a network would, and without the rights that its own tools ask for.
// It stands below the tap, which so sees what the client sees, and above TLS. Where a
// workload wants no link there is none: nothing of this package is in the way then.
//
//	client -> tap -> link -> TLS -> TCP
//
// A Link is that of one process: the law that holds for its connections, which may be
// replaced at any time, and the account of what it did to them. It counts what really
// happened, by its own clock, and not what was drawn. Order is kept, and no byte is
// changed; those under way when a connection is reset are lost.
//
// It is a stand-in for a network: it knows no packets. Losses are the waits that TCP
// has because of them (law.go), delays are those of whole writes and reads.
package link

import (
	"context"
	"hash/fnv"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/kbench/kbench/results/record"
)

// Options say whose link it is and where its account goes.
type Options struct {
	// Now reads the host's monotonic clock in ns.
	Now func() int64
	// Emit takes events: the law when it changes, and sums once a second. It must
	// not call the Link.
	Emit func(record.Event)
	Law  Law // from the beginning
	// Seed and Worker decide the dice, one of each way of each connection: of the
	// same seed they fall alike in every arm.
	Seed   uint64
	Worker string
	// RoundTrips are those that a dial takes: one, and one or two more with TLS.
	RoundTrips int
	// Interval is how often sums are emitted. 0 stands for one second.
	Interval time.Duration
}

// Link is safe for concurrent use.
type Link struct {
	opts  Options
	sums  sums
	state atomic.Pointer[state]
	dials atomic.Int64

	stop    chan struct{}
	once    sync.Once
	running sync.WaitGroup

	mu    sync.Mutex
	conns map[*conn]struct{} // that are open
	shut  map[string]int64   // nodes of which every dial is refused, since the first was
}

// state is a law while it holds.
type state struct {
	law    Law
	since  int64
	hole   *Law          // the latest before it; nil for none
	opened int64         // when that was over
	over   chan struct{} // closed when another law holds
}

// hits says whether the law is for a connection.
func (s *state) hits(c *conn) bool { return s.law.concerns(c.node, c.lot) }

// New starts a Link. It must be closed.
func New(o Options) *Link {
	if o.Interval <= 0 {
		o.Interval = time.Second
	}
	l := &Link{opts: o, stop: make(chan struct{}), conns: map[*conn]struct{}{}}
	l.sums.from = o.Now()
	l.state.Store(&state{law: o.Law, since: l.sums.from, over: make(chan struct{})})
	l.tell(&o.Law, l.sums.from)
	l.running.Go(l.run)
	return l
}

// run emits the sums of every interval.
func (l *Link) run() {
	tick := time.NewTicker(l.opts.Interval)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			l.Flush()
		case <-l.stop:
			return
		}
	}
}

// tell says which law holds from now on.
func (l *Link) tell(law *Law, at int64) {
	l.opts.Emit(record.Event{T: at, K: record.EvLaw, Law: law.String()})
}

// Set puts another law in the place of the one that holds. What is under way goes on
// by the law that it set out under, but for a hole, which takes all.
func (l *Link) Set(law Law) {
	l.mu.Lock()
	defer l.mu.Unlock()
	was := l.state.Load()
	now := l.opts.Now()
	is := &state{law: law, since: now, hole: was.hole, opened: was.opened, over: make(chan struct{})}
	if was.law.Hole {
		is.hole, is.opened = &was.law, now
	}
	l.state.Store(is)
	l.reachable(now)
	close(was.over)
	for c := range l.conns {
		l.watch(c)
	}
	l.tell(&law, now)
}

// refuse counts a dial that is refused. Where all are, the node cannot be reached until
// another law holds, whether or not its client tries.
func (l *Link) refuse(s *state, addr string, at int64) {
	l.sums.dialled(addr, func(k *record.Link) { k.Refused++ })
	if s.law.Refuse < 1 {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, is := l.shut[addr]; !is && l.state.Load() == s {
		if l.shut == nil {
			l.shut = map[string]int64{}
		}
		l.shut[addr] = at
	}
}

// reachable counts for how long nodes were not; l.mu is held.
func (l *Link) reachable(now int64) {
	for addr, since := range l.shut {
		l.sums.dialled(addr, func(k *record.Link) { k.Held = append(k.Held, record.Stretch{From: since, To: now}) })
	}
	l.shut = nil
}

// Cut resets all open connections that a law is for.
func (l *Link) Cut(of *Law) {
	for _, c := range l.open() {
		if of.concerns(c.node, c.lot) && c.reset() {
			l.sums.ended(c, func(k *record.Link) { k.Cut++ })
		}
	}
}

// open are the open connections, in the order of their numbers.
func (l *Link) open() []*conn {
	l.mu.Lock()
	defer l.mu.Unlock()
	var all []*conn
	for c := range l.conns {
		all = append(all, c)
	}
	slices.SortFunc(all, func(a, b *conn) int { return a.id - b.id })
	return all
}

// dice are those of a purpose and a number.
func (l *Link) dice(what string, n int64) *rand.Rand {
	h := fnv.New64a()
	_, _ = io.WriteString(h, l.opts.Worker+" "+what) // a hash takes everything
	return rand.New(rand.NewPCG(l.opts.Seed, h.Sum64()+uint64(n)))
}

// connecting is after how long Linux gives a connection up that nobody answers.
const connecting = 127 * time.Second

// Dial does what the law does to a dial, before it is done: it returns nil when the
// connection may be opened, and the lot by which that is among those concerned.
func (l *Link) Dial(ctx context.Context, addr string) (lot float64, err error) {
	dice := l.dice("dial", l.dials.Add(1))
	lot = dice.Float64()
	began := l.opts.Now()
	s := l.state.Load()
	hit := s.law.concerns(addr, lot)
	if hit && dice.Float64() < s.law.Refuse {
		l.refuse(s, addr, began)
		return lot, os.NewSyscallError("connect", syscall.ECONNREFUSED)
	}
	var wait time.Duration
	if hit {
		wait = s.law.dial(max(l.opts.RoundTrips, 1), dice)
	}
	err = l.silence(ctx, addr, lot)
	if err == nil && wait > 0 {
		err = l.sleep(ctx, wait)
	}
	if took := time.Duration(l.opts.Now() - began); hit && took >= least {
		l.sums.dialled(addr, func(k *record.Link) {
			k.Dials = record.AddTime(k.Dials, int64(took), 1)
			k.Held = append(k.Held, record.Stretch{From: began, To: began + int64(took)})
		})
	}
	return lot, err
}

// silence waits until there is no hole between the client and a node.
func (l *Link) silence(ctx context.Context, addr string, lot float64) error {
	var limit <-chan time.Time
	for {
		s := l.state.Load()
		if !s.law.Hole || !s.law.concerns(addr, lot) {
			return nil
		}
		if limit == nil {
			timer := time.NewTimer(connecting)
			defer timer.Stop()
			limit = timer.C
		}
		select {
		case <-s.over:
		case <-limit:
			return os.NewSyscallError("connect", syscall.ETIMEDOUT)
		case <-ctx.Done():
			return ctx.Err()
		case <-l.stop:
			return net.ErrClosed
		}
	}
}

func (l *Link) sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-l.stop:
		return net.ErrClosed
	}
}

// Wrap puts the link around a connection to a node, by the number that the tap gives
// it, and the lot that Dial gave it.
func (l *Link) Wrap(inner net.Conn, id int, addr string, lot float64) net.Conn {
	c := &conn{Conn: inner, link: l, id: id, node: addr, lot: lot}
	c.out, c.in = newLane(c, out, l.dice("out", int64(id))), newLane(c, in, l.dice("in", int64(id)))
	c.use()
	l.mu.Lock()
	l.conns[c] = struct{}{}
	l.watch(c)
	l.mu.Unlock()
	l.running.Go(c.send)
	l.running.Go(c.receive)
	return c
}

// left forgets a connection that is closed.
func (l *Link) left(c *conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.conns, c)
	if c.idle != nil {
		c.idle.Stop()
	}
}

// watch closes a connection once it had no traffic for as long as the law of the
// moment has it; l.mu is held.
func (l *Link) watch(c *conn) {
	if c.idle != nil {
		c.idle.Stop()
		c.idle = nil
	}
	s := l.state.Load()
	if s.law.Idle == 0 || !s.hits(c) {
		return
	}
	left := time.Duration(max(c.used.Load(), s.since)-l.opts.Now()) + s.law.Idle
	c.idle = time.AfterFunc(max(left, 0), func() {
		if left := time.Duration(max(c.used.Load(), s.since)-l.opts.Now()) + s.law.Idle; left > 0 {
			l.mu.Lock()
			defer l.mu.Unlock()
			if _, open := l.conns[c]; open && l.state.Load() == s {
				l.watch(c)
			}
			return
		}
		if c.hangUp() {
			l.sums.ended(c, func(k *record.Link) { k.Idle++ })
		}
	})
}

// Flush ends the interval now and emits its sums, where there are any.
func (l *Link) Flush() {
	if e, some := l.sums.flush(l.opts.Now()); some {
		l.opts.Emit(e)
	}
}

// Close breaks all connections, waits until they are gone, and emits the last sums.
func (l *Link) Close() {
	l.once.Do(func() {
		close(l.stop)
		for _, c := range l.open() {
			c.abandon()
		}
		l.running.Wait()
		l.mu.Lock()
		l.reachable(l.opts.Now())
		l.mu.Unlock()
		l.Flush()
	})
}
