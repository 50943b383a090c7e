package faulty

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// TestTurnstile: 20,000 a second go through, whoever comes, and after an idle time no more
// than a little too early.
func TestTurnstile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var gate turnstile
		const each, lanes, many = 50 * time.Microsecond, 4, 10_000
		from := time.Now()
		var all sync.WaitGroup
		for range lanes {
			all.Go(func() {
				for range many / lanes {
					gate.pass(each)
				}
			})
		}
		all.Wait()
		if took := time.Since(from); took != many*each-slack {
			t.Errorf("%d took %s, want %s", many, took, many*each-slack)
		}
		time.Sleep(time.Hour)
		from = time.Now()
		for range many {
			gate.pass(each)
		}
		if took := time.Since(from); took != many*each-slack {
			t.Errorf("after an hour %d took %s, want %s", many, took, many*each-slack)
		}
		// Slower ones than it never wait.
		for range 100 {
			time.Sleep(2 * each)
			from := time.Now()
			if gate.pass(each); time.Since(from) > each {
				t.Fatalf("one that came late waited for %s", time.Since(from))
			}
		}
	})
}
