package conduct

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync"

	"github.com/kbench/kbench/drivers"
	"github.com/kbench/kbench/internal/arm"
	"github.com/kbench/kbench/internal/worker"
	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/record"
	"github.com/kbench/kbench/workloads/acts"
	"github.com/kbench/kbench/workloads/churn"
)

// timeline is the processes of a trial, and what its acts do to them. Most trials
// have no acts.
type timeline struct {
	*trial
	setup     int64
	begun     worker.Command // when the parts of the trial began, for those who join later
	observer  *process       // nil where nobody watches the group
	producers []*process
	with      map[int]map[string]any // what differs in a member's settings, by number

	partitions int32    // how many there are now, of all topics
	newcomer   *process // the producer of those that the next act brings

	mu      sync.Mutex
	members map[int]*process // in the group, by number; a stalled one is in it still
	held    map[int]*process // started and ready to join
	done    []*results.Act
	pending sync.WaitGroup // what still happens to acts that are done: SIGCONT, an exit
}

func (t *trial) timeline(setup int64) *timeline {
	return &timeline{
		trial: t, setup: setup, with: churn.Settings(t.acts), partitions: int32(t.plan.Spec.Topic.Partitions),
		members: make(map[int]*process), held: make(map[int]*process),
	}
}

// memberName is the worker of a member, empty for nobody.
func memberName(number int) string {
	if number == churn.Nobody {
		return ""
	}
	return fmt.Sprintf("consumer-%d", number)
}

// member starts the process of a member, whom a static group knows by the
// identity of the first in its line of replacements. One that is held joins when
// told to.
func (l *timeline) member(ctx context.Context, number, identity int, hold bool) (*process, error) {
	spec := l.plan.Spec
	for path, value := range l.with[number] {
		if err := spec.Apply(path, value); err != nil {
			return nil, fmt.Errorf("member %d: with %s: %w", number, path, err)
		}
		if strings.HasPrefix(path, "link.") { // it is this member's, whoever else has one
			spec.Link.On, spec.Link.Members = "members", 0
		}
	}
	for i := range l.acts {
		if a := &l.acts[i]; a.To != nil && a.NewMember == number {
			spec.Group.Assignors = a.To
		}
	}
	set := arm.Settings(&spec, l.settings.Mode)
	if set.Group.Static {
		set.InstanceID = fmt.Sprintf("%s-member-%d", l.out.Group, identity)
	}
	// Where a backlog lies there already, the ends say how far to read.
	w, err := l.start(ctx, worker.Job{
		Role: results.RoleConsumer, Name: memberName(number), Settings: set, Spec: spec, Number: uint32(number), Hold: hold, Ends: l.out.End,
	})
	if err == nil && !reflect.DeepEqual(spec, l.plan.Spec) {
		w.plan, _ = arm.Plan(&spec, l.settings.Mode, drivers.Find(l.run.o.Table, l.plan.Arm.Client), l.run.reference, l.subscribed...)
	}
	return w, err
}

func (l *timeline) inGroup() []*process {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.sorted()
}

// sorted are the members in the group by number; l.mu is held.
func (l *timeline) sorted() (out []*process) {
	for _, n := range slices.Sorted(maps.Keys(l.members)) {
		out = append(out, l.members[n])
	}
	return out
}

// play carries out every act at its time. What an act sets in motion goes on
// while the next one waits.
func (l *timeline) play(ctx context.Context) error {
	if err := l.reading(ctx, results.ReadingBefore); err != nil {
		return err
	}
	for i := range l.acts {
		a := &l.acts[i]
		l.step(fmt.Sprintf("act %d of %d: %s", i+1, len(l.acts), strings.TrimSpace(a.Title()+" "+memberName(a.Member))))
		if err := l.prepare(ctx, a); err != nil {
			return err
		}
		planned, err := l.await(ctx, a)
		if err != nil {
			return err
		}
		out := &results.Act{
			N: a.N, Kind: a.Kind, Counted: a.Counted, Group: a.Of, Member: memberName(a.Member), PlannedPhase: a.Phase,
			For: int64(a.For), Planned: planned, Owned: l.owned(ctx),
		}
		l.set(func() { l.done = append(l.done, out) })
		beat, beaten := l.lastBeat(a.PhaseOf)
		if err := l.act(ctx, a, out); err != nil {
			return fmt.Errorf("act %d, %s: %w", a.N, strings.TrimSpace(a.Title()+" "+out.Member), err)
		}
		if a.Phase >= 0 {
			out.PhaseOf, out.Phase = memberName(a.PhaseOf), -1
			if beaten {
				out.Phase = float64(out.At-beat) / float64(l.plan.Spec.Group.Heartbeat)
			}
		}
	}
	if len(l.acts) == 0 {
		return nil
	}
	l.step("waiting for the group to settle after the last act")
	heartbeat := l.plan.Spec.Group.Heartbeat
	if err := l.awaitStable(ctx, 2*heartbeat, l.settleLimit()); err != nil {
		return err
	}
	return l.reading(ctx, results.ReadingAfter)
}

// prepare starts the process that will join, so that the act itself costs no
// process start.
func (l *timeline) prepare(ctx context.Context, a *churn.Act) error {
	number := a.Started()
	identity := number
	switch {
	case acts.Of(a.Kind).Grows:
		return l.awaitNewcomer(ctx, a)
	case number == churn.Nobody:
		return nil
	case a.SameID:
		identity = l.identityOf(a.Member)
	}
	w, err := l.member(ctx, number, identity, true)
	if err != nil {
		return err
	}
	if err := l.brief(ctx, w); err != nil {
		return err
	}
	l.set(func() { l.held[number] = w })
	return nil
}

// brief waits for a process that is to join later, and tells it when the parts of
// the trial began.
func (l *timeline) brief(ctx context.Context, w *process) error {
	if err := l.ready(ctx, w); err != nil {
		return err
	}
	return w.tell(l.begun)
}

// identityOf is the static identity of a member: that of the first in its line
// of replacements.
func (l *timeline) identityOf(number int) int {
	for i := range l.acts {
		if a := &l.acts[i]; a.SameID && a.NewMember == number {
			return l.identityOf(a.Member)
		}
	}
	return number
}

// await waits for the time of an act: an offset or a stable group, then the
// phase within the heartbeat of the member that it is relative to.
func (l *timeline) await(ctx context.Context, a *churn.Act) (int64, error) {
	if a.When == churn.Stable {
		if err := l.awaitStable(ctx, 2*l.plan.Spec.Group.Heartbeat, l.settleLimit()); err != nil {
			return 0, err
		}
	} else {
		planned := l.begun.Measure + int64(a.At)
		if err := record.SleepUntil(ctx, planned); err != nil || a.Phase < 0 {
			return planned, err
		}
	}
	planned := record.Now()
	if a.Phase < 0 {
		return planned, nil
	}
	beat, ok := l.lastBeat(a.PhaseOf)
	if !ok {
		return planned, nil // no heartbeat was seen yet; the act records that its phase is unknown
	}
	// The next moment at that fraction of the interval after a beat. A member
	// that beats in between is only more in step with the plan.
	h := int64(l.plan.Spec.Group.Heartbeat)
	at := beat + int64(a.Phase*float64(h))
	for at <= planned {
		at += h
	}
	return at, record.SleepUntil(ctx, at)
}

// lastBeat is when a member last sent a heartbeat.
func (l *timeline) lastBeat(number int) (at int64, ok bool) {
	l.mu.Lock()
	w := l.members[number]
	l.mu.Unlock()
	if w == nil {
		return 0, false
	}
	m, ok := w.report(worker.Beat)
	return m.At, ok
}
