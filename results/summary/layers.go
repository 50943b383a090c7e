package summary

import (
	"errors"
	"fmt"

	"github.com/google/pprof/profile"

	"github.com/kbench/kbench/profiles"
	"github.com/kbench/kbench/profiles/layers"
	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/evidence"
)

// ledgerOf are the sample types of which there are rows, and the kind of profile that
// has them. A profile of the heap has allocations too, but those since the process began.
var ledgerOf = []struct {
	kind                       profiles.Kind
	sampleType, metric, covers string
}{
	{profiles.CPU, layers.CPUTime, results.CPULayer, results.CoverCPU},
	{profiles.Allocs, layers.AllocObjects, results.AllocLayer, results.CoverAllocs},
	{profiles.Allocs, layers.AllocBytes, results.AllocBytesLayer, results.CoverBytes},
}

// readLedgers reads the profiles that a worker left.
func (w *worker) readLedgers(e *evidence.Trial) {
	parsed := map[profiles.Kind]*profile.Profile{}
	w.ledgers = map[string]layers.Ledger{}
	for _, of := range ledgerOf {
		p, seen := parsed[of.kind]
		if !seen {
			p = w.readProfile(e, of.kind)
			parsed[of.kind] = p
		}
		if p == nil {
			continue
		}
		l, err := layers.Read(p, of.sampleType)
		if err != nil {
			w.blurred = errors.Join(w.blurred, fmt.Errorf("%s: %w", of.kind.FileName(), err))
			continue
		}
		w.ledgers[of.sampleType] = l
	}
}

func (w *worker) readProfile(e *evidence.Trial, k profiles.Kind) *profile.Profile {
	data, err := e.Profile(w.Worker, k)
	if err == nil && data == nil {
		return nil
	}
	var p *profile.Profile
	if err == nil {
		if p, err = profile.ParseData(data); err != nil {
			err = fmt.Errorf("%s: %w", k.FileName(), err)
		}
	}
	if err != nil {
		w.blurred = errors.Join(w.blurred, err)
		return nil
	}
	return p
}

// spent is what a role spent in the measured part, by the counters of its processes.
type spent struct{ cpu, allocs, bytes float64 }

// ledgers adds what of a role's cost each layer has: its share of the profile, of what
// the counters say was spent. The profile itself always sees less than they do. There
// are rows for every layer, those without a sample too, so that medians over trials
// mean the same for all.
func (b *builder) ledgers(role results.Role, ws []*worker, total spent, records int64) {
	for _, w := range ws {
		if w.blurred != nil {
			b.warn(results.Remarkf(results.KindDamaged, "%s: a profile cannot be read: %s", w.Name, oneLine(w.blurred.Error())).By(w.Name))
		}
	}
	of := map[string]float64{results.CoverCPU: total.cpu, results.CoverAllocs: total.allocs, results.CoverBytes: total.bytes}
	for _, k := range ledgerOf {
		l, all := sumLedgers(ws, k.sampleType)
		whole := of[k.covers]
		if !all || l.Total.Value == 0 || whole == 0 {
			continue
		}
		m, _ := results.LookupMetric(k.metric)
		for _, layer := range layers.Layers() {
			n := records
			if k.kind == profiles.CPU {
				n = l.Of(layer).Samples
			}
			b.add(results.Row{Role: role, Class: string(layer), Metric: k.metric, Unit: m.Unit, Value: l.Share(layer) * whole / float64(records), N: n})
		}
		n := records
		if k.kind == profiles.CPU {
			n = l.Total.Samples
			b.thin.ledger(b.trial.Ref.Workload, n)
		}
		b.add(results.Row{Role: role, Class: k.covers, Metric: results.ProfileCoverage, Unit: results.UnitRatio, Value: float64(l.Total.Value) / whole, N: n})
	}
}

// sumLedgers is the ledger of a role, and whether every worker of it left a profile.
func sumLedgers(ws []*worker, sampleType string) (sum layers.Ledger, all bool) {
	for _, w := range ws {
		l, ok := w.ledgers[sampleType]
		if !ok {
			return layers.Ledger{}, false
		}
		sum = sum.Plus(l)
	}
	return sum, true
}
