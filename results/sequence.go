package results

import (
	"slices"
	"time"
)

// Sequence is how a run comes to its number of rounds, where that is not given
// beforehand.
type Sequence struct {
	// For is how long rounds follow each other, ns; 0: time is no reason to end.
	For int64 `json:"for_ns,omitempty"`
	// Until is how far the intervals of all comparisons may reach to either side when
	// the run ends, as a share; 0: nobody looks at them. They are looked at after the
	// rounds Looks, and Level is how often each look may find what is not there, so that
	// all of them together do so as rarely as one of a run of a fixed length.
	Until float64 `json:"until,omitempty"`
	Looks []int   `json:"looks,omitempty"`
	Level float64 `json:"level,omitempty"`
	// Most is after how many rounds of a workload none follows; 0: no such number.
	Most int `json:"most_rounds,omitempty"`
	// Retry: a round of which a trial is out of verdicts is run once more.
	Retry bool `json:"retry,omitempty"`

	Lengths []int64 `json:"lengths_ns"` // how long the rounds took, each of all workloads that still had one
	Ended   []Ended `json:"ended"`      // workloads that get no round more, and why
}

// Ended is why a workload gets no round more.
type Ended struct {
	Workload string `json:"workload"`
	Rounds   int    `json:"rounds"`
	Why      string `json:"why"`
	Narrow   bool   `json:"narrow,omitempty"` // what was waited for is there
}

// Took is how long the rounds took, all together.
func (s *Sequence) Took() (d time.Duration) {
	for _, ns := range s.Lengths {
		d += time.Duration(ns)
	}
	return d
}

// Longest is the longest round so far.
func (s *Sequence) Longest() time.Duration {
	if len(s.Lengths) == 0 {
		return 0
	}
	return time.Duration(slices.Max(s.Lengths))
}

// Over says whether a workload gets no round more.
func (s *Sequence) Over(workload string) bool {
	return slices.ContainsFunc(s.Ended, func(e Ended) bool { return e.Workload == workload })
}

// End notes that one does not.
func (s *Sequence) End(e Ended) { s.Ended = append(s.Ended, e) }
