package report

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/kbench/kbench/drivers"
	"github.com/kbench/kbench/results"
)

// audit prints the truth of delivery: one line where all is well, else one for
// each arm that something is to be said about.
func (p *page) audit(t *tableOf) {
	var clean []string
	var acked int64
	for _, a := range t.arms {
		if a.rounds == 0 {
			continue
		}
		n, findings := a.audit()
		if len(findings) == 0 {
			clean = append(clean, a.title())
			acked += n
			continue
		}
		p.wrapped("  audit    ", fmt.Sprintf("%s: %s of %s acked records", a.title(), strings.Join(findings, ", "), grouped(float64(n), 0)))
	}
	if len(clean) > 0 {
		p.wrapped("  audit    ", fmt.Sprintf("%s: %s acked records, each found once, in order and intact",
			strings.Join(clean, ", "), grouped(float64(acked), 0)))
	}
}

// audit sums an arm's findings over its rounds: a loss is not made better by
// the median of rounds without one.
func (a *arm) audit() (acked int64, findings []string) {
	totals, causes := map[string]float64{}, map[string]float64{}
	for _, r := range a.rows {
		switch {
		case r.Metric == results.AuditDuplicate && r.Class != "":
			causes[r.Class] += r.Value
		case strings.HasPrefix(r.Metric, "audit."):
			totals[r.Metric] += r.Value
		}
		if r.Metric == results.AuditLost {
			acked += r.N
		}
	}
	for _, m := range []struct{ metric, word string }{
		{results.AuditLost, "lost"}, {results.AuditDuplicate, "duplicate"}, {results.AuditReordered, "reordered"},
		{results.AuditCorrupt, "corrupt"}, {results.AuditUnanswered, "unanswered"},
	} {
		n := totals[m.metric]
		if n == 0 {
			continue
		}
		s := grouped(n, 0) + " " + m.word
		if m.metric == results.AuditDuplicate {
			var by []string
			for _, c := range sortedKeys(causes) {
				by = append(by, grouped(causes[c], 0)+" "+c)
			}
			s += " (" + strings.Join(by, ", ") + ")"
		}
		findings = append(findings, s)
	}
	return acked, findings
}

// difference is a setting that a client does not have exactly as asked.
type difference struct {
	key      string
	fidelity drivers.Fidelity
	why      string
}

// unmatched prints, once for the whole run, what the clients under test could
// not do exactly. Outside the matched lane settings differ on purpose, so there
// only what is missing altogether counts.
func (p *page) unmatched(trials []*results.Trial) {
	arms := map[difference][]string{}
	var order []difference
	width := 0
	for _, t := range trials {
		if t.State != "complete" {
			continue // nothing was measured that a difference could explain
		}
		who := t.Ref.Client
		if t.Ref.Lane != "" && t.Ref.Lane != string(drivers.Matched) {
			who += " (" + t.Ref.Lane + ")"
		}
		for _, l := range t.Plan {
			f := drivers.Fidelity(l.Fidelity)
			underTest := l.Role == "producer" || l.Role == "consumer" || l.Role == "both"
			if !underTest || f == drivers.Exact {
				continue
			}
			if f == drivers.Approx && t.Ref.Lane != string(drivers.Matched) {
				continue
			}
			d := difference{l.Key, f, l.Why}
			width = max(width, len(d.key))
			if arms[d] == nil {
				order = append(order, d)
			}
			if !slices.Contains(arms[d], who) {
				arms[d] = append(arms[d], who)
			}
		}
	}
	if len(order) == 0 {
		return
	}
	rank := map[string]int{}
	for i, k := range drivers.Keys() {
		rank[k] = i
	}
	for _, d := range order {
		slices.Sort(arms[d])
	}
	slices.SortStableFunc(order, func(a, b difference) int {
		return cmp.Or(slices.Compare(arms[a], arms[b]), cmp.Compare(rank[a.key], rank[b.key]), cmp.Compare(a.key, b.key), cmp.Compare(a.why, b.why))
	})
	p.heading("What could not be matched")
	last := ""
	for _, d := range order {
		if who := strings.Join(arms[d], ", "); who != last {
			p.line("  %s", who)
			last = who
		}
		sign := "≈"
		if d.fidelity == drivers.Unsupported {
			sign = "✗"
		}
		p.wrapped(fmt.Sprintf("    %s %-*s  ", sign, width, d.key), cmp.Or(d.why, string(d.fidelity)))
	}
	p.line("  (≈ only approximately, ✗ not at all)")
}

// notes are what the trials did differently from what was asked, and claims
// that the wire did not bear out, each once.
func notes(trials []*results.Trial) []string {
	var out []string
	add := func(s string) {
		if !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	for _, t := range trials {
		for _, n := range t.Notes {
			add(t.Ref.Workload + ": " + n)
		}
		for _, c := range t.Wire {
			if c.OK {
				continue
			}
			seen := "never seen"
			if c.Seen != "" {
				seen = c.Seen + " seen"
			}
			s := fmt.Sprintf("%s, %s: %s: %s claimed, %s on the wire", t.Ref.Workload, t.Ref.Arm, c.Key, c.Claim, seen)
			if c.Note != "" {
				s += " (" + c.Note + ")"
			}
			add(s)
		}
	}
	return out
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
