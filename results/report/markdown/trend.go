package markdown

import (
	"fmt"
	"io"
	"strings"

	"github.com/kbench/kbench/results/report/text"
	"github.com/kbench/kbench/results/trend"
)

// Trend writes at most 20 lines: a row for each change, alerts first.
func Trend(w io.Writer, t *trend.Trend) error {
	n := map[trend.Standing]int{}
	rows := map[trend.Standing][]string{}
	for i := range t.Workloads {
		work := &t.Workloads[i]
		for j := range work.Series {
			s := &work.Series[j]
			for k := range s.Changes {
				c := &s.Changes[k]
				standing := string(c.Standing)
				if c.Standing == trend.Alert {
					standing = "**alert**"
				}
				n[c.Standing]++
				rows[c.Standing] = append(rows[c.Standing], fmt.Sprintf("| %s | %s | %s |", cell(work.Name), standing, cell(text.ChangeLine(work, s, c))))
			}
		}
	}
	lines := []string{fmt.Sprintf("**kbench trend**, %d nights; alerts: %d, held back: %d, known: %d, better: %d", t.Runs, n[trend.Alert], n[trend.Held], n[trend.Known], n[trend.Gain])}
	var all []string
	for _, s := range []trend.Standing{trend.Alert, trend.Held, trend.Gain, trend.Pinned, trend.Known, trend.Small} {
		all = append(all, rows[s]...)
	}
	if len(all) > 0 {
		lines = append(lines, "", "| workload | standing | change |", "|---|---|---|")
		lines = append(lines, atMost(all, mostLines-len(lines), "change")...)
	}
	_, err := io.WriteString(w, strings.Join(lines, "\n")+"\n")
	return err
}
