package worker

import (
	"context"
	"runtime"
	"slices"
	"time"

	"github.com/kbench/kbench/results/record"
)

// canaryNap is how long the canary sleeps at a time. Shorter naps would see
// shorter stalls and cost more; at this one it takes well below half a percent
// of a core, and a stall shorter than it says nothing about a pause anyway.
const canaryNap = 5 * time.Millisecond

// napIn is the nap in a group. Of large ones a host has many workers, and a
// hundred canaries at the shortest nap would take half a core between them; the
// longest is half of what makes an event noisy at the usual theta.
func napIn(members int) time.Duration { return canaryNap * time.Duration(min(max(members/10, 1), 5)) }

// Canary tells stalls of the machine and of this process from those of the client:
// a thread of its own does nothing but sleep. Once a second the worst of its
// wake-ups is written down, without holes since from, and each late one with the
// CPU time that the process used meanwhile, and what is usual. When it is late, then nothing in this
// process ran on time: it was suspended where it used none, and starved, by itself
// or by others, where it did. Those late by more than LateAfter are never so many
// that a bound would be needed: it sleeps in between.
func Canary(ctx context.Context, members int, from int64, emit func(record.Event)) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	each := int64(napIn(members))
	var all []int64 // by how much it was late
	var late []record.Late
	tell := func(to int64) {
		e := record.Event{T: to, K: record.EvCanary, From: from, Late: late}
		if slices.Sort(all); len(all) > 0 {
			e.Worst, e.Usual = all[len(all)-1], all[len(all)/2]
		}
		emit(e)
		from, all, late = to, all[:0], nil
	}
	cpu := record.CPUTime()
	for ctx.Err() == nil {
		before, used := record.Now(), cpu
		nap(each)
		now := record.Now()
		cpu = record.CPUTime()
		l := record.Late{Since: before, Due: before + each, T: now, CPU: cpu - used}
		all = append(all, max(l.By(), 0))
		if l.By() > record.LateAfter {
			late = append(late, l)
		}
		if now-from >= int64(time.Second) {
			tell(now)
		}
	}
	// What is left belongs to the trial too.
	tell(record.Now())
}
