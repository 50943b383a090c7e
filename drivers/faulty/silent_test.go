package faulty_test

import (
	"context"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kbench/kbench/drivers"
	"github.com/kbench/kbench/drivers/faulty"
)

// silent is a client that tells of no revokes, as kafka-go. Its handler is the
// test's to feed.
type silent struct {
	drivers.Driver
	h drivers.Handler
}

func (*silent) Name() string { return "silent" }

func (*silent) Plan(drivers.Settings) []drivers.Setting {
	return []drivers.Setting{{Key: drivers.KeyEvents, Fidelity: drivers.Unsupported}}
}

func (s *silent) Consumer(_ drivers.Settings, _ drivers.Env, h drivers.Handler) (drivers.Consumer, error) {
	s.h = h
	return idle{}, nil
}

type idle struct{}

func (idle) Mark(string, int32, int64)    {}
func (idle) Commit(context.Context) error { return nil }
func (idle) Close(context.Context) error  { return nil }

// seen keeps the offsets that reach the harness.
type seen struct{ offsets []int64 }

func (s *seen) Open(string, int32) drivers.Lane { return s }
func (s *seen) Event(drivers.Event)             {}
func (s *seen) Record(r *drivers.Rec)           { s.offsets = append(s.offsets, r.Offset) }

// TestZombieOfASilentClient: what has had no record for so long is taken for
// given up, and its last record comes once more; not before, not twice, and not
// once Close was called.
func TestZombieOfASilentClient(t *testing.T) {
	f := func(wait, end time.Duration, want ...int64) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			client, got := &silent{}, &seen{}
			c, err := faulty.Wrap(client, faulty.Fault{Kind: faulty.Zombie, For: 2 * time.Second}).Consumer(drivers.Settings{}, drivers.Env{}, got)
			if err != nil {
				t.Fatal(err)
			}
			lane := client.h.Open("t", 0)
			time.Sleep(5 * time.Second) // it is not given up that never had anything
			lane.Record(&drivers.Rec{Offset: 7})
			time.Sleep(wait)
			lane.Record(&drivers.Rec{Offset: 8})
			time.Sleep(end)
			if err := c.Close(t.Context()); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Minute)
			if !slices.Equal(got.offsets, want) {
				t.Errorf("after %s and %s the harness had %v, want %v", wait, end, got.offsets, want)
			}
		})
	}
	f(time.Second, time.Second, 7, 8)
	f(1900*time.Millisecond, 1900*time.Millisecond, 7, 8)
	f(time.Second, 3*time.Second, 7, 8, 8)
	f(time.Second, time.Minute, 7, 8, 8)
}

// guarded is a harness whose lane takes one record at a time. The second time
// that it is given a record, which is the zombie's, it says so and is slow.
type guarded struct {
	busy, twice atomic.Bool
	last        atomic.Int64
	again       chan struct{}
}

func (g *guarded) Open(string, int32) drivers.Lane { return g }
func (g *guarded) Event(drivers.Event)             {}

func (g *guarded) Record(r *drivers.Rec) {
	if g.busy.Swap(true) {
		g.twice.Store(true)
	}
	if g.last.Swap(r.Offset) == r.Offset {
		close(g.again)
		time.Sleep(50 * time.Millisecond)
	}
	g.busy.Store(false)
}

// TestZombieOfALivingLane: a lane that was taken for given up and is not has one
// goroutine at a time all the same.
func TestZombieOfALivingLane(t *testing.T) {
	got := &guarded{again: make(chan struct{})}
	inner := &silent{}
	d := faulty.Wrap(inner, faulty.Fault{Kind: faulty.Zombie, For: 10 * time.Millisecond})
	c, err := d.Consumer(drivers.Settings{}, drivers.Env{}, got)
	if err != nil {
		t.Fatal(err)
	}
	lane := inner.h.Open("t", 0)
	lane.Record(&drivers.Rec{Offset: 7})
	<-got.again
	lane.Record(&drivers.Rec{Offset: 8})
	if err := c.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got.twice.Load() {
		t.Error("two goroutines fed one lane at a time")
	}
}

// TestStuckForGood: what comes after the record at which a lane stops is not taken
// either once Close lets it go, or its mark would pass over that one.
func TestStuckForGood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, got := &silent{}, &seen{}
		c, err := faulty.Wrap(client, faulty.Fault{Kind: faulty.Stuck, Nth: 2}).Consumer(drivers.Settings{}, drivers.Env{}, got)
		if err != nil {
			t.Fatal(err)
		}
		lane := client.h.Open("t", 0)
		ended := make(chan struct{})
		go func() {
			for offset := range int64(5) {
				lane.Record(&drivers.Rec{Offset: offset})
			}
			close(ended)
		}()
		synctest.Wait()
		if err := c.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		<-ended
		if want := []int64{0}; !slices.Equal(got.offsets, want) {
			t.Errorf("the harness had %v, want %v", got.offsets, want)
		}
	})
}
