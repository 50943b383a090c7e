package link

import (
	"math/rand/v2"
	"os"
	"sync"
	"time"

	"github.com/kbench/kbench/results/record"
)

// way is one of the two ways of a connection, as its client sees it.
type way int

const (
	out way = iota // what the client sends
	in             // what it receives
)

// capacity is how many bytes a lane holds: as many as a socket of Linux has room
// for at the most, unless it is told otherwise (net.ipv4.tcp_wmem).
const capacity = 4 << 20

// lane is one way of a connection: pieces in the order in which they came, each
// with the time at which it may go on. It is bounded as a socket's buffer is.
//
// What is put is never taken before what was put before it, whatever the law says:
// a piece is due no earlier than its predecessor.
type lane struct {
	conn *conn
	way  way
	dice *rand.Rand // the putter's

	mu     sync.Mutex
	pieces []piece
	bytes  int           // of them
	end    error         // nothing can be put any more, because of this
	news   chan struct{} // closed and replaced at each change
	cut    bool          // it ended at once: nothing is waited for any more
	free   int64         // when what was put will have gone through the bandwidth
	frames frames
	stalls []record.Stretch // for which losses hold it up, those that are not over
}

// piece is what was put at once, or a part of it, or how it all ends.
type piece struct {
	b     []byte
	came  int64
	due   int64
	ended int   // requests or responses that end in it
	held  bool  // a law lets it wait
	told  bool  // that it was held is counted already
	err   error // the end of the stream
}

func newLane(c *conn, w way, dice *rand.Rand) *lane {
	return &lane{conn: c, way: w, dice: dice, news: make(chan struct{})}
}

// changed tells those who wait; l.mu is held.
func (l *lane) changed() {
	close(l.news)
	l.news = make(chan struct{})
}

// put appends bytes, which it copies, and waits for room where there is none. It
// returns how many it took, all of them unless there is an error.
func (l *lane) put(p []byte, late <-chan struct{}) (n int, err error) {
	for {
		select {
		case <-late:
			return n, os.ErrDeadlineExceeded
		default:
		}
		l.mu.Lock()
		if l.end != nil {
			defer l.mu.Unlock()
			return n, l.end
		}
		if room := min(capacity-l.bytes, len(p)-n); room > 0 {
			l.append(p[n : n+room])
			n += room
		}
		news := l.news
		l.mu.Unlock()
		if n == len(p) {
			return n, nil
		}
		select {
		case <-news:
		case <-late:
		}
	}
}

// append adds bytes under the law of the moment; l.mu is held.
func (l *lane) append(p []byte) {
	now, law := l.conn.link.opts.Now(), l.conn.law(l.way)
	if law == nil {
		l.add(piece{b: append([]byte(nil), p...), came: now, due: now, ended: l.frames.count(p)})
		return
	}
	stall, delay := law.stall(len(p), l.dice), law.delay(l.dice)
	for first := true; len(p) > 0; first = false {
		part := p[:min(law.slice(), len(p))]
		p = p[len(part):]
		l.free = max(l.free, now) + int64(law.transfer(len(part)))
		if first && stall > 0 {
			l.stall(l.free+int64(delay), int64(stall))
		}
		l.add(piece{b: append([]byte(nil), part...), came: now, due: l.free + int64(stall+delay), ended: l.frames.count(part)})
	}
}

// add appends a piece, behind all others in time too; l.mu is held.
func (l *lane) add(p piece) {
	if n := len(l.pieces); n > 0 {
		p.due = max(p.due, l.pieces[n-1].due)
	}
	p.held = p.due > p.came
	l.pieces = append(l.pieces, p)
	l.bytes += len(p.b)
	l.changed()
}

// stall notes that a loss holds the lane up for so long from a time on, or from when what
// is before it in the lane may go on: what of it that has anyhow is no wait because of it.
// One that begins as another ends is the same; l.mu is held.
func (l *lane) stall(from, wait int64) {
	to := from + wait
	if n := len(l.pieces); n > 0 {
		from = max(from, l.pieces[n-1].due)
	}
	switch n := len(l.stalls); {
	case to <= from:
	case n > 0 && l.stalls[n-1].To == from:
		l.stalls[n-1].To = to
	default:
		l.stalls = append(l.stalls, record.Stretch{From: from, To: to})
	}
}

// stalled counts the stalls that are over, or all as far as they went; l.mu is held.
func (l *lane) stalled(at int64, all bool) {
	for len(l.stalls) > 0 && (all || l.stalls[0].To <= at) {
		s := l.stalls[0]
		if took := min(s.To, at) - s.From; took > 0 {
			l.conn.link.sums.stalled(l.conn, took)
		}
		if l.stalls = l.stalls[1:]; len(l.stalls) == 0 {
			l.stalls = nil
		}
	}
}

// finish ends the lane once what is in it is through: those who take are then given
// taken, and those who put are given put from now on.
func (l *lane) finish(put, taken error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.end != nil {
		return
	}
	l.end = put
	now := l.conn.link.opts.Now()
	p := piece{err: taken, came: now, due: now}
	if law := l.conn.law(l.way); law != nil {
		p.due += int64(law.Delay)
	}
	l.add(p)
}

// drop ends the lane at once: what is in it is gone.
func (l *lane) drop(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now, state := l.conn.link.opts.Now(), l.conn.link.state.Load()
	for i := range l.pieces {
		l.mark(&l.pieces[i], state)
		l.tell(&l.pieces[i], now, 0)
	}
	l.stalled(now, true)
	l.end, l.cut = err, true
	l.pieces, l.bytes = append(l.pieces[:0], piece{err: err}), 0
	l.changed()
}

// tell counts that a piece was held until a time, once; l.mu is held.
func (l *lane) tell(p *piece, until int64, ended int) {
	if p.told || !p.held || p.err != nil {
		return
	}
	p.told = true
	l.conn.link.sums.held(l.conn, l.way, p.came, until, len(p.b), ended)
}

// ready waits until the first piece may go on. Where it returns nil, l.mu is held,
// and there is one; it has been counted by then.
func (l *lane) ready(late <-chan struct{}) error {
	waited := false
	for {
		select {
		case <-late:
			return os.ErrDeadlineExceeded
		default:
		}
		l.mu.Lock()
		state := l.conn.link.state.Load()
		closed := l.closes(state)
		left := time.Duration(-1)
		if len(l.pieces) > 0 {
			p := &l.pieces[0]
			now := l.conn.link.opts.Now()
			if left = time.Duration(p.due - now); left <= 0 && !closed {
				l.release(p, now, state, waited)
				if p.err != nil {
					defer l.mu.Unlock()
					return p.err
				}
				return nil
			}
			waited = true
		}
		news := l.news
		l.mu.Unlock()
		l.rest(left, closed, news, late, state)
	}
}

// rest waits until there may be something new: time has passed, pieces have come, or
// another law holds.
func (l *lane) rest(left time.Duration, closed bool, news, late <-chan struct{}, s *state) {
	var due <-chan time.Time
	if left > 0 && !closed {
		timer := time.NewTimer(left)
		defer timer.Stop()
		due = timer.C
	}
	select {
	case <-due:
	case <-news:
	case <-late:
	case <-s.over:
	}
}

// release counts for how long a piece was held. A taker who came only after it might
// have gone on is himself to blame for the rest; l.mu is held.
func (l *lane) release(p *piece, now int64, s *state, waited bool) {
	l.mark(p, s)
	until := now
	if !waited {
		until = min(now, max(p.due, p.came, l.opened(p, s)))
	}
	l.tell(p, until, p.ended)
	l.stalled(p.due, false)
}

// mark notes that a piece was held where it is in a hole, or has been in one: all that is
// in the lane is, and not only what would have been next. l.mu is held.
func (l *lane) mark(p *piece, s *state) {
	p.held = p.held || l.closes(s) || l.opened(p, s) > 0
}

// opened is when the latest hole that a piece has been in was over, 0 where it has been
// in none; l.mu is held.
func (l *lane) opened(p *piece, s *state) int64 {
	if h := s.hole; h != nil && p.came < s.opened && h.on(l.way) && h.concerns(l.conn.node, l.conn.lot) {
		return s.opened
	}
	return 0
}

// closes says whether nothing goes on; l.mu is held.
func (l *lane) closes(s *state) bool {
	return s.law.Hole && s.law.on(l.way) && s.hits(l.conn) && !l.cut
}

// take removes the first n bytes of the first piece; l.mu is held.
func (l *lane) take(n int) {
	p := &l.pieces[0]
	p.b = p.b[n:]
	l.bytes -= n
	if len(p.b) == 0 {
		l.pieces[0] = piece{}
		if l.pieces = l.pieces[1:]; len(l.pieces) == 0 {
			l.pieces = nil
		}
	}
	l.changed()
}
