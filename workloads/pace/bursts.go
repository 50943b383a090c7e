package pace

import "time"

// bursts sends at one rate and, on top of it, size records at once every so
// often. The first burst comes after the first interval; where a burst and a
// record of the base rate fall on the same time, the burst is first.
//
//	N(t) = R*t + S*floor(t/E)
//
//	sent |    |         |         |
//	at t |    |         |         |
//	     |....|.........|.........|....
//	     +----|---------|---------|---- t
//	          E        2E        3E
type bursts struct {
	base  constant
	every time.Duration
	size  int64

	// The period asked for last: records from .. to-1, k bursts begun.
	k, from, to int64
}

var _ Schedule = (*bursts)(nil)

func newBursts(perSecond float64, every time.Duration, size int64) *bursts {
	b := &bursts{base: constant(perSecond), every: every, size: size}
	b.to = b.first(1)
	return b
}

func (b *bursts) At(i int64) time.Duration {
	if i < b.from || i >= b.to {
		b.find(i)
	}
	if b.k > 0 && i < b.from+b.size {
		return time.Duration(b.k) * b.every
	}
	return b.base.At(i - b.k*b.size)
}

// find turns to the period of record i. The estimate takes a period's mean and
// is off by rounding alone.
func (b *bursts) find(i int64) {
	perPeriod := float64(b.base)*b.every.Seconds() + float64(b.size)
	k := int64((float64(i) + float64(b.size)) / perPeriod)
	for k > 0 && b.first(k) > i {
		k--
	}
	for b.first(k+1) <= i {
		k++
	}
	b.k, b.from, b.to = k, b.first(k), b.first(k+1)
}

// first returns the number of the first record of burst k, counted from 1, and
// 0 for k 0.
func (b *bursts) first(k int64) int64 {
	if k == 0 {
		return 0
	}
	return b.base.Count(time.Duration(k)*b.every) + (k-1)*b.size
}

func (b *bursts) Count(until time.Duration) int64 {
	return b.base.Count(until) + b.begun(until)*b.size
}

func (b *bursts) Expected(until time.Duration) float64 {
	return b.base.Expected(until) + float64(b.begun(until)*b.size)
}

// begun is how many bursts come before until.
func (b *bursts) begun(until time.Duration) int64 { return int64(max(until-1, 0) / b.every) }
