// Package pace computes when each record is intended to be sent: schedules as
// pure arithmetic from a record's number to its offset from the start. There is
// no clock here and nobody sleeps; the worker compares these offsets with its
// clock and measures from them, so that a record sent late does not hide its
// delay.
//
// For a rate r(t) in records per second the offset of record i is the time at
// which the integral N of the rate reaches i:
//
//	N(t) = integral of r from 0 to t,    At(i) = the least t with N(t) >= i
package pace

import (
	"fmt"
	"math"
	"time"

	"github.com/kbench/kbench/workloads"
)

// Schedule gives the intended times of records 0, 1, 2, ... as offsets from the
// start. A Schedule is for one goroutine; others make their own from the same
// arguments and get the same times.
type Schedule interface {
	// At returns the offset of record i. It does not fall as i rises.
	At(i int64) time.Duration

	// Count returns how many records have an offset below until.
	Count(until time.Duration) int64

	// Expected returns N(until), unrounded: of a random schedule the mean of what
	// Count returns. It is the one place where the integral of a rate is worked
	// out; estimates, and what a trial is said to have been offered, go by it.
	Expected(until time.Duration) float64
}

// Never is the offset of records that a schedule does not reach.
const Never = time.Duration(math.MaxInt64)

// New returns the schedule that s describes around a rate of perSecond, for a
// run that lasts total. It goes on after total at the rate reached there. seed
// matters to poisson only.
func New(perSecond float64, s workloads.Schedule, total time.Duration, seed uint64) (Schedule, error) {
	if !(perSecond > 0) || math.IsInf(perSecond, 1) {
		return nil, fmt.Errorf("rate %v/s: must be above 0 and finite", perSecond)
	}
	switch s.Kind {
	case "constant", "":
		return constant(perSecond), nil
	case "poisson":
		return newPoisson(perSecond, seed), nil
	case "ramp":
		if !(s.From >= 0) || math.IsInf(s.From, 1) {
			return nil, fmt.Errorf("ramp: from %v: must be a share of the rate, 0 or more", s.From)
		}
		if total <= 0 {
			return nil, fmt.Errorf("ramp: over a run of %s: the run must have a length", total)
		}
		return newRamp(perSecond, s.From, total), nil
	case "steps":
		if total <= 0 {
			return nil, fmt.Errorf("steps: over a run of %s: the run must have a length", total)
		}
		return newSteps(perSecond, s.Factors, total)
	case "bursts":
		if s.Every <= 0 || s.Size < 1 {
			return nil, fmt.Errorf("bursts: %d records every %s: both must be above 0", s.Size, s.Every)
		}
		return newBursts(perSecond, s.Every, int64(s.Size)), nil
	default:
		return nil, fmt.Errorf("schedule %q: must be constant, poisson, ramp, steps or bursts", s.Kind)
	}
}

// constant sends at one rate.
//
//	r(t) = R,   N(t) = R*t,   At(i) = i/R
//
//	rate |
//	   R |--------------------
//	     |
//	     +-------------------- t
type constant float64

var _ Schedule = constant(0)

func (r constant) At(i int64) time.Duration {
	return duration(float64(i) / float64(r))
}

func (r constant) Count(until time.Duration) int64 { return count(r, until) }

func (r constant) Expected(until time.Duration) float64 {
	return float64(r) * max(until, 0).Seconds()
}

// ramp changes the rate evenly from f*R at the start to R at time T, and stays.
//
//	r(t) = R*(f + (1-f)*t/T)
//	N(t) = R*(f*t + (1-f)*t*t/(2*T))                          for t <= T
//	At(i) = 2*i / (R*f + sqrt((R*f)^2 + 2*R*(1-f)*i/T))       for i <= N(T)
//
//	rate |        ..----------
//	   R |     ..´
//	     |  ..´
//	 f*R |.´
//	     +---------|---------- t
//	               T
//
// At is the root of a quadratic in the form that neither cancels nor divides by
// zero where f is 1.
type ramp struct {
	first, slope float64 // r(t) = first + slope*t
	last         float64 // R
	total        float64 // T, s
	reach        float64 // N(T)
}

var _ Schedule = (*ramp)(nil)

func newRamp(perSecond, from float64, total time.Duration) *ramp {
	t := total.Seconds()
	return &ramp{
		first: perSecond * from, slope: perSecond * (1 - from) / t, last: perSecond,
		total: t, reach: perSecond * (1 + from) / 2 * t,
	}
}

func (r *ramp) At(i int64) time.Duration {
	n := float64(i)
	switch {
	case i <= 0:
		return 0
	case n >= r.reach:
		return duration(r.total + (n-r.reach)/r.last)
	default:
		return duration(2 * n / (r.first + math.Sqrt(r.first*r.first+2*r.slope*n)))
	}
}

func (r *ramp) Count(until time.Duration) int64 { return count(r, until) }

func (r *ramp) Expected(until time.Duration) float64 {
	t := max(until, 0).Seconds()
	if t > r.total {
		return r.reach + (t-r.total)*r.last
	}
	return r.first*t + r.slope*t*t/2
}

// duration rounds seconds to whole ns.
func duration(seconds float64) time.Duration {
	ns := math.Round(seconds * float64(time.Second))
	if ns >= float64(Never) {
		return Never
	}
	return time.Duration(ns)
}

// count makes a number of records of the integral of the rate, which is off by
// rounding alone.
func count[S Schedule](s S, until time.Duration) int64 {
	if until <= 0 {
		return 0
	}
	return settle(s, int64(min(math.Ceil(s.Expected(until)), 1<<62)), until)
}

// settle corrects a number of records that is about right.
func settle[S Schedule](s S, n int64, until time.Duration) int64 {
	for n > 0 && s.At(n-1) >= until {
		n--
	}
	for s.At(n) < until {
		n++
	}
	return n
}
