// Package profiles knows the kinds of profile that kbench can take of a client.
// What can be done with a kind is asked of the kind, so that no collector or
// reader needs a list of its own. Package capture below it takes them.
package profiles

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Kind is a kind of profile, by the name that is used on the command line.
type Kind string

// The kinds of profile, each over the measured part of a trial.
const (
	CPU       Kind = "cpu"       // where the CPU time went
	Heap      Kind = "heap"      // what was live at the end, after a garbage collection
	Allocs    Kind = "allocs"    // what was allocated
	Goroutine Kind = "goroutine" // where every goroutine was at the end
	Mutex     Kind = "mutex"     // who held locks that others waited for
	Block     Kind = "block"     // where goroutines waited
	Trace     Kind = "trace"     // the execution trace
)

// Kinds returns every kind, in the order in which they are listed.
func Kinds() []Kind {
	return []Kind{CPU, Heap, Allocs, Goroutine, Mutex, Block, Trace}
}

// Parse reads a comma-separated list of kinds. A kind that is named twice is
// taken once; an empty list is none.
func Parse(list string) ([]Kind, error) {
	var kinds []Kind
	var errs []error
	for name := range strings.SplitSeq(list, ",") {
		k := Kind(strings.TrimSpace(name))
		switch {
		case k == "" && strings.TrimSpace(list) == "":
			return nil, nil
		case !slices.Contains(Kinds(), k):
			errs = append(errs, fmt.Errorf("profile %q does not exist", k))
		case !slices.Contains(kinds, k):
			kinds = append(kinds, k)
		}
	}
	if len(errs) > 0 {
		return nil, fmt.Errorf("%w: name one or more of %s, separated by commas", errors.Join(errs...), names())
	}
	return kinds, nil
}

// names lists the kinds as a reader would write them.
func names() string {
	all := make([]string, 0, len(Kinds()))
	for _, k := range Kinds() {
		all = append(all, string(k))
	}
	return strings.Join(all, ", ")
}

// IsPprof reports whether the file is one for `go tool pprof`.
func (k Kind) IsPprof() bool { return k != Trace }

// IsDelta reports whether the runtime counts since the start of the process, so
// that a part of its life is the difference of two snapshots.
func (k Kind) IsDelta() bool { return k == Allocs || k == Mutex || k == Block }

// Perturbs reports whether taking the profile changes what is measured by more
// than the noise, so that the timings of such a trial should not be compared.
func (k Kind) Perturbs() bool { return k == Mutex || k == Block || k == Trace }

// FileName is the name of the file in the directory of profiles.
func (k Kind) FileName() string {
	if k == Trace {
		return "run.trace"
	}
	return string(k) + ".pb.gz"
}
