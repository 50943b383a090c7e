package worker

import (
	"context"
	"math"
	"time"

	"github.com/kbench/kbench/results/record"
	"github.com/kbench/kbench/workloads/pace"
)

// load is what a generator has to send on a schedule, and how far it is.
type load struct {
	pace.Schedule
	start, length int64 // ns
	i             int64 // the next record
	step          int64 // to the next one of this producer
}

// due is when the next record is intended to be sent; beyond all times where the
// schedule has none any more.
func (l *load) due() int64 {
	at := int64(l.At(l.i))
	if at >= l.length {
		return math.MaxInt64
	}
	return l.start + at
}

// from is how many records from i on are due before end.
func (l *load) from(i, end int64) int64 {
	n := l.Count(time.Duration(min(max(end-l.start, 0), l.length)))
	return max(n-i+l.step-1, 0) / l.step
}

// open sends on the schedule, which starts at start. It never sends early, and
// what is late is sent at once: intended times do not move. It ends on time: what
// the client did not take until then is counted as unsent.
func (g *generator) open(ctx context.Context, sched pace.Schedule, start int64, length time.Duration) error {
	// The thread is the generator's own, so that a sleep is one system call and
	// not at the mercy of the scheduler's timers.
	g.own.enter()
	defer g.own.leave()
	g.sending.own = g.own
	g.own.whole.Store(true)
	// One that came later has its schedule to itself, whatever its number.
	producers := int64(g.job.Spec.Produce.Producers)
	mine := int64(g.producer) % producers
	l := &load{Schedule: sched, start: start, length: int64(length), i: mine, step: producers}
	if err := g.follow(ctx, l); err != nil {
		return err // without all of the schedule there is no telling what was due
	}
	l.i -= g.back * l.step // what was not taken is the last of it
	// The end may have been told after it had come, and more handed over by then.
	handed := (l.i - mine) / l.step
	g.due = func() int64 { return max(l.from(mine, g.until.Load()), handed) }
	g.leave(l)
	return nil
}

// follow hands over what is due until that is all, or until it is over.
func (g *generator) follow(ctx context.Context, l *load) error {
	tick := int64(g.job.Spec.Produce.Tick)
	for {
		now := record.Now()
		g.now = now
		until := g.until.Load()
		for due := l.due(); due <= now && due < until; due = l.due() {
			took, err := g.offer(ctx, uint64(l.i), due)
			if err != nil {
				return err
			}
			if !took {
				return g.flush()
			}
			l.i += l.step
		}
		if err := g.flush(); err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		due := l.due()
		if due == math.MaxInt64 || due >= until && now >= until {
			return nil // the end has come before the next record is due
		}
		if now < until {
			nap(max(due-record.Now(), tick))
		}
	}
}

// offer sends a record that is due, once its window has room and with those that
// are due as well. It reports false where it is over first.
func (g *generator) offer(ctx context.Context, i uint64, due int64) (bool, error) {
	if g.over() {
		return false, nil
	}
	p := g.keys.Partition(i, int32(len(g.windows)))
	if w := &g.windows[p]; !w.room() {
		if err := g.flush(); err != nil || g.back > 0 {
			return false, err
		}
		from := record.Now()
		err := g.wait(ctx, p+1)
		g.now = record.Now()
		if g.held != nil {
			g.held.full(from, g.now)
		}
		if err != nil || !w.room() {
			return false, err
		}
	}
	g.chunk = append(g.chunk, g.take(p, i, due))
	if len(g.chunk) == cap(g.chunk) {
		return true, g.flush()
	}
	return true, nil
}

// leave counts what was due before the end and not handed over, and writes down how
// late it is by then, and so at least. Of very many, one stands for several.
func (g *generator) leave(l *load) {
	end := g.until.Load()
	g.left = l.from(l.i, end)
	if g.unsent == nil {
		return
	}
	each := g.left/mostUnsent + 1
	for left := g.left; left > 0; left -= each {
		n, due := min(each, left), l.due()
		g.unsent.RecordMany(due, g.now, end-due, n)
		l.i += n * l.step
	}
}

// mostUnsent bounds the time that it takes to write them down.
const mostUnsent = 1 << 20

// longestNap is a piece of a sleep.
const longestNap = 100 * time.Millisecond
