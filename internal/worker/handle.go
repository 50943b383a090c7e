package worker

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kbench/kbench/drivers"
	"github.com/kbench/kbench/results/record"
	"github.com/kbench/kbench/workloads"
	"github.com/kbench/kbench/workloads/payload"
)

// handler is the harness's side of one member: it opens lanes, marks what they
// have processed, and writes down what the client says of its assignment.
type handler struct {
	s      *session
	client drivers.Consumer
	ready  chan struct{} // client is set
	member uint32
	spec   workloads.Consume
	every  uint64
	ends   map[int32]int64 // backlog: where each partition ends

	mu     sync.Mutex
	lanes  map[int32]*lane // open now, by number of the partition
	tenure uint32          // of the last lane opened

	// delivered counts the records of lanes that are closed; open lanes count
	// for themselves.
	delivered int64
	// next is the highest position per partition that any tenure reached.
	next map[int32]int64

	// markEach says that the client tells nobody of a revoke, so that there is
	// no last moment to mark in: then each record is marked as it is handled, as
	// a user of such a client would. closing says that the last moment has come.
	markEach bool
	closing  atomic.Bool

	ctx       context.Context // ends when the member is to leave
	leave     context.CancelFunc
	committed atomic.Int64 // sync: records since the last commit
	stopMarks context.CancelFunc
	marks     sync.WaitGroup
}

func newHandler(s *session, member uint32) *handler {
	h := &handler{
		s: s, ready: make(chan struct{}), member: member, spec: s.job.Spec.Consume, every: uint64(s.job.Every), ends: s.job.Ends,
		lanes: make(map[int32]*lane), next: make(map[int32]int64),
	}
	h.ctx, h.leave = context.WithCancel(s.ctx)
	return h
}

// start makes the member. Marking begins with it.
func (h *handler) start(d drivers.Driver, set drivers.Settings) error {
	for _, p := range d.Plan(set) {
		if p.Key == drivers.KeyEvents && p.Fidelity == drivers.Unsupported {
			h.markEach = true
		}
	}
	c, err := d.Consumer(set, h.s.env(), h)
	if err != nil {
		return fmt.Errorf("%s: consumer: %w", d.Name(), err)
	}
	h.client = c
	close(h.ready)
	ctx, cancel := context.WithCancel(context.Background())
	h.stopMarks = cancel
	h.marks.Go(func() { h.markOnTime(ctx) })
	return nil
}

// marking reports whether the harness marks at all: with auto the client
// commits what it likes, with none nobody does.
func (h *handler) marking() bool {
	return h.spec.Commit.Mode == "marked" || h.spec.Commit.Mode == "sync"
}

// markOnTime marks what lanes have processed and not marked, so that the last
// records before a silence are not forgotten.
func (h *handler) markOnTime(ctx context.Context) {
	if !h.marking() {
		return
	}
	t := time.NewTicker(h.spec.Commit.Mark.Every)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
			h.markAll()
		}
	}
}

// markAll marks every open lane. h.mu is not held meanwhile: a client may call
// Event under a lock that its Mark wants.
func (h *handler) markAll() {
	h.mu.Lock()
	open := make([]*lane, 0, len(h.lanes))
	for _, l := range h.lanes {
		open = append(open, l)
	}
	h.mu.Unlock()
	for _, l := range open {
		l.mark()
	}
}

// Open implements drivers.Handler.
func (h *handler) Open(topic string, partition int32) drivers.Lane {
	<-h.ready
	h.mu.Lock()
	defer h.mu.Unlock()
	number := h.s.job.Topics.Number(topic, partition)
	if old := h.lanes[number]; old != nil {
		h.account(old)
	}
	h.tenure++
	end, bounded := h.ends[number]
	l := &lane{
		h: h, topic: topic, partition: partition, number: number,
		spans: h.s.spans.Lane(record.Delivered, 0, number, h.tenure),
		bad:   h.s.spans.Lane(record.Corrupt, 0, number, h.tenure),
		alien: h.s.spans.Lane(record.Foreign, 0, number, h.tenure),
		e2e:   h.s.latency.Series("e2e.response"),
		every: 1, end: -1, run: h.s.job.RunTag,
		pause: h.spec.Handler.Time, marks: h.marking(), markEvery: uint64(h.spec.Commit.Mark.Records),
	}
	if bounded {
		l.end = end
	}
	// The short way makes no position visible, so it is only for a lane whose
	// last record is known beforehand: elsewhere the records before a silence
	// would stay unmarked.
	if h.spec.Commit.Mode == "sync" {
		l.commitAfter = int64(h.spec.Commit.Records)
	} else if bounded && l.pause == 0 {
		l.every = h.every
	}
	if h.markEach && l.every == 1 {
		l.markEvery = 1
	}
	h.lanes[number] = l
	return l
}

// Event implements drivers.Handler.
func (h *handler) Event(e drivers.Event) {
	kind := map[drivers.EventKind]record.EventKind{
		drivers.Assigned: record.EvAssigned, drivers.Revoked: record.EvRevoked, drivers.Lost: record.EvLost, drivers.Failed: record.EvError,
	}[e.Kind]
	ev := record.Event{T: record.Now(), K: kind, Parts: e.Parts}
	if e.Err != nil {
		ev.Error = e.Err.Error()
		h.s.logLine(1, "reported: "+ev.Error)
	}
	h.s.events.Write(ev)
	if e.Kind != drivers.Revoked && e.Kind != drivers.Lost {
		return
	}
	<-h.ready
	for _, tp := range e.Parts {
		number := h.s.job.Topics.Number(tp.Topic, tp.Partition)
		h.mu.Lock()
		l := h.lanes[number]
		h.mu.Unlock()
		if l == nil {
			continue
		}
		if e.Kind == drivers.Revoked {
			l.mark()
		}
		// With revoke: free a record may still be running, and its lane goes on
		// writing; it is retired when the partition is opened again or at close.
		if h.spec.Handler.Revoke == drivers.RevokeWait {
			h.mu.Lock()
			h.retire(l)
			delete(h.lanes, number)
			h.mu.Unlock()
		}
	}
}

// retire closes a lane on which no record runs or starts any more. h.mu is held.
func (h *handler) retire(l *lane) {
	l.spans.Cut()
	l.e2e.Close()
	h.account(l)
}

// account adds up what a lane did whose partition was given anew. A record may
// still be running on it, where the client goes on as it likes, so that its
// recorders are left to the end of the process. h.mu is held.
func (h *handler) account(l *lane) {
	h.delivered += int64(l.n.Load())
	h.next[l.number] = max(h.next[l.number], l.next.Load())
}

// progress says how far this member has come.
func (h *handler) progress() (delivered int64, next map[int32]int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delivered = h.delivered
	next = make(map[int32]int64, len(h.next)+len(h.lanes))
	for p, n := range h.next {
		next[p] = n
	}
	for p, l := range h.lanes {
		delivered += int64(l.n.Load())
		next[p] = max(next[p], l.next.Load())
	}
	return delivered, next
}

// close marks everything and leaves the group.
func (h *handler) close(ctx context.Context) error {
	h.closing.Store(true)
	h.stopMarks()
	h.marks.Wait()
	h.markAll()
	h.leave() // a commit that waits for the next generation waits in vain
	err := h.s.closing(func() error { return h.client.Close(ctx) })
	if err != nil && ctx.Err() != nil {
		h.s.busy.Store(true) // a record may still be running: its lane is left as it is
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for p, l := range h.lanes {
		h.retire(l)
		delete(h.lanes, p)
	}
	return err
}

// commit is called from a lane, after a record, when it is the member's turn.
func (h *handler) commit() {
	h.markAll()
	if err := h.client.Commit(h.ctx); err != nil {
		h.s.events.Write(record.Event{T: record.Now(), K: record.EvError, Error: "commit: " + err.Error()})
	}
}

// lane handles the records of one partition during one tenure. Only the
// goroutine that delivers touches its plain fields.
type lane struct {
	h           *handler
	topic       string
	partition   int32 // of topic
	number      int32 // of all; see results.Topics
	run         uint32
	spans, bad  *record.SpanLane
	alien       *record.SpanLane // of other trials, and of others than kbench
	e2e         *record.Series
	every       uint64 // one record in so many goes the full way
	brief       uint64 // how many may go the short way before the next that does not
	end         int64  // offset after the last record, -1 unknown
	pause       time.Duration
	marks       bool
	markEvery   uint64
	markedAt    uint64 // records when the lane last marked by itself
	commitAfter int64
	i           uint64 // records so far
	now         int64  // the clock as last read
	_           [64]byte

	next   atomic.Int64  // offset after the last processed record
	n      atomic.Uint64 // records processed, as last made visible
	marked atomic.Int64
}

// Record implements drivers.Lane. It is the hot path of every consumer. The
// sequence of every record is written down; clock, checksum and histogram are
// taken on every record at a fixed rate, and on one in many where the client is
// driven as fast as it goes. In between there is only the short way.
func (l *lane) Record(r *drivers.Rec) {
	if l.brief > 0 && r.Offset+1 != l.end {
		run, producer, seq := payload.Identity(r.Value)
		if run == l.run && l.spans.Next(producer, seq, r.Offset) {
			l.brief--
			l.i++
			return
		}
	}
	l.full(r)
}

// full is Record with all that there is to do.
func (l *lane) full(r *drivers.Rec) {
	l.i++
	l.now = record.Now()
	head := payload.Get(r.Value)
	switch {
	case head.Run != l.run:
		l.alien.Add(0, uint64(r.Offset), r.Offset, l.now, l.now)
	case !payload.Intact(r.Value):
		l.bad.Add(0, uint64(r.Offset), r.Offset, l.now, l.now)
	default:
		l.spans.Add(head.Producer, head.Seq, r.Offset, head.Due, l.now)
		l.e2e.Record(head.Due, l.now, l.now-head.Due)
	}
	if l.pause > 0 {
		time.Sleep(l.pause)
	}
	l.brief = l.every - 1
	l.next.Store(r.Offset + 1)
	l.n.Store(l.i)
	if l.i-l.markedAt >= l.markEvery || l.h.closing.Load() {
		l.markedAt = l.i
		l.mark()
	}
	if l.commitAfter > 0 && l.h.committed.Add(1) >= l.commitAfter {
		l.h.committed.Store(0)
		l.h.commit()
	}
}

// mark marks up to what was made visible. Two callers at once do no harm: marks
// are monotone.
func (l *lane) mark() {
	if !l.marks {
		return
	}
	next := l.next.Load()
	if next > l.marked.Load() {
		l.h.client.Mark(l.topic, l.partition, next)
		l.marked.Store(next)
	}
}
