package profiled

import (
	"fmt"
	"time"

	"github.com/google/pprof/profile"

	"github.com/kbench/kbench/profiles"
	"github.com/kbench/kbench/profiles/layers"
	"github.com/kbench/kbench/results"
)

// Ledger is what each layer costs per record, for sets side by side.
type Ledger struct {
	Workload string
	Role     results.Role
	What     string // CPU, allocations, bytes
	Unit     string // of a row's
	Columns  []Column
}

// Column is one set of a ledger.
type Column struct {
	Set *Set
	layers.Ledger
	// Whole is what is divided among the layers: what the counters of the processes
	// say, or where those are not known the sum of the samples alone.
	Whole   float64
	Counted bool
}

// PerRecord is what a layer costs, in a slice per second of a process, and whether that
// is known: without records there is no cost per record.
func (c *Column) PerRecord(l layers.Layer) (float64, bool) {
	sum, known := c.Sum()
	return c.Share(l) * sum, known
}

// Sum is what all layers cost together, per record, in a slice per second of a process,
// and whether that is known.
func (c *Column) Sum() (float64, bool) {
	if c.Set.Slice != "" {
		return c.Whole * float64(time.Second) / float64(c.Set.Time), true
	}
	if c.Set.Cost.Records <= 0 {
		return 0, false
	}
	return c.Whole / float64(c.Set.Cost.Records), true
}

// Coverage is how much of what was spent the profile saw, and whether that is known.
func (c *Column) Coverage() (float64, bool) {
	if !c.Counted {
		return 0, false
	}
	return float64(c.Total.Value) / c.Whole, true
}

// ledgers are the sample types that ledgers are made of.
var ledgers = []struct {
	kind                   profiles.Kind
	sampleType, what, unit string
}{
	{profiles.CPU, layers.CPUTime, "CPU", results.UnitNs},
	{profiles.Allocs, layers.AllocObjects, "allocations", results.UnitAllocs},
	{profiles.Allocs, layers.AllocBytes, "bytes allocated", results.UnitBytes},
}

// Ledgers are those of sets, one of each workload, role and figure. Sets of kinds that
// have none are passed over.
func Ledgers(sets []*Set) ([]Ledger, error) {
	var out []Ledger
	parsed := map[*Set]*profile.Profile{}
	at := map[[4]string]int{}
	for _, s := range sets {
		for _, k := range ledgers {
			if s.Kind != k.kind {
				continue
			}
			if parsed[s] == nil {
				p, err := s.Profile()
				if err != nil {
					return nil, err
				}
				parsed[s] = p
			}
			c, err := s.column(parsed[s], k.sampleType)
			if err != nil {
				return nil, err
			}
			id := [4]string{s.Workload, string(s.Role), k.sampleType, s.Per()}
			i, found := at[id]
			if !found {
				i = len(out)
				at[id] = i
				out = append(out, Ledger{Workload: s.Workload, Role: s.Role, What: k.what, Unit: k.unit})
			}
			out[i].Columns = append(out[i].Columns, *c)
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("layers are of profiles of the kinds cpu and allocs, and none of them is chosen or was taken")
	}
	return out, nil
}

func (s *Set) column(p *profile.Profile, sampleType string) (*Column, error) {
	l, err := layers.Read(p, sampleType)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.Arm, err)
	}
	c := &Column{Set: s, Ledger: l, Whole: float64(l.Total.Value)}
	counted := map[string]float64{layers.CPUTime: s.Cost.CPU, layers.AllocObjects: s.Cost.Allocs, layers.AllocBytes: s.Cost.Bytes}[sampleType]
	if s.Cost.Known && counted > 0 {
		c.Whole, c.Counted = counted, true
	}
	return c, nil
}
