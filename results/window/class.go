package window

import (
	"maps"
	"slices"

	"github.com/kbench/kbench/results/group"
)

// classes finds who owned each partition before and after, as the assignments
// on the wire tell, and what of it was revoked on the way.
func (s *happening) classes() (parts []Partition, movement, excess float64) {
	before := s.wire.Before(s.window.From).Owners()
	after := s.wire.Before(s.window.To + 1).Owners()
	owned := s.acts[0].Owned // what the coordinator said fills what the wire left open
	for _, name := range slices.Sorted(maps.Keys(owned)) {
		for _, p := range owned[name] {
			if _, known := before[p]; !known && s.index(name) >= 0 {
				before[p] = s.index(name)
			}
		}
	}
	gone := map[int]bool{}
	for _, act := range s.acts {
		if i := s.index(act.Ended()); i >= 0 {
			gone[i] = true
		}
	}
	for _, c := range s.changes {
		if !c.joins {
			gone[c.worker] = true
		}
	}
	revoked := s.revoked(before)
	moved, taken := 0, 0
	for _, number := range s.Partitions {
		born := s.born(number)
		if born > s.window.To {
			continue
		}
		old, hadOld := before[number]
		next, hasNew := after[number]
		p := Partition{Partition: number, Class: Untouched}
		switch {
		case born >= s.window.From:
			p.Class = Added
		case !hadOld:
			p.Class = Unowned
		case gone[old]:
			p.Class = Orphaned
		case !hasNew:
			p.Class = Unowned
		case old != next:
			p.Class = Moved
		}
		if hadOld {
			p.OldOwner = s.Workers[old].Name
		}
		if hasNew {
			p.NewOwner = s.Workers[next].Name
		}
		if hadOld && hasNew && old != next {
			moved++
		}
		if revoked[number] || hadOld && gone[old] {
			taken++
		}
		parts = append(parts, p)
	}
	if n := float64(len(parts)); n > 0 {
		movement, excess = float64(moved)/n, float64(taken-moved)/n
	}
	return parts, movement, excess
}

// revoked are the partitions that were taken from a live owner at some time in
// the window, for good or not. Under an eager protocol whoever joins gives up
// everything; under the others an assignment that lacks the partition takes it.
func (s *happening) revoked(before map[int32]int) map[int32]bool {
	out := map[int32]bool{}
	for _, st := range s.wire.Steps {
		if st.At <= s.window.From || st.At > s.window.To {
			continue
		}
		for p, owner := range before {
			if owner != st.Member {
				continue
			}
			switch {
			case s.protocol == group.Eager && st.Kind == group.Join:
				out[p] = true
			case st.Kind == group.Synced && !slices.Contains(st.Call.Given, p):
				out[p] = out[p] || st.Call.API != group.ConsumerGroupHeartbeat || st.Call.Assigns()
			}
		}
	}
	return out
}
