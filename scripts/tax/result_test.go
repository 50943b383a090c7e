package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/kbench/kbench/cmd/kbench/cli"
	"github.com/kbench/kbench/scripts/bare"
	"github.com/kbench/kbench/scripts/ratio"
)

func TestJudge(t *testing.T) {
	f := func(median, low, high float64, known bool, want verdict) {
		t.Helper()
		if got := judge(ratio.Interval{Median: median, Low: low, High: high, Known: known}, 1.05); got != want {
			t.Errorf("judge(%v [%v, %v]) = %q, want %q", median, low, high, got, want)
		}
	}
	f(1.02, 1.00, 1.05, true, met)
	f(1.04, 1.01, 1.06, true, within)
	f(1.06, 1.04, 1.08, true, over)
	f(1.08, 1.06, 1.10, true, missed)
	f(1.50, 1.40, 1.60, false, noPairs)
}

// pairsOf makes pairs whose ratios of CPU and throughput are given.
func pairsOf(n int, cpu, rate, brokerCores float64) []pair {
	var ps []pair
	for range n {
		ps = append(ps, pair{
			Bare:   sample{figures: figures{CPUNs: 100, Rate: 1000}, BrokerCores: brokerCores},
			Kbench: sample{figures: figures{CPUNs: 100 * cpu, Rate: 1000 * rate}, BrokerCores: brokerCores},
		})
	}
	return ps
}

func TestEvaluate(t *testing.T) {
	f := func(c cell, cpu, rate, brokerCores float64, wantCPU, wantThroughput verdict) {
		t.Helper()
		r := evaluate(measured{cell: c, Pairs: pairsOf(8, cpu, rate, brokerCores), capacity: 1})
		if r.CPUVerdict != wantCPU || r.ThroughVerdict != wantThroughput {
			t.Errorf("%s at %v and %v: %q and %q, want %q and %q", c, cpu, rate, r.CPUVerdict, r.ThroughVerdict, wantCPU, wantThroughput)
		}
	}
	f(cell{bare.Produce, bare.FranzGo, 100}, 1.11, 0.91, 0.5, met, met) // the one with the widest bounds
	f(cell{bare.Produce, bare.FranzGo, 100}, 1.14, 0.88, 0.5, missed, missed)
	f(cell{bare.Consume, bare.FranzGo, 100}, 1.09, 0.98, 0.5, met, met) // it has a wider one, too
	f(cell{bare.Consume, bare.Sarama, 100}, 1.09, 0.94, 0.5, missed, missed)
	f(cell{bare.Produce, bare.Sarama, 100}, 1.00, 0.50, 0.95, met, exempt) // the broker is the limit
}

func TestSentencesNameWhatIsNotMet(t *testing.T) {
	r := evaluate(measured{cell: cell{bare.Produce, bare.KafkaGo, 1024}, Pairs: pairsOf(8, 1.2, 0.99, 0.1), capacity: 1})
	got := strings.Join(r.sentences(), "\n")
	if !strings.Contains(got, "CPU per record 1.200") || !strings.Contains(got, "missed") || strings.Contains(got, "throughput") {
		t.Errorf("sentences = %q, want the CPU alone, as missed", got)
	}
}

// A pair with a window too short is dropped and named, and what the others really
// had is printed.
func TestShortWindowsAreDropped(t *testing.T) {
	m := measured{cell: cell{bare.Consume, bare.FranzGo, 100}, capacity: 1}
	for _, p := range pairsOf(7, 1, 1, 0.1) {
		p.Bare.To, p.Kbench.To = int64(5*time.Second), int64(4960*time.Millisecond)
		if err := m.keep(p, nil); err != nil {
			t.Fatal(err)
		}
	}
	m.Pairs[3].Bare.To = int64(4140 * time.Millisecond)
	if err := m.keep(pair{}, fmt.Errorf("%s, %s: %w", m.cell, bareSide, shortWindow{3700 * time.Millisecond, 5 * time.Second})); err != nil {
		t.Errorf("a short window ends it all: %v", err)
	}
	if err := m.keep(pair{}, io.ErrUnexpectedEOF); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("another error is kept as %v", err)
	}
	var out strings.Builder
	if err := writeTable(&out, []result{evaluate(m)}, options{window: 5 * time.Second}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"consume franz-go 100 B  7      4.1s ", "pair dropped: consume franz-go 100 B, bare: the measured part has 3.7s of 5s"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the table does not say %q:\n%s", want, &out)
		}
	}
}

func TestWrongFlags(t *testing.T) {
	f := func(want string, args ...string) {
		t.Helper()
		var said strings.Builder
		if code := run(args, io.Discard, &said); code != cli.ExitUsage || !strings.Contains(said.String(), want) {
			t.Errorf("tax %v: exit %d with %q, want %d with %q", args, code, said.String(), cli.ExitUsage, want)
		}
	}
	f("--client librdkafka", "--client", "librdkafka")
	f("--direction both", "--direction", "both")
	f("--broker attached", "--broker", "attached")
	f("--size 8", "--size", "100,8")
	f("--size x", "--size", "x")
	f("--pairs 0", "--pairs", "0")
	f("--window 1s", "--window", "1s")
	f("--nodes", "--nodes", "0")
	f("unexpected argument", "now")
	f("not defined", "--no-such-flag")
}
