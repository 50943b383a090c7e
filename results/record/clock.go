package record

import (
	"context"
	"time"

	"golang.org/x/sys/unix"
)

// Times in raw files are compared between processes of one host, so they are
// readings of CLOCK_MONOTONIC, which the kernel shares. Go reads that clock
// through the vDSO, cheaply, but only tells the time since a reading of its own;
// asking the kernel directly is a system call. So the distance between the two
// is measured once and added to Go's reading from then on.
var (
	clockStart = time.Now()
	clockBase  = calibrate(clockStart)
)

// Now returns the ns of the host's monotonic clock. It is comparable between
// processes of one host until the host restarts.
func Now() int64 {
	return clockBase + int64(time.Since(clockStart))
}

// SleepUntil waits for a moment of that clock, or until ctx ends: then it returns
// why.
func SleepUntil(ctx context.Context, at int64) error {
	d := time.Duration(at - Now())
	if d <= 0 {
		return context.Cause(ctx)
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-t.C:
		return nil
	}
}

// calibrate returns the kernel's clock at start. Each try reads the kernel's
// clock between two of Go's readings; the pair closest together bounds the
// error best.
func calibrate(start time.Time) int64 {
	const tries = 64
	tightest := time.Duration(1<<63 - 1)
	var base int64
	for range tries {
		before := time.Since(start)
		kernel, err := kernelNow()
		after := time.Since(start)
		if err != nil {
			panic("record: this system has no CLOCK_MONOTONIC: " + err.Error())
		}
		if width := after - before; width < tightest {
			tightest = width
			base = kernel - int64(before+width/2)
		}
	}
	return base
}

func kernelNow() (int64, error) {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		return 0, err
	}
	return ts.Nano(), nil
}
