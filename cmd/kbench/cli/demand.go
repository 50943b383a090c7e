package cli

import (
	"cmp"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/kbench/kbench/internal/cluster"
	"github.com/kbench/kbench/workloads"
	"github.com/kbench/kbench/workloads/plan"
)

// demand is what trials will ask of the broker, for the one who owns it: the
// records of its busiest second, and the room that they take there, with every
// copy. Topics are deleted after each trial, unless they are kept.
func (a *app) demand(trials []plan.Trial, o cluster.Options, keep bool) []string {
	var peak float64
	peakKnown := true
	for i := range trials {
		if a.brokerless(trials[i].Arm.Client) {
			continue
		}
		spec := trials[i].Spec
		rate, ok := plan.Peak(spec)
		peak, peakKnown = max(peak, rate), peakKnown && ok
	}
	room, roomKnown := a.room(trials, o, keep)
	if room == 0 {
		return nil // nothing goes to a broker
	}
	load := fmt.Sprintf("up to %.0f records/s", math.Ceil(peak))
	switch {
	case !peakKnown && peak > 0:
		load += ", and as many as it takes where the rate is max"
	case !peakKnown:
		load = "as many records/s as it takes (rate max)"
	}
	bound := "up to "
	if !roomKnown {
		bound = "roughly "
	}
	where := " on the disks of the cluster"
	switch o.Kind {
	case cluster.Embedded:
		where = " in the memory of the broker"
		if o.OnDisk {
			where = " on this machine's disk"
		}
	case cluster.Kafka:
		where = " on this machine's disk"
	}
	when := " at a time"
	if keep {
		when = " in the end"
	}
	if o.Kind != cluster.Embedded {
		when += ", all copies counted"
	}
	return []string{load, bound + size(int64(min(room, math.MaxInt64/2))) + where + when}
}

// room is what the records of trials take on the broker at once, with every copy, bytes;
// false where somebody sends as fast as he can, so that it is a guess.
func (a *app) room(trials []plan.Trial, o cluster.Options, keep bool) (room float64, known bool) {
	known = true
	for i := range trials {
		if a.brokerless(trials[i].Arm.Client) {
			continue
		}
		n, ok := plan.Bytes(trials[i].Spec)
		known = known && ok
		if bytes := float64(n) * float64(copies(&trials[i].Spec, o)); keep {
			room += bytes
		} else {
			room = max(room, bytes)
		}
	}
	return room, known
}

// heap is how many times of what it holds the heap of a broker grows to, and inMemory
// the part of a machine's memory that an embedded broker may have before it keeps its
// records on disk.
const (
	heap     = 2
	inMemory = 0.5
)

// onDisk says whether an embedded broker must keep the records of trials on disk, as
// their memory would not be bounded else, and what the user should know of it.
func (a *app) onDisk(trials []plan.Trial, o cluster.Options, machine int64) (must bool, say []string) {
	room, _ := a.room(trials, o, false)
	if o.Kind != cluster.Embedded || machine <= 0 || heap*room <= inMemory*float64(machine) {
		return false, nil
	}
	dir, free := cluster.Disk()
	say = []string{fmt.Sprintf("the broker keeps records in files in %s: in memory they might take more than half of this machine's %s", dir, size(machine))}
	switch {
	case free == 0:
		say = append(say, "that is no disk, and takes memory all the same: set TMPDIR to a directory on one")
	case room > float64(free):
		say = append(say, fmt.Sprintf("only %s are free there: set TMPDIR to a directory on a larger disk, or take a shorter run; what finds no room fails to be sent", size(free)))
	}
	return true, say
}

// needs are what a run takes of this machine at once, in its largest trial.
type needs struct {
	processes int   // those of the broker among them
	memory    int64 // of the processes, and of the log of a broker that is one of them
	sure      int64 // the part of memory that is known: at rate max nobody knows the log
}

// needsOf looks for the largest trial. Arms and rounds of a workload are much alike, so
// that the first round is looked at alone.
func needsOf(trials []plan.Trial, o cluster.Options) (n needs) {
	for i := range trials {
		if trials[i].Round > 1 {
			continue
		}
		bytes := plan.Memory(trials[i].Spec)
		n.sure = max(n.sure, bytes)
		if o.Kind == cluster.Embedded && !o.OnDisk {
			log, known := plan.Bytes(trials[i].Spec)
			if bytes += heap * log; known {
				n.sure = max(n.sure, bytes)
			}
		}
		n.memory = max(n.memory, bytes)
		n.processes = max(n.processes, plan.Processes(trials[i].Spec))
	}
	switch o.Kind {
	case cluster.Embedded:
		n.processes++
	case cluster.Kafka:
		n.processes += o.Nodes + 1
		n.memory += heaps(o)
		n.sure += heaps(o)
	}
	return n
}

// heaps is what those of all nodes of Apache Kafka may grow to, bytes.
func heaps(o cluster.Options) int64 {
	digits, unit := cmp.Or(o.Heap, cluster.DefaultHeap), float64(1<<20)
	if strings.HasSuffix(strings.ToLower(digits), "g") {
		unit = 1 << 30
	}
	n, _ := strconv.ParseFloat(digits[:len(digits)-1], 64)
	return int64(min(float64(o.Nodes)*n*unit, math.MaxInt64/4))
}

func (n needs) String() string {
	return fmt.Sprintf("up to %d processes with about %s of memory", n.processes, size(n.memory))
}

const takeLess = "take fewer members or producers, smaller records, smaller heaps of nodes or a shorter run"

// warning is for what may be more than there is.
func (n needs) warning(machine int64) string {
	if machine <= 0 || n.memory <= machine {
		return ""
	}
	return fmt.Sprintf("that is more memory than the %s of this machine: trials may fail or swap; %s", size(machine), takeLess)
}

// refusal is for what is more than there is for sure.
func (n needs) refusal(machine int64) error {
	if machine <= 0 || n.sure <= machine {
		return nil
	}
	n.memory = n.sure
	return fmt.Errorf("%v are more than the %s of this machine; %s, or run it all the same with --force", n, size(machine), takeLess)
}

// copies is how often a record is stored. How many nodes an existing cluster has
// is not known yet; with fewer than the replication asks for there are fewer. The
// embedded broker only says that it has copies.
func copies(s *workloads.Spec, o cluster.Options) int {
	switch o.Kind {
	case cluster.Embedded:
		return 1
	case cluster.Kafka:
		return min(s.Topic.Replication, o.Nodes)
	default:
		return s.Topic.Replication
	}
}
