package conduct_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/kbench/kbench/workloads"
)

// impatient makes the trials of a run wait for a node no longer than some seconds, which
// are more than a busy machine takes of one that is well.
const impatient = 7 * time.Second

// The broker is suspended in the middle of a trial, takes connections and answers
// nobody: that trial fails, naming the node and the step, keeps what was recorded, and
// those after it run on a new broker.
func TestBrokerHangs(t *testing.T) {
	onEmbedded(t)
	o := around(t.Name(), t.TempDir())
	o.Broker.Nodes = 1
	o.Deadlines.Silence, o.Deadlines.Abort = impatient, 8*time.Second
	for i := range o.Trials {
		o.Trials[i].Spec.Produce.AckTimeout = time.Second
	}
	signalled(t, &o, "broker", syscall.SIGSTOP)
	got := checkBroker(t, o, "broker: node 0 at 127.0.0.1:", "has answered nobody for", "in this step: measuring", "it hangs, was suspended, or cannot be reached")
	if delivered, _ := recorded(t, got, got.trials[1], "consumer-0", "e2e.response"); delivered == 0 {
		t.Error("no delivery was kept")
	}
}

// A run on a broker that hangs is interrupted: it says what it waits for, and ends.
func TestInterruptedWhileBrokerHangs(t *testing.T) {
	onEmbedded(t)
	o := options(t.Name(), t.TempDir(), trials([]workloads.Spec{long("cut")}, "franz-go"))
	o.Deadlines.Abort = 8 * time.Second
	ctx, cancel := context.WithCancel(bounded(t))
	defer cancel()
	var mu sync.Mutex
	var steps []string
	o.Progress = &hook{workload: "cut", measuring: func() {
		if err := syscall.Kill(o.Launcher.(*spy).latest(t, "broker").PID(), syscall.SIGSTOP); err != nil {
			t.Error(err)
		}
		cancel()
	}, step: func(_, what string) {
		mu.Lock()
		defer mu.Unlock()
		steps = append(steps, what)
	}}
	got, err := run(t, ctx, o)
	if !isInterrupted(err) {
		t.Errorf("the run ended with %v", err)
	}
	got.wantStates(t, "interrupted")
	for _, want := range []string{"to save what was recorded", "stopping the broker"} {
		if !slices.ContainsFunc(steps, func(s string) bool { return strings.Contains(s, want) }) {
			t.Errorf("it did not say %q, but %q", want, steps)
		}
	}
	if slices.ContainsFunc(steps, func(s string) bool { return strings.Contains(s, "removing") }) {
		t.Error("it removed topics from a broker that ends")
	}
}
