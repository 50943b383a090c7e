// Package profiles knows the kinds of profile that kbench can take of a client, and
// the file of raw CPU samples from which profiles of any part of a trial are made.
// What can be done with a kind is asked of the kind, so that no collector or
// reader needs a list of its own. Package capture below it takes them.
package profiles

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
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
	Flight    Kind = "flight"    // the same of the last seconds, whenever the client is found stuck
)

// Kinds returns every kind, in the order in which they are listed.
func Kinds() []Kind {
	return []Kind{CPU, Heap, Allocs, Goroutine, Mutex, Block, Trace, Flight}
}

// The rates at which CPU time may be sampled, in samples a second of it. The clock of
// most kernels ticks 250 times a second, so a higher rate than MaxHz yields hardly a
// sample more, and each then stands for a time that is not true.
const (
	DefaultHz = 100
	MinHz     = 10
	MaxHz     = 300
)

// Parse reads a comma-separated list of kinds, of which the CPU profile may have its
// rate, as in cpu@250. A kind that is named twice is taken once; an empty list is
// none. hz is 0 where no CPU profile is taken.
func Parse(list string) (kinds []Kind, hz int, err error) {
	var errs []error
	for name := range strings.SplitSeq(list, ",") {
		name, rate, rated := strings.Cut(strings.TrimSpace(name), "@")
		k := Kind(name)
		switch {
		case k == "" && strings.TrimSpace(list) == "":
			return nil, 0, nil
		case !slices.Contains(Kinds(), k):
			errs = append(errs, fmt.Errorf("profile %q does not exist", k))
			continue
		case !slices.Contains(kinds, k):
			kinds = append(kinds, k)
		}
		if rated && k != CPU {
			errs = append(errs, fmt.Errorf("profile %s has no rate: only that of cpu can be chosen", k))
		} else if rated {
			if hz, err = parseHz(rate); err != nil {
				errs = append(errs, err)
			}
		}
	}
	if len(errs) > 0 {
		return nil, 0, fmt.Errorf("%w: name one or more of %s, separated by commas", errors.Join(errs...), strings.Join(Names(), ", "))
	}
	if hz == 0 && slices.Contains(kinds, CPU) {
		hz = DefaultHz
	}
	return kinds, hz, nil
}

func parseHz(s string) (int, error) {
	hz, err := strconv.Atoi(s)
	if err != nil || hz < MinHz || hz > MaxHz {
		return 0, fmt.Errorf("profile cpu@%s: its rate is %d to %d samples a second", s, MinHz, MaxHz)
	}
	return hz, nil
}

// Names are those of all kinds.
func Names() []string {
	all := make([]string, 0, len(Kinds()))
	for _, k := range Kinds() {
		all = append(all, string(k))
	}
	return all
}

// IsPprof reports whether the file is one for `go tool pprof`.
func (k Kind) IsPprof() bool { return k != Trace && k != Flight }

// IsDelta reports whether the runtime counts since the start of the process, so
// that a part of its life is the difference of two snapshots.
func (k Kind) IsDelta() bool { return k == Allocs || k == Mutex || k == Block }

// Perturbs reports whether taking the profile changes what is measured by more
// than the noise, so that the timings of such a trial should not be compared.
func (k Kind) Perturbs() bool { return k == Mutex || k == Block || k == Trace || k == Flight }

// FileName is the name of the file in the directory of profiles. Those of Flight, of
// which there may be none or several, have a number in it.
func (k Kind) FileName() string {
	switch k {
	case Trace:
		return "run.trace"
	case Flight:
		return "flight.trace"
	}
	return string(k) + ".pb.gz"
}
