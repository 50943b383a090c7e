package summary

import (
	"strings"
	"testing"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/cause"
	"github.com/kbench/kbench/results/evidence"
	"github.com/kbench/kbench/results/window"
	"github.com/kbench/kbench/workloads/acts"
)

// TestRebalances: the causes of what became known in the measured part are counted; what
// is in no event is told of, and so is an event whose cause is not what was done.
func TestRebalances(t *testing.T) {
	const second = int64(1e9)
	of := func(known int64, c cause.Cause, sure cause.Sure) cause.Rebalance {
		return cause.Rebalance{Known: known * second, Reason: cause.Reason{At: known * second, Cause: c, Sure: sure, Worker: "consumer-1", Why: "seen"}}
	}
	event := func(name string, kind acts.Kind, from, to int64) window.Event {
		act := results.Act{Kind: kind, Member: "consumer-1", At: from * second}
		return window.Event{Name: name, Window: window.Interval{From: from * second, To: to * second}, Acts: []results.Act{act}}
	}
	var told []results.Remark
	b := &builder{
		warn: func(r results.Remark) { told = append(told, r) },
		inputs: &inputs{
			trial: &results.Trial{Group: "g"}, measured: part{10 * second, 100 * second},
			workers: []*worker{{Worker: &evidence.Worker{Worker: results.Worker{Name: "consumer-1", Role: results.RoleConsumer}}}},
			causes: []cause.Rebalance{
				of(5, cause.Join, cause.Certain), of(21, cause.Join, cause.Certain), of(31, cause.Leave, cause.Certain), of(41, cause.Network, cause.Certain), of(43, cause.Join, cause.Certain),
				of(59, cause.Join, cause.Certain), of(60, cause.Network, cause.Likely), of(61, cause.Network, cause.Likely), of(62, cause.Unknown, cause.Open), of(63, cause.Client, cause.Likely), of(64, cause.Client, cause.Likely),
			},
			churn: &window.Report{Events: []window.Event{
				event("join#1", acts.Join, 20, 22), event("leave#2", acts.Leave, 30, 32), event("crash#3", acts.Crash, 40, 45), event("stall#4", acts.Stall, 50, 52),
			}},
		},
	}
	b.rebalances()
	want := map[string]float64{
		"rebalance.cause ": 10, "rebalance.cause join": 3, "rebalance.cause leave": 1, "rebalance.cause network": 3, "rebalance.cause client": 2, "rebalance.cause unknown": 1,
		"rebalance.cause process": 0, "rebalance.cause uncertain": 5, "rebalance.outside ": 6, "rebalance.outside network": 2, "rebalance.outside join": 1,
		"rebalance.otherwise ": 1, "rebalance.otherwise certain": 1,
	}
	got := map[string]float64{}
	for _, r := range b.rows {
		m, known := results.LookupMetric(r.Metric)
		if _, twice := got[r.Metric+" "+r.Class]; !known || twice || m.Unit != r.Unit {
			t.Errorf("%+v", r)
		}
		got[r.Metric+" "+r.Class] = r.Value
	}
	for name, value := range want {
		if v, there := got[name]; !there || v != value {
			t.Errorf("%s is %g, not %g", name, v, value)
		}
	}
	words := results.Lines(told)
	for i, want := range []string{
		"a rebalance that nobody asked for, 50.0 s into it: network (likely): seen", "51.0 s into it", "52.0 s into it: unknown (unknown)",
		"2 more rebalances that nobody asked for", "crash#3: the wire shows another cause than what was done (process): network (certain): seen",
	} {
		if i >= len(words) || !strings.Contains(words[i], want) {
			t.Errorf("%q; want %q", words, want)
		}
	}
	if len(words) != 5 {
		t.Errorf("%q", words)
	}
	// Which event each is in stands in the file.
	file := causesOf(&results.Trial{}, b.churn, b.causes)
	if len(file.Rebalances) != 11 || file.Rebalances[0].Event != "" || file.Rebalances[1].Event != "join#1" || file.Rebalances[4].Event != "crash#3" || file.Rebalances[5].Event != "" {
		t.Errorf("%+v", file.Rebalances)
	}
	// Without churn nothing is outside of anything, and without a group nothing is known.
	b.rows, b.churn = nil, nil
	if b.rebalances(); len(b.rows) != 10 {
		t.Errorf("%d rows", len(b.rows))
	}
	b.rows, b.trial.Group = nil, ""
	if b.rebalances(); len(b.rows) != 0 {
		t.Errorf("%d rows without a group", len(b.rows))
	}
}
