// Package conduct is the supervisor: it starts brokers and workers, takes trials
// through their steps with a deadline for each, ends what it started, and
// writes run.json and trial.json. It measures nothing itself and reads no
// results.
package conduct

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/kbench/kbench/drivers"
	"github.com/kbench/kbench/internal/arm"
	"github.com/kbench/kbench/internal/cluster"
	"github.com/kbench/kbench/internal/launch"
	"github.com/kbench/kbench/profiles"
	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/workloads"
	"github.com/kbench/kbench/workloads/plan"
)

// Options say what to run and where.
type Options struct {
	ID     string // of the run
	Out    string // its directory
	Seed   uint64
	Suite  string
	Specs  []workloads.Spec
	Trials []plan.Trial
	// Again is asked for what else is to be run when all trials are over, until there
	// is nothing. It may read what they left, for nothing is measured then, and note in
	// what is to be run.json what it goes by. nil: nothing.
	Again    func(*results.Dir, *results.Run) []plan.Trial
	Sequence *results.Sequence // what it goes by, where that is the number of rounds
	Broker   cluster.Options
	Profiles []profiles.Kind // of the profiled rounds
	Hz       int             // of their CPU profiles
	Keep     bool            // leave topics and groups
	// Resume: Out is a run of these very trials that was cut off. Those of it that were
	// completed, or refused, stay as they are; the others run, under names of this ID.
	Resume bool
	// Idle is how long kbench does nothing before each trial but look at the machine:
	// the constant of that name in any real run. 0: not at all.
	Idle    time.Duration
	Command []string
	// Deadlines end what hangs; the zero value is right for any real run.
	Deadlines Deadlines

	// CPUs are the processors of each part (results.PartsOfCPUs); those of one that is not
	// in it are all that kbench may use. nil: nobody is tied to any.
	CPUs map[string]launch.CPUSet

	Table    []drivers.Driver
	Launcher launch.Launcher
	Self     []string // the command that is kbench
	Progress Progress // nil: nobody is told
	Live     Live     // nil: nobody can look at running workers
}

// Progress is told what is going on.
type Progress interface {
	// Trial says that a trial starts.
	Trial(ref results.TrialRef, of int)
	// Step says what the supervisor is doing.
	Step(what string)
	// Measuring says that a warm-up and a measured part have begun.
	Measuring(warmup, measure time.Duration)
	// Ended says how the trial ended.
	Ended(ref results.TrialRef, state results.State, why string)
}

// Reference is the client that produces where the client under test does not.
const Reference = "franz-go"

type runner struct {
	o         Options
	dir       *results.Dir
	run       *results.Run
	progress  Progress
	reference drivers.Driver
	cluster   *cluster.Cluster

	brokerDied atomic.Bool // the cluster lost a node and must be started anew
	leaseLost  error       // what the run makes on a cluster of others is nobody's any more
}

// Run conducts all trials. The directory is valid and readable whatever the
// error: failed trials are in it, marked.
func Run(ctx context.Context, o Options) (*results.Dir, error) {
	o.Deadlines = o.Deadlines.normal()
	if o.Progress == nil {
		o.Progress = silent{}
	}
	r := &runner{o: o, progress: o.Progress, reference: drivers.Find(o.Table, Reference)}
	if err := cmp.Or(r.lacking(), Refused(o.Broker, o.Trials)); err != nil {
		return nil, err
	}
	trials, err := r.open()
	if err != nil {
		return nil, err
	}
	defer r.dir.Release()
	err = r.all(ctx, trials)
	err = r.leave(err)
	r.run.Ended = now()
	switch {
	case err == nil:
		r.run.State = results.StateComplete
	case errors.Is(err, ErrInterrupted):
		r.run.State, r.run.Error = results.StateInterrupted, err.Error()
	default:
		r.run.State, r.run.Error = results.StateFailed, err.Error()
	}
	if werr := r.dir.WriteRun(r.run); werr != nil {
		err = errors.Join(err, werr)
	}
	return r.dir, err
}

// open makes the run directory, or opens that of a run which goes on, and says which
// trials are to run.
func (r *runner) open() (trials []*trial, err error) {
	if r.o.Resume {
		return r.reopen()
	}
	o := &r.o
	build, clients := Build(o.Table)
	r.run = &results.Run{
		Schema: results.Schema, ID: o.ID, Started: now(), State: results.StateRunning, Command: o.Command,
		Seed: o.Seed, Suite: o.Suite, Specs: o.Specs, Profiles: o.Profiles, Hz: o.Hz, Machine: o.Launcher.Host().Machine(), Go: runtime.Version(),
		Kbench: build.String(), Build: build, Clients: clients,
	}
	r.run.Sequence, r.run.CPUs = o.Sequence, o.cpuNames()
	r.countRounds()
	r.run.Broker = results.Broker{Kind: "none", Title: "none was needed"}
	trials = r.prepare(o.Trials)
	r.dir, err = results.Create(o.Out, r.run)
	return trials, err
}

// countRounds notes how many rounds are timed.
func (r *runner) countRounds() {
	for _, t := range r.o.Trials {
		if !t.Profiled {
			r.run.Rounds = max(r.run.Rounds, t.Round)
		}
	}
}

func now() string { return time.Now().UTC().Format(time.RFC3339) }

// within bounds what is asked of the cluster at the end, whoever else has ended.
func (r *runner) within(limit time.Duration) (context.Context, func()) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	hold := context.AfterFunc(ctx, r.cluster.HangUp)
	return ctx, func() { hold(); cancel() }
}

// stopLimit is for a broker to end by itself: for its nodes to be killed and their data
// to be deleted. stopEarly is that where somebody waits, or it may hang.
const (
	stopLimit = time.Minute
	stopEarly = 5 * time.Second
)

// leave gives back the lease on a cluster of others, and ends a broker of the run's own.
// It adds to how the run went what went wrong there.
func (r *runner) leave(ran error) error {
	if r.cluster == nil {
		return ran
	}
	limit, ends := stopLimit, r.o.Deadlines.Abort
	if isInterrupt(ran) || r.brokerDied.Load() {
		limit = stopEarly
	}
	if r.cluster.Info().Kind == cluster.Attached {
		r.progress.Step(fmt.Sprintf("giving back the lease on the cluster, %s at the most", ends))
	} else {
		r.progress.Step(fmt.Sprintf("stopping the broker, %s at the most", limit))
	}
	ctx, cancel := r.within(ends)
	defer cancel()
	err := r.cluster.EndLease(ctx, r.o.Keep)
	if ran != nil && err != nil {
		err = fmt.Errorf("%w; %w", ran, err)
	}
	err = cmp.Or(err, ran)
	stop, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	if serr := r.cluster.Stop(stop); serr != nil && !r.brokerDied.Load() {
		err = errors.Join(err, fmt.Errorf("stop the broker: %w", serr))
	}
	return err
}

// lacking is an error where there is no driver for a client, or for the reference
// producer that a workload wants.
func (r *runner) lacking() error {
	for _, t := range r.o.Trials {
		if drivers.Find(r.o.Table, t.Arm.Client) == nil {
			return fmt.Errorf("workload %s: arm %s: no driver of this kbench is called %q; add it to the table", t.Workload, t.Arm.Name, t.Arm.Client)
		}
		if r.reference == nil && t.Spec.Produce.By == "reference" {
			return fmt.Errorf("workload %s: the reference producer is %s, which is not among the drivers of this kbench; add it to their table, or write produce.by: arm", t.Workload, Reference)
		}
	}
	return nil
}

// prepare asks the drivers for their plans, so that arms are refused before
// anything starts.
func (r *runner) prepare(trials []plan.Trial) (all []*trial) {
	for _, p := range trials {
		t := r.newTrial(p)
		r.run.Order = append(r.run.Order, t.out.Ref)
		all = append(all, t)
	}
	return all
}

// newTrial is a trial as planned, with what its driver says to its settings.
func (r *runner) newTrial(p plan.Trial) *trial {
	t := &trial{run: r, plan: p, progress: r.progress}
	mode := drivers.Mode(p.Arm.Lane)
	topic := cluster.Name(r.o.ID, p.N)
	lines, refused := arm.Plan(&p.Spec, mode, drivers.Find(r.o.Table, p.Arm.Client), r.reference, topic)
	ref := results.TrialRef{
		N: p.N, Dir: p.Dir, Workload: p.Workload, Arm: p.Arm.Name, Client: p.Arm.Client, Lane: p.Arm.Lane, Round: p.Round, Refused: refused, Twin: p.Arm.Twin, Profiled: p.Profiled, Repeat: p.Repeat,
	}
	t.out = &results.Trial{
		Schema: results.Schema, Ref: ref, Spec: p.Spec, Kind: p.Spec.Kind(), State: results.StateRunning, Plan: lines, Coordinator: -1,
		RunTag: tag(r.o.ID, p.N), Topic: topic, ClockEvery: clockEvery(&p.Spec),
	}
	if p.Spec.Consume.Members > 0 {
		t.out.Group = cluster.Name(r.o.ID, p.N)
	}
	t.subscribed = []string{t.out.Topic}
	t.settings = arm.Settings(&p.Spec, mode)
	t.reference = arm.Settings(&p.Spec, drivers.Matched)
	return t
}

// clockEvery is how the cost of a record is kept down where the client is
// driven as fast as it goes (MEASURING 4): sequence on all records; clock,
// checksum and histogram on one in 64, the same for every client.
func clockEvery(s *workloads.Spec) int {
	if s.Produce.Rate.Max || s.Consume.Backlog > 0 {
		return 64
	}
	return 1
}

// tag stands in every record, so that records of another trial are seen.
func tag(id string, n int) uint32 {
	h := fnv.New32a()
	fmt.Fprintf(h, "%s/%d", id, n)
	return h.Sum32()
}

// all runs the trials one after the other. A failed trial does not stop those
// after it; an interrupt does.
func (r *runner) all(ctx context.Context, trials []*trial) error {
	var failed []string
	for {
		if len(trials) == 0 && r.o.Again != nil && ctx.Err() == nil {
			var err error
			if trials, err = r.again(); err != nil {
				return err
			}
		}
		if len(trials) == 0 {
			break
		}
		t := trials[0]
		trials = trials[1:]
		if ctx.Err() != nil {
			return ErrInterrupted
		}
		ok, err := r.one(ctx, t)
		switch {
		case err != nil:
			return err
		case !ok:
			failed = append(failed, t.out.Ref.Dir)
		}
	}
	if r.o.Sequence != nil && ctx.Err() != nil {
		return ErrInterrupted // nobody knows what would have followed
	}
	if len(failed) > 0 {
		return fmt.Errorf("%d of %d trials failed, were not as planned or not read back: %s", len(failed), len(r.o.Trials), strings.Join(failed, ", "))
	}
	return nil
}

// again are trials that are to follow what was planned.
func (r *runner) again() ([]*trial, error) {
	r.progress.Step("looking for what is still missing")
	more := r.o.Again(r.dir, r.run)
	r.o.Trials = slices.Concat(r.o.Trials, more)
	r.countRounds()
	return r.prepare(more), r.dir.WriteRun(r.run)
}

// one runs a trial and says whether all went well with it. An error ends the run.
func (r *runner) one(ctx context.Context, t *trial) (ok bool, err error) {
	t.progress.Trial(t.out.Ref, len(r.o.Trials))
	if t.path, err = r.dir.CreateTrial(t.out); err != nil {
		return false, err
	}
	if t.out.Ref.Refused != "" {
		t.out.State = results.StateRefused
		if err := r.dir.WriteTrial(t.out); err != nil {
			return false, err
		}
		t.progress.Ended(t.out.Ref, results.StateRefused, t.out.Ref.Refused)
		return true, nil
	}
	if r.needsBroker(t) {
		if err := r.ensureCluster(ctx); err != nil {
			// Without a broker no later trial fares better.
			t.out.State, t.out.Error = results.StateFailed, err.Error()
			if ctx.Err() != nil {
				t.out.State, err = results.StateInterrupted, ErrInterrupted
			}
			return false, errors.Join(err, r.dir.WriteTrial(t.out))
		}
		t.cluster, t.access = r.cluster, r.cluster.Access()
		t.out.BrokerPIDs = r.cluster.PIDs()
	}
	failure := t.conduct(ctx)
	lies := arm.Lies(t.out.Wire)
	why := t.out.Error
	if failure == nil && len(lies) > 0 {
		why = "the wire contradicts the plan: " + strings.Join(lies, "; ")
	}
	if failure == nil && t.out.NotRead != "" {
		why = "not read back, so that the audit is not whole: " + t.out.NotRead
	}
	t.progress.Ended(t.out.Ref, t.out.State, why)
	if errors.Is(failure, ErrInterrupted) {
		return false, ErrInterrupted
	}
	if r.leaseLost != nil {
		return false, r.leaseLost
	}
	return failure == nil && len(lies) == 0 && t.out.NotRead == "", nil
}

func (r *runner) needsBroker(t *trial) bool {
	return !drivers.IsBrokerless(drivers.Find(r.o.Table, t.plan.Arm.Client))
}

// ensureCluster starts the broker, or a new one where the last has died.
func (r *runner) ensureCluster(ctx context.Context) error {
	if r.cluster != nil {
		select {
		case <-r.cluster.Died():
			// Between two trials nobody watches, and the next one is not to
			// blame.
			r.brokerDied.Store(true)
		default:
		}
		if !r.brokerDied.Swap(false) {
			return nil
		}
		stop, cancel := context.WithTimeout(context.Background(), stopEarly)
		_ = r.cluster.Stop(stop) // it is broken already; what matters is that it is gone
		cancel()
		r.cluster = nil
	}
	r.progress.Step("starting the broker")
	c, err := cluster.Start(ctx, r.o.Broker, r.o.Launcher, append(append([]string{}, r.o.Self...), "broker"))
	if err != nil {
		return fmt.Errorf("broker: %w", err)
	}
	r.cluster = c
	soon, cancel := context.WithTimeout(ctx, r.o.Deadlines.Start)
	defer cancel()
	if err := c.TakeLease(soon, r.o.ID, cluster.LeaseEvery); err != nil {
		return err
	}
	r.run.Broker = c.Info()
	return r.dir.WriteRun(r.run)
}

// workerEnv is the environment of every worker: the little that it needs of this
// process's, with the runtime's knobs set by the workload and equal in every arm.
func workerEnv(s *workloads.Spec) []string {
	env := launch.WorkerEnviron()
	if s.Process.GOMAXPROCS > 0 {
		env = append(env, fmt.Sprintf("GOMAXPROCS=%d", s.Process.GOMAXPROCS))
	}
	if s.Process.GOMEMLIMIT != "" {
		env = append(env, "GOMEMLIMIT="+s.Process.GOMEMLIMIT)
	}
	return append(env, fmt.Sprintf("GOGC=%d", s.Process.GOGC))
}

// silent is the Progress of a run that nobody watches.
type silent struct{}

func (silent) Trial(results.TrialRef, int)                   {}
func (silent) Step(string)                                   {}
func (silent) Measuring(_, _ time.Duration)                  {}
func (silent) Ended(results.TrialRef, results.State, string) {}
