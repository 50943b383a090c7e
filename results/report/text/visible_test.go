package text

import (
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/report"
)

// hostile is what a terminal would obey.
const hostile = "\x1b]0;owned\a\u009b31m\u202e"

// TestNothingIsObeyed: wherever text of others stands in a report it is visible, and
// what stands beside it is aligned.
func TestNothingIsObeyed(t *testing.T) {
	cell := func(v float64) report.Cell { return report.Cell{Values: []report.Value{{Value: v}}} }
	r := &report.Report{
		Head: report.Head{ID: hostile, Suite: hostile, State: results.StateFailed, Why: hostile, Broker: hostile, Set: []string{hostile}},
		Workloads: []report.Workload{{
			Name: "w" + hostile, Question: "Why " + hostile + "?",
			Arms: []report.Arm{
				{Name: "a" + hostile, Version: "v" + hostile, Rounds: 1},
				{Name: "b", Rounds: 1, Failed: &report.Failure{Trial: 1, State: results.StateFailed, Why: hostile + strings.Repeat("x", 1_000_000)}},
				{Name: "c", Refused: hostile},
			},
			Tables: []report.Table{{Of: report.Figures, Arms: []int{0, 1}, Groups: []report.Group{{Rows: []report.Row{
				{Label: "produced", Unit: results.UnitRate, Cells: []report.Cell{cell(1), cell(2)}},
			}}}}},
		}},
		Gates: []results.Gate{{Workload: hostile, Expression: hostile, Verdict: results.NotDecided, Why: hostile}},
	}
	for _, colour := range []bool{false, true} {
		var b strings.Builder
		if err := Write(&b, r, Options{Color: colour}); err != nil {
			t.Fatal(err)
		}
		page := b.String()
		plain := strings.NewReplacer("\x1b[1m", "", "\x1b[0m", "").Replace(page)
		if strings.ContainsAny(plain, "\x1b\a\u009b\u202e") || colour != (plain != page) {
			t.Errorf("in colour: %v: %q", colour, page)
		}
		if n := strings.Count(plain, `\u001b]0;owned\u0007\u009b31m\u202e`); n < 10 {
			t.Errorf("it is visible %d times in\n%.3000s", n, plain)
		}
		if len(page) > 20_000 || !strings.Contains(plain, "characters more)") {
			t.Errorf("the page has %d bytes", len(page))
		}
		ends := map[int]bool{} // of the lines of the table
		for _, l := range regexp.MustCompile(`(?m)^ +(produced .*|─+)$`).FindAllString(plain, -1) {
			ends[utf8.RuneCountInString(l)] = true
		}
		if len(ends) == 0 || len(ends) > 2 { // the rule is wider by the padding
			t.Errorf("lines of the table end at %v in\n%s", ends, plain)
		}
	}
}
