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
		trials, err := plan.Expand(specs, []string{client}, []string{"matched"}, plan.Rounds{Timed: 2}, 1)
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
	f(one, "sarama", cluster.Options{Kind: cluster.Embedded, Nodes: 3, OnDisk: true}, false, "up to 1024 records/s | up to 10 MiB on this machine's disk at a time")
	f(one, "sarama", cluster.Options{Kind: cluster.Embedded, Nodes: 3}, false, "up to 1024 records/s | up to 10 MiB in the memory of the broker at a time")
	f(both, "sarama", attached, false, "up to 1024 records/s, and as many as it takes where the rate is max | roughly 11.7 GiB on the disks of the cluster at a time, all copies counted")
	f(both[1:], "sarama", attached, false, "as many records/s as it takes (rate max) | roughly 11.7 GiB on the disks of the cluster at a time, all copies counted")
	f(one, "loopback", attached, false, "")
}

// TestOnDisk: the records of an embedded broker are in memory as long as there is room
// for them, and what is kept on disk instead is said before the run.
func TestOnDisk(t *testing.T) {
	a := &app{table: []drivers.Driver{sarama.New(), loopback.New()}}
	f := func(client, kind string, machine int64, want bool, change func(s *workloads.Spec)) {
		t.Helper()
		s := workloads.Default()
		s.Name, s.Records.Size = "w", workloads.Size{Fixed: 1012} // and 12 beside it
		s.Produce.Rate = workloads.Rate{PerSecond: 1 << 20}
		s.Phases.Warmup, s.Phases.Measure = 0, time.Second // a GiB
		change(&s)
		trials, err := plan.Expand([]workloads.Spec{s}, []string{client}, []string{"matched"}, plan.Rounds{Timed: 2}, 1)
		if err != nil {
			t.Fatal(err)
		}
		got, say := a.onDisk(trials, cluster.Options{Kind: kind}, machine)
		if words := strings.Join(say, "; "); got != want || strings.Contains(words, "the broker keeps records in files in ") != want {
			t.Errorf("on disk: %v, want %v; said %q", got, want, words)
		}
	}
	asIs := func(*workloads.Spec) {}
	f("sarama", cluster.Embedded, 4<<30, false, asIs)
	f("sarama", cluster.Embedded, 4<<30-1, true, asIs)
	f("sarama", cluster.Embedded, 0, false, asIs) // not known
	f("sarama", cluster.Kafka, 1<<30, false, asIs)
	f("loopback", cluster.Embedded, 1<<30, false, asIs)
	f("sarama", cluster.Embedded, 16<<30, false, func(s *workloads.Spec) { s.Produce.Rate = workloads.Rate{Max: true} })
	f("sarama", cluster.Embedded, 16<<30, true, func(s *workloads.Spec) {
		s.Produce.Rate, s.Phases.Measure = workloads.Rate{Max: true}, time.Minute
	})
	f("sarama", cluster.Embedded, 16<<30, true, func(s *workloads.Spec) { s.Phases.Measure = time.Hour })
}

// TestMemory: what is outstanding at a producer and the log of the embedded broker are
// memory of this machine, as members are.
func TestMemory(t *testing.T) {
	f := func(o cluster.Options, machine int64, say, warning, refusal string, change func(s *workloads.Spec)) {
		t.Helper()
		s := workloads.Default()
		s.Name, s.Consume.Members = "w", 3
		s.Records.Size = workloads.Size{Fixed: 1 << 20}
		s.Produce.Rate = workloads.Rate{PerSecond: 10}
		s.Produce.Batch.Bytes = 2 << 20
		s.Phases.Warmup, s.Phases.Measure = 0, 10*time.Second
		change(&s)
		trials, err := plan.Expand([]workloads.Spec{s}, []string{"sarama"}, []string{"matched"}, plan.Rounds{Timed: 2}, 1)
		if err != nil {
			t.Fatal(err)
		}
		n := needsOf(trials, o)
		if got := n.String(); got != say {
			t.Errorf("%q; want %q", got, say)
		}
		if got := n.warning(machine); !strings.Contains(got, warning) || (warning == "") != (got == "") {
			t.Errorf("warning %q; want %q", got, warning)
		}
		got := ""
		if err := n.refusal(machine); err != nil {
			got = err.Error()
		}
		if !strings.Contains(got, refusal) || (refusal == "") != (got == "") {
			t.Errorf("refused with %q; want %q", got, refusal)
		}
	}
	attached, embedded := cluster.Options{Kind: cluster.Attached}, cluster.Options{Kind: cluster.Embedded}
	asIs := func(*workloads.Spec) {}
	f(attached, 16<<30, "up to 6 processes with about 576 MiB of memory", "", "", asIs)
	f(embedded, 16<<30, "up to 7 processes with about 776 MiB of memory", "", "", asIs)
	f(cluster.Options{Kind: cluster.Kafka, Nodes: 3}, 16<<30, "up to 10 processes with about 1.3 GiB of memory", "", "", asIs)
	f(cluster.Options{Kind: cluster.Kafka, Nodes: 2, Heap: "8G"}, 16<<30, "up to 9 processes with about 16.6 GiB of memory", "more memory than the 16.0 GiB", "smaller heaps of nodes", asIs)
	f(attached, 512<<20, "up to 6 processes with about 576 MiB of memory", "more memory than the 512 MiB of this machine",
		"up to 6 processes with about 576 MiB of memory are more than the 512 MiB of this machine; take fewer members", asIs)
	f(attached, 16<<30, "up to 10003 processes with about 937.8 GiB of memory", "more memory than the 16.0 GiB", "or run it all the same with --force",
		func(s *workloads.Spec) { s.Consume.Members = 10_000 })
	f(attached, 16<<30, "up to 1005 processes with about 234.7 GiB of memory", "more memory than the 16.0 GiB", "or run it all the same with --force",
		func(s *workloads.Spec) { s.Produce.Producers = 1000 })
	// How much goes into the log at rate max nobody knows.
	f(embedded, 2<<30, "up to 7 processes with about 8.4 GiB of memory", "more memory than the 2.0 GiB", "",
		func(s *workloads.Spec) { s.Produce.Rate = workloads.Rate{Max: true} })
}
