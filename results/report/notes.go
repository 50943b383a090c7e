package report

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/kbench/kbench/drivers"
	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/workloads"
)

// audit prints the truth of delivery: one line where all is well, else one for
// each arm that something is to be said about.
func (p *page) audit(t *tableOf) {
	var clean []string
	var acked int64
	sound := "acked records, each found once, in order and intact"
	if t.every > 1 && t.spec != nil && t.spec.Consume.Members > 0 {
		// What stands on the broker is read back whole where producing is measured.
		sound += fmt.Sprintf(" (of what members got, 1 in %d was looked into)", t.every)
	}
	for _, a := range t.arms {
		if a.rounds == 0 {
			continue
		}
		if !slices.ContainsFunc(a.rows, func(r results.Row) bool { return r.Metric == results.AuditLost }) {
			p.wrapped("  audit    ", a.title()+": none; without a broker there is nothing to read back")
			continue
		}
		n, findings := a.audit()
		group := a.groupFindings()
		if len(findings)+len(group) == 0 {
			clean = append(clean, a.title())
			acked += n
			continue
		}
		line := grouped(float64(n), 0) + " " + sound
		if len(findings) > 0 {
			line = strings.Join(findings, ", ") + " of " + grouped(float64(n), 0) + " acked records"
		}
		p.wrapped("  audit    ", a.title()+": "+strings.Join(append([]string{line}, group...), "; "))
	}
	if len(clean) > 0 {
		p.wrapped("  audit    ", fmt.Sprintf("%s: %s %s", strings.Join(clean, ", "), grouped(float64(acked), 0), sound))
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

// groupFindings sums what members did to each other. None of it is a count of
// records but for the first.
func (a *arm) groupFindings() []string {
	var out []string
	for _, m := range []struct{ metric, thing string }{
		{results.AuditZombie, "zombie delivery"}, {results.AuditOverlap, "overlap of owners"}, {results.AuditCommitRegression, "commit regression"},
		{results.AuditStuck, "stuck partition"}, {results.AuditGhost, "ghost member"},
	} {
		n := 0.0
		for _, r := range a.rows {
			if r.Metric == m.metric && r.Class == "" {
				n += r.Value
			}
		}
		if n > 0 {
			out = append(out, m.thing+" "+grouped(n, 0)+"×")
		}
	}
	return out
}

// difference is a setting that a client does not have exactly as asked.
type difference struct {
	key      string
	fidelity drivers.Fidelity
	why      string
}

// quiet are the settings whose difference moves no figure of the workload: they
// are of structure, or show only when something fails or, where membership does
// not change, when it does. The plan has them; the report counts them.
func quiet(key string, spec *workloads.Spec) bool {
	switch key {
	case drivers.KeyConnections, drivers.KeySASL, drivers.KeyTransactions, drivers.KeyTelemetry,
		drivers.KeyRetries, drivers.KeyRetryBackoff, drivers.KeyAckTimeout, drivers.KeyPrefetch:
		return true
	case drivers.KeyEvents, drivers.KeyCommitOnRevoke, drivers.KeyRevoke, drivers.KeyRejoinBackoff,
		drivers.KeySubscribe, drivers.KeyMetadataRefresh:
		return len(spec.Churn) == 0
	case drivers.KeyBatchBytes:
		return spec.Produce.Batch.Records > 0 // the bytes only follow
	}
	return false
}

// unmatched prints, once for the whole run, what the clients under test could
// not do exactly and what may show in the figures. Outside the matched lane
// settings differ on purpose, so there only what is missing altogether counts. A
// driver without a broker has no wire on which anything could match.
func (p *page) unmatched(trials []*results.Trial) {
	arms := map[difference][]string{}
	var order []difference
	var left []string // keys that are counted only
	width := 0
	for _, t := range trials {
		if t.State != results.StateComplete || len(t.Leaders) == 0 {
			continue // nothing was measured that a difference could explain
		}
		who := t.Ref.Client
		if t.Ref.Lane != "" && t.Ref.Lane != string(drivers.Matched) {
			who += " (" + t.Ref.Lane + ")"
		}
		for _, l := range t.Plan {
			f := drivers.Fidelity(l.Fidelity)
			if !l.Role.UnderTest() || f == drivers.Exact {
				continue
			}
			if f == drivers.Approx && t.Ref.Lane != string(drivers.Matched) {
				continue
			}
			if quiet(l.Key, &t.Spec) {
				if !slices.Contains(left, l.Key) {
					left = append(left, l.Key)
				}
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
	if len(order)+len(left) == 0 {
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
	p.heading("What could not be matched (≈ only approximately, ✗ not at all)")
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
	// What is quiet in one workload may be listed for another.
	left = slices.DeleteFunc(left, func(key string) bool {
		return slices.ContainsFunc(order, func(d difference) bool { return d.key == key })
	})
	if len(left) > 0 {
		p.wrapped("  ", fmt.Sprintf("Not listed: %s of structure, or whose difference shows only when something fails or members change; \"kbench plan --all\" and trial.json have them all.",
			count(int64(len(left)), "setting")))
	}
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

// warnings are those of the summary that say something new: why a trial has no
// figures stands below its table, and that a sample is too short for some of
// them is said once.
func warnings(run *results.Run, trials []*results.Trial, all []results.Remark) []results.Remark {
	shown := map[int]bool{} // trials whose end is told elsewhere
	for _, t := range trials {
		shown[t.Ref.N] = t.State != results.StateComplete
	}
	samples := map[string]bool{}
	for _, spec := range run.Specs {
		samples[spec.Name] = spec.Sample
	}
	var out []results.Remark
	short := false
	for _, w := range all {
		thin := samples[w.Workload] && (w.Kind == results.KindThinTail || w.Kind == results.KindThinWindows)
		short = short || thin
		if !thin && !shown[w.Trial] {
			out = append(out, w)
		}
	}
	if short {
		out = append(out, results.Remarkf(results.KindSample, "samples are too short to tell how steady they were, and for the far tail of latency; for a verdict run the workloads themselves"))
	}
	return out
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
