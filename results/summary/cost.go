package summary

import (
	"github.com/kbench/kbench/results/evidence"
	"github.com/kbench/kbench/results/record"
)

// Cost is what a worker did in the measured part of a trial, and what its process used
// for it by its counters.
type Cost struct {
	Records            int64 // acked, or delivered intact and for the first time
	CPU, Allocs, Bytes float64
	Known              bool // of CPU, allocs and bytes; of a member that came or went they are not
}

// Costs are those of the workers of a trial by their names, as rows have them by role.
func Costs(e *evidence.Trial) map[string]Cost {
	in := newInputs(e)
	out := map[string]Cost{}
	for _, w := range in.workers {
		c := Cost{Records: w.records()}
		c.CPU, c.Known = w.grew(in.measured, cpuOf)
		c.Allocs, _ = w.grew(in.measured, func(r record.Runtime) int64 { return r.Allocs })
		c.Bytes, _ = w.grew(in.measured, func(r record.Runtime) int64 { return r.AllocBytes })
		out[w.Name] = c
	}
	return out
}
