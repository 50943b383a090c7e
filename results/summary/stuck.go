package summary

import (
	"fmt"
	"path"
	"time"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/evidence"
)

// stuck tells what clients were found stuck in. What nobody looked for has no row.
func (b *builder) stuck() {
	if !b.trial.Looked {
		return
	}
	looked := []results.Stuck{results.StuckClose}
	if len(b.byRole(results.RoleObserver)) > 0 {
		looked = append(looked, results.StuckSilent)
	}
	counts, total := b.tellStuck()
	for _, what := range looked {
		b.add(results.Row{Class: string(what), Metric: results.ClientStuck, Unit: results.UnitCount, Value: float64(counts[what]), N: 1})
	}
	b.add(results.Row{Metric: results.ClientStuck, Unit: results.UnitCount, Value: float64(total), N: 1})
}

// tellStuck warns of each time, and counts them.
func (b *builder) tellStuck() (counts map[results.Stuck]int, total int) {
	counts = map[results.Stuck]int{}
	for _, w := range b.workers {
		if !w.Role.UnderTest() {
			continue
		}
		for _, s := range w.Stuck {
			counts[s.What]++
			total++
			r := results.Remarkf(results.ClientStuck, "%s", b.stuckWords(&s, w.Closing)).By(w.Name).With("stuck", results.UnitNs, float64(max(s.T, s.Until)-s.From))
			r.Class, r.Event = string(s.What), b.eventAt(s.From, s.T)
			b.warn(r)
		}
	}
	return counts, total
}

func (b *builder) stuckWords(s *evidence.Stuck, closing int64) string {
	words := fmt.Sprintf("from %s on nothing was handed on of partitions %v, which it owned, though there was something and it sent heartbeats", b.since(s.From), s.Partitions)
	if s.What == results.StuckClose {
		words = "its close took long, from " + b.since(s.From) + " on"
	}
	if s.Frame != "" {
		words += fmt.Sprintf("; it is in %s (%s)", path.Base(s.Frame), s.State)
	}
	switch {
	case s.What == results.StuckSilent && (s.Until == 0 || closing != 0 && s.Until >= closing):
		words += "; it was not over before the close"
	case s.Until == 0:
		words += "; it was never over"
	default:
		words += fmt.Sprintf("; it was over after %.1f s", time.Duration(s.Until-s.From).Seconds())
	}
	if s.File != "" {
		words += "; all goroutines: " + s.File
	}
	if s.Trace != "" {
		words += "; the seconds before: " + s.Trace
	}
	return words
}

// eventAt is the event in whose window a stretch of time begins or ends, or none.
func (b *builder) eventAt(from, to int64) string {
	if b.churn == nil {
		return ""
	}
	for i := range b.churn.Events {
		if e := &b.churn.Events[i]; e.Window.From <= to && from < e.Window.To {
			return e.Name
		}
	}
	return ""
}
