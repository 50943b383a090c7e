//go:build !linux

package record

import "os"

// preallocate gives the bytes [off, off+n) of f real blocks, the portable way.
func preallocate(f *os.File, off, n int64) error {
	return writeZeros(f, off, n)
}
