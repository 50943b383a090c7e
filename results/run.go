// Package results is the contract of the run directory: the names of its files
// and the shape of run.json, trial.json and summary.json. Measuring writes it,
// analysis reads it, and neither knows the other. The raw files of a worker are
// written and read by package record below it.
package results

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kbench/kbench/profiles"
	"github.com/kbench/kbench/workloads"
	"github.com/kbench/kbench/workloads/acts"
)

// Schema is the version of the run directory that this code writes. Readers
// refuse a newer one.
const Schema = 1

// Names of files in a run directory.
const (
	RunFile        = "run.json"
	TrialFile      = "trial.json"
	SummaryFile    = "summary.json"
	BenchFile      = "bench.txt"
	TrialsDir      = "trials"
	AsideDir       = "aside" // what there was of trials that ran again when a run was resumed
	LatencyFile    = "latency.hlog"
	DeliveryFile   = "deliveries.bin"
	EventsFile     = "events.jsonl"
	ClientLogFile  = "log.txt"
	ProfilesDir    = "profiles"
	SupervisorFile = "supervisor.jsonl"   // per trial: events of the supervisor's own, such as its canary
	MachineFile    = "machine.jsonl"      // per trial: the machine and its processes, ten times a second
	PausesFile     = "pauses.json"        // per trial with churn, derived: its events in full
	CausesFile     = "rebalances.json"    // per trial with a group, derived: each rebalance and its cause
	SplitFile      = "latency-split.hlog" // per trial with churn, derived: latencies by steady, rebalance and catch-up
)

// Run is run.json: what was asked, where, and how it ended. It is written when
// the run starts and again when it ends.
type Run struct {
	Schema   int               `json:"schema"`
	ID       string            `json:"id"`
	Started  string            `json:"started"` // RFC 3339
	Ended    string            `json:"ended,omitempty"`
	State    State             `json:"state"`
	Resumed  []string          `json:"resumed,omitempty"` // when it went on after it had been cut off
	Held     bool              `json:"held,omitempty"`    // while it runs, its process holds a lock on the directory
	Reduced  string            `json:"reduced,omitempty"` // when its raw files were removed: its summary is all there is
	Error    string            `json:"error,omitempty"`
	Command  []string          `json:"command"`
	Seed     uint64            `json:"seed"`
	Rounds   int               `json:"rounds"`
	Sequence *Sequence         `json:"sequence,omitempty"` // nil: their number was given beforehand
	Suite    string            `json:"suite,omitempty"`
	Specs    []workloads.Spec  `json:"workloads"`
	Order    []TrialRef        `json:"order"`
	Harness  []TrialRef        `json:"harness,omitempty"` // trials of the harness alone, of runs before there were clocks of its own; no part of Order
	Machine  Machine           `json:"machine"`
	Go       string            `json:"go"`
	Kbench   string            `json:"kbench"` // Build in words
	Build    Build             `json:"build,omitzero"`
	Clients  map[string]string `json:"clients"` // client to module@version
	Broker   Broker            `json:"broker"`
	CPUs     map[string]string `json:"cpus,omitempty"` // that processes were tied to, by PartsOfCPUs; empty: none was
	Profiles []profiles.Kind   `json:"profiles,omitempty"`
	Hz       int               `json:"profile_hz,omitempty"` // of the CPU profile
}

// TrialRef is one trial in the order of a run.
type TrialRef struct {
	N        int    `json:"n"`
	Dir      string `json:"dir"`
	Workload string `json:"workload"`
	Arm      string `json:"arm"`
	Client   string `json:"client"`
	Lane     string `json:"lane"`
	Round    int    `json:"round"`
	Refused  string `json:"refused,omitempty"`  // why this arm cannot do this workload
	Twin     bool   `json:"twin,omitempty"`     // its arm is a client once more under another name (an A/A arm)
	Profiled bool   `json:"profiled,omitempty"` // profiles were taken of it, so that its timings are those of no other trial
	Repeat   bool   `json:"repeat,omitempty"`   // its round was run for the second time
	// Repeated is why its round was run once more: from then on its timings are in no
	// verdict, and those of the repeat stand for it. It is known to run.json alone.
	Repeated string `json:"repeated,omitempty"`
}

// ProfiledApart says that profiles were taken in trials of their own. Before there were
// any, they were taken of every trial.
func (r *Run) ProfiledApart() bool {
	return slices.ContainsFunc(r.Order, func(t TrialRef) bool { return t.Profiled })
}

// ProfileLabels are what stands in every profile of a worker. Member is its process,
// whatever its role.
func (r *Run) ProfileLabels(ref TrialRef, role Role, worker string) map[string]string {
	_, version, _ := strings.Cut(r.Clients[ref.Client], "@")
	labels := map[string]string{"arm": ref.Arm, "client": ref.Client, "role": string(role), "member": worker, "workload": ref.Workload}
	if version != "" {
		labels["version"] = version
	}
	return labels
}

// Machine is the fingerprint of the host.
type Machine struct {
	Host     string `json:"host"`
	OS       string `json:"os"`
	Arch     string `json:"arch"`
	Kernel   string `json:"kernel"`
	CPU      string `json:"cpu"`
	Cores    int    `json:"cores"`
	MemBytes int64  `json:"mem_bytes"`
	Governor string `json:"governor,omitempty"`
}

// The parts of a run whose processes may be tied to processors of their own: those of the
// client under test, the broker, the reference producer, and kbench itself with what looks
// on, which are the observer, the probe and who reads back.
const (
	CPUsOfClient     = "client"
	CPUsOfBroker     = "broker"
	CPUsOfReference  = "reference"
	CPUsOfSupervisor = "supervisor"
)

// PartsOfCPUs are all of them.
func PartsOfCPUs() []string {
	return []string{CPUsOfClient, CPUsOfBroker, CPUsOfReference, CPUsOfSupervisor}
}

// Broker says which cluster was used.
type Broker struct {
	Kind    string `json:"kind"`  // embedded, kafka, attached
	Title   string `json:"title"` // as printed, such as "Apache Kafka 4.3.1, 3 nodes" or "embedded (simulated broker)"
	Version string `json:"version,omitempty"`
	Nodes   int    `json:"nodes"`
	Heap    string `json:"heap,omitempty"`      // of each JVM
	GC      string `json:"collector,omitempty"` // of each JVM
	TLS     bool   `json:"tls,omitempty"`
	SASL    string `json:"sasl,omitempty"` // the mechanism
	Java    string `json:"java,omitempty"`
}

// Unseen says that it was there before, wherever it runs: what others than kbench had
// of a processor may be what the broker had, and then the client under test is why.
func (b *Broker) Unseen() bool { return b.Kind == "attached" }

// Trial is trial.json: everything about a trial that is not a stream.
type Trial struct {
	Schema  int            `json:"schema"`
	Ref     TrialRef       `json:"trial"`
	Spec    workloads.Spec `json:"workload"`
	Kind    workloads.Kind `json:"kind"`
	State   State          `json:"state"`
	Error   string         `json:"error,omitempty"`
	Topic   string         `json:"topic"`            // the first one
	Topics  Topics         `json:"topics,omitempty"` // all of them, with the numbers of their partitions
	Group   string         `json:"group,omitempty"`
	RunTag  uint32         `json:"run_tag"` // stands in every record's header
	Plan    []PlanLine     `json:"plan"`
	Wire    []WireCheck    `json:"wire,omitempty"` // claims against what the tap saw
	Phases  []Phase        `json:"phases"`
	Workers []Worker       `json:"workers"`
	// Acked and End are per partition: the offset after the last acked record,
	// and the broker's end offset after the drain.
	Acked   map[int32]int64  `json:"acked,omitempty"`
	End     map[int32]int64  `json:"end,omitempty"`
	Leaders map[int32]int32  `json:"leaders,omitempty"`
	Nodes   map[string]int32 `json:"nodes,omitempty"` // ids of the nodes of the broker by where clients find them, host:port
	// What a group left behind, when its members had closed: the positions that it
	// had committed, and what was looked at because members were behind when the
	// drain ended: partitions read again from an offset on, those that no node led,
	// and what members had that kbench did not start.
	Committed   map[int32]int64    `json:"committed,omitempty"`
	Reread      map[int32]int64    `json:"reread,omitempty"`
	Leaderless  []int32            `json:"leaderless,omitempty"`
	NotRead     string             `json:"not_read,omitempty"` // why the log was not read to its end where it had to be
	Strangers   map[string][]int32 `json:"strangers,omitempty"`
	Replication int                `json:"replication"`
	Coordinator int32              `json:"coordinator"` // node id; -1 without a group
	ClockEvery  int                `json:"clock_every"` // clock, checksum and histogram on every so-many-th record; sequence on all
	CanaryNs    int64              `json:"canary_ns"`   // a fixed piece of CPU work, just before the trial
	BrokerPIDs  []int              `json:"broker_pids,omitempty"`
	// Clocks says how many ns the monotonic clock of a host is ahead of that of
	// the supervisor, in which the times of this file are, by the name of the host
	// (Worker.Host). A host that is not in it has the supervisor's clock.
	Clocks map[string]int64 `json:"clocks,omitempty"`
	Acts   []Act            `json:"acts,omitempty"` // the timeline as it was carried out
	// Planned is, of a measured part that was cut off, how long it was to be; 0 where
	// it ends when the work is done.
	Planned int64    `json:"planned_ns,omitempty"`
	Notes   []string `json:"notes,omitempty"` // what was done differently from what was asked
	// Looked says that clients that close for too long, and with an observer members
	// that hand nothing on, were looked at.
	Looked bool `json:"looked,omitempty"`
	// Files are its raw files, when it was over; nil in old run directories, and while
	// it runs.
	Files []File `json:"files,omitempty"`
	// Damage is why nothing is known of the trial: this document is not as it was
	// written. It is found when the document is read.
	Damage *Damage `json:"-"`
}

// PlanLine is what a setting became in this arm's client. Role is the role of
// the worker it applies to.
type PlanLine struct {
	Role     Role   `json:"role"`
	Client   string `json:"client"`
	Key      string `json:"key"`
	Want     string `json:"want"`
	Own      string `json:"own,omitempty"` // the value in force where the lane chooses another
	Native   string `json:"native"`
	Claim    string `json:"claim,omitempty"`
	Fidelity string `json:"fidelity"`
	Why      string `json:"why,omitempty"`
}

// WireCheck compares a claim with the wire.
type WireCheck struct {
	Worker string `json:"worker"`
	Key    string `json:"key"`
	Claim  string `json:"claim"`
	Seen   string `json:"seen"` // empty: never seen
	OK     bool   `json:"ok"`
	Lie    bool   `json:"lie,omitempty"` // contradicts the claim, and keeps the trial out of verdicts
	Note   string `json:"note,omitempty"`
}

// String says what was claimed and what was seen.
func (c WireCheck) String() string {
	return fmt.Sprintf("%s: %s claimed as %s, on the wire %s", c.Worker, c.Key, c.Claim, c.Seen)
}

// Act is one act of churn as it was planned and as it was done. Times are ns of
// the host's monotonic clock; 0: did not happen.
type Act struct {
	N        int       `json:"n"`                  // in the order of the timeline, from 1
	Kind     acts.Kind `json:"kind"`               // never a sequence
	Counted  bool      `json:"counted"`            // an event with figures; false: it only restores
	Group    string    `json:"of,omitempty"`       // the entry it came from, such as rolling or storm
	Member   string    `json:"member"`             // worker that joins, leaves, ...; empty where all are concerned
	Replaces string    `json:"replaces,omitempty"` // restart: the worker whose place is taken
	// PlannedPhase is the fraction of the heartbeat interval after a beat of
	// PhaseOf at which the act was to be done (-1: not asked), Phase where it was.
	PhaseOf      string             `json:"phase_of,omitempty"`
	PlannedPhase float64            `json:"planned_phase"`
	Phase        float64            `json:"phase"`
	Planned      int64              `json:"planned"`           // when it was to be done
	At           int64              `json:"at"`                // t_e: the call that starts, signals or kills
	For          int64              `json:"for,omitempty"`     // stall, link, broker: how long it was to last
	Resumed      int64              `json:"resumed,omitempty"` // stall: SIGCONT; link: it was over; broker: all nodes were back and in step
	Link         *workloads.Link    `json:"link,omitempty"`    // link: what it was meanwhile
	Broker       *BrokerAct         `json:"broker,omitempty"`  // broker: what was done to which nodes
	Gone         int64              `json:"gone,omitempty"`    // the process had ended; reopen: the new client had been made
	Stable       int64              `json:"stable,omitempty"`  // the supervisor saw the group stable again, all partitions owned
	Owned        map[string][]int32 `json:"owned,omitempty"`   // by worker just before, as the coordinator told
	// Added are the partitions that add-partitions or subscribe brought, by their
	// numbers, and Ready since when their records have been due: all brokers knew
	// the partitions then, and the client of their producer was connected.
	Added []int32 `json:"added,omitempty"`
	Ready int64   `json:"ready,omitempty"`
	Error string  `json:"error,omitempty"`
}

// Ended is the worker whose process, or client, the act ended; empty for an act that
// ends none.
func (a *Act) Ended() string {
	switch d := acts.Of(a.Kind); {
	case d.Within:
		return a.Member
	case d.Ends && d.Joins:
		return a.Replaces
	case d.Ends:
		return a.Member
	default:
		return ""
	}
}

// Hits says whether it makes the link of a worker otherwise.
func (a *Act) Hits(worker string) bool {
	return acts.Of(a.Kind).Link && a.Link != nil && (a.Member == worker || a.Member == "")
}

// Suspends says whether it keeps a worker from delivering anything while it lasts: the
// process is stopped, nothing comes through its link, or a node of the broker is away or
// does not answer what is read.
func (a *Act) Suspends(worker string) bool {
	switch d := acts.Of(a.Kind); {
	case d.Stops:
		return a.Member == worker
	case d.Link:
		return a.Hits(worker) && a.Link.Blackhole
	case d.Node: // what it has to deliver may be with that node
		return a.Broker != nil && a.Broker.Withholds()
	default:
		return false
	}
}

// Refused says whether nothing was done: a member that is stopped cannot be
// stopped again, and neither can a node that is away.
func (a *Act) Refused() bool {
	d := acts.Of(a.Kind)
	return (d.Stops || d.Node) && a.Resumed == 0 && a.Error != ""
}

// Phase is a part of a trial. Times are ns of the host's monotonic clock.
type Phase struct {
	Name string `json:"name"` // PhaseSetup and so on
	From int64  `json:"from"`
	To   int64  `json:"to"`
}

// Phase is the part of a name; zero where the trial did not come that far.
func (t *Trial) Phase(name string) Phase {
	for _, p := range t.Phases {
		if p.Name == name {
			return p
		}
	}
	return Phase{}
}

// Until is the last moment at which something was to happen: the end of the drain,
// or of the measured part.
func (t *Trial) Until() int64 { return max(t.Phase(PhaseMeasure).To, t.Phase(PhaseDrain).To) }

// Worker is one process of a trial and how it ended.
type Worker struct {
	Name   string `json:"name"` // its directory in the trial's
	Role   Role   `json:"role"`
	Client string `json:"client"`
	Host   string `json:"host,omitempty"` // whose clock the times in its raw files are of, and its PID; empty: the supervisor's
	PID    int    `json:"pid"`
	Exit   End    `json:"exit"`
	// Runtime is what was in force in it, which a workload may leave to the
	// machine; nil where it never came to say so.
	Runtime *GoRuntime `json:"runtime,omitempty"`
	// Asked are the pages that somebody asked for while it ran.
	Asked []Asked `json:"asked,omitempty"`
}

// Asked is a page of a running worker that somebody had, and from when to when it was
// collected.
type Asked struct {
	Page string `json:"page"`
	From int64  `json:"from"`
	To   int64  `json:"to"`
}

// GoRuntime is how Go's runtime was set in a process, as that process says.
type GoRuntime struct {
	GOMAXPROCS int   `json:"gomaxprocs"` // under a CPU quota fewer than the machine has
	GOGC       int   `json:"gogc"`       // percent; -1: off
	GOMEMLIMIT int64 `json:"gomemlimit"` // bytes; the largest number there is: none
}

// Summary is summary.json.
type Summary struct {
	Schema   int      `json:"schema"`
	Run      string   `json:"run"`
	Inputs   string   `json:"inputs"` // hash of the raw files
	Versions Versions `json:"versions"`
	Rows     []Row    `json:"rows"`
	Warnings []Remark `json:"warnings"`
	Gates    []Gate   `json:"gates"`             // of the workloads, in their order
	Cut      []Cut    `json:"cut,omitempty"`     // what trials had that did not complete
	Machine  *Remark  `json:"machine,omitempty"` // how fit it was; nil where nobody looked
}

// Row is one figure: a trial, a metric, a statistic. Tables, gates, bench.txt
// and the report read rows and nothing else.
type Row struct {
	Workload string  `json:"workload"`
	Arm      string  `json:"arm"`
	Client   string  `json:"client"`
	Lane     string  `json:"lane"`
	Round    int     `json:"round"`
	Trial    int     `json:"trial"`
	Role     Role    `json:"role,omitempty"`
	Event    string  `json:"event,omitempty"`
	Class    string  `json:"class,omitempty"`
	Metric   string  `json:"metric"`
	Stat     string  `json:"stat,omitempty"`
	Unit     string  `json:"unit"`
	Value    float64 `json:"value"`
	N        int64   `json:"n"`
	// Profiled: it is of a trial of which profiles were taken, which has rows of what
	// these say (OfProfiles) and of what the audit found. No median, gate or table uses
	// the latter.
	Profiled bool `json:"profiled,omitempty"`
}

// Thin says whether the row is a percentile of fewer samples than it takes.
func (r Row) Thin() bool { return r.N < SamplesOf(r.Stat) }

// EventKind is the kind of the row's event without its number: join of join#3,
// stall 5s of stall 5s#7.
func (r Row) EventKind() string {
	kind, _, _ := strings.Cut(r.Event, "#")
	return kind
}
