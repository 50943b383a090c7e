package pace

import (
	"errors"
	"fmt"
	"math"
	"sort"
	"time"
)

// steps holds each of k rates for an equal part of the run, then the last one
// for good. A rate of 0 is a silence.
//
//	r(t) = R*f[j]                          for j*T/k <= t < (j+1)*T/k
//	N(t) = R*(T/k)*(f[0] + ... + f[j-1]) + R*f[j]*(t - j*T/k)
//
//	rate |         ______
//	     | ______ |      |
//	     ||      ||      | ____
//	     ||      ||      ||
//	     +--------|-------|---- t
//	            T/3     2T/3
type steps struct {
	starts []float64 // of each step, s
	rates  []float64
	before []float64 // N at the start of each step
}

var _ Schedule = (*steps)(nil)

func newSteps(perSecond float64, factors []float64, total time.Duration) (*steps, error) {
	s := &steps{}
	length := total.Seconds() / float64(len(factors))
	var sum float64
	for j, f := range factors {
		if !(f >= 0) || math.IsInf(f, 1) {
			return nil, fmt.Errorf("steps: factor %d is %v: must be a share of the rate, 0 or more", j+1, f)
		}
		s.starts = append(s.starts, float64(j)*length)
		s.rates = append(s.rates, perSecond*f)
		s.before = append(s.before, sum)
		sum += perSecond * f * length
	}
	if sum == 0 {
		return nil, errors.New("steps: no factor is above 0: nothing would be sent")
	}
	return s, nil
}

func (s *steps) At(i int64) time.Duration {
	// The last step that begins with no more than i records behind it. Of steps
	// that begin alike, silences, it is the last, which sends record i.
	n := float64(max(i, 0))
	j := len(s.before) - 1
	for j > 0 && s.before[j] > n {
		j--
	}
	if s.rates[j] == 0 {
		return Never
	}
	return duration(s.starts[j] + (n-s.before[j])/s.rates[j])
}

func (s *steps) Count(until time.Duration) int64 { return count(s, until) }

func (s *steps) Expected(until time.Duration) float64 {
	t := max(until, 0).Seconds()
	j := max(sort.SearchFloat64s(s.starts, t)-1, 0)
	return s.before[j] + s.rates[j]*(t-s.starts[j])
}
