package payload

import (
	"cmp"
	"hash/crc32"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/kbench/kbench/workloads"
)

// slabSize bounds the bytes that bodies are cut from. It is well above what a
// batch holds: a compressor that met a body twice in one batch would find more
// to save than the entropy allows.
const slabSize = 4 << 20

// Sizes and bodies repeat in a cycle, long enough for short bodies to fill the
// slab. Its length is a prime, so that no count of partitions divides it and
// each partition sees every entry.
const (
	cycle      = 4099
	shortCycle = 65537 // where the mean value is below slabSize/cycle
)

// Pool holds the bodies of a workload's values. It is read-only once made and
// may be shared between goroutines.
type Pool struct {
	slab    []byte
	entries []entry
	max     int
}

// entry is one body: a window of the slab.
type entry struct {
	at, size uint32 // size of the whole value
	crc      uint32
}

// NewPool makes the bodies for r. The same r and seed give the same bytes.
// Sizes below HeaderSize are raised to it.
func NewPool(r workloads.Records, seed uint64) *Pool {
	rng := rand.New(rand.NewPCG(seed, 0x706f6f6c))
	sizes := drawSizes(r.Size, cycle)
	if meanOf(sizes) < slabSize/cycle {
		sizes = drawSizes(r.Size, shortCycle)
	}
	rng.Shuffle(len(sizes), func(i, j int) { sizes[i], sizes[j] = sizes[j], sizes[i] })

	p := &Pool{entries: make([]entry, len(sizes)), max: slices.Max(sizes)}
	p.slab = makeSlab(rng, max(slabSize, 4*p.max), r.Entropy)
	// Long bodies come round to the same windows again and again; each window is
	// summed once.
	type window struct{ at, body int }
	crcs := make(map[window]uint32)
	at := 0
	for i, s := range sizes {
		body := s - HeaderSize
		if at+body > len(p.slab) {
			at = 0
		}
		w := window{at, body}
		crc, known := crcs[w]
		if !known {
			crc = crc32.Checksum(p.slab[at:at+body], castagnoli)
			crcs[w] = crc
		}
		p.entries[i] = entry{at: uint32(at), size: uint32(s), crc: crc}
		at += body
	}
	return p
}

// Size returns the length of the value of record i.
func (p *Pool) Size(i uint64) int { return int(p.entries[i%uint64(len(p.entries))].size) }

// Max returns the greatest length of a value.
func (p *Pool) Max() int { return p.max }

// Fill copies the body of record i behind the header of value, which is
// Size(i) long, and returns the body's checksum.
func (p *Pool) Fill(value []byte, i uint64) (crc uint32) {
	e := &p.entries[i%uint64(len(p.entries))]
	copy(value[HeaderSize:e.size], p.slab[e.at:])
	return e.crc
}

func meanOf(sizes []int) float64 {
	var total int
	for _, s := range sizes {
		total += s
	}
	return float64(total) / float64(len(sizes))
}

// drawSizes returns the lengths of a cycle of n values, in ascending order. They
// are the quantiles of the distribution at evenly spaced places rather than
// draws from it, so that even this few have its mean and its tail.
func drawSizes(s workloads.Size, n int) []int {
	quantile := quantiles(s)
	sizes := make([]int, n)
	for i := range sizes {
		sizes[i] = max(quantile((float64(i)+0.5)/float64(n)), HeaderSize)
	}
	return sizes
}

// quantiles returns the inverse of the distribution function of s.
func quantiles(s workloads.Size) func(u float64) int {
	switch {
	case len(s.Choice) > 0:
		return choiceQuantiles(s.Choice)
	case s.Median > 0:
		return func(u float64) int {
			v := float64(s.Median) * math.Exp(s.Sigma*math.Sqrt2*math.Erfinv(2*u-1))
			if s.Max > 0 {
				v = min(v, float64(s.Max))
			}
			return int(math.Round(v))
		}
	case s.Uniform[1] > 0:
		low, high := s.Uniform[0], s.Uniform[1]
		return func(u float64) int { return low + int(u*float64(high-low+1)) }
	default:
		return func(float64) int { return s.Fixed }
	}
}

func choiceQuantiles(choice []workloads.SizeChoice) func(u float64) int {
	choice = slices.Clone(choice)
	slices.SortStableFunc(choice, func(a, b workloads.SizeChoice) int { return cmp.Compare(a.Size, b.Size) })
	var total float64
	for _, c := range choice {
		total += c.Weight
	}
	return func(u float64) int {
		left := u * total
		for _, c := range choice {
			if left < c.Weight {
				return c.Size
			}
			left -= c.Weight
		}
		return choice[len(choice)-1].Size
	}
}

// makeSlab returns n bytes of which the share entropy is random and the rest is
// one phrase over and over. Random and phrase alternate in small blocks, the
// share being kept from block to block, so that every body has it, short or
// long: what a compressor leaves of n bytes is about entropy*n.
func makeSlab(rng *rand.Rand, n int, entropy float64) []byte {
	const phrase = "kbench's record "
	slab := make([]byte, n)
	var due float64
	for at := 0; at < n; at += len(phrase) {
		block := slab[at:min(at+len(phrase), n)]
		due += min(max(entropy, 0), 1)
		if due < 1 {
			copy(block, phrase)
			continue
		}
		due--
		fillRandom(rng, block)
	}
	return slab
}

func fillRandom(rng *rand.Rand, b []byte) {
	var bits uint64
	for i := range b {
		if i%8 == 0 {
			bits = rng.Uint64()
		}
		b[i] = byte(bits)
		bits >>= 8
	}
}
