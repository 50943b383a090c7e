package report

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kbench/kbench/drivers"
	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/workloads"
)

// cell is a cell in short: its values with their statistics or classes.
func cell(c Cell) string {
	var out []string
	for _, v := range c.Values {
		out = append(out, strings.TrimSpace(fmt.Sprintf("%s%s %v", v.Stat, v.Class, v.Value)))
	}
	return strings.Join(out, ", ")
}

// A noisy or merged event is in no time, and all the same in the count of
// duplicates.
func TestUnfitEvents(t *testing.T) {
	a := &Arm{Name: "sarama"}
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
	f := func(what string, got Cell, want string) {
		t.Helper()
		if cell(got) != want {
			t.Errorf("%s: %q, want %q", what, cell(got), want)
		}
	}
	add("join#1", 2, 1)
	f("one event", a.numbers("join"), "fit 1")
	add("join#2", 9, 5, noisy)
	f("one noisy", a.numbers("join"), "fit 1, noisy 1")
	add("join#3", 99, 10, merged, noisy)
	add("crash#5", 99, 0, merged, further("join", 2), further("restart", 1))
	add("storm#9", 99, 0, further("join", 7), further("crash", 3))
	f("in all", a.numbers("join"), "fit 1, merged 3, noisy 1")
	f("merged alone", a.numbers("crash"), "fit 0, merged 1")
	f("merged into others alone", a.numbers("restart"), "fit 0, merged 1")
	f("storm", a.numbers("storm"), "fit 1, acts 11")
	f("none", a.numbers("leave"), "")
	f("gap", overEvents(results.PauseGap, "p50", "max")(a.ofKind("join")), "p50 2e+06")
	f("gap of unfit alone", overEvents(results.PauseGap, "p50", "max")(a.ofKind("join")[1:]), "")
	f("duplicates", total(results.PauseDuplicates, "")(a.ofKind("join")), "sum 16")
	f("what nobody counted", total(results.PauseLostRecords, "")(a.ofKind("join")), "")
	add("join#30", 4, 0)
	f("gap of two", overEvents(results.PauseGap, "p50", "max")(a.ofKind("join")), "p50 3e+06, max 4e+06")
	add("stall 12s#31", 1, 0)
	add("stall 5s#32", 1, 0)
	if diff := cmp.Diff([]string{"join", "crash", "stall 5s", "stall 12s", "restart", "storm"}, kinds([]Arm{*a})); diff != "" {
		t.Errorf("kinds, want to got:\n%s", diff)
	}
}

// What stalls of others cover is in no figure while there are three others.
func TestEventsOfOthers(t *testing.T) {
	a := &Arm{Name: "sarama"}
	add := func(name string, gap, others float64) {
		a.rows = append(a.rows, results.Row{Event: name, Trial: 1, Metric: results.PauseGap, Value: gap})
		if others != 0 {
			a.rows = append(a.rows, results.Row{Event: name, Trial: 1, Metric: results.PauseOthers, Value: others})
		}
	}
	f := func(numbers, gap string) {
		t.Helper()
		if got := cell(a.numbers("join")); got != numbers {
			t.Errorf("numbers %q, want %q", got, numbers)
		}
		if got := cell(overEvents(results.PauseGap, "p50", "max")(a.ofKind("join"))); got != gap {
			t.Errorf("gap %q, want %q", got, gap)
		}
	}
	add("join#1", 1, 0)
	add("join#2", 2, 0)
	add("join#3", 900, 890)
	f("fit 3", "p50 2, max 900")
	add("join#4", 3, 0)
	f("fit 3, of others 1", "p50 2, max 3")
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
	f("join", "second_round", 30)
	f("leave", "stop", 500)
	f("crash", "second_round", 30)
}

// The published figures stand beside their own settings only.
func TestPublished(t *testing.T) {
	f := func(h, s time.Duration, kind string, want float64) {
		t.Helper()
		spec := &workloads.Spec{Group: workloads.Group{Heartbeat: h, Session: s}}
		if got := published(spec, kind); got != want {
			t.Errorf("%v %v %s: %v, want %v", h, s, kind, got, want)
		}
	}
	f(3*time.Second, 10*time.Second, "join", 1850e6)
	f(3*time.Second, 10*time.Second, "leave", 1620e6)
	f(3*time.Second, 10*time.Second, "crash", 9800e6)
	f(3*time.Second, 10*time.Second, "stall", 0)
	f(time.Second, 10*time.Second, "join", 0)
	f(3*time.Second, 6*time.Second, "join", 0)
}

// The recovery from a storm is a row of its own.
func TestRecoveryRow(t *testing.T) {
	of := func(seconds ...float64) Arm {
		a := Arm{Name: "sarama"}
		for i, v := range seconds {
			a.rows = append(a.rows, results.Row{Trial: i + 1, Metric: results.GroupRecovery, Unit: results.UnitNs, Value: v * 1e9})
		}
		return a
	}
	half := 37e9
	want := []Row{{Label: "recovery after last act", Metric: results.GroupRecovery, Unit: results.UnitNs, Cells: []Cell{
		{Values: []Value{{Value: 17e9}}, Spread: &half, N: 3}, {Values: []Value{}},
	}}}
	w := Workload{Arms: []Arm{of(16, 17, 90), of()}}
	if diff := cmp.Diff(want, w.trials([]int{0, 1})); diff != "" {
		t.Errorf("want to got:\n%s", diff)
	}
	if rows := w.trials([]int{1}); rows != nil {
		t.Errorf("rows of nothing: %v", rows)
	}
}

// Partitions that stop only because of the node that leads them are told of,
// where that was so in most of the events.
func TestShared(t *testing.T) {
	f := func(led, others []float64, want ...Shared) {
		t.Helper()
		a := Arm{Name: "sarama"}
		for i := range led {
			for class, v := range map[string]float64{results.LedByCoordinator: led[i], results.LedElsewhere: others[i]} {
				a.rows = append(a.rows, results.Row{Event: fmt.Sprintf("join#%d", i+1), Trial: 1, Metric: results.PauseGap, Class: class, Value: v * 1e6})
			}
		}
		w := Workload{Arms: []Arm{a}}
		w.shared("join", []int{0})
		if diff := cmp.Diff(want, w.Shared); diff != "" {
			t.Errorf("%v against %v, want to got:\n%s", led, others, diff)
		}
	}
	f([]float64{2900, 3000, 40}, []float64{20, 30, 40}, Shared{"join", 0, 2900e6, 30e6, 2, 3})
	f([]float64{2900, 40, 40}, []float64{20, 30, 40})
	f([]float64{90, 90}, []float64{20, 20}) // below what a machine does
	f(nil, nil)
}

// A client that does not wait for its handler at a revoke is the same as the
// others until members come and go.
func TestQuietDependsOnChurn(t *testing.T) {
	f := func(key string, spec workloads.Spec, want bool) {
		t.Helper()
		if got := quiet(key, &spec); got != want {
			t.Errorf("quiet(%s) = %v, want %v", key, got, want)
		}
	}
	churn := workloads.Spec{Churn: []workloads.ChurnEntry{{Do: "join"}}}
	byRecords := workloads.Spec{Produce: workloads.Produce{Batch: workloads.Batch{Records: 200}}}
	f(drivers.KeyRevoke, workloads.Spec{}, true)
	f(drivers.KeyRevoke, churn, false)
	f(drivers.KeyConnections, churn, true)
	f(drivers.KeyBatchBytes, workloads.Spec{}, false)
	f(drivers.KeyBatchBytes, byRecords, true)
	f(drivers.KeyAcks, workloads.Spec{}, false)
}
