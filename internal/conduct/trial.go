package conduct

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/kbench/kbench/drivers"
	"github.com/kbench/kbench/internal/cluster"
	"github.com/kbench/kbench/internal/worker"
	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/record"
	"github.com/kbench/kbench/workloads"
	"github.com/kbench/kbench/workloads/plan"
)

// ErrInterrupted is why a trial ended early when the user asked for it.
var ErrInterrupted = errors.New("interrupted")

// trial is one trial under way.
type trial struct {
	run  *runner
	plan plan.Trial
	out  *results.Trial
	path string

	cluster   *cluster.Cluster // nil for a driver without a broker
	access    cluster.Access
	settings  drivers.Settings
	reference drivers.Settings
	machine   *sampler

	fail func(error) // ends the trial

	mu      sync.Mutex
	workers []*process
}

// conduct runs a trial from its topic to its audit and writes trial.json
// whatever happens.
func (t *trial) conduct(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	t.fail = func(err error) { cancel(err) }
	stopWatching := t.watch(ctx)
	defer stopWatching()

	t.out.CanaryNs = int64(Canary())
	err := t.steps(ctx)
	if cause := context.Cause(ctx); cause != nil && err != nil {
		err = cause // the first thing that went wrong, not what followed from it
	}
	stopWatching()
	if endErr := t.endAll(t.run.o.Deadlines.Abort); endErr != nil {
		err = errors.Join(err, endErr)
	}
	if died := t.brokerDeath(); err != nil && died != nil {
		err = errors.Join(died, err) // a client may notice before the supervisor does
	}
	if t.machine != nil {
		err = errors.Join(err, t.machine.close())
	}
	if err == nil {
		err = t.checkWire()
	}
	t.cleanUp()
	switch {
	case err == nil:
		t.out.State = "complete"
	case errors.Is(err, ErrInterrupted) || errors.Is(err, context.Canceled):
		t.out.State, err = "interrupted", ErrInterrupted
		t.out.Error = err.Error()
	default:
		t.out.State, t.out.Error = "failed", err.Error()
	}
	for _, w := range t.all() {
		t.out.Workers = append(t.out.Workers, w.row())
	}
	return errors.Join(err, t.run.dir.WriteTrial(t.out))
}

// watch fails the trial when the broker dies or a worker falls silent.
func (t *trial) watch(ctx context.Context) func() {
	stop := make(chan struct{})
	var died <-chan error
	if t.cluster != nil {
		died = t.cluster.Died()
	}
	var done sync.WaitGroup
	done.Go(func() {
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-stop:
				return
			case err := <-died:
				t.run.brokerDied.Store(true)
				t.fail(fmt.Errorf("broker: %w", err))
				return
			case <-tick.C:
				for _, w := range t.all() {
					if d := w.silence(); d > t.run.o.Deadlines.Silence {
						t.fail(fmt.Errorf("worker %s (pid %d) has said nothing for %s: it hangs or was stopped%s",
							w.job.Name, w.p.PID(), d.Round(time.Second), w.tail()))
						return
					}
				}
			}
		}
	})
	return sync.OnceFunc(func() { close(stop); done.Wait() })
}

// brokerDeath is the death of the broker that watch did not see any more, nil
// while it lives.
func (t *trial) brokerDeath() error {
	if t.cluster == nil {
		return nil
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

func (t *trial) step(what string) { t.run.progress.Step(what) }

// steps is the life of a trial (DESIGN 4).
func (t *trial) steps(ctx context.Context) error {
	spec := &t.plan.Spec
	var err error
	if t.machine, err = startSampler(t.path); err != nil {
		return fmt.Errorf("machine samples: %w", err)
	}
	setup := record.Now()
	if t.cluster != nil {
		t.step("creating the topic")
		if err := t.createTopic(ctx); err != nil {
			return err
		}
		if g := spec.Group; g.Protocol == "consumer" && spec.Consume.Members > 0 {
			if err := t.cluster.ConfigureGroup(ctx, t.out.Group, g.Heartbeat, g.Session); err != nil {
				return err
			}
		}
		for i, pid := range t.cluster.PIDs() {
			t.machine.watch(results.BrokerProcess(i), pid)
		}
	}
	switch kind := spec.Kind(); {
	case t.cluster == nil:
		err = t.runBoth(ctx, setup)
	case len(spec.Churn) > 0:
		err = t.runChurn(ctx, setup)
	case kind == workloads.Producing:
		err = t.runProducing(ctx, setup)
	case kind == workloads.Backlog:
		err = t.runBacklog(ctx, setup)
	default:
		err = t.runEndToEnd(ctx, setup)
	}
	return err
}

func (t *trial) createTopic(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, t.run.o.Deadlines.Start)
	defer cancel()
	spec := &t.plan.Spec
	used, err := t.cluster.CreateTopic(ctx, t.out.Topic, spec.Topic.Partitions, spec.Topic.Replication)
	if err != nil {
		return fmt.Errorf("create topic %s: %w", t.out.Topic, err)
	}
	t.out.Replication = used
	if used != spec.Topic.Replication {
		t.note("replication is %d, not %d: the cluster has no more nodes", used, spec.Topic.Replication)
	}
	if t.out.Leaders, err = t.cluster.Leaders(ctx, t.out.Topic); err != nil {
		return fmt.Errorf("leaders of %s: %w", t.out.Topic, err)
	}
	return nil
}

func (t *trial) note(format string, args ...any) {
	t.out.Notes = append(t.out.Notes, fmt.Sprintf(format, args...))
}

// runBoth is a trial without a broker: one process is producer and members.
func (t *trial) runBoth(ctx context.Context, setup int64) error {
	t.step("starting")
	w, err := t.start(ctx, worker.Both, "both-0", t.settings, 0, nil)
	if err != nil {
		return err
	}
	if _, err := w.await(ctx, worker.Ready, t.run.o.Deadlines.Start); err != nil {
		return err
	}
	produced, err := t.measure(ctx, setup, []*process{w}, nil)
	if err != nil {
		return err
	}
	t.out.Acked, t.out.End = produced, produced
	if t.plan.Spec.Kind() != workloads.Producing {
		if err := t.drain(ctx, []*process{w}, produced); err != nil {
			return err
		}
	}
	return t.close(ctx, []*process{w})
}

func (t *trial) runProducing(ctx context.Context, setup int64) error {
	producers, err := t.startProducers(ctx)
	if err != nil {
		return err
	}
	acked, err := t.measure(ctx, setup, producers, nil)
	if err != nil {
		return err
	}
	if err := t.close(ctx, producers); err != nil {
		return err
	}
	if err := t.ends(ctx, acked); err != nil {
		return err
	}
	from := record.Now()
	t.step("reading the topic back")
	w, err := t.start(ctx, worker.Readback, "readback", drivers.Settings{}, 0, t.out.End)
	if err != nil {
		return err
	}
	if err := w.finish(ctx, 10*time.Minute); err != nil {
		return err
	}
	t.phase("audit", from, record.Now())
	return nil
}

func (t *trial) runBacklog(ctx context.Context, setup int64) error {
	if t.plan.Spec.Consume.Members != 1 {
		return fmt.Errorf("consume.members: a backlog is read by one member, not %d", t.plan.Spec.Consume.Members)
	}
	t.step("filling the topic")
	filler, err := t.start(ctx, worker.Filler, "reference-0", t.reference, 0, nil)
	if err != nil {
		return err
	}
	m, err := filler.await(ctx, worker.Produced, 10*time.Minute)
	if err != nil {
		return err
	}
	if err := t.close(ctx, []*process{filler}); err != nil {
		return err
	}
	if err := t.ends(ctx, m.Next); err != nil {
		return err
	}
	t.step("reading the backlog")
	member, err := t.start(ctx, worker.Consumer, "consumer-0", t.settings, 0, t.out.End)
	if err != nil {
		return err
	}
	if _, err := member.await(ctx, worker.Ready, t.run.o.Deadlines.Start); err != nil {
		return err
	}
	limit := t.run.o.Deadlines.Stable + t.plan.Spec.Phases.Drain
	var at [3]int64
	for i, name := range []string{"warmup", "measure", "drain"} {
		r, err := member.await(ctx, worker.PhaseMsg+" "+name, limit)
		if err != nil {
			return err
		}
		t.machine.sample()
		at[i] = r.At
	}
	t.phase("setup", setup, at[0])
	t.phase("warmup", at[0], at[1])
	t.phase("measure", at[1], at[2])
	if err := t.coordinator(ctx); err != nil {
		return err
	}
	if err := t.drain(ctx, []*process{member}, t.out.End); err != nil {
		return err
	}
	return t.close(ctx, []*process{member})
}

func (t *trial) runEndToEnd(ctx context.Context, setup int64) error {
	spec := &t.plan.Spec
	t.step("starting the group")
	var members []*process
	for i := range spec.Consume.Members {
		set := t.settings
		if spec.Group.Static {
			set.InstanceID = fmt.Sprintf("%s-member-%d", t.out.Group, i)
		}
		w, err := t.start(ctx, worker.Consumer, fmt.Sprintf("consumer-%d", i), set, uint32(i), nil)
		if err != nil {
			return err
		}
		members = append(members, w)
	}
	for _, w := range members {
		if _, err := w.await(ctx, worker.Ready, t.run.o.Deadlines.Start); err != nil {
			return err
		}
	}
	producers, err := t.startProducers(ctx)
	if err != nil {
		return err
	}
	if err := t.stable(ctx); err != nil {
		return err
	}
	if err := t.coordinator(ctx); err != nil {
		return err
	}
	acked, err := t.measure(ctx, setup, producers, members)
	if err != nil {
		return err
	}
	if err := t.ends(ctx, acked); err != nil {
		return err
	}
	if err := t.drain(ctx, members, t.out.End); err != nil {
		return err
	}
	return t.close(ctx, append(producers, members...))
}

func (t *trial) startProducers(ctx context.Context) ([]*process, error) {
	role, set, name := worker.Producer, t.settings, "producer"
	if t.plan.Spec.Produce.By == "reference" {
		role, set, name = worker.Reference, t.reference, "reference"
	}
	t.step("starting producers")
	var out []*process
	for i := range t.plan.Spec.Produce.Producers {
		w, err := t.start(ctx, role, fmt.Sprintf("%s-%d", name, i), set, uint32(i), nil)
		if err != nil {
			return nil, err
		}
		out = append(out, w)
	}
	for _, w := range out {
		if _, err := w.await(ctx, worker.Ready, t.run.o.Deadlines.Start); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// start starts one worker of the trial.
func (t *trial) start(ctx context.Context, role worker.Role, name string, set drivers.Settings, number uint32, ends map[int32]int64) (*process, error) {
	return t.startWorker(ctx, role, name, set, number, ends, false)
}

// startWorker is start, for a member that is held until it is told to join too.
func (t *trial) startWorker(ctx context.Context, role worker.Role, name string, set drivers.Settings, number uint32, ends map[int32]int64, hold bool) (*process, error) {
	client := t.plan.Arm.Client
	if role == worker.Reference || role == worker.Filler {
		client = t.run.reference.Name()
	}
	set.Topics, set.GroupID, set.ClientID = []string{t.out.Topic}, t.out.Group, worker.ClientID(name)
	job := worker.Job{
		Name: name, Role: role, Client: client, Dir: filepath.Join(t.path, name), Settings: set, Spec: t.plan.Spec, Seed: t.plan.Seed,
		RunTag: t.out.RunTag, Number: number, Topic: t.out.Topic, Access: t.access, Interval: time.Second, Every: t.out.ClockEvery, Ends: ends, Hold: hold,
	}
	if len(t.plan.Spec.Churn) > 0 {
		job.Interval = 100 * time.Millisecond // so that a window of churn can be cut out afterwards
	}
	if role == worker.Producer || role == worker.Consumer || role == worker.Both {
		job.Profiles = t.run.o.Profiles
	}
	w, err := startProcess(ctx, t.run.o.Launcher, t.run.o.Self, t.run.workerEnv(&t.plan.Spec), job, t.fail)
	if w != nil {
		t.mu.Lock()
		t.workers = append(t.workers, w)
		t.mu.Unlock()
		t.machine.watch(name, w.p.PID())
	}
	return w, err
}

// stable waits until the coordinator says that every member is in and every
// partition is owned.
func (t *trial) stable(ctx context.Context) error {
	t.step("waiting for the group to be stable")
	spec := &t.plan.Spec
	limit := time.Now().Add(t.run.o.Deadlines.Stable)
	last := "no answer"
	for time.Now().Before(limit) {
		g, err := t.cluster.GroupState(ctx, t.out.Group)
		if err != nil {
			last = err.Error()
		} else {
			owned := 0
			for _, m := range g.Members {
				owned += len(m.Parts)
			}
			if g.State == "Stable" && len(g.Members) == spec.Consume.Members && owned == spec.Topic.Partitions {
				return nil
			}
			last = fmt.Sprintf("%s with %d members owning %d partitions", g.State, len(g.Members), owned)
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(100 * time.Millisecond):
		}
	}
	return fmt.Errorf("group %s was not stable with %d members and %d partitions within %s: last seen %s",
		t.out.Group, spec.Consume.Members, spec.Topic.Partitions, t.run.o.Deadlines.Stable, last)
}

func (t *trial) coordinator(ctx context.Context) (err error) {
	if t.out.Coordinator, err = t.cluster.Coordinator(ctx, t.out.Group); err != nil {
		return fmt.Errorf("coordinator of %s: %w", t.out.Group, err)
	}
	return nil
}

// lead is how long before the warm-up all workers are told when it begins.
const lead = 200 * time.Millisecond

// measure tells all workers when the parts begin and waits for the producers.
func (t *trial) measure(ctx context.Context, setup int64, producers, members []*process) (map[int32]int64, error) {
	ph := t.plan.Spec.Phases
	begin := worker.Command{Do: worker.Begin, Warmup: record.Now() + int64(lead)}
	begin.Measure = begin.Warmup + int64(ph.Warmup)
	begin.End = begin.Measure + int64(ph.Measure)
	for _, at := range []int64{begin.Measure, begin.End} {
		t.machine.sampleAt(at)
	}
	for _, w := range append(slices.Clone(members), producers...) {
		if err := w.send(begin); err != nil {
			return nil, fmt.Errorf("worker %s: %w", w.job.Name, err)
		}
	}
	t.run.progress.Measuring(ph.Warmup, ph.Measure)
	return t.produced(ctx, setup, begin, producers)
}

// produced waits until the producers have an answer for every record, notes the
// parts of the trial, and returns the offset after the last acked record of each
// partition.
func (t *trial) produced(ctx context.Context, setup int64, begin worker.Command, producers []*process) (map[int32]int64, error) {
	acked := make(map[int32]int64)
	limit := time.Duration(begin.End-record.Now()) + t.plan.Spec.Phases.Drain + t.run.o.Deadlines.Close
	for _, w := range producers {
		m, err := w.await(ctx, worker.Produced, limit)
		if err != nil {
			return nil, err
		}
		if m.Error != "" {
			t.note("%s: %s", w.job.Name, m.Error)
		}
		for p, n := range m.Next {
			acked[p] = max(acked[p], n)
		}
	}
	t.phase("setup", setup, begin.Warmup)
	t.phase("warmup", begin.Warmup, begin.Measure)
	t.phase("measure", begin.Measure, begin.End)
	t.phase("drain", begin.End, record.Now())
	return acked, nil
}

func (t *trial) phase(name string, from, to int64) {
	t.out.Phases = append(t.out.Phases, results.Phase{Name: name, From: from, To: to})
}

// ends reads the end offsets and holds them against what was acked.
func (t *trial) ends(ctx context.Context, acked map[int32]int64) error {
	t.out.Acked = acked
	ctx, cancel := context.WithTimeout(ctx, t.run.o.Deadlines.Start)
	defer cancel()
	var err error
	if t.out.End, err = t.cluster.EndOffsets(ctx, t.out.Topic); err != nil {
		return fmt.Errorf("end offsets of %s: %w", t.out.Topic, err)
	}
	for _, p := range slices.Sorted(maps.Keys(acked)) {
		if t.out.End[p] != acked[p] {
			t.note("partition %d ends at %d on the broker and at %d by the acks", p, t.out.End[p], acked[p])
		}
	}
	return nil
}

// drain waits until the members together have reached the ends.
func (t *trial) drain(ctx context.Context, members []*process, ends map[int32]int64) error {
	t.step("draining")
	from := record.Now()
	for _, w := range members {
		if err := w.send(worker.Command{Do: worker.Drain, Ends: ends}); err != nil {
			return fmt.Errorf("worker %s: %w", w.job.Name, err)
		}
	}
	limit := time.Now().Add(t.plan.Spec.Phases.Drain)
	for {
		next := make(map[int32]int64)
		for _, w := range members {
			if m, ok := w.report(worker.Progress); ok {
				for p, n := range m.Next {
					next[p] = max(next[p], n)
				}
			}
		}
		var behind []string
		for _, p := range slices.Sorted(maps.Keys(ends)) {
			if next[p] < ends[p] {
				behind = append(behind, fmt.Sprintf("%d at %d of %d", p, next[p], ends[p]))
			}
		}
		if len(behind) == 0 {
			break
		}
		if time.Now().After(limit) {
			// What was not delivered is a result, and the audit counts it.
			t.note("not drained within %s: partition %s", t.plan.Spec.Phases.Drain, strings.Join(behind, ", "))
			break
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(20 * time.Millisecond):
		}
	}
	if t.plan.Spec.Kind() == workloads.Backlog {
		t.phase("drain", from, record.Now())
	}
	return nil
}

// close ends workers in good order.
func (t *trial) close(ctx context.Context, ws []*process) error {
	t.step("closing")
	from := record.Now()
	for _, w := range ws {
		if err := w.send(worker.Command{Do: worker.Close}); err != nil {
			if _, done := w.report(worker.Done); !done {
				return fmt.Errorf("worker %s: %w", w.job.Name, err)
			}
		}
	}
	for _, w := range ws {
		if err := w.finish(ctx, t.run.o.Deadlines.Close); err != nil {
			return err
		}
	}
	t.phase("close", from, record.Now())
	return nil
}

// endAll makes sure that no worker of this trial is left.
func (t *trial) endAll(grace time.Duration) error {
	var g sync.WaitGroup
	errs := make([]error, len(t.all()))
	for i, w := range t.all() {
		g.Go(func() { errs[i] = w.end(grace) })
	}
	g.Wait()
	return errors.Join(errs...)
}

// checkWire holds every claim of the plan against what the taps saw.
func (t *trial) checkWire() error {
	if t.cluster == nil {
		return nil
	}
	for _, w := range t.all() {
		role := string(w.job.Role)
		if w.job.Role == worker.Filler {
			role = string(worker.Reference)
		}
		if w.job.Role == worker.Readback || w.job.Role == worker.Observer {
			continue
		}
		s, err := readWire(filepath.Join(w.job.Dir, results.EventsFile))
		if err != nil {
			return fmt.Errorf("worker %s: %w", w.job.Name, err)
		}
		lines := t.out.Plan
		if w.plan != nil {
			lines = w.plan
		}
		t.out.Wire = append(t.out.Wire, check(w.job.Name, role, &t.plan.Spec, lines, s)...)
	}
	if l := lies(t.out.Wire); len(l) > 0 {
		return fmt.Errorf("the wire contradicts the plan: %s", strings.Join(l, "; "))
	}
	return nil
}

// cleanUp removes what the trial made on the cluster.
func (t *trial) cleanUp() {
	// A broker that has died is thrown away with all that is on it.
	if t.cluster == nil || t.run.o.Keep || t.run.brokerDied.Load() {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), t.run.o.Deadlines.Start)
	defer cancel()
	if err := t.cluster.DeleteTopic(ctx, t.out.Topic); err != nil {
		t.note("topic %s was not deleted: %v", t.out.Topic, err)
	}
	if t.plan.Spec.Consume.Members > 0 {
		if err := t.cluster.DeleteGroup(ctx, t.out.Group); err != nil {
			t.note("group %s was not deleted: %v", t.out.Group, err)
		}
	}
}
