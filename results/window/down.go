package window

import (
	"cmp"
	"slices"
)

// union merges intervals into disjoint ones in ascending order. Those that
// touch become one.
func union(in []Interval) []Interval {
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

// intersect is what is in both of two lists as union makes them.
func intersect(a, b []Interval) []Interval {
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

// clip is what of the intervals is inside another.
func clip(list []Interval, to Interval) []Interval { return intersect(list, []Interval{to}) }

// length is the time that disjoint intervals cover.
func length(list []Interval) int64 {
	var sum int64
	for _, i := range list {
		sum += i.Length()
	}
	return sum
}

// downSet is D_p: from the due time to the delivery of every late record.
func downSet(due []Record, theta int64) []Interval {
	var late []Interval
	for _, r := range due {
		if r.Late() > theta {
			late = append(late, Interval{r.Due, r.At})
		}
	}
	return union(late)
}

// catchUp is the longest time in a stretch of the down set from its first
// delivery to its last.
func catchUp(due []Record, down []Interval) int64 {
	var longest int64
	for _, d := range down {
		resumed := d.To
		for _, r := range due {
			if r.Due >= d.From && r.At <= d.To {
				resumed = min(resumed, r.At)
			}
		}
		longest = max(longest, d.To-resumed)
	}
	return longest
}

// lateSets are the down sets over the whole trial.
func (a *analysis) lateSets() map[int32][]Interval {
	if a.Slow {
		return nil
	}
	out := make(map[int32][]Interval, len(a.Partitions))
	for _, p := range a.Partitions {
		out[p] = downSet(a.due(p, a.Measured.From, a.Measured.To), a.Theta)
	}
	return out
}

// unions puts the down sets of the partitions together.
func (s *scope) unions() {
	var all []Interval
	var common []Interval
	first := true
	for _, p := range s.e.Partitions {
		if p.Records == 0 {
			continue
		}
		all = append(all, p.Down...)
		if common = intersect(common, p.Down); first {
			common, first = p.Down, false
		}
		s.e.LostPartitionTime += p.DownTime()
		s.e.CatchUp = max(s.e.CatchUp, p.CatchUp)
	}
	s.e.Down = union(all)
	s.e.UAny, s.e.UAll = length(s.e.Down), length(common)
}

// overall fills in what is about the trial as a whole.
func (a *analysis) overall(r *Report) {
	var total int64 // partition time
	for _, p := range a.Partitions {
		total += max(a.Measured.To-max(a.Measured.From, a.born(p)), 0)
		r.Down += length(clip(a.late[p], a.Measured))
		for _, rec := range a.due(p, a.Measured.From, a.Measured.To) {
			if rec.Late() > a.Theta && !a.Slow {
				r.Late++
			}
			if rec.Lost {
				r.Lost++
			}
		}
	}
	r.Availability = 1
	if total > 0 {
		r.Availability -= float64(r.Down) / float64(total)
	}
	r.Slow = a.Slow
	r.BeatGap, r.BeatGaps = a.beatGap()
	a.storms(r)
	a.recovered(r)
	a.warn(r)
}
