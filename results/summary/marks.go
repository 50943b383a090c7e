package summary

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/kbench/kbench/profiles"
	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/blame"
	"github.com/kbench/kbench/results/window"
	"github.com/kbench/kbench/workloads"
)

// Bounds of the marks (MEASURING 3).
const (
	leastAchieved = 0.99
	leastLagBound = float64(10 * time.Millisecond)
	lagShare      = 0.05 // of the end to end p99
	idleFloor     = 0.05 // of the machine: below it, somebody goes without
	brokerSilence = 0.05 // of the measured part: a broker that is silent for longer is what is measured
)

// marks adds the rows that say whether the trial may be used in a verdict. The
// class names the cause, the warning gives the figures.
func (b *builder) marks() {
	b.offeredLoad()
	b.mark(results.TrialNotSteady, b.notSteady)
	b.mark(results.TrialLimited, b.limited)
	if slices.ContainsFunc(b.profiles, profiles.Kind.Perturbs) || len(b.lookedAt()) > 0 {
		b.mark(results.TrialPerturbed, b.perturbed)
	}
	if b.edges().Class != "" {
		b.mark(results.TrialEdge, b.edges)
	}
	if why := b.trial.Ref.Repeated; why != "" {
		b.mark(results.TrialRepeated, func() results.Remark { return because("round", "its round was run once more: %s", why) })
	}
	b.truths()
}

// truths are the marks that are not of timings.
func (b *builder) truths() {
	if slices.ContainsFunc(b.trial.Wire, func(c results.WireCheck) bool { return c.Lie }) {
		b.mark(results.TrialContradicted, b.contradicted)
	}
	if b.trial.NotRead != "" {
		b.mark(results.TrialNotRead, b.notRead)
	}
}

// notRead tells what is not known of a trial whose log could not be read to its end.
func (b *builder) notRead() results.Remark {
	if b.trial.Kind == workloads.Producing {
		return because("all", "%s; which records are lost, there twice, out of order, damaged or foreign is not known", oneLine(b.trial.NotRead))
	}
	return because("lost+undelivered", "%s; which of the records that no member was given are lost, and which are still in the log, is not known", oneLine(b.trial.NotRead))
}

// contradicted tells which claims of the plan the wire contradicted.
func (b *builder) contradicted() results.Remark {
	var keys, words []string
	for _, c := range b.trial.Wire {
		if c.Lie {
			words = append(words, c.String())
			if !slices.Contains(keys, c.Key) {
				keys = append(keys, c.Key)
			}
		}
	}
	return because(strings.Join(keys, "+"), "the wire contradicts the plan: %s", strings.Join(words, "; "))
}

// perturbed tells what made the trial another one than it would have been: profiles,
// and who looked at its workers.
func (b *builder) perturbed() results.Remark {
	var kinds, words []string
	for _, k := range b.profiles {
		if k.Perturbs() {
			kinds = append(kinds, string(k))
		}
	}
	if len(kinds) > 0 {
		words = append(words, fmt.Sprintf("a profile of %s was taken, which changes what is measured by more than the noise", strings.Join(kinds, " and of ")))
	}
	if pages := b.lookedAt(); len(pages) > 0 {
		kinds = append(kinds, "live")
		words = append(words, "in the measured part somebody had "+listed(pages))
	}
	return because(strings.Join(kinds, "+"), "%s", strings.Join(words, "; "))
}

// lookedAt are the pages of workers that somebody had in the measured part.
func (b *builder) lookedAt() (pages []string) {
	for _, w := range b.trial.Workers {
		for _, a := range w.Asked {
			if a.From < b.measured.to && a.To > b.measured.from {
				pages = append(pages, w.Name+strings.TrimPrefix(a.Page, "/debug/pprof"))
			}
		}
	}
	return pages
}

// listed are the first of many.
func listed(all []string) string {
	const shown = 3
	if n := len(all) - shown; n > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(all[:shown], ", "), n)
	}
	return strings.Join(all, ", ")
}

func (b *builder) mark(metric string, judge func() results.Remark) {
	why := judge()
	value := 0.0
	if why.Class != "" {
		value = 1
		m, _ := results.LookupMetric(metric)
		why.Kind, why.Words = results.Kind(metric), m.Mark+": "+why.Words
		b.warn(why)
	}
	b.add(results.Row{Class: why.Class, Metric: metric, Unit: results.UnitCount, Value: value, N: 1})
}

// because is the reason for a mark. Without a mark there is none: the zero value.
func because(class, format string, args ...any) results.Remark {
	return results.Remark{Class: class, Words: fmt.Sprintf(format, args...)}
}

// limited tells whether something else than the client was what is measured: a broker
// that did not answer, or that it had no CPU left. How much CPU a broker used says
// nothing where it was heard to answer, nor does who had less of the machine than others
// than kbench: how much those had is said of the machine.
func (b *builder) limited() results.Remark {
	var client, reference []*worker
	for _, w := range b.workers {
		switch w.Role {
		case results.RoleProducer, results.RoleConsumer, results.RoleBoth:
			client = append(client, w)
		case results.RoleReference:
			reference = append(reference, w)
		}
	}
	mine, generator := b.cores(client), b.cores(reference)
	if silent := results.TotalLength(b.silent); float64(silent) > brokerSilence*float64(b.measured.length()) {
		return because("broker", "the broker did not answer for %s of the measured part (%.1f%%)", time.Duration(silent).Round(time.Millisecond), 100*float64(silent)/float64(b.measured.length())).
			With("silence", results.UnitNs, float64(silent)).With("length", results.UnitNs, float64(b.measured.length()))
	}
	broker, known := b.brokerCores()
	known = known && !b.heardBroker
	idle, ok := b.idleShare()
	if !ok || idle >= idleFloor {
		return results.Remark{}
	}
	foreign := b.foreignCores()
	if known && broker > max(mine, foreign) && broker >= generator {
		return because("broker", "the machine was %.1f%% idle and the broker used %.2f cores, the client %.2f", 100*idle, broker, mine).
			With("idle", results.UnitRatio, idle).With(results.BrokerCPU, results.UnitCores, broker).With("client", results.UnitCores, mine)
	}
	if generator > max(mine, foreign) {
		return because("generator", "the machine was %.1f%% idle and the reference producer used %.2f cores, the client %.2f", 100*idle, generator, mine).
			With("idle", results.UnitRatio, idle).With("generator", results.UnitCores, generator).With("client", results.UnitCores, mine)
	}
	return results.Remark{}
}

// brokerSilences are the stretches of the measured part in which a node of the broker
// surely did not answer. Nobody listened where stalls are not known.
func brokerSilences(stalls *window.Stalls, measured part) (silent []results.Interval, heard bool) {
	if stalls == nil {
		return nil, false
	}
	for _, s := range stalls.All {
		if s.Source == blame.SourceBroker {
			silent = append(silent, s.Certain)
		}
	}
	return results.Clip(results.Union(silent), results.Interval{From: measured.from, To: measured.to}), true
}
