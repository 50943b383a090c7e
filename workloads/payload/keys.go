package payload

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"sync/atomic"

	"github.com/kbench/kbench/workloads"
)

// Keys chooses the key and the partition of each record by its number, the same
// for every client. It may be shared between goroutines.
type Keys struct {
	kind  string
	count uint64
	size  int
	slab  []byte // the keys, one after the other
	zipf  *alias
	seed  uint64

	// order is the permutation of partitions that records without a key go
	// round in. It depends on the number of partitions, which is known late.
	order atomic.Pointer[[]int32]
}

// NewKeys makes the keys of a workload. A size too small to tell Count keys
// apart is raised to the smallest that can.
func NewKeys(k workloads.Keys, seed uint64) *Keys {
	keys := &Keys{kind: k.Kind, seed: mix(seed)} // mixed, so that neighbouring seeds share nothing
	if !keys.keyed() {
		return keys
	}
	keys.count = uint64(max(k.Count, 1))
	keys.size = max(k.Size, digits(keys.count))
	keys.slab = make([]byte, int(keys.count)*keys.size)
	for id := range keys.count {
		writeKey(keys.slab[int(id)*keys.size:][:keys.size], id)
	}
	if k.Kind == "zipf" {
		keys.zipf = newAlias(zipfWeights(int(keys.count), k.Skew))
	}
	return keys
}

func (k *Keys) keyed() bool { return k.kind == "round-robin" || k.kind == "zipf" }

// Key returns the key of record i and the key's number, nil and 0 for records
// without keys. The bytes are shared and must not be changed. With zipf, key 0
// is the most frequent.
func (k *Keys) Key(i uint64) (key []byte, id uint64) {
	if !k.keyed() {
		return nil, 0
	}
	id = k.id(i)
	at := int(id) * k.size
	return k.slab[at : at+k.size : at+k.size], id
}

func (k *Keys) id(i uint64) uint64 {
	if k.zipf != nil {
		return k.zipf.pick(mix(i ^ k.seed))
	}
	return i % k.count
}

// Partition returns the partition of record i: by the hash of its key, the way
// Kafka's own clients do it, or round robin for records without keys.
func (k *Keys) Partition(i uint64, partitions int32) int32 {
	if key, _ := k.Key(i); key != nil {
		return int32(murmur2(key)&math.MaxInt32) % partitions
	}
	order := k.order.Load()
	if order == nil || len(*order) != int(partitions) {
		order = k.shuffle(partitions)
	}
	return (*order)[i%uint64(partitions)]
}

// shuffle makes the permutation for a number of partitions. Two goroutines may
// both make it: it is the same.
func (k *Keys) shuffle(partitions int32) *[]int32 {
	order := make([]int32, partitions)
	for i, p := range rand.New(rand.NewPCG(k.seed, 0x6b657973)).Perm(int(partitions)) {
		order[i] = int32(p)
	}
	k.order.Store(&order)
	return &order
}

// alphabet is what keys are written in.
const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// digits returns how many characters it takes to number count keys.
func digits(count uint64) int {
	n := 1
	for reach := uint64(len(alphabet)); reach < count; n++ {
		reach *= uint64(len(alphabet))
	}
	return n
}

// writeKey writes id with leading zeros.
func writeKey(key []byte, id uint64) {
	for i := len(key) - 1; i >= 0; i-- {
		key[i] = alphabet[id%uint64(len(alphabet))]
		id /= uint64(len(alphabet))
	}
}

func zipfWeights(n int, skew float64) []float64 {
	w := make([]float64, n)
	for k := range w {
		w[k] = math.Pow(float64(k+1), -skew)
	}
	return w
}

// alias draws from a discrete distribution in constant time: the unit interval
// is divided into equal columns, each shared by at most two outcomes (A. J.
// Walker's method). A search in a table of sums would cost twenty steps and as
// many cache misses for a million keys.
type alias struct {
	keep  []uint32 // share of the column, in 2^-32, that is the column's own
	other []uint32 // whose the rest is
}

func newAlias(weights []float64) *alias {
	n := len(weights)
	a := &alias{keep: make([]uint32, n), other: make([]uint32, n)}
	var total float64
	for _, w := range weights {
		total += w
	}
	share := make([]float64, n)
	var small, large []int
	for i, w := range weights {
		if share[i] = w / total * float64(n); share[i] < 1 {
			small = append(small, i)
		} else {
			large = append(large, i)
		}
	}
	for len(small) > 0 && len(large) > 0 {
		s, l := small[len(small)-1], large[len(large)-1]
		small = small[:len(small)-1]
		a.keep[s], a.other[s] = uint32(share[s]*(1<<32-1)), uint32(l)
		if share[l] -= 1 - share[s]; share[l] < 1 {
			large = large[:len(large)-1]
			small = append(small, l)
		}
	}
	// What is left over fills its column, but for rounding.
	for _, i := range append(small, large...) {
		a.keep[i], a.other[i] = math.MaxUint32, uint32(i)
	}
	return a
}

// pick maps 64 random bits to an outcome: the high half chooses the column, the
// low half the share of it.
func (a *alias) pick(bits uint64) uint64 {
	column := bits >> 32 * uint64(len(a.keep)) >> 32
	if uint32(bits) <= a.keep[column] {
		return column
	}
	return uint64(a.other[column])
}

// mix turns a number into bits that look random: neighbouring numbers share
// nothing. (The finaliser of SplitMix64.)
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// murmur2 is the hash by which Kafka's own producers spread keys.
func murmur2(b []byte) uint32 {
	const m = 0x5bd1e995
	h := 0x9747b28c ^ uint32(len(b))
	for ; len(b) >= 4; b = b[4:] {
		k := binary.LittleEndian.Uint32(b) * m
		k ^= k >> 24
		h = h*m ^ k*m
	}
	switch len(b) {
	case 3:
		h ^= uint32(b[2]) << 16
		fallthrough
	case 2:
		h ^= uint32(b[1]) << 8
		fallthrough
	case 1:
		h = (h ^ uint32(b[0])) * m
	}
	h = (h ^ h>>13) * m
	return h ^ h>>15
}
