package conduct

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/kbench/kbench/drivers"
	"github.com/kbench/kbench/internal/worker"
	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/record"
	"github.com/kbench/kbench/workloads/churn"
)

// timeline carries out the acts of a churn trial on its members.
type timeline struct {
	*trial
	begin    worker.Command // when the parts of the trial began, for those who join later
	observer *process
	acts     []churn.Act
	with     map[int]map[string]any // what differs in a member's settings, by number

	mu      sync.Mutex
	members map[int]*process // in the group, by number; a stalled one is in it still
	held    map[int]*process // started and ready to join
	done    []*results.Act
	pending sync.WaitGroup // what still happens to acts that are done: SIGCONT, an exit
}

// memberName is the worker of a member.
func memberName(number int) string { return fmt.Sprintf("consumer-%d", number) }

// runChurn is the life of a trial with a timeline. The measured part lasts as
// long as the timeline takes.
func (t *trial) runChurn(ctx context.Context, setup int64) error {
	acts, err := churn.Expand(&t.plan.Spec, t.plan.Seed)
	if err != nil {
		return fmt.Errorf("timeline: %w", err)
	}
	l := &timeline{trial: t, acts: acts, with: churn.Settings(acts), members: make(map[int]*process), held: make(map[int]*process)}
	defer l.pending.Wait()
	if l.observer, err = t.start(ctx, worker.Observer, "observer", drivers.Settings{}, 0, nil); err != nil {
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
	return l.finish(ctx, setup, producers)
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
	return sleepUntil(ctx, l.begin.Measure)
}

// member starts the process of a member. One that is held joins when told to.
func (l *timeline) member(ctx context.Context, number, identity int, hold bool) (*process, error) {
	spec := l.plan.Spec
	for path, value := range l.with[number] {
		if err := spec.Apply(path, value); err != nil {
			return nil, fmt.Errorf("member %d: with %s: %w", number, path, err)
		}
	}
	set := Settings(&spec, l.settings.Mode)
	if spec.Group.Static {
		set.InstanceID = fmt.Sprintf("%s-member-%d", l.out.Group, identity)
	}
	w, err := l.startWorker(ctx, worker.Consumer, memberName(number), set, uint32(number), nil, hold)
	if err == nil && len(l.with[number]) > 0 {
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
		l.step(fmt.Sprintf("act %d of %d: %s of member %d", i+1, len(l.acts), a.Kind, a.Member))
		if err := l.prepare(ctx, a); err != nil {
			return err
		}
		planned, err := l.await(ctx, a)
		if err != nil {
			return err
		}
		out := &results.Act{
			N: a.N, Kind: string(a.Kind), Counted: a.Counted, Group: a.Of, Member: memberName(a.Member), PlannedPhase: a.Phase,
			Planned: planned, Owned: l.owned(),
		}
		l.mu.Lock()
		l.done = append(l.done, out)
		l.mu.Unlock()
		if err := l.act(ctx, a, out); err != nil {
			return fmt.Errorf("act %d, %s of %s: %w", a.N, a.Kind, out.Member, err)
		}
		if a.Phase >= 0 {
			l.notePhase(a, out)
		}
	}
	l.step("waiting for the group to settle after the last act")
	heartbeat := l.plan.Spec.Group.Heartbeat
	return l.awaitStable(ctx, 2*heartbeat, l.settleLimit())
}

// settleLimit is how long a group may take to be stable again after an act.
func (l *timeline) settleLimit() time.Duration {
	g := l.plan.Spec.Group
	return g.Session + 2*g.Rebalance + 2*g.Heartbeat + l.run.o.Deadlines.Stable
}

// prepare starts the process that will join, so that the act itself costs no
// process start.
func (l *timeline) prepare(ctx context.Context, a *churn.Act) error {
	number, identity := -1, -1
	switch a.Kind {
	case churn.Join:
		number, identity = a.Member, a.Member
	case churn.Restart:
		number, identity = a.NewMember, a.NewMember
		if a.SameID {
			identity = l.identityOf(a.Member)
		}
	default:
		return nil
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
		if a := &l.acts[i]; a.Kind == churn.Restart && a.SameID && a.NewMember == number {
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
	} else if err := sleepUntil(ctx, l.begin.Measure+int64(a.At)); err != nil {
		return 0, err
	}
	planned := record.Now()
	if a.Phase < 0 {
		return planned, nil
	}
	l.mu.Lock()
	w := l.members[a.PhaseOf]
	l.mu.Unlock()
	if w == nil {
		return planned, nil
	}
	beat, ok := w.report(worker.Beat)
	if !ok {
		return planned, nil // no heartbeat was seen yet; the act records that its phase is unknown
	}
	// The next moment at that fraction of the interval after a beat. A member
	// that beats in between is only more in step with the plan.
	h := int64(l.plan.Spec.Group.Heartbeat)
	at := beat.At + int64(a.Phase*float64(h))
	for at <= planned {
		at += h
	}
	return at, sleepUntil(ctx, at)
}

// notePhase records at which fraction of the interval the act was really done.
func (l *timeline) notePhase(a *churn.Act, out *results.Act) {
	out.PhaseOf, out.Phase = memberName(a.PhaseOf), -1
	for _, w := range l.all() {
		if w.job.Name != out.PhaseOf {
			continue
		}
		if beat, ok := w.report(worker.Beat); ok && beat.At <= out.At {
			out.Phase = float64(out.At-beat.At) / float64(l.plan.Spec.Group.Heartbeat)
		}
	}
}

// act does it. out.At is read just before the call that starts, signals or
// kills.
func (l *timeline) act(ctx context.Context, a *churn.Act, out *results.Act) error {
	l.mu.Lock()
	w, joins := l.members[a.Member], l.held[a.Member]
	l.mu.Unlock()
	if a.Kind != churn.Join && w == nil {
		return errors.New("it is not in the group")
	}
	switch a.Kind {
	case churn.Join:
		l.enter(a.Member, joins)
		out.At = record.Now()
		return joins.send(worker.Command{Do: worker.Join})
	case churn.Leave:
		l.exit(a.Member)
		w.expectEnd()
		out.At = record.Now()
		if err := w.p.Signal(ctx, syscall.SIGTERM); err != nil {
			return err
		}
		l.pending.Go(func() { l.gone(ctx, w, out) })
		return nil
	case churn.Crash:
		l.exit(a.Member)
		w.expectEnd()
		out.At = record.Now()
		if err := w.p.Signal(ctx, syscall.SIGKILL); err != nil {
			return err
		}
		l.pending.Go(func() { l.gone(ctx, w, out) })
		return nil
	case churn.Stall:
		w.pause(true)
		out.At = record.Now()
		if err := w.p.Signal(ctx, syscall.SIGSTOP); err != nil {
			return err
		}
		l.pending.Go(func() { l.resume(ctx, w, a.For, out) })
		return nil
	case churn.Restart:
		return l.restart(ctx, a, w, out)
	default:
		return errors.New("kbench cannot do this yet")
	}
}

// restart ends a member, by its own leave or by a kill, and lets its replacement
// join as soon as it is gone.
func (l *timeline) restart(ctx context.Context, a *churn.Act, w *process, out *results.Act) error {
	l.mu.Lock()
	next := l.held[a.NewMember]
	l.mu.Unlock()
	out.Replaces, out.Member = memberName(a.Member), memberName(a.NewMember)
	l.exit(a.Member)
	w.expectEnd()
	end := syscall.SIGTERM
	if a.Kill {
		end = syscall.SIGKILL
	}
	out.At = record.Now()
	if err := w.p.Signal(ctx, end); err != nil {
		return err
	}
	l.gone(ctx, w, out)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	l.enter(a.NewMember, next)
	return next.send(worker.Command{Do: worker.Join})
}

func (l *timeline) enter(number int, w *process) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.held, number)
	l.members[number] = w
}

func (l *timeline) exit(number int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.members, number)
}

// gone waits for a process that was told to end and says when it had. One that
// does not is a hang, and the trial's failure.
func (l *timeline) gone(ctx context.Context, w *process, out *results.Act) {
	select {
	case <-w.p.Done():
		l.set(func() { out.Gone = record.Now() })
	case <-ctx.Done():
	case <-time.After(l.run.o.Deadlines.Close):
		l.fail(fmt.Errorf("worker %s (pid %d) was told to end and had not after %s%s", w.job.Name, w.p.PID(), l.run.o.Deadlines.Close, w.tail()))
	}
}

// resume continues a stalled member after its time.
func (l *timeline) resume(ctx context.Context, w *process, after time.Duration, out *results.Act) {
	err := sleepUntil(ctx, out.At+int64(after))
	at := record.Now()
	// Also when the trial ends early: a stopped process cannot save its files.
	sctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if serr := w.p.Signal(sctx, syscall.SIGCONT); serr != nil && err == nil {
		l.fail(fmt.Errorf("continue worker %s: %w", w.job.Name, serr))
	}
	w.pause(false)
	l.set(func() { out.Resumed = at })
}

func (l *timeline) set(f func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f()
}

// finished returns the acts as they were done.
func (l *timeline) finished() []results.Act {
	l.pending.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []results.Act
	for _, a := range l.done {
		out = append(out, *a)
	}
	return out
}

// view is the coordinator's latest view, and whether it shows a stable group
// with exactly the members that should be in it and every partition owned.
func (l *timeline) view() (at int64, stable bool, what string) {
	m, ok := l.observer.report(worker.Group)
	if !ok || m.View == nil {
		return 0, false, "the coordinator has not answered yet"
	}
	owned := 0
	var names []string
	for _, g := range m.View.Members {
		owned += len(g.Parts)
		names = append(names, g.Worker)
	}
	slices.Sort(names)
	var want []string
	for _, w := range l.inGroup() {
		want = append(want, w.job.Name)
	}
	slices.Sort(want)
	what = fmt.Sprintf("%s, members %v owning %d partitions", m.View.State, names, owned)
	return m.At, m.View.State == "Stable" && slices.Equal(names, want) && owned == l.plan.Spec.Topic.Partitions, what
}

// awaitStable waits until the coordinator has shown a stable group for so long
// without a break. The first sight of it is noted in the acts before it.
func (l *timeline) awaitStable(ctx context.Context, quiet, limit time.Duration) error {
	deadline := time.Now().Add(limit)
	var since int64
	for {
		at, stable, what := l.view()
		l.mu.Lock()
		// A view from before the last act says nothing about it.
		if n := len(l.done); n > 0 && at <= max(l.done[n-1].At, l.done[n-1].Resumed, l.done[n-1].Gone) {
			stable = false
		}
		l.mu.Unlock()
		switch {
		case !stable:
			since = 0
		case since == 0:
			since = at
			l.set(func() {
				for _, a := range l.done {
					if a.Stable == 0 {
						a.Stable = at
					}
				}
			})
		}
		if since > 0 && at-since >= int64(quiet) {
			return nil
		}
		if time.Now().After(deadline) {
			var want []string
			for _, w := range l.inGroup() {
				want = append(want, w.job.Name)
			}
			return fmt.Errorf("group %s was not stable within %s: %v should be in it; last seen %s", l.out.Group, limit, want, what)
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// owned is who had which partitions at the coordinator's latest word.
func (l *timeline) owned() map[string][]int32 {
	m, ok := l.observer.report(worker.Group)
	if !ok || m.View == nil {
		return nil
	}
	out := make(map[string][]int32)
	for _, g := range m.View.Members {
		out[g.Worker] = g.Parts
	}
	return out
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

func sleepUntil(ctx context.Context, at int64) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(time.Duration(at - record.Now())):
		return nil
	}
}
