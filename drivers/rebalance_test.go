package drivers_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kbench/kbench/drivers"
	"github.com/kbench/kbench/drivers/franzgo"
)

// strict is a handler that knows which partitions the member holds, and fails
// the test for a record of one that it has given back.
type strict struct {
	t    *testing.T
	name string

	mu      sync.Mutex
	member  drivers.Consumer
	held    map[drivers.TopicPartition]bool
	running map[drivers.TopicPartition]int
	count   int
	each    time.Duration
	revoked int
	lost    int
	commit  bool // call Commit after every record
}

func newStrict(t *testing.T, name string, each time.Duration) *strict {
	return &strict{t: t, name: name, each: each, held: make(map[drivers.TopicPartition]bool), running: make(map[drivers.TopicPartition]int)}
}

func (h *strict) Event(e drivers.Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, tp := range e.Parts {
		switch e.Kind {
		case drivers.Assigned:
			if h.held[tp] {
				h.t.Errorf("%s: %v is assigned twice", h.name, tp)
			}
			h.held[tp] = true
		case drivers.Revoked, drivers.Lost:
			if !h.held[tp] {
				h.t.Errorf("%s: %v is %s but was not held", h.name, tp, e.Kind)
			}
			if n := h.running[tp]; n > 0 {
				h.t.Errorf("%s: %d records of %v run while it is %s", h.name, n, tp, e.Kind)
			}
			delete(h.held, tp)
			if e.Kind == drivers.Revoked {
				h.revoked++
			} else {
				h.lost++
			}
		}
	}
}

func (h *strict) Open(topic string, partition int32) drivers.Lane {
	tp := drivers.TopicPartition{Topic: topic, Partition: partition}
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.held[tp] {
		h.t.Errorf("%s: %v is opened before it is assigned", h.name, tp)
	}
	return &strictLane{h: h, tp: tp, next: -1}
}

type strictLane struct {
	h    *strict
	tp   drivers.TopicPartition
	next int64
}

func (l *strictLane) Record(rec *drivers.Rec) {
	h := l.h
	h.mu.Lock()
	if !h.held[l.tp] {
		h.t.Errorf("%s: record %d of %v, which was given back", h.name, rec.Offset, l.tp)
	}
	if l.next >= 0 && rec.Offset != l.next {
		h.t.Errorf("%s: record %d of %v in one tenure, want %d", h.name, rec.Offset, l.tp, l.next)
	}
	l.next = rec.Offset + 1
	h.running[l.tp]++
	member := h.member
	h.mu.Unlock()
	time.Sleep(h.each)
	if member != nil {
		member.Mark(l.tp.Topic, l.tp.Partition, rec.Offset+1)
		if h.commit {
			if err := member.Commit(context.Background()); err != nil {
				h.t.Errorf("%s: commit: %v", h.name, err)
			}
		}
	}
	h.mu.Lock()
	h.running[l.tp]--
	h.count++
	h.mu.Unlock()
}

func (h *strict) counted() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.count
}

func (h *strict) holds() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.held)
}

func (h *strict) join(d drivers.Driver, s drivers.Settings, env drivers.Env) drivers.Consumer {
	h.t.Helper()
	c, err := d.Consumer(s, env, h)
	if err != nil {
		h.t.Fatal(err)
	}
	h.mu.Lock()
	h.member = c
	h.mu.Unlock()
	return c
}

// assignors are an eager and a cooperative one.
var assignors = []string{"range", "cooperative-sticky"}

// TestRevokeWaits moves partitions between two members whose handlers are slow.
// No record may run after a revoke, and since marks are committed with it, no
// record may come twice.
func TestRevokeWaits(t *testing.T) {
	ways := []string{"range/member", "range/partition", "cooperative-sticky/member", "cooperative-sticky/partition"}
	eachIn(t, ways, func(t *testing.T, d drivers.Driver, way string) {
		if d.Name() == "kafka-go" {
			t.Skip("it tells of no rebalance")
		}
		assignor, lanes, _ := strings.Cut(way, "/")
		env, _ := cluster(t)
		s := settings()
		s.Consume.Lanes = lanes
		s.Group.Assignors = []string{assignor}
		s.Group.Heartbeat = 300 * time.Millisecond
		const n = 900
		a, b := newStrict(t, "a", 3*time.Millisecond), newStrict(t, "b", 3*time.Millisecond)
		ca := a.join(d, s, env)
		eventually(t, "a holds all", func() bool { return a.holds() == partitions })
		produce(t, d, s, env, n)
		eventually(t, "a has records", func() bool { return a.counted() > 10 })
		cb := b.join(d, s, env)
		eventually(t, "both hold some", func() bool { return a.holds() > 0 && b.holds() > 0 && a.holds()+b.holds() == partitions })
		eventually(t, "all records", func() bool { return a.counted()+b.counted() >= n })
		leave(t, ca)
		if a.holds() != 0 {
			t.Errorf("a still holds %d partitions after its close", a.holds())
		}
		eventually(t, "b holds all", func() bool { return b.holds() == partitions })
		leave(t, cb)
		if got := a.counted() + b.counted(); got != n {
			t.Errorf("%d records were handled, want %d", got, n)
		}
		if a.revoked == 0 {
			t.Error("a has seen no revoke")
		}
	})
}

// TestSyncCommitIsKept commits after every record, and a second member must
// begin where the first one ended.
func TestSyncCommitIsKept(t *testing.T) {
	each(t, func(t *testing.T, d drivers.Driver) {
		env, _ := cluster(t)
		s := settings()
		s.Consume.CommitMode = drivers.CommitSync
		s.Consume.CommitOnRevoke = false
		const n = 60
		produce(t, d, s, env, n)
		h := newHandler()
		c := join(t, d, s, env, h)
		eventually(t, "all records", func() bool { return h.count.Load() == n })
		if err := c.Commit(t.Context()); err != nil {
			t.Fatal(err)
		}
		// A mark that comes late, or for what is not owned, changes nothing.
		c.Mark(topic, 0, 1)
		c.Mark("another", 7, 100)
		if err := c.Commit(t.Context()); err != nil {
			t.Fatal(err)
		}
		leave(t, c)
		nothingOld(t, d, s, env)
	})
}

// TestNothingIsCommitted reads everything twice, for the mode says so.
func TestNothingIsCommitted(t *testing.T) {
	each(t, func(t *testing.T, d drivers.Driver) {
		env, _ := cluster(t)
		s := settings()
		s.Consume.CommitMode = drivers.CommitNone
		const n = 60
		produce(t, d, s, env, n)
		for range 2 {
			h := newHandler()
			c := join(t, d, s, env, h)
			eventually(t, "all records", func() bool { return h.count.Load() == n })
			if err := c.Commit(t.Context()); err == nil {
				t.Error("a commit with mode none is no error")
			}
			leave(t, c)
		}
	})
}

// TestAutoCommit leaves all to the client.
func TestAutoCommit(t *testing.T) {
	each(t, func(t *testing.T, d drivers.Driver) {
		env, _ := cluster(t)
		s := settings()
		s.Consume.CommitMode = drivers.CommitAuto
		const n = 60
		produce(t, d, s, env, n)
		h := newHandler()
		c := join(t, d, s, env, h)
		eventually(t, "all records", func() bool { return h.count.Load() == n })
		leave(t, c)
		nothingOld(t, d, s, env)
	})
}

// TestSubscribe changes topics while a member runs.
func TestSubscribe(t *testing.T) {
	eachIn(t, assignors, func(t *testing.T, d drivers.Driver, assignor string) {
		if d.Name() == "kafka-go" {
			t.Skip("its topics are fixed")
		}
		env, _ := cluster(t, otherTopic())
		s := settings()
		s.Group.Assignors = []string{assignor}
		h := newStrict(t, "member", 0)
		c := h.join(d, s, env)
		eventually(t, "the first topic is held", func() bool { return h.holds() == partitions })
		sub := c.(drivers.Subscriber)
		if err := sub.Subscribe(t.Context(), []string{topic, "other"}); err != nil {
			t.Fatal(err)
		}
		eventually(t, "both topics are held", func() bool { return h.holds() == partitions+1 })
		if err := sub.Subscribe(t.Context(), []string{"other"}); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the other topic is held alone", func() bool { return h.holds() == 1 })
		leave(t, c)
		if h.holds() != 0 {
			t.Errorf("%d partitions are held after the close", h.holds())
		}
	})
}

// TestLostPartitions throws a member out of its group: the client must say that
// its partitions are lost, come back by itself and go on.
func TestLostPartitions(t *testing.T) {
	eachIn(t, assignors, func(t *testing.T, d drivers.Driver, assignor string) {
		if d.Name() == "kafka-go" {
			t.Skip("it tells of no rebalance")
		}
		var broker *kfake.Cluster
		env, _ := start(t, func(c *kfake.Cluster) { broker = c })
		s := settings()
		s.Group.Assignors = []string{assignor}
		s.Group.Heartbeat = 200 * time.Millisecond
		h := newStrict(t, "member", 0)
		c := h.join(d, s, env)
		eventually(t, "all are held", func() bool { return h.holds() == partitions })
		broker.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Heartbeat}, Err: kerr.UnknownMemberID})
		eventually(t, "they are lost", func() bool {
			h.mu.Lock()
			defer h.mu.Unlock()
			return h.lost > 0
		})
		eventually(t, "all are held again", func() bool { return h.holds() == partitions })
		produce(t, d, s, env, 30)
		eventually(t, "the records come", func() bool { return h.counted() == 30 })
		leave(t, c)
	})
}

// TestServerSideAssignment is the group protocol that one client has.
func TestServerSideAssignment(t *testing.T) {
	for _, assignor := range []string{"uniform", "range"} {
		t.Run(assignor, func(t *testing.T) {
			t.Parallel()
			var mu sync.Mutex
			var asked []string
			env, _ := start(t, func(c *kfake.Cluster) {
				c.ControlKey(int16(kmsg.ConsumerGroupHeartbeat), func(r kmsg.Request) (kmsg.Response, error, bool) {
					mu.Lock()
					defer mu.Unlock()
					if a := r.(*kmsg.ConsumerGroupHeartbeatRequest).ServerAssignor; a != nil {
						asked = append(asked, *a)
					}
					return nil, nil, false
				})
			})
			d, s := franzgo.New(), settings()
			s.Group.Protocol, s.Group.Assignors = "consumer", []string{assignor}
			h := newStrict(t, "member", 0)
			c := h.join(d, s, env)
			eventually(t, "all are held", func() bool { return h.holds() == partitions })
			produce(t, d, s, env, 30)
			eventually(t, "the records come", func() bool { return h.counted() == 30 })
			leave(t, c)
			mu.Lock()
			defer mu.Unlock()
			if len(asked) == 0 || asked[0] != assignor {
				t.Errorf("the broker was asked for the assignors %q, want %s", asked, assignor)
			}
		})
	}
}
