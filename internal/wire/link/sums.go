package link

import (
	"cmp"
	"encoding/binary"
	"slices"
	"sync"
	"time"

	"github.com/kbench/kbench/results/record"
)

// least is the shortest wait that is told as a stretch of time: timers are no better.
const least = time.Millisecond

// sums is the account of an interval, by connection; dials have none, and are counted
// by node.
type sums struct {
	mu   sync.Mutex
	from int64
	of   map[key]*record.Link
}

type key struct {
	conn int
	node string
}

// entry is the account of a connection; s.mu is held.
func (s *sums) entry(k key) *record.Link {
	if s.of == nil {
		s.of = map[key]*record.Link{}
	}
	if s.of[k] == nil {
		s.of[k] = &record.Link{Conn: k.conn, Node: k.node}
	}
	return s.of[k]
}

// held counts bytes, and the requests or responses that ended in them, that waited
// since they came.
func (s *sums) held(c *conn, w way, came, until int64, bytes, ended int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := s.entry(key{c.id, c.node})
	k.Bytes += int64(bytes)
	n := int64(ended)
	if w == out {
		k.Requests += n
	} else {
		k.Responses += n
	}
	k.Delays = record.AddTime(k.Delays, until-came, n)
	if until-came >= int64(least) {
		k.Held = append(k.Held, record.Stretch{From: came, To: until})
	}
}

// stalled counts a wait for segments that were lost.
func (s *sums) stalled(c *conn, took int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := s.entry(key{c.id, c.node})
	k.Stalls = record.AddTime(k.Stalls, took, 1)
}

// ended counts how a connection ended.
func (s *sums) ended(c *conn, count func(*record.Link)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	count(s.entry(key{c.id, c.node}))
}

// dialled counts what happened to a dial.
func (s *sums) dialled(node string, count func(*record.Link)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	count(s.entry(key{0, node}))
}

// flush ends the interval. It returns its account, where there is one.
func (s *sums) flush(now int64) (e record.Event, some bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e = record.Event{T: now, K: record.EvLink, From: s.from}
	for _, k := range s.of {
		k.Held = union(k.Held)
		e.Link = append(e.Link, *k)
	}
	slices.SortFunc(e.Link, func(a, b record.Link) int { return cmp.Or(a.Conn-b.Conn, cmp.Compare(a.Node, b.Node)) })
	s.from, s.of = now, nil
	return e, len(e.Link) > 0
}

// union joins what overlaps: a connection is held up in both ways at once.
func union(all []record.Stretch) (out []record.Stretch) {
	slices.SortFunc(all, func(a, b record.Stretch) int { return cmp.Compare(a.From, b.From) })
	for _, s := range all {
		if n := len(out); n > 0 && s.From <= out[n-1].To {
			out[n-1].To = max(out[n-1].To, s.To)
			continue
		}
		out = append(out, s)
	}
	return out
}

// frames counts the requests or responses of a stream: each has its length before it.
type frames struct {
	length [4]byte
	have   int
	left   int // of the one that is under way
}

// count follows bytes, and returns how many ended in them.
func (f *frames) count(p []byte) (ended int) {
	for len(p) > 0 {
		if f.left > 0 {
			n := min(f.left, len(p))
			p, f.left = p[n:], f.left-n
			if f.left == 0 {
				ended++
			}
			continue
		}
		n := copy(f.length[f.have:], p)
		p, f.have = p[n:], f.have+n
		if f.have == len(f.length) {
			f.have, f.left = 0, int(binary.BigEndian.Uint32(f.length[:]))
		}
	}
	return ended
}
