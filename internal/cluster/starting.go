package cluster

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// How long the start of a cluster may take. These end what hangs: an embedded one
// is there at once, and Apache Kafka in half a minute on two busy cores.
const (
	embeddedLimit = time.Minute
	kafkaLimit    = 5 * time.Minute
	fetchLimit    = 15 * time.Minute // on top, where Maven has to fetch it
)

func startLimit(kind string) time.Duration {
	if kind == Kafka {
		return kafkaLimit
	}
	return embeddedLimit
}

// starting bounds a start and remembers what it waits for.
type starting struct {
	cancel context.CancelCauseFunc

	mu    sync.Mutex
	limit time.Duration
	until time.Time
	timer *time.Timer
	last  string
	err   error // once it has taken too long
}

// startWithin bounds a start by its context. end must be called when it is over.
func startWithin(ctx context.Context, limit time.Duration) (context.Context, *starting) {
	ctx, cancel := context.WithCancelCause(ctx)
	s := &starting{cancel: cancel, limit: limit, until: time.Now().Add(limit), last: "the first word of the broker process"}
	s.mu.Lock() // a timer that is over at once must find itself
	defer s.mu.Unlock()
	s.timer = time.AfterFunc(limit, s.expire)
	return ctx, s
}

// through is o with the start listening to what is told of it.
func (s *starting) through(o Options) Options {
	told := o.Progress
	o.Progress = func(what string) {
		s.mu.Lock()
		s.last = what
		s.mu.Unlock()
		if told != nil {
			told(what)
		}
	}
	o.allow = s.allow
	return o
}

// allow gives the start so much more time.
func (s *starting) allow(more time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.limit += more
	s.until = s.until.Add(more)
	s.timer.Reset(time.Until(s.until))
}

func (s *starting) expire() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if time.Now().Before(s.until) {
		return // more was allowed just now
	}
	s.err = fmt.Errorf("not ready within %s; it waited for this last: %s", s.limit, s.last)
	s.cancel(s.err)
}

// end says that the start is over, and returns why where it took too long.
func (s *starting) end() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.timer.Stop()
	s.cancel(nil)
	return s.err
}
