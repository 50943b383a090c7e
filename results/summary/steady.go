package summary

import (
	"math"
	"slices"
	"time"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/workloads"
)

// Bounds of a steady trial. Each kind of unsteadiness has a least size, below which
// it does not matter, and is held against what the schedule's own law does: of
// steady trials at most one in a hundred is marked, whatever their schedule.
const (
	steadyWindows   = 10
	steadyVariation = 0.02                   // between windows
	steadyDrift     = 0.02                   // over the measured part
	steadySilence   = 250 * time.Millisecond // in which nothing came out
	steadyChance    = 0.002                  // of each kind, where only the law is at work
	steadyBin       = 10 * time.Millisecond  // silences are found to this
)

// notSteady tells whether throughput stood still, varied or drifted. Where the
// schedule itself varies, or churn stops partitions on purpose, there is nothing to
// ask.
func (b *builder) notSteady() results.Remark {
	if len(b.trial.Spec.Churn) > 0 {
		return results.Remark{}
	}
	schedule := b.trial.Spec.Produce.Schedule.Kind
	open := !b.trial.Spec.Produce.Rate.Max && b.trial.Kind != workloads.Backlog
	if open && slices.Contains([]string{"ramp", "steps", "bursts"}, schedule) {
		return results.Remark{}
	}
	if long, least := b.silence(); long > least {
		return because("stall", "nothing came out for %s", long).With("silence", results.UnitNs, float64(long)).With("bound", results.UnitNs, float64(least))
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
	byLaw := 0.0
	if open && schedule == "poisson" {
		byLaw = mean // the law's own variance
	}
	// A window holds whole records: one more or less is not variation.
	cov := math.Sqrt(max(0, variance-byLaw)) / mean
	if cov > steadyVariation+1/mean && (byLaw == 0 || beyondChi2(variance/byLaw, len(windows)-1) < steadyChance) {
		return because("variation", "throughput varies by %.1f%% between windows of 1 s, more than %.0f%%", 100*cov, 100*steadyVariation).
			With("variation", results.UnitRatio, cov).With("bound", results.UnitRatio, steadyVariation)
	}
	if p, by := mannKendall(windows), drift(windows); p < steadyChance && math.Abs(by) >= steadyDrift {
		direction := "falls"
		if by > 0 {
			direction = "rises"
		}
		return because("trend", "throughput %s by %.1f%% over the measured part (Mann-Kendall p = %.4f)", direction, 100*math.Abs(by), p).
			With("drift", results.UnitRatio, by).With("p", results.UnitRatio, p)
	}
	return results.Remark{}
}

// silence is the longest time of the measured part in which nothing came out, and
// how long it may be. Records that come out independently of each other leave a
// share q of the bins empty, and n empty ones in a row somewhere among them with a
// chance of at most
//
//	bins (1-q) q^n
func (b *builder) silence() (longest, least time.Duration) {
	empty, run, most, bins := 0, 0, 0, int(b.measured.length()/int64(steadyBin))
	for i := range bins {
		if slices.ContainsFunc(b.workers, func(w *worker) bool { return i < len(w.heard) && w.heard[i] }) {
			run = 0
			continue
		}
		empty++
		run++
		most = max(most, run)
	}
	if empty == 0 || empty == bins {
		return 0, 0 // of one in which nothing comes out at all the windows tell
	}
	q := float64(empty) / float64(bins)
	chance := math.Log(float64(bins)*(1-q)/steadyChance) / -math.Log(q)
	return time.Duration(most) * steadyBin, max(steadySilence, time.Duration(math.Ceil(chance))*steadyBin)
}

// hear notes that records came out from one time to another of the measured part, no
// two of them further apart than a bin: there a span is cut.
func (w *worker) hear(from, to int64) {
	first, last := max(0, from/int64(steadyBin)), min(to/int64(steadyBin), int64(len(w.heard))-1)
	for i := first; to >= 0 && i <= last; i++ {
		w.heard[i] = true
	}
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
// approximation with continuity and tie corrections, good from ten values on.
//
//	S = sum over i<j of sign(x_j - x_i)
//	Var S = (n(n-1)(2n+5) - sum over ties t(t-1)(2t+5)) / 18
func mannKendall(xs []float64) (p float64) {
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
		return 1
	}
	z := (math.Abs(float64(s)) - 1) / math.Sqrt(variance)
	return math.Erfc(z / math.Sqrt2)
}

// drift is by how much of their median values rise from the first to the last, by
// the median of the slopes between any two (Theil and Sen).
func drift(xs []float64) float64 {
	var slopes []float64
	for i, a := range xs {
		for j, b := range xs[i+1:] {
			slopes = append(slopes, (b-a)/float64(j+1))
		}
	}
	middle := medianOf(xs)
	if middle == 0 {
		return 0
	}
	return medianOf(slopes) * float64(len(xs)-1) / middle
}

func medianOf(xs []float64) float64 {
	s := slices.Sorted(slices.Values(xs))
	return (s[(len(s)-1)/2] + s[len(s)/2]) / 2
}

// beyondChi2 is the chance that the variance of values of a law, with so many
// degrees of freedom, is at least ratio times the law's own (Wilson and Hilferty).
func beyondChi2(ratio float64, freedom int) float64 {
	v := 2 / (9 * float64(freedom))
	z := (math.Cbrt(ratio) - (1 - v)) / math.Sqrt(v)
	return math.Erfc(z/math.Sqrt2) / 2
}
