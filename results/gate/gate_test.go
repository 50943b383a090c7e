package gate

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/workloads"
)

func TestCheckAccepts(t *testing.T) {
	f := func(expr string) {
		t.Helper()
		if err := Check(expr); err != nil {
			t.Error(err)
		}
	}
	f("audit.lost == 0")
	f("  audit.lost==0  ")
	f("p99(e2e.response) < 20ms")
	f("p50(pause.wire_excess{event=join}) < 250ms")
	f("p99 ( e2e.response { client = sarama , role = consumer } ) <= 1.5 s")
	f("cpu.per_record{client=franz-go} < 900ns")
	f("produce.throughput > 500k/s")
	f("produce.throughput >= 50MB/s")
	f("rss.peak < 256MiB")
	f("pause.availability > 99.9%")
	f("audit.duplicate{class=producer} != 3")
	f("alloc.per_record < 1e-2")
	f("gc.pause{} < 1ms")
	f("machine.foreign{class=measured} < 0.5")
	f("machine.canary < 120ms")
	f("group.beat_gap < 4s")
	f("group.beat_gap{class=events} < 6s")
	f("cpu.layer{layer=gc,client=sarama} < 300ns")
	f("alloc.layer{class=batch} < 2")
	f("profile.coverage{class=cpu} > 60%")
	f("p99.9(e2e.response) < 20ms")
	f("p99.99(e2e.response) < 20ms")
	f("gc.pause == 0")
	f("cpu.per_record < 1.05 * baseline")
	f("cpu.per_record<1.05*baseline")
	f("p99(e2e.response{client=sarama}) <= baseline")
	f("audit.duplicate == baseline")
}

func TestCheckRefuses(t *testing.T) {
	f := func(expr, want string) {
		t.Helper()
		err := Check(expr)
		if err == nil {
			t.Errorf("%q was accepted", expr)
			return
		}
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v; want it to say %q", expr, err, want)
		}
	}
	f("", "not of the form")
	f("audit.lost", "not of the form")
	f("audit.lost = 0", "not of the form")
	f("audit.lots == 0", "did you mean audit.lost?")
	f("xyzzy == 0", `no metric is called "xyzzy"`)
	f("e2e.response < 20ms", "say which statistic, such as p99(e2e.response)")
	f("p98(e2e.response) < 20ms", "there are min, p50")
	f("(e2e.response) < 20ms", "no statistic is called")
	f("p99(audit.lost) == 0", "write audit.lost alone")
	f("p99(e2e.response < 20ms", "parentheses")
	f("e2e.response) < 20ms", "parentheses")
	f("p99(e2e.response) < 50", "e2e.response is a time and 50 has no unit; write one of ns")
	f("max(pause.lost_partition_seconds) < 3", "is a time")
	f("p99.5(e2e.response) < 20ms", "no statistic is called")
	f("p99(e2e.response) < 20MB", "write ns, us, µs, ms, s, m")
	f("audit.lost == 0 records", "a number alone")
	f("audit.lost == ", "the value is missing")
	f("audit.lost == none", "not a number")
	f("audit.lost == 1e999", "out of range")
	f("audit.lost{cleint=sarama} == 0", "did you mean client?")
	f("audit.lost{client} == 0", "key=value")
	f("audit.lost{client=a,client=b} == 0", "stands twice")
	f("machine.foreign < 0.5", "such as machine.foreign{class=measured}")
	f("machine.pressure{class=mesured} < 50%", "did you mean measured?")
	f("group.beat_gap{class=moved} < 4s", `no class "moved"`)
	f("cpu.layer < 300ns", "has a figure for each class")
	f("cpu.layer{layer=sheduler} < 300ns", "did you mean scheduler?")
	f("cpu.layer{layer=gc,class=gc} < 300ns", "stands twice")
	f("cpu.per_record < 1.05 baseline", "write it as 1.05 * baseline")
	f("cpu.per_record < -1 * baseline", "is not a number of times the baseline")
	f("cpu.per_record < x * baseline", "is not a number of times the baseline")
	f("cpu.per_record == baseline", "a figure is never quite that of its baseline")
	f("audit.lost audit.lost == 0", "is not a metric")
}

func row(arm string, trial int, metric, stat, unit string, v float64) results.Row {
	return results.Row{Workload: "w", Arm: arm, Client: arm, Lane: "matched", Trial: trial, Role: "consumer", Metric: metric, Stat: stat, Unit: unit, Value: v}
}

// worst is the value that is furthest on the wrong side, or nearest to it.
func worst(expr string, g results.Gate) float64 {
	e, err := parse(expr)
	if err != nil || len(g.Arms) == 0 {
		return math.NaN()
	}
	margin := func(v float64) float64 {
		switch e.op {
		case "<", "<=":
			return e.bound - v
		case ">", ">=":
			return v - e.bound
		case "==":
			return -math.Abs(v - e.bound)
		default:
			return math.Abs(v - e.bound)
		}
	}
	return slices.MinFunc(g.Arms, func(a, b results.GateArm) int { return cmp.Compare(margin(a.Value), margin(b.Value)) }).Value
}

func TestDecide(t *testing.T) {
	reference := row("a", 1, results.E2EResponse, "p99", results.UnitNs, 9e9)
	reference.Role = "reference"
	total, part := row("a", 1, results.AuditDuplicate, "", results.UnitCount, 5), row("a", 1, results.AuditDuplicate, "", results.UnitCount, 2)
	part.Class = "crash"
	marked, unmarked := row("a", 1, results.TrialSaturated, "", results.UnitCount, 1), row("a", 2, results.TrialSaturated, "", results.UnitCount, 0)
	marked.Class = "lag"
	rows := []results.Row{
		row("a", 1, results.E2EResponse, "p99", results.UnitNs, 10e6),
		row("a", 2, results.E2EResponse, "p99", results.UnitNs, 12e6),
		row("a", 3, results.E2EResponse, "p99", results.UnitNs, 90e6), // one bad round is not the median
		row("b", 4, results.E2EResponse, "p99", results.UnitNs, 19e6),
		row("a", 1, results.E2EResponse, "p50", results.UnitNs, 30e6),
		reference, total, part, marked, unmarked,
		row("a", 1, results.ProduceThroughput, "", results.UnitRate, 1000),
		row("a", 1, results.ProduceThroughput, "", results.UnitBytesPS, 5e6),
	}
	for i, v := range []float64{100e6, 300e6, 200e6} {
		r := row("a", i%2+1, "pause.wire_excess", "", results.UnitNs, v)
		r.Event = fmt.Sprintf("join#%d", i)
		rows = append(rows, r)
	}
	f := func(expr string, pass bool, value float64, n int) {
		t.Helper()
		got, err := decided(expr, rows, nil)
		if err != nil {
			t.Error(err)
			return
		}
		if (got.Verdict == results.Met) != pass || worst(expr, got) != value || got.N != n {
			t.Errorf("%s: verdict %v, value %v, n %d; want %v, %v, %d", expr, got.Verdict, worst(expr, got), got.N, pass, value, n)
		}
	}
	f("p99(e2e.response) < 20ms", true, 19e6, 4)
	f("p99(e2e.response) < 15ms", false, 19e6, 4)
	f("p99(e2e.response{client=a}) < 15ms", true, 12e6, 3)
	f("p99(e2e.response) > 12ms", false, 12e6, 4)
	f("p99(e2e.response{role=reference,client=a}) < 1s", false, 9e9, 1)
	f("audit.duplicate{client=a} == 5", true, 5, 1)
	f("audit.duplicate{class=crash,client=a} <= 2", true, 2, 1)
	f("trial.saturated{client=a} == 0", false, 0.5, 2)
	f("produce.throughput{client=a} >= 1k/s", true, 1000, 1)
	f("produce.throughput{client=a} > 5MB/s", false, 5e6, 1)
	f("p50(pause.wire_excess{event=join,client=a}) < 250ms", true, 200e6, 2)
	f("max(pause.wire_excess{event=join,client=a}) < 250ms", false, 300e6, 2)
	f("mean(pause.wire_excess{client=a}) != 200ms", false, 200e6, 2)
	f("min(pause.wire_excess{event=join#1,client=a}) == 300ms", true, 300e6, 1)
}

// Of classes that stand side by side a gate is about the one that it asks for.
func TestDecideClasses(t *testing.T) {
	in := func(arm, metric, class, unit string, v float64) results.Row {
		r := row(arm, 1, metric, "", unit, v)
		r.Class = class
		return r
	}
	rows := []results.Row{
		in("a", results.MachineForeign, "idle", results.UnitCores, 0.01), in("a", results.MachineForeign, "measured", results.UnitCores, 0.9),
		in("a", results.GroupBeatGap, "", results.UnitNs, 3e9), in("a", results.GroupBeatGap, "events", results.UnitNs, 5e9),
		in("b", results.GroupBeatGap, "events", results.UnitNs, 1e9),
	}
	f := func(expr string, want results.Verdict, value float64) {
		t.Helper()
		g, err := decided(expr, rows, nil)
		if err != nil && want == results.NotDecided {
			return
		}
		if err != nil || g.Verdict != want || worst(expr, g) != value {
			t.Errorf("%s: %+v, %v", expr, g, err)
		}
	}
	f("machine.foreign{class=measured,arm=a} < 0.5", results.NotMet, 0.9)
	f("machine.foreign{class=idle,arm=a} < 0.5", results.Met, 0.01)
	f("group.beat_gap{arm=a} < 4s", results.Met, 3e9)
	f("group.beat_gap{class=events} < 6s", results.Met, 5e9)
	f("group.beat_gap < 4s", results.NotDecided, 0) // b has none of a time without events
}

// Events that stalls of others make much of decide nothing while there are three
// without.
func TestDecideOthers(t *testing.T) {
	var rows []results.Row
	event := func(name string, gap, others float64) {
		for metric, v := range map[string]float64{results.PauseGap: gap, results.PauseOthers: others} {
			if v > 0 {
				r := row("a", 1, metric, "", results.UnitNs, v)
				r.Event = name
				rows = append(rows, r)
			}
		}
	}
	f := func(want results.Verdict, left int) {
		t.Helper()
		got, err := decided("max(pause.gap) < 100ms", rows, nil)
		if err != nil || got.Verdict != want || got.Left != left {
			t.Errorf("%s, %d left out; want %s, %d; %v", got.Verdict, got.Left, want, left, err)
		}
	}
	event("join#1", 10e6, 0)
	event("join#2", 20e6, 0)
	event("join#3", 900e6, 890e6)
	f(results.NotMet, 0)
	event("join#4", 30e6, 0)
	f(results.Met, 1)
	for name, metric := range map[string]string{"join#5": results.PauseNoisy, "join#6": results.PauseMerged} {
		event(name, 900e6, 0)
		r := row("a", 1, metric, "", results.UnitCount, 1)
		r.Event = name
		rows = append(rows, r)
	}
	f(results.Met, 3)
	want := []results.Left{{Why: results.LeftNoisy, N: 1}, {Why: results.LeftMerged, N: 1}, {Why: results.LeftOthers, N: 1}}
	if got, _ := decided("max(pause.gap) < 100ms", rows, nil); !slices.Equal(got.LeftBy, want) {
		t.Errorf("left out %v, want %v", got.LeftBy, want)
	}
}

// A trial that the machine treated otherwise than those of the other arms decides
// nothing but what is true on any machine.
func TestDecideUnfit(t *testing.T) {
	rows := []results.Row{
		row("a", 1, results.CPUPerRecord, "", results.UnitNs, 900), row("a", 1, results.AuditLost, "", results.UnitCount, 1),
		row("a", 1, results.TrialUnfit, "", results.UnitCount, 1),
	}
	f := func(expr string, want results.Verdict, left int) {
		t.Helper()
		got, err := decided(expr, rows, nil)
		if err != nil {
			got.Verdict = results.NotDecided
		}
		if got.Verdict != want || err == nil && got.Left != left {
			t.Errorf("%s: %s, %d left out; want %s, %d; %v", expr, got.Verdict, got.Left, want, left, err)
		}
	}
	f("cpu.per_record < 500ns", results.NotDecided, 0)
	f("audit.lost == 0", results.NotMet, 0)
	f("trial.unfit == 0", results.NotMet, 0)
	rows = append(rows, row("a", 2, results.CPUPerRecord, "", results.UnitNs, 400), row("a", 2, results.TrialUnfit, "", results.UnitCount, 0))
	f("cpu.per_record < 500ns", results.Met, 1)
}

// Nor does one whose round was run once more, unless by what it lost.
func TestDecideRepeated(t *testing.T) {
	rows := []results.Row{row("a", 1, results.CPUPerRecord, "", results.UnitNs, 900), row("a", 1, results.AuditLost, "", results.UnitCount, 1),
		row("a", 1, results.TrialUnfit, "", results.UnitCount, 1), row("a", 1, results.TrialRepeated, "", results.UnitCount, 1)}
	if _, err := decided("cpu.per_record < 500ns", rows, nil); err == nil || !strings.Contains(err.Error(), "the round of a was run once more and has no figure of that") {
		t.Errorf("of it alone: %v", err)
	}
	rows = append(rows, row("a", 2, results.CPUPerRecord, "", results.UnitNs, 400), row("a", 2, results.AuditLost, "", results.UnitCount, 0))
	got, err := decided("cpu.per_record < 500ns", rows, nil)
	if want := []results.Left{{Why: results.LeftRepeated, N: 1}}; err != nil || got.Verdict != results.Met || !slices.Equal(got.LeftBy, want) {
		t.Errorf("beside its repeat: %s, left out %v, %v", got.Verdict, got.LeftBy, err)
	}
	if got, err := decided("audit.lost == 0", rows, nil); err != nil || got.Verdict != results.NotMet {
		t.Errorf("what it lost: %s, %v", got.Verdict, err)
	}
}

// Nor does a trial that was not as planned, and the verdict tells it from one that
// the machine treated otherwise.
func TestDecideContradicted(t *testing.T) {
	contradicted := row("a", 1, results.TrialContradicted, "", results.UnitCount, 1)
	contradicted.Class = "produce.acks"
	rows := []results.Row{
		row("a", 1, results.CPUPerRecord, "", results.UnitNs, 900), row("a", 1, results.AuditLost, "", results.UnitCount, 1),
		row("a", 1, results.TrialUnfit, "", results.UnitCount, 1), contradicted,
	}
	if _, err := decided("cpu.per_record < 500ns", rows, nil); err == nil || !strings.Contains(err.Error(), "a sent something else than its plan claims") {
		t.Errorf("of it alone: %v", err)
	}
	if got, err := decided("audit.lost == 0", rows, nil); err != nil || got.Verdict != results.NotMet {
		t.Errorf("what is lost: %s, %v", got.Verdict, err)
	}
	rows = append(rows, row("a", 2, results.CPUPerRecord, "", results.UnitNs, 400))
	got, err := decided("cpu.per_record < 500ns", rows, nil)
	if want := []results.Left{{Why: results.LeftContradicted, N: 1}}; err != nil || got.Verdict != results.Met || !slices.Equal(got.LeftBy, want) {
		t.Errorf("beside another: %s, left out %v, %v", got.Verdict, got.LeftBy, err)
	}
}

// Events before which the machine was late decide nothing about pauses, and the
// verdict says how many there were.
func TestDecideNoisy(t *testing.T) {
	var rows []results.Row
	event := func(arm string, trial int, name string, noisy, excess float64) {
		for metric, v := range map[string]float64{results.PauseWireExcess: excess, results.PauseNoisy: noisy, results.GroupRounds: 1 + 4*noisy, results.PauseBaseline: 80e6 * noisy} {
			m, _ := results.LookupMetric(metric)
			r := row(arm, trial, metric, "", m.Unit, v)
			r.Event = name
			rows = append(rows, r)
		}
	}
	event("a", 1, "join#1", 0, 100e6)
	event("a", 1, "join#2", 1, 900e6)
	event("a", 2, "join#1", 1, 800e6)
	event("a", 2, "join#2", 0, 200e6)
	event("b", 3, "join#1", 0, 150e6)
	event("b", 3, "leave#2", 1, 700e6)
	f := func(expr string, pass bool, value float64, noisy ...int) {
		t.Helper()
		got, err := decided(expr, rows, nil)
		if err != nil {
			t.Error(err)
			return
		}
		if (got.Verdict == results.Met) != pass || worst(expr, got) != value {
			t.Errorf("%s: verdict %v, value %v; want %v, %v", expr, got.Verdict, worst(expr, got), pass, value)
		}
		sum := 0
		for i, a := range got.Arms {
			if sum += a.Left; a.Left != noisy[i] {
				t.Errorf("%s: %d noisy events of %s left out, want %d", expr, a.Left, a.Arm, noisy[i])
			}
		}
		if len(got.Arms) != len(noisy) || got.Left != sum {
			t.Errorf("%s: %d arms, %d noisy of all; want %d, %d", expr, len(got.Arms), got.Left, len(noisy), sum)
		}
	}
	f("max(pause.wire_excess{event=join}) < 250ms", true, 200e6, 2, 0)
	f("max(pause.wire_excess) < 250ms", true, 200e6, 2, 1)
	// What is no pause, or tells of noise itself, is not left out.
	f("max(group.rounds) <= 2", false, 5, 0, 0)
	f("max(pause.noisy) == 0", false, 1, 0, 0)
	f("max(pause.baseline) < 50ms", false, 80e6, 0, 0)
	// An arm that has nothing else cannot be decided, whatever the others do.
	for _, expr := range []string{"max(pause.wire_excess{event=leave}) < 10s", "max(pause.wire_excess{event=join#1,client=a}) < 10s"} {
		rows := rows
		if strings.Contains(expr, "#1") {
			rows = slices.DeleteFunc(slices.Clone(rows), func(r results.Row) bool { return r.Trial == 1 })
		}
		if got, err := decided(expr, rows, nil); err == nil || !strings.Contains(err.Error(), "(1) is noisy or merged") {
			t.Errorf("%s: %+v, %v", expr, got, err)
		}
	}
}

// A merged event has no figure of its kind, whatever the figure; what was lost in
// it was lost.
func TestDecideMerged(t *testing.T) {
	var rows []results.Row
	add := func(name, metric, class string, v float64) {
		m, _ := results.LookupMetric(metric)
		r := row("a", 1, metric, "", m.Unit, v)
		r.Event, r.Class = name, class
		rows = append(rows, r)
	}
	for i, name := range []string{"join#1", "join#2", "stall 5s#3", "stall 12s#4", "storm#5"} {
		add(name, results.GroupRounds, "", float64(i+1))
		add(name, results.PauseLostRecords, "", float64(10*i))
		merged := 0.0
		if name == "join#2" {
			merged = 1
		}
		add(name, results.PauseMerged, "", merged)
	}
	add("storm#5", results.PauseMerged, "join", 1) // a further act; not a mark
	f := func(expr string, value float64, left int) {
		t.Helper()
		got, err := decided(expr, rows, nil)
		if err != nil || worst(expr, got) != value || got.Left != left {
			t.Errorf("%s: %v, %d left out, %v; want %v, %d", expr, worst(expr, got), got.Left, err, value, left)
		}
	}
	f("max(group.rounds{event=join}) < 1.5", 1, 1)
	f("max(group.rounds{event=storm}) < 9", 5, 0)
	f("max(group.rounds{event=stall 5s}) < 9", 3, 0)
	f("max(group.rounds{event=stall 12s#4}) < 9", 4, 0)
	f("max(pause.lost_records{event=join}) == 0", 10, 0)
	f("max(pause.merged{event=join}) == 0", 1, 0)
	if _, err := decided("max(group.rounds{event=stall}) < 9", rows, nil); err == nil || !strings.Contains(err.Error(), "its events are of join, stall 12s, stall 5s, storm") {
		t.Errorf("a kind that there is not: %v", err)
	}
	if _, err := decided("max(group.rounds{event=join#2}) < 9", rows, nil); err == nil || !strings.Contains(err.Error(), "merged") {
		t.Errorf("a merged event alone: %v", err)
	}
}

// The verdicts of a run name the arm, and the trial or the event that decides,
// where it is one.
func TestOf(t *testing.T) {
	rows := []results.Row{
		row("a", 1, results.E2EResponse, "p99", results.UnitNs, 10e6),
		row("a", 2, results.E2EResponse, "p99", results.UnitNs, 12e6),
		row("a", 3, results.E2EResponse, "p99", results.UnitNs, 90e6),
		row("b", 4, results.E2EResponse, "p99", results.UnitNs, 19e6),
		row("b", 5, results.E2EResponse, "p99", results.UnitNs, 21e6),
	}
	for i, v := range []float64{100e6, 300e6, 200e6} {
		r := row("a", i+1, results.PauseWireExcess, "", results.UnitNs, v)
		r.Event = fmt.Sprintf("join#%d", i+1)
		rows = append(rows, r)
	}
	other := row("a", 6, results.E2EResponse, "p99", results.UnitNs, 1)
	other.Workload = "other"
	got := Of(&results.Run{Specs: []workloads.Spec{
		{Name: "w", Gate: []string{"p99(e2e.response) < 15ms", "max(pause.wire_excess{arm=a}) < 1s", "audit.lost == 0"}},
		{Name: "other", Gate: []string{"p99(e2e.response) < 15ms"}},
	}}, append(rows, other))
	arm := func(workload, name string, verdict results.Verdict, value, bound float64, trial, n int, event string) results.GateArm {
		return results.GateArm{Workload: workload, Arm: name, Lane: "matched", Role: "consumer", Verdict: verdict, Value: value, Bound: bound, Unit: "ns", Trial: trial, N: n, Event: event}
	}
	want := []results.Gate{
		{Workload: "w", Expression: "p99(e2e.response) < 15ms", Verdict: results.NotMet, Bound: 15e6, Unit: "ns", N: 5, Arms: []results.GateArm{
			arm("w", "a", results.Met, 12e6, 15e6, 2, 3, ""), arm("w", "b", results.NotMet, 20e6, 15e6, 0, 2, ""),
		}},
		{Workload: "w", Expression: "max(pause.wire_excess{arm=a}) < 1s", Verdict: results.Met, Bound: 1e9, Unit: "ns", N: 3, Arms: []results.GateArm{
			arm("w", "a", results.Met, 300e6, 1e9, 2, 3, "join#2"),
		}},
		{Workload: "w", Expression: "audit.lost == 0", Verdict: results.NotDecided, Unit: "count", Arms: []results.GateArm{},
			Why: `gate "audit.lost == 0": the run has no figure for it; see the rows and warnings of summary.json`},
		{Workload: "other", Expression: "p99(e2e.response) < 15ms", Verdict: results.Met, Bound: 15e6, Unit: "ns", N: 1, Arms: []results.GateArm{
			arm("other", "a", results.Met, 1, 15e6, 6, 1, ""),
		}},
	}
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Errorf("want to got:\n%s", diff)
	}
}

// A gate about something that was not measured must not pass.
func TestDecideWithoutRows(t *testing.T) {
	if _, err := decided("audit.lost == 0", nil, nil); err == nil || !strings.Contains(err.Error(), "no figure") {
		t.Errorf("got %v", err)
	}
}

// Whatever Check accepts, decide understands, and neither panics.
func FuzzCheck(f *testing.F) {
	f.Add("p99(e2e.response{client=a,event=join}) < 20ms")
	f.Add("cpu.per_record < 1.05 * baseline")
	f.Add("audit.lost{} == 0")
	rows := []results.Row{row("a", 1, results.E2EResponse, "p99", results.UnitNs, 1), row("a", 1, results.AuditLost, "", results.UnitCount, 0)}
	f.Fuzz(func(t *testing.T, expr string) {
		checked := Check(expr)
		_, err := decided(expr, rows, nil)
		if checked != nil && (err == nil || err.Error() != checked.Error()) {
			t.Errorf("%q: Check says %v, decide %v", expr, checked, err)
		}
		if checked == nil && err != nil && !strings.Contains(err.Error(), "no figure") && !strings.Contains(err.Error(), "against a baseline") {
			t.Errorf("%q: Check accepts what decide refuses: %v", expr, err)
		}
	})
}

func ExampleCheck() {
	fmt.Println(Check("p99(e2e.responce) < 20ms"))
	// Output: gate "p99(e2e.responce) < 20ms": no metric is called "e2e.responce"; did you mean e2e.response?
}

// A gate on what was lost has beside it what was never acked, or is still in the log, of
// the whole trial as that is.
func TestBeside(t *testing.T) {
	row := func(metric, class string, value float64) results.Row {
		return results.Row{Workload: "w", Arm: "a", Trial: 1, Metric: metric, Class: class, Unit: results.UnitCount, Value: value}
	}
	g, err := decided("audit.lost == 0", []results.Row{
		row(results.AuditLost, "", 0), row(results.ProduceFailed, "", 5), row(results.ProduceFailed, "too large", 5), row(results.AuditUndelivered, "", 0),
		row(results.ProduceUnsent, "", 7), row(results.ProduceUnsent, results.InAll, 9),
	}, nil)
	want := []results.Figure{{Name: results.ProduceFailed, Unit: results.UnitCount, Value: 5}, {Name: results.ProduceUnsent, Unit: results.UnitCount, Value: 9}}
	if err != nil || g.Verdict != results.Met || !slices.Equal(g.Arms[0].Beside, want) {
		t.Errorf("%+v, %v", g, err)
	}
}

// decided is decide for tests that want a verdict: that there is none is an error.
func decided(expr string, rows []results.Row, order []results.TrialRef) (results.Gate, error) {
	j := judge{run: &results.Run{}, rows: rows, order: order}
	g, err := j.decide(expr)
	if err == nil && g.Verdict == results.NotDecided {
		err = errors.New(g.Why)
	}
	return g, err
}
