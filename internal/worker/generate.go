package worker

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"sync/atomic"
	"time"

	"github.com/kbench/kbench/drivers"
	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/record"
	"github.com/kbench/kbench/workloads/payload"
)

// generator makes the records of one producer and hands them to the client:
// on a schedule (open loop), or as fast as the windows empty (closed loop).
type generator struct {
	acks
	job    Job
	topic  string
	pool   *payload.Pool
	keys   *payload.Keys
	client drivers.Producer
	held   *held          // nil in a closed loop, and where nothing is measured
	unsent *record.Series // how late what was never handed over is at least; nil like held
	keyed  bool           // its key decides where a record goes
	fixed  bool           // every value has the same length, so bodies stay where they are
	slab   []drivers.Msg  // of all slots, one partition after the other
	slots  int            // of a partition
	values *arena
	chunk  []*drivers.Msg
	sent   int64
	due    func() int64 // open loop: how many records the schedule has up to the end
	left   int64        // of them, those that were not handed over
	now    int64        // the clock as last read
	last   int64        // when it stops at the latest; 0 before until
	turn   int          // closed loop: the partition whose turn it is
	looked byte         // closed loop: keeps looking at values from being left out
	until  atomic.Int64 // nothing is due from here on; may move while it runs
	timer  *time.Timer
	// taking ends when the client need not take any more: when the drain is over, which
	// is at deadline once the end is known, or when the generator is told to go.
	taking   context.Context
	drained  context.Context
	expire   context.CancelFunc // of drained
	deadline atomic.Int64
	back     int64 // records that the client did not take
	// sending knows the thread that an open loop has to itself; a closed one has none.
	sending sending
	own     *own
}

func newGenerator(s *session) (*generator, error) {
	spec := s.job.Spec
	g := &generator{
		job: s.job, pool: payload.NewPool(spec.Records, s.job.Seed), keys: payload.NewKeys(spec.Records.Keys, s.job.Seed),
		keyed: spec.Records.Keys.Kind != "none", fixed: spec.Records.Size.Fixed > 0,
		chunk: make([]*drivers.Msg, 0, spec.Produce.Chunk),
		timer: time.NewTimer(time.Hour), own: &s.own,
	}
	if spec.Topic.Partitions < 1 {
		return nil, fmt.Errorf("topic has no partitions")
	}
	g.until.Store(math.MaxInt64)
	g.taking = s.ctx
	g.drained, g.expire = context.WithCancel(context.Background())
	g.producer, g.every, g.wake = s.job.Number, uint64(s.job.Every-1), make(chan struct{}, 1)
	if g.topic, g.first = s.job.Topics.Place(s.job.First); g.topic == "" {
		g.topic = s.job.Topic
	}
	g.windows = make([]window, spec.Topic.Partitions)
	limit := max(spec.Outstanding()/spec.Topic.Partitions, 1)
	g.slots = limit
	g.slab, g.values = make([]drivers.Msg, limit*spec.Topic.Partitions), newArena(spec.Topic.Partitions)
	g.fresh = g.replace
	s.values.Store(g.values)
	for p := range g.windows {
		w, number := &g.windows[p], s.job.First+int32(p)
		w.init(limit)
		w.spans = s.spans.Lane(record.Acked, 0, number, 0)
		w.fails = s.spans.Lane(record.Failed, 0, number, 0)
		w.again = s.spans.Lane(record.Twice, 0, number, 0)
		if s.job.Role == results.RoleFiller {
			continue // a backlog is not measured; its spans tell the audit what is in it
		}
		w.service = s.latency.Series("produce.service")
		if !spec.Produce.Rate.Max {
			w.response = s.latency.Series("produce.response")
		}
	}
	if !spec.Produce.Rate.Max && s.job.Role != results.RoleFiller {
		g.held, g.unsent = newHeld(s.latency, s.job.Role == results.RoleReference), s.latency.Series("produce.unsent")
	}
	return g, nil
}

// newMsg makes the Msg of a slot. Values of one length keep their body for
// ever; only the header is written anew for each record.
func (g *generator) newMsg(p int32, slot uint32) *drivers.Msg {
	m := &g.slab[int(p)*g.slots+int(slot)]
	m.Topic, m.Partition, m.Slot = g.topic, g.first+p, slot
	if g.fixed {
		m.Value = g.values.get(p, g.pool.Max())
		g.fill(m)
	}
	return m
}

// fill writes the body that a slot keeps.
func (g *generator) fill(m *drivers.Msg) {
	m.Body = g.pool.Fill(m.Value, uint64(m.Slot)*uint64(len(g.windows))+uint64(m.Partition-g.first))
}

// replace makes a Msg for the slot of one that failed: the client may still hold
// what it was given. It is called on the ack side.
func (g *generator) replace(old *drivers.Msg) *drivers.Msg {
	// It stands for the same record until its slot is used again.
	m := &drivers.Msg{Topic: old.Topic, Partition: old.Partition, Slot: old.Slot, Seq: old.Seq, Due: old.Due, Value: make([]byte, len(old.Value), cap(old.Value))}
	if g.fixed {
		g.fill(m)
	}
	return m
}

// take fills the next Msg of a window, which must have room. i numbers the
// records of the trial; it decides key and size.
func (g *generator) take(p int32, i uint64, due int64) *drivers.Msg {
	m := g.reserve(p)
	g.stamp(m, i, due)
	return m
}

// reserve takes the next Msg of a window, which must have room.
func (g *generator) reserve(p int32) *drivers.Msg {
	w := &g.windows[p]
	slot := w.slot()
	m := w.msgs[slot]
	if m == nil {
		m = g.newMsg(p, slot)
		w.msgs[slot] = m
	}
	m.Seq = w.next
	w.next++
	return m
}

// stamp makes the record of a Msg.
func (g *generator) stamp(m *drivers.Msg, i uint64, due int64) {
	if !g.fixed {
		m.Value = g.values.swap(m.Partition-g.first, m.Value, g.pool.Size(i))
		m.Body = g.pool.Fill(m.Value, i)
	}
	m.Key, _ = g.keys.Key(i)
	m.Due, m.Offset = due, -1
	payload.Put(m.Value, payload.Header{Run: g.job.RunTag, Producer: g.producer, Seq: m.Seq, Due: due, Body: m.Body})
}

// ends says when nothing is due any more, and so how long there is for what was.
func (g *generator) ends(at int64) {
	g.until.Store(at)
	if at == math.MaxInt64 {
		return
	}
	now := record.Now()
	left := max(at-now, 0) + int64(g.job.Spec.Phases.Drain)
	g.deadline.Store(now + left)
	time.AfterFunc(time.Duration(left), g.expire)
}

// flush sends the chunk.
func (g *generator) flush() error {
	if len(g.chunk) == 0 {
		return nil
	}
	now, due := record.Now(), g.chunk[0].Due
	for _, m := range g.chunk {
		m.Sent = now
	}
	g.sending.begin()
	err := g.client.Send(g.taking, g.chunk)
	g.sending.end()
	if left := (*drivers.NotTaken)(nil); err != nil && g.taking.Err() != nil && errors.As(err, &left) {
		g.giveBack(left.Taken)
		err = nil
	}
	if g.held != nil {
		g.now = record.Now()
		for _, m := range g.chunk {
			g.held.record(m.Due, now)
		}
		g.held.sent(due, now, g.now)
	}
	g.sent += int64(len(g.chunk))
	g.chunk = g.chunk[:0]
	if err != nil {
		return fmt.Errorf("%s: send: %w", g.job.Client, err)
	}
	return nil
}

// giveBack shortens the chunk to what the client took. The others are the last of
// their windows, and as if they had never been made. It is over then: their slots are
// not used again.
func (g *generator) giveBack(taken int) {
	for _, m := range g.chunk[taken:] {
		g.windows[m.Partition-g.first].next--
	}
	g.back += int64(len(g.chunk) - taken)
	g.chunk = g.chunk[:taken]
}

// wait sleeps until there is what it waits for, or until it is over.
func (g *generator) wait(ctx context.Context, what int32) error {
	defer g.waiting.Store(nothing)
	for {
		g.now = record.Now()
		left := g.until.Load() - g.now
		if left < 0 && g.over() {
			return nil
		}
		g.timer.Reset(min(50*time.Millisecond, max(time.Duration(left), 0)+lastCalls)) // the end may move
		g.waiting.Store(what)
		if g.has(what) {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-g.wake:
		case <-g.timer.C:
		}
	}
}

// has says whether there is what a generator waits for.
func (g *generator) has(what int32) bool {
	if what != quarter {
		return g.windows[what-1].room()
	}
	for p := range g.windows {
		if g.windows[p].emptied() {
			return true
		}
	}
	return false
}

// lastCalls is for how long what was due before the end is still handed over,
// from when the generator first sees that the end has come. What it had no tick for
// goes in it; what a client does not take is left.
const lastCalls = 10 * time.Millisecond

// over says whether nothing may be handed over any more.
func (g *generator) over() bool {
	if g.back > 0 {
		return true
	}
	if g.now < g.until.Load() {
		return false
	}
	if g.last == 0 {
		g.last = g.now + int64(lastCalls)
	}
	return g.now > g.last
}

// closed sends whenever a window has room, until the end or until limit records
// were sent (0: no limit). The intended time of a record is when it is sent.
func (g *generator) closed(ctx context.Context, limit int64) error {
	producers := uint64(max(g.job.Spec.Produce.Producers, 1))
	if g.job.Role == results.RoleFiller {
		producers = 1
	}
	i := uint64(g.producer)
	for {
		now := record.Now()
		if now >= g.until.Load() || g.back > 0 {
			return g.flush()
		}
		from := i
		for len(g.chunk) < cap(g.chunk) && (limit == 0 || g.sent+int64(len(g.chunk)) < limit) {
			p := g.pick(i)
			if p < 0 {
				break
			}
			g.chunk = append(g.chunk, g.reserve(p))
			i += producers
		}
		// The values of a chunk have left the cache since they were used last. Looked at
		// here, before the first is written, they come side by side.
		var looked byte
		for _, m := range g.chunk {
			if len(m.Value) > 0 {
				looked += m.Value[0]
			}
		}
		g.looked = looked
		for _, m := range g.chunk {
			g.stamp(m, from, now)
			from += producers
		}
		full := len(g.chunk) == cap(g.chunk)
		if err := g.flush(); err != nil {
			return err
		}
		if limit > 0 && g.sent >= limit {
			return nil
		}
		if !full {
			if err := g.wait(ctx, g.roomFor(i)); err != nil {
				return err
			}
		}
	}
}

// pick is the partition of the next record of a closed loop, or -1 where it has no
// room.
func (g *generator) pick(i uint64) int32 {
	if !g.keyed {
		return g.nextWithRoom()
	}
	p := g.keys.Partition(i, int32(len(g.windows)))
	if !g.windows[p].room() {
		return -1
	}
	return p
}

// roomFor is what the next record of a closed loop waits for.
func (g *generator) roomFor(i uint64) int32 {
	if g.keyed {
		return g.keys.Partition(i, int32(len(g.windows))) + 1
	}
	return quarter
}

// nextWithRoom goes round the partitions and skips those whose window is full;
// -1 when all are.
func (g *generator) nextWithRoom() int32 {
	for range g.windows {
		p := g.turn
		if g.turn++; g.turn == len(g.windows) {
			g.turn = 0
		}
		if g.windows[p].room() {
			return int32(p)
		}
	}
	return -1
}

// answered reports whether every record sent has been acked or has failed.
func (g *generator) answered() bool {
	for p := range g.windows {
		if w := &g.windows[p]; w.acked.Load() != w.next {
			return false
		}
	}
	return true
}

// drain waits until every record is answered, or to the deadline, which without an end
// of what is due is so much later.
func (g *generator) drain(ctx context.Context, wait time.Duration) bool {
	end := cmp.Or(g.deadline.Load(), record.Now()+int64(wait))
	for !g.answered() {
		if ctx.Err() != nil || record.Now() > end {
			return false
		}
		time.Sleep(time.Millisecond)
	}
	return true
}

// settle is called when no ack is heard any more. It writes down what was never
// answered, the errors of what failed and the account, and says where each
// partition ended.
func (g *generator) settle(s *session) (record.Tally, map[int32]int64) {
	t, next, now := record.Tally{Sent: g.sent, Unsent: g.left}, make(map[int32]int64), record.Now()
	for p := range g.windows {
		w, number := &g.windows[p], g.job.First+int32(p)
		silent := s.spans.Lane(record.Unanswered, 0, number, 0)
		for m := range w.all() {
			if m.Seq >= w.head && m.Seq < w.next && !w.done[m.Seq&w.mask] {
				silent.Add(g.producer, m.Seq, -1, m.Due, now)
				t.Unanswered++
			}
		}
		t.Acked += int64(w.n) - w.failed
		t.Failed += w.failed
		t.Twice += w.twice
		if w.end > 0 {
			next[number] = w.end
		}
		for _, s := range []*record.Series{w.service, w.response} {
			if s != nil {
				s.Close()
			}
		}
	}
	if g.held != nil {
		g.held.close()
		if late := g.held.late; len(late) > 0 {
			s.events.Write(record.Event{T: record.Now(), K: record.EvBehind, Late: late})
		}
		g.unsent.Close()
	}
	t.Due = t.Sent + t.Unsent
	if g.due != nil {
		t.Due = g.due()
	}
	for _, e := range g.refused.All() {
		s.events.Write(record.Event{T: e.T, K: record.EvFailed, Error: e.Words, Count: e.Count})
	}
	s.events.Write(record.Event{T: now, K: record.EvTally, Tally: &t})
	return t, next
}
