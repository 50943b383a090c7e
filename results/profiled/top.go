package profiled

import (
	"github.com/google/pprof/profile"

	"github.com/kbench/kbench/profiles"
	"github.com/kbench/kbench/profiles/layers"
	"github.com/kbench/kbench/results"
)

// Top is the functions of a set, or of what one has more than another, that have the
// most.
type Top struct {
	A, B  *Set // B is nil for those of one set
	What  string
	Unit  string
	Per   string // what the values are for: "per record", "per process", or "in all"
	Sum   float64
	Lines []Function
}

// Function is one of them.
type Function struct {
	Name      string
	Layer     layers.Layer // of the function alone; "" where its callers decide
	Flat, Cum float64
}

// shown is the sample type of a kind that is shown unless another is asked for, and what
// it is called.
func shown(k profiles.Kind) (sampleType, what, unit string) {
	switch k {
	case profiles.Allocs:
		return layers.AllocBytes, "bytes allocated", results.UnitBytes
	case profiles.Heap:
		return "inuse_space", "live heap", results.UnitBytes
	case profiles.Goroutine:
		return "goroutine", "goroutines", results.UnitCount
	case profiles.Mutex, profiles.Block:
		return "delay", "waiting", results.UnitNs
	}
	return layers.CPUTime, "CPU", results.UnitNs
}

// Top are those of a set.
func (s *Set) Top() (*Top, error) {
	t := &Top{A: s}
	var p *profile.Profile
	var err error
	scale := 1e-6
	switch t.Per = "per record"; {
	case s.Kind.IsLevel():
		t.Per, scale = "per process", 1
		p, err = s.Normal()
	case s.Slice != "":
		t.Per, scale = perSecond, 1
		p, err = s.Normal()
	case s.Cost.Records <= 0:
		t.Per, scale = "in all", 1
		p, err = s.Profile()
	default:
		p, err = s.Normal()
	}
	if err != nil {
		return nil, err
	}
	return t, t.fill(p, s.Kind, scale)
}

// Top is what A has more than B by function.
func (p Pair) Top() (*Top, error) {
	diff, err := p.Profile()
	if err != nil {
		return nil, err
	}
	t := &Top{A: p.A, B: p.B, Per: "per record"}
	scale := 1e-6
	switch {
	case p.A.Kind.IsLevel():
		t.Per, scale = "per process", 1
	case p.A.Slice != "":
		t.Per, scale = perSecond, 1
	}
	return t, t.fill(diff, p.A.Kind, scale)
}

func (t *Top) fill(p *profile.Profile, k profiles.Kind, scale float64) error {
	sampleType, what, unit := shown(k)
	all, err := profiles.Top(p, sampleType)
	if err != nil {
		return err
	}
	t.What, t.Unit = what, unit
	for _, f := range all {
		t.Sum += scale * float64(f.Flat)
		t.Lines = append(t.Lines, Function{f.Name, layers.OfFunction(f.Name), scale * float64(f.Flat), scale * float64(f.Cum)})
	}
	return nil
}
