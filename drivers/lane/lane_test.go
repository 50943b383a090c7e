package lane_test

import (
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kbench/kbench/drivers/lane"
)

func TestItemsAreHandledInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got []int
		l := lane.New(3, func(i int) { got = append(got, i) })
		var want []int
		for i := range 100 {
			if o := l.Put(i, nil); o != lane.Queued {
				t.Fatalf("put %d: %v", i, o)
			}
			want = append(want, i)
		}
		synctest.Wait()
		l.Stop()
		if !slices.Equal(got, want) {
			t.Errorf("handled %v", got)
		}
	})
}

func TestAFullLaneWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := lane.New(2, func(int) { time.Sleep(time.Second) })
		defer l.Stop()
		l.Put(0, nil)
		synctest.Wait() // it is being handled
		l.Put(1, nil)
		l.Put(2, nil)
		began := time.Now()
		if o := l.Put(3, nil); o != lane.Queued {
			t.Fatal(o)
		}
		if waited := time.Since(began); waited != time.Second {
			t.Errorf("a full lane took another item after %v", waited)
		}
	})
}

func TestWakeEndsTheWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		l := lane.New(1, func(int) { <-release })
		l.Put(0, nil)
		synctest.Wait()
		wake := make(chan struct{}, 1)
		wake <- struct{}{}
		if o := l.Put(1, wake); o != lane.Queued {
			t.Fatalf("there was room, but the item is %v", o)
		}
		if o := l.Put(2, wake); o != lane.Woken {
			t.Fatalf("the lane is full and was woken, but the item is %v", o)
		}
		if len(wake) != 0 {
			t.Error("the token was not taken")
		}
		close(release)
		l.Stop()
	})
}

func TestStopWaitsForTheRunningCallAndDropsTheRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var began, ended atomic.Int32
		l := lane.New(5, func(int) {
			began.Add(1)
			time.Sleep(time.Second)
			ended.Add(1)
		})
		for i := range 5 {
			l.Put(i, nil)
		}
		synctest.Wait()
		at := time.Now()
		l.Stop()
		if waited := time.Since(at); waited != time.Second {
			t.Errorf("stop took %v, want the rest of the running call", waited)
		}
		if began.Load() != 1 || ended.Load() != 1 {
			t.Errorf("%d calls began, %d ended, want one", began.Load(), ended.Load())
		}
		if !l.Stopping() {
			t.Error("a stopped lane does not say so")
		}
		if o := l.Put(9, nil); o != lane.Stopped {
			t.Errorf("an item put after the stop is %v", o)
		}
		l.Stop() // again, and it returns
	})
}

func TestStopFreesAWaitingPut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		l := lane.New(1, func(int) { <-release })
		l.Put(0, nil)
		synctest.Wait()
		l.Put(1, nil)
		got := make(chan lane.Outcome)
		go func() { got <- l.Put(2, nil) }()
		synctest.Wait()
		go l.Stop()
		if o := <-got; o != lane.Stopped {
			t.Errorf("a waiting item is %v after the stop", o)
		}
		close(release)
		l.Stop()
	})
}
