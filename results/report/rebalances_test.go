package report

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kbench/kbench/results"
)

// TestRebalances: counts are summed over the trials of an arm, causes that nobody has are
// left out, and where no group rebalanced there is no table.
func TestRebalances(t *testing.T) {
	of := func(trial int, metric, class string, n float64) results.Row {
		return results.Row{Trial: trial, Metric: metric, Class: class, Unit: results.UnitCount, Value: n}
	}
	f := func(want string, rows ...results.Row) {
		t.Helper()
		quiet := []results.Row{of(3, results.RebalanceCause, "", 0), of(3, results.RebalanceCause, "join", 0)}
		w := Workload{Arms: []Arm{{Name: "a", Rounds: 2, rows: rows}, {Name: "b", Rounds: 1, rows: quiet}, {Name: "none"}}}
		w.rebalances()
		var got []string
		for _, table := range w.Tables {
			if len(table.Arms) != 2 {
				t.Errorf("arms %v", table.Arms)
			}
			for _, r := range table.Groups[0].Rows {
				line := r.Label + ":"
				for _, c := range r.Cells {
					line += " " + cell(c)
				}
				got = append(got, line)
			}
		}
		if diff := cmp.Diff(want, strings.Join(got, "\n")); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
	f("", of(1, results.RebalanceCause, "", 0))
	f(`all: sum 5 sum 0
join: sumjoin 2 sumjoin 0
network: sumnetwork 3 
not certain: sumuncertain 1 
outside of events: sum 3 `,
		of(1, results.RebalanceCause, "", 2), of(2, results.RebalanceCause, "", 3),
		of(1, results.RebalanceCause, "join", 1), of(2, results.RebalanceCause, "join", 1),
		of(1, results.RebalanceCause, "network", 1), of(2, results.RebalanceCause, "network", 2), of(2, results.RebalanceCause, "uncertain", 1),
		of(1, results.RebalanceOutside, "", 1), of(2, results.RebalanceOutside, "", 2), of(1, results.RebalanceOtherwise, "", 0))
}
