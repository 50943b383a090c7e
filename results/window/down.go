package window

import "github.com/kbench/kbench/results"

// join adds an interval to a list that union is to be made of. Where it overlaps the
// last one, as that of a record and of the next do, the two become one: a partition
// may have a million late records.
func join(list []Interval, i Interval) []Interval {
	if n := len(list); n > 0 && i.From <= list[n-1].To && i.To >= list[n-1].From {
		list[n-1] = Interval{From: min(i.From, list[n-1].From), To: max(i.To, list[n-1].To)}
		return list
	}
	return append(list, i)
}

// catchUp is the longest time in a stretch of the down set of a partition from its
// first delivery to its last.
func (s *happening) catchUp(p *Partition) int64 {
	if len(p.Down) == 0 {
		return 0
	}
	resumed := make([]int64, len(p.Down))
	for i, d := range p.Down {
		resumed[i] = d.To
	}
	for r := range s.due(p.Partition, s.window.From, s.window.To) {
		for i, d := range p.Down {
			if r.Due >= d.From && r.At <= d.To {
				resumed[i] = min(resumed[i], r.At)
			}
		}
	}
	var longest int64
	for i, d := range p.Down {
		longest = max(longest, d.To-resumed[i])
	}
	return longest
}

// lateness is the down sets of partitions over the measured part, from the due time
// to the delivery of every late record, and how many were late and lost.
type lateness struct {
	late        map[int32][]Interval
	tardy, lost int64
}

// lateness goes through the records of the measured part once.
func (a *seen) lateness() lateness {
	l := lateness{late: make(map[int32][]Interval, len(a.Partitions))}
	within := DueIn(a.Measured.From, a.Measured.To)
	within.Late = a.Theta
	for _, p := range a.Partitions {
		var late []Interval
		for b := range a.Records.Each(p, &within) {
			for i, due := range b.Due {
				if due < within.From || due > within.To {
					continue
				}
				if b.Lost {
					l.lost++
				}
				if b.At[i]-due > a.Theta && !a.Slow {
					l.tardy++
					late = join(late, Interval{From: due, To: b.At[i]})
				}
			}
		}
		l.late[p] = results.Union(late)
	}
	return l
}

// available is for how long partitions were down in the measured part, summed over them,
// and 1 - that over all their time.
func (a *seen) available(l *lateness) (down int64, share float64) {
	var total int64
	for _, p := range a.Partitions {
		total += max(a.Measured.To-max(a.Measured.From, a.born(p)), 0)
		down += results.TotalLength(results.Clip(l.late[p], a.Measured))
	}
	if total == 0 {
		return down, 1
	}
	return down, 1 - float64(down)/float64(total)
}

// unions puts the down sets of the partitions of an event together.
func (e *Event) unions() {
	var all []Interval
	var common []Interval
	first := true
	for _, p := range e.Partitions {
		if p.Records == 0 {
			continue
		}
		all = append(all, p.Down...)
		if common = results.Intersect(common, p.Down); first {
			common, first = p.Down, false
		}
		e.LostPartitionTime += p.DownTime()
		e.CatchUp = max(e.CatchUp, p.CatchUp)
	}
	e.Down = results.Union(all)
	e.UAny, e.UAll = results.TotalLength(e.Down), results.TotalLength(common)
}

// overall fills in what is about the trial as a whole.
func (a *analysis) overall(r *Report) {
	r.Down, r.Availability = a.available(&a.lateness)
	r.Late, r.Lost = a.tardy, a.lost
	r.Slow = a.Slow
	r.BeatGap = a.beatGap(a.windows)
	a.storms(r)
	a.recovered(r)
	a.warn(r)
}
