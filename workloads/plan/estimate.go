package plan

import (
	"math"
	"slices"
	"time"

	"github.com/kbench/kbench/workloads"
	"github.com/kbench/kbench/workloads/churn"
	"github.com/kbench/kbench/workloads/pace"
)

// The figures of the estimates. They are on the slow side of a small machine
// with the embedded broker: someone who waits should be pleasantly surprised,
// and a disk should not run full.
const (
	overhead     = 2 * time.Second // topic, processes, drain, audit
	joining      = time.Second     // until a group is stable
	fillRate     = 200_000         // records/s
	readRate     = 200_000         // records/s
	perRecord    = 12              // bytes that a record takes beside key and value, batch header included
	ceilingBytes = 400 << 20       // bytes/s
	ceilingRate  = 3_000_000       // records/s

	// Memory of a process before it does anything, and with a consumer that prefetches;
	// and what client and harness keep with a record that is outstanding. Its value is
	// there twice: in the harness, and in the client's requests.
	processBytes     = 48 << 20
	memberBytes      = 96 << 20
	outstandingBytes = 512
)

// Duration estimates how long one trial of a workload takes, start and end
// included. On an Apache Kafka whose groups wait for further members at their
// first join, some seconds come on top.
func Duration(spec workloads.Spec) time.Duration {
	d := overhead
	if spec.Consume.Members > 0 {
		d += joining
	}
	if spec.Kind() == workloads.Backlog {
		seconds := float64(spec.Consume.Backlog)/fillRate + float64(spec.Consume.Backlog)/readRate
		return d + time.Duration(seconds*float64(time.Second))
	}
	_, length := measured(&spec)
	return d + spec.Phases.Warmup + length
}

// measured is the timeline of a workload and the expected length of its measured
// part. A storm is as long with any seed, but for the act that happens to be its
// last.
func measured(spec *workloads.Spec) ([]churn.Act, time.Duration) {
	acts, err := churn.Expand(spec, 0)
	if err != nil {
		// Such a workload is refused by Expand, unless the order that it has in the
		// slowest arm of its round is another one.
		return nil, spec.Phases.Measure
	}
	return acts, max(spec.Phases.Measure, churn.Length(spec, acts)).Round(100 * time.Millisecond)
}

// grown is how many records come into the partitions that acts bring. Each of
// those is offered what every partition of the beginning is, from its act on.
func grown(spec *workloads.Spec, acts []churn.Act, length time.Duration) float64 {
	each := spec.Produce.Rate.PerSecond / float64(spec.Topic.Partitions)
	records := 0.0
	for i := range acts {
		records += each * float64(acts[i].Brings(spec)) * max(0, length-acts[i].At).Seconds()
	}
	return records
}

// Bytes estimates what one trial writes into its topics, before compression and
// replication. It is exact enough to plan a disk by where the number of records
// is known. At rate max it is not, and Bytes says false: the figure is then that of
// the Ceiling.
func Bytes(spec workloads.Spec) (int64, bool) {
	record := recordBytes(&spec)
	if spec.Kind() == workloads.Backlog {
		return int64(record * float64(spec.Consume.Backlog)), true
	}
	acts, length := measured(&spec)
	whole := spec.Phases.Warmup + length
	if spec.Produce.Rate.Max {
		return int64(whole.Seconds() * record * Ceiling(spec)), false
	}
	schedule, err := pace.New(spec.Produce.Rate.PerSecond, spec.Produce.Schedule, whole, 0)
	if err != nil {
		return 0, false // not of a validated workload
	}
	return int64(record * (schedule.Expected(whole) + grown(&spec, acts, length))), true
}

// Ceiling is a rate that no host was seen to come near: about twice the records that
// the fastest client produced on one, and no more bytes than a fast disk takes.
func Ceiling(spec workloads.Spec) float64 {
	return min(ceilingRate, ceilingBytes/recordBytes(&spec))
}

// recordBytes is the mean of what a record takes in a log.
func recordBytes(spec *workloads.Spec) float64 {
	bytes := spec.Records.Size.Mean() + perRecord
	if spec.Records.Keys.Kind != "none" {
		bytes += float64(spec.Records.Keys.Size)
	}
	return bytes
}

// Processes is how many a trial has at once, all but the broker: those that produce and
// consume, the one that is ready to join, one that looks at the group or reads back,
// and the probe.
func Processes(spec workloads.Spec) int {
	return max(spec.Produce.Producers, 1) + members(&spec) + 2
}

// members are those of the group, and the one that is ready to join.
func members(spec *workloads.Spec) int {
	acts, _ := measured(spec)
	if slices.ContainsFunc(acts, func(a churn.Act) bool { return a.Started() != churn.Nobody }) {
		return spec.Consume.Members + 1
	}
	return spec.Consume.Members
}

// Memory estimates what the processes of a trial take at once, all but the broker.
// The heap of a client may grow to twice what it has in use.
func Memory(spec workloads.Spec) int64 {
	producers := int64(max(spec.Produce.Producers, 1))
	total := (producers+1)*processBytes + int64(members(&spec))*memberBytes // an observer, or who reads back
	if k := &spec.Records.Keys; k.Kind != "none" {
		total += producers * int64(k.Count*k.Size)
	}
	record := 3*spec.Records.Size.Mean() + outstandingBytes
	return total + producers*int64(float64(spec.Outstanding())*record)
}

// Peak is how many records are due in the busiest second of a trial. Where a
// workload sends, or fills its backlog, as fast as it can, nobody knows, and Peak
// says false.
func Peak(spec workloads.Spec) (float64, bool) {
	p, s := &spec.Produce, &spec.Produce.Schedule
	if p.Rate.Max || spec.Kind() == workloads.Backlog {
		return 0, false
	}
	peak := p.Rate.PerSecond
	switch s.Kind {
	case "ramp":
		peak *= max(s.From, 1)
	case "steps":
		peak *= slices.Max(s.Factors)
	case "bursts":
		peak += float64(s.Size) * math.Ceil(float64(time.Second)/float64(s.Every))
	}
	acts, _ := measured(&spec)
	return peak + p.Rate.PerSecond*float64(brought(&spec, acts))/float64(spec.Topic.Partitions), true
}

// brought is how many partitions acts bring, all together.
func brought(spec *workloads.Spec, acts []churn.Act) (partitions int) {
	for i := range acts {
		partitions += acts[i].Brings(spec)
	}
	return partitions
}
