package loopback

import (
	"sync/atomic"

	"github.com/kbench/kbench/drivers"
)

// turnRecords is how many records of a partition are delivered before the next
// partition of a serial member has its turn.
const turnRecords = 256

// runner is the goroutine that delivers the records of its claims, one at a
// time.
type runner struct {
	group    string
	claims   []*claim
	track    bool // keep claim.delivered up to date
	stopping atomic.Bool
	wake     chan struct{}
	done     chan struct{}
	rec      drivers.Rec // one for all, so that none escapes to the heap per record
}

// rouse wakes the runner; it is never lost, and harmless where it is awake.
func (r *runner) rouse() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

func (r *runner) run() {
	defer close(r.done)
	defer func() {
		for _, cl := range r.claims {
			cl.p.forget(r)
		}
	}()
	for !r.stopping.Load() {
		idle := true
		for _, cl := range r.claims {
			if b := cl.p.read(r.group, cl.next, r); len(b.entries) > 0 {
				idle = false
				r.deliver(cl, b)
			}
		}
		if idle {
			<-r.wake
		}
	}
}

// deliver hands a batch over. A stop is obeyed between two records, so that it
// waits for one handler and not for a batch of them.
func (r *runner) deliver(cl *claim, b batch) {
	for i, e := range b.entries {
		if r.stopping.Load() {
			return
		}
		r.rec = drivers.Rec{Offset: b.first + int64(i)}
		val := e.start
		if e.key >= 0 {
			val += uint32(e.key)
			r.rec.Key = b.buf[e.start:val:val]
		}
		if e.val >= 0 {
			end := val + uint32(e.val)
			r.rec.Value = b.buf[val:end:end]
		}
		cl.lane.Record(&r.rec)
		cl.next = r.rec.Offset + 1
		if r.track {
			cl.delivered.Store(cl.next)
		}
	}
}
