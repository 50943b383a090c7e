package conduct

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/kbench/kbench/drivers"
	"github.com/kbench/kbench/internal/worker"
	"github.com/kbench/kbench/results/record"
	"github.com/kbench/kbench/workloads"
)

// stuck looks for members that own partitions with records in the log, send
// heartbeats, and hand nothing on. It knows what the coordinator tells to the observer
// and what the members say once a second.
type stuck struct {
	limit, beat time.Duration
	// serial says that a member handles its records one at a time: while it is busy
	// with those of one partition the others wait, for long where there are many.
	serial bool
	// fresh says that members begin at the end of a partition, so that what is in one
	// of which they have had nothing may be no business of theirs.
	fresh bool
	parts map[int32]*standing
	moved map[string]int64 // when members were last seen to hand something on
}

// standing is where a partition stands.
type standing struct {
	owner string
	next  int64
	since int64 // ns of the monotonic clock
	told  bool
}

func newStuck(limit time.Duration, spec *workloads.Spec) *stuck {
	c := &spec.Consume
	return &stuck{
		limit: max(limit, 3*c.Handler.Time), beat: 3*spec.Group.Heartbeat + time.Second, serial: c.Handler.Lanes == drivers.LanesMember,
		fresh: c.Start == "latest", parts: map[int32]*standing{}, moved: map[string]int64{},
	}
}

// member is what is known of one.
type member struct {
	next   map[int32]int64
	beaten int64 // when it sent its latest heartbeat
	absent bool  // it was stopped, or cut off, on purpose
}

// accused are the partitions of a member that hands nothing on, and since when.
type accused struct {
	parts []int32
	since int64
}

// see takes a view of the group and returns who is accused, each only once.
func (s *stuck) see(now int64, v *record.GroupView, members map[string]member) map[string]accused {
	out := map[string]accused{}
	for _, g := range v.Members {
		m, ours := members[g.Worker]
		if !ours {
			continue
		}
		waiting := s.waiting(now, v, g, members)
		if m.absent || now-m.beaten > int64(s.beat) {
			continue
		}
		var a accused
		for _, p := range waiting {
			at := s.parts[p]
			since := at.since
			if s.serial {
				since = max(since, s.moved[g.Worker])
			}
			if at.told || now-since < int64(s.limit) {
				continue
			}
			at.told = true
			if len(a.parts) == 0 || since < a.since {
				a.since = since
			}
			a.parts = append(a.parts, p)
		}
		if len(a.parts) > 0 {
			out[g.Worker] = a
		}
	}
	return out
}

// waiting are the partitions of a member of which there is something, in order. Those
// that have moved, are new to it or have nothing stand as from now on.
func (s *stuck) waiting(now int64, v *record.GroupView, g record.GroupMember, members map[string]member) (out []int32) {
	for _, p := range slices.Sorted(slices.Values(g.Parts)) {
		// A partition goes on where its last owner had it.
		next := int64(0)
		for _, o := range members {
			next = max(next, o.next[p])
		}
		at := s.parts[p]
		if at != nil && at.next != next {
			s.moved[g.Worker] = now
		}
		end, known := v.Ends[p]
		if at == nil || at.owner != g.Worker || at.next != next || !known || end <= next || s.fresh && next == 0 || members[g.Worker].absent {
			s.parts[p] = &standing{owner: g.Worker, next: next, since: now}
			continue
		}
		out = append(out, p)
	}
	return out
}

// lookForStuck does so, where there is an observer, until it is stopped.
func (l *timeline) lookForStuck(ctx context.Context) (stop func()) {
	if l.observer == nil || l.plan.Spec.Consume.Members < 1 {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	var done sync.WaitGroup
	done.Go(func() { l.watchStuck(ctx) })
	return func() { cancel(); done.Wait() }
}

// watchStuck has members looked at that hand nothing on, until ctx ends.
func (l *timeline) watchStuck(ctx context.Context) {
	s := newStuck(l.run.o.Deadlines.Stuck, &l.plan.Spec)
	for record.SleepUntil(ctx, record.Now()+int64(time.Second)) == nil {
		_, v, err := l.look(ctx)
		if err != nil {
			continue
		}
		all, members := map[string]*process{}, map[string]member{}
		for _, w := range l.inGroup() {
			alive, _ := w.report(worker.Alive)
			beat, _ := w.report(worker.Beat)
			all[w.job.Name], members[w.job.Name] = w, member{next: alive.Next, beaten: beat.At, absent: w.paused() || l.unreached(w.job.Name)}
		}
		for name, a := range s.see(record.Now(), v, members) {
			_ = all[name].tell(worker.Command{Do: worker.Look, Start: a.since, Parts: a.parts}) // one that has ended is no more stuck
		}
	}
}
