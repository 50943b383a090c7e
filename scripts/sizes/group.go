package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"github.com/kbench/kbench/drivers"
	"github.com/kbench/kbench/internal/arm"
	"github.com/kbench/kbench/internal/cluster"
	"github.com/kbench/kbench/results/record"
	"github.com/kbench/kbench/scripts/bare"
	"github.com/kbench/kbench/scripts/sides"
	"github.com/kbench/kbench/workloads"
)

// stableLimit is how long a bare group may take for each step until every
// partition delivers.
const stableLimit = 3 * time.Minute

// bareGroup is the processes of the bare side.
type bareGroup struct {
	mu        sync.Mutex
	processes []*sides.Child[bare.Report]
	readings  map[int][]bare.Report
	ended     error // why one ended that should not have
	closing   bool
}

// bare runs the bare side of a cell on a broker of its own.
func (o options) bare(ctx context.Context, c *cell, dir string, spec *workloads.Spec) (err error) {
	cl, stop, err := sides.Broker(ctx, cluster.Options{Kind: o.broker, Nodes: o.nodes})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()
	topic := fmt.Sprintf("%ssizes-%d", cluster.Prefix, c.Members)
	if _, err := cl.CreateTopic(ctx, topic, c.partitions(), 1); err != nil {
		return err
	}
	set := arm.Settings(spec, drivers.Matched)
	set.Topics, set.GroupID = []string{topic}, topic
	job := bare.Job{
		Direction: bare.Consume, Client: c.Client, MarkEvery: 1, Lasting: true, Settings: set, Seeds: cl.Access().Seeds, Topic: topic, Partitions: c.partitions(), Size: spec.Records.Size.Fixed,
	}
	stderr := filepath.Join(dir, "bare.txt")
	g := &bareGroup{readings: map[int][]bare.Report{}}
	defer func() { err = errors.Join(err, g.close()) }()
	began := time.Now()
	for i := range c.Members {
		job.Settings.ClientID = fmt.Sprintf("kbench-sizes-%d", i)
		if err := g.start(ctx, stderr, job, true); err != nil {
			return err
		}
	}
	// The producer comes after the members, as in a trial: a broker that has just
	// made hundreds of partitions may refuse the first records for seconds.
	if _, err := g.await(ctx, stderr, fmt.Sprintf("all %d members run", c.Members), 1, func() bool { return len(g.readings) == c.Members }); err != nil {
		return err
	}
	job.Direction, job.Client, job.Lasting, job.Settings.ClientID = bare.Produce, bare.FranzGo, false, "kbench-sizes-producer"
	job.Settings.Produce.Chunk, job.Rate = 1, spec.Produce.Rate.PerSecond
	if err := g.start(ctx, stderr, job, false); err != nil {
		return err
	}
	delivering, err := g.await(ctx, stderr, fmt.Sprintf("all %d partitions deliver", c.partitions()), 3, func() bool {
		delivering := 0
		for _, of := range g.readings {
			delivering += of[len(of)-1].Partitions
		}
		return delivering == c.partitions()
	})
	if err != nil {
		return err
	}
	c.BareDelivering = delivering.Sub(began)
	if err := sleep(ctx, settle); err != nil {
		return err
	}
	mem := watchMemory(g.members)
	from := record.Now()
	err = sleep(ctx, o.window)
	mem.stop()
	if err != nil {
		return err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.ended != nil {
		return g.ended
	}
	c.Bare, err = costs(g.readings, mem, from, record.Now())
	return err
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(d):
		return nil
	}
}

// start starts a bare process; the producer is no member.
func (g *bareGroup) start(ctx context.Context, stderr string, job bare.Job, member bool) error {
	// The group is closed in good order, and not by the launcher.
	p, err := sides.Start[bare.Report](context.WithoutCancel(ctx), stderr, "bare", job)
	if err != nil {
		return err
	}
	g.mu.Lock()
	g.processes = append(g.processes, p)
	g.mu.Unlock()
	go func() {
		for {
			r, err := p.Next(context.WithoutCancel(ctx), stableLimit)
			g.mu.Lock()
			if err != nil && !g.closing && g.ended == nil {
				g.ended = err
			}
			if err == nil && member {
				g.readings[p.PID()] = append(g.readings[p.PID()], r)
			}
			g.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	return nil
}

// members are the processes that have said something.
func (g *bareGroup) members() []int {
	g.mu.Lock()
	defer g.mu.Unlock()
	var out []int
	for pid := range g.readings {
		out = append(out, pid)
	}
	return out
}

// await waits until something holds so many looks in a row, a second apart, and
// returns when the first of them was. yes is asked under the lock.
func (g *bareGroup) await(ctx context.Context, stderr, what string, looks int, yes func() bool) (since time.Time, err error) {
	deadline := time.Now().Add(stableLimit)
	for good := 0; good < looks; {
		if err := sleep(ctx, time.Second); err != nil {
			return since, err
		}
		at := time.Now()
		g.mu.Lock()
		holds, ended := yes(), g.ended
		g.mu.Unlock()
		switch {
		case ended != nil:
			return since, ended
		case holds:
			if good++; good == 1 {
				since = at
			}
		case at.After(deadline):
			return since, fmt.Errorf("it is not so after %s that %s%s", stableLimit, what, sides.Tail(stderr))
		default:
			good = 0
		}
	}
	return since, nil
}

// close ends all processes at once: a group that leaves one by one rebalances as
// often.
func (g *bareGroup) close() error {
	g.mu.Lock()
	g.closing = true
	processes := g.processes
	g.mu.Unlock()
	errs := make([]error, len(processes))
	var all sync.WaitGroup
	for i, p := range processes {
		all.Go(func() { errs[i] = p.End() })
	}
	all.Wait()
	return errors.Join(errs...)
}
