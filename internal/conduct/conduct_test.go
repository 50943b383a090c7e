package conduct_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/kbench/kbench/drivers"
	"github.com/kbench/kbench/drivers/faulty"
	"github.com/kbench/kbench/drivers/franzgo"
	"github.com/kbench/kbench/drivers/kafkago"
	"github.com/kbench/kbench/drivers/loopback"
	"github.com/kbench/kbench/drivers/sarama"
	"github.com/kbench/kbench/internal/aside"
	"github.com/kbench/kbench/internal/cluster"
	"github.com/kbench/kbench/internal/conduct"
	"github.com/kbench/kbench/internal/launch"
	"github.com/kbench/kbench/internal/leak"
	"github.com/kbench/kbench/internal/worker"
	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/evidence"
	"github.com/kbench/kbench/results/summary"
	"github.com/kbench/kbench/workloads"
	"github.com/kbench/kbench/workloads/plan"
)

// TestMain makes this binary a kbench as far as a supervisor needs one: its first
// argument may be that of a worker, of a broker, or of a supervisor to be killed.
func TestMain(m *testing.M) {
	acts := map[string]func(context.Context) error{
		// A worker takes SIGTERM for itself.
		"worker": func(ctx context.Context) error {
			shiftClock()
			return worker.Main(context.WithoutCancel(ctx), table(), aside.Parts(), os.Stdin, os.Stdout)
		},
		"broker": func(ctx context.Context) error {
			return cluster.Serve(ctx, cluster.Options{Log: os.Stderr}, os.Stdin, os.Stdout, true)
		},
		deafArg:       deaf,
		supervisorArg: supervise,
		burnArg:       burn,
	}
	if len(os.Args) < 2 || acts[os.Args[1]] == nil {
		// Trials mostly wait, so more of them fit in than there are cores.
		if err := flag.Set("test.parallel", "6"); err != nil {
			panic(err)
		}
		leak.Main(m)
		return
	}
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	err := acts[os.Args[1]](ctx)
	cancel()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// table is the three clients and loopback, whole and with every fault, those that
// end their process, and one that no tap sees.
func table() []drivers.Driver {
	var all []drivers.Driver
	for _, make := range []func() drivers.Driver{franzgo.New, sarama.New, kafkago.New, loopback.New} {
		all = append(all, make())
		for _, f := range faulty.Faults() {
			all = append(all, faulty.Wrap(make(), f))
		}
	}
	return append(append(all, endings()...), bypass{franzgo.New()}, faulty.Wrap(franzgo.New(), burner), faulty.Wrap(franzgo.New(), leaker), faulty.Wrap(loopback.New(), dear), slowClose{franzgo.New()})
}

var clients = [...]string{"franz-go", "sarama", "kafka-go"}

// endToEnd is a small workload with known numbers: 500 records a second on four
// partitions, read by one member. Its length is that of the measured part.
func endToEnd(name string, measure time.Duration) workloads.Spec {
	s := workloads.Default()
	s.Name = name
	s.Topic.Partitions = 4
	s.Produce.Rate = workloads.Rate{PerSecond: 500}
	s.Produce.Batch.Records = 50
	s.Consume.Members = 1
	s.Phases = workloads.Phases{Warmup: 200 * time.Millisecond, Measure: measure, Drain: 30 * time.Second}
	return s
}

// short is long enough for figures, also where the machine stands still for a second.
func short(name string) workloads.Spec { return endToEnd(name, 2*time.Second) }

// long ends by what the test does to it, and by nothing else.
func long(name string) workloads.Spec { return endToEnd(name, 10*time.Minute) }

// written is a workload as its document says, with settings.
func written(t *testing.T, doc string, set ...string) workloads.Spec {
	t.Helper()
	parsed, err := workloads.Parse("workload.yaml", []byte(doc), workloads.Options{Set: set})
	if err != nil {
		t.Fatal(err)
	}
	return *parsed.Spec
}

// trials runs every workload once for every client, in the order given.
func trials(specs []workloads.Spec, clients ...string) []plan.Trial {
	all, err := plan.Expand(specs, clients, []string{"matched"}, plan.Rounds{Timed: 1}, 7)
	if err != nil {
		panic(err) // the arguments are written in this package
	}
	return all
}

// options are those of a run, on an embedded broker, by this test binary.
func options(name, dir string, all []plan.Trial) conduct.Options {
	o := conduct.Options{
		ID: runID(name), Out: filepath.Join(dir, "run"), Seed: 7, Trials: all, Command: []string{"kbench", "run"},
		Broker: cluster.Options{Kind: cluster.Embedded, Log: os.Stderr},
		Table:  table(), Launcher: &spy{}, Self: []string{os.Args[0]}, Progress: &hook{},
		Deadlines: patient(),
	}
	for _, p := range all {
		if !slices.ContainsFunc(o.Specs, func(s workloads.Spec) bool { return s.Name == p.Spec.Name }) {
			o.Specs = append(o.Specs, p.Spec)
		}
	}
	return o
}

// patient are the deadlines of trials in which nothing hangs. A busy machine was seen to
// take more than 10 s to end a process that was killed, and to let a worker speak.
func patient() conduct.Deadlines {
	return conduct.Deadlines{Start: 2 * time.Minute, Stable: 5 * time.Minute, Close: 3 * time.Minute, Silence: time.Minute, Abort: 20 * time.Second}
}

// runID is fit to be part of the name of a topic.
func runID(name string) string {
	return strings.ToLower(strings.NewReplacer("/", "-", "+", "-", "_", "-").Replace(name))
}

// run conducts the trials and checks what holds after every run, however it
// ended: the directory can be read, and no process is left.
func run(t *testing.T, ctx context.Context, o conduct.Options) (*outcome, error) {
	t.Helper()
	_, err := conduct.Run(ctx, o)
	for _, p := range o.Launcher.(*spy).all() {
		select {
		case <-p.Done():
		default:
			t.Errorf("process %d (%s) outlives its run", p.PID(), p.name)
			_ = p.Signal(context.Background(), syscall.SIGKILL)
		}
	}
	return read(t, o.Out), err
}

// outcome is what a run left in its directory, read anew.
type outcome struct {
	dir     *results.Dir
	trials  []*results.Trial
	summary *results.Summary
}

func read(t *testing.T, path string) *outcome {
	t.Helper()
	dir, err := results.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	o := &outcome{dir: dir}
	if o.trials, err = dir.Trials(); err != nil {
		t.Fatal(err)
	}
	if o.summary, err = summary.Write(dir); err != nil {
		t.Fatal(err)
	}
	return o
}

// evidence is all that is known of a trial.
func (o *outcome) evidence(t *testing.T, trial *results.Trial) *evidence.Trial {
	t.Helper()
	e, err := evidence.Load(o.dir, trial)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// states are those of the trials, in order.
func (o *outcome) states() []string {
	var s []string
	for _, t := range o.trials {
		s = append(s, string(t.State))
	}
	return s
}

func (o *outcome) wantStates(t *testing.T, want ...string) {
	t.Helper()
	if got := o.states(); !slices.Equal(got, want) {
		for _, tr := range o.trials {
			t.Logf("trial %d: %s: %s", tr.Ref.N, tr.State, tr.Error)
		}
		t.Fatalf("trials ended as %q, want %q", got, want)
	}
}

// worker is what trial.json says of a worker.
func (o *outcome) worker(t *testing.T, trial int, name string) results.Worker {
	t.Helper()
	workers := o.trials[trial-1].Workers
	i := slices.IndexFunc(workers, func(w results.Worker) bool { return w.Name == name })
	if i < 0 {
		t.Fatalf("trial %d has no worker %s", trial, name)
	}
	return workers[i]
}

// value is a figure of a trial without class or statistic.
func (o *outcome) value(t *testing.T, trial int, metric, class string) float64 {
	t.Helper()
	for _, r := range o.summary.Rows {
		if r.Trial == trial && r.Metric == metric && r.Class == class && r.Stat == "" {
			return r.Value
		}
	}
	if class != "" {
		return 0 // only causes that occurred have a row
	}
	t.Fatalf("trial %d has no %s; warnings: %q", trial, metric, o.summary.Warnings)
	return 0
}

// truth is what the audit counted in a trial, without what it did not find.
func (o *outcome) truth(t *testing.T, trial int) map[string]int {
	t.Helper()
	found := map[string]int{}
	for _, m := range []string{results.AuditLost, results.AuditDuplicate, results.AuditReordered, results.AuditCorrupt, results.AuditUnanswered} {
		if n := o.value(t, trial, m, ""); n != 0 {
			found[m] = int(n)
		}
	}
	return found
}

// wantFigures checks that a trial was measured and that no record of it is
// missing, double, out of order or damaged.
func (o *outcome) wantFigures(t *testing.T, trial int) {
	t.Helper()
	if found := o.truth(t, trial); len(found) > 0 {
		t.Errorf("trial %d: the audit found %v; warnings: %q", trial, found, o.summary.Warnings)
	}
	rows := 0
	for _, r := range o.summary.Rows {
		if r.Trial == trial && r.Stat == "p50" {
			rows++
		}
	}
	if rows == 0 {
		t.Errorf("trial %d has no latencies", trial)
	}
}

// wantWords checks that a text says everything that its reader needs.
func wantWords(t *testing.T, text string, words ...string) {
	t.Helper()
	for _, w := range words {
		if !strings.Contains(text, w) {
			t.Errorf("%q is not said in: %s", w, text)
		}
	}
}

// spy launches local processes and remembers them.
type spy struct {
	brokerTmp string  // where a broker puts its files; empty: where it likes
	abroad    *abroad // where workers are; nil: here

	mu    sync.Mutex
	procs []spied
}

// spied is a process with the name of its worker, or "broker".
type spied struct {
	launch.Process
	name string
}

func (s *spy) Host() launch.Host {
	if s.abroad != nil {
		return s.abroad
	}
	return launch.Here{}
}

func (s *spy) Start(ctx context.Context, spec launch.Spec) (launch.Process, error) {
	name := "broker"
	if spec.Home != "" { // only workers have files
		name = filepath.Base(spec.Home)
		if s.abroad != nil {
			spec.Env, spec.Stderr = append(spec.Env, s.abroad.env()), notFile{spec.Stderr}
		}
	} else if s.brokerTmp != "" {
		spec.Env = append(spec.Env, "TMPDIR="+s.brokerTmp)
	}
	p, err := launch.Local{}.Start(ctx, spec)
	if err != nil {
		return nil, err
	}
	if s.abroad != nil && spec.Home != "" {
		if p, err = s.abroad.take(p, spec.Home); err != nil {
			return nil, err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.procs = append(s.procs, spied{p, name})
	return p, nil
}

func (s *spy) all() []spied {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.procs)
}

// latest is the last process started under a name.
func (s *spy) latest(t *testing.T, name string) spied {
	t.Helper()
	all := s.all()
	for _, p := range slices.Backward(all) {
		if p.name == name {
			return p
		}
	}
	t.Errorf("no process is called %s", name)
	return all[0]
}

// hook is a Progress that calls measuring in the middle of the measured part of
// one workload, and ended after each trial. The trial waits for what measuring does:
// however late it comes on a busy machine, no process of the trial has been told to
// close, and nothing is removed. Only what producers do goes by the clock.
type hook struct {
	workload  string
	measuring func()
	step      func(workload, what string)
	ended     func(results.TrialRef)

	mu      sync.Mutex
	current string
}

// intoIt is how far into the measured part a hook is called.
const intoIt = 700 * time.Millisecond

func (h *hook) Trial(ref results.TrialRef, _ int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.current = ref.Workload
}

func (h *hook) Measuring(warmup, _ time.Duration) {
	h.mu.Lock()
	wanted := h.measuring != nil && h.current == h.workload
	h.mu.Unlock()
	if !wanted {
		return
	}
	var call sync.WaitGroup // beside the supervisor, which a test that gives up must not end
	call.Go(func() {
		time.Sleep(warmup + intoIt)
		h.measuring()
	})
	call.Wait()
}

func (h *hook) Step(what string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.step != nil {
		h.step(h.current, what)
	}
}

func (h *hook) Ended(ref results.TrialRef, _ results.State, _ string) {
	if h.ended != nil {
		h.ended(ref)
	}
}

// bounded is a context that only a defect lets run out: Apache Kafka may have to
// be fetched first.
func bounded(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 8*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func kafkaWanted() bool { return os.Getenv("KBENCH_KAFKA") != "" }

// needKafka skips tests that start JVMs unless they are asked for.
func needKafka(t *testing.T) {
	t.Helper()
	if !kafkaWanted() {
		t.Skip("starts Apache Kafka: needs a JDK and Maven (or KAFKA_HOME) and KBENCH_KAFKA=1")
	}
}

// withoutKafka is for tests that Apache Kafka has no part in: they do not run once more
// where it is asked for.
func withoutKafka(t *testing.T) {
	t.Helper()
	if kafkaWanted() {
		t.Skip("needs no Apache Kafka: runs without KBENCH_KAFKA")
	}
}

// onEmbedded is for tests that Apache Kafka has no part in: they run beside each
// other, and not once more where Apache Kafka is asked for.
func onEmbedded(t *testing.T) {
	t.Helper()
	withoutKafka(t)
	t.Parallel()
}

// brokers runs a test on an embedded broker or, where asked for, on Apache Kafka:
// then one test at a time, as three JVMs are enough.
func brokers(t *testing.T, test func(t *testing.T, kind string)) {
	kind := cluster.Kafka
	if !kafkaWanted() {
		t.Parallel()
		kind = cluster.Embedded
	}
	t.Run(kind, func(t *testing.T) { test(t, kind) })
}
