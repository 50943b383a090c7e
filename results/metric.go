package results

import (
	"slices"

	"github.com/kbench/kbench/profiles/layers"
)

// Better says which way a metric improves.
type Better string

// The directions.
const (
	Higher  Better = "higher"
	Lower   Better = "lower"
	Neither Better = "" // it explains other figures and is no goal in itself
)

// Units of rows. Times are always ns and sizes always bytes; readers humanise.
const (
	UnitNs      = "ns"
	UnitSeconds = "s"
	UnitBytes   = "bytes"
	UnitRate    = "records/s"
	UnitBytesPS = "bytes/s"
	UnitCount   = "count"
	UnitAllocs  = "allocs"
	UnitCores   = "cores"
	UnitRatio   = "ratio"
)

// Names of metrics that code refers to.
const (
	ProduceThroughput     = "produce.throughput"
	ConsumeThroughput     = "consume.throughput"
	ProduceService        = "produce.service"
	ProduceResponse       = "produce.response"
	E2EResponse           = "e2e.response"
	ScheduleLag           = "schedule.lag"
	ScheduleHeld          = "schedule.held"
	ProduceSendTime       = "produce.send_time"
	ProduceNoRoom         = "produce.no_room"
	ProduceUnsent         = "produce.unsent"
	ProduceFailed         = "produce.failed"
	ProduceRetried        = "produce.retried"
	ProduceUnanswered     = "produce.unanswered"
	ProduceTwice          = "produce.answered_twice"
	ConsumeRedelivered    = "consume.redelivered"
	ClientErrors          = "client.errors"
	ClientStuck           = "client.stuck"
	CPUPerRecord          = "cpu.per_record"
	CPULayer              = "cpu.layer"
	AllocLayer            = "alloc.layer"
	AllocBytesLayer       = "alloc.bytes_layer"
	ProfileCoverage       = "profile.coverage"
	AllocPerRecord        = "alloc.per_record"
	AllocBytes            = "alloc.bytes_per_record"
	RSSPeak               = "rss.peak"
	HeapLive              = "heap.live"
	HarnessRSS            = "harness.rss"
	HarnessHeap           = "harness.heap_live"
	GCCount               = "gc.count"
	GCPause               = "gc.pause"
	GoroutinesPeak        = "goroutines.peak"
	WireRequests          = "wire.requests_per_krecord"
	WireBytes             = "wire.bytes_per_record"
	WireBatch             = "wire.records_per_batch"
	WireConnections       = "wire.connections"
	WireOpened            = "wire.opened"
	LinkDelayed           = "link.delayed"
	LinkBytes             = "link.bytes"
	LinkDelay             = "link.delay"
	LinkStalls            = "link.stalls"
	LinkStall             = "link.stall"
	LinkCuts              = "link.cuts"
	LinkIdle              = "link.idle_closed"
	LinkRefused           = "link.dials_refused"
	LinkDial              = "link.dial"
	BrokerLeaders         = "broker.leaders"
	BrokerCoordinator     = "broker.coordinator"
	RecoverDelivered      = "recover.delivered"
	RecoverAcked          = "recover.acked"
	RecoverCoordinator    = "recover.coordinator"
	RecoverEvictions      = "recover.evictions"
	RecoverFailed         = "recover.failed"
	RecoverRetried        = "recover.retried"
	RecoverReordered      = "recover.reordered"
	RecoverOpened         = "recover.opened"
	RecoverMetadata       = "recover.metadata"
	BrokerCPU             = "broker.cpu"
	ObserverCPU           = "observer.cpu"
	ProbeCPU              = "probe.cpu"
	HarnessCPU            = "harness.cpu_per_record"
	AuditLost             = "audit.lost"
	AuditUndelivered      = "audit.undelivered"
	AuditForeign          = "audit.foreign"
	AuditDuplicate        = "audit.duplicate"
	AuditReordered        = "audit.reordered"
	AuditCorrupt          = "audit.corrupt"
	AuditUnanswered       = "audit.unanswered"
	AuditZombie           = "audit.zombie"
	AuditOverlap          = "audit.overlap"
	AuditCommitRegression = "audit.commit_regression"
	AuditStuck            = "audit.stuck"
	AuditGhost            = "audit.ghost"
	PauseGap              = "pause.gap"
	PauseTotal            = "pause.total"
	PauseWire             = "pause.wire"
	PauseFloor            = "pause.floor"
	PauseWireExcess       = "pause.wire_excess"
	PauseGapExcess        = "pause.gap_excess"
	PauseUnexplained      = "pause.gap_unexplained"
	PauseOthers           = "pause.others"
	E2EOthers             = "e2e.others"
	ProduceOthers         = "produce.others"
	E2EWithout            = "e2e.without_others"
	ProduceWithout        = "produce.without_others"
	PauseStart            = "pause.start"
	PauseLost             = "pause.lost_partition_seconds"
	PauseAvailability     = "pause.availability"
	PauseUAny             = "pause.u_any"
	PauseUAll             = "pause.u_all"
	PauseCatchUp          = "pause.catch_up"
	GroupGenerations      = "group.generations"
	GroupAmplification    = "group.amplification"
	GroupMovement         = "group.movement"
	GroupExcessRevocation = "group.excess_revocation"
	AuditLate             = "audit.late"
	PauseMember           = "pause.member"
	PauseReact            = "pause.react"
	PauseReported         = "pause.client_reported"
	PauseBaseline         = "pause.baseline"
	PauseNoisy            = "pause.noisy"
	PauseMerged           = "pause.merged"
	PauseDuplicates       = "pause.duplicates"
	PauseLostRecords      = "pause.lost_records"
	GroupRounds           = "group.rounds"
	GroupStorms           = "group.storms"
	GroupBeatGap          = "group.beat_gap"
	GroupStrangers        = "group.strangers"
	GroupRecovery         = "group.recovery"
	RebalanceCause        = "rebalance.cause"
	RebalanceOutside      = "rebalance.outside"
	RebalanceOtherwise    = "rebalance.otherwise"
	LeakGoroutines        = "leak.goroutines"
	LeakConnections       = "leak.connections"
	LeakHeap              = "leak.heap"
	LeakBlocked           = "leak.blocked"
	TrialSaturated        = "trial.saturated"
	TrialGeneratorLate    = "trial.generator_late"
	TrialKeptLate         = "trial.kept_late"
	TrialNotSteady        = "trial.not_steady"
	TrialLimited          = "trial.limited"
	TrialUnfit            = "trial.unfit"
	TrialRepeated         = "trial.repeated"
	MachineForeign        = "machine.foreign"
	MachineSteal          = "machine.steal"
	MachinePressure       = "machine.pressure"
	MachineCanary         = "machine.canary"
	TrialPerturbed        = "trial.perturbed"
	TrialContradicted     = "trial.contradicted"
	TrialNotRead          = "trial.not_read"
	TrialEdge             = "trial.edge"
)

// Classes of pause.gap: partitions that kept their owner, led by the node that
// coordinates the group or by another.
const (
	LedByCoordinator = "untouched_coordinator"
	LedElsewhere     = "untouched_elsewhere"
)

// AtLeast is the class of pause.gap_unexplained that is the lower of its two bounds.
const AtLeast = "least"

// Classes of the leak metrics: of members whose clients were closed and opened again in
// one process, and of those that had one client all the time. What the growth is from
// and to has the class with one of the two endings.
const (
	LeakReopened = "reopened"
	LeakStayed   = "stayed"
	LeakBefore   = "_before"
	LeakAfter    = "_after"
)

func leakClasses() (out []string) {
	for _, of := range []string{LeakReopened, LeakStayed} {
		out = append(out, of+LeakBefore, of+LeakAfter, of)
	}
	return out
}

// Uncertain is the class of rebalance.cause of those whose cause is likely or not known.
const Uncertain = "uncertain"

// The classes of rebalance.cause and rebalance.outside that are causes, as package cause
// finds them.
func causeClasses() []string {
	return []string{"", "join", "leave", "network", "process", "client", "metadata", "coordinator", "unknown"}
}

// Sampled is the class of wire.records_per_batch where not every batch was counted.
const Sampled = "sampled"

// Classes of profile.coverage.
const (
	CoverCPU    = "cpu"
	CoverAllocs = "allocs"
	CoverBytes  = "bytes"
)

// Shortest is the least time, in ns, that a distribution tells from none: histograms
// keep what is shorter as one value, the upper edge of which statistics give.
const Shortest = 128

// InAll is the class of produce.unsent that is of the whole trial, as what was acked
// and failed is.
const InAll = "trial"

// Metric is the definition of one metric of MEASURING 6.
type Metric struct {
	Name   string
	Unit   string
	Also   string // a second unit in which the same figure is given
	Better Better
	// Stats are the statistics that its rows have. A metric without any has one
	// plain figure per trial. Those of a PerEvent metric are taken over events.
	Stats    []string
	PerEvent bool
	// Classes are those of its rows, where they are figures side by side: none is the
	// whole of others, and none is meant for all of them. "" is that of rows without one.
	Classes []string
	What    string
	// Mark is the word for a trial that is kept out of verdicts, where that is what
	// the metric tells; By, that the class of its rows belongs to the word; Result,
	// that it is a result about the client all the same, and may decide verdicts.
	Mark   string
	By     bool
	Result bool
}

// HasStat says whether the statistic may be asked of the metric; "" asks for
// the plain figure.
func (m Metric) HasStat(stat string) bool {
	if stat == "" {
		return len(m.Stats) == 0 || m.PerEvent
	}
	return slices.Contains(m.Stats, stat)
}

// Stats are the statistics of a distribution, in the order in which they are
// shown.
func Stats() []string {
	return []string{"min", "p50", "p90", "p99", "p999", "p9999", "max", "mean"}
}

// SamplesOf is how many samples a statistic takes at the least: of fewer a
// percentile is no more than their largest one.
func SamplesOf(stat string) int64 {
	switch stat {
	case "p90":
		return 10
	case "p99":
		return 100
	case "p999":
		return 1000
	case "p9999":
		return 10_000
	default:
		return 1
	}
}

// OfProfiles says whether a metric is what profiles say. Where rounds are profiled apart
// from those that are timed, it is of the former.
func OfProfiles(metric string) bool {
	switch metric {
	case CPULayer, AllocLayer, AllocBytesLayer, ProfileCoverage:
		return true
	}
	return false
}

// LookupMetric finds a metric by its name.
func LookupMetric(name string) (Metric, bool) {
	for _, m := range Metrics() {
		if m.Name == name {
			return m, true
		}
	}
	return Metric{}, false
}

// Marks are the metrics that mark a trial. Those that are no Result keep it out of
// verdicts.
func Marks() []Metric {
	return slices.DeleteFunc(Metrics(), func(m Metric) bool { return m.Mark == "" })
}

// Metrics is the table of all metrics, in the order in which they are shown.
func Metrics() []Metric {
	stats := Stats()
	return []Metric{
		{Name: ProduceThroughput, Unit: UnitRate, Also: UnitBytesPS, Better: Higher, What: "acked records of the measured part over its length"},
		{Name: ConsumeThroughput, Unit: UnitRate, Also: UnitBytesPS, Better: Higher, What: "records delivered intact and for the first time in the measured part over its length"},
		{Name: ProduceFailed, Unit: UnitCount, Better: Lower, What: "sends that the client answered with an error, in the whole trial; class: the error, without its numbers"},
		{Name: ProduceRetried, Unit: UnitCount, Better: Lower, What: "records that went over the wire again, each time, in the whole trial: those in all Produce requests beyond those handed over, at least, where sends failed or had no answer; none where the wire does not show it"},
		{Name: ProduceUnanswered, Unit: UnitCount, Better: Lower, What: "records that were handed over and that the client had no word for when it was closed"},
		{Name: ProduceTwice, Unit: UnitCount, Better: Lower, What: "answers for records that had one: a fault of the client"},
		{Name: ConsumeRedelivered, Unit: UnitCount, Better: Lower, What: "deliveries of the measured part that were not the first; they count in no throughput and no latency, and their work is in the cost; class: their cause"},
		{Name: ClientStuck, Unit: UnitCount, Better: Lower, Classes: []string{"", string(StuckSilent), string(StuckClose)}, What: "times that a client was found stuck: a member that owns partitions with records in the log, sends heartbeats and hands nothing on for 5 s or three records' handling, or a close of more than 2 s"},
		{Name: ClientErrors, Unit: UnitCount, Better: Lower, What: "errors that clients of the group reported, and commits that failed; class: the error, without its numbers"},
		{Name: ProduceService, Unit: UnitNs, Better: Lower, Stats: stats, What: "ack - send"},
		{Name: ProduceResponse, Unit: UnitNs, Better: Lower, Stats: stats, What: "ack - intended time, of all records that were due: one that failed, was not answered or not handed over counts as at least as late as it was at the end; under churn also by class: steady, rebalance, catch_up"},
		{Name: E2EResponse, Unit: UnitNs, Better: Lower, Stats: stats, What: "handler entry - intended time, of first deliveries; under churn also by class: steady, rebalance, catch_up"},
		{Name: ProduceOthers, Unit: UnitNs, Better: Lower, Stats: stats, What: "time that stalls of others cover of p999 or max of produce.response, where it is more than a tenth of it and 10 ms; of p999 the mean of the records from there on; class: the source with most of it"},
		{Name: E2EOthers, Unit: UnitNs, Better: Lower, Stats: stats, What: "the same of e2e.response"},
		{Name: ProduceWithout, Unit: UnitNs, Better: Lower, Stats: stats, What: "what a percentile of produce.response that a gate asks for would be, at the most, if from the time of each record were taken what stalls of others cover of it; where it is less by a tenth and 10 ms; class: the source with most of that"},
		{Name: E2EWithout, Unit: UnitNs, Better: Lower, Stats: stats, What: "the same of e2e.response"},
		{Name: ScheduleLag, Unit: UnitNs, Better: Lower, Stats: stats, What: "handed over - intended time, less the time inside Send and the time without room: the generator's own lateness"},
		{Name: ScheduleHeld, Unit: UnitNs, Better: Lower, Stats: stats, What: "what of handed over - intended time is not schedule.lag: for so long the client held the generator up"},
		{Name: ProduceSendTime, Unit: UnitNs, Better: Lower, Stats: stats, What: "time inside Send, per call"},
		{Name: ProduceNoRoom, Unit: UnitNs, Better: Lower, Stats: stats, What: "time for which a record that was due waited because a window had no room"},
		{Name: ProduceUnsent, Unit: UnitCount, Better: Lower, What: "due in the measured part, and not handed over before it ended; class trial: of the whole trial, where there are any"},

		{Name: CPUPerRecord, Unit: UnitNs, Better: Lower, What: "user + system CPU of the workers of a role over the measured part, per record; of a consumer per first intact delivery, with the work on redeliveries and damaged records in it"},
		{Name: CPULayer, Unit: UnitNs, Classes: layers.Names(), What: "what of cpu.per_record went to a layer, by its share of the samples of a CPU profile; all layers together are cpu.per_record of the profiled trial; class: the layer; n: its samples"},
		{Name: AllocPerRecord, Unit: UnitAllocs, Better: Lower, What: "heap allocations over the measured part, per record"},
		{Name: AllocBytes, Unit: UnitBytes, Better: Lower, What: "bytes allocated over the measured part, per record"},
		{Name: AllocLayer, Unit: UnitAllocs, Classes: layers.Names(), What: "what of alloc.per_record a layer allocated, by its share of a profile of allocations; class: the layer"},
		{Name: AllocBytesLayer, Unit: UnitBytes, Classes: layers.Names(), What: "the same of alloc.bytes_per_record"},
		{Name: ProfileCoverage, Unit: UnitRatio, Classes: []string{CoverCPU, CoverAllocs, CoverBytes}, What: "what a profile saw of what was spent: the sum of its samples over the counters of the process; short bursts of CPU are missed between samples; class: cpu, allocs, bytes; n: samples of cpu"},
		{Name: RSSPeak, Unit: UnitBytes, Better: Lower, What: "largest resident set of a worker"},
		{Name: HarnessRSS, Unit: UnitBytes, What: "the harness's own share of rss.peak: values, slots, bodies and what is recorded, without the runtime that any program has"},
		{Name: HarnessHeap, Unit: UnitBytes, What: "the harness's own share of heap.live, before there was a client: equal for all clients, it makes the collector of each run less often"},
		{Name: HeapLive, Unit: UnitBytes, Better: Lower, What: "bytes that the last GC found live, mean over the measured part, of the largest worker"},
		{Name: GCCount, Unit: UnitCount, Better: Lower, What: "GC cycles in the measured part, of all workers of a role"},
		{Name: GCPause, Unit: UnitNs, Better: Lower, What: "stop-the-world time of the GC in the measured part, of all workers of a role"},
		{Name: GoroutinesPeak, Unit: UnitCount, Better: Lower, What: "most goroutines of a worker in the measured part"},

		{Name: WireRequests, Unit: UnitCount, What: "requests written per 1,000 records"},
		{Name: WireBytes, Unit: UnitBytes, What: "bytes written and read per record"},
		{Name: WireBatch, Unit: UnitCount, What: "mean records of a produced batch, over all of the measured part; class sampled: over one request in sixteen, in runs that counted no more"},
		{Name: WireConnections, Unit: UnitCount, What: "most connections open at once, of all workers of a role"},
		{Name: WireOpened, Unit: UnitCount, What: "connections opened in the measured part, of all workers of a role"},

		{Name: LinkDelayed, Unit: UnitCount, What: "requests and responses of a role's workers that a fault of the link held back in the measured part; where the workload has such faults"},
		{Name: LinkBytes, Unit: UnitBytes, What: "bytes that it held back"},
		{Name: LinkDelay, Unit: UnitNs, Stats: []string{"p50", "max"}, What: "for how long it held back each of those requests and responses, as measured"},
		{Name: LinkStalls, Unit: UnitCount, What: "times that it held a way of a connection up because of segments that were lost; what is lost while it waits for another makes that longer"},
		{Name: LinkStall, Unit: UnitNs, Stats: []string{"p50", "max"}, What: "for how long, each time"},
		{Name: LinkCuts, Unit: UnitCount, What: "connections that it reset"},
		{Name: LinkIdle, Unit: UnitCount, What: "connections that it closed because they had no traffic"},
		{Name: LinkRefused, Unit: UnitCount, What: "dials that it refused"},
		{Name: LinkDial, Unit: UnitNs, Stats: []string{"p50", "max"}, What: "by how much it made dials take longer, each; n: how many"},

		{Name: BrokerCPU, Unit: UnitCores, What: "CPU of the broker processes over the measured part"},
		{Name: ObserverCPU, Unit: UnitCores, What: "CPU of the process that asks the coordinator for its view of the group, over the measured part"},
		{Name: ProbeCPU, Unit: UnitCores, What: "CPU of the process that asks each node of the broker whether it still answers, over the measured part"},
		{Name: HarnessCPU, Unit: UnitNs, What: "the harness's own share of cpu.per_record, by the clocks of its own threads: generator, less what it used inside Send, and canary; what it does in goroutines of the client (acks, handler, a closed loop) is not known, and tables show cpu.layer{layer=harness} in its place where there is a CPU profile"},

		{Name: AuditLost, Unit: UnitCount, Better: Lower, What: "acked, and not in the log or passed over by a committed position without having been delivered"},
		{Name: AuditUndelivered, Unit: UnitCount, Better: Lower, What: "acked and in the log, but not delivered when the drain ended; class: drain (too short), handler (at work all the time), stuck (a member), node (none led the partition), stranger (a member that kbench did not start had it)"},
		{Name: AuditForeign, Unit: UnitCount, Better: Lower, What: "delivered or read back, and sent by nobody of the trial: neither consumed nor corrupt; n: all that was delivered or read back"},
		{Name: AuditDuplicate, Unit: UnitCount, Better: Lower, What: "delivered again, or in the log twice; class: producer, graceful, crash, stale, other"},
		{Name: AuditReordered, Unit: UnitCount, Better: Lower, What: "delivered after a later record of the same producer and partition"},
		{Name: AuditCorrupt, Unit: UnitCount, Better: Lower, What: "delivered, but not what was sent"},
		{Name: AuditUnanswered, Unit: UnitCount, Better: Lower, What: "the send failed or was never answered, but the record is there; n: all that failed or were never answered"},
		{Name: AuditLate, Unit: UnitCount, Better: Lower, What: "delivered later than pause.theta after they were due, under churn, or in a workload about links"},
		{Name: AuditZombie, Unit: UnitCount, Better: Lower, What: "delivered by a member after another member delivered a higher offset"},
		{Name: AuditOverlap, Unit: UnitCount, Better: Lower, What: "times that two members both delivered a partition"},
		{Name: AuditCommitRegression, Unit: UnitCount, Better: Lower, What: "commits of an offset lower than an earlier one"},
		{Name: AuditStuck, Unit: UnitCount, Better: Lower, What: "partitions owned, with lag, and without deliveries"},
		{Name: AuditGhost, Unit: UnitCount, Better: Lower, What: "members still in the group after they were stopped"},

		{Name: PauseGap, Unit: UnitNs, Better: Lower, Stats: stats, PerEvent: true, What: "largest lateness of a partition around an event; class: moved, untouched, orphaned, added, and of the untouched untouched_coordinator, untouched_elsewhere by the node that leads them"},
		{Name: PauseTotal, Unit: UnitNs, Better: Lower, Stats: stats, PerEvent: true, What: "act to the last assignment: what a stopwatch shows; mostly heartbeat and session settings"},
		{Name: PauseWire, Unit: UnitNs, Better: Lower, Stats: stats, PerEvent: true, What: "the rebalance as the wire saw it"},
		{Name: PauseFloor, Unit: UnitNs, Better: Lower, Stats: stats, PerEvent: true, What: "what heartbeat and session settings make unavoidable"},
		{Name: PauseWireExcess, Unit: UnitNs, Better: Lower, Stats: stats, PerEvent: true, What: "pause.wire - pause.floor: the client's part"},
		{Name: PauseGapExcess, Unit: UnitNs, Better: Lower, Stats: stats, PerEvent: true, What: "pause.gap - what the partition had to wait; class added: for partitions that the act brought that is until the members knew, and of their look for new partitions at most one interval of metadata.refresh"},
		{Name: PauseUnexplained, Unit: UnitNs, Better: Lower, Stats: stats, PerEvent: true, What: "the most of the lateness of a record of the window, be it the one that makes the gap or another, that is explained neither by what the partition had to wait nor by a stall of anything but the client, at most; class least: at least, where it is not known when a stall began"},
		{Name: PauseOthers, Unit: UnitNs, Better: Lower, Stats: stats, PerEvent: true, What: "time that stalls of others cover of a figure of the event, where it is more than a tenth of it and 10 ms; such an event is in no figure of its kind while there are three others; class: the source with most of it"},
		{Name: PauseStart, Unit: UnitNs, Better: Lower, Stats: stats, PerEvent: true, What: "act to the first request that changed the group; of new partitions, until a member has noticed"},
		{Name: "pause.detect", Unit: UnitNs, Better: Lower, Stats: stats, PerEvent: true, What: "change of the group to the heartbeat that tells a member"},
		{Name: "pause.second_round", Unit: UnitNs, Better: Lower, Stats: stats, PerEvent: true, What: "a completed round to the response that begins another"},
		{Name: PauseReact, Unit: UnitNs, Better: Lower, Stats: stats, PerEvent: true, What: "that heartbeat to the member's JoinGroup, of the slowest member"},
		{Name: "pause.barrier", Unit: UnitNs, Better: Lower, Stats: stats, PerEvent: true, What: "JoinGroup request to response"},
		{Name: "pause.assign", Unit: UnitNs, Better: Lower, Stats: stats, PerEvent: true, What: "the leader's JoinGroup response to its SyncGroup"},
		{Name: "pause.sync", Unit: UnitNs, Better: Lower, Stats: stats, PerEvent: true, What: "SyncGroup request to response"},
		{Name: "pause.position", Unit: UnitNs, Better: Lower, Stats: stats, PerEvent: true, What: "to the end of the offset look-ups"},
		{Name: "pause.deliver", Unit: UnitNs, Better: Lower, Stats: stats, PerEvent: true, What: "to the first handler entry, of partitions that an act brought to that of each; the first fetch is part of it"},
		{Name: PauseMember, Unit: UnitNs, Better: Lower, Stats: stats, PerEvent: true, What: "a member's last delivery before it gave up partitions to its first after, of the slowest"},
		{Name: PauseReported, Unit: UnitNs, Stats: stats, PerEvent: true, What: "client-reported: revoked to assigned by the client's own callbacks, which mean something else in each client"},
		{Name: PauseBaseline, Unit: UnitNs, Better: Lower, Stats: stats, PerEvent: true, What: "p99.9 of the lateness in the quiet stretch before an event"},
		{Name: PauseNoisy, Unit: UnitCount, Better: Lower, Stats: stats, PerEvent: true, What: "1: the baseline is above half of pause.theta"},
		{Name: PauseMerged, Unit: UnitCount, Better: Lower, Stats: stats, PerEvent: true, What: "1: other acts share the window of the event, so that its figures are in no median and no gate of its kind; class: the further acts in the window, by kind"},
		{Name: PauseDuplicates, Unit: UnitCount, Better: Lower, Stats: stats, PerEvent: true, What: "redeliveries in the window of an event; class: their cause"},
		{Name: PauseLostRecords, Unit: UnitCount, Better: Lower, Stats: stats, PerEvent: true, What: "records due in the window of an event that were never delivered"},
		{Name: PauseLost, Unit: UnitSeconds, Better: Lower, Stats: stats, PerEvent: true, What: "time without delivery, summed over partitions"},
		{Name: PauseAvailability, Unit: UnitRatio, Better: Higher, What: "1 - lost partition-seconds over all partition-seconds"},
		{Name: PauseUAny, Unit: UnitSeconds, Better: Lower, Stats: stats, PerEvent: true, What: "time in which any partition was down"},
		{Name: PauseUAll, Unit: UnitSeconds, Better: Lower, Stats: stats, PerEvent: true, What: "time in which all partitions were down"},
		{Name: PauseCatchUp, Unit: UnitSeconds, Better: Lower, Stats: stats, PerEvent: true, What: "from resuming to the lag being back"},

		{Name: BrokerLeaders, Unit: UnitNs, Better: Lower, Stats: stats, PerEvent: true, What: "of an act on nodes of the broker: act to every partition being served, by a leader that answers and waits for no node that is away; the broker's own share, and the floor of recover.delivered and recover.acked; where the reference producer sends, recover.acked is that of recover.delivered"},
		{Name: BrokerCoordinator, Unit: UnitNs, Better: Lower, Stats: stats, PerEvent: true, What: "act to a node answering as the coordinator of the group; the floor of recover.coordinator"},
		{Name: RecoverDelivered, Unit: UnitNs, Better: Lower, Stats: stats, PerEvent: true, What: "act to every partition delivering again that had stopped for more than pause.theta; 0: none had"},
		{Name: RecoverAcked, Unit: UnitNs, Better: Lower, Stats: stats, PerEvent: true, What: "act to every producer being acknowledged again in each partition, the reference producer where it is who sends"},
		{Name: RecoverCoordinator, Unit: UnitNs, Better: Lower, Stats: stats, PerEvent: true, What: "act to the first FindCoordinator that was answered once the group had a coordinator, of the last member that asked; n: how many asked"},
		{Name: RecoverEvictions, Unit: UnitCount, Better: Lower, Stats: stats, PerEvent: true, What: "times that a member was told that it is none any more, in the window of an act on nodes"},
		{Name: RecoverFailed, Unit: UnitCount, Better: Lower, Stats: stats, PerEvent: true, What: "sends that were answered with an error in that window"},
		{Name: RecoverRetried, Unit: UnitCount, Better: Lower, Stats: stats, PerEvent: true, What: "records that went over the wire again in that window, at least: those in its Produce requests beyond all that were sent for the first time; none where the wire does not show it"},
		{Name: RecoverReordered, Unit: UnitCount, Better: Lower, Stats: stats, PerEvent: true, What: "records that were handed on in that window behind a later one of their producer and partition, as when a send is repeated behind others"},
		{Name: RecoverOpened, Unit: UnitCount, Better: Lower, Stats: stats, PerEvent: true, What: "connections that the clients under test opened in that window"},
		{Name: RecoverMetadata, Unit: UnitCount, Better: Lower, Stats: stats, PerEvent: true, What: "Metadata requests that they sent in that window"},

		{Name: GroupGenerations, Unit: UnitCount, Better: Lower, What: "generations of the group"},
		{Name: GroupAmplification, Unit: UnitRatio, Better: Lower, What: "generations per change of the members or of what they read"},
		{Name: GroupStorms, Unit: UnitCount, Better: Lower, What: "stretches in which rebalances fed on themselves; not looked for under KIP-848, where there are no generations to tell"},
		{Name: GroupRecovery, Unit: UnitNs, Better: Lower, What: "last act of a storm or crash loop until all was quiet again for two heartbeat intervals"},
		{Name: GroupBeatGap, Unit: UnitNs, Better: Lower, Classes: []string{"", "events"}, What: "longest time between two heartbeats of a member while nothing happened to the group; class events: in the windows of events, of members that no act had stopped or ended; what it exceeds the interval by is taken from the session"},
		{Name: GroupStrangers, Unit: UnitCount, Better: Lower, What: "members of the group that kbench did not start"},
		{Name: GroupRounds, Unit: UnitCount, Better: Lower, Stats: stats, PerEvent: true, What: "generations that an event took"},
		{Name: GroupMovement, Unit: UnitRatio, Better: Lower, Stats: stats, PerEvent: true, What: "share of the partitions that moved"},
		{Name: GroupExcessRevocation, Unit: UnitRatio, Better: Lower, Stats: stats, PerEvent: true, What: "share of the partitions revoked without having to move"},

		{Name: RebalanceCause, Unit: UnitCount, Better: Lower, Classes: append(causeClasses(), Uncertain), What: "rebalances that members first knew of in the measured part, all rounds of one counted once; class: the cause by wire and signs of life, whatever was done on purpose: join, leave, network (a session ran out while the process ran and could not be reached, or a connection to the coordinator broke), process (its process was gone, stopped or starved), client (it ran, could be reached, and was silent), metadata (other partitions or topics), coordinator (it moved), unknown; uncertain: those of which that is likely, or unknown"},
		{Name: RebalanceOutside, Unit: UnitCount, Better: Lower, Classes: causeClasses(), What: "those of them that are in the window of no event, under churn; class: the cause"},
		{Name: RebalanceOtherwise, Unit: UnitCount, Better: Lower, Classes: []string{"", "certain"}, What: "events of one act whose first rebalance the wire shows another cause for than what was done; class certain: and shows it with certainty"},

		{Name: LeakGoroutines, Unit: UnitCount, Better: Lower, Classes: leakClasses(), What: "goroutines that a member has more after 100 cycles than before, of the member with most; class: reopened (a cycle is a close of its client and a new one in the same process), stayed (it kept its client, a cycle is an act on the group); reopened_before, reopened_after, stayed_before, stayed_after: how many it had"},
		{Name: LeakConnections, Unit: UnitCount, Better: Lower, Classes: leakClasses(), What: "the same of connections to the broker that are open, by the tap"},
		{Name: LeakHeap, Unit: UnitBytes, Better: Lower, Classes: leakClasses(), What: "the same of the heap that two garbage collections leave, the harness's part of it included"},
		{Name: LeakBlocked, Unit: UnitCount, Better: Lower, Classes: leakClasses(), What: "the same of goroutines that nothing can wake any more, by Go's goroutineleak profile, where the worker was built with it"},

		{Name: TrialSaturated, Mark: "saturated", Unit: UnitCount, Better: Lower, What: "1: the client did not keep the offered load; class: achieved, and lag where it was kept late and was not recorded by whom"},
		{Name: TrialGeneratorLate, Mark: "generator late", Unit: UnitCount, Better: Lower, What: "1: who offers the load was late by itself, so that this is no result about the client; class: lag, and reference where it was the reference producer's client"},
		{Name: TrialKeptLate, Mark: "kept late", Result: true, Unit: UnitCount, Better: Lower, What: "1: the load was kept, but records waited for the client before it took them, which their latency counts; class: send, no_room"},
		{Name: TrialNotSteady, Mark: "not steady", Unit: UnitCount, Better: Lower, What: "1: throughput stood still, varied or drifted; class: stall, variation, trend"},
		{Name: TrialLimited, Mark: "limited", By: true, Unit: UnitCount, Better: Lower, What: "1: something else than the client was measured: the broker did not answer, or it or the generator had no CPU left; class: broker, generator"},
		{Name: MachineForeign, Unit: UnitCores, Better: Lower, Classes: []string{PhaseIdle, "measured"}, What: "CPU that processes other than kbench's had; class: idle (the second before the trial), measured"},
		{Name: MachineSteal, Unit: UnitCores, Better: Lower, Classes: []string{PhaseIdle, "measured"}, What: "CPU that the host below gave to others; class: idle, measured"},
		{Name: MachinePressure, Unit: UnitRatio, Better: Lower, Classes: []string{PhaseIdle, "measured"}, What: "share of the time in which some task waited for a processor; class: idle, measured, where kbench's own tasks wait too"},
		{Name: MachineCanary, Unit: UnitNs, Better: Lower, What: "how long a fixed piece of CPU work took just before the trial"},
		{Name: TrialUnfit, Mark: "unfit", By: true, Unit: UnitCount, Better: Lower, What: "1: the machine was otherwise than for the other arms of the round; class: load, canary"},
		{Name: TrialRepeated, Mark: "repeated", Unit: UnitCount, Better: Lower, What: "1: its round was run once more, since a trial of it was out of verdicts; the repeat stands for it. Other trials have no row"},
		{Name: TrialPerturbed, Mark: "perturbed", By: true, Unit: UnitCount, Better: Lower, What: "1: profiles were taken that change what is measured, or somebody had pages of a running worker; class: their kinds, live. Other trials have no row"},
		{Name: TrialEdge, Mark: "cut at its edges", Unit: UnitCount, Better: Lower, What: "1: more or less came out of the measured part than went into it, by what lay before it or in a linger; class: throughput, prefetched. Other trials have no row"},
		{Name: TrialContradicted, Mark: "not as planned", Unit: UnitCount, Better: Lower, What: "1: a client sent something else than its plan claims; class: the settings. Other trials have no row"},
		{Name: TrialNotRead, Mark: "not read back", Unit: UnitCount, Better: Lower, What: "1: the log could not be read to its end, so that what the audit would have found there is not known; class: what of the audit. Other trials have no row"},
	}
}
