// Package floors holds the instrument against a law that is known beforehand. A
// member of a classic group hears of a join or a leave with its next heartbeat,
// and nothing but the heartbeat interval H decides when that is; so the time
// until the last survivor has heard, which kbench calls the floor of an event,
// has a known distribution if the act falls on a random moment of H:
//
//	survivors that beat in step       U(0, H)
//	n that beat each for themselves   (t/H)^n
//
// and between the two it depends on how far their beats lie apart. Members begin
// to beat together after each rebalance and so stay about in step, but that is
// not taken for granted: the beats before each event say which law is due for it.
// What is measured has to fit that law, and must not fit the same law for an
// interval of 1.3H; an instrument that saw everything too early, too late, or at
// the wrong member would fail one of the two.
//
//	detect   events, as times of detection and the beats before them
//	law      the law, and the test of a sample against one
//	judge    whether it holds
//
// It judges the instrument, never a client, and is a pure function of files.
package floors

import (
	"errors"
	"fmt"
	"slices"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/evidence"
)

// Report is what a trial says about the instrument.
type Report struct {
	Trial    results.TrialRef
	Beat     float64 // the middle one of the intervals between two beats, as the wire shows them, ns
	Verdicts []Verdict
	LeftOut  []LeftOut
}

// Holds says whether every law held.
func (r *Report) Holds() bool {
	return len(r.Verdicts) > 0 && !slices.ContainsFunc(r.Verdicts, func(v Verdict) bool { return !v.Holds() })
}

// Read analyses a trial of a run.
func Read(dir *results.Dir, t *results.Trial) (*Report, error) {
	fail := func(format string, args ...any) (*Report, error) {
		return nil, fmt.Errorf("floors of trial %d, %s: "+format, append([]any{t.Ref.N, t.Ref.Arm}, args...)...)
	}
	if t.State != results.StateComplete {
		return fail("it is %s and says nothing: %s", t.State, t.Error+t.Ref.Refused)
	}
	if p := t.Spec.Group.Protocol; p != "classic" {
		return fail("the law is about classic groups, and this one has the protocol %s", p)
	}
	e, err := evidence.Load(dir, t)
	if err != nil {
		return fail("%w", err)
	}
	// The law is about the wire alone. A partition that is late, which on a busy
	// machine is the machine's doing, would only make the window of an act longer
	// until the next act falls into it.
	in, windows := e.OnTheWire()
	if err := e.Close(); err != nil {
		return fail("%w", err)
	}
	found, left := Detections(*in, windows)
	r := &Report{Trial: t.Ref, LeftOut: left}
	var beats []float64
	for _, d := range found {
		beats = append(beats, d.Beats...)
	}
	r.Beat = middle(beats)
	for _, kind := range []string{"join", "leave"} {
		events := slices.DeleteFunc(slices.Clone(found), func(d Detection) bool { return d.Kind != kind })
		missing := slices.DeleteFunc(slices.Clone(left), func(l LeftOut) bool { return l.Kind != kind })
		r.Verdicts = append(r.Verdicts, Judge(kind, events, len(missing), float64(in.Heartbeat)))
	}
	return r, nil
}

// ReadRun analyses every trial of the run in a directory. A trial that says
// nothing is an error, which comes with the reports of the others: what one
// client does not show, another cannot show for it.
func ReadRun(path string) ([]*Report, error) {
	dir, err := results.Open(path)
	if err != nil {
		return nil, err
	}
	trials, err := dir.Trials()
	if err != nil {
		return nil, err
	}
	if len(trials) == 0 {
		return nil, fmt.Errorf("floors of run %s: it has no trials", dir.Run().ID)
	}
	var reports []*Report
	var failed []error
	for _, t := range trials {
		r, err := Read(dir, t)
		if err != nil {
			failed = append(failed, err)
			continue
		}
		reports = append(reports, r)
	}
	return reports, errors.Join(failed...)
}
