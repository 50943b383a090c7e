package faulty

import (
	"fmt"
	"strings"
	"time"
)

// Stop is a Stall as it happened: one line in the client's log when it begins,
// without a length, and one when it has ended, with it.
type Stop struct {
	Partition int32
	Length    time.Duration
}

const (
	stopBegins = "faulty: partition %d stops"
	stopEnded  = "faulty: partition %d stopped for %d ns"
)

// String is the line of the log.
func (s Stop) String() string {
	if s.Length == 0 {
		return fmt.Sprintf(stopBegins, s.Partition)
	}
	return fmt.Sprintf(stopEnded, s.Partition, s.Length.Nanoseconds())
}

// ParseStop reads a line of the log and reports whether it is of a Stop.
func ParseStop(line string) (Stop, bool) {
	var s Stop
	if !strings.HasPrefix(line, "faulty: ") {
		return s, false
	}
	if _, err := fmt.Sscanf(line, stopEnded, &s.Partition, &s.Length); err != nil {
		s = Stop{}
		if _, err := fmt.Sscanf(line, stopBegins, &s.Partition); err != nil {
			return Stop{}, false
		}
	}
	return s, s.String() == line
}
