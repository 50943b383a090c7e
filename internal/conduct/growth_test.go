package conduct_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/window"
	"github.com/kbench/kbench/workloads"
)

// growing is a group of two that gets new partitions. Theta is so long that a busy
// machine is not taken for a pause.
const growing = `
topic:    {partitions: 4, replication: 3}
records:  {size: 128, entropy: 0.5}
produce:  {by: reference, rate: 200/s}
consume:  {members: 2, fetch: {wait: 250ms}, commit: {mode: marked, every: 500ms}, handler: {lanes: member, revoke: wait}}
group:    {protocol: classic, assignors: [range], session: 6s, heartbeat: 500ms, rebalance: 10s}
metadata: {refresh: 500ms}
phases:   {warmup: 1s, drain: 30s}
pause:    {theta: 1s}
`

func growingSpec(t *testing.T, name, churn string) workloads.Spec {
	t.Helper()
	spec := written(t, "name: "+name+growing+"churn: "+churn+"\n")
	return spec
}

// TestGrowth has partitions added to the topic and topics to the subscription, in
// all clients that can, and asks that every new partition is found, owned and
// read to its end. A member that joins between two such acts has what there is.
func TestGrowth(t *testing.T) {
	onEmbedded(t)
	add := growingSpec(t, "adds", "[{do: add-partitions, when: stable, count: 2}, {do: join, when: stable, restore: false}, {do: add-partitions, when: stable, count: 3}]")
	subscribe := growingSpec(t, "subscribes", "[{do: subscribe, when: stable}, {do: join, when: stable, restore: false}, {do: subscribe, when: stable}]")
	got, err := run(t, bounded(t), options(t.Name(), t.TempDir(), trials([]workloads.Spec{add, subscribe}, "franz-go", "sarama", "kafka-go")))
	if err != nil {
		for _, tr := range got.trials {
			t.Logf("trial %d, %s: %s: %s", tr.Ref.N, tr.Ref.Arm, tr.State, tr.Error)
		}
		t.Fatal(err)
	}
	for _, trial := range got.trials {
		t.Run(trial.Ref.Workload+"/"+trial.Ref.Client, func(t *testing.T) {
			if trial.Ref.Workload == "subscribes" && trial.Ref.Client == "kafka-go" {
				if trial.State != results.StateRefused || !strings.Contains(trial.Ref.Refused, "churn: subscribe: the topics of a Reader are fixed") {
					t.Errorf("%s: %s, want a refusal that says why", trial.State, trial.Ref.Refused)
				}
				return
			}
			if trial.Ref.Workload == "adds" {
				wantTopics(t, trial, results.Topics{{Name: trial.Topic, Count: 9}}, []int32{4, 5}, []int32{6, 7, 8})
			} else {
				wantTopics(t, trial, results.Topics{
					{Name: trial.Topic, Count: 4}, {Name: trial.Topic + "-2", First: 4, Count: 4}, {Name: trial.Topic + "-3", First: 8, Count: 4},
				}, []int32{4, 5, 6, 7}, []int32{8, 9, 10, 11})
			}
			wantDelivered(t, got, trial)
		})
	}
}

// wantTopics checks what trial.json says of the partitions.
func wantTopics(t *testing.T, trial *results.Trial, topics results.Topics, first, second []int32) {
	t.Helper()
	if len(trial.Topics) != len(topics) {
		t.Fatalf("topics %+v, want %+v", trial.Topics, topics)
	}
	last := int32(0)
	for i, want := range topics {
		if got := trial.Topics[i]; got.Name != want.Name || got.First != want.First || got.Count != want.Count || got.ID == "" {
			t.Errorf("topic %+v, want %+v and an id", got, want)
		}
		last = want.First + want.Count
	}
	for p := range last {
		if trial.Acked[p] == 0 || trial.End[p] != trial.Acked[p] {
			t.Errorf("partition %d: %d records acked, %d there; want some, and all of them", p, trial.Acked[p], trial.End[p])
		}
		if leader, led := trial.Leaders[p]; !led || leader < 0 {
			t.Errorf("partition %d has no leader in %v", p, trial.Leaders)
		}
	}
	if len(trial.End) != int(last) {
		t.Errorf("%d partitions in the end, want %d", len(trial.End), last)
	}
	if len(trial.Acts) != 3 {
		t.Fatalf("%d acts", len(trial.Acts))
	}
	for i, added := range [][]int32{first, nil, second} {
		a := trial.Acts[i]
		if !slices.Equal(a.Added, added) || a.At == 0 || a.Stable < a.At || (a.Member == "") != (added != nil) || added != nil && (a.Ready < a.At || a.Stable < a.Ready) {
			t.Errorf("act %+v, want it to add %v", a, added)
		}
	}
}

// wantDelivered checks that every record of every partition has been delivered,
// and that each new partition has an owner that it was delivered by.
func wantDelivered(t *testing.T, got *outcome, trial *results.Trial) {
	t.Helper()
	e := got.evidence(t, trial)
	truth := e.Audit()
	if truth.Lost != 0 || truth.Sent == 0 || truth.Delivered != truth.Sent || truth.Corrupt != 0 || len(truth.Warnings) != 0 {
		t.Errorf("%d lost, %d corrupt, %d of %d delivered, %v %v", truth.Lost, truth.Corrupt, truth.Delivered, truth.Sent, truth.Examples, truth.Warnings)
	}
	if trial.Ref.Client != "kafka-go" && (truth.Duplicates.Total() != 0 || truth.Group.Regressions != 0) {
		t.Errorf("%d duplicates, %d commit regressions: %v %v", truth.Duplicates.Total(), truth.Group.Regressions, truth.Examples, truth.Group.Examples)
	}
	for _, e := range e.Windows().Events {
		for _, a := range e.Acts {
			if a.Added != nil && len(e.Acts) == 1 && e.Settled {
				wantNoticed(t, e)
			}
		}
	}
	for _, p := range e.Input().Partitions {
		within, records := window.Everything(), 0
		for b := range e.Input().Records.Each(p, &within) {
			records += len(b.Due)
		}
		if records != int(trial.End[p]) {
			t.Errorf("%d records of partition %d, want %d", records, p, trial.End[p])
		}
	}
}

func wantNoticed(t *testing.T, e window.Event) {
	t.Helper()
	if !e.Rebalanced || e.T0 < e.Window.From {
		t.Errorf("%s: rebalanced %t, t0 %d after the act", e.Name, e.Rebalanced, e.T0-e.Window.From)
	}
	added := 0
	for _, p := range e.Partitions {
		if p.Class != window.Added {
			continue
		}
		added++
		if p.OldOwner != "" || p.NewOwner == "" || p.Records == 0 || p.Lost != 0 || !p.FloorKnown {
			t.Errorf("%s: %+v", e.Name, p)
		}
	}
	if added != len(e.Acts[0].Added) {
		t.Errorf("%s: %d partitions are new, want %v", e.Name, added, e.Acts[0].Added)
	}
}
