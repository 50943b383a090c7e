package results

import (
	"cmp"
	"slices"
)

// Interval is a stretch of time, ns of the trial's clock. It stands in pauses.json
// as it is.
type Interval struct {
	From int64 `json:"from"`
	To   int64 `json:"to"`
}

// Length is how long the interval is, in ns.
func (i Interval) Length() int64 { return i.To - i.From }

// Contains says whether a time lies in it, its ends included.
func (i Interval) Contains(t int64) bool { return i.From <= t && t <= i.To }

// Union merges intervals into disjoint ones in ascending order. Those that
// touch become one.
func Union(in []Interval) []Interval {
	list := slices.Clone(in)
	slices.SortFunc(list, func(a, b Interval) int { return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To)) })
	var out []Interval
	for _, i := range list {
		if i.To <= i.From {
			continue
		}
		if n := len(out); n > 0 && i.From <= out[n-1].To {
			out[n-1].To = max(out[n-1].To, i.To)
			continue
		}
		out = append(out, i)
	}
	return out
}

// Intersect is what is in both of two lists as Union makes them.
func Intersect(a, b []Interval) []Interval {
	var out []Interval
	for len(a) > 0 && len(b) > 0 {
		if from, to := max(a[0].From, b[0].From), min(a[0].To, b[0].To); from < to {
			out = append(out, Interval{from, to})
		}
		if a[0].To < b[0].To {
			a = a[1:]
		} else {
			b = b[1:]
		}
	}
	return out
}

// Without is what is in the first of two such lists and not in the second.
func Without(a, b []Interval) []Interval {
	var out []Interval
	for _, i := range a {
		for _, o := range b {
			if o.To <= i.From {
				continue
			}
			if o.From >= i.To {
				break
			}
			if o.From > i.From {
				out = append(out, Interval{i.From, o.From})
			}
			i.From = o.To
		}
		if i.From < i.To {
			out = append(out, i)
		}
	}
	return out
}

// Clip is what of a list as Union makes it is inside an interval.
func Clip(list []Interval, to Interval) []Interval {
	from, _ := slices.BinarySearchFunc(list, to.From, func(i Interval, t int64) int { return cmp.Compare(i.To, t) })
	n, _ := slices.BinarySearchFunc(list[from:], to.To, func(i Interval, t int64) int { return cmp.Compare(i.From, t) })
	return Intersect(list[from:from+n], []Interval{to})
}

// TotalLength is the time that disjoint intervals cover.
func TotalLength(list []Interval) int64 {
	var sum int64
	for _, i := range list {
		sum += i.Length()
	}
	return sum
}
