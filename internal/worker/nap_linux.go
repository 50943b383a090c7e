package worker

import "golang.org/x/sys/unix"

// nap sleeps on the calling thread, in pieces so that a stop is noticed.
func nap(ns int64) {
	ts := unix.NsecToTimespec(min(ns, int64(longestNap)))
	_ = unix.Nanosleep(&ts, nil)
}
