package worker

import (
	"context"
	"runtime"
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

// canary tells stalls of the machine from those of the client: a thread of its
// own does nothing but sleep, and once a second the worst of its wake-ups is
// written down, without holes since from. When it is late, then nothing in this process ran on time, and a
// gap of that length is not the client's.
func (s *session) canary(ctx context.Context, from int64) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	each := int64(napIn(s.job.Spec.Consume.Members))
	var worst int64
	for ctx.Err() == nil {
		before := record.Now()
		nap(each)
		now := record.Now()
		worst = max(worst, now-before-each)
		if now-from >= int64(time.Second) {
			s.events.Write(record.Event{T: now, K: record.EvCanary, From: from, Worst: worst})
			from, worst = now, 0
		}
	}
	// What is left belongs to the trial too.
	s.events.Write(record.Event{T: record.Now(), K: record.EvCanary, From: from, Worst: worst})
}
