package summary

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/kbench/kbench/profiles"
	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/workloads"
)

// Bounds of the marks (MEASURING 3).
const (
	leastAchieved   = 0.99
	leastLagBound   = float64(10 * time.Millisecond)
	lagShare        = 0.05 // of the end to end p99
	steadyVariation = 0.02
	steadyWindows   = 10
	embeddedCeiling = 0.9  // cores: one goroutine serves the whole embedded cluster
	idleFloor       = 0.05 // of the machine: below it, somebody goes without
)

// marks adds the rows that say whether the trial may be used in a verdict. The
// class names the cause, the warning gives the figures.
func (b *builder) marks() {
	b.offeredLoad()
	b.mark(results.TrialNotSteady, b.notSteady)
	b.mark(results.TrialLimited, b.limited)
	if slices.ContainsFunc(b.profiles, profiles.Kind.Perturbs) {
		b.mark(results.TrialPerturbed, b.perturbed)
	}
	if slices.ContainsFunc(b.trial.Wire, func(c results.WireCheck) bool { return c.Lie }) {
		b.mark(results.TrialContradicted, b.contradicted)
	}
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

// perturbed tells which profiles made the trial another one than it would have
// been.
func (b *builder) perturbed() results.Remark {
	var kinds []string
	for _, k := range b.profiles {
		if k.Perturbs() {
			kinds = append(kinds, string(k))
		}
	}
	return because(strings.Join(kinds, "+"), "a profile of %s was taken, which changes what is measured by more than the noise", strings.Join(kinds, " and of "))
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

// notSteady tells whether throughput varied or drifted from second to second.
// Where the schedule itself varies, or churn stops partitions on purpose, there
// is nothing to ask.
func (b *builder) notSteady() results.Remark {
	if len(b.trial.Spec.Churn) > 0 {
		return results.Remark{}
	}
	schedule := b.trial.Spec.Produce.Schedule.Kind
	open := !b.trial.Spec.Produce.Rate.Max && b.trial.Kind != workloads.Backlog
	if open && slices.Contains([]string{"ramp", "steps", "bursts"}, schedule) {
		return results.Remark{}
	}
	windows := b.windows()
	if len(windows) < steadyWindows {
		b.thin.short(b.trial.Ref.Workload, len(windows))
		return results.Remark{}
	}
	mean, variance := moments(windows)
	if mean == 0 {
		return because("variation", "nothing came out in the measured part")
	}
	if open && schedule == "poisson" {
		variance = max(0, variance-mean) // the law's own variance is its mean
	}
	// A window holds whole records: one more or less is not variation.
	if cov := math.Sqrt(variance) / mean; cov > steadyVariation+1/mean {
		return because("variation", "throughput varies by %.1f%% between windows of 1 s, more than %.0f%%", 100*cov, 100*steadyVariation).
			With("variation", results.UnitRatio, cov).With("bound", results.UnitRatio, steadyVariation)
	}
	if p, rising := mannKendall(windows); p < 0.05 {
		direction := "falls"
		if rising {
			direction = "rises"
		}
		return because("trend", "throughput %s over the measured part (Mann-Kendall p = %.3f)", direction, p).With("p", results.UnitRatio, p)
	}
	return results.Remark{}
}

// windows is the throughput of the trial by whole second: of what came out at
// its end.
func (b *builder) windows() []float64 {
	sum := make([]float64, max(0, b.measured.length()/int64(time.Second)))
	for _, w := range b.workers {
		perSec := w.deliveredPerSec
		if b.trial.Kind == workloads.Producing {
			perSec = w.ackedPerSec
		}
		for i, n := range perSec {
			sum[i] += float64(n)
		}
	}
	return sum
}

func moments(xs []float64) (mean, variance float64) {
	for _, x := range xs {
		mean += x
	}
	mean /= float64(len(xs))
	for _, x := range xs {
		variance += (x - mean) * (x - mean)
	}
	return mean, variance / float64(len(xs)-1)
}

// mannKendall tests for a monotone trend: the two-sided p in the normal
// approximation with continuity and tie corrections, good from ten values on,
// and whether the trend rises.
//
//	S = sum over i<j of sign(x_j - x_i)
//	Var S = (n(n-1)(2n+5) - sum over ties t(t-1)(2t+5)) / 18
func mannKendall(xs []float64) (p float64, rising bool) {
	s := 0
	for i, a := range xs {
		for _, b := range xs[i+1:] {
			switch {
			case b > a:
				s++
			case b < a:
				s--
			}
		}
	}
	spread := func(n int) float64 { return float64(n*(n-1)*(2*n+5)) / 18 }
	variance := spread(len(xs))
	sorted := slices.Sorted(slices.Values(xs))
	for len(sorted) > 0 {
		ties := 1
		for ties < len(sorted) && sorted[ties] == sorted[0] {
			ties++
		}
		variance -= spread(ties)
		sorted = sorted[ties:]
	}
	if s == 0 || variance <= 0 {
		return 1, false
	}
	z := (math.Abs(float64(s)) - 1) / math.Sqrt(variance)
	return math.Erfc(z / math.Sqrt2), s > 0
}

// limited tells whether something else than the client had no CPU left.
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
	broker, known := b.brokerCores()
	if known && b.embedded && broker >= embeddedCeiling {
		return because("broker", "the embedded broker used %.2f cores and cannot use more than one", broker).With(results.BrokerCPU, results.UnitCores, broker)
	}
	idle, ok := b.idleShare()
	if !ok || idle >= idleFloor {
		return results.Remark{}
	}
	if known && broker > mine && broker >= generator {
		return because("broker", "the machine was %.1f%% idle and the broker used %.2f cores, the client %.2f", 100*idle, broker, mine).
			With("idle", results.UnitRatio, idle).With(results.BrokerCPU, results.UnitCores, broker).With("client", results.UnitCores, mine)
	}
	if generator > mine {
		return because("generator", "the machine was %.1f%% idle and the reference producer used %.2f cores, the client %.2f", 100*idle, generator, mine).
			With("idle", results.UnitRatio, idle).With("generator", results.UnitCores, generator).With("client", results.UnitCores, mine)
	}
	return results.Remark{}
}
