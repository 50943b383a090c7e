// Package lane runs handlers beside each other for a client whose records all
// come out of one loop: one queue and one goroutine per partition.
//
// It knows neither records nor clients. A driver whose client already has a
// goroutine per partition needs none of it.
package lane

import "sync/atomic"

// Lane hands items to a function, in order and one at a time, on a goroutine of
// its own. Its queue is bounded, so that a slow handler holds its client back
// instead of filling the memory.
type Lane[T any] struct {
	items   chan T
	stop    chan struct{}
	done    chan struct{}
	stopped atomic.Bool
}

// New starts a lane with room for depth waiting items.
func New[T any](depth int, handle func(T)) *Lane[T] {
	l := &Lane[T]{items: make(chan T, depth), stop: make(chan struct{}), done: make(chan struct{})}
	go l.run(handle)
	return l
}

func (l *Lane[T]) run(handle func(T)) {
	defer close(l.done)
	for {
		select {
		case <-l.stop:
			return
		case item := <-l.items:
			// Both may be ready, and then select chooses by chance: a stopped
			// lane begins nothing.
			if l.stopped.Load() {
				return
			}
			handle(item)
		}
	}
}

// Outcome says what became of an item given to Put.
type Outcome int

// The outcomes of Put.
const (
	Queued  Outcome = iota // it will be handled, unless the lane is stopped first
	Woken                  // the lane was full and wake came first; nothing was queued
	Stopped                // the lane has been stopped; nothing was queued
)

// Put queues an item. It waits while the lane is full, until wake can be
// received from (which Put then does) or the lane is stopped. A nil wake never
// comes.
func (l *Lane[T]) Put(item T, wake <-chan struct{}) Outcome {
	if l.stopped.Load() {
		return Stopped
	}
	select {
	case l.items <- item:
		return Queued
	default:
	}
	select {
	case l.items <- item:
		return Queued
	case <-wake:
		return Woken
	case <-l.stop:
		return Stopped
	}
}

// Stopping says whether Stop was called, so that a handler of a long item can
// end early.
func (l *Lane[T]) Stopping() bool { return l.stopped.Load() }

// Stop drops what waits, and returns when the running call has returned: nothing
// runs or starts after it. It must not be called from the handler.
func (l *Lane[T]) Stop() {
	if !l.stopped.Swap(true) {
		close(l.stop)
	}
	<-l.done
}
