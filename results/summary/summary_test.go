package summary

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/evidence"
	"github.com/kbench/kbench/results/record"
	"github.com/kbench/kbench/workloads"
)

const (
	second   = int64(time.Second)
	measured = 12 * second
)

// fixture is a trial to be written as its workers would have: records at a
// constant rate, each acked after a latency and delivered after twice that.
type fixture struct {
	ref     results.TrialRef
	kind    workloads.Kind
	rate    int64 // records per second
	latency int64
	lose    int64 // the last records are not delivered
	state   results.State
}

func newRun(t *testing.T, fixtures ...fixture) *results.Dir {
	t.Helper()
	run := &results.Run{
		ID: "r1", State: results.StateComplete, Go: "go1.26", Kbench: "test",
		Machine: results.Machine{OS: "linux", Arch: "amd64", CPU: "Example CPU"},
		Broker:  results.Broker{Kind: "embedded", Title: "embedded (simulated broker)"},
	}
	d, err := results.Create(filepath.Join(t.TempDir(), "r1"), run)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range fixtures {
		f.write(t, d)
	}
	return d
}

func (f fixture) write(t *testing.T, d *results.Dir) {
	t.Helper()
	start := record.Now() + 3600*second // every bound lies ahead of the writers
	from, to := start+2*second, start+2*second+measured
	tr := &results.Trial{
		Ref: f.ref, Kind: f.kind, State: f.state, RunTag: 7, Topic: "t", Error: "worker died\nlog",
		Spec: workloads.Spec{
			Name: f.ref.Workload, Records: workloads.Records{Size: workloads.Size{Fixed: 100}, Keys: workloads.Keys{Kind: "none"}},
			Produce: workloads.Produce{Rate: workloads.Rate{PerSecond: float64(f.rate)}, Schedule: workloads.Schedule{Kind: "constant"}},
		},
		Phases:  []results.Phase{{Name: "warmup", From: start, To: from}, {Name: "measure", From: from, To: to}, {Name: "drain", From: to, To: to + second}},
		Workers: []results.Worker{{Name: "producer-0", Role: "producer", Client: f.ref.Client}},
		End:     map[int32]int64{0: f.rate * (measured/second + 2)}, Committed: map[int32]int64{0: f.rate * (measured/second + 2)},
	}
	reader, kind := results.Worker{Name: "readback", Role: "readback"}, record.ReadBack
	if f.kind == workloads.EndToEnd {
		reader, kind = results.Worker{Name: "consumer-0", Role: "consumer", Client: f.ref.Client}, record.Delivered
	}
	tr.Workers = append(tr.Workers, reader)
	if f.kind == workloads.EndToEnd {
		tr.Workers = append(tr.Workers, results.Worker{Name: "observer", Role: "observer"})
	}
	path, err := d.CreateTrial(tr)
	if err != nil {
		t.Fatal(err)
	}
	n := f.rate * (measured/second + 2)
	f.worker(t, filepath.Join(path, "producer-0"), record.Acked, n, 1, start, from, to)
	f.worker(t, filepath.Join(path, reader.Name), kind, n-f.lose, 2, start, from, to)
	for _, w := range tr.Workers[2:] {
		f.worker(t, filepath.Join(path, w.Name), record.ReadBack, 0, 1, start, from, to)
	}

	var lines []string
	for i := int64(0); i <= 16; i++ {
		s := results.MachineSample{T: start + i*second, CPUTotal: 2 * i * second, CPUIdle: i * second, Procs: map[string]int64{"broker-0": i * second / 4, "producer-0": i * second, "observer": i * second / 8}}
		line, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, string(line))
	}
	if err := os.WriteFile(filepath.Join(path, results.MachineFile), []byte(strings.Join(lines, "\n")+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
}

// worker writes the raw files of one worker: n records, due at the rate, each
// booked after times latencies; half a core of CPU and 3 allocations per record.
func (f fixture) worker(t *testing.T, dir string, kind record.Kind, n, times, start, from, to int64) {
	t.Helper()
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	check(os.Mkdir(dir, 0o755))
	deliveries, err := record.CreateDeliveries(filepath.Join(dir, results.DeliveryFile), record.DeliveriesMeta{Run: 7, Worker: filepath.Base(dir), Topics: []string{"t"}})
	check(err)
	deliveries.SetCuts(from, second)
	latencies, err := record.CreateLatencies(filepath.Join(dir, results.LatencyFile), time.Second)
	check(err)
	latencies.SetPhases(from, to)
	metric := map[record.Kind]string{record.Acked: results.ProduceResponse, record.Delivered: results.E2EResponse, record.ReadBack: "unused"}[kind]
	lane, series := deliveries.Lane(kind, 0, 0, 0), latencies.Series(metric)
	for i := range n {
		due := start + i*second/f.rate
		at := due + times*f.latency
		lane.Add(0, uint64(i), i, due, at)
		series.Record(due, at, at-due)
	}
	series.Close()
	check(deliveries.Close())
	check(latencies.Close())

	events, err := record.CreateEvents(filepath.Join(dir, results.EventsFile))
	check(err)
	runtime := func(at int64) *record.Runtime {
		return &record.Runtime{CPUUser: (at - start) / 2, Allocs: 3 * f.rate * (at - start) / second, HeapLive: 1 << 20, RSS: 2 << 20, RSSPeak: 3 << 20, Goroutines: 9}
	}
	for _, p := range []struct {
		name string
		at   int64
	}{{"warmup", start}, {"measure", from}, {"drain", to}, {"close", to + second}} {
		events.Write(record.Event{T: p.at, K: record.EvPhase, Phase: p.name, Runtime: runtime(p.at)})
	}
	events.Write(record.Event{T: to, From: from, K: record.EvWire, Open: 2, Opened: 3, Wire: []record.WireAPI{{Requests: 12 * f.rate / 100, ReqBytes: 1200 * f.rate, Responses: 12 * f.rate / 100, RespBytes: 120 * f.rate}}})
	events.Write(record.Event{T: from + 1, K: record.EvProduce, Batches: []record.Batch{{Records: 90}, {Records: 110}}})
	check(events.Close())
}

func ref(n int, workload, client string, round int) results.TrialRef {
	return results.TrialRef{N: n, Workload: workload, Arm: client, Client: client, Lane: "matched", Round: round}
}

func find(t *testing.T, s *results.Summary, trial int, role results.Role, metric, stat, unit string) float64 {
	t.Helper()
	for _, r := range s.Rows {
		if r.Trial == trial && r.Role == role && r.Metric == metric && r.Stat == stat && r.Unit == unit {
			return r.Value
		}
	}
	t.Errorf("trial %d has no row %s %s(%s) in %s", trial, role, stat, metric, unit)
	return math.NaN()
}

func TestBuild(t *testing.T) {
	d := newRun(t,
		fixture{ref: ref(1, "produce-rate", "franz-go", 1), kind: workloads.Producing, rate: 1000, latency: 2e6, state: results.StateComplete},
		fixture{ref: ref(2, "end-to-end", "sarama", 1), kind: workloads.EndToEnd, rate: 500, latency: 3e6, lose: 4, state: results.StateComplete},
		fixture{ref: ref(3, "end-to-end", "kafka-go", 1), kind: workloads.EndToEnd, rate: 500, latency: 3e6, state: results.StateFailed},
	)
	s, _, err := build(d)
	if err != nil {
		t.Fatal(err)
	}
	f := func(trial int, role results.Role, metric, stat, unit string, want float64) {
		t.Helper()
		// A histogram of three digits is within 0.1%.
		if got := find(t, s, trial, role, metric, stat, unit); math.Abs(got-want) > math.Abs(want)/1000 {
			t.Errorf("%s(%s) is %v, want %v", stat, metric, got, want)
		}
	}
	f(1, "producer", results.ProduceThroughput, "", results.UnitRate, 1000)
	f(1, "producer", results.ProduceThroughput, "", results.UnitBytesPS, 100_000)
	f(1, "producer", results.ProduceResponse, "p50", results.UnitNs, 2e6)
	f(1, "producer", results.ProduceResponse, "p999", results.UnitNs, 2e6)
	f(1, "producer", results.CPUPerRecord, "", results.UnitNs, 500_000)
	f(1, "producer", results.AllocPerRecord, "", results.UnitAllocs, 3)
	f(1, "producer", results.RSSPeak, "", results.UnitBytes, 3<<20)
	f(1, "producer", results.HeapLive, "", results.UnitBytes, 1<<20)
	f(1, "producer", results.WireRequests, "", results.UnitCount, 10)
	f(1, "producer", results.WireBytes, "", results.UnitBytes, 110)
	f(1, "producer", results.WireBatch, "", results.UnitCount, 100)
	f(1, "producer", results.WireConnections, "", results.UnitCount, 2)
	f(1, "producer", results.WireOpened, "", results.UnitCount, 3)
	f(1, "broker", results.BrokerCPU, "", results.UnitCores, 0.25)
	f(1, "", results.AuditLost, "", results.UnitCount, 0)
	f(2, "consumer", results.ConsumeThroughput, "", results.UnitRate, 500)
	f(2, "consumer", results.E2EResponse, "max", results.UnitNs, 6e6)
	f(2, "", results.AuditLost, "", results.UnitCount, 4)
	f(2, "observer", results.ObserverCPU, "", results.UnitCores, 0.125)
	for _, r := range s.Rows {
		if r.Role == "observer" && r.Metric != results.ObserverCPU || r.Trial == 1 && r.Metric == results.ObserverCPU {
			t.Errorf("a row of an observer that is none: %+v", r)
		}
	}
	for _, metric := range []string{results.TrialSaturated, results.TrialNotSteady, results.TrialLimited} {
		f(1, "", metric, "", results.UnitCount, 0)
	}
	for _, r := range s.Rows {
		if r.Trial == 3 {
			t.Errorf("a failed trial has figures: %+v", r)
		}
		if r.Trial == 2 && r.Stat == "p999" {
			t.Errorf("p999 of %d samples: %+v", r.N, r)
		}
	}
	warnings := strings.Join(results.Lines(s.Warnings), "\n")
	for _, want := range []string{"failed, no figures: worker died", "lost: t/0 producer 0 sequence 6996..6999 at offset 6996", "no p999 of"} {
		if !strings.Contains(warnings, want) {
			t.Errorf("the warnings do not say %q:\n%s", want, warnings)
		}
	}
	if strings.Contains(warnings, "audit.offsets") || strings.Contains(warnings, "holds") {
		t.Errorf("a warning without cause:\n%s", warnings)
	}
}

// A histogram log that lost an interval is noticed.
func TestReconciliation(t *testing.T) {
	d := newRun(t, fixture{ref: ref(1, "w", "sarama", 1), kind: workloads.Producing, rate: 1000, latency: 1e6, state: results.StateComplete})
	path := filepath.Join(d.WorkerPath(ref(1, "w", "sarama", 1), "producer-0"), results.LatencyFile)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data[:len(data)-10], 0o644); err != nil {
		t.Fatal(err)
	}
	s, _, err := build(d)
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(results.Lines(s.Warnings), "\n"); !strings.Contains(got, "of produce.response, but 14000 records were acked") {
		t.Errorf("warnings: %s", got)
	}
}

func interleaved(t *testing.T) *results.Dir {
	var all []fixture
	n := 0
	for round := 1; round <= 6; round++ {
		for i, client := range []string{"franz-go", "sarama", "kafka-go"} {
			n++
			all = append(all, fixture{ref: ref(n, "produce-rate", client, round), kind: workloads.Producing, rate: 200, latency: int64(1+i) * 1e6 * int64(10+round) / 10, state: results.StateComplete})
		}
	}
	return newRun(t, all...)
}

// Derived files are the same bytes whenever they are built.
func TestWriteIsReproducible(t *testing.T) {
	d := newRun(t, fixture{ref: ref(1, "end-to-end", "sarama", 1), kind: workloads.EndToEnd, rate: 500, latency: 3e6, lose: 4, state: results.StateComplete})
	read := func() map[string]string {
		t.Helper()
		if _, err := Write(d); err != nil {
			t.Fatal(err)
		}
		files := map[string]string{}
		for _, name := range []string{results.SummaryFile, results.BenchFile} {
			data, err := os.ReadFile(filepath.Join(d.Path(), name))
			if err != nil {
				t.Fatal(err)
			}
			files[name] = string(data)
		}
		return files
	}
	first := read()
	for range 3 {
		if diff := cmp.Diff(first, read()); diff != "" {
			t.Fatalf("first to later:\n%s", diff)
		}
	}
}

// benchstat itself must understand bench.txt and put the clients side by side.
func TestBenchstat(t *testing.T) {
	if testing.Short() {
		t.Skip("builds benchstat")
	}
	d := interleaved(t)
	if _, err := Write(d); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("go", "run", "golang.org/x/perf/cmd/benchstat", "-col", "/client", filepath.Join(d.Path(), results.BenchFile)).CombinedOutput()
	if err != nil {
		t.Fatalf("benchstat: %v\n%s", err, out)
	}
	text := string(out)
	for _, want := range []string{
		"franz-go", "sarama", "kafka-go", "ProduceRate/lane=matched/role=producer",
		"broker: embedded (simulated broker)", "response-p50-sec", "vs base", "+100",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("benchstat does not print %q:\n%s", want, text)
		}
	}
	if strings.Contains(text, "saturated") {
		t.Errorf("a mark that no trial has:\n%s", text)
	}
}

func ExampleBench() {
	run := &results.Run{Broker: results.Broker{Title: "Apache Kafka 4.3.1, 3 nodes"}}
	s := &results.Summary{Rows: []results.Row{{
		Workload: "produce-max", Arm: "franz-go", Client: "franz-go", Lane: "matched", Trial: 1, Role: "producer",
		Metric: results.ProduceThroughput, Unit: results.UnitRate, Value: 812000,
	}}}
	for line := range strings.Lines(string(Bench(s, run))) {
		if !strings.HasPrefix(line, "Unit") {
			fmt.Print(line)
		}
	}
	// Output:
	// broker: Apache Kafka 4.3.1, 3 nodes
	//
	// BenchmarkProduceMax/client=franz-go/lane=matched/role=producer 1 812000 records/s
}

// What kills on purpose cost the histograms is one sentence; any other loss has
// one of its own.
func TestReconciliationOfKilled(t *testing.T) {
	var got []string
	b := &builder{inputs: &inputs{trial: &results.Trial{}}, warn: func(r results.Remark) { got = append(got, r.String()) }}
	killed := results.End{How: results.Killed, Signal: "SIGKILL"}
	of := func(name string, exit results.End, delivered int64) *worker {
		return &worker{Worker: &evidence.Worker{Worker: results.Worker{Name: name, Role: results.RoleConsumer, Exit: exit}}, allDelivered: delivered}
	}
	b.reconcile([]*worker{of("consumer-0", killed, 30), of("consumer-1", killed, 12), of("consumer-2", results.End{}, 7), of("consumer-3", results.End{}, 0)})
	want := []string{
		"consumer-2: latency.hlog holds 0 samples of e2e.response, but 7 records were delivered",
		"members that were killed on purpose lost the end of latency.hlog: 42 of the 42 records that 2 of them handled have no latency",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("want to got:\n%s", diff)
	}
}
