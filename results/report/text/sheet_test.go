package text

import (
	"strings"
	"testing"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/report"
)

// At 80 columns three clients stand side by side, with the longest labels and figures
// that there are; at 100 nothing is written closely that fits otherwise.
func TestSideBySide(t *testing.T) {
	cells := func(v float64) []report.Cell {
		spread := v / 2
		c := report.Cell{N: 2, Values: []report.Value{{Value: v}}, Spread: &spread}
		return []report.Cell{c, c, c}
	}
	w := &report.Workload{Arms: []report.Arm{
		{Name: "franz-go", Version: "v1.22.2", Batch: 168, Rounds: 2}, {Name: "kafka-go", Version: "v0.4.51", Batch: 141, Sampled: true, Rounds: 2},
		{Name: "sarama", Version: "v1.61.1", Batch: 93, Rounds: 2, Marks: []report.Mark{{Metric: results.TrialLimited, Class: "generator", Trials: 1}}},
	}}
	w.Tables = []report.Table{{Of: report.Figures, Arms: []int{0, 1, 2}, Groups: []report.Group{{Rows: []report.Row{
		{Label: "produced, producer", Metric: results.ProduceThroughput, Unit: results.UnitRate, Cells: cells(1_230_000)},
		{Label: "requests per 1,000 rec., producer", Metric: results.WireRequests, Unit: results.UnitCount, Cells: cells(2_345)},
		{Label: "of which harness, consumer", Under: true, Metric: results.HarnessRSS, Unit: results.UnitBytes, Cells: cells(3 << 30)},
	}}}}}
	f := func(width int, want ...string) {
		t.Helper()
		p := newPage(Options{Width: width})
		p.tables(w)
		for i, line := range strings.Split(p.String(), "\n") {
			if n := len([]rune(line)); n > width {
				t.Errorf("%d columns: line %d has %d", width, i+1, n)
			}
		}
		if n := strings.Count(p.String(), "  produced"); n != 1 {
			t.Errorf("%d columns: %d tables", width, n)
		}
		for _, s := range want {
			if !strings.Contains(p.String(), s) {
				t.Errorf("%d columns: no %q in\n%s", width, s, p.String())
			}
		}
	}
	f(80, " /s ", "  requests per 1,000 rec., ", "\n    producer\n", "limited by\n", "generator 1/2")
	f(120, " records/s ", "  requests per 1,000 rec., producer  ", "limited by generator 1/2")
}

func TestBroken(t *testing.T) {
	f := func(text string, width int, more, want string) {
		t.Helper()
		if got := broken(text, width, more); got != want {
			t.Errorf("%q in %d columns: %q, want %q", text, width, got, want)
		}
	}
	f("heap bytes per record, producer", 22, "  ", "heap bytes per record,\n  producer")
	f("  of which harness, consumer", 20, "  ", "  of which harness,\n    consumer")
	f("by when a record was due,\np50 / p99 / max", 20, "", "by when a record was\ndue,\np50 / p99 / max")
	f("cooperative-sticky", 5, "", "cooperative-sticky")
	f("", 5, "", "")
}
