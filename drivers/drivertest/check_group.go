package drivertest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kbench/kbench/drivers"
)

func groupChecks() []Check {
	return []Check{{
		Name:  "handover-partition",
		About: "partitions move to a second member and back under load, with a lane each: nothing is lost, and nothing repeated where the plan says so",
		Run:   func(ctx context.Context, e *Env) error { return checkHandover(ctx, e, drivers.LanesPartition) },
	}, {
		Name:  "handover-member",
		About: "partitions move to a second member and back under load, with serial members: nothing is lost, and nothing repeated where the plan says so",
		Run:   func(ctx context.Context, e *Env) error { return checkHandover(ctx, e, drivers.LanesMember) },
	}, {
		Name:  "free-partition",
		About: "with revoke free a rebalance does not wait for handlers at work, with a lane each, and nothing is lost",
		Run:   func(ctx context.Context, e *Env) error { return checkFree(ctx, e, drivers.LanesPartition) },
	}, {
		Name:  "free-member",
		About: "with revoke free a rebalance does not wait for the handler of a serial member, and nothing is lost",
		Run:   func(ctx context.Context, e *Env) error { return checkFree(ctx, e, drivers.LanesMember) },
	}, {
		Name:  "events",
		About: "a member is told which partitions it is given, and which are taken back",
		Run:   checkEvents,
	}, {
		Name:  "lost",
		About: "a member that was thrown out of its group is told that its partitions are lost, not revoked, and comes back",
		Run:   checkLost,
	}, {
		Name:  "leave",
		About: "Close leaves the group at once, and waits for the record that is being handled",
		Run:   checkLeave,
	}, {
		Name:  "static",
		About: "a static member stays in the group when it is closed",
		Run:   checkStatic,
	}, {
		Name:  "consumer-close",
		About: "a consumer can be closed twice, marked and committed afterwards, and does not hang",
		Run:   checkConsumerClose,
	}}
}

// checkHandover keeps a producer and slow handlers busy while a second member
// joins, and while the first one leaves.
func checkHandover(ctx context.Context, e *Env, lanes string) error {
	const partitions, backlog = 4, 100
	tps, s := e.alone(partitions)
	s.Consume.Lanes = lanes
	once := e.exact(s, drivers.KeyCommitOnRevoke, drivers.KeyRevoke)
	// Without events a driver cannot say when a partition comes back to it.
	rewind := e.plan(s, drivers.KeyEvents).Fidelity == drivers.Unsupported

	snd := e.newSender(ctx, s, e.env(), nil)
	slow := memberOptions{rewind: rewind, work: func(topicPart, int64) { time.Sleep(time.Millisecond) }}
	first := e.join(ctx, s, e.env(), slow)
	t := first.tally
	slow.with = t
	sent := 0
	// load sends until done, so that a partition never lies still while it moves,
	// and no faster than the handlers can follow.
	load := func(what string, done func() bool) {
		for !done() {
			if sent*partitions > t.distinct()+backlog {
				quiet(ctx, 2*time.Millisecond)
				if ctx.Err() != nil {
					e.must(fmt.Errorf("waited in vain: %s", what))
				}
				continue
			}
			e.must(at(what, snd.send(ctx, tps, 5)))
			sent += 5
		}
	}
	load("the first member reads", func() bool { return first.records.Load() > 20 })
	second := e.join(ctx, s, e.env(), slow)
	before := second.records.Load()
	load("the second member reads", func() bool { return second.records.Load() > before+20 })
	var left atomic.Bool
	closed := make(chan error, 1)
	go func() {
		closed <- first.close(ctx)
		left.Store(true)
	}()
	load("the first member leaves", left.Load)
	e.must(<-closed)
	e.must(snd.send(ctx, tps, 5))
	sent += 5
	e.must(t.await(ctx, sent*partitions))
	if again := t.repeated(); once && again > 0 {
		return fmt.Errorf("%d records were delivered again, though marks are said to be committed before partitions are given up", again)
	}
	return nil
}

// checkFree keeps the handlers of the first member inside a record until the
// second member has been given its share of the partitions, and those of that
// share until the first one has been told to close. A client that waits for its
// handlers would wait for ever, as no limit of the group ends within the check.
func checkFree(ctx context.Context, e *Env, lanes string) error {
	const n, partitions = 40, 4
	tps, s := e.alone(partitions)
	s.Consume.Lanes, s.Consume.Revoke = lanes, drivers.RevokeFree
	s.Group.Session, s.Group.Rebalance = 3*checkLimit, 3*checkLimit
	e.need(s, drivers.KeyRevoke, drivers.KeyLanes)
	rewind := e.plan(s, drivers.KeyEvents).Fidelity == drivers.Unsupported

	snd := e.sends(ctx, s, e.env(), tps, n)
	h := newHold(partitions)
	defer h.release(tps)
	first := e.join(ctx, s, e.env(), memberOptions{rewind: rewind, work: func(tp topicPart, offset int64) {
		if offset >= n/4 {
			h.wait(tp)
		}
	}})
	// Of a serial member one handler is at work, whose partition it may keep.
	busy, moves := partitions, partitions/2
	if lanes == drivers.LanesMember {
		busy, moves = 1, 0
	}
	e.must(until(ctx, func() bool { return len(h.held()) == busy }, func() string {
		return fmt.Sprintf("%d of %d handlers of the first member are at work", len(h.held()), busy)
	}))
	second := e.join(ctx, s, e.env(), memberOptions{rewind: rewind, with: first.tally})
	moved := func() []topicPart {
		return slices.DeleteFunc(h.held(), func(tp topicPart) bool {
			_, ok := second.firstOf(tp)
			return !ok
		})
	}
	e.must(until(ctx, func() bool { return second.records.Load() > 0 && len(moved()) >= moves }, func() string {
		return fmt.Sprintf("while handlers of the first member are at work, the second one has %d records, and of %d partitions that should move %d",
			second.records.Load(), moves, len(moved()))
	}))
	// What the first member keeps goes on. What it has lost it still handles, and
	// its Close must wait for that too.
	late := moved()
	if moves == 0 {
		late = h.held()
	}
	h.release(slices.DeleteFunc(slices.Clone(tps), func(tp topicPart) bool { return slices.Contains(late, tp) }))
	closed := make(chan error, 1)
	go func() { closed <- first.close(ctx) }()
	select {
	case err := <-closed:
		return errors.Join(fmt.Errorf("Close of the first member returned while it handled records of %v", late), err)
	case <-time.After(200 * time.Millisecond):
	}
	h.release(tps)
	e.must(<-closed)
	e.must(snd.send(ctx, tps, 5))
	return first.tally.await(ctx, (n+5)*partitions)
}

// hold keeps handlers inside a record until their partition is released.
type hold struct {
	mu    sync.Mutex
	here  map[topicPart]bool
	gates []chan struct{} // by partition
}

func newHold(partitions int) *hold {
	h := &hold{here: make(map[topicPart]bool)}
	for range partitions {
		h.gates = append(h.gates, make(chan struct{}))
	}
	return h
}

func (h *hold) wait(tp topicPart) {
	h.mu.Lock()
	h.here[tp] = true
	h.mu.Unlock()
	<-h.gates[tp.Partition]
}

// held are the partitions whose handler has come to wait.
func (h *hold) held() []topicPart {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.SortedFunc(maps.Keys(h.here), func(a, b topicPart) int { return int(a.Partition - b.Partition) })
}

// release lets the handlers of partitions go on, and may do so again.
func (h *hold) release(tps []topicPart) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, tp := range tps {
		select {
		case <-h.gates[tp.Partition]:
		default:
			close(h.gates[tp.Partition])
		}
	}
}

func checkEvents(ctx context.Context, e *Env) error {
	const n, partitions = 20, 4
	tps, s := e.alone(partitions)
	e.need(s, drivers.KeyEvents)
	first := e.reads(ctx, s, tps, n, memberOptions{})
	if !first.saw(drivers.Assigned, tps) {
		return errors.New("records came from partitions that no Assigned event named")
	}
	second := e.join(ctx, s, e.env(), memberOptions{with: first.tally})
	moved := func() []topicPart {
		return slices.DeleteFunc(slices.Clone(tps), func(tp topicPart) bool { return !second.saw(drivers.Assigned, []topicPart{tp}) })
	}
	e.must(until(ctx, func() bool { return len(moved()) == partitions/2 }, func() string {
		return fmt.Sprintf("the second member was told of %d of the %d partitions of its share", len(moved()), partitions/2)
	}))
	if !first.saw(drivers.Revoked, moved()) {
		return fmt.Errorf("%v went to the second member, but the first was told of no Revoked", moved())
	}
	return nil
}

func checkLost(ctx context.Context, e *Env) error {
	const n, partitions = 20, 3
	e.needBroker()
	tps, s := e.alone(partitions)
	s.Group.Session = 3 * checkLimit // so that nothing else throws it out
	e.need(s, drivers.KeyEvents)
	snd := e.sends(ctx, s, e.env(), tps, n)
	m := e.joinAndRead(ctx, s, e.env(), n*partitions, memberOptions{})
	// With nothing left to commit it is a heartbeat that learns of it.
	e.must(e.reaches(ctx, m, tps, n))
	e.must(e.broker.(fake).Evict(ctx, s.GroupID))
	ended := func() bool { return !slices.ContainsFunc(tps, func(tp topicPart) bool { return m.ended(tp) == "" }) }
	e.must(until(ctx, ended, func() string { return "the end of what a member had that is no longer in the group" }))
	for _, tp := range tps {
		if kind := m.ended(tp); kind != drivers.Lost {
			return fmt.Errorf("the member was thrown out of the group, and was told that %v is %s, not %s", tp, kind, drivers.Lost)
		}
	}
	e.must(snd.send(ctx, tps, n))
	return at("after the loss", m.tally.await(ctx, 2*n*partitions))
}

func checkLeave(ctx context.Context, e *Env) error {
	tps, s := e.alone(2)
	e.fill(ctx, s, tps, 10)
	running := make(chan struct{})
	runs := sync.OnceFunc(func() { close(running) })
	m := e.join(ctx, s, e.env(), memberOptions{work: func(topicPart, int64) {
		runs()
		time.Sleep(20 * time.Millisecond)
	}})
	select {
	case <-running:
	case <-ctx.Done():
		return errors.New("no record was delivered")
	}
	if n := e.broker.Members(s.GroupID); n != 1 {
		return fmt.Errorf("the group has %d members while one reads", n)
	}
	e.must(m.close(ctx))
	// The lanes of the member complain about a record that runs from here on.
	quiet(ctx, 100*time.Millisecond)
	if n := e.broker.Members(s.GroupID); n != 0 {
		return fmt.Errorf("the group has %d members after the only one was closed", n)
	}
	return nil
}

func checkStatic(ctx context.Context, e *Env) error {
	tps, s := e.alone(1)
	s.Group.Static, s.InstanceID = true, "instance-1"
	e.need(s, drivers.KeyStatic)
	m := e.reads(ctx, s, tps, 5, memberOptions{})
	e.must(m.close(ctx))
	if n := e.broker.Members(s.GroupID); n != 1 {
		return fmt.Errorf("the group has %d members after a static one was closed: it must stay until its session ends", n)
	}
	return nil
}

func checkConsumerClose(ctx context.Context, e *Env) error {
	tps, s := e.alone(1)
	m := e.reads(ctx, s, tps, 5, memberOptions{})
	for range 2 {
		e.must(m.close(ctx))
	}
	at := e.committed(m, tps[0])
	m.mark(tps[0], at+1)
	// It may well fail, but not hang.
	_ = bounded(ctx, closeLimit, "Commit after Close", m.consumer().Commit)
	if now := e.committed(m, tps[0]); now != at {
		return fmt.Errorf("offset %d was committed after Close had returned", now)
	}
	return nil
}
