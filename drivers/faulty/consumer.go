package faulty

import (
	"bytes"
	"context"
	"maps"
	"net"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/kbench/kbench/drivers"
)

type consumer struct {
	drivers.Consumer
	fault Fault
	env   drivers.Env
	h     *handler

	mu    sync.Mutex
	marks map[drivers.TopicPartition]int64 // the last one given, for Regress
}

// subscriber is a consumer whose client can change its topics.
type subscriber struct {
	*consumer
	drivers.Subscriber
}

// Mark implements drivers.Consumer.
func (c *consumer) Mark(topic string, partition int32, next int64) {
	switch c.fault.Kind {
	case Regress:
		tp := drivers.TopicPartition{Topic: topic, Partition: partition}
		c.mu.Lock()
		last, ok := c.marks[tp]
		c.marks[tp] = next
		c.mu.Unlock()
		if !ok {
			return
		}
		next = last
	case Overcommit:
		next++
	}
	c.Consumer.Mark(topic, partition, next)
}

// Close implements drivers.Consumer.
func (c *consumer) Close(ctx context.Context) error {
	if c.fault.Kind == Hang {
		select {}
	}
	c.h.once.Do(func() { close(c.h.closing) })
	c.h.late.Wait()
	if err := c.Consumer.Close(ctx); err != nil {
		return err
	}
	if c.fault.Kind == BurnRecord && c.h.log != nil {
		c.h.log(2, c.h.stove.cost().String())
	}
	switch {
	case c.fault.Kind == Zombie && c.fault.For <= 0:
		haunt(c.h.remember(nil))
	case c.fault.Kind == Leak:
		return c.leak(ctx)
	}
	return nil
}

// leak leaves a connection to the broker behind, and a goroutine that has it.
func (c *consumer) leak(ctx context.Context) error {
	conn, err := c.env.Dial(ctx, "tcp", c.env.Seeds[0])
	if err != nil {
		return err
	}
	go holdForGood(conn)
	return nil
}

// holdForGood is known in dumps by its name.
//
//go:noinline
func holdForGood(conn net.Conn) {
	<-make(chan struct{}) // to which nobody can ever send
	_ = conn.Close()
}

// handler stands between the client and the harness.
type handler struct {
	drivers.Handler
	fault   Fault
	log     func(level int, line string) // may be nil
	closing chan struct{}                // closed when Close was called: stuck lanes let go
	once    sync.Once
	late    sync.WaitGroup // zombies that wait for their time
	silent  bool           // the client tells of no revokes
	stove   stove          // for BurnRecord
	gate    *turnstile     // for Serve

	mu    sync.Mutex
	lanes map[drivers.TopicPartition]*lane
}

// Open implements drivers.Handler.
func (h *handler) Open(topic string, partition int32) drivers.Lane {
	l := &lane{out: h.Handler.Open(topic, partition), h: h, partition: partition}
	if h.silent && h.fault.Kind == Zombie && h.fault.For > 0 {
		h.late.Go(l.rise)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.lanes[drivers.TopicPartition{Topic: topic, Partition: partition}] = l
	return l
}

// Event implements drivers.Handler.
func (h *handler) Event(ev drivers.Event) {
	h.Handler.Event(ev)
	if h.fault.Kind == BurnRevoke && ev.Kind == drivers.Revoked {
		burnOnRevoke(h.fault.For)
	}
	if h.fault.Kind != Zombie || ev.Kind != drivers.Revoked {
		return
	}
	gone := h.remember(ev.Parts)
	if h.fault.For <= 0 {
		haunt(gone)
		return
	}
	h.late.Go(func() {
		select {
		case <-time.After(h.fault.For):
			haunt(gone)
		case <-h.closing:
		}
	})
}

// ghost is the last record that a lane had.
type ghost struct {
	lane *lane
	last *drivers.Rec
}

// remember takes the last records of the partitions, or of all for nil.
func (h *handler) remember(parts []drivers.TopicPartition) []ghost {
	h.mu.Lock()
	defer h.mu.Unlock()
	if parts == nil {
		parts = slices.Collect(maps.Keys(h.lanes))
	}
	var out []ghost
	for _, tp := range parts {
		if l := h.lanes[tp]; l != nil {
			l.mu.Lock()
			if l.last != nil {
				out = append(out, ghost{l, l.last})
			}
			l.mu.Unlock()
		}
	}
	return out
}

// haunt delivers records again.
func haunt(gone []ghost) {
	for _, g := range gone {
		g.lane.feeding.Lock()
		g.lane.out.Record(g.last)
		g.lane.feeding.Unlock()
	}
}

// rise makes a zombie of a lane whose client does not tell when it gives up a
// partition: it has, where no record has come for the time of the fault. That is
// a guess, and the lane may come to life again at this very moment: it is one
// goroutine at a time that feeds it.
func (l *lane) rise() {
	const looks = 8 // within that time
	tick := time.NewTicker(max(1, l.h.fault.For/looks))
	defer tick.Stop()
	var seen *drivers.Rec
	for still := 0; still < looks; {
		select {
		case <-l.h.closing:
			return
		case <-tick.C:
		}
		l.mu.Lock()
		last := l.last
		l.mu.Unlock()
		if last == nil || last != seen {
			seen, still = last, 0
		} else {
			still++
		}
	}
	haunt([]ghost{{l, seen}})
}

// lane breaks the records of one partition.
type lane struct {
	out       drivers.Lane
	h         *handler
	partition int32
	n         int
	held      *drivers.Rec // for Reorder: waits for its successor

	feeding sync.Mutex // for Zombie: held around out.Record

	mu   sync.Mutex
	last *drivers.Rec // for Zombie
}

// Record implements drivers.Lane.
func (l *lane) Record(r *drivers.Rec) {
	l.n++
	hit := l.n%l.h.fault.Nth == 0
	once, from := l.n == l.h.fault.Nth, l.n >= l.h.fault.Nth
	switch kind := l.h.fault.Kind; {
	case kind == Drop && hit:
		return
	case kind == Duplicate && hit:
		again := clone(r)
		l.out.Record(r)
		l.out.Record(again)
		return
	case kind == Reorder && hit && l.held == nil:
		l.held = clone(r)
		return
	case kind == Corrupt && hit && len(r.Value) > 0:
		// A copy, because the client's memory is not the harness's to change.
		bad := clone(r)
		bad.Value[len(bad.Value)/2] ^= 1
		l.out.Record(bad)
		return
	case kind == Stuck && from:
		<-l.h.closing // and then it takes nothing more: with the next record a mark would pass over this one
		return
	case kind == Stall && once:
		l.stop()
	case kind == Burn && once:
		busy(l.h.fault.For, func() {})
	case kind == BurnRecord && hit:
		l.h.stove.burn(l.h.fault.Nth, l.h.fault.For)
	case kind == Serve:
		l.h.gate.pass(l.h.fault.For)
	case kind == Litter && once:
		busy(l.h.fault.For, litter)
	case kind == Zombie:
		l.feeding.Lock()
		defer l.feeding.Unlock()
		l.mu.Lock()
		l.last = clone(r)
		l.mu.Unlock()
	}
	l.out.Record(r)
	if l.held != nil {
		held := l.held
		l.held = nil
		l.out.Record(held)
	}
}

// stop holds the lane up and writes down when, for it is what a measured pause
// is held against. The length is read off a clock of its own, so that the
// instrument's may be wrong.
func (l *lane) stop() {
	say := func(line string) {
		if l.h.log != nil {
			l.h.log(2, line)
		}
	}
	say(Stop{Partition: l.partition}.String())
	from := time.Now()
	time.Sleep(l.h.fault.For)
	say(Stop{Partition: l.partition, Length: time.Since(from)}.String())
}

// busy does something again and again, on every processor, for so long.
func busy(length time.Duration, what func()) {
	end := time.Now().Add(length)
	var all sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		all.Go(func() {
			for time.Now().Before(end) {
				what()
			}
		})
	}
	all.Wait()
}

// burnOnRevoke is known in profiles by its name: it burns one processor, and looks at
// the clock so rarely that it is itself what is sampled.
//
//go:noinline
func burnOnRevoke(length time.Duration) {
	sum := 0
	for end := time.Now().Add(length); time.Now().Before(end); {
		for i := range 1 << 16 {
			sum += i * i
		}
	}
	runtime.KeepAlive(sum)
}

// litter leaves a heap of pointers behind and has it collected.
func litter() {
	var heap []*[64]*byte
	for range 1 << 12 {
		heap = append(heap, &[64]*byte{new(byte)})
	}
	runtime.GC()
	runtime.KeepAlive(heap)
}

func clone(r *drivers.Rec) *drivers.Rec {
	return &drivers.Rec{Offset: r.Offset, Key: bytes.Clone(r.Key), Value: bytes.Clone(r.Value)}
}
