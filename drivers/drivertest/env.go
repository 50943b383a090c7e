package drivertest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"runtime"
	"sync"
	"time"

	"github.com/kbench/kbench/drivers"
)

// Env is what a check works with: a driver, a broker, names of its own, and a
// list of complaints that handlers and acks add to from any goroutine.
type Env struct {
	drv    drivers.Driver
	broker broker
	name   string
	opts   options

	at    string // where it is, in a check that does the same more than once
	ended error  // its verdict, but for the complaints

	cancel  context.CancelFunc // of the check
	mu      sync.Mutex
	wrong   []error
	cleanup []func() error
	lines   []string // of the client's log
}

const (
	// maxComplaints is how many are shown: one fault often causes hundreds.
	maxComplaints = 8

	// afterComplaint is how long a check goes on after the first complaint. The
	// verdict stands, so there is nothing to wait for but a few more of them.
	afterComplaint = 500 * time.Millisecond
)

// must ends the check where there is an error, as FailNow ends a test: what was
// deferred runs, and nothing else. It is for the check's own goroutine alone.
func (e *Env) must(err error) {
	if err != nil {
		e.ended = at(e.at, err)
		runtime.Goexit()
	}
}

// at says of an error where it was.
func at(where string, err error) error {
	if err == nil || where == "" {
		return err
	}
	return fmt.Errorf("%s: %w", where, err)
}

func (e *Env) complain(format string, args ...any) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.wrong) == 0 {
		time.AfterFunc(afterComplaint, e.cancel)
	}
	if len(e.wrong) < maxComplaints {
		e.wrong = append(e.wrong, fmt.Errorf(format, args...))
	}
}

func (e *Env) complaints() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	return errors.Join(e.wrong...)
}

// atEnd registers what must be closed, in reverse order.
func (e *Env) atEnd(f func() error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.cleanup = append(e.cleanup, f)
}

func (e *Env) cleanUp() error {
	e.mu.Lock()
	todo := e.cleanup
	e.cleanup = nil
	e.mu.Unlock()
	var errs []error
	for i := len(todo) - 1; i >= 0; i-- {
		errs = append(errs, todo[i]())
	}
	return errors.Join(errs...)
}

// topic creates a topic of this check's own.
func (e *Env) topic(suffix string, partitions int) string {
	name := e.topicName(suffix)
	e.broker.CreateTopic(name, partitions)
	return name
}

func (e *Env) topicName(suffix string) string { return "drivertest-" + e.name + "-" + suffix }

// settings are the matched ones that checks start from: safe, quick to react,
// and possible for every client.
func (e *Env) settings(topics ...string) drivers.Settings {
	return drivers.Settings{
		Mode: drivers.Matched,
		Produce: drivers.ProduceSettings{
			Acks:         drivers.AcksAll,
			InFlight:     1,
			Linger:       2 * time.Millisecond,
			BatchBytes:   16 << 10,
			Codec:        "none",
			AckTimeout:   4 * time.Second,
			Retries:      3,
			RetryBackoff: 50 * time.Millisecond,
			Window:       windowRecords,
			Chunk:        chunkRecords,
		},
		Consume: drivers.ConsumeSettings{
			Start:             "earliest",
			FetchMin:          1,
			FetchMax:          8 << 20,
			FetchMaxPartition: 1 << 20,
			FetchWait:         250 * time.Millisecond,
			Isolation:         "read_uncommitted",
			CommitMode:        drivers.CommitMarked,
			CommitEvery:       150 * time.Millisecond,
			CommitOnRevoke:    true,
			Lanes:             drivers.LanesPartition,
			Revoke:            drivers.RevokeWait,
		},
		Group: drivers.GroupSettings{
			Protocol:      "classic",
			Assignors:     []string{"range"},
			Session:       6 * time.Second,
			Heartbeat:     500 * time.Millisecond,
			Rebalance:     10 * time.Second,
			RejoinBackoff: 200 * time.Millisecond,
		},
		MetadataRefresh: 2 * time.Second,
		ClientID:        "drivertest",
		Topics:          topics,
		GroupID:         "drivertest-" + e.name,
		RecordBytes:     keyBytes + valueBytes,
		KeyBytes:        keyBytes,
	}
}

// alone are the partitions of one topic of the check's own, and the settings for it.
func (e *Env) alone(partitions int) ([]topicPart, drivers.Settings) {
	topic := e.topic("t", partitions)
	return parts(topic, partitions), e.settings(topic)
}

// env surrounds a client.
func (e *Env) env() drivers.Env {
	var d net.Dialer
	return drivers.Env{
		Seeds: e.broker.Seeds(),
		Dial:  d.DialContext,
		Log: func(level int, line string) {
			if level > 1 {
				return
			}
			e.mu.Lock()
			e.lines = append(e.lines, line)
			e.mu.Unlock()
		},
		Fault: func(err error) { e.complain("fault: %v", err) },
	}
}

// logged is how many warnings and errors the client has logged.
func (e *Env) logged() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.lines)
}

// plan returns one line of the driver's plan.
func (e *Env) plan(s drivers.Settings, key string) drivers.Setting {
	for _, line := range e.drv.Plan(s) {
		if line.Key == key {
			return line
		}
	}
	return drivers.Setting{Key: key, Fidelity: drivers.Unsupported, Why: "not in the plan"}
}

// need skips the check where the driver does not have what a setting wants.
func (e *Env) need(s drivers.Settings, keys ...string) {
	for _, key := range keys {
		if line := e.plan(s, key); line.Fidelity == drivers.Unsupported {
			e.must(&skipped{why: fmt.Sprintf("%s is unsupported: %s", key, line.Why)})
		}
	}
}

// needBroker skips the check where the driver has none.
func (e *Env) needBroker() {
	if drivers.IsBrokerless(e.drv) {
		e.must(&skipped{why: "the driver has no broker"})
	}
}

// exact reports whether the driver says that it does all of keys exactly.
func (e *Env) exact(s drivers.Settings, keys ...string) bool {
	for _, key := range keys {
		if e.plan(s, key).Fidelity != drivers.Exact {
			return false
		}
	}
	return true
}

// errHangs marks a call that did not return and is not to be tried again.
var errHangs = errors.New("hangs")

// bounded calls f, which must return by itself soon after its context ends.
func bounded(ctx context.Context, limit time.Duration, what string, f func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- f(ctx) }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	select {
	case err := <-done:
		return err
	case <-time.After(2 * time.Second):
		return fmt.Errorf("%s %w: it has not returned after its context ended", what, errHangs)
	}
}

// closing is the time that a Close is given.
func (e *Env) closing() time.Duration { return min(closeLimit, e.opts.limit) }

// until waits for ok, and says what was missing where the context ends first.
func until(ctx context.Context, ok func() bool, missing func() string) error {
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-ctx.Done():
			return fmt.Errorf("waited in vain: %s", missing())
		case <-tick.C:
		}
	}
	return nil
}

// quiet lets time pass in which something must not happen. A driver that would
// do it later is not caught; one that does nothing is never blamed.
func quiet(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
