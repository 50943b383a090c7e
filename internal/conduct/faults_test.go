package conduct_test

import (
	"context"
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kbench/kbench/drivers"
	"github.com/kbench/kbench/internal/arm"
	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/workloads"
)

// The trial of a client that is told one thing and sends another keeps its figures
// and is marked, for every setting that it lied about; the run fails.
func TestLiesKeepTheirFigures(t *testing.T) {
	onEmbedded(t)
	var lying []string
	for _, c := range clients {
		lying = append(lying, c+"+lie")
	}
	o := options(t.Name(), t.TempDir(), trials([]workloads.Spec{short("lies")}, lying...))
	got, err := run(t, bounded(t), o)
	if err == nil {
		t.Error("the run passed")
	}
	got.wantStates(t, "complete", "complete", "complete")
	for _, tr := range got.trials {
		got.wantFigures(t, tr.Ref.N)
		marked := func(r results.Row) bool {
			return r.Trial == tr.Ref.N && r.Metric == results.TrialContradicted && r.Value == 1
		}
		if !slices.ContainsFunc(got.summary.Rows, marked) {
			t.Errorf("%s is not marked", tr.Ref.Client)
		}
		wantWords(t, strings.Join(arm.Lies(tr.Wire), "; "), "producer-0: "+drivers.KeyAcks, "consumer-0: "+drivers.KeyFetchWait)
		for _, c := range tr.Wire {
			lied := c.Key == drivers.KeyAcks || c.Key == drivers.KeyFetchWait
			if c.Lie != lied {
				t.Errorf("%s: %s: lie is %v: claimed %s, seen %q", tr.Ref.Client, c.Key, c.Lie, c.Claim, c.Seen)
			}
		}
	}
}

// What data and names decide is no lie: franz-go sends a batch that does not shrink
// as it is, and kafka-go asks for bytes by the length of the topic's name.
func TestHonestClientsTellNoLies(t *testing.T) {
	onEmbedded(t)
	random, stock := short("random"), short("stock")
	random.Records.Entropy, random.Produce.Codec = 1, "zstd"
	all := append(trials([]workloads.Spec{random}, "franz-go"), trials([]workloads.Spec{stock}, "kafka-go")...)
	for i := range all {
		all[i].N, all[i].Dir = i+1, fmt.Sprintf("%03d-%s", i+1, all[i].Workload)
	}
	all[1].Arm.Lane = string(drivers.Stock)
	got, err := run(t, bounded(t), options(t.Name(), t.TempDir(), all))
	if err != nil {
		t.Error(err)
	}
	got.wantStates(t, "complete", "complete")
	for _, tr := range got.trials {
		if lies := arm.Lies(tr.Wire); len(lies) > 0 {
			t.Errorf("%s: %q", tr.Ref.Client, lies)
		}
	}
}

// bypass is a driver whose client dials by itself, so that no tap sees it.
type bypass struct{ drivers.Driver }

const bypassing = "franz-go+bypass"

func (bypass) Name() string { return bypassing }

func (b bypass) Producer(s drivers.Settings, env drivers.Env, ack func(*drivers.Msg, error)) (drivers.Producer, error) {
	return b.Driver.Producer(s, untappedEnv(env), ack)
}

func (b bypass) Consumer(s drivers.Settings, env drivers.Env, h drivers.Handler) (drivers.Consumer, error) {
	return b.Driver.Consumer(s, untappedEnv(env), h)
}

func untappedEnv(env drivers.Env) drivers.Env {
	env.Dial = new(net.Dialer).DialContext
	return env
}

// A client that the taps see nothing of has shown nothing, whatever it delivered.
// Who did nothing has nothing to show, and of a member that was killed nobody
// asks for it.
func TestBypassedTapFailsTheTrial(t *testing.T) {
	onEmbedded(t)
	churn := threeMembers(t, "  - {do: crash, when: stable, target: newest, restore: false}\n")
	idle := short("idle")
	idle.Topic.Partitions, idle.Consume.Members = 1, 2 // and so one of them has no partition
	o := options(t.Name(), t.TempDir(), trials([]workloads.Spec{idle, churn}, bypassing))
	got, err := run(t, bounded(t), o)
	if err == nil {
		t.Error("the run passed")
	}
	got.wantStates(t, "failed", "failed")
	first := got.trials[0]
	acked, _ := recorded(t, got, first, "producer-0", "produce.service")
	wantWords(t, first.Error, "Env.Dial", fmt.Sprintf("no Produce request of producer-0, which had %d records acked", acked))
	for _, member := range []string{"consumer-0", "consumer-1"} {
		read, _ := recorded(t, got, first, member, "e2e.response")
		for _, request := range []string{"Fetch", "JoinGroup"} {
			said := strings.Contains(first.Error, fmt.Sprintf("no %s request of %s, which read %d records", request, member, read))
			if said != (read > 0) {
				t.Errorf("%s read %d records, and that is said of its %s requests: %t, in: %s", member, read, request, said, first.Error)
			}
		}
	}
	wantWords(t, got.trials[1].Error, "consumer-0", "consumer-1")
	if said := got.trials[1].Error; strings.Contains(said, "consumer-2") || strings.Contains(said, "Produce") {
		t.Errorf("a killed member or the reference is blamed: %s", said)
	}
}

// Each fault shows as what it is, in full number, and as nothing else: every
// seventh record of a partition is hit.
func TestFaultsAreCountedForWhatTheyAre(t *testing.T) {
	onEmbedded(t)
	want := map[string]string{
		"franz-go+drop":    results.AuditLost,
		"sarama+duplicate": results.AuditDuplicate,
		"kafka-go+reorder": results.AuditReordered,
		"franz-go+corrupt": results.AuditCorrupt,
		"sarama":           "",
		"kafka-go":         "",
		"franz-go":         "",
	}
	var arms []string
	for arm := range want {
		arms = append(arms, arm)
	}
	o := options(t.Name(), t.TempDir(), trials([]workloads.Spec{short("faults")}, arms...))
	got, err := run(t, bounded(t), o)
	if err != nil {
		t.Fatal(err)
	}
	for _, tr := range got.trials {
		hit, unsent := 0, got.value(t, tr.Ref.N, results.ProduceUnsent, results.InAll) > 0
		if unsent && slices.ContainsFunc(slices.Collect(maps.Values(tr.End)), func(end int64) bool { return end%7 == 0 }) {
			t.Logf("trial %d: the machine was so slow that fewer were sent than were due, and of a partition the last one is hit", tr.Ref.N)
			continue
		}
		for _, end := range tr.End {
			if end%7 == 0 {
				t.Errorf("%d records in a partition: the last one is hit and cannot be put back in order; choose another number", end)
			}
			hit += int(end / 7)
		}
		expected := map[string]int{}
		if metric := want[tr.Ref.Client]; metric != "" {
			expected[metric] = hit
		}
		if found := got.truth(t, tr.Ref.N); !maps.Equal(found, expected) {
			t.Errorf("%s: the audit found %v, want %v; warnings: %q", tr.Ref.Client, found, expected, got.summary.Warnings)
		}
		if tr.Ref.Client == "sarama+duplicate" {
			if n := int(got.value(t, tr.Ref.N, results.AuditDuplicate, "other")); n != hit {
				t.Errorf("%d of %d duplicates are said to be the member's own", n, hit)
			}
		}
	}
}

// A client whose Close never returns fails its trial, by name, within the
// deadline; the trial after it is not touched.
func TestHangOnClose(t *testing.T) {
	onEmbedded(t)
	for _, victim := range []string{"consumer-0", "producer-0"} {
		t.Run(victim, func(t *testing.T) {
			t.Parallel()
			spec := short("hang")
			spec.Phases.Drain = 3 * time.Second // a producer that hangs is waited for
			if victim == "consumer-0" {
				spec.Produce.By = "reference"
			}
			all := append(trials([]workloads.Spec{spec}, "franz-go+hang"), trials([]workloads.Spec{short("after")}, "franz-go")...)
			all[1].N, all[1].Dir = 2, "002-after"
			o := options(t.Name(), t.TempDir(), all)
			o.Deadlines.Close, o.Deadlines.Abort = 15*time.Second, time.Second
			got, err := run(t, bounded(t), o)
			if err == nil {
				t.Error("the run passed")
			}
			got.wantStates(t, "failed", "complete")
			hung := got.worker(t, 1, victim)
			wantWords(t, got.trials[0].Error, "worker "+victim, fmt.Sprintf("pid %d", hung.PID), "within", "end of log.txt")
			wantWords(t, hung.Exit.String(), "killed by kbench: SIGKILL")
			got.wantFigures(t, 2)
		})
	}
}

// Ctrl-C in the measured part ends the run, keeps to the last record what was
// recorded, and runs nothing more.
func TestInterrupt(t *testing.T) {
	onEmbedded(t)
	o := options(t.Name(), t.TempDir(), trials([]workloads.Spec{short("before"), long("cut"), short("never")}, "franz-go"))
	ctx, cancel := context.WithCancel(bounded(t))
	defer cancel()
	o.Progress = &hook{workload: "cut", measuring: func() { awaitDelivery(t, o); cancel() }}
	got, err := run(t, ctx, o)
	if !isInterrupted(err) {
		t.Errorf("the run ended with %v", err)
	}
	got.wantStates(t, "complete", "interrupted")
	if s := got.dir.Run().State; s != "interrupted" {
		t.Errorf("the run is %s", s)
	}
	got.wantFigures(t, 1)
	cut := got.trials[1]
	for _, w := range cut.Workers {
		// A worker that was asked saves its files and exits; one that was killed
		// loses what was not written yet.
		if w.Exit.String() != "exited 1" {
			t.Errorf("%s %s", w.Name, w.Exit)
		}
	}
	delivered, timed := recorded(t, got, cut, "consumer-0", "e2e.response")
	if delivered == 0 || delivered != timed {
		t.Errorf("%d records in the spans, %d in the histograms", delivered, timed)
	}
}
