package evidence

import "github.com/kbench/kbench/results/record"

// A worker notes what its host's monotonic clock shows, and trial.json says by how
// much that is ahead of the clock that its own times are of. Everything is brought
// to the latter as it is read, here and nowhere else. A latency that began on one
// host and ended on another was measured with both clocks and stays as it is.

// spanClock brings the spans of a worker to the clock of the trial; nil where they
// are in it. A record is due by the clock of its producer.
func (e *Trial) spanClock(ahead int64) func(*record.Span) {
	due := map[uint32]int64{}
	same := ahead == 0
	for _, w := range e.Trial.Workers {
		if n, produces := number(w); produces {
			due[n] = e.Clocks[w.Host]
			same = same && e.Clocks[w.Host] == 0
		}
	}
	if same {
		return nil
	}
	return func(s *record.Span) {
		s.At, s.LastAt = s.At-ahead, s.LastAt-ahead
		s.Due, s.LastDue = s.Due-due[s.Producer], s.LastDue-due[s.Producer]
		s.MaxLate += due[s.Producer] - ahead
	}
}
