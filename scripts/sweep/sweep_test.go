package main

import (
	"math"
	"strings"
	"testing"

	"github.com/kbench/kbench/results"
)

func TestRises(t *testing.T) {
	for _, c := range []struct {
		counts           []int
		levels, exposure []float64
		want             float64
		ok               bool
	}{
		{[]int{0, 1}, []float64{0, 5}, []float64{300, 300}, 0.5, true},
		{[]int{0, 3}, []float64{0, 5}, []float64{300, 300}, 0.125, true},
		{[]int{0, 1}, []float64{0, 5}, []float64{900, 300}, 0.25, true}, // the longer was watched three times as long
		{[]int{3, 0}, []float64{0, 5}, []float64{300, 300}, 1, true},
		{[]int{0, 0, 1, 1}, []float64{0, 5, 10, 15}, []float64{1, 1, 1, 1}, 3.0 / 16, true}, // 15+10 twice, 15+15 once
		{[]int{0, 0}, []float64{0, 5}, []float64{300, 300}, 0, false},
		{[]int{4}, []float64{5}, []float64{300}, 0, false},
	} {
		p, ok := rises(c.counts, c.levels, c.exposure)
		if ok != c.ok || math.Abs(p-c.want) > 1e-12 {
			t.Errorf("%v: %v, %v, want %v, %v", c.counts, p, ok, c.want, c.ok)
		}
	}
}

// Only what a member's silence brought counts, of the whole measured part, and profiled
// trials have none.
func TestTable(t *testing.T) {
	row := func(arm, metric, class, stat string, v float64) results.Row {
		return results.Row{Arm: arm, Trial: len(arm), Client: "sarama", Metric: metric, Class: class, Stat: stat, Value: v}
	}
	const none, some = "sarama/session=10s,loss=0", "sarama/session=10s,loss=10%"
	event := row(some, results.RebalanceCause, "network", "", 9)
	event.Event = "join#1"
	profiled := row(some, results.RebalanceCause, "network", "", 9)
	profiled.Profiled = true
	s := sweep{}
	err := s.add([]results.Row{
		row(none, results.RebalanceCause, "network", "", 0), row(some, results.RebalanceCause, "network", "", 2), row(some, results.RebalanceCause, "process", "", 1),
		row(some, results.RebalanceCause, "", "", 7), row(some, results.RebalanceCause, "join", "", 4), event, profiled,
		row(some, results.PauseAvailability, "", "", 0.9725), row(some, results.E2EResponse, "", "max", 12.3e9),
	}, 300)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if err := s.write(&out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"| 0.0 (0 in 5m0s) | 6.0 (3 in 5m0s) | p = 0.12 |", "| not known ", "| 97.2 ", "| 12.3 "} {
		if !strings.Contains(strings.Join(strings.Fields(out.String()), " "), strings.TrimSpace(want)) {
			t.Errorf("%q is not in\n%s", want, &out)
		}
	}
	if err := (sweep{}).add([]results.Row{row("sarama", results.E2EResponse, "", "max", 1)}, 300); err == nil {
		t.Error("a run without arms of a sweep is taken for one")
	}
}
