package text

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/report"
)

// Of what members hold counts are whole numbers, sizes have one unit, less has its sign,
// and what is not known is said.
func TestLeaks(t *testing.T) {
	of := func(vs ...float64) report.Cell {
		c := report.Cell{NotKnown: len(vs) == 0}
		for _, v := range vs {
			c.Values = append(c.Values, report.Value{Value: v})
		}
		return c
	}
	w := &report.Workload{Arms: []report.Arm{{Name: "franz-go"}, {Name: "sarama"}}}
	w.Tables = []report.Table{{Of: report.Leaks, Arms: []int{0, 1}, Groups: []report.Group{{Rows: []report.Row{
		{Label: "clients opened again, times", Unit: results.UnitCount, Cells: []report.Cell{of(100), of(100)}},
		{Label: "goroutines", Under: true, Metric: results.LeakGoroutines, Unit: results.UnitCount, Cells: []report.Cell{of(22, 1122), of(39, 38)}},
		{Label: "more per 100", Under: true, Metric: results.LeakGoroutines, Unit: results.UnitCount, Cells: []report.Cell{of(1100), of(-1)}},
		{Label: "live heap", Under: true, Metric: results.LeakHeap, Unit: results.UnitBytes, Cells: []report.Cell{of(5<<19, 4<<20), of()}},
		{Label: "more per 100", Under: true, Metric: results.LeakHeap, Unit: results.UnitBytes, Cells: []report.Cell{of(-512 << 10), of()}},
	}}}}}
	p := newPage(Options{Width: 100})
	p.tables(w)
	want := `  what members hold,                     franz-go         sarama
  before / after
 ────────────────────────────────────────────────────────────────
  clients opened again, times                 100            100
    goroutines                         22 / 1,122        39 / 38
    more per 100                            1,100             -1
    live heap                  MiB    2.50 / 4.00      not known
    more per 100               KiB           -512      not known

`
	if diff := cmp.Diff(want, p.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
