package faulty

import (
	"sync"
	"time"
)

// turnstile lets one through in so long, whoever comes: its speed is known, whatever the
// machine does.
//
//	i-th through at max(when it came, (i-1)-th through) + each
//
// That is a schedule, and of no moment at which somebody was awake: a sleep takes a
// millisecond more than it is asked for, and on a busy machine any time, but whoever came
// meanwhile and is due by now goes through at once. So over any time in which somebody waits
// it lets through as many as it should, however long nobody ran, and after an idle time
// none too early, since those who had not come cannot have been served.
type turnstile struct {
	mu   sync.Mutex
	came []time.Time // of those that are not through, in order
	last time.Time   // the schedule of the one that came last through
}

// slack is how long ago one may have come of whom nobody knows when, since another process
// sent it. So much of an overslept time, and of an idle one, is made up for then.
const slack = 20 * time.Millisecond

// comes is told that so many have come. It is to be told before they can be at pass.
func (t *turnstile) comes(n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	for range n {
		t.came = append(t.came, now)
	}
}

// stays is told that so many of those that came last will not be at pass.
func (t *turnstile) stays(n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.came = t.came[:max(len(t.came)-n, 0)]
}

// pass returns when it is the turn of the one that came first.
func (t *turnstile) pass(each time.Duration) {
	t.mu.Lock()
	now := time.Now()
	came := now.Add(-slack)
	if len(t.came) > 0 {
		came, t.came = t.came[0], t.came[1:]
	}
	if t.last.Before(came) {
		t.last = came
	}
	t.last = t.last.Add(each)
	turn := t.last
	t.mu.Unlock()
	time.Sleep(turn.Sub(now))
}
