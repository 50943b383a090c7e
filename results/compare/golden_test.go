package compare_test

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/perf/benchfmt"
	"golang.org/x/perf/benchmath"

	"github.com/kbench/kbench/internal/golden"
	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/compare"
	"github.com/kbench/kbench/results/report/markdown"
	"github.com/kbench/kbench/results/report/text"
	"github.com/kbench/kbench/results/summary"
	"github.com/kbench/kbench/workloads"
)

// night is a run as a machine might give it: three clients that produce as fast as they
// can, and a group in which members come and go, twelve rounds of each.
func night(id string, slower float64, rounds int) (*results.Run, *results.Summary) {
	rng := rand.New(rand.NewPCG(11, 29))
	produce, churn := workloads.Default(), workloads.Default()
	produce.Name, produce.Produce.Rate, produce.Consume.Members = "produce-max", workloads.Rate{Max: true}, 0
	churn.Name, churn.Churn = "churn-join", []workloads.ChurnEntry{{Do: "join"}, {Do: "leave"}}
	run := &results.Run{
		Schema: results.Schema, ID: id, State: results.StateComplete, Specs: []workloads.Spec{produce, churn},
		Machine: results.Machine{Host: "bench-1", OS: "linux", Arch: "amd64", CPU: "Some CPU", Cores: 8, MemBytes: 16 << 30},
		Broker:  results.Broker{Kind: "kafka", Title: "Apache Kafka 4.3.1, 3 nodes", Nodes: 3},
		Go:      "go1.26.0", Clients: map[string]string{"franz-go": "github.com/twmb/franz-go@v1.22.2", "sarama": "github.com/IBM/sarama@v1.61.1"},
	}
	s := &results.Summary{Schema: results.Schema, Run: id}
	cost := map[string]float64{"franz-go": 800 * slower, "kafka-go": 1010, "sarama": 812}
	rate := map[string]float64{"franz-go": 900e3, "kafka-go": 610e3, "sarama": 870e3}
	stop := map[string]float64{"franz-go": 40e6, "kafka-go": 1900e6, "sarama": 60e6}
	add := func(t results.TrialRef, role results.Role, event, metric string, v float64) {
		m, _ := results.LookupMetric(metric)
		s.Rows = append(s.Rows, results.Row{Workload: t.Workload, Arm: t.Arm, Client: t.Client, Lane: t.Lane, Round: t.Round, Trial: t.N, Role: role, Event: event,
			Metric: metric, Unit: m.Unit, Value: math.Round(v*10) / 10, N: 1})
	}
	off := func(percent float64) float64 { return math.Exp(rng.NormFloat64() * percent / 100) }
	for _, spec := range run.Specs {
		for round := 1; round <= rounds; round++ {
			drift := 1 + 0.02*float64(round)
			for _, client := range []string{"franz-go", "kafka-go", "sarama"} {
				t := results.TrialRef{N: len(run.Order) + 1, Workload: spec.Name, Arm: client, Client: client, Lane: "matched", Round: round}
				run.Order = append(run.Order, t)
				if spec.Name == "produce-max" {
					add(t, results.RoleProducer, "", results.CPUPerRecord, cost[client]*drift*off(1.5))
					add(t, results.RoleProducer, "", results.ProduceThroughput, rate[client]/drift*off(4))
				} else {
					add(t, "", "join#1", results.PauseUnexplained, stop[client]*off(20))
					add(t, "", "leave#2", results.PauseUnexplained, 30e6*off(20))
				}
				switch {
				case client == "kafka-go" && round == 3:
					add(t, "", "", results.AuditLost, 12)
				case client == "sarama" && round == 5:
					s.Rows = append(s.Rows, results.Row{Workload: t.Workload, Arm: t.Arm, Lane: t.Lane, Trial: t.N, Metric: results.TrialUnfit, Class: "load", Unit: results.UnitCount, Value: 1, N: 1})
				}
			}
		}
	}
	return run, s
}

// Every form of a comparison, word by word.
func TestForms(t *testing.T) {
	f := func(file string, write func(*bytes.Buffer) error) {
		t.Helper()
		var got bytes.Buffer
		if err := write(&got); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join("testdata", file)
		golden.Check(t, path, got.Bytes())
		for i, line := range strings.Split(got.String(), "\n") {
			if n := len([]rune(line)); strings.HasSuffix(file, ".txt") && n > 80 {
				t.Errorf("%s:%d has %d columns", path, i+1, n)
			}
		}
		if n := strings.Count(got.String(), "\n"); strings.HasSuffix(file, ".md") && n > 20 {
			t.Errorf("%s has %d lines", path, n)
		}
	}
	all := func(name string, c *compare.Comparison) {
		t.Helper()
		f(name+".txt", func(b *bytes.Buffer) error { return text.Comparison(b, c, text.Options{Width: 80}) })
		f(name+".md", func(b *bytes.Buffer) error { return markdown.Comparison(b, c) })
		f(name+".csv", func(b *bytes.Buffer) error { return c.CSV(b) })
		f(name+".json", func(b *bytes.Buffer) error {
			data, err := results.EncodeJSON(c)
			b.Write(data)
			return err
		})
	}
	run, s := night("tonight", 1.12, 12)
	all("clients", compare.Of(run, s))
	f("end.txt", func(b *bytes.Buffer) error { return text.Compared(b, compare.Of(run, s), text.Options{Width: 80}) })
	base, of := night("yesterday", 1, 12)
	base.Clients = map[string]string{"franz-go": "github.com/twmb/franz-go@v1.22.1", "sarama": "github.com/IBM/sarama@v1.61.1"}
	all("nights", compare.Against(run, s, base, of))
	few, ofFew := night("three-rounds", 1, 3)
	few.Machine.Host, few.Broker.Nodes, few.Specs[1].Topic.Partitions = "bench-2", 1, 24
	all("few", compare.Of(few, ofFew))
	all("apart", compare.Against(few, ofFew, base, of))
	f("bench.bench", func(b *bytes.Buffer) error {
		b.Write(summary.Bench(compare.Counted(run, s), run))
		return nil
	})
}

// What benchstat makes of the trials that count: the medians and the p of its U-test are
// those of the comparison.
func TestAgreesWithBenchstat(t *testing.T) {
	run, s := night("tonight", 1.12, 12)
	units := map[string]string{results.CPUPerRecord: "cpu-ns/record", results.ProduceThroughput: "records/s"}
	values := map[string][]float64{} // by client and unit
	r := benchfmt.NewReader(bytes.NewReader(summary.Bench(compare.Counted(run, s), run)), "bench.txt")
	for r.Scan() {
		res, ok := r.Result().(*benchfmt.Result)
		if !ok {
			continue
		}
		_, parts := res.Name.Parts()
		for _, v := range res.Values {
			if v.OrigUnit != "" { // it is read in seconds
				v.Value, v.Unit = v.OrigValue, v.OrigUnit
			}
			key := strings.TrimPrefix(string(parts[0]), "/client=") + " " + v.Unit
			values[key] = append(values[key], v.Value)
		}
	}
	w := compare.Of(run, s).Workloads[0]
	compared := 0
	for _, p := range w.Pairs {
		for _, result := range p.Results {
			unit := units[w.Measures[result.Measure].Metric.Name]
			sample := func(client string) *benchmath.Sample {
				return benchmath.NewSample(values[client+" "+unit], &benchmath.DefaultThresholds)
			}
			a, b := sample(p.A.Name), sample(p.B.Name)
			got := fmt.Sprint(*result.A, *result.B, *result.UTest)
			want := fmt.Sprint(benchmath.AssumeNothing.Summary(a, 0.95).Center, benchmath.AssumeNothing.Summary(b, 0.95).Center, benchmath.AssumeNothing.Compare(a, b).P)
			if got != want {
				t.Errorf("%s against %s by %s: medians and p %s, and %s of benchstat", p.A.Name, p.B.Name, unit, got, want)
			}
			compared++
		}
	}
	if compared != 6 {
		t.Errorf("%d were compared, want 6", compared)
	}
}
