package record

import (
	"cmp"
	"math/bits"
	"slices"
)

// Link is what the faults of the link did to a connection in an interval, as it
// happened; of dials, which are no connection yet, with a node.
type Link struct {
	Conn int    `json:"conn,omitempty"` // as in requests; 0: of dials
	Node string `json:"node"`           // host:port dialled

	// What was held back: requests, responses, bytes, and for how long the former two;
	// Stalls are the waits for segments that were lost. Held is when something was; of
	// dials when one took longer, or all would have been refused.
	Requests  int64     `json:"requests,omitempty"`
	Responses int64     `json:"responses,omitempty"`
	Bytes     int64     `json:"bytes,omitempty"`
	Delays    []Time    `json:"delays,omitempty"`
	Stalls    []Time    `json:"stalls,omitempty"`
	Held      []Stretch `json:"held,omitempty"`

	Cut  int `json:"cut,omitempty"`  // it was reset
	Idle int `json:"idle,omitempty"` // it was closed because it had no traffic

	Refused int    `json:"refused,omitempty"` // dials that were refused
	Dials   []Time `json:"dials,omitempty"`   // that took longer: the time that was added
}

// Add adds what was done to others, or in another interval; not when.
func (l *Link) Add(o Link) {
	l.Requests, l.Responses, l.Bytes = l.Requests+o.Requests, l.Responses+o.Responses, l.Bytes+o.Bytes
	l.Cut, l.Idle, l.Refused = l.Cut+o.Cut, l.Idle+o.Idle, l.Refused+o.Refused
	for _, of := range []struct {
		to   *[]Time
		from []Time
	}{{&l.Delays, o.Delays}, {&l.Stalls, o.Stalls}, {&l.Dials, o.Dials}} {
		for _, t := range of.from {
			*of.to = AddTime(*of.to, t.Ns, t.N)
		}
	}
}

// Time is a time that was taken N times. It is kept to one part in 128.
type Time struct {
	Ns int64 `json:"ns"`
	N  int64 `json:"n"`
}

// Stretch is a stretch of time.
type Stretch struct {
	From int64 `json:"from"`
	To   int64 `json:"t"`
}

// AddTime adds a time that was taken n times to a list in ascending order.
func AddTime(list []Time, ns, n int64) []Time {
	if n <= 0 {
		return list
	}
	ns = coarse(max(ns, 0))
	at, found := slices.BinarySearchFunc(list, ns, func(t Time, ns int64) int { return cmp.Compare(t.Ns, ns) })
	if found {
		list[at].N += n
		return list
	}
	return slices.Insert(list, at, Time{ns, n})
}

// MedianTime is the median of a list in ascending order; 0 of an empty one.
func MedianTime(list []Time) int64 {
	var all, seen int64
	for _, t := range list {
		all += t.N
	}
	for _, t := range list {
		if seen += t.N; 2*seen >= all {
			return t.Ns
		}
	}
	return 0
}

// coarse keeps the first eight bits of a number, and stands for those that have them
// in common by their middle.
func coarse(ns int64) int64 {
	drop := bits.Len64(uint64(ns)) - 8
	if drop <= 0 {
		return ns
	}
	return ns>>drop<<drop + 1<<(drop-1)
}
