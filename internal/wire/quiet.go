package wire

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kbench/kbench/results/record"
)

// waits is for how long a request has waited that is worth a word.
const waits = int64(time.Second)

// quiet knows what is open and what is being dialled, so that it can say where nothing
// comes back. A client that speaks with its group behind its fetches sends nothing of the
// former while one of the latter hangs, and only this tells why. Its zero value is ready.
type quiet struct {
	mu    sync.Mutex
	conns map[*conn]bool
	dials map[*dial]bool
}

// dial is one under way.
type dial struct {
	node string
	from int64
}

func (q *quiet) opened(c *conn) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.conns == nil {
		q.conns = map[*conn]bool{}
	}
	q.conns[c] = true
}

func (q *quiet) closed(c *conn) {
	q.mu.Lock()
	defer q.mu.Unlock()
	delete(q.conns, c)
}

// dialling notes a dial until done is called.
func (q *quiet) dialling(node string, now int64) (done func()) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.dials == nil {
		q.dials = map[*dial]bool{}
	}
	d := &dial{node, now}
	q.dials[d] = true
	return func() {
		q.mu.Lock()
		defer q.mu.Unlock()
		delete(q.dials, d)
	}
}

// since are the connections and dials on which nothing has come back since a time, or
// before. What waits for other members of the group is not among them.
func (q *quiet) since(t int64) (out []record.Waiting) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for c := range q.conns {
		a, some := c.pending.oldest()
		from := a.sent + a.poll
		if some && a.sent != 0 && from <= t && a.api != int16(kmsg.JoinGroup) && a.api != int16(kmsg.SyncGroup) {
			out = append(out, record.Waiting{Conn: c.id, Node: c.node, API: a.api, From: from})
		}
	}
	for d := range q.dials {
		if d.from <= t {
			out = append(out, record.Waiting{Node: d.node, API: -1, From: d.from})
		}
	}
	slices.SortFunc(out, func(a, b record.Waiting) int {
		return cmp.Or(cmp.Compare(a.Conn, b.Conn), cmp.Compare(a.From, b.From), cmp.Compare(a.Node, b.Node))
	})
	return out
}

// topics are the numbers of partitions that Metadata responses had. The zero value is
// ready.
type topics struct {
	mu    sync.Mutex
	known map[string]int
}

// changed leaves in an event the topics that have another number than before, and says
// whether there are any. A first number is one, too.
func (s *topics) changed(e *record.Event) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.known == nil {
		s.known = map[string]int{}
	}
	e.Counts = slices.DeleteFunc(e.Counts, func(c record.TopicCount) bool { return s.known[c.Topic] == c.Partitions })
	for _, c := range e.Counts {
		s.known[c.Topic] = c.Partitions
	}
	return len(e.Counts) > 0
}
