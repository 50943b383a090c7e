package conduct_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kbench/kbench/internal/cluster"
	"github.com/kbench/kbench/internal/conduct"
	"github.com/kbench/kbench/internal/launch"
	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/record"
	"github.com/kbench/kbench/workloads"
)

// stopped is how long a process is stopped whose signs are looked at.
const stopped = 300 * time.Millisecond

// A worker that is suspended for a while has a canary that says so, and that the
// process did nothing meanwhile.
func TestStopIsRecorded(t *testing.T) {
	onEmbedded(t)
	o := options(t.Name(), t.TempDir(), trials([]workloads.Spec{endToEnd("stop", 2*time.Second)}, "franz-go"))
	o.Progress = &hook{workload: "stop", measuring: func() {
		stopFor(t, o.Launcher.(*spy).latest(t, "consumer-0").PID(), stopped)
	}}
	got, err := run(t, bounded(t), o)
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range got.evidence(t, got.trials[0]).Workers {
		if w.Name == "consumer-0" {
			wantStop(t, w.Late, stopped)
		}
	}
}

// A broker that is suspended for a while does not answer the probe, in any of its
// nodes, whatever it is asked.
func TestSilenceIsRecorded(t *testing.T) {
	onEmbedded(t)
	o := options(t.Name(), t.TempDir(), trials([]workloads.Spec{long("silence")}, "franz-go"))
	ctx, cancel := context.WithCancel(bounded(t))
	defer cancel()
	o.Progress = &hook{workload: "silence", measuring: func() {
		defer cancel()
		stopFor(t, o.Launcher.(*spy).latest(t, "broker").PID(), stopped)
		awaitSilence(t, o)
	}}
	got, err := run(t, ctx, o)
	if !isInterrupted(err) {
		t.Fatal(err)
	}
	heard := silence{asked: map[int16]bool{}, silent: map[int32]bool{}}
	for _, w := range got.evidence(t, got.trials[0]).Workers {
		for _, l := range w.Waits {
			if _, known := got.trials[0].Nodes[l.Node]; known {
				heard.wait(l.API, l.To-l.From)
			}
		}
		heard.answers(w.Answers)
	}
	if !heard.whole() {
		t.Errorf("%+v", heard)
	}
}

// silence is what was heard of a broker that was stopped: which APIs were asked, which
// nodes were silent for long enough, and whether a producer waited for its answers.
type silence struct {
	asked  map[int16]bool
	silent map[int32]bool
	waited bool
}

func (s *silence) whole() bool { return len(s.asked) == 3 && len(s.silent) == 3 && s.waited }

func (s *silence) wait(api int16, length int64) {
	s.waited = s.waited || api == int16(kmsg.Produce) && length >= int64(stopped-100*time.Millisecond)
}

func (s *silence) answers(all []record.Answers) {
	for _, a := range all {
		s.asked[a.API] = true
		for _, l := range a.Late {
			// It may have been stopped between two questions.
			if l.By() >= int64(stopped-100*time.Millisecond) && l.T-l.Since >= int64(stopped-20*time.Millisecond) {
				s.silent[a.Node] = true
			}
		}
	}
}

// awaitSilence waits until probe and producer have written down what they heard, which
// they do once a second.
func awaitSilence(t *testing.T, o conduct.Options) {
	t.Helper()
	var heard silence
	for range 3000 { // a minute: it takes a second where all is well
		heard = silence{asked: map[int16]bool{}, silent: map[int32]bool{}}
		for _, worker := range []string{"probe", "producer-0"} {
			// What it is still writing has a torn end.
			_ = record.ReadEvents(filepath.Join(o.Out, "trials", o.Trials[0].Dir, worker, results.EventsFile), func(e record.Event) error {
				heard.answers(e.Answers)
				for _, w := range e.Wire {
					if w.Longest != nil {
						heard.wait(w.API, w.Longest.T-w.Longest.From)
					}
				}
				return nil
			})
		}
		if heard.whole() {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Errorf("nobody has written down %+v", heard)
}

// burnArg makes this binary one that has nothing to do with a trial and burns CPU.
const burnArg = "burn"

// burnt is how much.
const burnt = 600 * time.Millisecond

func burn(context.Context) error {
	for record.CPUTime() < int64(burnt) {
	}
	fmt.Println("burnt")
	_, err := io.Copy(io.Discard, os.Stdin) // till nobody wants it any more
	return err
}

// What others use while a trial runs is foreign, whatever the trial itself uses. No
// other test runs beside it, whose workers would be our children as well.
func TestForeignIsRecorded(t *testing.T) {
	withoutKafka(t)
	o := options(t.Name(), t.TempDir(), trials([]workloads.Spec{endToEnd("burner", 3*time.Second)}, "franz-go"))
	o.Idle = 300 * time.Millisecond
	var from, to int64
	o.Progress = &hook{workload: "burner", measuring: func() {
		from = record.Now()
		p, err := launch.Local{}.Start(context.Background(), launch.Spec{Path: os.Args[0], Args: []string{burnArg}, Stderr: os.Stderr})
		if err != nil {
			t.Error(err)
			return
		}
		t.Cleanup(func() { _ = p.Stdin().Close(); p.Wait() }) // when the trial is over: our own children count as ours
		if _, err := bufio.NewReader(p.Stdout()).ReadBytes('\n'); err != nil {
			t.Error(err)
		}
		to = record.Now()
	}}
	got, err := run(t, bounded(t), o)
	if err != nil {
		t.Fatal(err)
	}
	samples := got.evidence(t, got.trials[0]).Machine
	first, last := samples[0], samples[len(samples)-1]
	for _, s := range samples {
		if s.T <= from {
			first = s
		}
		if s.T >= to {
			last = s
			break
		}
	}
	// The kernel books ticks, and so by halves what runs for a part of one.
	if ns, known := results.Foreign(first, last); !known || ns < int64(burnt)/2 {
		t.Errorf("others used %s (known: %t) while a burner used %s", time.Duration(ns), known, burnt)
	}
	if p := got.trials[0].Phases[0]; p.Name != results.PhaseIdle || p.To-p.From < int64(o.Idle) {
		t.Errorf("the trial begins with %+v", p)
	}
	if got.value(t, 1, results.MachineForeign, "measured") <= 0 || got.value(t, 1, results.MachineCanary, "") <= 0 || got.summary.Machine == nil {
		t.Errorf("of the machine it is said: %v, foreign %v, canary %v", got.summary.Machine, got.value(t, 1, results.MachineForeign, "measured"), got.value(t, 1, results.MachineCanary, ""))
	}
	if _, known := samples[0].Procs[results.BrokerProcess(0)]; !known {
		t.Errorf("the look at the machine takes the broker for others: %v", samples[0].Procs)
	}
	measured := got.trials[0].Phase(results.PhaseMeasure)
	if first, last := samples[0].T, samples[len(samples)-1].T; len(samples) < 3 || first > got.trials[0].Phases[0].From || last < measured.To {
		t.Errorf("%d samples, from %d to %d, do not enclose the trial", len(samples), first, last)
	}
}

// stopFor suspends a process for at least so long.
func stopFor(t *testing.T, pid int, length time.Duration) {
	t.Helper()
	for _, sig := range []syscall.Signal{syscall.SIGSTOP, syscall.SIGCONT} {
		// Not through the launcher, which would take the signal for its own.
		if err := syscall.Kill(pid, sig); err != nil {
			t.Errorf("%s process %d: %v", sig, pid, err)
		}
		if sig == syscall.SIGSTOP {
			time.Sleep(length)
		}
	}
}

// wantStop looks for the stop in what a canary wrote down: the process cannot have
// used more CPU than there was before and after it. A busy machine may have been as late
// at another time, when the process was at work.
func wantStop(t *testing.T, late []record.Late, length time.Duration) {
	t.Helper()
	// It is stopped in a nap, and some time after the signal was sent.
	const before, accounting = 25 * time.Millisecond, 20 * time.Millisecond
	if !slices.ContainsFunc(late, func(l record.Late) bool {
		most := int64(runtime.NumCPU())*(l.T-l.Since-int64(length)) + int64(accounting)
		return l.By() >= int64(length-before) && l.CPU <= most
	}) {
		t.Errorf("no wake-up was late by %s, in which the process did nothing: %+v", length, late)
	}
}

// A supervisor that was suspended for longer than a worker may be silent has heard
// none of them. That is not their fault: the trial goes on, and its own canary says
// what happened.
func TestSupervisorStopped(t *testing.T) {
	onEmbedded(t)
	dir := t.TempDir()
	p, err := launch.Local{}.Start(context.Background(), launch.Spec{Path: os.Args[0], Args: []string{supervisorArg}, Stderr: os.Stderr})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = p.Signal(context.Background(), syscall.SIGKILL)
		p.Wait()
	})
	const patience = 5 * time.Second // what a busy machine takes of a worker is less
	if err := json.NewEncoder(p.Stdin()).Encode(map[string]any{"Dir": dir, "Kind": cluster.Embedded, "Patience": patience}); err != nil {
		t.Fatal(err)
	}
	if _, err := bufio.NewReader(p.Stdout()).ReadBytes('\n'); err != nil {
		t.Fatalf("the supervisor ended early: %v", err)
	}
	stopFor(t, p.PID(), 2*patience)
	if exit := p.Wait(); !exit.OK() {
		t.Errorf("the supervisor %s", exit)
	}
	got := read(t, filepath.Join(dir, "run"))
	got.wantStates(t, "complete")
	wantStop(t, got.evidence(t, got.trials[0]).Supervisor.Late, 2*patience)
}
