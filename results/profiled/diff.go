package profiled

import (
	"fmt"
	"time"

	"github.com/google/pprof/profile"

	"github.com/kbench/kbench/profiles"
)

// Normal is the set as it would be for a million records, or where its values are a
// level, such as the live heap, for one process.
func (s *Set) Normal() (*profile.Profile, error) {
	p, err := s.Profile()
	if err != nil {
		return nil, err
	}
	if s.Kind.IsLevel() {
		return profiles.Scaled(p, 1/float64(s.Files())), nil
	}
	if s.Slice != "" {
		return profiles.Scaled(p, float64(time.Second)/float64(s.Time)), nil
	}
	if s.Cost.Records <= 0 {
		return nil, fmt.Errorf("%s of %s: %s", s.Kind, s.Arm, noRecords)
	}
	return profiles.Scaled(p, s.unseen(p)*1e6/float64(s.Cost.Records)), nil
}

// noRecords is why a cost per record is not known.
const noRecords = "nothing was acked or delivered in the measured part, so that there is no cost per record"

// unseen is by how much a CPU profile falls short of what the processes used by their
// counters: short bursts are missed in part. Figures per record are shares of its samples
// times what was used, as those of layers are; 1 where that is not known.
func (s *Set) unseen(p *profile.Profile) float64 {
	seen := float64(profiles.Total(p))
	if s.Kind != profiles.CPU || !s.Cost.Known || s.Cost.CPU <= 0 || seen <= 0 {
		return 1
	}
	return s.Cost.CPU / seen
}

// Per says what the values of Normal are for.
func (s *Set) Per() string {
	if s.Kind.IsLevel() {
		return "per process"
	}
	if s.Slice != "" {
		return perSecond
	}
	return "per million records"
}

// perSecond is what the values of a slice are for: how many records were handled in it
// is not known. Nanoseconds of CPU per second are billionths of a core.
const perSecond = "per second of a process"

// Profile is what A has more than B, and less where a value is negative. Frames of two
// clients are not compared.
func (p Pair) Profile() (*profile.Profile, error) {
	if !p.SameClient() {
		return nil, fmt.Errorf("%s", p.WhyNoFrames())
	}
	if p.A.Per() != p.B.Per() {
		return nil, fmt.Errorf("%s is %s, %s is %s: hold a slice against a slice, such as #rebalance,#steady", p.A.name(p.B), p.A.Per(), p.B.name(p.A), p.B.Per())
	}
	a, err := p.A.Normal()
	if err != nil {
		return nil, err
	}
	b, err := p.B.Normal()
	if err != nil {
		return nil, err
	}
	return profiles.Diff(a, b)
}
