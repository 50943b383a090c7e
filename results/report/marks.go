package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"

	"github.com/kbench/kbench/results"
)

// batchLines says in the header how many records a batch had, where that
// differs by more than 5% between arms: it explains much of what is below.
func batchLines(arms []*arm) map[*arm]string {
	mean := map[*arm]float64{}
	var all []float64
	for _, a := range arms {
		for _, role := range []results.Role{results.RoleProducer, results.RoleBoth} {
			if vs := a.values(results.WireBatch, "", results.UnitCount, role); len(vs) > 0 {
				mean[a] = median(vs)
				all = append(all, mean[a])
			}
		}
	}
	out := map[*arm]string{}
	if len(all) < 2 || slices.Max(all) <= 1.05*slices.Min(all) {
		return out
	}
	for a, m := range mean {
		out[a] = significant(m) + " rec/batch"
	}
	return out
}

// marks is the last row: what keeps trials of an arm out of verdicts, nil where
// nothing does.
func marks(arms []*arm) table.Row {
	row, any := table.Row{"marks", ""}, false
	for _, a := range arms {
		var lines []string
		for _, m := range []struct{ metric, word string }{
			{results.TrialSaturated, "saturated"}, {results.TrialNotSteady, "not steady"}, {results.TrialLimited, "limited by "}, {results.TrialPerturbed, "perturbed by "},
		} {
			classes := map[string]int{}
			for _, r := range a.rows {
				if r.Metric == m.metric && r.Value != 0 {
					class := ""
					if strings.HasSuffix(m.word, " ") {
						class = r.Class
					}
					classes[class]++
				}
			}
			for _, class := range sortedKeys(classes) {
				line := m.word + class
				if n := classes[class]; n < a.rounds {
					line += fmt.Sprintf(" %d/%d", n, a.rounds)
				}
				lines = append(lines, line)
			}
		}
		any = any || len(lines) > 0
		row = append(row, strings.Join(lines, "\n"))
	}
	if !any {
		return nil
	}
	return row
}
