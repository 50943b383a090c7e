package conduct_test

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kbench/kbench/internal/cluster"
	"github.com/kbench/kbench/internal/conduct"
	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/blame"
	"github.com/kbench/kbench/results/evidence"
	"github.com/kbench/kbench/results/window"
	"github.com/kbench/kbench/workloads"
)

// hurtNodes is a group whose broker loses a node in each of the ways that there are.
const hurtNodes = `
name: hurt-nodes
topic:   {partitions: 6, replication: 3}
produce: {by: reference, rate: 300/s}
consume: {members: 2, commit: {mode: marked, every: 200ms}}
group:   {session: 10s, heartbeat: 500ms}
phases:  {warmup: 500ms, drain: 60s}
pause:   {theta: 500ms}
churn:
  - {do: broker, fault: stop, node: leader, for: 2s, when: stable}
  - {do: broker, fault: kill, node: coordinator, for: 500ms, when: stable}
  - {do: broker, fault: move, node: leader, when: stable}
  - {do: broker, fault: move, node: coordinator, when: stable}
`

// TestBrokerActs: what is done to nodes on purpose fails no trial; they are there again
// before the next act, and before the next trial; and of what they had nobody, no client is
// to blame.
func TestBrokerActs(t *testing.T) {
	brokers(t, func(t *testing.T, kind string) {
		spec := written(t, hurtNodes)
		o := options(t.Name(), t.TempDir(), trials([]workloads.Spec{spec}, "franz-go"))
		if o.Broker.Kind = kind; kind == cluster.Kafka { // a node that is dead is given up sooner
			o.Broker.Props = map[string]string{"broker.session.timeout.ms": "3000", "broker.heartbeat.interval.ms": "500"}
		}
		got, err := run(t, bounded(t), o)
		got.wantStates(t, "complete")
		if err != nil {
			t.Fatal(err)
		}
		trial := got.trials[0]
		e := got.evidence(t, trial)
		stop, kill, move := &trial.Acts[0], &trial.Acts[1], &trial.Acts[2]
		for i := range trial.Acts {
			wantUndone(t, &trial.Acts[i])
		}
		if lasted := time.Duration(stop.Resumed - stop.At); lasted < 2*time.Second {
			t.Errorf("the node stood still for %s", lasted)
		}
		if node := kill.Broker.Nodes[0].Node; node != trial.Coordinator {
			t.Errorf("node %d was killed, and %d coordinates", node, trial.Coordinator)
		}
		if node := stop.Broker.Nodes[0].Node; node == trial.Coordinator || !slices.Contains(slices.Collect(maps.Values(trial.Leaders)), node) {
			t.Errorf("node %d was stopped; leaders are %v, and %d coordinates", node, trial.Leaders, trial.Coordinator)
		}
		if f := move.Broker.Nodes[0]; f.Done == 0 || f.Back != 0 {
			t.Errorf("moved: %+v", f)
		}
		if lost := e.Audit().Lost; lost != 0 {
			t.Errorf("%d records were lost", lost)
		}
		wantRecovery(t, e, kind)
	})
}

// wantUndone expects an act to be over, and its nodes to be back.
func wantUndone(t *testing.T, a *results.Act) {
	t.Helper()
	if a.Broker == nil || a.Error != "" || a.Resumed <= a.At || len(a.Broker.Nodes) == 0 {
		t.Fatalf("act %d: %+v", a.N, a)
	}
	at := a.At
	for _, f := range a.Broker.Nodes {
		if f.At < at || f.Done < f.At || a.Broker.Fault != workloads.MoveNode && (f.Back < f.Done || f.Whole < f.Back) {
			t.Errorf("act %d, %s: %+v after %d", a.N, a.Broker.Name(), f, at)
		}
		at = max(f.Done, f.Whole)
	}
	if a.Resumed < at {
		t.Errorf("act %d is over at %d, and its nodes at %d", a.N, a.Resumed, at)
	}
}

// wantRecovery expects what the broker took to be told apart: where the leader stood still
// its partitions had to wait for as long, and what nobody served is charged to nobody.
func wantRecovery(t *testing.T, e *evidence.Trial, kind string) {
	t.Helper()
	of := map[int]*window.Event{} // by act: on a slow machine some share their windows
	for i, ev := range e.Windows().Events {
		for _, a := range ev.Acts {
			of[a.N] = &e.Windows().Events[i]
		}
	}
	if len(of) != 4 {
		t.Fatalf("%d acts are in windows", len(of))
	}
	stop, kill := of[1], of[2]
	if !strings.HasPrefix(stop.Name, "stop leader#") {
		t.Errorf("event %s", stop.Name)
	}
	const nearly = int64(1900 * time.Millisecond)
	if stop.Recovery == nil || stop.Recovery.Leaders < nearly || stop.Recovery.Delivered < nearly {
		t.Errorf("after a stop of 2 s: %+v", stop.Recovery)
	}
	waited := false
	for _, p := range stop.Partitions {
		if e.Leaders[p.Partition] == e.Acts[0].Broker.Nodes[0].Node {
			waited = waited || p.FloorKnown && p.Floor >= nearly && p.Gap > int64(time.Second) && p.Unexplained != nil && p.Unexplained.Least < p.Gap-int64(time.Second)
		}
	}
	if !waited {
		t.Errorf("no partition of the leader had to wait for it: %+v", stop.Partitions)
	}
	if kill.Recovery == nil || kill.Recovery.Lookers == 0 || kind == cluster.Kafka && kill.Recovery.Coordinator <= 0 {
		t.Errorf("without a coordinator: %+v", kill.Recovery)
	}
}

// TestBrokerRoll: all nodes are restarted one after the other, and the next trial finds
// them all.
func TestBrokerRoll(t *testing.T) {
	onEmbedded(t)
	const doc = `
name: roll-nodes
topic:   {partitions: 6, replication: 3}
produce: {by: arm, rate: 300/s}
consume: {members: 2, commit: {mode: marked, every: 200ms}}
group:   {session: 10s, heartbeat: 500ms}
phases:  {warmup: 500ms, drain: 60s}
pause:   {theta: 1s}
churn:   [{do: broker, fault: restart, node: all, for: 200ms, when: stable}]
`
	spec := written(t, doc)
	got, err := run(t, bounded(t), options(t.Name(), t.TempDir(), trials([]workloads.Spec{spec}, "franz-go", "sarama")))
	got.wantStates(t, "complete", "complete")
	if err != nil {
		t.Fatal(err)
	}
	for _, trial := range got.trials {
		act := &trial.Acts[0]
		wantUndone(t, act)
		var nodes []int32
		for _, f := range act.Broker.Nodes {
			nodes = append(nodes, f.Node)
		}
		if want := []int32{0, 1, 2}; !slices.Equal(nodes, want) {
			t.Errorf("restarted %v, want %v", nodes, want)
		}
		if lost := got.evidence(t, trial).Audit().Lost; lost != 0 {
			t.Errorf("%s: %d records were lost", trial.Ref.Arm, lost)
		}
	}
}

// TestBrokerOverlap: an act on a node that another act has, or will come to, is refused, and
// the other goes on.
func TestBrokerOverlap(t *testing.T) {
	onEmbedded(t)
	const doc = `
name: overlap
topic:   {partitions: 6, replication: 3}
produce: {by: reference, rate: 300/s}
consume: {members: 1, commit: {mode: marked, every: 200ms}}
group:   {session: 10s, heartbeat: 500ms}
phases:  {warmup: 500ms, drain: 60s}
pause:   {theta: 500ms}
churn:
  - {do: broker, fault: stop, node: all, for: 1s, at: 500ms}
  - {do: broker, fault: kill, node: 2, for: 20s, at: 700ms}
`
	spec := written(t, doc)
	got, err := run(t, bounded(t), options(t.Name(), t.TempDir(), trials([]workloads.Spec{spec}, "franz-go")))
	got.wantStates(t, "complete")
	if err != nil {
		t.Fatal(err)
	}
	all, one := &got.trials[0].Acts[0], &got.trials[0].Acts[1]
	wantUndone(t, all)
	if len(all.Broker.Nodes) != 3 {
		t.Errorf("%+v", all.Broker)
	}
	if late := one.At > all.Resumed; !late && (!one.Refused() || !strings.Contains(one.Error, "node 2 is down already, or is to be")) {
		t.Errorf("%+v", one)
	}
}

// TestBrokerAnswers: a node of the simulated broker answers with errors, and later, for a
// time. How many requests had it is known, and the time is charged to nobody.
func TestBrokerAnswers(t *testing.T) {
	onEmbedded(t)
	const doc = `
name: answers
topic:   {partitions: 6, replication: 3}
produce: {by: reference, rate: 300/s}
consume: {members: 2, commit: {mode: marked, every: 200ms}}
group:   {session: 10s, heartbeat: 200ms}
phases:  {warmup: 500ms, drain: 60s}
pause:   {theta: 500ms}
churn:
  - {do: broker, fault: answer, request: Heartbeat, error: NOT_COORDINATOR, node: coordinator, for: 1s, when: stable}
  - {do: broker, fault: delay, request: Fetch, delay: 2s, node: leader, for: 3s, when: stable}
`
	spec := written(t, doc)
	got, err := run(t, bounded(t), options(t.Name(), t.TempDir(), trials([]workloads.Spec{spec}, "franz-go")))
	got.wantStates(t, "complete")
	if err != nil {
		t.Fatal(err)
	}
	trial := got.trials[0]
	e := got.evidence(t, trial)
	for i, want := range []string{"answer Heartbeat NOT_COORDINATOR", "delay Fetch"} {
		act := &trial.Acts[i]
		if act.Broker == nil || act.Broker.Name() != want || len(act.Broker.Nodes) != 1 || act.Resumed <= act.At {
			t.Fatalf("act %d: %+v", i+1, act)
		}
		if f := act.Broker.Nodes[0]; f.Requests == 0 || f.Back < f.Done || f.Done < f.At {
			t.Errorf("%s: %+v", want, f)
		}
	}
	// Of a partition whose fetches were delayed by 2 s nothing came for a second and more.
	most := int64(0)
	for _, ev := range e.Windows().Events {
		for _, p := range ev.Partitions {
			most = max(most, p.Gap)
		}
	}
	if most < int64(time.Second) {
		t.Errorf("the longest gap is %s", time.Duration(most))
	}
	injected := false
	for _, s := range e.Stalls().All {
		injected = injected || s.Source == blame.SourceInjected && s.Node == trial.Acts[1].Broker.Nodes[0].Node && s.Excuses
	}
	if !injected {
		t.Error("nothing stands among the stalls")
	}
}

// TestBrokerRefused: what a broker cannot take is refused before anything starts.
func TestBrokerRefused(t *testing.T) {
	f := func(entry string, broker cluster.Options, want string) {
		t.Helper()
		spec := written(t, "name: x\nchurn: ["+entry+"]\n")
		o := options(t.Name(), t.TempDir(), trials([]workloads.Spec{spec}, "franz-go"))
		o.Broker = broker
		_, err := conduct.Run(t.Context(), o)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want %q", entry, err, want)
		}
		if _, err := os.Stat(o.Out); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: there is a run directory (%v)", entry, err)
		}
	}
	embedded, kafka := cluster.Options{Kind: cluster.Embedded}, cluster.Options{Kind: cluster.Kafka}
	f("{do: broker, fault: kill, node: controller, for: 1s, when: stable}", embedded, "act 1 of its churn, kill controller: the controller of the simulated broker is never another node; use --broker kafka")
	f("{do: broker, fault: kill, node: leader, for: 1s, when: stable}", cluster.Options{Kind: cluster.Attached, Brokers: []string{"127.0.0.1:1"}}, "nodes of an attached cluster are left alone")
	f("{do: broker, fault: kill, node: 3, for: 1s, when: stable}", embedded, "there is no node 3; they are numbered from 0 to 2")
	f("{do: broker, fault: kill, node: 0, for: 1s, when: stable}", kafka, "there is no node 0; they are numbered from 1 to 3")
	f("{do: broker, fault: answer, request: Heartbeat, error: NOT_COORDINATOR, node: coordinator, for: 1s, when: stable}", kafka, "what a node of Apache Kafka answers is its own; use --broker embedded")
	f("{do: broker, fault: delay, request: Fetch, delay: 1s, node: all, for: 1s, when: stable}", embedded, "act 1 of its churn, delay Fetch: one node at a time answers otherwise; name one")
	one := embedded
	one.Nodes = 1
	f("{do: broker, fault: stop, node: follower, for: 1s, when: stable}", one, "there is no other node that could follow; use --nodes 3")
	f("{do: broker, fault: move, node: leader, when: stable}", one, "there is no other node to which it could go; use --nodes 3")
}
