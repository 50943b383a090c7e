package worker

import (
	"math/bits"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// arena is where the values of a generator lie: outside of the Go heap, so that how
// many are outstanding does not decide how often the client's garbage is collected.
// It takes memory as that is used, and gives none back: what the client was given
// may be held by it until the process ends. The generator alone uses it.
type arena struct {
	rest [][]byte     // of the last piece of each partition
	free [64][][]byte // by the logarithm of their capacity
	used atomic.Int64 // bytes of the values: what is mapped beyond takes no memory
}

// piece is how much a partition is given at a time: what is sent to it in a row lies in a
// row, which is what a processor reads ahead in. line is what values are aligned to, so
// that two of them share no line of a cache.
const (
	piece = 64 << 10
	line  = 64
)

func newArena(partitions int) *arena { return &arena{rest: make([][]byte, partitions)} }

// get returns a value of a length for a partition.
func (a *arena) get(p int32, size int) []byte {
	room := (size + line - 1) / line * line
	rest := a.rest[p]
	if len(rest) < room {
		n := max(piece, room)
		mapped, err := unix.Mmap(-1, 0, n, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
		if err != nil {
			mapped = make([]byte, n) // no system is without any, but on the heap it is in the way
		}
		rest = mapped
	}
	v := rest[:size:room]
	a.rest[p] = rest[room:]
	a.used.Add(int64(room))
	return v
}

// swap returns a value of a length for one that is not needed any more, or nil. What
// is put back and what is taken are of powers of two.
func (a *arena) swap(p int32, old []byte, size int) []byte {
	class := bits.Len(uint(max(size, line) - 1))
	if cap(old) == 1<<class {
		return old[:size]
	}
	if old != nil {
		had := bits.Len(uint(cap(old) - 1))
		a.free[had] = append(a.free[had], old)
	}
	if n := len(a.free[class]); n > 0 {
		v := a.free[class][n-1]
		a.free[class] = a.free[class][:n-1]
		return v[:size]
	}
	return a.get(p, 1<<class)[:size]
}
