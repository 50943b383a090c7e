package worker

import (
	"runtime"
	"testing"
	"time"

	"github.com/kbench/kbench/results/record"
)

// spin uses that much of the thread's time.
func spin(d time.Duration) {
	id := record.ThreadID()
	for end := record.ThreadTime(id) + int64(d); record.ThreadTime(id) < end; {
	}
}

// TestOwn: the harness's part is what its threads used while they were its own, less
// the client's work on them; without a generator among them it is not known. All is
// told by the clocks of threads, so that no busy machine is in the way.
func TestOwn(t *testing.T) {
	const ms = time.Millisecond
	f := func(what string, least, most time.Duration, play func(*own)) {
		t.Helper()
		o := new(own)
		done := make(chan struct{})
		go func() {
			defer close(done)
			runtime.LockOSThread() // not given back: the thread ends with it
			play(o)
		}()
		<-done
		if got := time.Duration(o.used()); got < least || got > most {
			t.Errorf("%s: %s, want %s to %s", what, got, least, most)
		}
	}
	f("of no generator nothing is known", 0, 0, func(o *own) {
		o.enter()
		defer o.leave()
		spin(5 * ms)
	})
	f("what a thread used before and after is not counted", 20*ms, 29*ms, func(o *own) {
		o.whole.Store(true)
		spin(30 * ms)
		o.enter()
		spin(20 * ms)
		o.leave()
		spin(30 * ms)
	})
	f("the client's work is not counted", 1*ms, 60*ms, func(o *own) {
		o.whole.Store(true)
		o.enter()
		defer o.leave()
		s := sending{own: o}
		for range 2 * ownEvery {
			s.begin()
			spin(2 * ms)
			s.end()
		}
		spin(20 * ms)
	})
	f("nothing but the client's work", 1, 1+30*ms, func(o *own) {
		o.whole.Store(true)
		o.enter()
		defer o.leave()
		s := sending{own: o}
		for range ownEvery {
			s.begin()
			spin(2 * ms)
			s.end()
		}
	})
	new(sending).begin() // of a closed loop
	new(sending).end()
}

// BenchmarkSending is what telling client and harness apart costs a call of Send.
func BenchmarkSending(b *testing.B) {
	o := new(own)
	o.enter()
	defer o.leave()
	s := sending{own: o}
	for b.Loop() {
		s.begin()
		s.end()
	}
}
