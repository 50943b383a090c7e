package held_test

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kbench/kbench/internal/golden"
	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/held"
	"github.com/kbench/kbench/results/report/text"
)

// search is one as a machine might give it: a client with a knee of its own, one that the
// broker does not let reach its, one that holds all that is tried, one that cannot do it,
// and two of which little is known.
func search(t *testing.T) *held.Knee {
	t.Helper()
	k := &held.Knee{
		Schema: held.Schema, Command: []string{"kbench", "knee", "end-to-end"}, Started: "2026-01-02T15:04:05Z", Workload: "end-to-end", Seed: 7, From: 6000, Most: 48_000,
		Precision: 0.05, Repeats: 3, Broker: "embedded (simulated broker), 3 nodes", Machine: "bench-1, Some CPU, 8 cores",
		Arms: []held.Arm{
			{Name: "franz-go", Held: 30_200, HeldIn: held.Tally{Held: 3}, NotHeld: 31_000, NotHeldIn: held.Tally{Held: 1, NotHeld: 4}, Trials: 15, Found: true},
			{Name: "kafka-go", Held: 12_000, HeldIn: held.Tally{Held: 3}, NotHeld: 12_600, NotHeldIn: held.Tally{NotHeld: 3}, Trials: 13, Found: true},
			{Name: "mine", Refused: "mine has no groups"},
			{Name: "quick", Held: 48_000, HeldIn: held.Tally{Held: 3}, Trials: 6, Found: true},
			{Name: "sarama", Held: 6000, HeldIn: held.Tally{Held: 1}, Trials: 1, Why: "a further trial would not have ended within 10m0s"},
			{Name: "slow", NotHeld: 1.5, NotHeldIn: held.Tally{NotHeld: 1}, Trials: 1, Why: "it was interrupted"},
		},
	}
	for _, expr := range []string{"p99(e2e.response) < 50ms", "rss.peak < 64MiB"} {
		slo, err := held.SLOOf(expr)
		if err != nil {
			t.Fatal(err)
		}
		k.SLO = append(k.SLO, slo)
	}
	step := func(arm string, rate float64, limit held.Limit, by, why string) {
		load := min(rate/31_000, 1)
		p99, rss := 8e6*(1+math.Pow(load, 30)*12), 40e6+rate*100
		s := held.Step{Arm: arm, Rate: rate, Run: fmt.Sprintf("%03d-%s", len(k.Steps)+1, arm), Took: int64(15 * time.Second)}
		s.Trial = held.Trial{Outcome: held.Held, SLO: []*float64{&p99, &rss}, Latency: held.Latency{Metric: results.E2EResponse, P50: p99 / 4, P99: p99, P999: p99 * 1.5}, CameOut: rate, Client: load, Broker: load / 2}
		if limit != "" {
			s.Outcome, s.Limit, s.By, s.Why, s.Missed = held.NotHeld, limit, by, why, []string{"p99(e2e.response) < 50ms"}
		}
		k.Steps = append(k.Steps, s)
	}
	for _, rate := range []float64{6000, 12_000, 24_000, 30_200, 30_200, 30_200} {
		step("franz-go", rate, "", "", "")
	}
	for range 4 {
		step("franz-go", 31_000, held.Client, "cpu", "the client used 4.10, the broker 2.00 of 8 cores")
	}
	step("franz-go", 31_000, "", "", "")
	step("kafka-go", 12_000, "", "", "")
	step("kafka-go", 12_600, held.Client, "latency", "the client used 0.40 of 8 cores")
	step("kafka-go", 12_600, held.Broker, "", "limited: the broker did not answer for 2s of the measured part (20.0%)")
	k.Steps = append(k.Steps, held.Step{Arm: "kafka-go", Rate: 12_600, Trial: held.Trial{Outcome: held.NotDecided, Limit: held.Machine, Why: "others used 0.70 cores while it was measured", SLO: []*float64{}}})
	step("quick", 48_000, "", "", "")
	step("sarama", 6000, "", "", "")
	step("slow", 1.5, held.Generator, "", "generator late: p99 of the generator's own lateness is 30ms")
	k.Derive()
	return k
}

// TestKnee holds what is printed of a search against files, wide and narrow.
func TestKnee(t *testing.T) {
	k := search(t)
	print := func(name string, write func(*bytes.Buffer) error) {
		t.Helper()
		var out bytes.Buffer
		if err := write(&out); err != nil {
			t.Fatal(err)
		}
		golden.Check(t, "testdata/"+name, out.Bytes())
	}
	print("knee.txt", func(b *bytes.Buffer) error { return text.Knee(b, k, text.Options{Width: 100}) })
	print("knee-80.txt", func(b *bytes.Buffer) error { return text.Knee(b, k, text.Options{Width: 80}) })
	print("knee.csv", func(b *bytes.Buffer) error { return k.CSV(b) })
	print("knee.json", func(b *bytes.Buffer) error {
		data, err := results.EncodeJSON(k)
		b.Write(data)
		return err
	})
}

// TestLimit: of trials that disagree the most decide, and of as many the client is not
// charged.
func TestLimit(t *testing.T) {
	k := search(t)
	if a := k.Arms[1]; a.Limit != held.Broker || !strings.Contains(a.LimitWhy, "did not answer") {
		t.Errorf("%+v", a)
	}
	for range 2 {
		s := k.Steps[12]
		s.Why = "the client used 0.50 of 8 cores"
		k.Steps = append(k.Steps, s)
	}
	if k.Derive(); k.Arms[1].Limit != held.Client || k.Arms[1].LimitWhy != "the client used 0.50 of 8 cores" {
		t.Errorf("%+v", k.Arms[1])
	}
	for i := range k.Steps {
		if s := &k.Steps[i]; s.Arm == "kafka-go" && s.Outcome == held.NotHeld {
			s.Outcome, s.Limit = held.NotDecided, held.Machine
		}
	}
	if k.Derive(); k.Arms[1].Limit != held.Machine {
		t.Errorf("%+v", k.Arms[1])
	}
	// Three in a row that missed while others used the machine count as one that did not hold.
	k = search(t)
	k.Steps = slices.DeleteFunc(k.Steps, func(s held.Step) bool { return s.Rate == 12_600 && s.Limit == held.Broker })
	busy := k.Steps[slices.IndexFunc(k.Steps, func(s held.Step) bool { return s.Limit == held.Machine })]
	k.Steps = append(k.Steps, busy, busy)
	if k.Derive(); k.Arms[1].Limit != held.Client {
		t.Errorf("those that held say nothing of who gave out: %+v", k.Arms[1])
	}
	for i := range k.Steps {
		if s := &k.Steps[i]; s.Outcome == held.NotDecided {
			s.Missed = []string{"p99(e2e.response) < 50ms"}
		}
	}
	if k.Derive(); k.Arms[1].Limit != held.Machine {
		t.Errorf("%+v", k.Arms[1])
	}
	k.Steps = append(k.Steps, k.Steps[12])
	if k.Derive(); k.Arms[1].Limit != held.Client {
		t.Errorf("%+v", k.Arms[1])
	}
	// The figures of what was not decided are shown where there are no others.
	k = search(t)
	s := k.Steps[len(k.Steps)-1]
	s.Outcome, s.Latency.P99 = held.NotDecided, 9e9
	k.Steps = append(k.Steps, s)
	k.Derive()
	if p := k.Arms[5].Points[0]; p.Latency.P99 > 1e9 || p.Open != 1 {
		t.Errorf("%+v", p)
	}
	k.Steps[len(k.Steps)-2].Outcome = held.NotDecided
	k.Derive()
	if p := k.Arms[5].Points[0]; p.Latency.P99 < 4e9 || p.Open != 2 {
		t.Errorf("%+v", p)
	}
	took, longest := k.Took()
	if longest != 15*time.Second || took != time.Duration(len(k.Steps)-1)*longest {
		t.Errorf("%s, %s", took, longest)
	}
}

// TestSLO: an SLO is written as a gate is, with a bound of its own.
func TestSLO(t *testing.T) {
	f := func(expr, want string) {
		t.Helper()
		if _, err := held.SLOOf(expr); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", expr, err, want)
		}
	}
	f("p99(e2e.respons) < 50ms", "did you mean e2e.response?")
	f("p99(e2e.response) < 1.1 * baseline", "a baseline is another run's")
	got, err := held.SLOOf(" p99.9(produce.response{role=reference}) <= 50ms")
	if want := (held.SLO{Expression: "p99.9(produce.response{role=reference}) <= 50ms", Figure: "p99.9(produce.response{role=reference})", Unit: results.UnitNs}); err != nil || got != want {
		t.Errorf("%+v, %v", got, err)
	}
}
