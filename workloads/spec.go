// Package workloads defines the workload document: what a user writes to say
// which work the clients do. It reads documents strictly, fills in defaults and
// validates; it starts nothing and knows no client.
//
// Below it: catalog (the built-in documents), plan (documents to ordered
// trials), pace (schedules), payload (records).
package workloads

import "time"

// Spec is one workload, complete: every field has its value, written or
// default. The yaml tags are the names in a document and the paths of --set.
type Spec struct {
	Name     string       `yaml:"name" json:"name"`
	About    string       `yaml:"about" json:"about,omitempty"`
	Topic    Topic        `yaml:"topic" json:"topic"`
	Records  Records      `yaml:"records" json:"records"`
	Produce  Produce      `yaml:"produce" json:"produce"`
	Consume  Consume      `yaml:"consume" json:"consume"`
	Group    Group        `yaml:"group" json:"group"`
	Metadata Metadata     `yaml:"metadata" json:"metadata"`
	Phases   Phases       `yaml:"phases" json:"phases"`
	Churn    []ChurnEntry `yaml:"churn" json:"churn,omitempty"`
	Pause    Pause        `yaml:"pause" json:"pause"`
	Process  Process      `yaml:"process" json:"process"`
	Needs    []string     `yaml:"needs" json:"needs,omitempty"`
	Matrix   Matrix       `yaml:"matrix" json:"matrix,omitempty"`
	Full     Matrix       `yaml:"full" json:"full,omitempty"` // takes the place of Matrix where it is asked for
	Rounds   int          `yaml:"rounds" json:"rounds"`
	Sample   bool         `yaml:"sample" json:"sample,omitempty"` // a small sample, not a measurement
	Gate     []string     `yaml:"gate" json:"gate,omitempty"`
}

// Topic is the topic that a trial creates.
type Topic struct {
	Partitions  int `yaml:"partitions" json:"partitions"`
	Replication int `yaml:"replication" json:"replication"` // capped at the number of nodes, and said so
}

// Records is what is sent.
type Records struct {
	Size    Size    `yaml:"size" json:"size"`       // of the value, bytes, header included
	Entropy float64 `yaml:"entropy" json:"entropy"` // 0 compresses to nothing, 1 not at all
	Keys    Keys    `yaml:"keys" json:"keys"`
}

// Size is a number of bytes or a distribution of them. In a document it is a
// number, or {uniform: [min, max]}, or {lognormal: {median, sigma, max}}, or
// {choice: [{size, weight}, ...]}.
type Size struct {
	Fixed   int          `json:"fixed,omitempty"`
	Uniform [2]int       `json:"uniform,omitzero"`
	Median  int          `json:"median,omitempty"`
	Sigma   float64      `json:"sigma,omitempty"`
	Max     int          `json:"max,omitempty"`
	Choice  []SizeChoice `json:"choice,omitempty"`
}

// SizeChoice is one size of a discrete distribution.
type SizeChoice struct {
	Size   int     `yaml:"size" json:"size"`
	Weight float64 `yaml:"weight" json:"weight"`
}

// Keys says which keys records have. The harness chooses the partition from the
// key (or round robin without one), so that it is the same for every client.
type Keys struct {
	Kind  string  `yaml:"kind" json:"kind"`             // none, round-robin, zipf
	Count int     `yaml:"count" json:"count,omitempty"` // distinct keys
	Skew  float64 `yaml:"skew" json:"skew,omitempty"`   // s of zipf, above 1
	Size  int     `yaml:"size" json:"size,omitempty"`   // bytes
}

// Produce says who sends and how.
type Produce struct {
	By           string        `yaml:"by" json:"by"` // arm or reference
	Producers    int           `yaml:"producers" json:"producers"`
	Rate         Rate          `yaml:"rate" json:"rate"`
	Schedule     Schedule      `yaml:"schedule" json:"schedule"`
	Window       int           `yaml:"window" json:"window"` // records outstanding per producer
	Chunk        int           `yaml:"chunk" json:"chunk"`   // records per call
	Tick         time.Duration `yaml:"tick" json:"tick"`     // of the pacer
	Acks         string        `yaml:"acks" json:"acks"`
	Idempotent   bool          `yaml:"idempotent" json:"idempotent"`
	InFlight     int           `yaml:"inflight" json:"inflight"`
	Linger       time.Duration `yaml:"linger" json:"linger"`
	Batch        Batch         `yaml:"batch" json:"batch"`
	Codec        string        `yaml:"codec" json:"codec"`
	Level        int           `yaml:"level" json:"level"`
	AckTimeout   time.Duration `yaml:"ack_timeout" json:"ack_timeout"`
	Retries      int           `yaml:"retries" json:"retries"`
	RetryBackoff time.Duration `yaml:"retry_backoff" json:"retry_backoff"`
}

// Rate is records per second over all producers of a trial; in a document
// "600/s", or "max", which closes the loop at the window.
type Rate struct {
	PerSecond float64 `json:"per_second,omitempty"`
	Max       bool    `json:"max,omitempty"`
}

// Schedule is the law of the intended times. In a document it is the name
// constant or poisson, or {ramp: {from}}, {steps: {factors}}, or
// {bursts: {every, size}}; rates and factors refer to Rate.
type Schedule struct {
	Kind    string        `json:"kind"`              // constant, poisson, ramp, steps, bursts
	From    float64       `json:"from,omitempty"`    // ramp: the first rate, as a share of Rate, reached at the end of the run
	Factors []float64     `json:"factors,omitempty"` // steps: shares of Rate, each for an equal part of the run
	Every   time.Duration `json:"every,omitempty"`   // bursts: time between bursts
	Size    int           `json:"size,omitempty"`    // bursts: records sent at once on top of Rate
}

// Batch limits a record batch of one partition.
type Batch struct {
	Records int `yaml:"records" json:"records"` // 0: limited by Bytes alone
	Bytes   int `yaml:"bytes" json:"bytes"`
}

// Consume says who reads and how. Members 0: nothing consumes.
type Consume struct {
	Members   int         `yaml:"members" json:"members"`
	Backlog   int         `yaml:"backlog" json:"backlog"` // records put into the topic before members start; then nothing else is produced
	Start     string      `yaml:"start" json:"start"`
	Fetch     Fetch       `yaml:"fetch" json:"fetch"`
	Isolation string      `yaml:"isolation" json:"isolation"`
	Commit    Commit      `yaml:"commit" json:"commit"`
	Handler   HandlerSpec `yaml:"handler" json:"handler"`
}

// Fetch limits what a broker returns.
type Fetch struct {
	Min          int           `yaml:"min" json:"min"`
	Max          int           `yaml:"max" json:"max"`
	MaxPartition int           `yaml:"max_partition" json:"max_partition"`
	Wait         time.Duration `yaml:"wait" json:"wait"`
}

// Commit says when offsets are committed.
type Commit struct {
	Mode     string        `yaml:"mode" json:"mode"` // auto, marked, sync, none
	Every    time.Duration `yaml:"every" json:"every"`
	Mark     Mark          `yaml:"mark" json:"mark"`
	Records  int           `yaml:"records" json:"records"` // sync: commit after so many records of a member
	OnRevoke bool          `yaml:"on_revoke" json:"on_revoke"`
}

// Mark bounds how long a processed record may go unmarked.
type Mark struct {
	Every   time.Duration `yaml:"every" json:"every"`
	Records int           `yaml:"records" json:"records"`
}

// HandlerSpec is what is done with a record.
type HandlerSpec struct {
	Time   time.Duration `yaml:"time" json:"time"` // slept per record
	Lanes  string        `yaml:"lanes" json:"lanes"`
	Revoke string        `yaml:"revoke" json:"revoke"`
}

// Group is the consumer group.
type Group struct {
	Protocol      string        `yaml:"protocol" json:"protocol"`
	Assignors     []string      `yaml:"assignors" json:"assignors"`
	Session       time.Duration `yaml:"session" json:"session"`
	Heartbeat     time.Duration `yaml:"heartbeat" json:"heartbeat"`
	Rebalance     time.Duration `yaml:"rebalance" json:"rebalance"`
	RejoinBackoff time.Duration `yaml:"rejoin_backoff" json:"rejoin_backoff"`
	Static        bool          `yaml:"static" json:"static"`
}

// Metadata is the client's view of the cluster.
type Metadata struct {
	Refresh time.Duration `yaml:"refresh" json:"refresh"`
}

// Phases are the parts of a trial after the group is stable.
type Phases struct {
	Warmup  time.Duration `yaml:"warmup" json:"warmup"`
	Measure time.Duration `yaml:"measure" json:"measure"`
	Drain   time.Duration `yaml:"drain" json:"drain"` // deadline, not a duration
}

// ChurnEntry is one line of the timeline: an act (Do) or a cycle of acts, once
// or several times, at a time, every so often, or when the group is stable.
type ChurnEntry struct {
	Do    string   `yaml:"do" json:"do,omitempty"`       // an act that package acts describes
	Cycle []string `yaml:"cycle" json:"cycle,omitempty"` // acts done in turn, each counted: [join, leave]
	// When the first act is done: at an offset into the measured part, or when
	// the group has been stable for twice the heartbeat ("stable").
	At    time.Duration `yaml:"at" json:"at,omitempty"`
	When  string        `yaml:"when" json:"when,omitempty"`
	Every time.Duration `yaml:"every" json:"every,omitempty"` // between repetitions of an act with At
	Times int           `yaml:"times" json:"times,omitempty"` // repetitions; 1 unless written
	// Phase is when within the heartbeat of the victim (leave, crash, stall,
	// restart) or of the oldest survivor (join) the act is done: random, best
	// (just before a beat), worst (just after), or a fraction such as 0.25 of the
	// interval after a beat.
	Phase   string         `yaml:"phase" json:"phase,omitempty"`
	Target  string         `yaml:"target" json:"target,omitempty"`   // oldest, newest, random
	With    map[string]any `yaml:"with" json:"with,omitempty"`       // settings of the member acted on
	Restore *bool          `yaml:"restore" json:"restore,omitempty"` // undo it by the opposite act, recorded but not counted; true unless written
	For     time.Duration  `yaml:"for" json:"for,omitempty"`         // stall, crashloop, storm: how long
	ID      string         `yaml:"id" json:"id,omitempty"`           // restart: same or new member id
	Rate    Rate           `yaml:"rate" json:"rate,omitzero"`        // storm: acts per second, Poisson
	Count   int            `yaml:"count" json:"count,omitempty"`     // add-partitions: how many more
	To      []string       `yaml:"to" json:"to,omitempty"`           // assignor-roll: the assignors after the roll
}

// Pause says from which lateness on a partition counts as down.
type Pause struct {
	Theta time.Duration `yaml:"theta" json:"theta"`
}

// Process is what every worker process is given, equal in every arm.
type Process struct {
	GOMAXPROCS int    `yaml:"gomaxprocs" json:"gomaxprocs"` // 0: the machine's
	GOGC       int    `yaml:"gogc" json:"gogc"`
	GOMEMLIMIT string `yaml:"gomemlimit" json:"gomemlimit,omitempty"`
}

// Kind is what a workload measures, read off its shape.
type Kind string

// The kinds of workload.
const (
	Producing Kind = "produce"    // nothing consumes while it is measured
	Backlog   Kind = "backlog"    // one filled topic is read
	EndToEnd  Kind = "end-to-end" // both at once
)

// Kind reads the kind off the document.
func (s *Spec) Kind() Kind {
	switch {
	case s.Consume.Members == 0:
		return Producing
	case s.Consume.Backlog > 0:
		return Backlog
	default:
		return EndToEnd
	}
}

// Suite names several workloads to run one after the other.
type Suite struct {
	Name    string    `yaml:"name" json:"name"`
	About   string    `yaml:"about" json:"about,omitempty"`
	Include []Include `yaml:"include" json:"include"`
}

// Include is one workload of a suite and what is overridden in it.
type Include struct {
	Workload string         `yaml:"workload" json:"workload"`
	Set      map[string]any `yaml:"set" json:"set,omitempty"`
}
