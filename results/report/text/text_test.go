package text

import (
	"strings"
	"testing"
	"time"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/compare"
	"github.com/kbench/kbench/results/report"
	"github.com/kbench/kbench/workloads"
)

// Of churn the real length of what was measured is told, since a timeline decides
// it.
func TestMeasured(t *testing.T) {
	f := func(least, most time.Duration, want string) {
		t.Helper()
		spec := &workloads.Spec{Churn: []workloads.ChurnEntry{{Do: "join"}}, Phases: workloads.Phases{Measure: 0}}
		if got := measured(&report.Workload{Spec: spec, Measured: [2]time.Duration{least, most}}); got != want {
			t.Errorf("%s to %s: %q, want %q", least, most, got, want)
		}
	}
	f(0, 0, "")
	f(26300*time.Millisecond, 26400*time.Millisecond, "26s measured")
	f(25100*time.Millisecond, 26300*time.Millisecond, "25s to 26s measured")
}

// What is known of events in words stands below their table.
func TestWords(t *testing.T) {
	w := &report.Workload{
		Arms:    []report.Arm{{Name: "sarama/range"}, {Name: "franz-go", Lane: "best"}},
		Slowest: []report.Slowest{{Event: "join", Arm: 1, Phase: "second_round", Ns: 3e9, Slower: 2, Events: 3}, {Event: "join", Phase: "react", Ns: 20e6, Slower: 1, Events: 1}},
		Shared:  []report.Shared{{Event: "join", Led: 2900e6, Others: 30e6, Worse: 2, Events: 3}},
	}
	p := newPage(Options{Width: 300})
	p.words(w, &report.Table{Groups: []report.Group{{Event: "join"}, {Event: "leave"}, {}}})
	want := `  slowest  join: franz-go (best) in second round, 3,000 ms (2 of 3 events); sarama/range in react, 20.0 ms
  shared   join: sarama/range, of the partitions that kept their owner those led by the coordinator's node stopped for 2,900 ms, the others for 30.0 ms (medians of the worst; 2 of 3 events)

`
	if got := p.String(); got != want {
		t.Errorf("%s", got)
	}
}

// What was counted of some batches alone says so.
func TestRecordsPerBatchInHead(t *testing.T) {
	f := func(a report.Arm, want string) {
		t.Helper()
		if got := head(&report.Workload{Arms: []report.Arm{a}}, &a, false); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	f(report.Arm{Name: "sarama", Batch: 104}, "sarama\n104 rec/batch")
	f(report.Arm{Name: "sarama", Batch: 124, Sampled: true}, "sarama\n124 rec/batch\nsampled")
}

// The head says how a run came to its rounds, which were run once more, and what its
// processes were tied to.
func TestSequenceInHead(t *testing.T) {
	f := func(h report.Head, want string) {
		t.Helper()
		p := newPage(Options{Width: 400})
		p.sequence(&h)
		p.cpus(&h)
		if p.String() != want {
			t.Errorf("%q, want %q", p.String(), want)
		}
	}
	f(report.Head{}, "")
	f(report.Head{Sequence: &results.Sequence{For: 3600e9, Ended: []results.Ended{{Workload: "w", Rounds: 12, Why: "a further round would not have ended within 1h0m0s"}}}, Repeated: 1},
		"rounds   until 1h0m0s were over\n         w ended after 12 rounds: a further round would not have ended within 1h0m0s\nrepeated 1 round, run once more since a trial was out of verdicts; what there was the first time is in none\n")
	f(report.Head{Sequence: &results.Sequence{Until: 0.025, Looks: []int{7, 12}, Most: 12}, CPUs: map[string]string{"broker": "1", "client": "0"}},
		"rounds   until every interval reached no further than 2.5% to either side, looked at after 7 and 12 rounds, or there were 12\nCPUs     client on 0, broker on 1\n")
	if got, want := LooksLine(&compare.Workload{Level: 0.025, Looks: []int{7, 12}}), "rounds followed until the intervals were narrow, looked at after 7 and 12 rounds: each look holds at 2.5%, so that all of them together do at 5%, as their intervals of 95% do"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// What was not simply acked and found stands before the acked records, and the word
// "each" is for those alone. A verdict that cannot tell of it has it beside it.
func TestNothingLeftOut(t *testing.T) {
	p := newPage(Options{Width: 400})
	p.audit(&report.Workload{Arms: []report.Arm{
		{Name: "franz-go", Audit: &report.Audit{Acked: 1675, Handed: 1680, Sends: []report.Finding{{Metric: results.ProduceFailed, Count: 5, Causes: map[string]float64{"TOO_LARGE": 5}}}}},
		{Name: "sarama", Audit: &report.Audit{Acked: 90, Handed: 90, Due: 100, Unsent: 10, Findings: []report.Finding{{Metric: results.AuditUndelivered, Count: 7, Causes: map[string]float64{"drain": 7}}}}},
		{Name: "kafka-go", Audit: &report.Audit{Acked: 100, Handed: 100}},
		{Name: "again", Audit: &report.Audit{Acked: 2000, Handed: 2000, Sends: []report.Finding{{Metric: results.ProduceRetried, Count: 25}}}},
		{Name: "faulty", Audit: &report.Audit{
			Acked: 4791, Handed: 4928, Sends: []report.Finding{{Metric: results.ProduceFailed, Count: 70}, {Metric: results.ProduceUnanswered, Count: 67}},
			Findings: []report.Finding{{Metric: results.AuditLost, Count: 178}},
			Beside:   []report.Finding{{Metric: results.AuditUnanswered, Count: 105, Of: 137}, {Metric: results.AuditForeign, Count: 500, Of: 5218}},
		}},
	}})
	p.gates([]results.Gate{{Workload: "w", Expression: "audit.lost == 0", Verdict: results.Met, Arms: []results.GateArm{{Arm: "franz-go", Verdict: results.Met, Beside: []results.Figure{{Name: results.ProduceFailed, Value: 5}}}}}})
	p.atRest(&report.Workload{Arms: []report.Arm{{Name: "sarama"}}, Rest: []report.Rest{{Generations: 2, Strangers: 1}}})
	want := `  audit    franz-go: 5 failed (5 TOO_LARGE) of 1,680 records handed over; 1,675 acked records, each found once, in order and intact
  audit    sarama: 10 unsent of 100 due; 7 undelivered (7 drain) of 90 acked records
  audit    again: 25 retried of 2,000 records handed over; 2,000 acked records, each found once, in order and intact
  audit    faulty: 70 failed, 67 unanswered of 4,928 records handed over; 178 lost of 4,791 acked records; 105 never acknowledged but there (of 137 never acknowledged); 500 foreign (of 5,218 found)
  audit    kafka-go: 100 acked records, each found once, in order and intact

Gates
  met          w: audit.lost == 0
               by franz-go 0, but 5 failed
  group    sarama: 2 rebalances, and 1 member in the group that kbench did not start

`
	if p.String() != want {
		t.Errorf("%s", p.String())
	}
}

// Of a trial that was not read back the audit says that it does not know.
func TestNotReadBack(t *testing.T) {
	f := func(want string, a report.Audit) {
		t.Helper()
		p := newPage(Options{Width: 400})
		p.audit(&report.Workload{Arms: []report.Arm{{Name: "franz-go", Audit: &a}}})
		if want = "  audit    franz-go: " + want + "\n"; p.String() != want {
			t.Errorf("%s, want %s", p.String(), want)
		}
	}
	f("2 trials not read back, of which what is lost is not known", report.Audit{NotRead: 2})
	f("1 trial not read back, of which what is lost is not known; of the others 100 acked records, each found once, in order and intact", report.Audit{NotRead: 1, Acked: 100})
	f("1 trial not read back, of which what is lost is not known; 5 duplicate (5 stale)", report.Audit{
		NotRead: 1, Findings: []report.Finding{{Metric: results.AuditDuplicate, Count: 5, Causes: map[string]float64{"stale": 5}}},
	})
}

// A group that nothing was done to has a line of its own for each client.
func TestAtRest(t *testing.T) {
	short, long, share := 3.01e9, 9e9, 0.8731
	p := newPage(Options{Width: 120})
	p.atRest(&report.Workload{
		Arms: []report.Arm{{Name: "franz-go"}, {Name: "kafka-go"}, {Name: "sarama"}},
		Rest: []report.Rest{{Arm: 0, BeatGap: &short}, {Arm: 2, Generations: 2, BeatGap: &long, Availability: &share}},
	})
	want := "  group    franz-go: no rebalance, at most 3,010 ms between two heartbeats\n" +
		"  group    sarama: 2 rebalances that nobody asked for, at most 9,000 ms between two heartbeats, availability 87.3%\n\n"
	if p.String() != want {
		t.Errorf("%s", p.String())
	}
}

// A percentile of 18 samples says that it is one.
func TestFewSamples(t *testing.T) {
	cell := func(n int64) report.Cell {
		return report.Cell{N: 1, Values: []report.Value{{Stat: "p99", Value: 5e6, Few: n}}}
	}
	w := &report.Workload{Arms: []report.Arm{{Name: "franz-go"}, {Name: "sarama"}, {Name: "kafka-go"}}}
	w.Tables = []report.Table{{Of: report.Figures, Arms: []int{0, 1, 2}, Groups: []report.Group{{Rows: []report.Row{
		{Label: "p99", Metric: results.E2EResponse, Unit: results.UnitNs, Cells: []report.Cell{cell(18), cell(0), cell(25)}},
	}}}}}
	p := newPage(Options{Width: 300})
	p.tables(w)
	for _, want := range []string{"5.00†          5.00         5.00†", "† a percentile of 18 to 25 samples (where the trials of an arm differ, of the fewest): no more than the largest of them; p99 takes 100, p99.9 1,000"} {
		if !strings.Contains(p.String(), want) {
			t.Errorf("it does not say %q:\n%s", want, p.String())
		}
	}
}

// What members got of a backlog was looked into on one record in many, and the
// audit does not say more than that.
func TestAuditOfSampled(t *testing.T) {
	p := newPage(Options{Width: 200})
	p.audit(&report.Workload{
		Every: 64, Spec: &workloads.Spec{Consume: workloads.Consume{Members: 1, Backlog: 300_000}},
		Arms: []report.Arm{{Name: "franz-go", Rounds: 1, Audit: &report.Audit{Acked: 300_000}}},
	})
	if want := "franz-go: 300,000 acked records, each found once, in order and intact (of what members got, 1 in 64 was looked into)"; !strings.Contains(p.String(), want) {
		t.Errorf("%q does not say %q", p.String(), want)
	}
}

// A gate names what it was not decided by.
func TestLeftOut(t *testing.T) {
	got := leftOut(results.Gate{Left: 9, LeftBy: []results.Left{{Why: results.LeftNoisy, N: 1}, {Why: results.LeftMerged, N: 2}, {Why: results.LeftOthers, N: 3}, {Why: results.LeftUnfit, N: 1}, {Why: results.LeftContradicted, N: 2}}})
	if want := "1 noisy event, 2 merged events, 3 events for stalls of others, 1 trial on an unfit machine, 2 trials not as planned"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// The verdict on a gate has the figures, whose they are and where they come from.
func TestGates(t *testing.T) {
	p := newPage(Options{Width: 100})
	arm := func(name, lane string, v results.Verdict, value float64, trial, n int, event string) results.GateArm {
		return results.GateArm{Workload: "w", Arm: name, Lane: lane, Verdict: v, Value: value, Bound: 15e6, Unit: results.UnitNs, Trial: trial, N: n, Event: event}
	}
	p.gates([]results.Gate{
		{Workload: "w", Expression: "p99(e2e.response) < 15ms", Verdict: results.NotMet, Unit: results.UnitNs, Arms: []results.GateArm{
			arm("a", "matched", results.Met, 12e6, 2, 3, ""), arm("b", "best", results.NotMet, 20e6, 0, 2, ""), arm("c", "stock", results.Met, 1.5e6, 4, 1, ""),
		}},
		{Workload: "w", Expression: "max(pause.gap) < 15ms", Verdict: results.NotDecided, Why: "no trial of c has figures", Unit: results.UnitNs, Arms: []results.GateArm{
			arm("a", "matched", results.Met, 3e6, 7, 3, "join#2"), arm("b", "matched", results.Met, -3e6, 7, 1, ""),
		}},
	})
	want := `
Gates
  NOT MET      w: p99(e2e.response) < 15ms
               not by b (best) 20.0 ms (over 2 trials)
               by a 12.0 ms (median of 3 trials, of trial 2); c (stock) 1.50 ms (trial 4)
  NOT DECIDED  w: max(pause.gap) < 15ms: no trial of c has figures
               by a 3.00 ms (join#2 of trial 7); b -3.00 ms (trial 7)
`
	if p.String() != want {
		t.Errorf("%s", p.String())
	}
}
