package drivertest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/kbench/kbench/drivers"
)

// tally counts what the members of a check were given together.
type tally struct {
	mu    sync.Mutex
	seen  map[delivery]bool
	again int
}

// delivery is a record by its place.
type delivery struct {
	topicPart
	offset int64
}

func newTally() *tally { return &tally{seen: make(map[delivery]bool)} }

func (t *tally) add(tp topicPart, offset int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	d := delivery{tp, offset}
	if t.seen[d] {
		t.again++
	}
	t.seen[d] = true
}

// distinct is how many different records were delivered.
func (t *tally) distinct() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.seen)
}

// repeated is how many deliveries were not the first of their record.
func (t *tally) repeated() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.again
}

// await waits until n different records were delivered.
func (t *tally) await(ctx context.Context, n int) error {
	return until(ctx, func() bool { return t.distinct() >= n }, func() string {
		return fmt.Sprintf("%d of %d records were delivered", t.distinct(), n)
	})
}

// member is a consumer under test and its handler. Its lanes complain about
// everything that breaks the contract of Lane, whatever the check is about.
type member struct {
	e     *Env
	s     drivers.Settings
	tally *tally
	opts  memberOptions
	waits bool // the plan says that a revoke waits for the handler

	client  atomic.Pointer[drivers.Consumer]
	serial  atomic.Bool // a Record is running, with LanesMember
	closed  atomic.Bool
	hung    atomic.Bool // Close did not return
	records atomic.Int64

	mu     sync.Mutex
	lanes  map[topicPart]*lane
	tenure int // lanes opened so far
	events []drivers.Event
	first  map[topicPart]int64 // offset of the first record of each partition
}

// memberOptions say what a member's handler does.
type memberOptions struct {
	work    func(topicPart, int64) // for each record; nil: nothing
	noMarks bool                   // the check marks by itself
	rewind  bool                   // a lane may begin anew at a lower offset
	with    *tally                 // of a member that came before; nil: one of its own
}

// lane checks the records of one partition in the hands of one member.
type lane struct {
	m       *member
	tp      topicPart
	busy    atomic.Bool
	revoked atomic.Bool
	next    atomic.Int64 // -1: nothing yet
}

// reads fills partitions with n records each and returns a member that has read
// them.
func (e *Env) reads(ctx context.Context, s drivers.Settings, tps []topicPart, n int, o memberOptions) *member {
	e.fill(ctx, s, tps, n)
	return e.joinAndRead(ctx, s, e.env(), n*len(tps), o)
}

// joinAndRead starts a member and waits until it was given n different records.
func (e *Env) joinAndRead(ctx context.Context, s drivers.Settings, env drivers.Env, n int, o memberOptions) *member {
	m := e.join(ctx, s, env, o)
	e.must(m.tally.await(ctx, n))
	return m
}

// join starts a member. It is closed at the end of the check.
func (e *Env) join(ctx context.Context, s drivers.Settings, env drivers.Env, o memberOptions) *member {
	m := &member{
		e: e, s: s, tally: cmp.Or(o.with, newTally()), opts: o,
		waits: s.Consume.Revoke == drivers.RevokeWait && e.exact(s, drivers.KeyRevoke),
		lanes: make(map[topicPart]*lane), first: make(map[topicPart]int64),
	}
	e.must(at("start a member", bounded(ctx, checkLimit, "Consumer", func(context.Context) error {
		c, err := e.drv.Consumer(s, env, m)
		if err == nil {
			m.client.Store(&c)
		}
		return err
	})))
	e.atEnd(func() error { return m.close(context.Background()) })
	return m
}

func (m *member) consumer() drivers.Consumer { return *m.client.Load() }

// close marks what was handled, as the harness does, and leaves.
func (m *member) close(ctx context.Context) error {
	if !m.opts.noMarks && !m.closed.Load() {
		for tp, l := range m.held() {
			m.mark(tp, l.next.Load())
		}
	}
	if m.hung.Load() {
		return nil // it was said once
	}
	err := bounded(ctx, m.e.closing(), "Consumer.Close", m.consumer().Close)
	m.hung.Store(errors.Is(err, errHangs))
	m.closed.Store(err == nil || m.closed.Load())
	return at("close a member", err)
}

func (m *member) mark(tp topicPart, next int64) {
	if c := m.client.Load(); c != nil && next >= 0 {
		(*c).Mark(tp.Topic, tp.Partition, next)
	}
}

// held are the lanes that were opened last, by partition.
func (m *member) held() map[topicPart]*lane {
	m.mu.Lock()
	defer m.mu.Unlock()
	return maps.Clone(m.lanes)
}

// firstOf returns the offset at which the member began a partition.
func (m *member) firstOf(tp topicPart) (int64, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	o, ok := m.first[tp]
	return o, ok
}

// saw reports whether the member was told of kind for every partition.
func (m *member) saw(kind drivers.EventKind, tps []topicPart) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	told := make(map[topicPart]bool)
	for _, ev := range m.events {
		if ev.Kind == kind {
			for _, tp := range ev.Parts {
				told[tp] = true
			}
		}
	}
	return !slices.ContainsFunc(tps, func(tp topicPart) bool { return !told[tp] })
}

// ended returns as what the first end of a partition was told to the member,
// and nothing where it was not.
func (m *member) ended(tp topicPart) drivers.EventKind {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, ev := range m.events {
		if (ev.Kind == drivers.Revoked || ev.Kind == drivers.Lost) && slices.Contains(ev.Parts, tp) {
			return ev.Kind
		}
	}
	return ""
}

// failed reports whether the member was told of an error.
func (m *member) failed() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.ContainsFunc(m.events, func(ev drivers.Event) bool { return ev.Kind == drivers.Failed && ev.Err != nil })
}

// Open implements drivers.Handler.
func (m *member) Open(topic string, partition int32) drivers.Lane {
	l := &lane{m: m, tp: topicPart{Topic: topic, Partition: partition}}
	l.next.Store(-1)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.lanes[l.tp] = l
	m.tenure++
	return l
}

// Event implements drivers.Handler. What is revoked is marked before it returns.
func (m *member) Event(ev drivers.Event) {
	ev.Parts = slices.Clone(ev.Parts)
	m.mu.Lock()
	m.events = append(m.events, ev)
	m.mu.Unlock()
	if ev.Kind != drivers.Revoked {
		return
	}
	held := m.held()
	for _, tp := range ev.Parts {
		if l := held[tp]; l != nil {
			if !m.opts.noMarks {
				m.mark(tp, l.next.Load())
			}
			l.revoked.Store(true)
		}
	}
}

// Record implements drivers.Lane.
func (l *lane) Record(r *drivers.Rec) {
	m := l.m
	if !l.busy.CompareAndSwap(false, true) {
		m.e.complain("offset %d of %v was delivered while another record of it was handled: one goroutine at a time", r.Offset, l.tp)
		return
	}
	defer l.busy.Store(false)
	if m.s.Consume.Lanes == drivers.LanesMember {
		if !m.serial.CompareAndSwap(false, true) {
			m.e.complain("offset %d of %v was delivered while the member handled another: lanes of a serial member run one at a time", r.Offset, l.tp)
		} else {
			defer m.serial.Store(false)
		}
	}
	l.live(r.Offset, "was delivered")
	if next := l.next.Load(); next >= 0 && r.Offset != next && !(m.opts.rewind && r.Offset < next) {
		m.e.complain("offset %d of %v was delivered where %d was next", r.Offset, l.tp, next)
	}
	if err := verify(r.Key, r.Value, l.tp, r.Offset); err != nil {
		m.e.complain("offset %d of %v: %w", r.Offset, l.tp, err)
	}
	m.mu.Lock()
	if _, ok := m.first[l.tp]; !ok {
		m.first[l.tp] = r.Offset
	}
	m.mu.Unlock()
	offset := r.Offset
	if m.opts.work != nil {
		m.opts.work(l.tp, offset)
	}
	if err := verify(r.Key, r.Value, l.tp, offset); err != nil || r.Offset != offset {
		m.e.complain("offset %d of %v changed while it was handled: a record is valid until Record returns", offset, l.tp)
	}
	l.next.Store(offset + 1)
	m.records.Add(1)
	m.tally.add(l.tp, offset)
	if !m.opts.noMarks {
		m.mark(l.tp, offset+1)
	}
	l.live(offset, "was still being handled")
}

// live complains about a record that should not run any more.
func (l *lane) live(offset int64, what string) {
	if l.m.closed.Load() {
		l.m.e.complain("offset %d of %v %s after Close had returned", offset, l.tp, what)
	}
	if l.m.waits && l.revoked.Load() {
		l.m.e.complain("offset %d of %v %s after Event(Revoked) had returned", offset, l.tp, what)
	}
}
