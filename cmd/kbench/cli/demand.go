package cli

import (
	"fmt"
	"math"

	"github.com/kbench/kbench/internal/cluster"
	"github.com/kbench/kbench/workloads"
	"github.com/kbench/kbench/workloads/plan"
)

// demand is what trials will ask of the broker, for the one who owns it: the
// records of its busiest second, and the room that they take there, with every
// copy. Topics are deleted after each trial, unless they are kept.
func (a *app) demand(trials []plan.Trial, o cluster.Options, keep bool) []string {
	var peak, room float64
	peakKnown, roomKnown := true, true
	for i := range trials {
		if a.brokerless(trials[i].Arm.Client) {
			continue
		}
		spec := trials[i].Spec
		rate, ok := plan.Peak(spec)
		peak, peakKnown = max(peak, rate), peakKnown && ok
		n, ok := plan.Bytes(spec)
		roomKnown = roomKnown && ok
		if bytes := float64(n) * float64(copies(&spec, o)); keep {
			room += bytes
		} else {
			room = max(room, bytes)
		}
	}
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

// memory is what the processes of the largest trial will take at once, with the log
// of a broker that is one of them, and a warning where that is more than there is.
func memory(trials []plan.Trial, o cluster.Options, machine int64) (say, warning string) {
	var most int64
	for i := range trials {
		bytes := plan.Memory(trials[i].Spec)
		if o.Kind == cluster.Embedded {
			log, _ := plan.Bytes(trials[i].Spec)
			bytes += log
		}
		most = max(most, bytes)
	}
	say = "about " + size(most) + " of memory"
	if machine > 0 && most > machine {
		warning = fmt.Sprintf("that is more memory than the %s of this machine: trials may fail or swap; take fewer members or producers, smaller records or a shorter run", size(machine))
	}
	return say, warning
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
