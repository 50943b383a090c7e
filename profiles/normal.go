package profiles

import (
	"fmt"
	"math"
	"slices"

	"github.com/google/pprof/profile"
)

// countType is the sample type of CPU profiles that counts samples. It says how far the
// others can be trusted, and means nothing once those are scaled.
const countType = "samples"

// Samples is how many samples a profile is made of, 0 where that is not known. A CPU
// profile counts them. One of memory has about one in every so many bytes.
func Samples(p *profile.Profile) (n int64) {
	at := func(name string) int {
		return slices.IndexFunc(p.SampleType, func(t *profile.ValueType) bool { return t.Type == name })
	}
	if i := at(countType); i >= 0 {
		for _, s := range p.Sample {
			n += s.Value[i]
		}
		return n
	}
	for _, name := range []string{"inuse_space", "alloc_space"} {
		if i := at(name); i >= 0 && p.Period > 0 {
			for _, s := range p.Sample {
				n += s.Value[i]
			}
			return n / p.Period
		}
	}
	return 0
}

// IsLevel says that the values of a kind are of one moment, such as the live heap, and
// no sum over time that grows with the work: there is a level per process, and no cost
// per record.
func (k Kind) IsLevel() bool { return k == Heap || k == Goroutine }

// Scaled is a profile with its values times a factor, without its counts of samples.
//
// Values are rounded to whole units. What rounds to nothing stays a stack without a
// value, since profile.ScaleN would drop it, and with it what it adds up to.
func Scaled(p *profile.Profile, factor float64) *profile.Profile {
	out := p.Copy()
	if at := slices.IndexFunc(out.SampleType, func(t *profile.ValueType) bool { return t.Type == countType }); at >= 0 && len(out.SampleType) > 1 {
		out.SampleType = slices.Delete(out.SampleType, at, at+1)
		for _, s := range out.Sample {
			s.Value = slices.Delete(s.Value, at, at+1)
		}
	}
	for _, s := range out.Sample {
		for i, v := range s.Value {
			s.Value[i] = int64(math.Round(float64(v) * factor))
		}
	}
	return out
}

// Diff is what a profile has more and less than a base, both scaled to the same amount of
// work. By their sums a client that does everything at twice the cost would look the
// same. The samples of the base are labelled as pprof does, so that its pages show them as such.
func Diff(p, base *profile.Profile) (*profile.Profile, error) {
	p, base = p.Copy(), base.Copy()
	base.SetLabel("pprof::base", []string{"true"})
	for _, s := range base.Sample {
		for i := range s.Value {
			s.Value[i] = -s.Value[i]
		}
	}
	// Of programs that differ neither addresses nor the binary are one: names are.
	for _, q := range []*profile.Profile{p, base} {
		q.Comments, q.TimeNanos, q.DurationNanos = nil, 0, 0
	}
	out, err := profile.Merge([]*profile.Profile{p, base})
	if err != nil {
		return nil, fmt.Errorf("the profiles are not of one kind: %w", err)
	}
	return out, nil
}
