package results

import (
	"fmt"
	"strings"
)

// Remark is something that whoever reads figures must know: a warning about a
// run, a note to an event, an example of what an audit found. It says by its
// fields what it is about, so that no reader has to look into its words.
type Remark struct {
	Kind Kind `json:"kind"`
	// Class divides some kinds as it divides rows: the cause of a mark or of a
	// duplicate, the phase that was slow.
	Class string `json:"class,omitempty"`

	// Where it was found. What belongs to no single trial has none.
	Workload string `json:"workload,omitempty"`
	Arm      string `json:"arm,omitempty"`
	Lane     string `json:"lane,omitempty"`
	Round    int    `json:"round,omitempty"`
	Trial    int    `json:"trial,omitempty"`
	Event    string `json:"event,omitempty"`
	Role     Role   `json:"role,omitempty"`
	Worker   string `json:"worker,omitempty"`

	Figures []Figure `json:"figures,omitempty"`
	Words   string   `json:"words"` // the sentence, without where it was found
}

// Figure is a number of a remark, in one of the units of rows.
type Figure struct {
	Name  string  `json:"name"`
	Unit  string  `json:"unit"`
	Value float64 `json:"value"`
}

// Kind is what a remark is about. A remark about a metric has its name: a mark
// is trial.saturated, a record that was lost audit.lost.
type Kind string

// The kinds that no metric has.
const (
	KindNoFigures       Kind = "no-figures"         // a trial without rows
	KindDamaged         Kind = "damaged"            // a file that is not as it was written, or cannot be
	KindIdle            Kind = "idle-role"          // workers that did nothing
	KindBrokenSum       Kind = "broken-sum"         // a defect of the instrument: a sum of records does not hold
	KindStranger        Kind = "stranger"           // a member of the group that kbench did not start
	KindNothingAcked    Kind = "nothing-acked"      // and so nothing to audit
	KindEndOffset       Kind = "end-offset"         // the broker counts other than the audit
	KindDied            Kind = "worker-died"        // by itself
	KindLatencyLost     Kind = "latency-lost"       // fewer or more samples than records
	KindClamped         Kind = "latency-clamped"    // beyond what histograms hold
	KindInterpolated    Kind = "latency-between"    // times that were not read but interpolated
	KindNoCost          Kind = "no-cost"            // no samples of CPU and memory
	KindUnreadFrames    Kind = "unread-frames"      // of the tap
	KindThinTail        Kind = "thin-tail"          // too few samples for a percentile
	KindFewSamples      Kind = "few-samples"        // a percentile that is but the largest of them
	KindThinWindows     Kind = "thin-windows"       // too short to be called steady
	KindBusy            Kind = "busy-machine"       // for all arms of a round
	KindFit             Kind = "fit"                // how the machine was for the whole run
	KindSample          Kind = "sample"             // a workload that is no measurement
	KindOtherwise       Kind = "otherwise"          // what a trial did differently from what was asked
	KindClaim           Kind = "claim"              // of a plan, that the wire did not bear out
	KindSlowHandler     Kind = "slow-handler"       // lateness says nothing
	KindFloorDefect     Kind = "floor-defect"       // a figure shows that the floor is wrong
	KindLateBeat        Kind = "late-beat"          // a heartbeat that came later than it was due
	KindLateAct         Kind = "late-act"           // an act that was done later than planned
	KindNotRecovered    Kind = "not-recovered"      // from a storm, before something else came
	KindStrayGeneration Kind = "stray-generations"  // rebalances that belong to no act
	KindUnsettled       Kind = "unsettled"          // the trial ended first
	KindNoBaseline      Kind = "no-baseline"        // no quiet stretch before an event
	KindLooseT0         Kind = "loose-t0"           // t0 is an interval
	KindNoLeave         Kind = "no-leave"           // a member that left without a word
	KindUnnoticed       Kind = "unnoticed"          // an act that the group did not see
	KindNoticed         Kind = "noticed"            // when a member saw new partitions
	KindNoAssignment    Kind = "no-assignment"      // after a change of the group
	KindSlowest         Kind = "slowest"            // the member and the phase that took longest
	KindLeakNotKnown    Kind = "leak-not-known"     // what members held, or why it cannot be compared
	KindKept            Kind = "kept"               // a stall in a figure that stays the client's
	KindNode            Kind = "node"               // what was done to a node of the broker
	KindWholeBeat       Kind = "excess-near-a-beat" // of the client's own doing
)

// Remarkf is a remark of a kind.
func Remarkf(kind Kind, format string, args ...any) Remark {
	return Remark{Kind: kind, Words: fmt.Sprintf(format, args...)}
}

// With adds a figure.
func (r Remark) With(name, unit string, value float64) Remark {
	r.Figures = append(r.Figures[:len(r.Figures):len(r.Figures)], Figure{name, unit, value})
	return r
}

// By says whose doing it is.
func (r Remark) By(worker string) Remark {
	r.Worker = worker
	return r
}

// In says in which trial it was found.
func (r Remark) In(ref TrialRef) Remark {
	r.Workload, r.Arm, r.Lane, r.Round, r.Trial = ref.Workload, ref.Arm, ref.Lane, ref.Round, ref.N
	return r
}

// String is the remark as a line that stands alone.
func (r Remark) String() string {
	var b strings.Builder
	switch {
	case r.Trial != 0:
		fmt.Fprintf(&b, "trial %d (%s, %s, round %d): ", r.Trial, r.Workload, r.Arm, r.Round)
	case r.Arm != "":
		fmt.Fprintf(&b, "%s, %s: ", r.Workload, r.Arm)
	case r.Workload != "":
		b.WriteString(r.Workload + ": ")
	}
	if r.Event != "" {
		b.WriteString(r.Event + ": ")
	}
	b.WriteString(r.Words)
	return b.String()
}

// Lines are remarks as lines; never nil.
func Lines(remarks []Remark) []string {
	out := make([]string, 0, len(remarks))
	for _, r := range remarks {
		out = append(out, r.String())
	}
	return out
}
