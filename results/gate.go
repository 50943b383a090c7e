package results

// Verdict is what a gate says of what it was asked.
type Verdict string

// The verdicts. A gate that cannot be decided guards nothing, and so is not met. One
// that an arm misses is not met, be it decided for the others or not.
const (
	Met        Verdict = "met"
	NotMet     Verdict = "not met"
	NotDecided Verdict = "not decided"
)

// Gate is the verdict on one gate of a workload. Every arm must meet it.
type Gate struct {
	Workload   string    `json:"workload"`
	Expression string    `json:"expression"`
	Verdict    Verdict   `json:"verdict"`
	Why        string    `json:"why,omitempty"` // it, or what of it, is not decided
	Bound      float64   `json:"bound"`
	Unit       string    `json:"unit"`               // of the bound, and of the value of each arm
	N          int       `json:"n"`                  // trials behind all arms
	Left       int       `json:"left_out,omitempty"` // events of all arms: noisy or merged ones, and trials on a machine that was not fit or not as planned
	LeftBy     []Left    `json:"left_by,omitempty"`  // the same, by why
	Arms       []GateArm `json:"arms"`
	Baseline   string    `json:"baseline,omitempty"` // runs that it was held against; Bound is then so many times their figure
}

// LeftWhy is why a gate is not decided by something.
type LeftWhy string

// The reasons, in the order in which they are told.
const (
	LeftNoisy    LeftWhy = "noisy"    // the machine was late before the event
	LeftMerged   LeftWhy = "merged"   // it shares its window with others
	LeftOthers   LeftWhy = "others"   // stalls of others cover much of its figure
	LeftUnfit    LeftWhy = "unfit"    // the machine was otherwise in the trial
	LeftRepeated LeftWhy = "repeated" // the round of the trial was run once more
	// LeftContradicted: a client sent something else than its plan claims
	LeftContradicted LeftWhy = "contradicted"
)

// Left is how many events, or trials, are left out for a reason.
type Left struct {
	Why LeftWhy `json:"why"`
	N   int     `json:"n"`
}

// GateArm is the verdict on one arm of one workload in one role. Value is the
// median of its trials' values, or a statistic over its events. Where it is that
// of one trial or of one event, that one is named.
type GateArm struct {
	Workload string  `json:"workload"`
	Arm      string  `json:"arm"`
	Lane     string  `json:"lane"`
	Role     Role    `json:"role,omitempty"`
	Verdict  Verdict `json:"verdict"`
	Value    float64 `json:"value"`
	Bound    float64 `json:"bound"`
	Unit     string  `json:"unit"`
	Why      string  `json:"why,omitempty"` // it is not decided
	Trial    int     `json:"trial,omitempty"`
	Event    string  `json:"event,omitempty"`
	N        int     `json:"n"`                  // trials
	Left     int     `json:"left_out,omitempty"` // events
	// Beside is what a gate on the audit does not count, and whoever reads its verdict
	// must know: records that failed, were unanswered or undelivered.
	Beside []Figure `json:"beside,omitempty"`
	// Baseline is its figure before, and Low and High where its median lies with a
	// confidence of 95%; nil where the bound is fixed.
	Baseline *float64 `json:"baseline,omitempty"`
	Low      *float64 `json:"low,omitempty"`
	High     *float64 `json:"high,omitempty"`
	// BaselineLow and BaselineHigh are the same of a baseline that is one run, and
	// BaselineRuns says of how many runs it is the median, of so many that were asked for:
	// an arm may not be in all.
	BaselineLow   *float64 `json:"baseline_low,omitempty"`
	BaselineHigh  *float64 `json:"baseline_high,omitempty"`
	BaselineRuns  int      `json:"baseline_runs,omitempty"`
	BaselineAsked int      `json:"baseline_asked,omitempty"`
}
