package verify

import (
	"fmt"
	"slices"
	"time"

	"github.com/kbench/kbench/drivers"
	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/window"
	"github.com/kbench/kbench/workloads"
	"github.com/kbench/kbench/workloads/acts"
)

// This file is the cases in which a whole process is stopped, as a collector of
// garbage or a hypervisor would. Below the session nobody but its partitions
// notices; beyond it the group goes on without the member, and what its
// partitions wait for is a floor that the wire tells.

// The settings of the group whose member is stopped. The session is the least
// that a broker allows by default.
const (
	pauseSession   = 6 * time.Second
	pauseHeartbeat = time.Second
	pauseInterval  = 2 * stopInterval // of the records in each of two partitions
)

// pausedMember is acted on: of two members, each of which has a partition.
func pausedMember(d drivers.Driver, name string, length time.Duration) workloads.Spec {
	s := small("pause")
	s.Name = fileName(fmt.Sprintf("verify-%s-%s", name, d.Name()))
	s.Topic.Partitions = 2
	s.Produce.Rate = workloads.Rate{PerSecond: stopRate}
	s.Produce.Chunk = 1
	s.Consume.Members = 2
	s.Group.Heartbeat, s.Group.Session, s.Group.Rebalance = pauseHeartbeat, pauseSession, pauseSession
	s.Phases.Warmup = time.Second
	s.Phases.Measure = 2 * time.Second
	s.Churn = []workloads.ChurnEntry{{Do: string(acts.Stall), At: time.Second, Times: 1, Target: "oldest", For: length}}
	return s
}

// pause stops a member for less than its session.
func pause(d drivers.Driver, length time.Duration) Case {
	own := whenItGoesOn(d.Name())
	return Case{
		Name: "pause " + length.String(), Question: questionPause, Driver: d, Spec: pausedMember(d, "pause", length),
		Bound: fmt.Sprintf("the floor is the stop; the gap is no shorter than it less one record interval (%s), and longer by at most one record interval and 20ms, or the worst canary where that is more%s",
			pauseInterval, own),
		judge: own.pauseFound, weight: timed,
	}
}

// evict stops a member for longer than its session.
func evict(d drivers.Driver, length time.Duration) Case {
	own := afterAssignment(d.Name())
	return Case{
		Name: "evict " + length.String(), Question: questionEvict, Driver: d, Spec: pausedMember(d, "evict", length),
		Bound: fmt.Sprintf("the session ends %s after the stop, or earlier by no more than a heartbeat; the gap is no shorter than the floor less one record interval (%s), and longer by at most one record interval and 20ms, or the worst canary where that is more%s",
			pauseSession, pauseInterval, own),
		judge: own.evictFound, weight: timed,
	}
}

// ownTime is what a client takes by a constant in its own code, on top of what
// explains a gap.
type ownTime struct {
	length time.Duration
	why    string
}

// String continues the words of a bound.
func (o ownTime) String() string {
	if o.length == 0 {
		return ""
	}
	return fmt.Sprintf("; and %s more: %s", o.length, o.why)
}

// whenItGoesOn is the own time of a client whose process was stopped.
func whenItGoesOn(client string) ownTime {
	if client == "kafka-go" {
		return ownTime{100 * time.Millisecond, "kafka-go finds that the deadline of its read has passed, hangs up and waits for its ReadBackoffMin"}
	}
	return ownTime{}
}

// afterAssignment is the own time of a client that is given partitions.
func afterAssignment(client string) ownTime {
	if client == "sarama" {
		return ownTime{100 * time.Millisecond, "sarama gathers new subscriptions for so long after each assignment before it fetches (partitionConsumersBatchTimeout)"}
	}
	return ownTime{}
}

// excess is what a gap has beside what explains it, and what it may have. The
// process may stop just after a record, and so one interval late.
func (o ownTime) excess(stop, gap, explained, canary int64) Excess {
	return Excess{
		Stop: stop, Gap: gap, Over: gap - explained, Canary: canary, Tolerance: realTolerance(0),
		Least: -int64(pauseInterval), Most: int64(pauseInterval+o.length) + realTolerance(canary),
	}
}

// stalled is the one event that there must be, and the partitions that its
// member had.
func stalled(e Evidence, v *verdict) (event window.Event, parts []window.Partition, ok bool) {
	if e.Pauses == nil || len(e.Pauses.Events) != 1 || len(e.Pauses.Events[0].Acts) != 1 {
		v.off("there must be one event with one act")
		return event, nil, false
	}
	event = e.Pauses.Events[0]
	act := event.Acts[0]
	if !acts.Of(act.Kind).Stops || act.Resumed == 0 || act.Error != "" {
		v.off("the act is %s, went on at %d, error %q", act.Kind, act.Resumed, act.Error)
		return event, nil, false
	}
	parts = slices.DeleteFunc(slices.Clone(event.Partitions), func(p window.Partition) bool { return p.OldOwner != act.Member || p.Records == 0 })
	if len(parts) == 0 {
		v.off("%s had no partition, so that nothing was tested", act.Member)
	}
	return event, parts, len(parts) > 0
}

// pauseFound expects the gap of a stopped member's partitions to be as long as
// the stop, and nobody to have noticed otherwise.
func (own ownTime) pauseFound(e Evidence) (v verdict) {
	v.injected, v.reported, v.wrong = "a process stopped", e.found(), e.others()
	event, parts, ok := stalled(e, &v)
	if !ok {
		return v
	}
	act := event.Acts[0]
	length := act.Resumed - act.At
	v.injected = "a process stopped for " + round(length)
	if event.Rebalanced || event.T0 != 0 {
		v.off("the group is said to have rebalanced, with a stop below the session")
	}
	var worst *Excess
	for _, p := range parts {
		if p.Class != window.Untouched || p.Floor != length {
			v.off("partition %d is %s with a floor of %s", p.Partition, p.Class, round(p.Floor))
		}
		canary := e.worstCanary(act.At, act.At+p.Gap, act.Member)
		x := own.excess(length, p.Gap, length, canary)
		if worst == nil || x.worse(*worst) {
			worst = &x
		}
	}
	v.measured(*worst, "the stop")
	return v
}

// evictFound expects the session of the member to end when it must, and the gap
// of its partitions to be the floor that follows from that, with little on top.
// A member that goes on after its eviction may deliver and commit what it still
// holds; that is rightly found.
func (own ownTime) evictFound(e Evidence) (v verdict) {
	v.injected, v.reported = "a process stopped beyond its session", e.found()
	v.wrong = e.others(results.AuditDuplicate, results.AuditZombie, results.AuditOverlap, results.AuditCommitRegression)
	event, parts, ok := stalled(e, &v)
	if !ok {
		return v
	}
	act := event.Acts[0]
	v.injected = fmt.Sprintf("a process stopped for %s, session %s", round(act.Resumed-act.At), pauseSession)
	if !event.Rebalanced || event.T0 == 0 {
		v.off("nobody is said to have been evicted")
		return v
	}
	// The last beat was at most a heartbeat old, unless the machine was late.
	late := e.worstCanary(act.At-int64(pauseHeartbeat), act.At+int64(pauseSession+pauseHeartbeat), act.Member)
	expiry := event.T0 - act.At
	if least := int64(pauseSession-pauseHeartbeat) - realTolerance(late); expiry < least || expiry > int64(pauseSession)+realTolerance(late) {
		v.off("the session is said to have ended %s after the stop", round(expiry))
	}
	var worst *Excess
	for _, p := range parts {
		if p.Class != window.Orphaned || !p.FloorKnown {
			v.off("partition %d is %s, floor known: %t", p.Partition, p.Class, p.FloorKnown)
			continue
		}
		canary := e.worstCanary(act.At, act.At+p.Gap, act.Member)
		x := own.excess(act.Resumed-act.At, p.Gap, p.Floor, canary)
		if worst == nil || x.worse(*worst) {
			worst = &x
		}
	}
	if worst != nil {
		v.measured(*worst, "the floor")
	}
	return v
}
