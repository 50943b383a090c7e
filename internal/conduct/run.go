// Package conduct is the supervisor: it starts brokers and workers, takes trials
// through their steps with a deadline for each, ends what it started, and
// writes run.json and trial.json. It measures nothing itself and reads no
// results.
package conduct

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"os"
	"runtime"
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
	ID       string // of the run
	Out      string // its directory
	Seed     uint64
	Suite    string
	Specs    []workloads.Spec
	Trials   []plan.Trial
	Broker   cluster.Options
	Profiles []profiles.Kind
	Keep     bool // leave topics and groups
	// Idle is how long kbench does nothing before each trial but look at the machine:
	// the constant of that name in any real run. 0: not at all.
	Idle    time.Duration
	Command []string
	// Deadlines end what hangs; the zero value is right for any real run.
	Deadlines Deadlines

	Table    []drivers.Driver
	Launcher launch.Launcher
	Self     []string // the command that is kbench
	Progress Progress // nil: nobody is told
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
}

// Run conducts all trials. The directory is valid and readable whatever the
// error: failed trials are in it, marked.
func Run(ctx context.Context, o Options) (*results.Dir, error) {
	o.Deadlines = o.Deadlines.normal()
	if o.Progress == nil {
		o.Progress = silent{}
	}
	r := &runner{o: o, progress: o.Progress, reference: drivers.Find(o.Table, Reference)}
	if err := r.lacking(); err != nil {
		return nil, err
	}
	build, clients := Build(o.Table)
	r.run = &results.Run{
		Schema: results.Schema, ID: o.ID, Started: time.Now().UTC().Format(time.RFC3339), State: results.StateRunning, Command: o.Command,
		Seed: o.Seed, Suite: o.Suite, Specs: o.Specs, Profiles: o.Profiles, Machine: o.Launcher.Host().Machine(), Go: runtime.Version(),
		Kbench: build.String(), Build: build, Clients: clients,
	}
	for _, t := range o.Trials {
		r.run.Rounds = max(r.run.Rounds, t.Round)
	}
	r.run.Broker = results.Broker{Kind: "none", Title: "none was needed"}
	trials := r.prepare()
	var err error
	if r.dir, err = results.Create(o.Out, r.run); err != nil {
		return nil, err
	}
	err = r.all(ctx, trials)
	if r.cluster != nil {
		stop, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		r.progress.Step("stopping the broker")
		if serr := r.cluster.Stop(stop); serr != nil && !r.brokerDied.Load() {
			err = errors.Join(err, fmt.Errorf("stop the broker: %w", serr))
		}
	}
	r.run.Ended = time.Now().UTC().Format(time.RFC3339)
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

// lacking is an error where a workload wants the reference producer and there is no
// driver for it.
func (r *runner) lacking() error {
	for _, t := range r.o.Trials {
		if r.reference == nil && t.Spec.Produce.By == "reference" {
			return fmt.Errorf("workload %s: the reference producer is %s, which is not among the drivers of this kbench; add it to their table, or write produce.by: arm", t.Workload, Reference)
		}
	}
	return nil
}

// prepare asks the drivers for their plans, so that arms are refused before
// anything starts.
func (r *runner) prepare() (all []*trial) {
	for _, p := range r.o.Trials {
		t := r.newTrial(p)
		r.run.Order = append(r.run.Order, t.out.Ref)
		all = append(all, t)
	}
	return all
}

// newTrial is a trial as planned, with what its driver says to its settings.
func (r *runner) newTrial(p plan.Trial) *trial {
	t := &trial{run: r, plan: p, progress: r.progress, profiles: r.o.Profiles}
	mode := drivers.Mode(p.Arm.Lane)
	topic := fmt.Sprintf("kbench-%s-%d", r.o.ID, p.N)
	lines, refused := arm.Plan(&p.Spec, mode, drivers.Find(r.o.Table, p.Arm.Client), r.reference, topic)
	ref := results.TrialRef{
		N: p.N, Dir: p.Dir, Workload: p.Workload, Arm: p.Arm.Name, Client: p.Arm.Client, Lane: p.Arm.Lane, Round: p.Round, Refused: refused,
	}
	t.out = &results.Trial{
		Schema: results.Schema, Ref: ref, Spec: p.Spec, Kind: p.Spec.Kind(), State: results.StateRunning, Plan: lines, Coordinator: -1,
		RunTag: tag(r.o.ID, p.N), Topic: topic, ClockEvery: clockEvery(&p.Spec),
	}
	if p.Spec.Consume.Members > 0 {
		t.out.Group = fmt.Sprintf("kbench-%s-%d", r.o.ID, p.N)
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
	for _, t := range trials {
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
	if len(failed) > 0 {
		return fmt.Errorf("%d of %d trials failed or were not as planned: %s", len(failed), len(r.o.Trials), strings.Join(failed, ", "))
	}
	return nil
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
	t.progress.Ended(t.out.Ref, t.out.State, why)
	if errors.Is(failure, ErrInterrupted) {
		return false, ErrInterrupted
	}
	return failure == nil && len(lies) == 0, nil
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
		stop, cancel := context.WithTimeout(context.Background(), time.Minute)
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
	r.run.Broker = c.Info()
	return r.dir.WriteRun(r.run)
}

// workerEnv is the environment of every worker: this process's, with the
// runtime's knobs set by the workload and equal in every arm.
func (r *runner) workerEnv(s *workloads.Spec) []string {
	var env []string
	for _, kv := range os.Environ() {
		switch k, _, _ := strings.Cut(kv, "="); k {
		case "GOMAXPROCS", "GOGC", "GOMEMLIMIT", "GODEBUG", "GOTRACEBACK":
		default:
			env = append(env, kv)
		}
	}
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
