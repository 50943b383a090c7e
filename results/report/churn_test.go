package report_test

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kbench/kbench/internal/golden"
	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/report/text"
	"github.com/kbench/kbench/workloads"
)

// churned is a run with 12 joins, 12 leaves and 12 crashes per arm at the
// settings of the published figures. The first join of sarama is noisy and slow,
// and delivers something twice.
func churned() (*results.Run, []*results.Trial, *results.Summary) {
	spec := workloads.Default()
	spec.Name, spec.About, spec.Produce.By = "churn", "How long does each partition stop?", "reference"
	spec.Churn = []workloads.ChurnEntry{{Cycle: []string{"join", "leave", "crash"}, Times: 12, When: "stable", Phase: "random"}}
	spec.Matrix = workloads.Matrix{{"group.assignors": {[]any{"range"}, []any{"cooperative-sticky"}}}}
	run := &results.Run{ID: "r", State: results.StateComplete, Rounds: 1, Specs: []workloads.Spec{spec}, Broker: results.Broker{Kind: "kafka", Title: "Apache Kafka 4.3.1, 3 nodes"}}
	s := &results.Summary{Schema: 1}
	var trials []*results.Trial
	for n, name := range []string{"franz-go/cooperative-sticky", "franz-go/range", "kafka-go/range", "sarama/range"} {
		client, _, _ := strings.Cut(name, "/")
		ref := results.TrialRef{N: n + 1, Workload: "churn", Arm: name, Client: client, Lane: "matched", Round: 1}
		run.Order = append(run.Order, ref)
		trials = append(trials, &results.Trial{Ref: ref, Spec: spec, State: results.StateComplete, Phases: []results.Phase{{Name: "measure", From: 0, To: int64(300+n) * 1e9}}})
		plain := func(event, class, metric, unit string, v float64) {
			s.Rows = append(s.Rows, results.Row{Workload: "churn", Arm: name, Client: client, Lane: "matched", Round: 1, Trial: n + 1,
				Event: event, Class: class, Metric: metric, Unit: unit, Value: v, N: 1})
		}
		plain("", "", results.AuditLost, results.UnitCount, 0)
		plain("", "", results.PauseAvailability, results.UnitRatio, 0.92+float64(n)/100)
		plain("", "", results.GroupAmplification, results.UnitRatio, 1)
		for i, part := range []string{"steady", "rebalance", "catch_up"} {
			if part == "catch_up" && client == "sarama" {
				continue // it was over at once
			}
			for stat, v := range map[string]float64{"p50": 2e6, "p99": 40e6, "max": 900e6} {
				s.Rows = append(s.Rows, results.Row{Workload: "churn", Arm: name, Client: client, Lane: "matched", Round: 1, Trial: n + 1, Role: "consumer",
					Class: part, Metric: results.E2EResponse, Stat: stat, Unit: results.UnitNs, Value: v * float64(1+i*i*(n+1)), N: int64(80_000 >> (3 * i))})
			}
		}
		if client == "kafka-go" {
			plain("", "", results.AuditCommitRegression, results.UnitCount, 2)
		}
		for i := range 36 {
			kind := []string{"join", "leave", "crash"}[i%3]
			event := fmt.Sprintf("%s#%d", kind, i+1)
			ns := func(metric string, ms float64) { plain(event, "", metric, results.UnitNs, ms*1e6) }
			excess := float64(2+i) * float64(n+1)
			noisy := 0.0
			if client == "sarama" && i == 0 {
				noisy, excess = 1, 9_999
				plain(event, "", results.PauseDuplicates, results.UnitCount, 3)
				plain(event, "stale", results.PauseDuplicates, results.UnitCount, 3)
			} else {
				plain(event, "", results.PauseDuplicates, results.UnitCount, 0)
			}
			plain(event, "", results.PauseNoisy, results.UnitCount, noisy)
			plain(event, "", results.PauseLost, results.UnitSeconds, float64(i)/10)
			plain(event, "", results.PauseLostRecords, results.UnitCount, 0)
			plain(event, "", results.GroupRounds, results.UnitCount, float64(1+n%2))
			ns(results.PauseWire, 1400+excess)
			ns(results.PauseFloor, 1400)
			ns(results.PauseWireExcess, excess)
			ns(results.PauseGap, 20+excess)
			ns(results.PauseGapExcess, excess)
			ns("pause.react", excess)
			ns("pause.detect", 1400)
			ns("pause.deliver", 30)
			if kind == "crash" {
				ns(results.PauseTotal, 9000+excess)
				continue
			}
			ns(results.PauseStart, 45)
			ns(results.PauseTotal, 1445+excess)
		}
	}
	return run, trials, s
}

func TestChurn(t *testing.T) {
	f := func(name string, width int) {
		t.Helper()
		run, trials, s := churned()
		var buf bytes.Buffer
		if err := write(&buf, run, trials, s, text.Options{Width: width}); err != nil {
			t.Fatal(err)
		}
		golden.Check(t, filepath.Join("testdata", name), buf.Bytes())
		within(t, name, buf.String(), width)
	}
	f("churn.txt", 100)
	f("churn-80.txt", 80)
	f("churn-narrow.txt", 72)
}

// within checks that text fits the terminal.
func within(t *testing.T, name, s string, width int) {
	t.Helper()
	for i, line := range strings.Split(s, "\n") {
		if n := len([]rune(line)); n > width {
			t.Errorf("%s:%d: %d columns, more than %d", name, i+1, n, width)
		}
	}
}
