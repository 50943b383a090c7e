package conduct

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/kbench/kbench/internal/worker"
	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/record"
	"github.com/kbench/kbench/workloads/acts"
	"github.com/kbench/kbench/workloads/churn"
)

// timeline carries out the acts of a churn trial on its members.
type timeline struct {
	*trial
	begin    worker.Command // when the parts of the trial began, for those who join later
	observer *process
	with     map[int]map[string]any // what differs in a member's settings, by number

	partitions int32      // how many there are now, of all topics
	newcomer   *process   // the producer of those that the next act brings
	late       []*process // the producers of those that acts have brought

	mu      sync.Mutex
	members map[int]*process // in the group, by number; a stalled one is in it still
	held    map[int]*process // started and ready to join
	done    []*results.Act
	pending sync.WaitGroup // what still happens to acts that are done: SIGCONT, an exit
}

// memberName is the worker of a member, empty for nobody.
func memberName(number int) string {
	if number == churn.Nobody {
		return ""
	}
	return fmt.Sprintf("consumer-%d", number)
}

// runChurn is the life of a trial with a timeline. The measured part lasts as
// long as the timeline takes.
func (t *trial) runChurn(ctx context.Context, setup int64) error {
	l := &timeline{
		trial: t, with: churn.Settings(t.acts), partitions: int32(t.plan.Spec.Topic.Partitions),
		members: make(map[int]*process), held: make(map[int]*process),
	}
	defer l.pending.Wait()
	var err error
	if l.observer, err = t.watchGroup(ctx); err != nil {
		return err
	}
	t.step("starting the group")
	for i := range t.plan.Spec.Consume.Members {
		w, err := l.member(ctx, i, i, false)
		if err != nil {
			return err
		}
		l.members[i] = w
	}
	for _, w := range l.members {
		if _, err := w.await(ctx, worker.Ready, t.run.o.Deadlines.Start); err != nil {
			return err
		}
	}
	producers, err := t.startProducers(ctx)
	if err != nil {
		return err
	}
	t.step("waiting for the group to be stable")
	if err := l.awaitStable(ctx, 0, t.run.o.Deadlines.Stable); err != nil {
		return err
	}
	if err := t.coordinator(ctx); err != nil {
		return err
	}
	if err := l.start(ctx, producers); err != nil {
		return err
	}
	err = l.play(ctx)
	t.out.Acts = l.finished()
	if err != nil {
		return err
	}
	return l.finish(ctx, setup, append(producers, l.late...))
}

// start tells everybody when warm-up and measured part begin, and waits for the
// latter.
func (l *timeline) start(ctx context.Context, producers []*process) error {
	ph := l.plan.Spec.Phases
	l.begin = worker.Command{Do: worker.Begin, Warmup: record.Now() + int64(lead)}
	l.begin.Measure = l.begin.Warmup + int64(ph.Warmup)
	l.machine.sampleAt(l.begin.Measure)
	for _, w := range append(l.inGroup(), producers...) {
		if err := w.send(l.begin); err != nil {
			return fmt.Errorf("worker %s: %w", w.job.Name, err)
		}
	}
	l.run.progress.Measuring(ph.Warmup, churn.Length(&l.plan.Spec, l.acts))
	return record.SleepUntil(ctx, l.begin.Measure)
}

// member starts the process of a member. One that is held joins when told to.
func (l *timeline) member(ctx context.Context, number, identity int, hold bool) (*process, error) {
	spec := l.plan.Spec
	for path, value := range l.with[number] {
		if err := spec.Apply(path, value); err != nil {
			return nil, fmt.Errorf("member %d: with %s: %w", number, path, err)
		}
	}
	for i := range l.acts {
		if a := &l.acts[i]; a.Kind == churn.AssignorStep && a.NewMember == number {
			spec.Group.Assignors = a.To
		}
	}
	set := l.identified(Settings(&spec, l.settings.Mode), identity)
	w, err := l.startWorker(ctx, worker.Job{Role: results.RoleConsumer, Name: memberName(number), Settings: set, Spec: spec, Number: uint32(number), Hold: hold})
	if err == nil && !reflect.DeepEqual(spec, l.plan.Spec) {
		w.plan, _ = PlanArm(&spec, l.settings.Mode, driverOf(l.run.o.Table, l.plan.Arm.Client), l.run.reference)
	}
	return w, err
}

func (l *timeline) inGroup() []*process {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []*process
	for _, n := range slices.Sorted(maps.Keys(l.members)) {
		out = append(out, l.members[n])
	}
	return out
}

// play carries out every act at its time. What an act sets in motion goes on
// while the next one waits.
func (l *timeline) play(ctx context.Context) error {
	for i := range l.acts {
		a := &l.acts[i]
		l.step(fmt.Sprintf("act %d of %d: %s", i+1, len(l.acts), strings.TrimSpace(string(a.Kind)+" "+memberName(a.Member))))
		if err := l.prepare(ctx, a); err != nil {
			return err
		}
		planned, err := l.await(ctx, a)
		if err != nil {
			return err
		}
		out := &results.Act{
			N: a.N, Kind: a.Kind, Counted: a.Counted, Group: a.Of, Member: memberName(a.Member), PlannedPhase: a.Phase,
			For: int64(a.For), Planned: planned, Owned: l.owned(),
		}
		l.mu.Lock()
		l.done = append(l.done, out)
		l.mu.Unlock()
		beat, beaten := l.lastBeat(a.PhaseOf)
		if err := l.act(ctx, a, out); err != nil {
			return fmt.Errorf("act %d, %s: %w", a.N, strings.TrimSpace(string(a.Kind)+" "+out.Member), err)
		}
		if a.Phase >= 0 {
			out.PhaseOf, out.Phase = memberName(a.PhaseOf), -1
			if beaten {
				out.Phase = float64(out.At-beat) / float64(l.plan.Spec.Group.Heartbeat)
			}
		}
	}
	l.step("waiting for the group to settle after the last act")
	heartbeat := l.plan.Spec.Group.Heartbeat
	return l.awaitStable(ctx, 2*heartbeat, l.settleLimit())
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
	if _, err := w.await(ctx, worker.Ready, l.run.o.Deadlines.Start); err != nil {
		return err
	}
	if err := w.send(l.begin); err != nil {
		return err
	}
	l.mu.Lock()
	l.held[number] = w
	l.mu.Unlock()
	return nil
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
		planned := l.begin.Measure + int64(a.At)
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

// finish ends the measured part and takes the trial to its end.
func (l *timeline) finish(ctx context.Context, setup int64, producers []*process) error {
	const grid = int64(100 * time.Millisecond) // of the spans: the part ends on it
	least := l.begin.Measure + int64(l.plan.Spec.Phases.Measure)
	end := max(record.Now()+int64(lead), least)
	end = l.begin.Measure + (end-l.begin.Measure+grid-1)/grid*grid
	l.machine.sampleAt(end)
	members := l.inGroup()
	for _, w := range append(slices.Clone(members), producers...) {
		if err := w.send(worker.Command{Do: worker.End, End: end}); err != nil {
			return fmt.Errorf("worker %s: %w", w.job.Name, err)
		}
	}
	l.begin.End = end
	acked, err := l.produced(ctx, setup, l.begin, producers)
	if err != nil {
		return err
	}
	if err := l.ends(ctx, acked); err != nil {
		return err
	}
	if err := l.drain(ctx, members, l.out.End); err != nil {
		return err
	}
	return l.close(ctx, append(append(producers, members...), l.observer))
}
