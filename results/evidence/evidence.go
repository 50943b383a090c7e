// Package evidence is one finished trial, loaded: its document, what its workers
// recorded, and what the machine did meanwhile. It is the only reader of raw files;
// summary, floors, report and verify take what they need from here, so that a file
// is read once and means the same to all of them.
//
//	damage  what is missing or cannot be, before and after it is read
//	load    events, latencies, machine samples; the spans stay in their files
//	clock   times of other hosts, brought to the clock of the trial
//	causes  why the group rebalanced, by the same signs and the wire
//	stalls  who but the client stood still, by the signs of life of everybody
//
// What was found in it, the audit and the windows, is computed when it is first
// asked for and kept. Evidence draws no conclusion of its own.
package evidence

import (
	"errors"
	"fmt"
	"sync"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/audit"
	"github.com/kbench/kbench/results/cause"
	"github.com/kbench/kbench/results/window"
)

// Trial is a finished trial. Times are ns of the clock that trial.json is in.
type Trial struct {
	*results.Trial
	Measured window.Interval
	Workers  []Worker // all of them, in the order of trial.json
	Machine  []results.MachineSample
	// Supervisor is what the supervisor wrote down of itself: its canary. In old run
	// directories there is nothing of it.
	Supervisor Worker
	Logs       []audit.Log // of the workers that recorded spans
	// Beside are files that are not as they were written and that no figure needs.
	Beside Damaged

	dir    string
	unseen bool // the broker was attached: it may be among what others used of a processor
	unread Damaged
	audit  func() audit.Report
	input  func() *window.Input
	churn  func() *window.Report
	still  func() *window.Stalls
	why    func() []cause.Rebalance
}

// Load reads a trial of a run, which is to be closed. Files that were never made
// are no error: what they would have told is not known. Those that are missing now, or
// are not what they were, are found before any is read; the error is then Damaged, and
// so it is where one cannot be read.
func Load(d *results.Dir, t *results.Trial) (*Trial, error) {
	e := &Trial{Trial: t, dir: d.TrialPath(t.Ref), Measured: window.Measured(t), unseen: d.Run().Broker.Unseen() && len(t.BrokerPIDs) == 0}
	wrong := e.check(d)
	if why := e.impossible(); why != "" {
		wrong = append(wrong, &results.Damage{File: results.TrialFile, Offset: -1, Why: why})
	}
	if wrong == nil {
		wrong = e.load()
	}
	if wrong != nil {
		return nil, errors.Join(wrong, e.Close())
	}
	e.audit = sync.OnceValue(func() audit.Report { return audit.Check(t, e.Logs) })
	e.still = sync.OnceValue(e.stalls)
	e.why = sync.OnceValue(e.causes)
	e.input = sync.OnceValue(func() *window.Input {
		in := window.NewInput(t, e.Logs, e.audit())
		in.Stalls, in.Lost, in.Served = e.Stalls(), e.lost(), e.served()
		return &in
	})
	e.churn = sync.OnceValue(func() *window.Report { return window.Compute(*e.input()) })
	return e, nil
}

// Close closes the files of the spans. Nothing more can be computed then.
func (e *Trial) Close() error {
	var errs []error
	for _, l := range e.Logs {
		errs = append(errs, l.Spans.Close())
	}
	return errors.Join(errs...)
}

// Err is why spans could not be read; what was found in them is then of no use.
func (e *Trial) Err() error {
	for _, l := range e.Logs {
		if err := l.Spans.Err(); err != nil {
			return fmt.Errorf("audit %s: %w", l.Worker, err)
		}
	}
	return nil
}

// Unread is why histograms or samples of the machine could not be read. Rows need
// them; the audit and the windows do not, and stand.
func (e *Trial) Unread() error {
	if e.unread == nil {
		return nil
	}
	return e.unread
}

// Audit is the truth of delivery.
func (e *Trial) Audit() audit.Report { return e.audit() }

// Input is what the windows are found in.
func (e *Trial) Input() *window.Input { return e.input() }

// Stalls are those of all that is not the client under test; nil where nobody
// listened for them.
func (e *Trial) Stalls() *window.Stalls { return e.still() }

// Windows is what the acts of the trial did, and what the group did without any.
func (e *Trial) Windows() *window.Report { return e.churn() }

// Rest is what a group did that nothing was done to, but by the link.
func (e *Trial) Rest() window.Rest {
	r := window.AtRest(e.Trial, e.Logs)
	if e.Spec.OfLinks() {
		r.Available = window.Availability(*e.input())
	}
	return r
}

// OnTheWire is the windows as the wire alone shows them: no partition is late, and no
// record delivered.
func (e *Trial) OnTheWire() (*window.Input, *window.Report) {
	logs := make([]audit.Log, len(e.Logs))
	for i, l := range e.Logs {
		l.Spans = nil
		logs[i] = l
	}
	in := window.NewInput(e.Trial, logs, audit.Report{})
	in.Lost = e.lost()
	return &in, window.Compute(in)
}
