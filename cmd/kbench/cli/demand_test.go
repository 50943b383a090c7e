package cli

import (
	"strings"
	"testing"
	"time"

	"github.com/kbench/kbench/drivers"
	"github.com/kbench/kbench/drivers/loopback"
	"github.com/kbench/kbench/drivers/sarama"
	"github.com/kbench/kbench/internal/cluster"
	"github.com/kbench/kbench/workloads"
	"github.com/kbench/kbench/workloads/plan"
)

// TestDemand: who owns a cluster is told of the load and of every copy.
func TestDemand(t *testing.T) {
	a := &app{table: []drivers.Driver{sarama.New(), loopback.New()}}
	steady := workloads.Default()
	steady.Name = "steady"
	steady.Topic.Replication = 3
	steady.Records.Size = workloads.Size{Fixed: 1012} // and 12 beside it
	steady.Produce.Rate = workloads.Rate{PerSecond: 1024}
	steady.Phases.Warmup, steady.Phases.Measure = 0, 10*time.Second
	flood := steady
	flood.Name, flood.Produce.Rate = "flood", workloads.Rate{Max: true}

	f := func(specs []workloads.Spec, client string, o cluster.Options, keep bool, want string) {
		t.Helper()
		trials, err := plan.Expand(specs, []string{client}, []string{"matched"}, 2, 1)
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(a.demand(trials, o, keep), " | "); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
	one, both := []workloads.Spec{steady}, []workloads.Spec{steady, flood}
	attached := cluster.Options{Kind: cluster.Attached}
	f(one, "sarama", attached, false, "up to 1024 records/s | up to 30 MiB on the disks of the cluster at a time, all copies counted")
	f(one, "sarama", attached, true, "up to 1024 records/s | up to 60 MiB on the disks of the cluster in the end, all copies counted")
	f(one, "sarama", cluster.Options{Kind: cluster.Kafka, Nodes: 2}, false, "up to 1024 records/s | up to 20 MiB on this machine's disk at a time, all copies counted")
	f(one, "sarama", cluster.Options{Kind: cluster.Embedded, Nodes: 3}, false, "up to 1024 records/s | up to 10 MiB in the memory of the broker at a time")
	f(both, "sarama", attached, false, "up to 1024 records/s, and as many as it takes where the rate is max | roughly 11.7 GiB on the disks of the cluster at a time, all copies counted")
	f(both[1:], "sarama", attached, false, "as many records/s as it takes (rate max) | roughly 11.7 GiB on the disks of the cluster at a time, all copies counted")
	f(one, "loopback", attached, false, "")
}

// TestMemory: what is outstanding at a producer and the log of the embedded broker are
// memory of this machine, as members are.
func TestMemory(t *testing.T) {
	f := func(o cluster.Options, machine int64, say, warning string, change func(s *workloads.Spec)) {
		t.Helper()
		s := workloads.Default()
		s.Name, s.Consume.Members = "w", 3
		s.Records.Size = workloads.Size{Fixed: 1 << 20}
		s.Produce.Rate = workloads.Rate{PerSecond: 10}
		s.Produce.Batch.Bytes = 2 << 20
		s.Phases.Warmup, s.Phases.Measure = 0, 10*time.Second
		change(&s)
		trials, err := plan.Expand([]workloads.Spec{s}, []string{"sarama"}, []string{"matched"}, 2, 1)
		if err != nil {
			t.Fatal(err)
		}
		gotSay, gotWarning := memory(trials, o, machine)
		if gotSay != say || !strings.Contains(gotWarning, warning) || (warning == "") != (gotWarning == "") {
			t.Errorf("%q, %q; want %q, %q", gotSay, gotWarning, say, warning)
		}
	}
	attached, embedded := cluster.Options{Kind: cluster.Attached}, cluster.Options{Kind: cluster.Embedded}
	asIs := func(*workloads.Spec) {}
	f(attached, 16<<30, "about 576 MiB of memory", "", asIs)
	f(embedded, 16<<30, "about 676 MiB of memory", "", asIs)
	f(attached, 512<<20, "about 576 MiB of memory", "more memory than the 512 MiB of this machine", asIs)
	f(attached, 16<<30, "about 19.0 GiB of memory", "more memory than the 16.0 GiB", func(s *workloads.Spec) { s.Consume.Members = 200 })
}
