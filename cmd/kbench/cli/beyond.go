package cli

import (
	"fmt"
	"math"
	"path/filepath"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/workloads"
	"github.com/kbench/kbench/workloads/plan"
)

// highest is the most throughput of producing that runs have shown, at rate max.
type highest struct {
	records, bytes float64 // a second; 0 where no run has any
}

// farBeyond is how many times of what a machine did is far beyond it.
const farBeyond = 2

// beyond says which workloads ask for a rate that is far beyond anything that this
// machine did in the runs below dir, or, where none of them went as fast as it
// could, beyond what any host was seen to come near.
func beyond(trials []plan.Trial, dir string) []string {
	var seen *highest // not looked for yet
	var out []string
	said := map[string]bool{}
	for i := range trials {
		t := &trials[i]
		peak, ok := plan.Peak(t.Spec)
		if !ok || said[t.Workload] || peak < leastBeyond {
			continue
		}
		if seen == nil {
			seen = highestOf(dir)
		}
		most, bound, whose := plan.Ceiling(t.Spec), 1.0, "what any one host was seen to come near"
		if seen.records > 0 {
			most, bound = min(seen.records, seen.bytes/t.Spec.Records.Size.Mean()), farBeyond
			whose = "anything that this machine did in the runs below " + dir
		}
		if peak > bound*most {
			said[t.Workload] = true
			out = append(out, fmt.Sprintf("%s asks for %.0f records/s, which is far beyond %s (%.0f/s): most of them will be left unsent",
				t.Workload, math.Ceil(peak), whose, most))
		}
	}
	return out
}

// leastBeyond is a rate below which nobody looks: every machine can keep it.
const leastBeyond = 50_000

// highestOf reads what runs have recorded. What cannot be read says nothing.
func highestOf(dir string) *highest {
	var h highest
	dirs, _ := filepath.Glob(filepath.Join(dir, "*", results.SummaryFile)) // the pattern is a good one
	for _, path := range dirs {
		d, err := results.Open(filepath.Dir(path))
		if err != nil {
			continue
		}
		if s, err := d.Summary(); err == nil {
			h.add(d.Run().Specs, s.Rows)
		}
	}
	return &h
}

func (h *highest) add(specs []workloads.Spec, rows []results.Row) {
	fastest := map[string]bool{}
	for i := range specs {
		fastest[specs[i].Name] = specs[i].Produce.Rate.Max
	}
	for _, r := range rows {
		if r.Metric != results.ProduceThroughput || r.Role != results.RoleProducer || !fastest[r.Workload] {
			continue
		}
		switch r.Unit {
		case results.UnitRate:
			h.records = max(h.records, r.Value)
		case results.UnitBytesPS:
			h.bytes = max(h.bytes, r.Value)
		}
	}
}
