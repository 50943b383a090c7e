package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/evidence"
	"github.com/kbench/kbench/results/record"
	"github.com/kbench/kbench/scripts/bare"
	"github.com/kbench/kbench/scripts/sides"
)

// harness runs the trial of a cell as a user would and reads its run directory.
func (o options) harness(ctx context.Context, c *cell, dir, file string) error {
	stderr := filepath.Join(dir, "stderr.txt")
	out := filepath.Join(dir, "run")
	p, err := sides.Self(ctx, stderr, "run", file, "--client", c.Client, "--broker", o.broker, "--nodes", strconv.Itoa(o.nodes), "--seed", "1", "--json", "--out", out)
	if err != nil {
		return err
	}
	mem := watchMemory(func() []int { return children(p.PID()) })
	_, _ = io.Copy(io.Discard, p.Stdout())
	exit := p.Wait()
	mem.stop()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	d, err := results.Open(out)
	if err != nil {
		return errors.Join(fmt.Errorf("kbench %s%s", exit, sides.Tail(stderr)), err)
	}
	trials, err := d.Trials()
	if err != nil {
		return err
	}
	if len(trials) != 1 || trials[0].State != results.StateComplete || !exit.OK() {
		why := ""
		for _, t := range trials {
			why += "\n" + string(t.State) + ": " + t.Error
		}
		return fmt.Errorf("kbench %s%s%s", exit, why, sides.Tail(stderr))
	}
	return c.read(d, trials[0], mem, int64(o.window))
}

// read takes the figures of a trial. The quiet stretch is the end of its warm-up.
func (c *cell) read(d *results.Dir, t *results.Trial, mem *memories, window int64) error {
	setup := t.Phase(results.PhaseSetup)
	c.Trial.Stable = time.Duration(setup.To - setup.From)
	q := quiet{to: t.Phase(results.PhaseWarmup).To, acted: c.acts(t)}
	q.from = q.to - window
	e, err := evidence.Load(d, t)
	if err != nil {
		return err
	}
	of := map[int][]bare.Report{}
	delivering, after := map[int32]bool{}, map[int32]bool{}
	members := int64(0)
	for _, w := range e.Workers {
		if w.Role != results.RoleConsumer {
			continue
		}
		size, err := sizeOf(d.WorkerPath(t.Ref, w.Name))
		if err != nil {
			return err
		}
		c.Trial.Disk += size
		members++
		// One that joins later is ready before, and has delivered nothing.
		if readings, was := q.read(e, w, delivering, after); was {
			of[w.PID] = readings
		}
	}
	if err := errors.Join(e.Err(), e.Unread(), e.Close()); err != nil {
		return err
	}
	c.Trial.Delivering, c.Trial.After, c.Trial.Disk = len(delivering), len(after), c.Trial.Disk/max(members, 1)
	if len(of) != c.Members {
		return fmt.Errorf("%d of %d members delivered before the quiet stretch", len(of), c.Members)
	}
	if c.Harness, err = costs(of, mem, q.from, q.to); err != nil {
		return err
	}
	return c.audit(filepath.Join(d.Path(), results.SummaryFile))
}

// acts takes how long the group took after each act, and returns when the last of
// them was over.
func (c *cell) acts(t *results.Trial) (last int64) {
	for _, a := range t.Acts {
		s := settled{Kind: string(a.Kind)}
		if a.Stable > a.At {
			s.Took = time.Duration(a.Stable - a.At)
		}
		c.Trial.Acts = append(c.Trial.Acts, s)
		last = max(last, a.At, a.Stable)
	}
	return last
}

// quiet is the quiet stretch of a trial, and when its acts were over.
type quiet struct{ from, to, acted int64 }

// read returns what a member said of itself, with what it had delivered by then,
// and whether it delivered before the stretch. It notes the partitions that were
// delivered in the stretch and those after the acts.
func (q quiet) read(e *evidence.Trial, w evidence.Worker, delivering, after map[int32]bool) (readings []bare.Report, before bool) {
	for _, s := range w.Runtime {
		readings = append(readings, bare.Report{T: s.T, Runtime: s.Runtime})
	}
	e.EachSpan(w.Name, func(s *record.Span) {
		if s.Kind != record.Delivered {
			return
		}
		if s.LastAt >= q.from && s.At <= q.to {
			delivering[s.Partition] = true
		}
		if s.LastAt > q.acted {
			after[s.Partition] = true
		}
		before = before || s.At < q.from
		for i := range readings {
			if s.LastAt <= readings[i].T {
				readings[i].Records += int64(s.Count)
			}
		}
	})
	return readings, before
}

// audit takes the truth of delivery from the summary.
func (c *cell) audit(path string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var s results.Summary
	if err := json.Unmarshal(data, &s); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	found := false
	for _, r := range s.Rows {
		if r.Class != "" || r.Event != "" {
			continue
		}
		switch r.Metric {
		case results.AuditLost:
			c.Trial.Lost, c.Trial.Acked, found = int64(r.Value), r.N, true
		case results.AuditDuplicate:
			c.Trial.Duplicates = int64(r.Value)
		}
	}
	if !found || c.Trial.Acked == 0 {
		return fmt.Errorf("%s does not say what was lost", path)
	}
	return nil
}

// sizeOf is what the files below a directory take.
func sizeOf(dir string) (int64, error) {
	var sum int64
	err := filepath.WalkDir(dir, func(_ string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		info, err := e.Info()
		if err == nil {
			sum += info.Size()
		}
		return err
	})
	return sum, err
}
