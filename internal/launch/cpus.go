package launch

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// CPUSet is some processors of a host, by their numbers, in order. nil: those that the
// parent of a process may use.
type CPUSet []int

// ParseCPUs reads a set as Linux writes it: 0-1,3.
func ParseCPUs(text string) (CPUSet, error) {
	var set CPUSet
	for part := range strings.SplitSeq(text, ",") {
		from, to, isRange := strings.Cut(part, "-")
		if !isRange {
			to = from
		}
		first, err := strconv.ParseUint(from, 10, 16)
		last, lastErr := strconv.ParseUint(to, 10, 16)
		if err != nil || lastErr != nil || last < first || last >= mostCPUs {
			return nil, fmt.Errorf("%q is no set of processors: write their numbers, as in 0, 0-1 or 0-1,3", text)
		}
		for n := first; n <= last; n++ {
			set = append(set, int(n))
		}
	}
	slices.Sort(set)
	return slices.Compact(set), nil
}

// mostCPUs is how many a set of the kernel's has room for.
const mostCPUs = 1024

// String is how Linux writes it.
func (s CPUSet) String() string {
	var parts []string
	for i := 0; i < len(s); {
		last := i
		for last+1 < len(s) && s[last+1] == s[last]+1 {
			last++
		}
		part := strconv.Itoa(s[i])
		if last > i {
			part += "-" + strconv.Itoa(s[last])
		}
		parts = append(parts, part)
		i = last + 1
	}
	return strings.Join(parts, ",")
}

// CheckCPUs says why processes cannot be tied to a set, as far as that is known before
// one is started.
func CheckCPUs(set CPUSet) error {
	there, allowed, err := CPUs()
	if err != nil {
		return err
	}
	for _, n := range set {
		switch {
		case !slices.Contains(there, n):
			return fmt.Errorf("there is no CPU %d here; this machine has %s", n, there)
		case !slices.Contains(allowed, n):
			return fmt.Errorf("CPU %d is not for this process: it may use %s, as its container, its service or taskset says", n, allowed)
		}
	}
	return nil
}
