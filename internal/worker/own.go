package worker

import (
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/kbench/kbench/results/record"
)

// own is what threads that are the harness's own have used. That is all of its part
// that can be told only where the generator has one of them; elsewhere nothing is
// known, and used is 0. The zero value knows of none.
type own struct {
	mu     sync.Mutex
	live   map[int]int64 // by thread, what it had used before it was ours
	left   int64         // what those used that have left
	client atomic.Int64  // the client's work on them
	whole  atomic.Bool   // the generator has one
}

// enter makes the thread of the calling goroutine one of them, until leave.
func (o *own) enter() {
	runtime.LockOSThread()
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.live == nil {
		o.live = map[int]int64{}
	}
	id := record.ThreadID()
	o.live[id] = record.ThreadTime(id)
}

func (o *own) leave() {
	o.mu.Lock()
	id := record.ThreadID()
	o.left += record.ThreadTime(id) - o.live[id]
	delete(o.live, id)
	o.mu.Unlock()
	runtime.UnlockOSThread()
}

// used is what they have used so far, ns.
func (o *own) used() int64 {
	if !o.whole.Load() {
		return 0
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	sum := o.left
	for id, before := range o.live {
		sum += record.ThreadTime(id) - before
	}
	return max(sum-o.client.Load(), 1)
}

// ownEvery is how many calls of Send there are for each one whose time on the
// generator's thread is taken: to ask for it twice costs as much as a record.
const ownEvery = 16

// sending takes the time of one call of Send in so many, and counts it for all.
type sending struct {
	own   *own
	calls int
	began int64
}

// begin and end stand around Send, on a thread of the harness.
func (s *sending) begin() {
	if s.own == nil {
		return
	}
	if s.calls++; s.calls%ownEvery == 1 {
		s.began = record.ThreadTime(record.ThreadID())
	}
}

func (s *sending) end() {
	if s.own != nil && s.calls%ownEvery == 1 {
		s.own.client.Add(ownEvery * (record.ThreadTime(record.ThreadID()) - s.began))
	}
}
