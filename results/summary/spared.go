package summary

import (
	"cmp"
	"slices"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/blame"
	"github.com/kbench/kbench/results/evidence"
	"github.com/kbench/kbench/results/gate"
	"github.com/kbench/kbench/results/record"
	"github.com/kbench/kbench/workloads"
)

// sparedFigure is a percentile of a latency, and what it would be, at the most, had there
// been no stalls of others.
type sparedFigure struct {
	role         results.Role
	metric, stat string
	without      int64
	source       blame.Source // has most of it
	n            int64
}

// percentiles are those that a gate can ask for.
var percentiles = map[string]float64{"p50": 50, "p90": 90, "p99": 99, "p999": 99.9, "p9999": 99.99}

// gated are the percentiles of a metric that the gates of a workload ask for.
func gated(spec *workloads.Spec, metric string) (stats []string) {
	for _, expr := range spec.Gate {
		f, err := gate.FigureOf(expr)
		if err == nil && f.Metric.Name == metric && percentiles[f.Stat] > 0 && !slices.Contains(stats, f.Stat) {
			stats = append(stats, f.Stat)
		}
	}
	return stats
}

// deeper is how many times as many records as lie beyond a percentile are looked at: in
// place of those that others held up come the next ones. A broker that is silent for a
// twentieth of the time limits the trial by itself (marks.go), and what it held up takes
// as long again until it is through.
const deeper = 10

// sparedOf finds of each percentile that is asked for what it would be if from each record's
// way the time were taken that stalls of others cover. That is not the percentile less
// what they have of the tail: one record of a second among many of a little says nothing
// of these.
func (b *builder) sparedOf(e *evidence.Trial, role results.Role, metric string) {
	h := b.merged(role, metric)
	if h == nil || h.TotalCount() == 0 {
		return
	}
	for _, stat := range gated(&e.Spec, metric) {
		q := percentiles[stat]
		figure, beyond := record.Percentile(h, q), (100-q)/100*float64(h.TotalCount())
		t := tail{from: record.Percentile(h, max(0, 100-deeper*(100-q))), stalls: e.Stalls()}
		b.latest(&t, e, role, metric)
		without, source := t.without(beyond)
		if spared := figure - without; source != "" && spared > blame.Threshold && 10*spared > figure {
			b.spared = append(b.spared, sparedFigure{role, metric, stat, without, source, t.n})
		}
	}
}

// without is the latency that so many records would be beyond if each were without what
// stalls of others cover of it, or the least that was looked at where that is more; and
// whose they are for the most part. The source is empty where they cover nothing, or where
// those that were never acked are beyond it by themselves.
func (t *tail) without(beyond float64) (latency int64, source blame.Source) {
	beyond -= float64(t.unacked)
	if len(t.asked) == 0 || beyond <= 0 {
		return 0, ""
	}
	var rest []int64
	for _, r := range t.asked {
		_, covered, _ := blame.Covered(r.Late(), t.stalls.Have(r.partition, r.owner, r.Record))
		rest = append(rest, r.Late()-covered)
	}
	slices.SortFunc(rest, func(a, b int64) int { return cmp.Compare(b, a) })
	latency = t.from
	if i := int(beyond * float64(len(rest)) / float64(t.n)); i < len(rest) {
		latency = max(latency, rest[i])
	}
	most, _, _ := blame.Covered(t.late, t.shares())
	return latency, most.Source
}

// sparedRows adds what percentiles would be without stalls of others.
func (b *builder) sparedRows() {
	for _, f := range b.spared {
		metric := results.ProduceWithout
		if f.metric == results.E2EResponse {
			metric = results.E2EWithout
		}
		b.add(results.Row{Role: f.role, Metric: metric, Stat: f.stat, Class: string(f.source), Unit: results.UnitNs, Value: float64(f.without), N: f.n})
	}
}
