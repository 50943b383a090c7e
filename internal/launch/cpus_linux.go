package launch

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// CPUs are the processors of this machine, and those that this process may use.
func CPUs() (there, allowed CPUSet, err error) {
	if allowed, err = mask(); err != nil {
		return nil, nil, fmt.Errorf("which CPUs this process may use is not known: %w", err)
	}
	online, err := os.ReadFile("/sys/devices/system/cpu/online")
	if err != nil {
		return allowed, allowed, nil // /sys is not there in some containers
	}
	there, err = ParseCPUs(strings.TrimSpace(string(online)))
	return there, allowed, err
}

// mask is where this thread may run.
func mask() (CPUSet, error) {
	var m unix.CPUSet
	if err := unix.SchedGetaffinity(0, &m); err != nil {
		return nil, err
	}
	var set CPUSet
	for n := range mostCPUs {
		if m.IsSet(n) {
			set = append(set, n)
		}
	}
	return set, nil
}

func tie(thread int, set CPUSet) error {
	var m unix.CPUSet
	for _, n := range set {
		m.Set(n)
	}
	if err := unix.SchedSetaffinity(thread, &m); err != nil {
		return fmt.Errorf("tie to CPUs %s: %w", set, err)
	}
	return nil
}

// tied does something on this thread, which must be locked, while it may run on a set
// alone: a process that is started then, and all that it starts, has that set from its
// first instruction on.
func tied(set CPUSet, do func() error) error {
	if set == nil {
		return do()
	}
	was, err := mask()
	if err != nil {
		return err
	}
	if err := tie(0, set); err != nil {
		return err
	}
	err = do()
	_ = tie(0, was) // where it ran a moment ago
	return err
}

// TieSelf ties all threads of this process to a set; those that they start later have it
// from them.
func TieSelf(set CPUSet) error {
	done := map[string]bool{}
	for fresh := true; fresh; { // a thread may start another before its turn comes
		fresh = false
		entries, err := os.ReadDir("/proc/self/task")
		if err != nil {
			return fmt.Errorf("tie to CPUs %s: %w", set, err)
		}
		for _, e := range entries {
			thread, err := strconv.Atoi(e.Name())
			if err != nil || done[e.Name()] {
				continue
			}
			done[e.Name()], fresh = true, true
			if err := tie(thread, set); err != nil && !errors.Is(err, unix.ESRCH) { // it has ended
				return err
			}
		}
	}
	return nil
}
