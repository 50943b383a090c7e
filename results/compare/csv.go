package compare

import (
	"encoding/csv"
	"io"
	"strconv"
)

// CSV writes a line for each result, numbers in the units of rows. What is not known is
// empty.
func (c *Comparison) CSV(w io.Writer) error {
	out := csv.NewWriter(w)
	lines := [][]string{{"workload", "a", "b", "figure", "event", "unit", "a_median", "b_median", "scale", "effect", "low", "high", "matters",
		"n", "left_out", "p", "p_holm", "p_u_test", "verdict", "smallest", "rounds", "why"}}
	number := func(v *float64) string {
		if v == nil {
			return ""
		}
		return strconv.FormatFloat(*v, 'g', -1, 64)
	}
	for i := range c.Workloads {
		workload := &c.Workloads[i]
		for _, p := range workload.Pairs {
			a, b := c.titles(&p)
			for _, r := range p.Results {
				m := &workload.Measures[r.Measure]
				matter := &r.Matter
				if r.Matter == 0 {
					matter = nil // nothing was compared
				}
				scale := "difference"
				if m.relative() {
					scale = "ratio"
				}
				lines = append(lines, []string{workload.Name, a, b, m.Text, r.Event, m.Unit, number(r.A), number(r.B), scale, number(r.Effect), number(r.Low), number(r.High), number(matter),
					strconv.Itoa(r.N), strconv.Itoa(r.Left), number(r.P), number(r.Holm), number(r.UTest), string(r.Verdict), number(r.Smallest), strconv.Itoa(r.Rounds), r.Why})
			}
		}
	}
	return out.WriteAll(lines)
}

// titles are what two arms are called: of two runs, with theirs.
func (c *Comparison) titles(p *Pair) (a, b string) {
	if c.Baseline == "" {
		return p.A.Title(), p.B.Title()
	}
	return p.A.Title() + " in " + c.Run, p.B.Title() + " in " + c.Baseline
}
