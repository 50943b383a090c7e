package record

// Late is a sign of life that came late: of a thread that only sleeps, or of a
// broker that was asked. Times are ns of the host's monotonic clock. What it was
// that stood still did so for at least T - Due, and for at most T - Since.
type Late struct {
	Since int64 `json:"since"` // when the sign before it came
	Due   int64 `json:"due"`   // when it was to come at the earliest: the end of the sleep, the question
	T     int64 `json:"t"`     // when it came

	// CPU is the CPU time that the process of a canary used in [Since, T): next to
	// none where it was suspended, all that there was where it was busy itself.
	CPU int64 `json:"cpu,omitempty"`

	// Partition is the number of the partition that a broker was asked for, if it was.
	Partition int32 `json:"p,omitempty"`
}

// By is how late it was at least.
func (l Late) By() int64 { return l.T - l.Due }

// On is the same by a clock that is behind by so much.
func (l Late) On(ahead int64) Late {
	l.Since, l.Due, l.T = l.Since-ahead, l.Due-ahead, l.T-ahead
	return l
}

// Answers are those of a node to one kind of question in an interval: how many, how
// long they took as the median and at most, ns, and each that took more than
// LateAfter.
type Answers struct {
	Node  int32  `json:"node"`
	API   int16  `json:"api"`
	Count int    `json:"n"`
	Usual int64  `json:"usual"`
	Worst int64  `json:"worst"`
	Late  []Late `json:"late,omitempty"`
}

// LateAfter is how late a sign has to be to be kept one by one. Whatever holds up
// a partition for a time that is worth a word holds up these for longer.
const LateAfter = int64(10e6)
