//go:build !linux

package record

// ThreadID is the id of the thread that calls; here there is none to ask by.
func ThreadID() int { return 0 }

// ThreadTime is not known here.
func ThreadTime(int) int64 { return 0 }
