package faulty

import (
	"sync"
	"time"
)

// turnstile lets one through in so long, whoever comes: its speed is known, whatever the
// machine does.
//
//	i-th through at max(when it came, (i-1)-th + each)
//
// A sleep takes a millisecond more than it is asked for, and on a busy machine many. What
// that costs is made up for: who came while the one before overslept goes through at once.
// So over any time in which somebody always waits it lets through as many as it should,
// but for stops beyond slack, and after an idle time no more than slack holds too early.
type turnstile struct {
	mu   sync.Mutex
	next time.Time
}

// slack is how much of an idle or overslept time is made up for.
const slack = 20 * time.Millisecond

func (t *turnstile) pass(each time.Duration) {
	t.mu.Lock()
	now := time.Now()
	if least := now.Add(-slack); t.next.Before(least) {
		t.next = least
	}
	t.next = t.next.Add(each)
	turn := t.next
	t.mu.Unlock()
	time.Sleep(turn.Sub(now))
}
