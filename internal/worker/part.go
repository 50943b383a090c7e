package worker

import (
	"context"
	"errors"
	"time"

	"github.com/kbench/kbench/results/record"
)

// Part is the work of a role that drives no client under test. Those that ask the
// cluster need a client of their own, which a program with one other client in it must
// not bring; so they stand apart, and Main is told of those that there are.
type Part func(context.Context, *Stage) error

// Stage is what a Part works with.
type Stage struct{ w *worker }

// Job is what is to be done.
func (s *Stage) Job() *Job { return &s.w.job }

// Say tells the supervisor.
func (s *Stage) Say(r Report) { s.w.report.say(r) }

// Ready says that the part has begun.
func (s *Stage) Ready() { s.Say(Report{Say: Ready, Runtime: inForce()}) }

// Alive says once a second, until the part is over, that it is not stuck.
func (s *Stage) Alive() { s.Go(s.w.alive) }

// Go runs something beside the part, until the part is over.
func (s *Stage) Go(do func(context.Context)) { s.w.s.done.Go(func() { do(s.w.s.ctx) }) }

// Write writes an event down.
func (s *Stage) Write(e record.Event) { s.w.s.events.Write(e) }

// Lane takes records of a partition that are to be kept as deliveries.
func (s *Stage) Lane(k record.Kind, partition int32) *record.SpanLane {
	return s.w.s.spans.Lane(k, 0, partition, 0)
}

// Until is the life of a part that only looks on: until it is told to close, and with
// each tick it does something.
func (s *Stage) Until(ctx context.Context, tick <-chan time.Time, do func() error) error {
	for {
		select {
		case <-ctx.Done():
			return errors.New("the supervisor is gone")
		case <-s.w.leave:
			return nil
		case cmd := <-s.w.commands:
			if cmd.Do == Close {
				return nil
			}
		case <-tick:
			if err := do(); err != nil {
				return err
			}
		}
	}
}
