package markdown

import (
	"fmt"
	"io"
	"strings"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/report/text"
)

// Gates writes at most 20 lines: a table with a row for each gate, those that were not met
// first.
func Gates(w io.Writer, run string, gates []results.Gate) error {
	n := map[results.Verdict]int{}
	for _, g := range gates {
		n[g.Verdict]++
	}
	lines := []string{
		fmt.Sprintf("**kbench** %s: %d not met, %d not decided, %d met", code(run), n[results.NotMet], n[results.NotDecided], n[results.Met]), "",
		"| gate | workload | verdict | by |", "|---|---|---|---|",
	}
	var rows []string
	for _, v := range []results.Verdict{results.NotMet, results.NotDecided, results.Met} {
		for _, g := range gates {
			if g.Verdict == v {
				rows = append(rows, gateRow(g))
			}
		}
	}
	lines = append(lines, atMost(rows, mostLines-len(lines), "gate")...)
	_, err := io.WriteString(w, strings.Join(lines, "\n")+"\n")
	return err
}

func gateRow(g results.Gate) string {
	verdict := string(g.Verdict)
	if g.Verdict != results.Met {
		verdict = "**" + verdict + "**"
	}
	var by []string
	if g.Why != "" {
		by = append(by, g.Why)
	}
	for _, a := range g.Arms {
		if a.Verdict == g.Verdict {
			by = append(by, text.GateArm(a))
		}
	}
	cells := []string{g.Expression, g.Workload, verdict, strings.Join(by, "; ")}
	for i := range cells {
		cells[i] = cell(cells[i])
	}
	return "| " + strings.Join(cells, " | ") + " |"
}
