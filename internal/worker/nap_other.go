//go:build !linux

package worker

import "time"

// nap sleeps in pieces so that a stop is noticed, as well as the runtime's timers can.
func nap(ns int64) { time.Sleep(min(time.Duration(ns), longestNap)) }
