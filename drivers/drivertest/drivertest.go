// Package drivertest is the suite that every driver passes and that every broken
// one fails. It knows no client: a driver is driven through its interface, and
// what it did is compared with what the broker has and with what went over the
// wire.
//
// The suite is a table of checks. Run makes them subtests; Verify runs them
// without a testing.T, so that it can be seen to fail. The broker is kfake, in
// this process; a Brokerless driver brings its own answers (Inspector).
//
// A check asserts what the driver's Plan says that it does. What the Plan calls
// Unsupported is skipped with its reason, never passed.
//
// No verdict depends on how long something took. Deadlines are there to end what
// hangs, and are far above what any client needs.
package drivertest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/kbench/kbench/drivers"
)

const (
	// checkLimit ends a check that hangs. A rebalance of the slowest client
	// takes a few seconds on a busy machine.
	checkLimit = 90 * time.Second

	// closeLimit ends a Close that hangs.
	closeLimit = 30 * time.Second

	// parallel is how many checks run at once: most of their time is waiting.
	parallel = 4
)

// Inspector is what a Brokerless driver offers in place of a broker's admin
// side. A decorator offers its inner driver's by Unwrap.
type Inspector interface {
	CreateTopic(name string, partitions int)
	End(topic string, partition int32) int64              // the offset after the last record
	Committed(group, topic string, partition int32) int64 // -1: never
	Members(group string) int
}

// Wrapper is implemented by a driver that decorates another.
type Wrapper interface {
	Unwrap() drivers.Driver
}

// Check is one thing that a driver must do.
type Check struct {
	Name  string
	About string

	// Alone is set where what other checks do at the same time would be seen.
	Alone bool

	// Run returns nil, a skip, or what the driver did wrong. Where one of its steps
	// fails, the check ends there (Env.must).
	Run func(context.Context, *Env) error
}

// Checks returns the suite, in the order in which it is shown.
func Checks() []Check {
	return slices.Concat(planChecks(), produceChecks(), consumeChecks(), commitChecks(), groupChecks(), troubleChecks(), wireChecks(), leakChecks())
}

// Failure is a check that a driver did not pass.
type Failure struct {
	Check string
	Err   error
}

func (f Failure) String() string { return f.Check + ": " + f.Err.Error() }

// Option changes what Run does.
type Option func(*options)

type options struct {
	only  []string
	limit time.Duration
}

func newOptions(opts []Option) options {
	o := options{limit: checkLimit}
	for _, opt := range opts {
		opt(&o)
	}
	return o
}

// Only restricts the suite to the named checks.
func Only(names ...string) Option {
	return func(o *options) { o.only = names }
}

// Within changes after how long a check that waits in vain has failed. It is for
// drivers that are known to hang; a sound one needs the default on a busy machine.
func Within(d time.Duration) Option {
	return func(o *options) { o.limit = d }
}

// checks returns the chosen part of the suite.
func (o options) checks() ([]Check, error) {
	if len(o.only) == 0 {
		return Checks(), nil
	}
	chosen := slices.DeleteFunc(Checks(), func(c Check) bool { return !slices.Contains(o.only, c.Name) })
	if len(chosen) != len(o.only) {
		return nil, fmt.Errorf("of the checks %v only %d exist: see Checks", o.only, len(chosen))
	}
	return chosen, nil
}

// Run runs the suite as subtests of t.
func Run(t *testing.T, drv drivers.Driver, opts ...Option) {
	t.Helper()
	o := newOptions(opts)
	checks, err := o.checks()
	if err != nil {
		t.Fatal(err)
	}
	b, err := newBroker(drv)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	slots := make(chan struct{}, parallel)
	run := func(t *testing.T, c Check) {
		err := runCheck(drv, b, c, o)
		var skip *skipped
		switch {
		case errors.As(err, &skip):
			t.Skip(skip.why)
		case err != nil:
			t.Errorf("%s: %v", c.About, err)
		}
	}
	t.Run("together", func(t *testing.T) {
		for _, c := range checks {
			if c.Alone {
				continue
			}
			t.Run(c.Name, func(t *testing.T) {
				t.Parallel()
				slots <- struct{}{}
				defer func() { <-slots }()
				run(t, c)
			})
		}
	})
	for _, c := range checks {
		if c.Alone {
			t.Run(c.Name, func(t *testing.T) { run(t, c) })
		}
	}
}

// Verify runs the suite without a testing.T and returns the checks that failed,
// in the order of Checks. The error is about the suite, not about the driver.
func Verify(drv drivers.Driver, opts ...Option) ([]Failure, error) {
	o := newOptions(opts)
	checks, err := o.checks()
	if err != nil {
		return nil, err
	}
	b, err := newBroker(drv)
	if err != nil {
		return nil, err
	}
	defer b.Close()
	errs := make([]error, len(checks))
	slots := make(chan struct{}, parallel)
	var wg sync.WaitGroup
	for i, c := range checks {
		if c.Alone {
			continue
		}
		wg.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			errs[i] = runCheck(drv, b, c, o)
		})
	}
	wg.Wait()
	var failures []Failure
	for i, c := range checks {
		if c.Alone {
			errs[i] = runCheck(drv, b, c, o)
		}
		var skip *skipped
		if errs[i] != nil && !errors.As(errs[i], &skip) {
			failures = append(failures, Failure{Check: c.Name, Err: errs[i]})
		}
	}
	return failures, nil
}

// runCheck runs one check to its verdict: its own error, else what the handlers
// and acks of the check complained about.
func runCheck(drv drivers.Driver, b broker, c Check, o options) error {
	ctx, cancel := context.WithTimeout(context.Background(), o.limit)
	defer cancel()
	e := &Env{drv: drv, broker: b, name: c.Name, opts: o, cancel: cancel}
	done := make(chan error, 1)
	go func() {
		defer func() { done <- e.ended }()
		e.ended = c.Run(ctx, e)
	}()
	var err error
	select {
	case err = <-done:
	case <-ctx.Done():
		select {
		case err = <-done:
		case <-time.After(2 * closeLimit):
			err = errors.New("the driver hangs: a call has not returned")
		}
	}
	if cerr := e.cleanUp(); err == nil {
		err = cerr
	}
	var skip *skipped
	complaints := e.complaints()
	if complaints != nil && errors.As(err, &skip) {
		return complaints
	}
	return errors.Join(err, complaints)
}

// skipped is the verdict on what a driver does not claim to do.
type skipped struct{ why string }

func (s *skipped) Error() string { return "skipped: " + s.why }
