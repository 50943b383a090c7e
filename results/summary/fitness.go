package summary

import (
	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/fit"
)

// fitness adds how the machine was for each trial, and the marks of those that it
// treated otherwise than the other arms of their round, which no trial tells alone.
func fitness(s *results.Summary, all []*fit.Trial) {
	out := fit.Out(all)
	for _, t := range all {
		b := &builder{inputs: &inputs{trial: &results.Trial{Ref: t.TrialRef}}}
		b.warn = func(r results.Remark) { s.Warnings = append(s.Warnings, r.In(t.TrialRef)) }
		for _, l := range []struct {
			class string
			fit.Look
		}{{results.PhaseIdle, t.Idle}, {"measured", t.Measured}} {
			b.add(results.Row{Class: l.class, Metric: results.MachineForeign, Unit: results.UnitCores, Value: l.Foreign, N: 1})
			b.add(results.Row{Class: l.class, Metric: results.MachineSteal, Unit: results.UnitCores, Value: l.Steal, N: 1})
			if l.Pressure >= 0 {
				b.add(results.Row{Class: l.class, Metric: results.MachinePressure, Unit: results.UnitRatio, Value: l.Pressure, N: 1})
			}
		}
		b.plain("", results.MachineCanary, float64(t.Canary), 1)
		b.mark(results.TrialUnfit, func() results.Remark { return out[t.N] })
		s.Rows = append(s.Rows, b.rows...)
	}
	s.Warnings = append(s.Warnings, fit.Shared(all)...)
	s.Machine = fit.Overall(all, len(out))
}
