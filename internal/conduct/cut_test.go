package conduct_test

import (
	"context"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/kbench/kbench/internal/conduct"
	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/record"
	"github.com/kbench/kbench/results/summary"
	"github.com/kbench/kbench/workloads"
)

// A trial that is interrupted, or that the death of a worker or of the broker fails, shows what it had: in a
// list of its own, with an account that says what is not known, and in nothing that
// compares.
func TestCutOff(t *testing.T) {
	onEmbedded(t)
	for _, churns := range []bool{false, true} {
		for _, victim := range []string{"", "consumer-0", "reference-0", "broker"} {
			name := map[bool]string{false: "plain ", true: "churn "}[churns] + map[bool]string{true: "interrupted"}[victim == ""] + victim
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				cutOff(t, churns, victim)
			})
		}
	}
}

func cutOff(t *testing.T, churns bool, victim string) {
	spec := long("cut")
	spec.Produce.By = "reference"
	spec.Gate = []string{"p99(e2e.response) < 1h"}
	if churns {
		gate := spec.Gate
		spec = threeMembers(t, `
  - {do: join, when: stable, restore: false}
  - {do: leave, when: stable, target: newest, restore: false}
  - {do: join, at: 10m, restore: false}
`)
		spec.Gate = gate
	}
	o := options(t.Name(), t.TempDir(), trials([]workloads.Spec{spec}, "franz-go"))
	ctx, cancel := context.WithCancel(bounded(t))
	defer cancel()
	end := func() {
		if victim == "" {
			cancel()
		} else if err := syscall.Kill(o.Launcher.(*spy).latest(t, victim).PID(), syscall.SIGKILL); err != nil {
			t.Error(err)
		}
	}
	o.Progress = &hook{workload: spec.Name, measuring: func() { awaitLatency(t, o); end() }}
	if churns {
		o.Progress = &atStep{begins: "act 3 of 3", do: end}
	}
	got, err := run(t, ctx, o)
	if (victim == "") != isInterrupted(err) || err == nil {
		t.Errorf("the run ended with %v", err)
	}
	state := results.StateFailed
	if victim == "" {
		state = results.StateInterrupted
	}
	got.wantStates(t, string(state))
	if len(got.summary.Rows) > 0 || strings.Contains(string(summary.Bench(got.summary, got.dir.Run())), "Benchmark") || got.summary.Gates[0].Verdict != results.NotDecided {
		t.Errorf("the trial is among those that were completed: %+v, gates %+v", got.summary.Rows, got.summary.Gates)
	}
	if len(got.summary.Cut) != 1 {
		t.Fatalf("what it had is told as %+v; warnings %q", got.summary.Cut, got.summary.Warnings)
	}
	c := got.summary.Cut[0]
	if c.N != 1 || c.State != state || c.Whole || c.Planned < int64(10*time.Minute) || c.Measured <= 0 || c.Measured >= c.Planned {
		t.Errorf("it is told as trial %d, %s, whole %t, after %s of %s", c.N, c.State, c.Whole, time.Duration(c.Measured), time.Duration(c.Planned))
	}
	cutRows(t, c)
	closed := victim != "reference-0"
	if victim == "broker" { // its client may wait for it until it is killed
		closed = c.Due != nil
	}
	cutAccount(t, c, closed)
	if churns {
		cutEvents(t, got, c)
	}
}

// awaitLatency waits until member number 0 has written down latencies of the measured
// part, as it does once a second: one that is killed loses what it had not.
func awaitLatency(t *testing.T, o conduct.Options) {
	t.Helper()
	file := filepath.Join(o.Out, "trials", o.Trials[0].Dir, "consumer-0", results.LatencyFile)
	for range 3000 { // a minute: it takes no time where all is well
		all, _ := record.SumLatencies(file)
		if slices.ContainsFunc(all, func(i record.Interval) bool {
			return i.Metric == results.E2EResponse && i.Phase == results.PhaseMeasure
		}) {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Errorf("no latency of the measured part is in %s", file)
}

// cutRows wants throughput and latency, and each figure as one of this trial.
func cutRows(t *testing.T, c results.Cut) {
	t.Helper()
	has := func(metric, stat string, role results.Role) bool {
		return slices.ContainsFunc(c.Rows, func(r results.Row) bool { return r.Metric == metric && r.Stat == stat && r.Role == role && r.Value > 0 })
	}
	if !has(results.ConsumeThroughput, "", results.RoleConsumer) || !has(results.E2EResponse, "p50", results.RoleConsumer) || !has(results.ProduceThroughput, "", results.RoleReference) {
		t.Errorf("throughput and latency are not in %+v", c.Rows)
	}
	for _, r := range c.Rows {
		if r.Trial != 1 || r.Metric == results.AuditLost || r.Metric == results.AuditUndelivered || r.Metric == results.PauseLostRecords {
			t.Errorf("what cannot be known, or is another's: %+v", r)
		}
	}
}

// cutAccount wants the sums to hold as far as they are known.
func cutAccount(t *testing.T, c results.Cut, closed bool) {
	t.Helper()
	a := c.Account
	for _, n := range []*int64{a.Due, a.Handed, a.Unsent, a.Unanswered} {
		if (n != nil) != closed {
			t.Errorf("the producer closed its account: %t; %+v", closed, a)
		}
	}
	if closed && (*a.Due != *a.Handed+*a.Unsent || *a.Handed != *a.Acked+*a.Failed+*a.Unanswered) {
		t.Errorf("due %d, handed over %d, unsent %d, acked %d, failed %d, unanswered %d", *a.Due, *a.Handed, *a.Unsent, *a.Acked, *a.Failed, *a.Unanswered)
	}
	if *a.Acked != *a.First+*a.Damaged+*a.Missing || *a.Delivered != *a.First+*a.Unsure+*a.Again || *a.First == 0 {
		t.Errorf("acked %d, delivered first %d, missing %d, all %d, again %d", *a.Acked, *a.First, *a.Missing, *a.Delivered, *a.Again)
	}
	if (a.Lost != nil) != (*a.Missing == 0) {
		t.Errorf("%d are missing, and lost is known: %t", *a.Missing, a.Lost != nil)
	}
}

// cutEvents wants the event that was over, and not the one that had just begun.
func cutEvents(t *testing.T, got *outcome, c results.Cut) {
	t.Helper()
	pauses := map[string]int{}
	for _, r := range c.Rows {
		if r.Event != "" && r.Metric == results.PauseWire {
			pauses[r.Event]++
		}
	}
	e := got.evidence(t, got.trials[0])
	events := e.Windows().Events
	// On a machine so busy that windows run into each other there is none.
	if alone := len(events) == 2 && len(events[0].Acts) == 1; alone && pauses["join#1"] != 1 {
		t.Errorf("events with their pauses: %v", pauses)
	}
	// Nor need the second one be under way there when the trial is cut off.
	quiet := 2 * int64(got.trials[0].Spec.Group.Heartbeat)
	for _, ev := range events {
		if under := !ev.Settled || e.Measured.To-ev.Window.To < quiet; under && pauses[ev.Name] != 0 {
			t.Errorf("%s was under way, and has figures: %v", ev.Name, pauses)
		}
	}
}
