package workloads_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kbench/kbench/workloads"
)

// What a workload has that the default one has not is told as its author would
// write it.
func TestUnusual(t *testing.T) {
	s := workloads.Default()
	if got := s.Unusual(); got != nil {
		t.Errorf("of the defaults it says %v", got)
	}
	s.Name, s.Rounds, s.Needs = "mine", 7, []string{"acks"}
	s.Records.Size = workloads.Size{Uniform: [2]int{100, 1000}}
	s.Produce.Schedule = workloads.Schedule{Kind: "bursts", Every: 250 * time.Millisecond, Size: 200}
	s.Produce.Rate.PerSecond = 1000
	s.Consume.Commit.Every = 100 * time.Millisecond
	s.Consume.Commit.Mark.Every = 10 * time.Millisecond
	s.Consume.Commit.OnRevoke = false
	s.Group.Assignors = []string{"range", "sticky"}
	want := []workloads.Said{
		{Path: "records.size", Value: "100 to 1000 B"},
		{Path: "produce.rate", Value: "1000/s"},
		{Path: "produce.schedule", Value: "bursts of 200 every 250ms"},
		{Path: "consume.commit.every", Value: "100ms"},
		{Path: "consume.commit.on_revoke", Value: "false"},
		{Path: "group.assignors", Value: "range,sticky"},
	}
	if diff := cmp.Diff(want, s.Unusual()); diff != "" {
		t.Errorf("want to got:\n%s", diff)
	}
	if got := s.Says("group.session"); got != "10s" {
		t.Errorf("session %s", got)
	}
	if got := s.Says("group") + s.Says("nobody.knows"); got != "" {
		t.Errorf("what is no field says %q", got)
	}
	s.Matrix = workloads.Matrix{{"produce.codec": {"none", "lz4"}}, {"produce.codec": {"lz4"}, "records.size": {100.0}}}
	if diff := cmp.Diff(map[string][]string{"produce.codec": {"none", "lz4"}, "records.size": {"100 B"}}, s.Varying()); diff != "" {
		t.Errorf("want to got:\n%s", diff)
	}
}

// Values are said in the units in which they are written.
func TestSays(t *testing.T) {
	f := func(path string, value any, want string) {
		t.Helper()
		s := workloads.Default()
		if err := s.Apply(path, value); err != nil {
			t.Fatal(err)
		}
		if got := s.Says(path); got != want {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
	f("metadata.refresh", "5m", "5m")
	f("metadata.refresh", "2h", "2h")
	f("metadata.refresh", "90s", "1m30s")
	f("phases.drain", "10s", "10s")
	f("produce.rate", "max", "max")
	f("produce.rate", "90/m", "1.5/s")
	f("produce.schedule", map[string]any{"ramp": map[string]any{"from": 0.1}}, "ramp from 10%")
	f("produce.schedule", map[string]any{"steps": map[string]any{"factors": []any{0.5, 1.0, 1.255}}}, "steps of 50%, 100%, 125.5%")
	f("records.size", map[string]any{"lognormal": map[string]any{"median": 300.0, "sigma": 1.5, "max": 4000.0}}, "lognormal, median 300 B, sigma 1.5, at most 4000 B")
	f("records.size", map[string]any{"choice": []any{map[string]any{"size": 100.0, "weight": 9.0}, map[string]any{"size": 1000.0, "weight": 0.5}}}, "100 B (weight 9) or 1000 B (weight 0.5)")
	f("group.static", true, "true")
}

// The rate of a schedule is what runs, not what it is built on.
func TestMeanRate(t *testing.T) {
	f := func(want float64, s workloads.Schedule) {
		t.Helper()
		p := workloads.Produce{Rate: workloads.Rate{PerSecond: 1000}, Schedule: s}
		if got := p.Mean(); got != want {
			t.Errorf("%+v: %v, want %v", s, got, want)
		}
	}
	f(1000, workloads.Schedule{Kind: "constant"})
	f(1000, workloads.Schedule{Kind: "poisson"})
	f(1800, workloads.Schedule{Kind: "bursts", Every: 250 * time.Millisecond, Size: 200})
	f(550, workloads.Schedule{Kind: "ramp", From: 0.1})
	f(750, workloads.Schedule{Kind: "steps", Factors: []float64{0.5, 1}})
}
