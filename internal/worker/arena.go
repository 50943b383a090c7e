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
	rest  []byte       // of the last piece
	free  [64][][]byte // by the logarithm of their capacity
	taken atomic.Int64 // bytes
}

// piece is how much is taken at a time, and line what values are aligned to, so that
// two of them share no line of a cache.
const (
	piece = 1 << 20
	line  = 64
)

func newArena() *arena { return new(arena) }

// get returns a value of a length.
func (a *arena) get(size int) []byte {
	room := (size + line - 1) / line * line
	if len(a.rest) < room {
		n := max(piece, room)
		mapped, err := unix.Mmap(-1, 0, n, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
		if err != nil {
			mapped = make([]byte, n) // no system is without any, but on the heap it is in the way
		}
		a.rest = mapped
		a.taken.Add(int64(n))
	}
	v := a.rest[:size:room]
	a.rest = a.rest[room:]
	return v
}

// swap returns a value of a length for one that is not needed any more, or nil. What
// is put back and what is taken are of powers of two.
func (a *arena) swap(old []byte, size int) []byte {
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
	return a.get(1 << class)[:size]
}
