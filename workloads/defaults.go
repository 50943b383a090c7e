package workloads

import (
	"time"

	"github.com/kbench/kbench/workloads/acts"
)

// MinRecordSize is the length of the header that every value starts with, by
// which each record is accounted for. No value is shorter.
const MinRecordSize = 32

// Default is the workload that an empty document would describe.
func Default() Spec {
	var s Spec
	document().Fill(&s)
	return s
}

// complete fills in what an entry of churn leaves out.
func (e *ChurnEntry) complete() {
	if e.Times == 0 && e.has("times") {
		e.Times = 1
	}
	if e.Target == "" && e.has("target") {
		e.Target = "random"
	}
	// All beats start anew with a rebalance, so that an act some fixed time after
	// it would always meet the same phase.
	if e.Phase == "" && e.has("phase") && e.When != "" {
		e.Phase = "random"
	}
	if e.Every == 0 {
		e.Every = acts.Of(acts.Kind(e.Do)).Every
	}
}

// markEvery is the default of consume.commit.mark.every, which follows another
// field: marks must be fresher than the commits that carry
// them, and rarer than would show in the cost of a record.
func markEvery(commit time.Duration) time.Duration {
	return max(min(commit/10, 100*time.Millisecond), time.Microsecond)
}
