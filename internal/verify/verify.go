// Package verify is the instrument's known-answer test. It runs small trials in
// which something is wrong on purpose (a record dropped, a stop of a known
// length) and holds what kbench reports against what was injected. Runs in which
// nothing is wrong stand beside them: nothing may be found there.
//
//	cases     what is injected, and over which driver
//	thorough  the same in numbers: each question to each client, many times
//	evidence  what a trial left behind, read as a report reads it
//	judge     injected against reported; pure
//	process   the same for a process that is stopped
//	link      what a link is said to have done, in the times of requests on the wire
//	cause     why the group rebalanced, by the wire alone
//	node      what an act on nodes of the broker is said to have taken, in its own length
//	blame     whose stall it was: the same for processes that are not the client
//	tally     how often the answer was found, and how often it must be; pure
//
// It says whether the instrument can be trusted on this machine and nothing
// about clients. The faults themselves are of package faulty.
package verify

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/kbench/kbench/drivers"
	"github.com/kbench/kbench/internal/cluster"
	"github.com/kbench/kbench/internal/conduct"
	"github.com/kbench/kbench/internal/launch"
	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/workloads"
	"github.com/kbench/kbench/workloads/plan"
)

// Options say where and how the cases are run.
type Options struct {
	Out      string // an empty directory; each case makes a run directory in it
	Launcher launch.Launcher
	Self     []string // the command that is kbench; its workers must know Drivers
	// Started is told of each case as it begins; it may be nil.
	Started func(Case)
}

// Answer is the verdict on one case.
type Answer struct {
	Case     Case
	Injected string
	Reported string
	Wrong    []string // what is off; empty: the known answer was found
	Excess   *Excess  // of a stop
	Run      string   // the run directory
}

// OK reports whether the known answer was found, and nothing else.
func (a Answer) OK() bool { return len(a.Wrong) == 0 }

// Missed reports whether nothing is off but that a gap is out of its bound, or that
// another was blamed.
func (a Answer) Missed() bool {
	return len(a.Wrong) == 1 && (a.Excess != nil && !a.Excess.OK() || a.Excess == nil && a.Case.missable)
}

// Busy reports whether a bound was missed while the machine itself was later
// than the case allows for.
func (a Answer) Busy() bool {
	return a.Missed() && a.Excess != nil && a.Excess.Canary > a.Excess.Tolerance
}

// Run runs the cases and judges each. A case that cannot be run is one that is
// wrong; an error is returned only where there is nothing to judge, such as an
// interrupt.
func Run(ctx context.Context, cases []Case, o Options) ([]Answer, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	answers := make([]Answer, len(cases))
	free := semaphore.NewWeighted(room)
	var running sync.WaitGroup
	for i, c := range cases {
		if free.Acquire(ctx, c.takes()) != nil || ctx.Err() != nil {
			break
		}
		if o.Started != nil {
			o.Started(c)
		}
		running.Go(func() {
			defer free.Release(c.takes())
			var err error
			if answers[i], err = c.run(ctx, i, o); err != nil {
				cancel(err)
			}
		})
	}
	running.Wait()
	if err := context.Cause(ctx); err != nil {
		if errors.Is(err, context.Canceled) {
			err = conduct.ErrInterrupted
		}
		return nil, err
	}
	return answers, nil
}

// takes is the room that a case takes up.
func (c Case) takes() int64 { return cmp.Or(c.weight, timed) }

// spare is what a plan allows for the start and end of a trial and one of these
// does not take: no other runs on its broker, and little is read back.
const spare = time.Second

// Estimate is about how long the cases take.
func Estimate(cases []Case) time.Duration {
	var total time.Duration
	for _, c := range cases {
		total += (plan.Duration(c.Spec) - spare) * time.Duration(c.takes())
	}
	return total / room
}

// run conducts the one trial of a case, reads what it left, and judges it.
func (c Case) run(ctx context.Context, i int, o Options) (Answer, error) {
	name := fmt.Sprintf("%03d-%s", i+1, fileName(c.Name+"-"+c.Driver.Name()))
	a := Answer{Case: c, Run: filepath.Join(o.Out, name)}
	trials, err := plan.Expand([]workloads.Spec{c.Spec}, []string{c.Driver.Name()}, []string{string(drivers.Matched)}, plan.Rounds{Timed: 1}, seed)
	if err != nil {
		return a, fmt.Errorf("case %s: %w", c.Name, err)
	}
	used := []drivers.Driver{c.Driver}
	for _, d := range c.beside {
		if d.Name() != c.Driver.Name() {
			used = append(used, d)
		}
	}
	m := &meddler{Launcher: o.Launcher}
	var progress conduct.Progress
	if c.meddle != nil {
		m.of, progress, o.Launcher = *c.meddle, m, m
	}
	var dir *results.Dir
	if m.of.process == results.SupervisorProcess {
		dir, err = m.apart(ctx, c, a.Run, o.Self)
	} else {
		dir, err = conduct.Run(ctx, conduct.Options{
			ID: name, Out: a.Run, Seed: seed, Specs: []workloads.Spec{c.Spec}, Trials: trials, Command: []string{"kbench", "verify"},
			Broker: cluster.Options{Kind: cluster.Embedded, Nodes: cluster.DefaultNodes}, Deadlines: c.Deadlines,
			Table: used, Launcher: o.Launcher, Self: o.Self, Progress: progress,
		})
	}
	m.running.Wait()
	if errors.Is(err, conduct.ErrInterrupted) || ctx.Err() != nil {
		return a, conduct.ErrInterrupted
	}
	if dir == nil {
		return a, fmt.Errorf("case %s: %w", c.Name, err)
	}
	// A trial that failed is what some cases are about: it is in the evidence.
	e, err := read(dir)
	if err != nil {
		a.Wrong = []string{err.Error()}
		return a, nil
	}
	if m.err != nil {
		a.Wrong = []string{m.err.Error()}
		return a, nil
	}
	e.Meddled = m.at
	v := c.judge(e)
	a.Injected, a.Reported, a.Wrong, a.Excess = v.injected, v.reported, v.wrong, v.excess
	return a, nil
}

// seed is fixed: known answers are the same every time.
const seed = 1

// fileName is fit to be part of the names of directories and topics.
func fileName(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return '-'
	}, s)
}
