package main

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/kbench/kbench/results/record"
	"github.com/kbench/kbench/scripts/bare"
	"github.com/kbench/kbench/workloads"
)

func TestParse(t *testing.T) {
	f := func(want string, args ...string) {
		t.Helper()
		_, err := parse(append(args, "--out", t.TempDir()), io.Discard)
		switch {
		case want == "" && err != nil:
			t.Error(err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%v: %v; want it to say %q", args, err, want)
		}
	}
	f("")
	f("", "--members", "2,50", "--client", "sarama", "--broker", "kafka", "--nodes", "3")
	f("--members 1", "--members", "3,1")
	f("--client librdkafka", "--client", "librdkafka")
	f("--broker attached", "--broker", "attached")
	f("--window 1s", "--window", "1s")
	f("--rate 0:", "--rate", "0")
	f("--rate 1.9: at least 2 records a second", "--rate", "1.9")
	f("--rate NaN", "--rate", "NaN")
	f("", "--rate", "2")
	f("above 0", "--nodes", "0")
	f("unexpected argument", "all")
}

// What a cell runs is a workload that kbench takes, with the group that was asked
// for.
func TestDocument(t *testing.T) {
	c := cell{Members: 30, Client: bare.FranzGo}
	doc, err := workloads.Parse("sizes.yaml", []byte(c.document(options{rate: 5, window: 15 * time.Second})), workloads.Options{})
	if err != nil {
		t.Fatal(err)
	}
	s := doc.Spec
	if s.Consume.Members != 30 || s.Topic.Partitions != 60 || s.Produce.Rate.PerSecond != 300 || s.Phases.Warmup != 20*time.Second || len(s.Churn) != 1 {
		t.Errorf("%d members, %d partitions, %g/s, warm-up %s, churn %v", s.Consume.Members, s.Topic.Partitions, s.Produce.Rate.PerSecond, s.Phases.Warmup, s.Churn)
	}
}

func TestField(t *testing.T) {
	rollup := []byte("55d0-7ffd ---p 00000000 00:00 0    [rollup]\nRss:    1234 kB\nPss:     567 kB\nPss_Anon:    9 kB\n")
	for key, want := range map[string]int64{"Rss:": 1234, "Pss:": 567, "Swap:": 0} {
		if got := field(rollup, key); got != want {
			t.Errorf("%s is %d, want %d", key, got, want)
		}
	}
}

// Costs are of the stretch alone, and a process that was not there for it makes
// them unknown.
func TestCosts(t *testing.T) {
	const s = int64(time.Second)
	at := func(t, cpu, gcs, records int64) bare.Report {
		return bare.Report{T: t * s, Runtime: record.Runtime{CPUUser: cpu, CPUSys: cpu, GCs: gcs, Goroutines: 7}, Records: records}
	}
	of := map[int][]bare.Report{
		1: {at(1, 900, 50, 1), at(10, 1000, 60, 100), at(20, 2000, 80, 300), at(30, 9000, 90, 900)},
		2: {at(11, 0, 0, 0), at(19, 4000, 0, 0)},
	}
	mem := &memories{seen: map[int][]memory{
		1: {{t: 5 * s, pss: 1}, {t: 12 * s, pss: 2}, {t: 18 * s, pss: 10, rss: 20, threads: 6}, {t: 25 * s, pss: 99}},
		2: {{t: 15 * s, pss: 30, rss: 40, threads: 8}},
	}}
	got, err := costs(of, mem, 10*s, 20*s)
	want := member{PSS: 20, RSS: 30, CPU: (200 + 1000) / 2, Threads: 7, Goroutines: 7, GCs: 1, Records: 10}
	if err != nil || got != want {
		t.Errorf("%+v, %v; want %+v", got, err, want)
	}
	of[2] = of[2][:1]
	if _, err := costs(of, mem, 10*s, 20*s); err == nil {
		t.Error("a process that ended has costs")
	}
	if _, err := costs(nil, mem, 10*s, 20*s); err == nil {
		t.Error("nobody has costs")
	}
}

// A cell is not ok where anything is missing, and the table says so.
func TestVerdict(t *testing.T) {
	good := cell{Members: 3, Client: bare.FranzGo, Trial: outcome{Delivering: 6, After: 6, Acked: 9, Acts: []settled{{"join", time.Second}, {"crash", 0}}}}
	f := func(ok bool, says string, change func(*cell)) {
		t.Helper()
		c := good
		change(&c)
		var out bytes.Buffer
		if err := writeTable(&out, []cell{c}, options{}); err != nil {
			t.Fatal(err)
		}
		if c.ok() != ok || !strings.Contains(out.String(), says) {
			t.Errorf("ok is %t, want %t with %q in:\n%s", c.ok(), ok, says, &out)
		}
	}
	f(true, "join 1.0s, crash not seen", func(*cell) {})
	f(false, "NOT OK", func(c *cell) { c.Trial.Lost = 1 })
	f(false, "5 of 6", func(c *cell) { c.Trial.Delivering = 5 })
	f(false, "NOT OK", func(c *cell) { c.Trial.After = 5 })
	f(false, "failed: it broke", func(c *cell) { c.Failed = "it broke\nlog" })
}
