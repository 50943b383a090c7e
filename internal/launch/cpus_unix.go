//go:build unix && !linux

package launch

import (
	"fmt"
	"runtime"
)

// CPUs are not known: processes cannot be tied to any here.
func CPUs() (there, allowed CPUSet, err error) { return nil, nil, notHere() }

func notHere() error {
	return fmt.Errorf("%s has no way to tie processes to processors; Linux has", runtime.GOOS)
}

func tied(set CPUSet, do func() error) error {
	if set != nil {
		return notHere()
	}
	return do()
}

// TieSelf cannot be done.
func TieSelf(CPUSet) error { return notHere() }
