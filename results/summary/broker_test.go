package summary

import (
	"math"
	"testing"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/audit"
	"github.com/kbench/kbench/results/evidence"
	"github.com/kbench/kbench/results/record"
	"github.com/kbench/kbench/results/window"
	"github.com/kbench/kbench/workloads"
	"github.com/kbench/kbench/workloads/acts"
)

// TestRecovery: what producers and connections did while a node was away is taken of the
// window of its act, and stands beside what the broker took.
func TestRecovery(t *testing.T) {
	const ms = int64(1e6)
	spec := workloads.Default()
	ack := func(partition int32, due, at int64) record.Span {
		return record.Span{Kind: record.Acked, Partition: partition, Count: 1, First: uint64(due), Due: due * ms, LastDue: due * ms, At: at * ms, LastAt: at * ms, MaxLate: (at - due) * ms}
	}
	fail := func(count uint64, due, at int64) record.Span {
		return record.Span{Kind: record.Failed, Count: count, First: uint64(due), Offset: -1, Due: due * ms, LastDue: due * ms, At: at * ms, LastAt: at * ms, MaxLate: (at - due) * ms}
	}
	sum := func(from int64, opened int, metadata int64) evidence.Wire {
		return evidence.Wire{From: from * ms, To: (from + 100) * ms, Opened: opened, Metadata: metadata}
	}
	act := func(at int64) results.Act {
		return results.Act{Kind: acts.Broker, At: at * ms, Broker: &results.BrokerAct{Fault: workloads.KillNode, Node: workloads.LeaderNode}}
	}
	e := &evidence.Trial{
		Trial: &results.Trial{Spec: spec},
		Logs: []audit.Log{{Worker: "producer-0", Spans: record.HoldSpans(
			ack(0, 900, 950),   // before
			ack(0, 1010, 4200), // the first that waited
			ack(0, 2000, 4210),
			ack(0, 4300, 4310), // and then it was quick again
			ack(1, 1500, 1520), // it never stopped
			ack(1, 7600, 8000),
			fail(3, 1150, 1200),
			fail(100, 700, 800), // before
			fail(4, 8000, 8200), // in the next event, of the same kind
		)}},
		Workers: []evidence.Worker{
			{Worker: results.Worker{Name: "producer-0", Role: results.RoleProducer}, Wire: []evidence.Wire{sum(800, 9, 9), sum(1000, 2, 5), sum(4900, 1, 1), sum(5000, 7, 7)},
				Refused: []record.Reported{{T: 800 * ms, Count: 107}}},
			{Worker: results.Worker{Name: "probe", Role: results.RoleProbe}, Wire: []evidence.Wire{sum(1000, 50, 50)}},
		},
	}
	churn := &window.Report{Events: []window.Event{
		{Name: "join#1"},
		{Name: "kill leader#2", Window: window.Interval{From: 1000 * ms, To: 5000 * ms}, Partitions: make([]window.Partition, 2), Acts: []results.Act{act(1000)},
			Recovery: &window.Recovery{Leaders: 3000 * ms, Coordinator: 40 * ms, Delivered: 3100 * ms, Found: 50 * ms, Lookers: 2, Evicted: 1, Reordered: 4}},
	}}
	// What shares its window with a join is counted from the act on the node on.
	next := window.Event{Name: "join#3", Window: window.Interval{From: 7000 * ms, To: 9000 * ms}, Acts: []results.Act{{Kind: acts.Join, At: 7000 * ms}, act(7500)}, Recovery: &window.Recovery{}}
	churn.Events = append(churn.Events, next)
	all := recoveredIn(e, churn)
	if got := all[2]; got.failed != 4 || got.acked != 500*ms {
		t.Errorf("the next event: %+v", got)
	}
	churn.Events = churn.Events[:2]
	b := &builder{inputs: &inputs{trial: e.Trial, churn: churn, recovered: all}}
	got := map[string]float64{}
	for i := range churn.Events {
		b.recovery(i, &churn.Events[i], func(metric, class string, value float64, n int64) {
			if m, known := results.LookupMetric(metric); !known || !m.PerEvent || class != "" || n == 0 {
				t.Errorf("%s{%s}, n %d", metric, class, n)
			}
			got[metric] = value
		})
	}
	want := map[string]float64{
		results.BrokerLeaders: 3e9, results.BrokerCoordinator: 40e6, results.RecoverDelivered: 3.1e9, results.RecoverCoordinator: 50e6,
		results.RecoverAcked: 3.2e9, results.RecoverEvictions: 1, results.RecoverFailed: 3, results.RecoverReordered: 4, results.RecoverOpened: 3, results.RecoverMetadata: 6,
	}
	for name, value := range want {
		if got[name] != value {
			t.Errorf("%s is %g, not %g", name, got[name], value)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%v", got)
	}
}

// TestNodeStartedAgain: what a node had used before it was killed is the broker's, and so is
// what the process uses that takes its place.
func TestNodeStartedAgain(t *testing.T) {
	const second = int64(1e9)
	in := &inputs{measured: part{0, 10 * second}}
	for at := range int64(11) {
		procs := map[string]int64{"broker-1": 100*second + at*second/10, "producer-0": at * second}
		switch {
		case at <= 4:
			procs["broker-0"] = 50*second + at*second/2
		case at >= 6:
			procs["broker-0"] = (at - 5) * second
		}
		in.machine = append(in.machine, results.MachineSample{T: at * second, Procs: procs})
	}
	if cores, known := in.brokerCores(); !known || math.Abs(cores-0.8) > 1e-9 {
		t.Errorf("%g cores, known: %v; want 0.8", cores, known)
	}
}

// TestSentAgain: of 100 records a second two were in flight to a node that was killed, and
// the others had to wait for three seconds. The two are sent again, and nothing else is.
func TestSentAgain(t *testing.T) {
	const ms = int64(1e6)
	var spans []record.Span
	held := map[int64]int64{} // records in requests, by interval of 100 ms
	for i := range int64(800) {
		due := 10*i + 5
		at, first := due+3, due
		if due >= 1000 && due < 4000 {
			at = 4150
			if due >= 1020 {
				first = 4000
			} else {
				held[4000]++ // again
			}
		}
		held[first/100*100]++
		spans = append(spans, record.Span{Kind: record.Acked, Count: 1, First: uint64(i), Offset: i, Due: due * ms, LastDue: due * ms, At: at * ms, LastAt: at * ms, MaxLate: (at - due) * ms})
	}
	w := evidence.Worker{Worker: results.Worker{Name: "producer-0", Role: results.RoleProducer}, Tally: &record.Tally{Sent: 800, Acked: 800}}
	for from := int64(0); from < 8000; from += 100 {
		sum := evidence.Wire{From: from * ms, To: (from + 100) * ms}
		if n := held[from]; n > 0 {
			sum.Batched = &record.Batched{Batches: 1, Records: n}
		}
		w.Wire = append(w.Wire, sum)
	}
	e := &evidence.Trial{
		Trial: &results.Trial{Spec: workloads.Default()}, Logs: []audit.Log{{Worker: "producer-0", Spans: record.HoldSpans(spans...)}},
		Workers: []evidence.Worker{w, {Worker: results.Worker{Name: "consumer-0", Role: results.RoleConsumer}}},
	}
	event := func(from, to int64) window.Event {
		return window.Event{Window: window.Interval{From: from * ms, To: to * ms}, Recovery: &window.Recovery{}}
	}
	churn := &window.Report{Events: []window.Event{event(1030, 5000), event(6000, 7000)}}
	rows := func(event int) (retried float64, known bool) {
		b := &builder{inputs: &inputs{trial: e.Trial, churn: churn, recovered: recoveredIn(e, churn)}}
		b.recovery(event, &churn.Events[event], func(metric, _ string, value float64, _ int64) {
			if metric == results.RecoverRetried {
				retried, known = value, true
			}
		})
		return retried, known
	}
	for event, want := range []float64{2, 0} {
		if n, known := rows(event); n != want || !known {
			t.Errorf("event %d: %g, known: %v; want %g", event, n, known, want)
		}
	}
	e.Workers[0].Tally.Acked = 900
	if n, known := rows(0); known {
		t.Errorf("%g, though the tap did not see all", n)
	}
}
