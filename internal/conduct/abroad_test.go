package conduct_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
	_ "unsafe" // to set the clock of workers

	"github.com/kbench/kbench/internal/arm"
	"github.com/kbench/kbench/internal/launch"
	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/record"
	"github.com/kbench/kbench/results/summary"
	"github.com/kbench/kbench/workloads"
)

// abroad is a host of which the supervisor knows no more than it is told: its
// workers put their files elsewhere, and go by another clock. All of it is this
// machine, so that what comes out is known.
type abroad struct {
	launch.Here
	root  string
	ahead time.Duration // its clock
	lost  atomic.Bool   // nobody can reach it any more
}

const (
	farHost = "far"
	aheadBy = "KBENCH_TEST_CLOCK_AHEAD" // ns, for shiftClock
)

func (a *abroad) Clock() launch.Clock { return launch.Clock{Host: farHost, Ahead: int64(a.ahead)} }

func (a *abroad) Sample(pids map[string]int) results.MachineSample {
	m := a.Here.Sample(pids)
	m.T, m.Host = m.T+int64(a.ahead), farHost
	return m
}

func (a *abroad) env() string { return fmt.Sprintf("%s=%d", aheadBy, a.ahead) }

// notFile takes standard error, and is no file that a child could be given.
type notFile struct{ io.Writer }

// take gives a process the directory that it has there.
func (a *abroad) take(p launch.Process, home string) (launch.Process, error) {
	dir := filepath.Join(a.root, filepath.Base(filepath.Dir(home)), filepath.Base(home))
	return elsewhere{p, a, dir}, os.MkdirAll(dir, 0o755)
}

type elsewhere struct {
	launch.Process
	host *abroad
	dir  string
}

func (e elsewhere) Dir() string { return e.dir }

func (e elsewhere) Tail(name string, limit int64) ([]byte, error) {
	return launch.Tail(filepath.Join(e.dir, name), limit)
}

var errUnreachable = errors.New("the host does not answer")

func (e elsewhere) Wait() launch.Exit {
	exit := e.Process.Wait()
	if e.host.lost.Load() {
		return launch.Exit{Lost: true}
	}
	return exit
}

func (e elsewhere) Signal(ctx context.Context, sig os.Signal) error {
	if e.host.lost.Load() {
		return errUnreachable
	}
	return e.Process.Signal(ctx, sig)
}

func (e elsewhere) Fetch(ctx context.Context, from, to string) error {
	if e.host.lost.Load() {
		return errUnreachable
	}
	return e.Process.Fetch(ctx, from, to)
}

// clockBase is what record.Now adds to Go's own reading of the clock.
//
//go:linkname clockBase github.com/kbench/kbench/results/record.clockBase
var clockBase int64

// shiftClock makes this process one of a host with another clock.
func shiftClock() {
	if ahead, err := strconv.ParseInt(os.Getenv(aheadBy), 10, 64); err == nil {
		clockBase += ahead
	}
}

// TestWorkersAbroad: nothing of a trial depends on its workers being here. Their
// files come home, and what they say of time is brought to our clock: phases, acts,
// latencies and windows come out as they do of a worker next door, and so do claims
// and the end of a log.
func TestWorkersAbroad(t *testing.T) {
	onEmbedded(t)
	backlog, producing := short("backlog"), short("producing")
	backlog.Produce.By, backlog.Produce.Rate = "reference", workloads.Rate{Max: true}
	backlog.Consume.Backlog, producing.Consume.Members = 20_000, 0
	settled := short("settled")
	settled.Consume.Members = 2
	churned := threeMembers(t, `
  - {do: join, when: stable, phase: 0.5, restore: false}
  - {do: leave, when: stable, target: oldest, restore: false}
`)
	all := append(trials([]workloads.Spec{settled, churned, backlog, producing}, "franz-go"), trials([]workloads.Spec{short("alone")}, "loopback")...)
	all = append(all, trials([]workloads.Spec{short("liar")}, "franz-go+lie")...)
	for i := range all {
		all[i].N, all[i].Dir = i+1, fmt.Sprintf("%03d-%s", i+1, all[i].Workload)
	}
	o := options(t.Name(), t.TempDir(), all)
	far := &abroad{root: t.TempDir(), ahead: 90 * time.Minute}
	o.Launcher.(*spy).abroad = far
	got, err := run(t, bounded(t), o)
	if err == nil {
		t.Error("the run passed, and so did a lie")
	}
	got.wantStates(t, "complete", "complete", "complete", "complete", "complete", "complete")
	if len(arm.Lies(got.trials[5].Wire)) == 0 {
		t.Error("the lie was not seen")
	}
	for _, trial := range got.trials[:5] {
		if trial.Kind != workloads.Backlog { // it has no latencies
			got.wantFigures(t, trial.Ref.N)
		}
		wantAbroad(t, got, far, trial)
	}
	wantSameTimes(t, got)
}

// wantAbroad checks that a trial was one of workers abroad, and that nothing of
// theirs stayed there.
func wantAbroad(t *testing.T, got *outcome, far *abroad, trial *results.Trial) {
	t.Helper()
	if c := trial.Clocks; len(c) != 1 || c[farHost] != int64(far.ahead) {
		t.Errorf("%s: clocks %v", trial.Ref.Workload, c)
	}
	first := slices.MinFunc(trial.Phases, func(a, b results.Phase) int { return cmp.Compare(a.From, b.From) }).From
	for _, w := range trial.Workers {
		if w.Host != farHost {
			t.Errorf("%s: %s ran on %q", trial.Ref.Workload, w.Name, w.Host)
		}
		home, there := got.dir.WorkerPath(trial.Ref, w.Name), filepath.Join(far.root, trial.Ref.Dir, w.Name)
		for _, name := range []string{results.EventsFile, results.DeliveryFile, results.ClientLogFile} {
			brought, err := os.ReadFile(filepath.Join(home, name))
			if left, lerr := os.ReadFile(filepath.Join(there, name)); err != nil || lerr != nil || !slices.Equal(brought, left) {
				t.Errorf("%s: %s of %s: %d bytes came home of %d: %v, %v", trial.Ref.Workload, name, w.Name, len(brought), len(left), err, lerr)
			}
		}
		early := 0
		if err := record.ReadEvents(filepath.Join(home, results.EventsFile), func(e record.Event) error {
			if e.T < first+int64(far.ahead) {
				early++
			}
			return nil
		}); err != nil || early > 0 {
			t.Errorf("%s: %d events of %s are not by the clock of its host, %v", trial.Ref.Workload, early, w.Name, err)
		}
	}
	e := got.evidence(t, trial)
	last := trial.Phases[len(trial.Phases)-1].To
	for _, w := range e.Workers {
		for _, s := range w.Runtime {
			if s.T < first || s.T > last+int64(farApart) {
				t.Errorf("%s: %s was sampled %s after the beginning", trial.Ref.Workload, w.Name, time.Duration(s.T-first))
			}
		}
	}
	for _, m := range e.Machine {
		if m.T < first-int64(farApart) || m.T > last+int64(farApart) || m.Procs[results.SupervisorProcess] == 0 {
			t.Errorf("%s: the machine was sampled %s after the beginning: %v", trial.Ref.Workload, time.Duration(m.T-first), m.Procs)
		}
	}
}

// farApart is more than a busy machine takes, and much less than clocks are apart.
const farApart = time.Minute

// wantSameTimes checks that no figure has the distance of the clocks in it.
func wantSameTimes(t *testing.T, got *outcome) {
	t.Helper()
	seconds := 0
	for _, r := range got.summary.Rows {
		if r.Unit != "ns" && r.Unit != "s" {
			continue
		}
		seconds++
		d := time.Duration(r.Value)
		if r.Unit == "s" {
			d *= time.Second
		}
		if d < -10*time.Second || d > 5*time.Minute {
			t.Errorf("%s of trial %d is %s", r.Metric, r.Trial, d)
		}
	}
	churned := got.trials[1]
	r := got.evidence(t, churned).Windows()
	if seconds == 0 || len(churned.Acts) != 2 || len(r.Events) == 0 {
		t.Fatalf("%d figures are times, %d acts, %d events", seconds, len(churned.Acts), len(r.Events))
	}
	if join := churned.Acts[0]; join.Phase < 0 || join.Phase*float64(churned.Spec.Group.Heartbeat) > float64(farApart) {
		t.Errorf("an act that was planned for %v of a heartbeat was done at %v", join.PlannedPhase, join.Phase)
	}
	for _, e := range r.Events {
		if !e.Rebalanced || e.T0 < e.Window.From || e.T0 > e.Window.To {
			t.Errorf("%s: rebalanced %t, t0 %s into a window of %s", e.Name, e.Rebalanced, time.Duration(e.T0-e.Window.From), time.Duration(e.Window.Length()))
		}
	}
	if _, err := summary.Write(got.dir); err != nil {
		t.Error(err)
	}
}

// The end of a log is read where it is written.
func TestLogFromAbroad(t *testing.T) {
	onEmbedded(t)
	spec := threeMembers(t, "  - {do: join, when: stable, restore: false}\n")
	o := options(t.Name(), t.TempDir(), trials([]workloads.Spec{spec}, quitter))
	o.Launcher.(*spy).abroad = &abroad{root: t.TempDir(), ahead: time.Hour}
	got, err := run(t, bounded(t), o)
	if err == nil {
		t.Error("the run passed")
	}
	got.wantStates(t, "failed")
	wantWords(t, got.trials[0].Error, "worker consumer-0", "exited 7", "end of stderr.txt", "the client's log: no more of this")
	if log, err := os.ReadFile(filepath.Join(got.dir.WorkerPath(got.trials[0].Ref, "consumer-0"), results.ClientLogFile)); !strings.Contains(string(log), "no more of this") {
		t.Errorf("its log is not at home: %q, %v", log, err)
	}
}

// TestHostLost: a worker whose host is gone has neither ended by itself nor been
// killed, and its trial fails by that, also where it had said that it was done. The
// next one is not touched.
func TestHostLost(t *testing.T) {
	onEmbedded(t)
	o := options(t.Name(), t.TempDir(), trials([]workloads.Spec{long("cut"), short("late"), short("after")}, "loopback"))
	far := &abroad{root: t.TempDir()}
	spy := o.Launcher.(*spy)
	spy.abroad = far
	o.Progress = &hook{workload: "cut", measuring: func() {
		far.lost.Store(true)
		if err := syscall.Kill(spy.latest(t, "both-0").PID(), syscall.SIGKILL); err != nil {
			t.Error(err)
		}
	}, step: func(workload, what string) {
		if workload == "late" && what == "closing" {
			far.lost.Store(true)
		}
	}, ended: func(results.TrialRef) { far.lost.Store(false) }}
	got, err := run(t, bounded(t), o)
	if err == nil {
		t.Error("the run passed")
	}
	got.wantStates(t, "failed", "failed", "complete")
	wantWords(t, got.trials[0].Error, "worker both-0", "host lost in the middle of the trial", errUnreachable.Error())
	wantWords(t, got.trials[1].Error, "worker both-0", "host lost", errUnreachable.Error())
	for n := 1; n <= 2; n++ {
		if end := got.worker(t, n, "both-0").Exit; end.How != results.Lost || end.ByItself() || end.Crash() {
			t.Errorf("both-0 of trial %d ended as %+v", n, end)
		}
	}
	if w := got.worker(t, 3, "both-0"); w.Exit != (results.End{}) || w.Host != farHost {
		t.Errorf("both-0 of the next trial: %+v", w)
	}
}
