// Package workloads defines the workload document: what a user writes to say
// which work the clients do: its fields, their defaults, and what contradicts
// itself in it. It starts nothing and knows no client. That a document is YAML,
// and how to tell its author what is wrong with it, is left to package reader.
//
// Below it: reader, and acts (what there is to do to a group). Beside it: catalog
// (the built-in documents), plan (documents to ordered trials), churn (timelines
// to acts), pace (schedules), payload (records).
package workloads

import (
	"strings"
	"time"
)

// Spec is one workload, complete: every field has its value, written or
// default. All that there is to say of a field stands in its tag, as package reader
// has it: its name in a document and in paths, how it is written, its default and
// its meaning. The parser, --set, matrices, the JSON Schema and the settings that
// drivers are given go by it.
//
// The defaults are those of the matched lane: what all three clients can put on
// the wire alike, so that a difference in the result is a difference between
// clients.
type Spec struct {
	Name     string       `json:"name" is:"name" doc:"Name of the workload; it becomes part of topics, groups and directories."`
	About    string       `json:"about,omitempty" is:"text 2000" doc:"What question the workload answers, for people."`
	Topic    Topic        `json:"topic" doc:"The topic that each trial creates."`
	Records  Records      `json:"records" doc:"What is sent."`
	Produce  Produce      `json:"produce" doc:"Who sends, and how."`
	Consume  Consume      `json:"consume" doc:"Who reads, and how."`
	Group    Group        `json:"group" doc:"The consumer group."`
	Metadata Metadata     `json:"metadata" doc:"The client's view of the cluster."`
	Phases   Phases       `json:"phases" doc:"The parts of a trial once the group is stable."`
	Link     Link         `json:"link,omitzero" doc:"What the network does to the connections of the clients under test, on purpose."`
	Churn    []ChurnEntry `json:"churn,omitempty" is:"timeline" doc:"What happens to the group in the measured part, the same for every arm; see churn[]."`
	Leaks    bool         `json:"leaks,omitempty" doc:"Whether goroutines, connections and live heap of the members are read before the first act and after the last, which shows what leaks; each reading takes two garbage collections."`
	Pause    Pause        `json:"pause" doc:"How stops are told from jitter."`
	Process  Process      `json:"process" doc:"What every worker process is given, equal in every arm."`
	Needs    []string     `json:"needs,omitempty" is:"needs" doc:"Settings without which the comparison makes no sense: a client that cannot express one is refused."`
	Matrix   Matrix       `json:"matrix,omitempty" is:"matrix" doc:"Fields that vary between arms: paths and the values they take, in every combination; of several such mappings each has its own."`
	Full     Matrix       `json:"full,omitempty" is:"matrix" doc:"The matrix that --full runs in place of the other."`
	Rounds   int          `json:"rounds" is:"1 to 10000" default:"1" doc:"How often every arm is run."`
	Sample   bool         `json:"sample,omitempty" doc:"A small sample for a first look, marked as such; not a measurement."`
	Compare  []string     `json:"compare,omitempty" is:"figures" doc:"Figures by which arms are compared, at most 3, each with the least difference that matters, such as cpu.per_record by 3%; unless written, those of its kind of workload."`
	Gate     []string     `json:"gate,omitempty" is:"gates" doc:"Conditions on the results, such as audit.lost == 0; a run that misses one ends with exit code 3, one that cannot decide one with 5."`
}

// Topic is the topic that a trial creates.
type Topic struct {
	Partitions  int `json:"partitions" is:"1 to 10000" default:"12" doc:"Number of partitions."`
	Replication int `json:"replication" is:"1 to 15" default:"3" doc:"Replicas of each partition; capped at the number of nodes, and said so."`
}

// Records is what is sent.
type Records struct {
	Size    Size    `json:"size" is:"size" default:"256" doc:"Length of the value, the harness's header of 32 bytes included."`
	Entropy float64 `json:"entropy" is:"0 to 1" default:"0.5" doc:"How well values compress: 0 to nothing, 1 not at all."`
	Keys    Keys    `json:"keys" doc:"Which keys records have; the harness chooses the partition from the key, the same for every client."`
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
	Size   int     `json:"size"`
	Weight float64 `json:"weight"`
}

// Keys says which keys records have. The harness chooses the partition from the
// key (or round robin without one), so that it is the same for every client.
type Keys struct {
	Kind  string  `json:"kind" is:"none round-robin zipf" default:"none" doc:"No keys, every key in turn, or a few keys most of the time."`
	Count int     `json:"count,omitempty" is:"1 to 10_000_000" default:"1000" doc:"Number of distinct keys."`
	Skew  float64 `json:"skew,omitempty" is:"1.001 to 10" default:"1.1" doc:"Exponent of zipf; the larger, the fewer keys have most records."`
	Size  int     `json:"size,omitempty" is:"4 to 1024" default:"16" doc:"Length of a key in bytes."`
}

// Produce says who sends and how.
type Produce struct {
	By           string        `json:"by" is:"arm reference" default:"arm" doc:"The client under test, or one reference producer that is the same for every arm."`
	Producers    int           `json:"producers" is:"1 to 1000" default:"1" doc:"Number of producing processes."`
	Rate         Rate          `json:"rate" is:"rate" default:"600/s" doc:"Records a second over all producers; max sends whenever the window has room."`
	Schedule     Schedule      `json:"schedule" is:"schedule" default:"constant" doc:"Law of the intended sending times; shares refer to the rate."`
	Window       int           `json:"window" is:"1 to 10_000_000" default:"16384" doc:"Records outstanding per producer, as far as their values fit into 64 MiB."`
	Chunk        int           `json:"chunk" is:"1 to 65536" default:"16" doc:"Records handed to the client in one call."`
	Tick         time.Duration `json:"tick" is:"50us to 1s" default:"500us" doc:"How often the pacer looks for records that are due."`
	Acks         string        `json:"acks" is:"all leader none" default:"all" doc:"Which replicas must have a record before it counts as sent."`
	Idempotent   bool          `json:"idempotent" doc:"Whether retries are kept from duplicating records."`
	InFlight     int           `json:"inflight" is:"1 to 1000" default:"1" doc:"Requests in flight per partition."`
	Linger       time.Duration `json:"linger" is:"0s to 1m" default:"5ms" doc:"How long a batch waits for more records."`
	Batch        Batch         `json:"batch" doc:"Limits of a record batch of one partition."`
	Codec        string        `json:"codec" is:"none gzip snappy lz4 zstd" default:"none" doc:"Compression of batches."`
	Level        int           `json:"level" is:"0 to 22" doc:"Level of gzip (to 9), lz4 (to 9) or zstd (to 22); 0: the client's default."`
	AckTimeout   time.Duration `json:"ack_timeout" is:"100ms to 10m" default:"10s" doc:"How long the broker may wait for replicas."`
	Retries      int           `json:"retries" is:"0 to 1000" default:"10" doc:"Attempts after the first."`
	RetryBackoff time.Duration `json:"retry_backoff" is:"0s to 1m" default:"100ms" doc:"Pause before an attempt is repeated."`
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
	Records int `json:"records" is:"0 to 1_000_000" doc:"Most records; 0: limited by bytes alone."`
	Bytes   int `json:"bytes" is:"bytes 1024 to 1MiB" default:"64KiB" doc:"Most bytes, before compression."`
}

// Consume says who reads and how. Members 0: nothing consumes.
type Consume struct {
	Members   int         `json:"members" is:"0 to 10000" default:"3" doc:"Processes in the group; 0: nothing consumes while it is measured; 1 with a backlog."`
	Backlog   int         `json:"backlog" is:"0 to 10_000_000_000" doc:"Records put into the topic before members start; nothing else is produced then."`
	Start     string      `json:"start" is:"earliest latest" default:"earliest" doc:"Where to begin when the group has no offset."`
	Fetch     Fetch       `json:"fetch" doc:"Limits of what a broker returns."`
	Isolation string      `json:"isolation" is:"read_uncommitted read_committed" default:"read_uncommitted" doc:"Which records of transactions are read."`
	Commit    Commit      `json:"commit" doc:"When offsets are committed."`
	Handler   HandlerSpec `json:"handler" doc:"What is done with a record."`
}

// Fetch limits what a broker returns.
type Fetch struct {
	Min          int           `json:"min" is:"bytes 0 to 1GiB" default:"1" doc:"Bytes to wait for."`
	Max          int           `json:"max" is:"bytes 1024 to 1GiB" default:"50MiB" doc:"Most bytes in a response."`
	MaxPartition int           `json:"max_partition" is:"bytes 1024 to 1GiB" default:"1MiB" doc:"Most bytes of one partition in a response."`
	Wait         time.Duration `json:"wait" is:"1ms to 1m" default:"250ms" doc:"How long the broker waits for fetch.min."`
}

// Commit says when offsets are committed.
type Commit struct {
	Mode     string        `json:"mode" is:"auto marked sync none" default:"marked" doc:"By the client alone; by the client what was marked; by the harness; never."`
	Every    time.Duration `json:"every" is:"1ms to 1h" default:"1s" doc:"Time between commits of auto and marked."`
	Mark     Mark          `json:"mark" doc:"How long a processed record may go unmarked: until either bound is reached."`
	Records  int           `json:"records" is:"1 to 10_000_000" default:"100" doc:"Records of a member between commits of sync."`
	OnRevoke bool          `json:"on_revoke" default:"true" doc:"Whether marks are committed before partitions are given up."`
}

// Mark bounds how long a processed record may go unmarked.
type Mark struct {
	Every   time.Duration `json:"every" is:"1us to 1h" default:"100ms" doc:"Time; unless written, the lesser of commit.every/10 and 100ms."`
	Records int           `json:"records" is:"1 to 1_000_000" default:"256" doc:"Records."`
}

// HandlerSpec is what is done with a record.
type HandlerSpec struct {
	Time   time.Duration `json:"time" is:"0s to 1h" doc:"Slept per record."`
	Lanes  string        `json:"lanes" is:"member partition" default:"member" doc:"Records are handled one at a time per member, or per partition."`
	Revoke string        `json:"revoke" is:"wait free" default:"wait" doc:"A revoke waits for running handlers, or the client does as it likes."`
}

// Group is the consumer group.
type Group struct {
	Protocol      string        `json:"protocol" is:"classic consumer" default:"classic" doc:"Who assigns: a member (classic) or the broker (KIP-848)."`
	Assignors     []string      `json:"assignors" is:"assignors" default:"[range]" doc:"Assignors offered, in order of preference: range, roundrobin, sticky or cooperative-sticky; under the protocol consumer uniform or range."`
	Session       time.Duration `json:"session" is:"100ms to 1h" default:"10s" doc:"Silence after which a member counts as dead."`
	Heartbeat     time.Duration `json:"heartbeat" is:"10ms to 1h" default:"3s" doc:"Time between heartbeats."`
	Rebalance     time.Duration `json:"rebalance" is:"100ms to 1h" default:"30s" doc:"How long a rebalance waits for members."`
	RejoinBackoff time.Duration `json:"rejoin_backoff" is:"0s to 1m" default:"2s" doc:"Pause before a member that failed joins again."`
	Static        bool          `json:"static" doc:"Members keep their identity over a restart."`
}

// Metadata is the client's view of the cluster.
type Metadata struct {
	Refresh time.Duration `json:"refresh" is:"100ms to 24h" default:"5m" doc:"How often metadata is asked for unasked."`
}

// Phases are the parts of a trial after the group is stable.
type Phases struct {
	Warmup  time.Duration `json:"warmup" is:"0s to 24h" default:"10s" doc:"Load without measuring."`
	Measure time.Duration `json:"measure" is:"0s to 168h" default:"30s" doc:"The measured part, at least 100ms; with churn it lasts as long as the timeline, and at least so long, 0s unless written."`
	Drain   time.Duration `json:"drain" is:"1s to 24h" default:"1m" doc:"Deadline for what is outstanding to arrive; not waited out."`
}

// ChurnEntry is one line of the timeline: an act (Do) or a cycle of acts, once
// or several times, at a time, every so often, or when the group is stable.
type ChurnEntry struct {
	Do    string   `json:"do,omitempty" is:"act" doc:"The act."`
	Cycle []string `json:"cycle,omitempty" is:"acts" doc:"Acts done in turn, each counted, in place of do."`
	// When the first act is done: at an offset into the measured part, or when
	// the group has been stable for twice the heartbeat ("stable").
	At    time.Duration `json:"at,omitempty" is:"1ms to 168h" doc:"Offset of the first act into the measured part."`
	When  string        `json:"when,omitempty" is:"stable" doc:"In place of at: each act waits until the group has been stable for two heartbeats."`
	Every time.Duration `json:"every,omitempty" is:"1ms to 168h" doc:"With at: time from one act to the next; of a crashloop 5s unless written."`
	Times int           `json:"times,omitempty" is:"1 to 10000" doc:"Repetitions; 1 unless written."`
	// Phase is when within the heartbeat of the victim (leave, crash, stall,
	// restart) or of the oldest survivor (join) the act is done: random, best
	// (just before a beat), worst (just after), or a fraction such as 0.25 of the
	// interval after a beat.
	Phase   string         `json:"phase,omitempty" is:"phase" doc:"When within the heartbeat of the member acted on (join: of the oldest) the act is done: best is just before a beat, worst just after, a number that fraction of the interval after one. With when: random unless written; with at: whenever it is due."`
	Target  string         `json:"target,omitempty" is:"oldest newest random all" doc:"Who is acted on, by time in the group; random, the same for every arm, unless written. All is for link."`
	With    map[string]any `json:"with,omitempty" is:"settings" doc:"Settings of the member acted on, from its start on; of a restart those of the new process; of link what the link does meanwhile, such as {delay: 200ms, loss: 10%}."`
	Restore *bool          `json:"restore,omitempty" doc:"Whether the opposite act follows, recorded but not counted, once the group is stable; true unless written."`
	Fault   string         `json:"fault,omitempty" is:"kill stop restart move answer delay" doc:"What is done to a node of the broker: kill ends it at once and starts it again after for, in its data directory; stop lets it stand still for so long; restart has it hand over what it leads, end, and start again; move takes from it what it leads or coordinates and leaves it alone; answer has it answer requests of a kind with an error for a time, and delay answer them later. The last two are of the simulated broker."`
	Node    string         `json:"node,omitempty" is:"target-node" doc:"Which node of the broker: the coordinator of the group, the leader of the first partition that the coordinator does not lead, a follower of the first, the controller, any, all of them one after the other, or the one with this id. Any and follower are random, the same for every arm."`
	Request string         `json:"request,omitempty" is:"request" doc:"Of answer and delay: which requests, as Kafka calls them."`
	Error   string         `json:"error,omitempty" is:"error" doc:"Of answer: the error, as Kafka calls it."`
	Delay   time.Duration  `json:"delay,omitempty" is:"1ms to 10m" doc:"Of delay: by how much later each of them is answered."`
	For     time.Duration  `json:"for,omitempty" is:"1ms to 168h" doc:"How long a stall, link, crashloop or storm lasts, or a node of the broker is away or stands still."`
	ID      string         `json:"id,omitempty" is:"same new" doc:"Whether a restarted member keeps its identity; unless written it does in a static group."`
	Rate    Rate           `json:"rate,omitzero" is:"rate" doc:"Acts of a storm, such as 3/m, at random instants (Poisson)."`
	Count   int            `json:"count,omitempty" is:"1 to 10000" doc:"Partitions to add."`
	To      []string       `json:"to,omitempty" is:"classic" doc:"Assignors once the roll is over."`
}

// Pause says from which lateness on a partition counts as down.
type Pause struct {
	Theta time.Duration `json:"theta" is:"1ms to 1m" default:"100ms" doc:"Lateness of a record from which its partition counts as down."`
}

// Process is what every worker process is given, equal in every arm.
type Process struct {
	GOMAXPROCS int    `json:"gomaxprocs" is:"0 to 4096" doc:"GOMAXPROCS; 0: the machine's."`
	GOGC       int    `json:"gogc" is:"-1 to 100_000" default:"100" doc:"GOGC; -1: off."`
	GOMEMLIMIT string `json:"gomemlimit,omitempty" is:"memory" doc:"GOMEMLIMIT."`
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

// mostOutstanding bounds the bytes of values that a producer has outstanding.
const mostOutstanding = 64 << 20

// Outstanding is how many records a producer may have outstanding: the window, or as
// many as fit into 64 MiB. What waits for an answer lies in the memory of the process
// that is measured.
func (s *Spec) Outstanding() int {
	return max(min(s.Produce.Window, int(mostOutstanding/max(s.Records.Size.Mean(), 1))), 1)
}

// Suite names several workloads to run one after the other.
type Suite struct {
	Name    string    `json:"name" is:"name" doc:"Name of the suite."`
	About   string    `json:"about,omitempty" is:"text 2000" doc:"What the suite is for, for people."`
	Include []Include `json:"include" is:"includes" doc:"The workloads, in order."`
}

// Include is one workload of a suite and what is overridden in it.
type Include struct {
	Workload string         `json:"workload"`
	Set      map[string]any `json:"set,omitempty"`
}

// Question is the first sentence of what a document says about itself, on one
// line: what it asks. What its author says beyond that is for who reads it whole.
func Question(about string) string {
	about = strings.Join(strings.Fields(about), " ")
	for i, r := range about {
		if (r == '?' || r == '.') && (i+1 == len(about) || about[i+1] == ' ') {
			return about[:i+1]
		}
	}
	return about
}
