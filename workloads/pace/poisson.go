package pace

import (
	"math/rand/v2"
	"sort"
	"time"
)

// poisson sends at random times with a constant mean rate: the gaps between
// neighbours are independent and exponentially distributed, as between users
// who do not know of each other.
//
//	P(gap > x) = exp(-R*x),   mean of N(t) = R*t = variance of N(t)
//
//	gap's |.
//	prob- | `.
//	ability   `..
//	      |      `---.......
//	      +------------------- x
//	            1/R
//
// Time is divided into blocks of equal length, each with a random source of its
// own, seeded by its number. Within a block the gaps are drawn one by one until
// the block is over. What remains of the last gap may be thrown away there:
// an exponential gap that has lasted any time is as long again as a fresh one,
// so the blocks joined are one Poisson process, and any block can be drawn
// alone.
type poisson struct {
	seed   uint64
	length float64 // of a block, ns
	mean   float64 // gap, ns

	// before[b] is how many records come before block b, for the blocks counted
	// so far.
	before []int64

	// The block drawn last. In sequential use each is drawn once.
	block int64
	times []time.Duration
}

// blockMean is the mean number of records in a block.
const blockMean = 1024

var _ Schedule = (*poisson)(nil)

func newPoisson(perSecond float64, seed uint64) *poisson {
	mean := float64(time.Second) / perSecond
	return &poisson{
		seed: seed, mean: mean, length: blockMean * mean,
		before: make([]int64, 1, 1024), block: -1, times: make([]time.Duration, 0, blockMean*5/4),
	}
}

func (p *poisson) At(i int64) time.Duration {
	i = max(i, 0)
	if p.block < 0 || i < p.before[p.block] || i-p.before[p.block] >= int64(len(p.times)) {
		p.find(i)
	}
	return p.times[i-p.before[p.block]]
}

// find draws the block that holds record i.
func (p *poisson) find(i int64) {
	for p.counted() <= i {
		p.extend()
	}
	// The last block that begins with at most i records behind it: blocks without
	// records share their count with the next.
	b := int64(sort.Search(len(p.before), func(b int) bool { return p.before[b] > i }) - 1)
	if b != p.block {
		p.draw(b)
	}
}

// counted returns how many records lie in the blocks counted so far.
func (p *poisson) counted() int64 { return p.before[len(p.before)-1] }

// extend counts one block more.
func (p *poisson) extend() {
	p.draw(int64(len(p.before) - 1))
	p.before = append(p.before, p.counted()+int64(len(p.times)))
}

// draw makes the times of block b.
func (p *poisson) draw(b int64) {
	rng := rand.New(rand.NewPCG(p.seed, uint64(b)))
	start := float64(b) * p.length
	p.block, p.times = b, p.times[:0]
	for t := rng.ExpFloat64() * p.mean; t < p.length; t += rng.ExpFloat64() * p.mean {
		p.times = append(p.times, time.Duration(start+t))
	}
}

func (p *poisson) Count(until time.Duration) int64 {
	if until <= 0 {
		return 0
	}
	b := int64(float64(until) / p.length)
	for int64(len(p.before)) <= b+1 {
		p.extend()
	}
	if b != p.block {
		p.draw(b)
	}
	n := p.before[b] + int64(sort.Search(len(p.times), func(i int) bool { return p.times[i] >= until }))
	// A time and a bound that differ by less than a ns may round to either side
	// of a block's edge.
	return settle(p, n, until)
}

func (p *poisson) Expected(until time.Duration) float64 { return float64(max(until, 0)) / p.mean }
