package record

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// preallocate gives the bytes [off, off+n) of f real blocks. A mapping of a
// file with holes finds out about a full disk by a SIGBUS in the middle of a
// store; here it is an error.
func preallocate(f *os.File, off, n int64) error {
	for {
		err := unix.Fallocate(int(f.Fd()), 0, off, n)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.EOPNOTSUPP):
			return writeZeros(f, off, n)
		default:
			return err
		}
	}
}
