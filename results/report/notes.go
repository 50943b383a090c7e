package report

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/kbench/kbench/drivers"
	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/workloads"
)

// Audit is the truth of delivery of an arm, over all its rounds: a loss is not
// made better by the median of rounds without one.
type Audit struct {
	None     bool      `json:"none,omitempty"`     // without a broker there is nothing to read back
	NotRead  int       `json:"not_read,omitempty"` // trials whose log could not be read back: what it would have shown is not in here
	Acked    int64     `json:"acked"`
	Handed   int64     `json:"handed_over,omitempty"` // to the client; 0: not known
	Due      int64     `json:"due,omitempty"`         // handed over and unsent; 0: not known
	Unsent   int64     `json:"unsent,omitempty"`      // due, and not handed over
	Sends    []Finding `json:"sends"`                 // that were not simply acked
	Findings []Finding `json:"findings"`              // of acked records
	Beside   []Finding `json:"beside"`                // of others that were found: never acked, or of nobody of the trial
	Group    []Finding `json:"group"`                 // what members did to each other
}

// Finding is something that an audit found, how often, and of some by what cause.
type Finding struct {
	Metric string             `json:"metric"`
	Count  float64            `json:"count"`
	Of     int64              `json:"of,omitempty"` // records that it may have been found of, where they are not the list's
	Causes map[string]float64 `json:"causes,omitempty"`
}

// audit sums the findings of an arm.
func (a *Arm) audit() *Audit {
	out := noFindings()
	all := slices.Concat(a.rows, a.profiled) // what is wrong is wrong in any trial
	for _, r := range all {
		if r.Metric == results.TrialNotRead {
			out.NotRead++
		}
	}
	if out.NotRead == 0 && !slices.ContainsFunc(all, func(r results.Row) bool { return r.Metric == results.AuditLost }) {
		out.None = true
		return out
	}
	count(all, out)
	return out
}

func noFindings() *Audit {
	return &Audit{Sends: []Finding{}, Findings: []Finding{}, Beside: []Finding{}, Group: []Finding{}}
}

// count adds up what the rows of an arm found.
func count(all []results.Row, out *Audit) {
	totals, of, causes := map[string]float64{}, map[string]int64{}, map[string]map[string]float64{}
	for _, r := range all {
		switch {
		case r.Stat != "" || r.Event != "":
		case r.Class != "":
			if causes[r.Metric] == nil {
				causes[r.Metric] = map[string]float64{}
			}
			causes[r.Metric][r.Class] += r.Value
		default:
			totals[r.Metric] += r.Value
			of[r.Metric] += r.N
		}
		switch {
		case r.Metric == results.AuditLost:
			out.Acked += r.N
		case r.Metric == results.ProduceFailed && r.Class == "":
			out.Handed += r.N
		case r.Metric == results.ProduceUnsent && r.Class == results.InAll:
			out.Unsent += int64(r.Value)
		}
	}
	if out.Unsent > 0 {
		out.Due = out.Handed + out.Unsent
	}
	found := func(metrics ...string) []Finding {
		list := []Finding{}
		for _, metric := range metrics {
			if n := totals[metric]; n > 0 {
				list = append(list, Finding{Metric: metric, Count: n, Causes: causes[metric]})
			}
		}
		return list
	}
	out.Sends = found(results.ProduceFailed, results.ProduceRetried, results.ProduceUnanswered, results.ProduceTwice)
	out.Findings = found(results.AuditLost, results.AuditUndelivered, results.AuditDuplicate, results.AuditReordered, results.AuditCorrupt)
	out.Beside = found(results.AuditUnanswered, results.AuditForeign)
	for i := range out.Beside {
		out.Beside[i].Of = of[out.Beside[i].Metric]
	}
	out.Group = found(results.AuditZombie, results.AuditOverlap, results.AuditCommitRegression, results.AuditStuck, results.AuditGhost)
}

// Unmatched is what the clients under test could not do exactly as asked.
type Unmatched struct {
	Differences []Difference `json:"differences"`
	Quiet       int          `json:"quiet"` // settings whose difference moves no figure, and that are not listed
}

// Difference is a setting that some clients do not have exactly.
type Difference struct {
	Who      []string         `json:"who"` // clients, outside the matched lane with their lane
	Key      string           `json:"key"`
	Fidelity drivers.Fidelity `json:"fidelity"`
	Why      string           `json:"why,omitempty"`
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

// differs is a difference without those who have it.
type differs struct {
	key      string
	fidelity drivers.Fidelity
	why      string
}

// unmatched collects, once for the whole run, what the clients under test could
// not do exactly and what may show in the figures. A driver without a broker has
// no wire on which anything could match.
func unmatched(trials []*results.Trial) Unmatched {
	arms := map[differs][]string{}
	var left []string // keys that are counted only
	for _, t := range trials {
		if t.State != results.StateComplete || len(t.Leaders) == 0 {
			continue // nothing was measured that a difference could explain
		}
		for _, l := range t.Plan {
			switch d := (differs{l.Key, drivers.Fidelity(l.Fidelity), l.Why}); {
			case !l.Role.UnderTest() || !tells(d.fidelity, t.Ref.Lane):
			case !quiet(l.Key, &t.Spec):
				arms[d] = adding(arms[d], inLane(t.Ref.Client, t.Ref.Lane))
			default:
				left = adding(left, l.Key)
			}
		}
	}
	rank := map[string]int{}
	for i, k := range drivers.Keys() {
		rank[k] = i
	}
	out := Unmatched{Differences: []Difference{}}
	for d, who := range arms {
		slices.Sort(who)
		out.Differences = append(out.Differences, Difference{who, d.key, d.fidelity, d.why})
		// What is quiet in one workload may be listed for another.
		left = slices.DeleteFunc(left, func(key string) bool { return key == d.key })
	}
	slices.SortFunc(out.Differences, func(a, b Difference) int {
		return cmp.Or(slices.Compare(a.Who, b.Who), cmp.Compare(rank[a.Key], rank[b.Key]), cmp.Compare(a.Key, b.Key), cmp.Compare(a.Why, b.Why), cmp.Compare(a.Fidelity, b.Fidelity))
	})
	out.Quiet = len(left)
	return out
}

// tells says whether a fidelity says something about a client in a lane. Outside
// the matched one settings differ on purpose, so there only what is missing
// altogether counts.
func tells(f drivers.Fidelity, lane string) bool {
	return f != drivers.Exact && (f != drivers.Approx || lane == string(drivers.Matched))
}

// adding is a list with something in it, once.
func adding(list []string, s string) []string {
	if slices.Contains(list, s) {
		return list
	}
	return append(list, s)
}

// notes are what the trials did differently from what was asked, and claims
// that the wire did not bear out, each once.
func notes(trials []*results.Trial) []results.Remark {
	out := []results.Remark{}
	seen := map[string]bool{}
	add := func(r results.Remark) {
		if line := r.String(); !seen[line] {
			seen[line] = true
			out = append(out, r)
		}
	}
	for _, t := range trials {
		for _, n := range t.Notes {
			add(results.Remark{Kind: results.KindOtherwise, Workload: t.Ref.Workload, Words: n})
		}
		for _, c := range t.Wire {
			if c.OK || c.Lie { // a lie is a mark of its trial
				continue
			}
			seen := "never seen"
			if c.Seen != "" {
				seen = c.Seen + " seen"
			}
			words := fmt.Sprintf("%s: %s claimed, %s on the wire", c.Key, c.Claim, seen)
			if c.Note != "" {
				words += " (" + c.Note + ")"
			}
			add(results.Remark{Kind: results.KindClaim, Class: c.Key, Workload: t.Ref.Workload, Arm: t.Ref.Arm, Words: words})
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
	out := []results.Remark{}
	short := false
	for _, w := range all {
		thin := samples[w.Workload] && (w.Kind == results.KindThinTail || w.Kind == results.KindThinWindows)
		short = short || thin
		if !thin && (!shown[w.Trial] || w.Kind == results.KindDamaged) {
			out = append(out, w)
		}
	}
	if short {
		out = append(out, results.Remarkf(results.KindSample, "samples are too short to tell how steady they were, and for the far tail of latency; for a verdict run the workloads themselves"))
	}
	return out
}
