package faulty

import (
	"fmt"
	"runtime"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// Cost is what a BurnRecord has burned, as the clock of its own threads has it: one line
// in the client's log when the consumer is closed.
type Cost struct {
	Records int64
	CPU     time.Duration
}

const costLine = "faulty: burned %d ns for %d records"

// String is the line of the log.
func (c Cost) String() string { return fmt.Sprintf(costLine, c.CPU.Nanoseconds(), c.Records) }

// PerRecord is what one record has cost, ns.
func (c Cost) PerRecord() float64 { return float64(c.CPU) / float64(max(c.Records, 1)) }

// ParseCost reads a line of the log and reports whether it is of a Cost.
func ParseCost(line string) (c Cost, ok bool) {
	_, err := fmt.Sscanf(line, costLine, &c.CPU, &c.Records)
	return c, err == nil && c.String() == line
}

// stove burns CPU for records, many at a time: to look at the clock of a thread takes as
// long as what one record is to cost.
type stove struct {
	pace    atomic.Int64 // turns of the loop per microsecond, as the last burn had it
	records atomic.Int64
	cpu     atomic.Int64
}

// burn burns about so much CPU for each of so many records.
func (s *stove) burn(records int, each time.Duration) {
	pace := s.pace.Load()
	if pace == 0 {
		pace = 1000
	}
	turns := max(1, pace*int64(records)*each.Nanoseconds()/1000)
	runtime.LockOSThread() // the clock is the thread's
	from := threadTime()
	burnOnRecord(turns)
	took := threadTime() - from
	runtime.UnlockOSThread()
	if took > 0 {
		s.pace.Store(max(1, turns*1000/took))
	}
	s.records.Add(int64(records))
	s.cpu.Add(took)
}

func (s *stove) cost() Cost { return Cost{s.records.Load(), time.Duration(s.cpu.Load())} }

// threadTime is how much CPU time the thread has used, ns.
func threadTime() int64 {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t); err != nil {
		panic("faulty: no clock of the thread: " + err.Error())
	}
	return t.Nano()
}

// burnOnRecord is known in profiles by its name.
//
//go:noinline
func burnOnRecord(turns int64) {
	sum := int64(0)
	for i := range turns {
		sum += i * i
	}
	runtime.KeepAlive(sum)
}
