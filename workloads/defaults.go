package workloads

import (
	"time"

	"github.com/kbench/kbench/workloads/acts"
)

// MinRecordSize is the length of the header that every value starts with, by
// which each record is accounted for. No value is shorter.
const MinRecordSize = 32

// Default is the workload that an empty document would describe. It is the only
// place where defaults are written down: the parser starts from it, and the
// reference and the JSON Schema print it.
//
// The values are those of the matched lane: what all three clients can put on
// the wire alike, so that a difference in the result is a difference between
// clients.
func Default() Spec {
	return Spec{
		Topic: Topic{Partitions: 12, Replication: 3},
		Records: Records{
			Size:    Size{Fixed: 256},
			Entropy: 0.5,
			Keys:    Keys{Kind: "none", Count: 1000, Skew: 1.1, Size: 16},
		},
		Produce: Produce{
			By:           "arm",
			Producers:    1,
			Rate:         Rate{PerSecond: 600},
			Schedule:     Schedule{Kind: "constant"},
			Window:       16384,
			Chunk:        16,
			Tick:         500 * time.Microsecond,
			Acks:         "all",
			InFlight:     1,
			Linger:       5 * time.Millisecond,
			Batch:        Batch{Records: 0, Bytes: 64 << 10},
			Codec:        "none",
			AckTimeout:   10 * time.Second,
			Retries:      10,
			RetryBackoff: 100 * time.Millisecond,
		},
		Consume: Consume{
			Members:   3,
			Start:     "earliest",
			Fetch:     Fetch{Min: 1, Max: 50 << 20, MaxPartition: 1 << 20, Wait: 250 * time.Millisecond},
			Isolation: "read_uncommitted",
			Commit: Commit{
				Mode:     "marked",
				Every:    time.Second,
				Mark:     Mark{Every: markEvery(time.Second), Records: 256},
				Records:  100,
				OnRevoke: true,
			},
			Handler: HandlerSpec{Lanes: "member", Revoke: "wait"},
		},
		Group: Group{
			Protocol:      "classic",
			Assignors:     []string{"range"},
			Session:       10 * time.Second,
			Heartbeat:     3 * time.Second,
			Rebalance:     30 * time.Second,
			RejoinBackoff: 2 * time.Second,
		},
		Metadata: Metadata{Refresh: 5 * time.Minute},
		Phases:   Phases{Warmup: 10 * time.Second, Measure: 30 * time.Second, Drain: time.Minute},
		Pause:    Pause{Theta: 100 * time.Millisecond},
		Process:  Process{GOGC: 100},
		Rounds:   1,
	}
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
