package results

// Cut is what a trial had that was interrupted or failed: figures of what was measured
// until then. They are in no median, gate or verdict, and not in bench.txt.
type Cut struct {
	TrialRef
	State    State  `json:"state"`
	Why      string `json:"why,omitempty"`
	Measured int64  `json:"measured_ns"`          // so long
	Planned  int64  `json:"planned_ns,omitempty"` // of so long; 0 where that is not known, or Whole
	Whole    bool   `json:"whole"`                // the measured part was over; it ended later
	Rows     []Row  `json:"rows"`
	Account  `json:"account"`
}

// CutOff says of a trial that did not complete whether it ended in its measured part.
func (t *Trial) CutOff() bool {
	return len(t.Phases) > 0 && t.Phases[len(t.Phases)-1].Name == PhaseMeasure
}

// Account is the terms of the four sums of a trial (MEASURING 8). nil: not known.
type Account struct {
	Due        *int64 `json:"due"` // = Handed + Unsent
	Handed     *int64 `json:"handed_over"`
	Unsent     *int64 `json:"unsent"`
	Acked      *int64 `json:"acked"` // Handed = Acked + Failed + Unanswered
	Failed     *int64 `json:"failed"`
	Unanswered *int64 `json:"unanswered"`
	First      *int64 `json:"delivered_first"` // Acked = First + Damaged + Undelivered + Lost
	Damaged    *int64 `json:"damaged"`
	// Missing are Undelivered and Lost together: they are told apart when the log is read
	// to its end.
	Missing     *int64 `json:"missing"`
	Undelivered *int64 `json:"undelivered"`
	Lost        *int64 `json:"lost"`
	Delivered   *int64 `json:"delivered"` // = First + Unsure + Again
	Unsure      *int64 `json:"never_acknowledged"`
	Again       *int64 `json:"delivered_again"`
}
