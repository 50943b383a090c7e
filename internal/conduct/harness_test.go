package conduct_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kbench/kbench/drivers"
	"github.com/kbench/kbench/drivers/faulty"
	"github.com/kbench/kbench/drivers/franzgo"
	"github.com/kbench/kbench/drivers/loopback"
	"github.com/kbench/kbench/internal/conduct"
	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/workloads"
)

// The harness trials of a workload come before its first trial, are no arm of
// it, and give each role of each trial a figure: also where the workload itself
// has a slow handler, or nothing that consumes. A backlog has none.
func TestHarnessTrials(t *testing.T) {
	onEmbedded(t)
	slow := short("slow")
	slow.Consume.Handler.Time = time.Millisecond
	producing := short("producing")
	producing.Consume.Members, producing.Produce.Producers = 0, 2
	backlog := short("backlog")
	backlog.Consume.Backlog = 200_000
	backlog.Produce.By, backlog.Produce.Rate = "reference", workloads.Rate{Max: true}
	o := options(t.Name(), t.TempDir(), trials([]workloads.Spec{slow, producing, backlog}, "franz-go"))
	got, err := run(t, bounded(t), o)
	if err != nil {
		t.Fatal(err)
	}
	got.wantStates(t, "complete", "complete", "complete")

	var dirs []string
	for _, ref := range got.dir.Run().Harness {
		dirs = append(dirs, ref.Dir)
		tr, err := results.ReadTrial(got.dir.TrialPath(ref))
		if err != nil {
			t.Fatal(err)
		}
		s := tr.Spec
		if tr.State != results.StateComplete || ref.Refused != "" || ref.Client != "loopback" || s.Consume.Handler.Time != 0 || s.Consume.Backlog != 0 || s.Produce.By != "arm" {
			t.Errorf("%s%s: %s by %s: %s; handler %s, backlog %d, by %s", ref.Dir, ref.Refused, tr.State, ref.Client, tr.Error, s.Consume.Handler.Time, s.Consume.Backlog, s.Produce.By)
		}
		i := slices.IndexFunc(got.trials, func(own *results.Trial) bool { return own.Ref.Workload == ref.Workload })
		own := got.trials[i]
		if tr.ClockEvery != own.ClockEvery || tr.Phases[0].From >= own.Phases[0].From {
			t.Errorf("%s: clock read once in %d records, at %d; the trial has %d and %d", ref.Dir, tr.ClockEvery, tr.Phases[0].From, own.ClockEvery, own.Phases[0].From)
		}
	}
	want := []string{"harness-slow-produce", "harness-slow-both", "harness-producing-produce"} // none of a backlog
	if !slices.Equal(dirs, want) {
		t.Errorf("harness trials %q, want %q", dirs, want)
	}
	if n := len(got.dir.Run().Order); n != 3 {
		t.Errorf("the order has %d trials, want 3", n)
	}

	for trial := range 2 {
		var costs, shares []string
		for _, r := range got.summary.Rows {
			switch {
			case r.Trial != trial+1 || r.Role == "reference":
			case r.Metric == results.CPUPerRecord:
				costs = append(costs, string(r.Role))
			case r.Metric == results.HarnessCPU:
				shares = append(shares, string(r.Role))
			}
			// Of producing it cannot be nothing; of consuming it is a difference.
			if r.Metric == results.HarnessCPU && r.Role == "producer" && r.Value <= 0 {
				t.Errorf("trial %d: producing costs the harness %v ns", r.Trial, r.Value)
			}
		}
		if !slices.Equal(costs, shares) || len(shares) == 0 {
			t.Errorf("trial %d has the cost of %q and the harness's share in that of %q; warnings: %q", trial+1, costs, shares, got.summary.Warnings)
		}
	}
}

// A harness trial that fails is no reason to fail a run.
func TestHarnessTrialFails(t *testing.T) {
	onEmbedded(t)
	sound := short("sound")
	sound.Phases.Drain = 10 * time.Second // which the one that hangs is waited for
	o := options(t.Name(), t.TempDir(), trials([]workloads.Spec{sound}, "franz-go"))
	hang := faulty.Wrap(loopback.New(), faulty.Fault{Kind: faulty.Hang})
	o.Table = []drivers.Driver{hang, franzgo.New()}
	o.Deadlines = conduct.Deadlines{Close: 15 * time.Second, Abort: time.Second}
	got, err := run(t, bounded(t), o)
	if err != nil {
		t.Fatal(err)
	}
	got.wantStates(t, "complete")
	got.wantFigures(t, 1)
	for _, r := range got.summary.Rows {
		if r.Metric == results.HarnessCPU {
			t.Errorf("a share of a harness that was not measured: %+v", r)
		}
	}
	wantWords(t, strings.Join(results.Lines(got.summary.Warnings), "\n"), "harness of sound: ", "harness-sound-", "failed: ")
}

// Without a driver that needs no broker, or with nothing else, there is nothing
// to measure the harness with, or for.
func TestHarnessDuration(t *testing.T) {
	f := func(want int, table []drivers.Driver, clients ...string) {
		t.Helper()
		producing := short("producing")
		producing.Consume.Members = 0
		one := 800 * time.Millisecond
		if got := conduct.HarnessDuration(trials([]workloads.Spec{short("both"), producing}, clients...), table); got != time.Duration(want)*one {
			t.Errorf("%s for %q, want that of %d harness trials", got, clients, want)
		}
	}
	all := []drivers.Driver{franzgo.New(), loopback.New()}
	f(3, all, "franz-go")
	f(3, all, "loopback", "franz-go")
	f(0, all, "loopback")
	f(0, all[:1], "franz-go")
}
