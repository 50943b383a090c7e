package gate_test

import (
	"bytes"
	"encoding/xml"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kbench/kbench/internal/golden"
	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/gate"
	"github.com/kbench/kbench/results/report/ci"
	"github.com/kbench/kbench/results/report/markdown"
	"github.com/kbench/kbench/results/report/text"
	"github.com/kbench/kbench/workloads"
)

// Every form of gates, word by word: one that is met, one that is not, one that is open,
// one against a baseline of each sort.
func TestForms(t *testing.T) {
	night := func(id string, cost float64) (*results.Run, *results.Summary) {
		spec := workloads.Default()
		spec.Name = "produce-max"
		spec.Gate = []string{"audit.lost == 0", "produce.throughput > 1M/s", "p99(e2e.response) < 20ms"}
		run, s := &results.Run{ID: id, Specs: []workloads.Spec{spec}}, &results.Summary{}
		for i := range 14 {
			client := []string{"franz-go", "sarama"}[i%2]
			ref := results.TrialRef{N: i + 1, Workload: spec.Name, Arm: client, Client: client, Lane: "matched", Round: i/2 + 1}
			run.Order = append(run.Order, ref)
			add := func(metric string, v float64) {
				m, _ := results.LookupMetric(metric)
				s.Rows = append(s.Rows, results.Row{Workload: ref.Workload, Arm: client, Client: client, Lane: "matched", Round: ref.Round, Trial: ref.N, Metric: metric, Unit: m.Unit, Value: v, N: 1})
			}
			add(results.AuditLost, 0)
			add(results.ProduceThroughput, 900e3+float64(1000*i))
			if client == "franz-go" {
				add(results.CPUPerRecord, cost+float64(i))
			} else {
				add(results.CPUPerRecord, 850+float64(8*i))
			}
		}
		return run, s
	}
	run, now := night("tonight", 900)
	before, was := night("yesterday", 800)
	gates := gate.Against(run, now.Rows, []gate.Base{{Run: before, Summary: was}}, []string{"cpu.per_record < 1.05 * baseline", "cpu.per_record{client=sarama} < 1.02 * baseline", "cpu.per_record < 2 * baseline"})
	// An arm that one of several nights lacks.
	older, then := night("last-week", 700)
	then.Rows = slices.DeleteFunc(then.Rows, func(r results.Row) bool { return r.Client == "sarama" })
	gates = append(gates, gate.Against(run, now.Rows, []gate.Base{{Run: before, Summary: was}, {Run: older, Summary: then}}, []string{"cpu.per_record < 1.5 * baseline"})[3])
	f := func(file string, write func(*bytes.Buffer) error) {
		t.Helper()
		var got bytes.Buffer
		if err := write(&got); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join("testdata", file)
		golden.Check(t, path, got.Bytes())
		for i, line := range strings.Split(got.String(), "\n") {
			if n := len([]rune(line)); file == "gates.txt" && n > 80 {
				t.Errorf("%s:%d has %d columns", path, i+1, n)
			}
		}
	}
	f("gates.txt", func(b *bytes.Buffer) error { return text.Gates(b, run.ID, gates, text.Options{Width: 80}) })
	f("gates.md", func(b *bytes.Buffer) error { return markdown.Gates(b, run.ID, gates) })
	f("gates.xml", func(b *bytes.Buffer) error { return ci.JUnit(b, run.ID, gates) })
	f("gates.github", func(b *bytes.Buffer) error { return ci.GitHub(b, gates) })
}

// What a name holds ends no line of annotations and no attribute of XML.
func TestFormsEscape(t *testing.T) {
	gates := []results.Gate{{Workload: "a:b,c\n", Expression: "100% <\"&", Verdict: results.NotMet, Why: "x\r\n::error::y"}}
	var b bytes.Buffer
	if err := ci.GitHub(&b, gates); err != nil || strings.Count(b.String(), "\n") != 1 || !strings.HasPrefix(b.String(), "::error title=kbench%3A a%3Ab%2Cc%0A%2C not met::100%25 ") {
		t.Errorf("%q, %v", b.String(), err)
	}
	b.Reset()
	var back struct {
		Suite struct {
			Case struct {
				Name    string `xml:"name,attr"`
				Failure struct {
					Message string `xml:"message,attr"`
				} `xml:"failure"`
			} `xml:"testcase"`
		} `xml:"testsuite"`
	}
	if err := ci.JUnit(&b, "r", gates); err != nil {
		t.Fatal(err)
	}
	if err := xml.Unmarshal(b.Bytes(), &back); err != nil || back.Suite.Case.Name != gates[0].Expression || !strings.Contains(back.Suite.Case.Failure.Message, "::error::y") {
		t.Errorf("%+v, %v", back, err)
	}
}
