package drivertest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/kbench/kbench/drivers"
	"github.com/kbench/kbench/internal/arm"
	"github.com/kbench/kbench/internal/wire"
	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/record"
	"github.com/kbench/kbench/workloads"
)

func wireChecks() []Check {
	check := func(name, lane string, mode drivers.Mode, acks drivers.Acks) Check {
		return Check{
			Name:  "wire-" + name,
			About: "what the plan claims " + lane + " is what goes over the wire",
			Run:   func(ctx context.Context, e *Env) error { return checkWire(ctx, e, mode, acks) },
		}
	}
	return []Check{
		check("matched", "in the matched lane", drivers.Matched, drivers.AcksAll),
		check("leader", "with acks from the leader", drivers.Matched, drivers.AcksLeader),
		check("best", "in the best lane", drivers.Best, drivers.AcksAll),
		check("stock", "in the stock lane", drivers.Stock, drivers.AcksAll),
	}
}

// checkWire produces and consumes through the tap. The values are unlike any
// client's defaults, so that a setting that was forgotten is seen.
func checkWire(ctx context.Context, e *Env, mode drivers.Mode, acks drivers.Acks) error {
	e.needBroker()
	const n = 300
	tps, s := e.alone(2)
	s.Mode = mode
	s.Produce.Acks = acks
	s.Produce.AckTimeout = 4321 * time.Millisecond
	s.Produce.Codec = "lz4"
	s.Consume.FetchWait = 213 * time.Millisecond
	s.Consume.FetchMin = 3
	s.Consume.FetchMax = 7 << 20
	s.Consume.FetchMaxPartition = 777_777
	s.Group.Session = 7 * time.Second
	s.Group.Rebalance = 11 * time.Second

	var mu sync.Mutex
	w := new(arm.Wire)
	start := time.Now()
	tap := wire.New(wire.Options{Now: func() int64 { return int64(time.Since(start)) }, Every: 1, Emit: func(ev record.Event) {
		mu.Lock()
		defer mu.Unlock()
		w.Take(ev)
	}})
	defer tap.Close()
	env := e.env()
	env.Dial = tap.Dial
	snd := e.sends(ctx, s, env, tps, n)
	m := e.join(ctx, s, env, memberOptions{})
	if mode == drivers.Stock {
		// The start offset is the client's own too: what lies there may be skipped.
		e.readSomething(ctx, snd, tps, m)
	} else {
		e.must(m.tally.await(ctx, n*len(tps)))
	}
	e.must(errors.Join(e.closeBusy(ctx, snd, tps, m), snd.close(ctx)))
	tap.Flush()
	mu.Lock()
	defer mu.Unlock()
	return disagree(w, e.drv.Plan(s))
}

// readSomething sends until the member reads.
func (e *Env) readSomething(ctx context.Context, snd *sender, tps []topicPart, m *member) {
	for m.records.Load() == 0 {
		if ctx.Err() != nil {
			e.must(errors.New("no record that was sent after the member had started arrived"))
		}
		e.must(snd.send(ctx, tps, 1))
		quiet(ctx, pollGap)
	}
}

// closeBusy closes a member while records come in: a client that waits for its
// fetches when it is closed would wait for as long as its own default says.
func (e *Env) closeBusy(ctx context.Context, snd *sender, tps []topicPart, m *member) error {
	closed := make(chan error, 1)
	go func() { closed <- m.close(ctx) }()
	for {
		select {
		case err := <-closed:
			return err
		case <-time.After(pollGap):
			if err := snd.send(ctx, tps, 1); err != nil {
				return errors.Join(err, <-closed)
			}
		}
	}
}

// disagree returns what the wire does not agree with: claims that are lies, and
// those that should have been seen and were not. How often heartbeats come a
// sample cannot show.
func disagree(w *arm.Wire, plan []drivers.Setting) error {
	var errs []error
	if w.Unknown > 0 {
		errs = append(errs, fmt.Errorf("%d frames on the wire could not be read", w.Unknown))
	}
	var lines []results.PlanLine
	for _, line := range plan {
		lines = append(lines, arm.Line(results.RoleBoth, "", line))
	}
	checks := w.Check("the client", results.RoleBoth, new(workloads.Spec), lines)
	for _, lie := range arm.Lies(checks) {
		errs = append(errs, errors.New(lie))
	}
	for _, c := range checks {
		if c.Seen == "" && c.Key != drivers.KeyHeartbeat && c.Key != drivers.KeyBatchRecords {
			errs = append(errs, fmt.Errorf("%s: the plan claims %q, and nothing of it was seen on the wire", c.Key, c.Claim))
		}
	}
	return errors.Join(errs...)
}
