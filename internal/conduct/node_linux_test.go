package conduct_test

import (
	"slices"
	"testing"
	"time"

	"github.com/kbench/kbench/internal/cluster"
	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/blame"
	"github.com/kbench/kbench/results/record"
	"github.com/kbench/kbench/results/window"
	"github.com/kbench/kbench/workloads"
)

// TestNodeStopped suspends one node of three for a while, for each client. The records
// of its partitions that are due meanwhile are late by it, that node is blamed by its
// id, and no other node and no process is. Each partition has one replica, so that no
// node waits for another. On a busy machine a part is the machine's.
func TestNodeStopped(t *testing.T) {
	needKafka(t)
	s := endToEnd("stopped", 6*time.Second)
	s.Topic.Partitions, s.Topic.Replication = 6, 1
	o := options(t.Name(), t.TempDir(), trials([]workloads.Spec{s}, clients[:]...))
	o.Broker.Kind = cluster.Kafka
	type stop struct {
		pid int
		results.Interval
	}
	var stops []stop
	o.Progress = &hook{workload: s.Name, measuring: func() {
		jvms := children(t, o.Launcher.(*spy).latest(t, "broker").PID())
		if len(jvms) != 3 {
			t.Errorf("%d nodes, want 3", len(jvms))
			return
		}
		one := stop{pid: jvms[len(stops)]}
		one.From = record.Now()
		stopFor(t, one.pid, 600*time.Millisecond)
		one.To = record.Now()
		stops = append(stops, one)
	}}
	got, err := run(t, bounded(t), o)
	if err != nil {
		t.Fatal(err)
	}
	for i, tr := range got.trials {
		t.Run(tr.Ref.Client, func(t *testing.T) {
			got.wantBlamed(t, tr, int32(1+slices.Index(tr.BrokerPIDs, stops[i].pid)), stops[i].Interval) // ids begin at 1
		})
	}
}

// wantBlamed checks who is blamed for the latest of the records that were due while a
// node was stopped, of the partitions that it leads.
func (o *outcome) wantBlamed(t *testing.T, tr *results.Trial, node int32, stopped results.Interval) {
	t.Helper()
	in, name := o.evidence(t, tr).Input(), results.BrokerProcess(int(node))
	in.Measured = stopped
	var latest window.Record
	var partition int32
	for _, p := range in.Partitions {
		if r, some := in.Worst(p); some && tr.Leaders[p] == node && r.Late() > latest.Late() {
			latest, partition = r, p
		}
	}
	if latest.Due == 0 || latest.By < 0 {
		t.Fatalf("no record of node %d was due in its stop and delivered: %+v", node, latest)
	}
	shares := in.Stalls.Have(partition, in.Workers[latest.By].Name, latest)
	var found, others int64
	for _, s := range shares {
		switch {
		case s.Source == blame.SourceBroker && s.Who == name:
			found += s.Least
		case s.Excuses && s.Source != blame.SourceMachine:
			others += s.Least
		}
	}
	// What is a little late on a busy machine is no cause of what a stop did.
	if length := stopped.Length(); 3*found < length || 2*others > found {
		t.Errorf("node %d stood still for %d of the %d ns that a record is late by; they are said to be of %+v", node, length, latest.Late(), shares)
	}
}
