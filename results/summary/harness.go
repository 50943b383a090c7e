package summary

import (
	"slices"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/record"
)

// harnessShare adds the harness's own part of the cost of a role, where it has threads
// of its own, whose clocks say what they used. It is never above the whole. Where it
// works in goroutines of the client (in a closed loop, and in the handler) nobody can
// tell, and there is no row.
func (b *builder) harnessShare(role results.Role, ws []*worker, whole float64, records int64) {
	unknown := func(w *worker) bool {
		return len(w.Runtime) == 0 || w.Runtime[len(w.Runtime)-1].Own == 0
	}
	if role != results.RoleProducer || slices.ContainsFunc(ws, unknown) {
		return
	}
	var own float64
	for _, w := range ws {
		grew, _ := w.grew(b.measured, func(r record.Runtime) int64 { return r.Own })
		own += grew
	}
	b.plain(role, results.HarnessCPU, min(own, whole)/float64(records), records)
}
