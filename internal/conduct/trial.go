package conduct

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/kbench/kbench/drivers"
	"github.com/kbench/kbench/internal/arm"
	"github.com/kbench/kbench/internal/cluster"
	"github.com/kbench/kbench/internal/launch"
	"github.com/kbench/kbench/internal/worker"
	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/record"
	"github.com/kbench/kbench/workloads"
	"github.com/kbench/kbench/workloads/churn"
	"github.com/kbench/kbench/workloads/plan"
)

// ErrInterrupted is why a trial ended early when the user asked for it.
var ErrInterrupted = errors.New("interrupted")

// trial is one trial under way.
type trial struct {
	run      *runner
	plan     plan.Trial
	out      *results.Trial
	path     string
	progress Progress

	cluster   *cluster.Cluster // nil for a driver without a broker
	access    cluster.Access
	settings  drivers.Settings
	reference drivers.Settings
	acts      []churn.Act // its timeline
	// subscribed are the topics that members have when they join; an act may give
	// all of them one more. The timeline changes it under its own lock.
	subscribed []string
	machine    *sampler

	fail  func(error) // ends the trial
	death error       // of the broker, as watch saw it
	down  downs       // nodes that acts have ended or stopped

	mu      sync.Mutex
	workers []*process
	probe   *process // asks the nodes whether they answer; nil without a broker
	doing   string   // the step that it is at
}

// conduct runs a trial from its topic to its audit and writes trial.json
// whatever happens.
func (t *trial) conduct(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	t.fail = func(err error) { cancel(err) }
	stopWatching := t.watch(ctx)
	defer stopWatching()
	if t.cluster != nil {
		defer context.AfterFunc(ctx, t.cluster.HangUp)()
	}

	host := t.run.o.Launcher.Host()
	if c := host.Clock(); c != (launch.Clock{}) {
		t.out.Clocks = map[string]int64{c.Host: c.Ahead}
	}
	t.out.CanaryNs, t.out.Looked = int64(host.Canary()), true
	err := t.steps(ctx)
	if cause := context.Cause(ctx); cause != nil && err != nil {
		err = cause // the first thing that went wrong, not what followed from it
	}
	stopWatching()
	limits := t.run.o.Deadlines
	if err != nil {
		t.step(fmt.Sprintf("waiting for %s to save what was recorded, %s at the most", workersOf(t.all()), limits.Abort))
	}
	if endErr := t.each(func(w *process) error { return w.end(limits.Abort) }); endErr != nil {
		err = errors.Join(err, endErr)
	}
	// Also the files of those that died: what they recorded is all that is left of
	// them. A trial that has ended early holds up the next one no longer than it must.
	limit := limits.Close
	if err != nil {
		limit = limits.Abort
	}
	err = errors.Join(err, t.each(func(w *process) error { return w.fetch(limit) }))
	if died := t.brokerDeath(); err != nil && died != nil && !errors.Is(err, died) {
		err = errors.Join(died, err) // a client may notice before the supervisor does
	}
	if t.machine != nil {
		err = errors.Join(err, t.machine.close())
	}
	if err == nil {
		err = t.checkWire()
	}
	t.restore(err)
	if !isInterrupt(err) || !t.ownsBroker() {
		t.cleanUp(limit)
	}
	err = errors.Join(err, t.finishProfiles())
	// All that wrote have ended.
	var lerr error
	if t.out.Files, lerr = t.run.dir.Files(t.out.Ref); lerr != nil {
		err = errors.Join(err, lerr)
	}
	switch {
	case err == nil:
		t.out.State = results.StateComplete
	case isInterrupt(err):
		t.out.State, err = results.StateInterrupted, ErrInterrupted
		t.out.Error = err.Error()
	default:
		t.out.State, t.out.Error = results.StateFailed, err.Error()
	}
	for _, w := range t.all() {
		t.out.Workers = append(t.out.Workers, w.row())
	}
	return errors.Join(err, t.run.dir.WriteTrial(t.out))
}

// isInterrupt says that it was the user who wanted the end.
func isInterrupt(err error) bool {
	return errors.Is(err, ErrInterrupted) || errors.Is(err, context.Canceled)
}

// watch fails the trial when the broker dies or a worker falls silent.
func (t *trial) watch(ctx context.Context) func() {
	stop := make(chan struct{})
	var died, lost <-chan error
	if t.cluster != nil {
		died, lost = t.cluster.Died(), t.cluster.LeaseLost()
	}
	var done sync.WaitGroup
	done.Go(func() {
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for last := time.Now(); ; last = time.Now() {
			select {
			case <-ctx.Done():
				return
			case <-stop:
				return
			case err := <-died:
				t.run.brokerDied.Store(true)
				t.death = fmt.Errorf("broker: %w", err)
				t.fail(t.death)
				return
			case err := <-lost:
				t.run.leaseLost = err
				t.fail(err)
				return
			case <-tick.C:
				if t.hangs(time.Since(last) > awayAfter) {
					return
				}
			}
		}
	})
	return sync.OnceFunc(func() { close(stop); done.Wait() })
}

// hangs fails the trial when a node of the broker answers nobody, or a worker says
// nothing. A supervisor that was away, suspended, has heard nobody meanwhile, and what
// they said is still to be read: it is no fault of theirs.
func (t *trial) hangs(away bool) bool {
	if err := t.silentNode(); err != nil {
		if t.ownsBroker() {
			t.run.brokerDied.Store(true)
		}
		t.fail(err)
		return true
	}
	for _, w := range t.all() {
		if away {
			w.heardNow()
		}
		if d := w.silence(); d > t.run.o.Deadlines.Silence {
			w.fail(fmt.Errorf("worker %s (pid %d) has said nothing for %s: it hangs or was stopped%s",
				w.job.Name, w.p.PID(), d.Round(time.Second), w.tail()))
			return true
		}
	}
	return false
}

// awayAfter is after how long without a look at its workers, which it takes once a
// second, the supervisor must have been suspended.
const awayAfter = 3 * time.Second

// brokerDeath is the death of the broker, also one that watch did not see any
// more, or only after something else had failed the trial; nil while it lives. It
// is asked when watch is over.
func (t *trial) brokerDeath() error {
	if t.cluster == nil || t.death != nil {
		return t.death
	}
	select {
	case err := <-t.cluster.Died():
		t.run.brokerDied.Store(true)
		return fmt.Errorf("broker: %w", err)
	default:
		return nil
	}
}

func (t *trial) all() []*process {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.workers)
}

// step says what the trial is doing.
func (t *trial) step(what string) {
	t.now(what)
	t.progress.Step(what)
}

func (t *trial) now(what string) {
	t.mu.Lock()
	t.doing = what
	t.mu.Unlock()
}

// workersOf is how many workers there are, in words.
func workersOf(ws []*process) string {
	if len(ws) == 1 {
		return "1 worker"
	}
	return fmt.Sprintf("%d workers", len(ws))
}

// steps makes what the trial needs on the cluster, and lives it.
func (t *trial) steps(ctx context.Context) error {
	var err error
	if t.machine, err = startSampler(t.run.o.Launcher.Host(), t.path); err != nil {
		return fmt.Errorf("machine samples: %w", err)
	}
	if t.cluster != nil { // before the look at the machine: a broker that is still busy is not others
		for i, pid := range t.cluster.PIDs() {
			t.machine.watch(results.BrokerProcess(i), watched{pid: pid})
		}
		if pid := t.cluster.ParentPID(); pid != 0 {
			t.machine.watch(results.BrokerParent, watched{pid: pid})
		}
	}
	if err := t.idle(ctx); err != nil {
		return err
	}
	setup := record.Now()
	if t.cluster != nil {
		t.acts = t.plan.Acts
		t.out.Topics = layout(t.out.Topic, t.plan.Spec.Topic.Partitions, t.acts)
		probe, err := t.start(ctx, worker.Job{Role: results.RoleProbe, Name: "probe", Spec: t.plan.Spec})
		if err != nil {
			return err
		}
		t.mu.Lock()
		t.probe = probe
		t.mu.Unlock()
		t.step("creating the topic")
		if err := t.createTopics(ctx); err != nil {
			return err
		}
		if err := t.nodesOfActs(ctx); err != nil {
			return err
		}
		if err := t.prepareGroup(ctx); err != nil {
			return err
		}
	}
	return t.timeline(setup).live(ctx)
}

// idle lets the machine be for a while before the trial, so that the samples tell who
// else uses it.
func (t *trial) idle(ctx context.Context) error {
	length := IdleBefore(&t.plan.Spec, t.run.o.Idle)
	if length <= 0 {
		return nil
	}
	t.step("looking at the machine")
	t.machine.sample()
	from := record.Now()
	if err := record.SleepUntil(ctx, from+int64(length)); err != nil {
		return err
	}
	t.phase(results.PhaseIdle, from, record.Now())
	t.machine.sample()
	return nil
}

// Idle is how long kbench does nothing before a trial but look at the machine.
const Idle = time.Second

// IdleBefore is what of an idle time goes before a trial of a workload: a sample, which
// is no measurement, has less.
func IdleBefore(s *workloads.Spec, whole time.Duration) time.Duration {
	if s.Sample {
		return whole / 5
	}
	return whole
}

func (t *trial) note(format string, args ...any) {
	t.out.Notes = append(t.out.Notes, fmt.Sprintf(format, args...))
}

// start starts one worker of the trial. What is the same for all is filled in.
func (t *trial) start(ctx context.Context, job worker.Job) (*process, error) {
	return t.startFor(ctx, job, t.fail)
}

// startFor starts a worker whose failure is told to fail, and need not end the trial.
func (t *trial) startFor(ctx context.Context, job worker.Job, fail func(error)) (*process, error) {
	job.Client = t.plan.Arm.Client
	if job.Role == results.RoleReference || job.Role == results.RoleFiller {
		job.Client = t.run.reference.Name()
	}
	job.Settings.Topics, job.Settings.GroupID, job.Settings.ClientID = slices.Clone(t.subscribed), t.out.Group, worker.ClientID(job.Name)
	job.Seed, job.RunTag = t.plan.Seed, t.out.RunTag
	job.Topic, job.Topics, job.Access = t.out.Topic, t.out.Topics, t.access
	job.Interval, job.Every = time.Second, t.out.ClockEvery
	if len(t.plan.Spec.Churn) > 0 {
		job.Interval = 100 * time.Millisecond // so that a window of churn can be cut out afterwards
	}
	if job.Spec.Link.Any() && job.Role.UnderTest() {
		nodes, err := t.linkNodes(ctx, &job.Spec.Link)
		if err != nil {
			return nil, err
		}
		job.LinkNodes = nodes
	}
	program := t.run.o.Self
	if job.Role == results.RoleProducer || job.Role == results.RoleConsumer || job.Role == results.RoleBoth {
		t.profile(&job)
		if d, is := drivers.Find(t.run.o.Table, job.Client).(drivers.Elsewhere); is {
			program = d.Command()
		}
	}
	w, err := startProcess(ctx, t.run.o.Launcher, program, workerEnv(&t.plan.Spec), t.run.o.cpusOf(job.Role), filepath.Join(t.path, job.Name), job, fail)
	if w != nil {
		t.mu.Lock()
		t.workers = append(t.workers, w)
		t.mu.Unlock()
		t.machine.watch(job.Name, watched{w.p.PID(), w.p})
		t.showPages(w)
	}
	return w, err
}

// each does something to all workers side by side; what went wrong is in their order.
func (t *trial) each(do func(*process) error) error {
	all := t.all()
	errs := make([]error, len(all))
	var g sync.WaitGroup
	for i, w := range all {
		g.Go(func() { errs[i] = do(w) })
	}
	g.Wait()
	return errors.Join(errs...)
}

// checkWire holds every claim of the plan against what the taps saw. A lie stands in
// the trial, which keeps its figures.
func (t *trial) checkWire() error {
	if t.cluster == nil {
		return nil
	}
	var untold []string
	for _, w := range t.all() {
		role := w.job.Role
		if w.job.Role == results.RoleFiller {
			role = results.RoleReference
		}
		if w.job.Role == results.RoleReadback || w.job.Role == results.RoleObserver || w.job.Role == results.RoleProbe {
			continue
		}
		s, err := arm.ReadWire(filepath.Join(w.home, results.EventsFile))
		if err != nil {
			return fmt.Errorf("worker %s: %w", w.job.Name, err)
		}
		// The sums of one that was killed end before it did.
		if !w.p.Wait().Killed {
			missed, err := s.Untapped(w.job.Name, filepath.Join(w.home, results.DeliveryFile))
			if err != nil {
				return fmt.Errorf("worker %s: %w", w.job.Name, err)
			}
			if missed != "" {
				untold = append(untold, missed)
			}
		}
		lines := t.out.Plan
		if w.plan != nil {
			lines = w.plan
		}
		t.out.Wire = append(t.out.Wire, s.Check(w.job.Name, role, &t.plan.Spec, lines)...)
	}
	if len(untold) > 0 {
		return fmt.Errorf("%s: a driver must dial through Env.Dial, and by no other way", strings.Join(untold, "; "))
	}
	return nil
}

// cleanUp removes what the trial made on the cluster, of what it was to make it may have
// come to some, and gives up where that takes too long: what is left is noted.
func (t *trial) cleanUp(limit time.Duration) {
	// A broker that has died is thrown away with all that is on it.
	if t.cluster == nil || t.run.o.Keep || t.run.brokerDied.Load() {
		return
	}
	t.step(fmt.Sprintf("removing topic and group from the cluster, %s at the most", limit))
	ctx, cancel := t.run.within(limit)
	defer cancel()
	for _, topic := range t.out.Topics {
		if err := t.cluster.DeleteTopic(ctx, topic.Name); err != nil && !errors.Is(err, cluster.ErrNotOurs) {
			t.note("topic %s was not deleted: %v", topic.Name, err)
		}
	}
	if t.plan.Spec.Consume.Members > 0 {
		if err := t.cluster.DeleteGroup(ctx, t.out.Group); err != nil && !errors.Is(err, cluster.ErrNotOurs) {
			t.note("group %s was not deleted: %v", t.out.Group, err)
		}
	}
}
