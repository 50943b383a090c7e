package audit

import (
	"cmp"
	"slices"
)

// interval is the half-open range [lo, hi) and the index of the span it is of.
type interval struct {
	lo, hi int64
	span   int
}

// sweep cuts the axis wherever an interval begins or ends and calls visit once
// for each piece that any interval covers, from left to right, with the spans
// that cover it in ascending order:
//
//	span 0   |-----------|
//	span 1         |-----------|
//	visits   | 0   | 0 1 | 1   |
//
// It sorts in. The slice given to visit is reused.
func sweep(in []interval, visit func(lo, hi int64, spans []int)) {
	slices.SortFunc(in, func(a, b interval) int { return cmp.Compare(a.lo, b.lo) })
	var active []interval
	var spans []int
	pos := int64(0)
	for len(in) > 0 || len(active) > 0 {
		if len(active) == 0 {
			pos = in[0].lo
		}
		for len(in) > 0 && in[0].lo <= pos {
			active, in = append(active, in[0]), in[1:]
		}
		next := active[0].hi
		for _, a := range active[1:] {
			next = min(next, a.hi)
		}
		if len(in) > 0 {
			next = min(next, in[0].lo)
		}
		if next > pos {
			spans = spans[:0]
			for _, a := range active {
				spans = append(spans, a.span)
			}
			slices.Sort(spans)
			visit(pos, next, spans)
		}
		pos = next
		active = slices.DeleteFunc(active, func(a interval) bool { return a.hi <= pos })
	}
}

// Cover calls visit for each piece of the axis that any of a list of things covers,
// with those that do, in the order of the list. The slice given to visit is reused.
func Cover[T any](list []T, bounds func(*T) (lo, hi int64), visit func(lo, hi int64, by []T)) {
	in := make([]interval, len(list))
	for i := range list {
		lo, hi := bounds(&list[i])
		in[i] = interval{lo, hi, i}
	}
	var by []T
	sweep(in, func(lo, hi int64, which []int) {
		by = by[:0]
		for _, i := range which {
			by = append(by, list[i])
		}
		visit(lo, hi, by)
	})
}

// set is a set of numbers held as disjoint, ascending, non-touching ranges. It
// is made for growth at its end, which costs nothing to speak of.
type set []interval

// add adds [lo, hi) and calls fresh for each part of it that was not there.
func (s *set) add(lo, hi int64, fresh func(lo, hi int64)) {
	if lo >= hi {
		return
	}
	// The ranges from..to-1 overlap or touch [lo, hi).
	from, _ := slices.BinarySearchFunc(*s, lo, func(r interval, x int64) int { return cmp.Compare(r.hi, x) })
	to, at, merged := from, lo, interval{lo: lo, hi: hi}
	for ; to < len(*s) && (*s)[to].lo <= hi; to++ {
		r := (*s)[to]
		if at < r.lo {
			fresh(at, r.lo)
		}
		at = max(at, r.hi)
		merged.lo, merged.hi = min(merged.lo, r.lo), max(merged.hi, r.hi)
	}
	if at < hi {
		fresh(at, hi)
	}
	*s = slices.Replace(*s, from, to, merged)
}

// late adds [lo, hi) and calls fresh for each part of it that was not there and
// that lies below what was.
func (s *set) late(lo, hi int64, fresh func(lo, hi int64)) {
	highest := int64(-1)
	if n := len(*s); n > 0 {
		highest = (*s)[n-1].hi
	}
	s.add(lo, hi, func(lo, hi int64) {
		if hi = min(hi, highest); lo < hi {
			fresh(lo, hi)
		}
	})
}

// overlap calls visit for each part of [lo, hi) that is in the set.
func (s set) overlap(lo, hi int64, visit func(lo, hi int64)) {
	from, _ := slices.BinarySearchFunc(s, lo+1, func(r interval, x int64) int { return cmp.Compare(r.hi, x) })
	for _, r := range s[from:] {
		if r.lo >= hi {
			return
		}
		visit(max(lo, r.lo), min(hi, r.hi))
	}
}
