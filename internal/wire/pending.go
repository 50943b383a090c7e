package wire

import (
	"sync"

	"github.com/kbench/kbench/results/record"
)

// pending carries what was asked from the goroutine that writes to the one that
// reads. Kafka answers the requests of a connection in their order, so it is a
// queue; correlation ids tell which of its entries were never answered.
//
// It also keeps the events in order. The response to a request can be read
// before the Write that sent the request has returned; its event then waits
// here until the request's own is out. No byte waits, only the report.
type pending struct {
	mu    sync.Mutex
	queue []asked // from first on
	first int

	unsent bool           // a request that is to be reported is being written
	held   []record.Event // responses read meanwhile
}

// asked is a request that awaits its response.
type asked struct {
	api     int16
	version int16
	corr    int32
	token   bool // of SASL, without a Kafka header

	// When it was sent, 0 of a token, and for how long a fetch lets the node wait for
	// records. A client that is in Read waits for the node from then on.
	sent int64
	poll int64
}

// push adds a request. It has to be called before the request is sent.
func (q *pending) push(a asked) {
	q.mu.Lock()
	if q.first > 0 && len(q.queue) == cap(q.queue) {
		q.queue = q.queue[:copy(q.queue, q.queue[q.first:])]
		q.first = 0
	}
	q.queue = append(q.queue, a)
	q.mu.Unlock()
}

// answer returns the request that a response belongs to. Requests before it
// will not be answered any more.
func (q *pending) answer(corr int32) (asked, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for i := q.first; i < len(q.queue); i++ {
		if q.queue[i].corr == corr && !q.queue[i].token {
			a := q.queue[i]
			q.drop(i + 1)
			return a, true
		}
	}
	return asked{}, false
}

// oldest is the request that has waited longest for its response.
func (q *pending) oldest() (asked, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.first == len(q.queue) {
		return asked{}, false
	}
	return q.queue[q.first], true
}

// token reports whether the next response is one to a raw SASL token, and if so
// takes it.
func (q *pending) token() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.first == len(q.queue) || !q.queue[q.first].token {
		return false
	}
	q.drop(q.first + 1)
	return true
}

// drop forgets the entries before next.
func (q *pending) drop(next int) {
	q.first = next
	if q.first == len(q.queue) {
		q.queue, q.first = q.queue[:0], 0
	}
}

// sending says that a request to be reported is about to be written.
func (q *pending) sending() {
	q.mu.Lock()
	q.unsent = true
	q.mu.Unlock()
}

// sent says that its event is out, and emits the responses that waited for it.
func (q *pending) sent(emit func(record.Event)) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.unsent = false
	for i := range q.held {
		emit(q.held[i])
		q.held[i] = record.Event{}
	}
	q.held = q.held[:0]
}

// hold keeps the event of a response back where its request may not have been
// reported yet.
func (q *pending) hold(e record.Event) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.unsent {
		q.held = append(q.held, e)
	}
	return q.unsent
}
