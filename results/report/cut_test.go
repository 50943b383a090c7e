package report_test

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kbench/kbench/internal/golden"
	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/report"
	"github.com/kbench/kbench/results/report/text"
)

// cutOff is the run with churn, of which the trial of kafka-go failed when a worker died
// and that of sarama was interrupted after its measured part.
func cutOff() (*results.Run, []*results.Trial, *results.Summary) {
	run, trials, s := churned()
	run.State, run.Error = results.StateInterrupted, "interrupted"
	n := func(n int64) *int64 { return &n }
	for _, c := range []results.Cut{
		{State: results.StateFailed, Why: "worker consumer-1 (pid 4711) died: SIGKILL in the middle of the trial", Measured: int64(74_340 * time.Millisecond), Planned: int64(5 * time.Minute),
			Account: results.Account{Acked: n(44_590), Failed: n(0), First: n(44_571), Damaged: n(0), Missing: n(19), Delivered: n(44_602), Unsure: n(0), Again: n(31)}},
		{State: results.StateInterrupted, Why: "interrupted", Measured: int64(301 * time.Second), Whole: true,
			Account: results.Account{Due: n(180_600), Handed: n(180_600), Unsent: n(0), Acked: n(180_600), Failed: n(0), Unanswered: n(0), First: n(180_600), Damaged: n(0), Missing: n(0), Undelivered: n(0), Lost: n(0), Delivered: n(180_600), Unsure: n(0), Again: n(0)}},
	} {
		t := trials[2]
		if c.Whole {
			t = trials[3]
		}
		t.State, t.Error, c.TrialRef = c.State, c.Why, t.Ref
		rest := s.Rows[:0:0]
		for _, r := range s.Rows {
			first := r.Event == "join#1" || r.Event == "leave#2"
			switch {
			case r.Trial != t.Ref.N:
				rest = append(rest, r)
			case first && r.Metric != results.PauseLostRecords, c.Whole && r.Event != "" && r.Metric != results.PauseLostRecords:
				c.Rows = append(c.Rows, r)
			}
		}
		s.Rows = rest
		add := func(role results.Role, metric, stat, unit string, v float64) {
			c.Rows = append(c.Rows, results.Row{Workload: c.Workload, Arm: c.Arm, Client: c.Client, Lane: c.Lane, Round: 1, Trial: c.N, Role: role, Metric: metric, Stat: stat, Unit: unit, Value: v, N: 44_571})
		}
		add("consumer", results.ConsumeThroughput, "", results.UnitRate, 599.5)
		add("consumer", results.E2EResponse, "p50", results.UnitNs, 2.3e6)
		add("consumer", results.E2EResponse, "p99", results.UnitNs, 1_304e6)
		if !c.Whole {
			add("", results.AuditDuplicate, "", results.UnitCount, 31)
			c.Rows = append(c.Rows, results.Row{Workload: c.Workload, Arm: c.Arm, Lane: c.Lane, Trial: c.N, Class: "crash", Metric: results.AuditDuplicate, Unit: results.UnitCount, Value: 31})
			add("", results.AuditZombie, "", results.UnitCount, 2)
		}
		s.Cut = append(s.Cut, c)
	}
	return run, trials, s
}

// What trials had that did not complete stands below what is compared, says until when
// it is and what is not known, and moves no figure.
func TestCutOff(t *testing.T) {
	f := func(name string, width int) {
		t.Helper()
		run, trials, s := cutOff()
		var buf bytes.Buffer
		if err := write(&buf, run, trials, s, text.Options{Width: width}); err != nil {
			t.Fatal(err)
		}
		golden.Check(t, filepath.Join("testdata", name), buf.Bytes())
		within(t, name, buf.String(), width)
	}
	f("cut.txt", 100)
	f("cut-80.txt", 80)

	run, trials, s := cutOff()
	with := report.Build(run, trials, s)
	s.Cut = nil
	without := report.Build(run, trials, s)
	if with.Workloads[0].Cut == nil {
		t.Fatal("what was cut off is not in the model")
	}
	with.Workloads[0].Cut = nil
	var a, b bytes.Buffer
	if err := text.Write(&a, with, text.Options{}); err != nil {
		t.Fatal(err)
	}
	if err := text.Write(&b, without, text.Options{}); err != nil {
		t.Fatal(err)
	}
	if a.String() != b.String() {
		t.Error("it changes what is said of the others")
	}
}

// Until when a trial was measured, of how long.
func TestUntil(t *testing.T) {
	f := func(c results.Cut, want string) {
		t.Helper()
		run, trials, s := churned()
		c.TrialRef, c.Rows = trials[0].Ref, []results.Row{}
		s.Cut = []results.Cut{c}
		var buf bytes.Buffer
		if err := write(&buf, run, trials, s, text.Options{Width: 300}); err != nil {
			t.Fatal(err)
		}
		if want = "  cut off  franz-go/cooperative-sticky, trial 1: " + want + ": not in medians, gates or verdicts\n"; !strings.Contains(buf.String(), want) {
			t.Errorf("it does not say %q", want)
		}
	}
	const s = int64(time.Second)
	f(results.Cut{State: results.StateInterrupted, Measured: 12_345_678_901, Planned: 30 * s}, "interrupted after 12.3 s of 30 s")
	f(results.Cut{State: results.StateFailed, Measured: 74 * s, Planned: 300 * s}, "failed after 1m14s of 5m")
	f(results.Cut{State: results.StateInterrupted, Measured: 3 * s}, "interrupted after 3 s of the measured part")
	f(results.Cut{State: results.StateFailed, Measured: 30 * s, Whole: true}, "failed after the measured part of 30 s")
}
