package window

import (
	"fmt"
	"maps"
	"slices"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/audit"
	"github.com/kbench/kbench/results/group"
)

// BeatGap is the longest time between two heartbeats of a member: while nothing
// happened to the group, and in the windows of events; and how many such times there
// were of each. An act that stops or ends a member takes its beats, too, and counts for
// neither.
type BeatGap struct {
	Calm, InEvents   int64
	Calms, Disturbed int
}

// beatGap is the longest time between two heartbeats of a member. A client that sends
// them behind other requests shows it here, long before a session runs out.
func (a *seen) beatGap(windows []actWindow) (g BeatGap) {
	disturbed := func(from, to int64) bool {
		return slices.ContainsFunc(windows, func(w actWindow) bool { return w.From < to && from < w.To })
	}
	for i := range a.Workers {
		last := int64(0) // the beat before; 0: there is none since the member joined
		stopped := func(from, to int64) bool {
			return slices.ContainsFunc(a.Acts, func(act results.Act) bool {
				name := a.Workers[i].Name
				if act.At == 0 || act.At > to {
					return false
				}
				return act.Ended() == name || stops(act) && act.Member == name && (act.Resumed == 0 || act.Resumed >= from)
			})
		}
		look := func(now int64, beat int) {
			switch {
			case last == 0 || last < a.Measured.From || now > a.Measured.To:
			case !disturbed(last, now):
				g.Calm, g.Calms = max(g.Calm, now-last), g.Calms+beat
			case !stopped(last, now):
				g.InEvents, g.Disturbed = max(g.InEvents, now-last), g.Disturbed+1
			}
		}
		for _, c := range a.Workers[i].Calls {
			switch c.API {
			case group.JoinGroup: // a member that was told joins at once; one that was silent for too long comes back so
				look(c.Req, 0)
				last = 0
			case group.LeaveGroup:
				last = 0
			case group.Heartbeat, group.ConsumerGroupHeartbeat:
				look(c.Req, 1)
				last = c.Req
			}
		}
		look(a.Measured.To, 0) // whatever came after it
	}
	return g
}

// lateBeats says whose heartbeat told of a change later than it was due. The floor
// has the beats as they were seen, so that such a delay, which no setting asks
// for, hides in it.
func (s *knowledge) lateBeats(t0 int64) (all []results.Remark, inFloor int64) {
	for i, told := range s.told {
		for _, worker := range slices.Sorted(maps.Keys(told)) {
			late := s.overdue(worker, told[worker])
			if late <= s.Heartbeat/5 {
				continue
			}
			words := fmt.Sprintf("%s's heartbeat came %s late", s.Workers[worker].Name, Short(late))
			within := min(late, told[worker]-s.knownBut(t0, i, worker))
			switch {
			case within == late:
				words += ": that is in the floor"
			case within > 0:
				words += fmt.Sprintf(": %s of that are in the floor", Short(within))
			}
			if within > s.Heartbeat/5 {
				inFloor = max(inFloor, within)
			}
			all = append(all, results.Remarkf(results.KindLateBeat, "%s", words).By(s.Workers[worker].Name).With("late", results.UnitNs, float64(late)).With("in_floor", results.UnitNs, float64(max(within, 0))))
		}
	}
	return all, inFloor
}

// overdue is how late a worker sent the beat whose response came at told: an
// interval after the one before it, or after it was given its assignment, it was
// due. Who was stopped, or still had no answer to the last one, could not send it.
func (s *happening) overdue(worker int, told int64) int64 {
	var due int64
	for _, c := range s.Workers[worker].Calls {
		switch {
		case c.API == group.Heartbeat && c.Resp == told:
			if due == 0 || s.stopped(worker, due-s.Heartbeat, c.Req) {
				return 0
			}
			return max(c.Req-due, 0)
		case c.API == group.Heartbeat:
			due = max(c.Req+s.Heartbeat, c.Resp)
		case c.Synced():
			due = c.Resp + s.Heartbeat
		case c.API == group.JoinGroup:
			due = 0
		}
	}
	return 0
}

// stopped says whether an act had stopped a worker in a stretch of time.
func (s *happening) stopped(worker int, from, to int64) bool {
	return slices.ContainsFunc(s.Acts, func(act results.Act) bool {
		return stops(act) && act.At != 0 && s.index(act.Member) == worker && act.At <= to && (act.Resumed == 0 || act.Resumed >= from)
	})
}

// knownBut is when all members but one, and that one of all other changes, knew.
func (s *knowledge) knownBut(t0 int64, change, worker int) int64 {
	known := t0
	for i, c := range s.changes {
		known = max(known, c.at)
		for w, at := range s.told[i] {
			if i != change || w != worker {
				known = max(known, at)
			}
		}
	}
	return known
}

// Rest is what a group did that nothing was done to.
type Rest struct {
	Generations int // completed in the measured part
	BeatGap
	Available *Available // nil where nobody asked, or the handler is too slow for it to be known
}

// Available is how late records were that nothing was done to but by the link.
type Available struct {
	Share float64 // as Availability of a Report
	Late  int64   // records
}

// Availability is what it is of a trial without a timeline.
func Availability(in Input) *Available {
	if in.Slow {
		return nil
	}
	a := see(in)
	l := a.lateness()
	_, share := a.available(&l)
	return &Available{share, l.tardy}
}

// AtRest looks at the group of a trial without a timeline.
func AtRest(t *results.Trial, logs []audit.Log) Rest {
	in := Input{Heartbeat: int64(t.Spec.Group.Heartbeat), Session: int64(t.Spec.Group.Session), Measured: Measured(t)}
	in.End = in.Measured.To
	client := clients(t)
	for _, l := range logs {
		if c, member := client[l.Worker]; member {
			in.Workers = append(in.Workers, Worker{Name: l.Worker, Client: c, Calls: group.Pair(l.Events, t.Group)})
		}
	}
	a := see(in)
	r := Rest{Generations: len(a.generations())}
	r.BeatGap = a.beatGap(nil)
	return r
}
