package report

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jedib0t/go-pretty/v6/table"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/workloads"
)

// churned is a run with 12 joins, 12 leaves and 12 crashes per arm at the
// settings of the published figures. The first join of sarama is noisy and slow,
// and delivers something twice.
func churned() (*results.Run, []*results.Trial, *results.Summary) {
	spec := workloads.Spec{
		Name: "churn", About: "How long does each partition stop?", Topic: workloads.Topic{Partitions: 12},
		Records: workloads.Records{Size: workloads.Size{Fixed: 256}},
		Produce: workloads.Produce{By: "reference", Rate: workloads.Rate{PerSecond: 600}, Schedule: workloads.Schedule{Kind: "constant"}, Acks: "all", Codec: "none"},
		Consume: workloads.Consume{Members: 3}, Churn: []workloads.ChurnEntry{{Do: "join"}},
		Group: workloads.Group{Heartbeat: 3 * time.Second, Session: 10 * time.Second},
	}
	run := &results.Run{ID: "r", State: results.StateComplete, Rounds: 1, Specs: []workloads.Spec{spec}, Broker: results.Broker{Kind: "kafka", Title: "Apache Kafka 4.3.1, 3 nodes"}}
	s := &results.Summary{Schema: 1}
	var trials []*results.Trial
	for n, name := range []string{"franz-go/cooperative-sticky", "franz-go/range", "kafka-go/range", "sarama/range"} {
		client, _, _ := strings.Cut(name, "/")
		ref := results.TrialRef{N: n + 1, Workload: "churn", Arm: name, Client: client, Lane: "matched", Round: 1}
		run.Order = append(run.Order, ref)
		trials = append(trials, &results.Trial{Ref: ref, Spec: spec, State: results.StateComplete, Phases: []results.Phase{{Name: "measure", From: 0, To: int64(300+n) * 1e9}}})
		plain := func(event, class, metric, unit string, v float64) {
			s.Rows = append(s.Rows, results.Row{Workload: "churn", Arm: name, Client: client, Lane: "matched", Round: 1, Trial: n + 1,
				Event: event, Class: class, Metric: metric, Unit: unit, Value: v, N: 1})
		}
		plain("", "", results.AuditLost, results.UnitCount, 0)
		plain("", "", results.PauseAvailability, results.UnitRatio, 0.92+float64(n)/100)
		plain("", "", results.GroupAmplification, results.UnitRatio, 1)
		for i, part := range []string{"steady", "rebalance", "catch_up"} {
			if part == "catch_up" && client == "sarama" {
				continue // it was over at once
			}
			for stat, v := range map[string]float64{"p50": 2e6, "p99": 40e6, "max": 900e6} {
				s.Rows = append(s.Rows, results.Row{Workload: "churn", Arm: name, Client: client, Lane: "matched", Round: 1, Trial: n + 1, Role: "consumer",
					Class: part, Metric: results.E2EResponse, Stat: stat, Unit: results.UnitNs, Value: v * float64(1+i*i*(n+1)), N: int64(80_000 >> (3 * i))})
			}
		}
		if client == "kafka-go" {
			plain("", "", results.AuditCommitRegression, results.UnitCount, 2)
		}
		for i := range 36 {
			kind := []string{"join", "leave", "crash"}[i%3]
			event := fmt.Sprintf("%s#%d", kind, i+1)
			ns := func(metric string, ms float64) { plain(event, "", metric, results.UnitNs, ms*1e6) }
			excess := float64(2+i) * float64(n+1)
			noisy := 0.0
			if client == "sarama" && i == 0 {
				noisy, excess = 1, 9_999
				plain(event, "", results.PauseDuplicates, results.UnitCount, 3)
				plain(event, "stale", results.PauseDuplicates, results.UnitCount, 3)
			} else {
				plain(event, "", results.PauseDuplicates, results.UnitCount, 0)
			}
			plain(event, "", results.PauseNoisy, results.UnitCount, noisy)
			plain(event, "", results.PauseLost, results.UnitSeconds, float64(i)/10)
			plain(event, "", results.PauseLostRecords, results.UnitCount, 0)
			plain(event, "", results.GroupRounds, results.UnitCount, float64(1+n%2))
			ns(results.PauseWire, 1400+excess)
			ns(results.PauseFloor, 1400)
			ns(results.PauseWireExcess, excess)
			ns(results.PauseGap, 20+excess)
			ns(results.PauseGapExcess, excess)
			ns("pause.react", excess)
			ns("pause.detect", 1400)
			ns("pause.deliver", 30)
			if kind == "crash" {
				ns(results.PauseTotal, 9000+excess)
				continue
			}
			ns(results.PauseStart, 45)
			ns(results.PauseTotal, 1445+excess)
		}
	}
	return run, trials, s
}

func TestChurn(t *testing.T) {
	f := func(name string, width int) {
		t.Helper()
		run, trials, s := churned()
		var buf bytes.Buffer
		if err := Terminal(&buf, run, trials, s, Options{Width: width}); err != nil {
			t.Fatal(err)
		}
		golden(t, name, buf.Bytes())
		within(t, name, buf.String(), width)
	}
	f("churn.txt", 100)
	f("churn-narrow.txt", 72)
}

// within checks that text fits the terminal.
func within(t *testing.T, name, s string, width int) {
	t.Helper()
	for i, line := range strings.Split(s, "\n") {
		if n := len([]rune(line)); n > width {
			t.Errorf("%s:%d: %d columns, more than %d", name, i+1, n, width)
		}
	}
}

// A noisy or merged event is in no time, and all the same in the count of
// duplicates.
func TestUnfitEvents(t *testing.T) {
	a := &arm{name: "sarama"}
	add := func(name string, gap, duplicates float64, more ...results.Row) {
		rows := append([]results.Row{{Metric: results.PauseGap, Value: gap * 1e6}, {Metric: results.PauseDuplicates, Value: duplicates}}, more...)
		for _, r := range rows {
			r.Event, r.Trial = name, 1
			a.rows = append(a.rows, r)
		}
	}
	noisy, merged := results.Row{Metric: results.PauseNoisy, Value: 1}, results.Row{Metric: results.PauseMerged, Value: 1}
	further := func(kind string, n float64) results.Row {
		return results.Row{Metric: results.PauseMerged, Class: kind, Value: n}
	}
	f := func(what, got, want string) {
		t.Helper()
		if got != want {
			t.Errorf("%s: %q, want %q", what, got, want)
		}
	}
	add("join#1", 2, 1)
	f("one event", a.numbers("join"), "1")
	add("join#2", 9, 5, noisy)
	f("one noisy", a.numbers("join"), "1, 1 noisy")
	add("join#3", 99, 10, merged, noisy)
	add("crash#5", 99, 0, merged, further("join", 2), further("restart", 1))
	add("storm#9", 99, 0, further("join", 7), further("crash", 3))
	f("in all", a.numbers("join"), "1, 3 merged, 1 noisy")
	f("merged alone", a.numbers("crash"), "0, 1 merged")
	f("merged into others alone", a.numbers("restart"), "0, 1 merged")
	f("storm", a.numbers("storm"), "1 (11 acts)")
	f("none", a.numbers("leave"), "-")
	f("gap", typicalAndWorst(results.PauseGap)(a.ofKind("join")), "2.00")
	f("gap of unfit alone", typicalAndWorst(results.PauseGap)(a.ofKind("join")[1:]), "-")
	f("duplicates", total(results.PauseDuplicates, "")(a.ofKind("join")), "16")
	f("what nobody counted", total(results.PauseLostRecords, "")(a.ofKind("join")), "-")
	add("join#30", 4, 0)
	f("gap of two", typicalAndWorst(results.PauseGap)(a.ofKind("join")), "3.00 / 4.00")
	add("stall 12s#31", 1, 0)
	add("stall 5s#32", 1, 0)
	if diff := cmp.Diff([]string{"join", "crash", "stall 5s", "stall 12s", "restart", "storm"}, kinds([]*arm{a})); diff != "" {
		t.Errorf("kinds, want to got:\n%s", diff)
	}
}

// Only a client's own doing can be blamed: not the wait for a beat, nor the
// start of a process; the way out of the group is.
func TestSlowest(t *testing.T) {
	f := func(kind, want string, wantNs float64) {
		t.Helper()
		e := &event{kind: kind, rows: []results.Row{
			{Metric: "pause.detect", Value: 900}, {Metric: results.PauseStart, Value: 500}, {Metric: "pause.barrier", Value: 800},
			{Metric: "pause.react", Value: 20}, {Metric: "pause.second_round", Value: 30},
		}}
		if phase, ns := e.slowest(); phase != want || ns != wantNs {
			t.Errorf("%s: %s %v, want %s %v", kind, phase, ns, want, wantNs)
		}
	}
	f("join", "second round", 30)
	f("leave", "stop", 500)
	f("crash", "second round", 30)
}

// The published figures stand beside their own settings only.
func TestPublished(t *testing.T) {
	f := func(h, s time.Duration, kind, want string) {
		t.Helper()
		spec := &workloads.Spec{Group: workloads.Group{Heartbeat: h, Session: s}}
		if got := published(spec, kind); got != want {
			t.Errorf("%v %v %s: %q, want %q", h, s, kind, got, want)
		}
	}
	f(3*time.Second, 10*time.Second, "join", "1,850")
	f(3*time.Second, 10*time.Second, "leave", "1,620")
	f(3*time.Second, 10*time.Second, "crash", "9,800")
	f(3*time.Second, 10*time.Second, "stall", "")
	f(time.Second, 10*time.Second, "join", "")
	f(3*time.Second, 6*time.Second, "join", "")
}

// Of what was measured the real length is told, since a timeline decides it.
func TestDescribeOfChurn(t *testing.T) {
	f := func(least, most time.Duration, want string) {
		t.Helper()
		spec := &workloads.Spec{Churn: []workloads.ChurnEntry{{Do: "join"}}, Phases: workloads.Phases{Measure: 0}}
		got := describe(spec, [2]time.Duration{least, most})
		if _, after, _ := strings.Cut(got, "come and go"); after != want {
			t.Errorf("%s to %s: %q, want %q", least, most, after, want)
		}
	}
	f(0, 0, "")
	f(26300*time.Millisecond, 26400*time.Millisecond, ", 26s measured")
	f(25100*time.Millisecond, 26300*time.Millisecond, ", 25s to 26s measured")
}

// Partitions that stop only because of the node that leads them have a sentence,
// where that was so in most of the events.
func TestShared(t *testing.T) {
	f := func(led, others []float64, want string) {
		t.Helper()
		a := &arm{name: "sarama/cooperative-sticky"}
		for i := range led {
			event := fmt.Sprintf("join#%d", i+1)
			for class, ms := range map[string]float64{results.LedByCoordinator: led[i], results.LedElsewhere: others[i]} {
				a.rows = append(a.rows, results.Row{Event: event, Trial: 1, Metric: results.PauseGap, Class: class, Value: ms * 1e6})
			}
		}
		p := newPage(Options{Width: 300})
		p.shared("join", []*arm{a})
		if got := p.String(); !strings.Contains(got, want) || want == "" && got != "" {
			t.Errorf("%v against %v: %q, want %q", led, others, got, want)
		}
	}
	f([]float64{2900, 3000, 40}, []float64{20, 30, 40}, "led by the coordinator's node stopped for 2,900 ms, the others for 30.0 ms (medians of the worst; 2 of 3 events)")
	f([]float64{2900, 40, 40}, []float64{20, 30, 40}, "")
	f([]float64{90, 90}, []float64{20, 20}, "") // below what a machine does
	f(nil, nil, "")
}

// The recovery from a storm is a row of its own, in ms.
func TestRecoveryRow(t *testing.T) {
	of := func(ms ...float64) *arm {
		a := &arm{name: "sarama"}
		for i, v := range ms {
			a.rows = append(a.rows, results.Row{Trial: i + 1, Metric: results.GroupRecovery, Unit: results.UnitNs, Value: v * 1e6})
		}
		return a
	}
	if diff := cmp.Diff([]table.Row{{"recovery after last act", "ms", "17,000", "-"}}, trialRows([]*arm{of(16_000, 17_000, 90_000), of()})); diff != "" {
		t.Errorf("want to got:\n%s", diff)
	}
	if rows := trialRows([]*arm{of()}); rows != nil {
		t.Errorf("rows of nothing: %v", rows)
	}
}

// A group that nothing was done to has a line of its own for each client.
func TestAtRest(t *testing.T) {
	of := func(client string, generations, gap float64) *arm {
		a := &arm{name: client, client: client}
		for metric, v := range map[string]float64{results.GroupGenerations: generations, results.GroupBeatGap: gap} {
			m, _ := results.LookupMetric(metric)
			a.rows = append(a.rows, results.Row{Metric: metric, Unit: m.Unit, Value: v})
		}
		return a
	}
	p := newPage(Options{Width: 100})
	p.churn(&tableOf{arms: []*arm{of("franz-go", 0, 3.01e9), of("sarama", 2, 9e9), {name: "kafka-go"}}})
	want := "  group    franz-go: no rebalance, at most 3,010 ms between two heartbeats\n" +
		"  group    sarama: 2 rebalances that nobody asked for, at most 9,000 ms between two heartbeats\n\n"
	if p.String() != want {
		t.Errorf("%s", p.String())
	}
}
