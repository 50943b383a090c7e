package summary

import (
	"errors"
	"slices"
	"strings"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/evidence"
	"github.com/kbench/kbench/results/window"
	"github.com/kbench/kbench/workloads"
)

// cut is what a trial had that did not complete: throughput and latency of the part that
// was measured, the events that were over by then, and the account of its records. It is
// nil where nothing was measured, or files of the trial are damaged.
func cut(d *results.Dir, t *results.Trial, warn func(results.Remark)) *results.Cut {
	p := t.Phase(results.PhaseMeasure)
	if p.To <= p.From {
		return nil
	}
	e, err := evidence.Load(d, t)
	if err != nil {
		damaged(warn, "no figures: ", err)
		return nil
	}
	in := recorded(e)
	if err := errors.Join(e.Err(), e.Close(), e.Unread()); err != nil {
		damaged(warn, "no figures: ", err)
		return nil
	}
	out := &results.Cut{TrialRef: t.Ref, State: t.State, Why: oneLine(t.Error), Measured: in.measured.length(), Planned: t.Planned, Whole: !t.CutOff()}
	out.Account = in.account()
	if broken := in.truth.Sums.Broken(); out.Due != nil && len(broken) > 0 {
		warn(results.Remarkf(results.KindBrokenSum, "no figures, by a defect of kbench: %s", strings.Join(broken, "; ")))
		return nil
	}
	b := &builder{inputs: in, warn: func(results.Remark) {}, thin: &thinData{}}
	b.soFar()
	out.Rows = b.rows
	return out
}

// soFar are the rows of a trial that did not complete.
func (b *builder) soFar() {
	b.rows = []results.Row{}
	for _, role := range roles() {
		ws := b.byRole(role)
		var acked, delivered int64
		for _, w := range ws {
			acked += w.acked
			delivered += w.delivered
		}
		b.throughput(role, results.ProduceThroughput, acked)
		b.throughput(role, results.ConsumeThroughput, delivered)
		b.redelivered(role, ws)
		for _, metric := range distributions() {
			if h := b.merged(role, metric); len(ws) > 0 && h != nil {
				b.distribution(role, "", metric, h)
			}
		}
	}
	b.foundSoFar()
	if b.churn == nil {
		return
	}
	for i := range b.churn.Events {
		if e := &b.churn.Events[i]; e.Counted && b.over(e) {
			b.event(i, e)
		}
	}
	// Of what was not delivered nobody knows whether it would have been.
	b.rows = slices.DeleteFunc(b.rows, func(r results.Row) bool { return r.Metric == results.PauseLostRecords })
}

// over says whether an event had come to its end when the trial did: whether everything
// had been quiet for as long as at the end of a trial that is waited for. Where lateness
// does not tell, because the handler is slow, a session may still have to run out.
func (b *builder) over(e *window.Event) bool {
	quiet := b.measured.to - e.Window.To
	return e.Settled && quiet >= int64(2*b.trial.Spec.Group.Heartbeat) && (e.Rebalanced || !b.churn.Slow)
}

// foundSoFar are the findings of the audit that what comes later does not change.
func (b *builder) foundSoFar() {
	r := &b.truth
	if b.trial.Kind == workloads.Producing {
		return // nobody has read what is in the log
	}
	b.plain("", results.AuditDuplicate, float64(r.Duplicates.Total()), r.Delivered)
	for _, c := range r.Duplicates.Causes() {
		if c.Count > 0 {
			b.add(results.Row{Class: c.Name, Metric: results.AuditDuplicate, Unit: results.UnitCount, Value: float64(c.Count), N: r.Delivered})
		}
	}
	for _, f := range []struct {
		metric string
		count  int64
	}{
		{results.AuditReordered, r.Reordered}, {results.AuditCorrupt, r.Corrupt}, {results.AuditForeign, r.Foreign}, {results.AuditZombie, r.Group.Zombies},
		{results.AuditOverlap, r.Group.Overlaps}, {results.AuditCommitRegression, r.Group.Regressions},
	} {
		b.plain("", f.metric, float64(f.count), r.Delivered)
	}
}

// account is what is known of the sums of a trial that did not complete. What a producer
// was given and has no word for is known where all of them closed their accounts, and
// what was acknowledged and not found is lost or not where the log was read to its end.
func (in *inputs) account() results.Account {
	s := in.truth.Sums
	known := func(is bool, n int64) *int64 {
		if !is {
			return nil
		}
		return &n
	}
	closed, producers := true, 0
	for _, w := range in.workers {
		switch w.Role {
		case results.RoleProducer, results.RoleReference, results.RoleFiller, results.RoleBoth:
			producers++
			closed = closed && w.Tally != nil
		}
	}
	closed = closed && producers > 0
	read := in.trial.Kind != workloads.Producing
	missing := s.Acked - s.First - s.Damaged
	return results.Account{
		Due: known(closed, s.Due), Handed: known(closed, s.Handed), Unsent: known(closed, s.Unsent),
		Acked: &s.Acked, Failed: &s.Failed, Unanswered: known(closed, s.Unanswered),
		First: known(read, s.First), Damaged: known(read, s.Damaged), Missing: known(read, missing),
		Undelivered: known(read && missing == 0, 0), Lost: known(read && missing == 0, 0),
		Delivered: known(read, s.Delivered), Unsure: known(read, s.Unsure), Again: known(read, s.Redelivered),
	}
}
