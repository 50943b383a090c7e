package conduct

import (
	"github.com/kbench/kbench/internal/worker"
	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/workloads"
	"github.com/kbench/kbench/workloads/churn"
)

// cutOff notes the parts of a trial that ended before its time, in the measured part or
// after it, so that what it had until then can be shown. One that came to no measured
// part has none.
func (l *timeline) cutOff(at int64) {
	phases := l.out.Phases
	if measured := l.out.Phase(results.PhaseMeasure); measured.To != 0 {
		if phases[len(phases)-1] == measured { // else its drain is noted
			l.phase(results.PhaseDrain, measured.To, at)
		}
		return
	}
	warmup, measure, end := l.begun.Warmup, l.begun.Measure, l.begun.End
	backlog := l.plan.Spec.Kind() == workloads.Backlog
	if backlog {
		warmup, measure, end = l.entered(results.PhaseWarmup), l.entered(results.PhaseMeasure), l.entered(results.PhaseDrain)
	}
	if measure == 0 || at <= measure {
		return
	}
	l.phase(results.PhaseSetup, l.setup, warmup)
	l.phase(results.PhaseWarmup, warmup, measure)
	if end != 0 && end <= at {
		l.phase(results.PhaseMeasure, measure, end)
		l.phase(results.PhaseDrain, end, at)
		return
	}
	l.phase(results.PhaseMeasure, measure, at)
	switch {
	case backlog: // it lasts as long as it takes
	case len(l.acts) > 0:
		l.out.Planned = int64(churn.Length(&l.plan.Spec, l.acts))
	default:
		l.out.Planned = end - measure
	}
}

// entered is when the one member of a backlog began a part, 0 where it has not.
func (l *timeline) entered(part string) int64 {
	if l.members[0] == nil {
		return 0
	}
	r, _ := l.members[0].report(worker.PhaseMsg + " " + part)
	return r.At
}
