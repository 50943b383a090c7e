package report_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kbench/kbench/internal/golden"
	"github.com/kbench/kbench/profiles"
	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/report"
	"github.com/kbench/kbench/results/report/text"
	"github.com/kbench/kbench/workloads"
)

// write is a run on a terminal.
func write(w io.Writer, run *results.Run, trials []*results.Trial, s *results.Summary, o text.Options) error {
	return text.Write(w, report.Build(run, trials, s), o)
}

// synthetic is a run of two workloads by three clients in two rounds.
func synthetic() (*results.Run, []*results.Trial, *results.Summary) {
	produce, end := workloads.Default(), workloads.Default()
	produce.Name, produce.About = "produce-max", "How many records can each client produce? Read v1.2 of the manual. It is long."
	produce.Produce.Rate, produce.Produce.Window, produce.Sample = workloads.Rate{Max: true}, 10000, true
	produce.Topic.Partitions, produce.Records.Size.Fixed, produce.Consume.Members, produce.Phases.Measure = 6, 100, 0, 5*time.Second
	end.Name, end.About = "end-to-end", "How long does a record take from its intended time to its handler?"
	end.Produce.Rate, end.Produce.Schedule.Kind, end.Produce.Codec = workloads.Rate{PerSecond: 5000}, "poisson", "lz4"
	end.Topic.Partitions, end.Records.Size.Fixed, end.Consume.Members, end.Phases.Measure = 6, 1024, 1, 10*time.Second
	specs := []workloads.Spec{produce, end}
	run := &results.Run{
		ID: "20260921-101500", State: results.StateComplete, Rounds: 2, Seed: 7, Suite: "quick", Specs: specs, Go: "go1.26.8", Kbench: "v1.0.0, commit 0123456789ab", Profiles: []profiles.Kind{"cpu", "heap"},
		Command: []string{"kbench", "run", "quick", "--set=produce.codec=lz4", "--rounds=2"},
		Clients: map[string]string{"franz-go": "github.com/twmb/franz-go@v1.22.2", "sarama": "github.com/IBM/sarama@v1.61.1", "kafka-go": "github.com/segmentio/kafka-go@v0.4.51"},
		Machine: results.Machine{OS: "linux", Arch: "amd64", CPU: "Example CPU 2.10GHz", Cores: 2, MemBytes: 8 << 30},
		Broker:  results.Broker{Kind: "embedded", Title: "embedded, 3 nodes"},
	}
	s := &results.Summary{Schema: 1, Warnings: []results.Remark{
		{Kind: results.TrialLimited, Workload: "produce-max", Arm: "franz-go", Round: 1, Trial: 3, Words: "limited: the broker had no CPU left"},
		{Kind: results.KindThinWindows, Workload: "produce-max", Words: "too short to tell whether it was steady"},
		{Kind: results.KindThinTail, Workload: "produce-max", Words: "no p999 of produce.service"},
		{Kind: results.KindThinTail, Workload: "end-to-end", Words: "no p999 of e2e.response where a trial has fewer than 10000 samples; measure longer or at a higher rate"},
	}}
	var trials []*results.Trial
	for n, client := range []string{"sarama", "franz-go", "kafka-go", "kafka-go", "sarama", "franz-go"} {
		round := 1 + n/3
		for w, spec := range specs {
			ref := results.TrialRef{N: 2*n + w + 1, Workload: spec.Name, Arm: client, Client: client, Lane: "matched", Round: round}
			state := results.StateComplete
			if client == "kafka-go" && spec.Name == "end-to-end" {
				ref.Refused, state = "it needs group.rebalance, which kafka-go cannot express: the rebalance timeout is fixed", results.StateRefused
			}
			run.Order = append(run.Order, ref)
			every := 1
			if spec.Produce.Rate.Max {
				every = 64
			}
			trials = append(trials, &results.Trial{Ref: ref, Spec: spec, State: state, ClockEvery: every, Leaders: map[int32]int32{0: 1}, Plan: plan(client), Notes: []string{"replication 3 was capped at 1 node"}})
			if state == results.StateComplete {
				s.Rows = append(s.Rows, rows(ref, client, float64(round))...)
			}
		}
	}
	return run, trials, s
}

func plan(client string) []results.PlanLine {
	lines := []results.PlanLine{
		{Role: "producer", Client: client, Key: "produce.acks", Fidelity: "exact"},
		{Role: "reference", Client: "franz-go", Key: "produce.codec", Fidelity: "approx", Why: "must not be printed"},
		{Role: "consumer", Client: client, Key: "telemetry", Fidelity: "approx", Why: "must be counted only"},
		{Role: "producer", Client: client, Key: "produce.inflight", Fidelity: "approx", Why: "nobody has it"},
	}
	if client == "kafka-go" {
		lines = append(lines,
			results.PlanLine{Role: "producer", Client: client, Key: "produce.idempotent", Fidelity: "unsupported", Why: "the client has no idempotent producer, so a retry may write a record twice and the broker cannot tell"},
			results.PlanLine{Role: "producer", Client: client, Key: "produce.linger", Fidelity: "approx", Why: "a batch waits at least 1 ms"})
	}
	return lines
}

func rows(ref results.TrialRef, client string, round float64) []results.Row {
	factor := map[string]float64{"franz-go": 1, "sarama": 1.6, "kafka-go": 2.9}[client] * (1 + round/50)
	var out []results.Row
	add := func(role results.Role, class, metric, stat, unit string, v float64, n int64) {
		out = append(out, results.Row{Workload: ref.Workload, Arm: ref.Arm, Client: ref.Client, Lane: ref.Lane, Round: ref.Round, Trial: ref.N,
			Role: role, Class: class, Metric: metric, Stat: stat, Unit: unit, Value: v, N: n})
	}
	if ref.Workload == "produce-max" {
		add("producer", "", results.ProduceThroughput, "", results.UnitRate, 1_234_567/factor, 6_000_000)
		add("producer", "", results.ProduceThroughput, "", results.UnitBytesPS, 123_456_700/factor, 6_000_000)
		add("producer", "", results.ProduceService, "p50", results.UnitNs, 1_800_000*factor, 60_000)
		add("producer", "", results.ProduceService, "p99", results.UnitNs, 9_300_000*factor, 60_000)
		add("producer", "", results.WireBatch, "", results.UnitCount, 1200/factor, 600)
	} else {
		add("producer", "", results.ProduceThroughput, "", results.UnitRate, 5000, 50_000)
		add("consumer", "", results.ConsumeThroughput, "", results.UnitRate, 4999, 50_000)
		add("consumer", "", results.E2EResponse, "p50", results.UnitNs, 900_000*factor, 50_000)
		add("consumer", "", results.E2EResponse, "p99", results.UnitNs, 4_100_000*factor, 50_000)
		add("consumer", "", results.CPUPerRecord, "", results.UnitNs, 2100*factor, 50_000)
		add("consumer", "", results.RSSPeak, "", results.UnitBytes, 38<<20*factor, 1)
		add("reference", "", results.CPUPerRecord, "", results.UnitNs, 99999, 50_000)
	}
	add("producer", "", results.CPUPerRecord, "", results.UnitNs, 560*factor, 60_000)
	add("producer", "", results.HarnessCPU, "", results.UnitNs, 64, 2_000_000)
	add("producer", "", results.AllocPerRecord, "", results.UnitAllocs, 0.012*factor, 60_000)
	add("producer", "", results.RSSPeak, "", results.UnitBytes, 45<<20*factor, 1)
	add("broker", "", results.BrokerCPU, "", results.UnitCores, 0.94, 5)
	add("", "", results.AuditLost, "", results.UnitCount, 0, 6_000_000)
	dup := 0.0
	if client == "kafka-go" {
		dup = 12
		add("", "producer", results.AuditDuplicate, "", results.UnitCount, dup, 6_000_000)
	}
	add("", "", results.AuditDuplicate, "", results.UnitCount, dup, 6_000_000)
	add("", "", results.TrialSaturated, "", results.UnitCount, 0, 1)
	if client == "sarama" && round == 1 {
		add("", "trend", results.TrialNotSteady, "", results.UnitCount, 1, 1)
	}
	if ref.Workload == "produce-max" {
		add("", "broker", results.TrialLimited, "", results.UnitCount, 1, 1)
	}
	return out
}

func TestTerminal(t *testing.T) {
	f := func(name string, o text.Options) {
		t.Helper()
		run, trials, s := synthetic()
		var buf bytes.Buffer
		if err := write(&buf, run, trials, s, o); err != nil {
			t.Fatal(err)
		}
		golden.Check(t, filepath.Join("testdata", name), buf.Bytes())
		width := o.Width
		if width == 0 {
			width = 100
		}
		for i, line := range strings.Split(buf.String(), "\n") {
			if n := len([]rune(line)); n > width && !o.Color {
				t.Errorf("%s:%d: %d columns, more than %d", name, i+1, n, width)
			}
		}
	}
	f("quick.txt", text.Options{})
	f("quick-80.txt", text.Options{Width: 80})
	f("narrow.txt", text.Options{Width: 72})
	f("colour.txt", text.Options{Color: true})
}

// A workload can be shown by itself, and is then left out of the rest: together they are
// what a run is without that.
func TestAbove(t *testing.T) {
	run, trials, s := synthetic()
	model := report.Build(run, trials, s)
	var whole, one, rest bytes.Buffer
	if err := errors.Join(text.Write(&whole, model, text.Options{}), text.Workload(&one, model, "produce-max", text.Options{}),
		text.Write(&rest, model, text.Options{Above: []string{"produce-max"}})); err != nil {
		t.Fatal(err)
	}
	with := strings.Replace(rest.String(), "\nend-to-end\n", one.String()+"\nend-to-end\n", 1)
	if with = strings.Replace(with, "\nThe tables of produce-max stand above.\n", "", 1); with != whole.String() {
		t.Errorf("whole to parts:\n%s", cmp.Diff(whole.String(), with))
	}
}

// A run that failed has nothing but reasons, and they must be seen.
func TestTerminalOfFailure(t *testing.T) {
	run, trials, _ := synthetic()
	run.State, run.Error = "failed", "trial 1 failed\nwith a long tail"
	for _, tr := range trials {
		tr.State, tr.Error = "failed", "worker producer-0 died: exit status 2\nlog tail"
	}
	trials[0].State, trials[0].Error = "interrupted", "interrupted"
	backlog := workloads.Default()
	backlog.Name, backlog.Consume.Members, backlog.Consume.Backlog = "consume-backlog", 1, 300_000
	run.Specs = append(run.Specs, backlog)
	var buf bytes.Buffer
	if err := write(&buf, run, trials, &results.Summary{Warnings: []results.Remark{{Kind: results.KindNoFigures, Trial: 3, Words: "failed, no figures: said twice"}}}, text.Options{}); err != nil {
		t.Fatal(err)
	}
	golden.Check(t, filepath.Join("testdata", "failed.txt"), buf.Bytes())
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("disk full") }

func TestTerminalReportsWriteErrors(t *testing.T) {
	run, trials, s := synthetic()
	if err := write(full{}, run, trials, s, text.Options{}); err == nil {
		t.Error("a write error was swallowed")
	}
}

// The model of a run is data: as JSON it has no ANSI sequence and no padding, and
// each row of a table has the unit that results.Metrics knows its metric by.
func TestModel(t *testing.T) {
	run, trials, s := churned()
	model := report.Build(run, trials, s)
	data, err := results.EncodeJSON(model)
	if err != nil {
		t.Fatal(err)
	}
	golden.Check(t, filepath.Join("testdata", "model.json"), data)
	quick, trialsOfQuick, summaryOfQuick := synthetic()
	for _, m := range []*report.Report{model, report.Build(quick, trialsOfQuick, summaryOfQuick)} {
		for _, w := range m.Workloads {
			w.Spec = nil // a document, as its author wrote it
			data, err := json.Marshal(w)
			if err != nil {
				t.Fatal(err)
			}
			var v any
			if err := json.Unmarshal(data, &v); err != nil {
				t.Fatal(err)
			}
			plain(t, w.Name, v)
			units(t, w)
		}
	}
}

// plain checks that nothing in a value is laid out, and that no list is null.
func plain(t *testing.T, path string, v any) {
	t.Helper()
	switch v := v.(type) {
	case nil:
		t.Errorf("%s is null", path)
	case string:
		if strings.ContainsAny(v, "\x1b\n\t") || strings.Contains(v, "  ") || strings.TrimSpace(v) != v {
			t.Errorf("%s is laid out: %q", path, v)
		}
	case []any:
		for i, e := range v {
			plain(t, fmt.Sprintf("%s[%d]", path, i), e)
		}
	case map[string]any:
		for k, e := range v {
			plain(t, path+"."+k, e)
		}
	}
}

// units checks the rows of the tables of a workload against the table of metrics.
func units(t *testing.T, w report.Workload) {
	t.Helper()
	if len(w.Tables) == 0 {
		t.Errorf("%s has no table", w.Name)
	}
	for _, table := range w.Tables {
		for _, g := range table.Groups {
			for _, r := range g.Rows {
				m, known := results.LookupMetric(r.Metric)
				if r.Metric == "" {
					m, known = results.Metric{Unit: results.UnitCount}, true
				}
				if !known || r.Unit != m.Unit && r.Unit != m.Also {
					t.Errorf("%s: %s: metric %q in %q", w.Name, r.Label, r.Metric, r.Unit)
				}
				if len(r.Cells) != len(table.Arms) {
					t.Errorf("%s: %s: %d cells of %d arms", w.Name, r.Label, len(r.Cells), len(table.Arms))
				}
			}
		}
	}
}
