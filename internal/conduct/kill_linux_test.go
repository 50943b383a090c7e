package conduct_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/kbench/kbench/internal/cluster"
	"github.com/kbench/kbench/internal/conduct"
	"github.com/kbench/kbench/internal/launch"
	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/record"
	"github.com/kbench/kbench/workloads"
)

// supervisorArg makes this binary a supervisor. What it runs comes on its
// standard input.
const supervisorArg = "act-as-supervisor"

// around is a trial to be cut off between two that must not suffer from it.
func around(name, dir string) conduct.Options {
	return options(name, dir, trials([]workloads.Spec{short("before"), long("cut"), short("after")}, "franz-go"))
}

// signalled sends a signal to the latest process of a name in the middle of the
// workload "cut".
func signalled(t *testing.T, o *conduct.Options, name string, sig syscall.Signal) {
	o.Progress = &hook{workload: "cut", measuring: func() {
		awaitDelivery(t, *o)
		// Not through the launcher, which would take the signal for its own.
		if err := syscall.Kill(o.Launcher.(*spy).latest(t, name).PID(), sig); err != nil {
			t.Errorf("signal %s: %v", name, err)
		}
	}}
}

// A worker that is killed fails its trial and no other.
func TestWorkerKilled(t *testing.T) {
	brokers(t, func(t *testing.T, kind string) {
		for _, victim := range []string{"consumer-0", "producer-0"} {
			o := around(t.Name(), t.TempDir())
			o.Broker.Kind, o.Broker.Nodes = kind, 1
			signalled(t, &o, victim, syscall.SIGKILL)
			got, err := run(t, bounded(t), o)
			if err == nil {
				t.Error("the run passed")
			}
			got.wantStates(t, "complete", "failed", "complete")
			got.wantFigures(t, 1)
			got.wantFigures(t, 3)
			cut, w := got.trials[1], got.worker(t, 2, victim)
			wantWords(t, cut.Error, "worker "+victim, fmt.Sprintf("pid %d", w.PID), "died: SIGKILL", "end of log.txt")
			wantWords(t, w.Exit.String(), "died: SIGKILL")
			// What was recorded until then can be read.
			if delivered, _ := recorded(t, got, cut, "consumer-0", "e2e.response"); delivered == 0 {
				t.Error("no delivery was kept")
			}
		}
	})
}

// A worker that is stopped says nothing, which is noticed, and it is ended.
func TestWorkerStopped(t *testing.T) {
	brokers(t, func(t *testing.T, kind string) {
		o := around(t.Name(), t.TempDir())
		o.Broker.Kind, o.Broker.Nodes = kind, 1
		o.Deadlines.Silence, o.Deadlines.Abort = 15*time.Second, time.Second
		signalled(t, &o, "consumer-0", syscall.SIGSTOP)
		got, err := run(t, bounded(t), o)
		if err == nil {
			t.Error("the run passed")
		}
		got.wantStates(t, "complete", "failed", "complete")
		got.wantFigures(t, 1)
		got.wantFigures(t, 3)
		w := got.worker(t, 2, "consumer-0")
		wantWords(t, got.trials[1].Error, "worker consumer-0", fmt.Sprintf("pid %d", w.PID), "has said nothing for", "end of log.txt")
		wantWords(t, w.Exit.String(), "killed by kbench: SIGKILL")
	})
}

// The broker is killed in the middle of a trial: that trial fails and says so,
// those after it run on a new one.
func TestBrokerKilled(t *testing.T) {
	brokers(t, func(t *testing.T, kind string) {
		o := around(t.Name(), t.TempDir())
		o.Broker.Kind, o.Broker.Nodes = kind, 1
		signalled(t, &o, "broker", syscall.SIGKILL)
		checkBroker(t, o, "broker: the broker process", "died: SIGKILL")
	})
}

// A broker that dies while no trial runs harms none: the next has a new one.
func TestBrokerKilledBetweenTrials(t *testing.T) {
	onEmbedded(t)
	o := options(t.Name(), t.TempDir(), trials([]workloads.Spec{short("before"), short("after")}, "franz-go"))
	o.Progress = &hook{ended: func(ref results.TrialRef) {
		if ref.Workload != "before" {
			return
		}
		broker := o.Launcher.(*spy).latest(t, "broker")
		if err := syscall.Kill(broker.PID(), syscall.SIGKILL); err != nil {
			t.Error(err)
		}
		broker.Wait()
		for range 100 { // for the supervisor to hear of it, which is this process: it is let run so often
			time.Sleep(5 * time.Millisecond)
		}
	}}
	got, err := run(t, bounded(t), o)
	if err != nil {
		t.Error(err)
	}
	got.wantStates(t, "complete", "complete")
	got.wantFigures(t, 1)
	got.wantFigures(t, 2)
	if slices.Equal(got.trials[0].BrokerPIDs, got.trials[1].BrokerPIDs) {
		t.Errorf("both trials ran on processes %v", got.trials[0].BrokerPIDs)
	}
}

// One node of three is killed. The cluster might survive it; the trial does not.
func TestNodeKilled(t *testing.T) {
	needKafka(t)
	o := around(t.Name(), t.TempDir())
	o.Broker.Kind = cluster.Kafka
	var node int
	o.Progress = &hook{workload: "cut", measuring: func() {
		jvms := children(t, o.Launcher.(*spy).latest(t, "broker").PID())
		if len(jvms) != 3 {
			t.Errorf("%d nodes, want 3", len(jvms))
			return
		}
		node = jvms[1]
		if err := syscall.Kill(node, syscall.SIGKILL); err != nil {
			t.Error(err)
		}
	}}
	got := checkBroker(t, o, "broker: node ", "of Apache Kafka", "died: SIGKILL")
	wantWords(t, got.trials[1].Error, fmt.Sprintf("pid %d", node))
}

func checkBroker(t *testing.T, o conduct.Options, words ...string) *outcome {
	t.Helper()
	got, err := run(t, bounded(t), o)
	if err == nil {
		t.Error("the run passed")
	}
	got.wantStates(t, "complete", "failed", "complete")
	got.wantFigures(t, 1)
	got.wantFigures(t, 3)
	wantWords(t, got.trials[1].Error, words...)
	for _, n := range got.trials[1].Notes {
		if strings.Contains(n, "was not deleted") {
			t.Errorf("what is gone with the broker was waited for: %s", n)
		}
	}
	for _, pid := range got.trials[0].BrokerPIDs {
		for _, later := range got.trials[2].BrokerPIDs {
			if pid == later {
				t.Errorf("process %d is the broker of the trials before and after its death", pid)
			}
		}
		awaitEnd(t, pid)
	}
	return got
}

// supervise is a supervisor in a process of its own: it says on its standard
// output which processes it has started when it is in the middle of "cut".
func supervise(ctx context.Context) error {
	var in struct {
		Dir, Kind string
		Patience  time.Duration // 0: it is to be killed; else the trial is to end by itself
	}
	if err := json.NewDecoder(os.Stdin).Decode(&in); err != nil {
		return err
	}
	o := around("killed", in.Dir)
	o.Broker.Kind = in.Kind
	if in.Patience > 0 {
		o.Trials = trials([]workloads.Spec{endToEnd("cut", 4*in.Patience)}, "franz-go")
		o.Deadlines.Silence = in.Patience
	}
	o.Progress = &hook{workload: "cut", measuring: func() {
		pids := map[string]int{}
		for _, p := range o.Launcher.(*spy).all() {
			pids[p.name] = p.PID()
		}
		_ = json.NewEncoder(os.Stdout).Encode(pids)
	}}
	_, err := conduct.Run(ctx, o)
	return err
}

// A killed supervisor leaves no process and no port behind, though a worker be
// stopped, and its run can be read.
func TestSupervisorKilled(t *testing.T) {
	brokers(t, func(t *testing.T, kind string) {
		for _, stop := range []bool{false, true} {
			t.Run(fmt.Sprintf("stopped worker %v", stop), func(t *testing.T) { supervisorKilled(t, kind, stop) })
		}
	})
}

func supervisorKilled(t *testing.T, kind string, stop bool) {
	dir := t.TempDir()
	p, err := launch.Local{}.Start(context.Background(), launch.Spec{Path: os.Args[0], Args: []string{supervisorArg}, Stderr: os.Stderr})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = p.Signal(context.Background(), syscall.SIGKILL)
		p.Wait()
	})
	if err := json.NewEncoder(p.Stdin()).Encode(map[string]string{"Dir": dir, "Kind": kind}); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(p.Stdout()).ReadBytes('\n')
	if err != nil {
		t.Fatalf("the supervisor ended early: %v", err)
	}
	var pids map[string]int
	if err := json.Unmarshal(line, &pids); err != nil {
		t.Fatal(err)
	}
	var jvms []int
	if kind == cluster.Kafka {
		if jvms = children(t, pids["broker"]); len(jvms) != 3 {
			t.Errorf("%d nodes, want 3", len(jvms))
		}
	}
	if stop {
		if err := syscall.Kill(pids["consumer-0"], syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Signal(context.Background(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	p.Wait()
	for _, name := range []string{"broker", "producer-0", "consumer-0"} {
		awaitEnd(t, pids[name])
	}
	for _, pid := range jvms {
		awaitEnd(t, pid)
	}

	got := read(t, filepath.Join(dir, "run"))
	got.wantStates(t, "complete", "running")
	got.wantFigures(t, 1)
	wantWords(t, strings.Join(results.Lines(got.summary.Warnings), "\n"), "trial 2", "running, no figures")
	ports := map[string]bool{}
	err = record.ReadEvents(filepath.Join(got.dir.WorkerPath(got.trials[0].Ref, "consumer-0"), results.EventsFile), func(e record.Event) error {
		if e.Node != "" {
			ports[e.Node] = true
		}
		return nil
	})
	if err != nil || len(ports) == 0 {
		t.Fatalf("the tap names %d nodes: %v", len(ports), err)
	}
	// One of them may have become somebody else's since, who was given any port.
	var taken []error
	for addr := range ports {
		l, err := net.Listen("tcp", addr)
		if err != nil {
			taken = append(taken, err)
			continue
		}
		_ = l.Close()
	}
	if len(taken) == len(ports) {
		t.Errorf("no port of the broker is free: %v", taken)
	}
}

// children are the processes that pid has started.
func children(t *testing.T, pid int) []int {
	t.Helper()
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	if err != nil || len(threads) == 0 {
		t.Errorf("children of process %d: it has no threads that tell: %v", pid, err)
	}
	var pids []int
	for _, file := range threads {
		text, _ := os.ReadFile(file) // the thread may have ended
		for f := range strings.FieldsSeq(string(text)) {
			child, err := strconv.Atoi(f)
			if err != nil {
				t.Fatal(err)
			}
			pids = append(pids, child)
		}
	}
	return pids
}

// awaitEnd waits until a process that is not our child is no more, or waits only
// for someone to take note of its end.
func awaitEnd(t *testing.T, pid int) {
	t.Helper()
	if pid == 0 {
		t.Fatal("a process was not named")
	}
	for range 1500 { // half a minute: it takes milliseconds where all is well
		time.Sleep(20 * time.Millisecond)
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if errors.Is(err, os.ErrNotExist) || strings.Contains(string(stat), ") Z ") {
			return
		}
	}
	_ = syscall.Kill(pid, syscall.SIGKILL)
	t.Errorf("process %d lives on", pid)
}
