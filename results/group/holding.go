package group

import (
	"cmp"
	"slices"
)

// Grant is a change of who owns a partition, as the wire tells.
type Grant struct {
	At     int64
	Member int
	Given  bool
}

// Grants reads off the calls of each member who was given which partition when,
// and when it had it no longer; gone is when a member ended without asking to
// leave, 0 where it did not. Unlike the Course it counts only what was answered: a
// request without a response did nothing that is known.
func Grants(members [][]Call, gone []int64) map[int32][]Grant {
	out := map[int32][]Grant{}
	for i, calls := range members {
		var has []int32
		set := func(at int64, parts []int32) {
			for _, p := range has {
				if !slices.Contains(parts, p) {
					out[p] = append(out[p], Grant{at, i, false})
				}
			}
			for _, p := range parts {
				if !slices.Contains(has, p) {
					out[p] = append(out[p], Grant{at, i, true})
				}
			}
			has = parts
		}
		for _, c := range answered(calls) {
			switch {
			case c.GoesAway():
				set(c.Req, nil)
			case c.Err != 0:
			case c.API == SyncGroup, c.API == ConsumerGroupHeartbeat && c.Assigns():
				set(c.Resp, c.Given)
			case c.API == JoinGroup && ProtocolOf(c.Protocol) == Eager:
				set(c.Req, nil) // whoever joins under an eager protocol has given up everything
			}
		}
		if gone[i] != 0 {
			set(gone[i], nil)
		}
	}
	for _, list := range out {
		slices.SortStableFunc(list, func(a, b Grant) int { return cmp.Or(cmp.Compare(a.At, b.At), cmp.Compare(a.Member, b.Member)) })
	}
	return out
}

// Holding is a stretch in which one member owned a partition.
type Holding struct {
	From, To int64
	Member   int
}

// Holdings are those in a stretch, by the grants of one partition. The latest to
// be given it is its owner: a member that was evicted does not know it.
func Holdings(grants []Grant, from, to int64) []Holding {
	var out []Holding
	owner, since := -1, int64(0)
	end := func(at int64) {
		if f, t := max(since, from), min(at, to); owner >= 0 && f < t {
			out = append(out, Holding{f, t, owner})
		}
	}
	for _, g := range grants {
		switch {
		case g.Given:
			end(g.At)
			owner, since = g.Member, g.At
		case g.Member == owner:
			end(g.At)
			owner = -1
		}
	}
	end(to)
	return out
}
