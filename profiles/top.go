package profiles

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/google/pprof/profile"
)

// Function is what a function has of a profile: by itself, and with what it calls.
type Function struct {
	Name      string
	Flat, Cum int64
}

// Top are the functions of a profile, those first that have the most by themselves, in
// either direction: in a difference less counts like more.
func Top(p *profile.Profile, sampleType string) ([]Function, error) {
	at := slices.IndexFunc(p.SampleType, func(t *profile.ValueType) bool { return t.Type == sampleType })
	if at < 0 {
		return nil, fmt.Errorf("the profile has no sample type %q", sampleType)
	}
	byName := map[string]*Function{}
	of := func(name string) *Function {
		f := byName[name]
		if f == nil {
			f = &Function{Name: name}
			byName[name] = f
		}
		return f
	}
	for _, s := range p.Sample {
		leaf, seen := true, map[string]bool{} // a function that calls itself has its samples once
		for _, loc := range s.Location {
			for _, line := range loc.Line {
				if line.Function == nil {
					continue
				}
				f := of(line.Function.Name)
				if leaf {
					f.Flat += s.Value[at]
					leaf = false
				}
				if !seen[f.Name] {
					f.Cum += s.Value[at]
					seen[f.Name] = true
				}
			}
		}
	}
	out := make([]Function, 0, len(byName))
	for _, f := range byName {
		out = append(out, *f)
	}
	slices.SortFunc(out, func(a, b Function) int {
		return cmp.Or(cmp.Compare(abs(b.Flat), abs(a.Flat)), cmp.Compare(abs(b.Cum), abs(a.Cum)), cmp.Compare(a.Name, b.Name))
	})
	return out, nil
}

func abs(n int64) int64 { return max(n, -n) }
