package layers

import (
	"fmt"
	"iter"
	"slices"

	"github.com/google/pprof/profile"
)

// Ledger is a profile by layer, in one of its sample types.
type Ledger struct {
	Type, Unit string // such as cpu and nanoseconds, alloc_space and bytes
	Total      Entry
	Lines      []Line // of every layer that has something, in the order of Layers
}

// Entry is how much of a profile something has.
type Entry struct {
	Value   int64
	Samples int64 // of a CPU profile; others do not say how many they were made of
}

// Line is what a layer has.
type Line struct {
	Layer Layer
	Entry
}

// The sample types of which ledgers are made.
const (
	CPUTime      = "cpu"           // of a CPU profile, in ns
	AllocObjects = "alloc_objects" // of a profile of allocations, counted
	AllocBytes   = "alloc_space"   // the same, in bytes
)

// countType is the sample type of a CPU profile that counts its samples.
const countType = "samples"

// Read makes the ledger of a sample type of a profile.
func Read(p *profile.Profile, sampleType string) (Ledger, error) {
	at, count := typeAt(p, sampleType), typeAt(p, countType)
	if at < 0 {
		return Ledger{}, fmt.Errorf("the profile has no sample type %q", sampleType)
	}
	c, sums := classifier{}, map[Layer]Entry{}
	for _, s := range p.Sample {
		e := Entry{Value: s.Value[at]}
		if count >= 0 {
			e.Samples = s.Value[count]
		}
		l := c.of(frames(s))
		sums[l] = sums[l].plus(e)
	}
	l := ledger(sampleType, p.SampleType[at].Unit, sums)
	if sampleType == AllocObjects || sampleType == AllocBytes {
		// A profile of allocations begins and ends with the work of profilers, which lies
		// outside what is measured, and which counters do not have.
		l = l.Without(Profiler)
	}
	return l, nil
}

// typeAt is the place of a sample type, -1 where the profile has none.
func typeAt(p *profile.Profile, name string) int {
	return slices.IndexFunc(p.SampleType, func(t *profile.ValueType) bool { return t.Type == name })
}

// ledger puts sums in the order of the layers.
func ledger(sampleType, unit string, sums map[Layer]Entry) Ledger {
	l := Ledger{Type: sampleType, Unit: unit, Lines: []Line{}}
	for _, layer := range Layers() {
		if e, ok := sums[layer]; ok {
			l.Lines = append(l.Lines, Line{layer, e})
			l.Total = l.Total.plus(e)
		}
	}
	return l
}

// frames are the functions of a sample, the leaf first, with those that were inlined.
func frames(s *profile.Sample) iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, loc := range s.Location {
			for _, line := range loc.Line {
				if line.Function != nil && !yield(line.Function.Name) {
					return
				}
			}
		}
	}
}

func (e Entry) plus(f Entry) Entry { return Entry{e.Value + f.Value, e.Samples + f.Samples} }

// Plus is the sum of two ledgers of one sample type. The zero ledger is nothing.
func (l Ledger) Plus(m Ledger) Ledger {
	if l.Type == "" {
		return m
	}
	sums := map[Layer]Entry{}
	for _, line := range slices.Concat(l.Lines, m.Lines) {
		sums[line.Layer] = sums[line.Layer].plus(line.Entry)
	}
	return ledger(l.Type, l.Unit, sums)
}

// Without is the ledger without a layer, as if its samples had never been.
func (l Ledger) Without(layer Layer) Ledger {
	sums := map[Layer]Entry{}
	for _, line := range l.Lines {
		if line.Layer != layer {
			sums[line.Layer] = line.Entry
		}
	}
	return ledger(l.Type, l.Unit, sums)
}

// Of is what a layer has.
func (l Ledger) Of(layer Layer) Entry {
	for _, line := range l.Lines {
		if line.Layer == layer {
			return line.Entry
		}
	}
	return Entry{}
}

// Share is a layer's part of the whole.
func (l Ledger) Share(layer Layer) float64 {
	if l.Total.Value == 0 {
		return 0
	}
	return float64(l.Of(layer).Value) / float64(l.Total.Value)
}
