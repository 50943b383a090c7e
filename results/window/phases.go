package window

import (
	"github.com/kbench/kbench/results/audit"
	"github.com/kbench/kbench/results/group"
	"github.com/kbench/kbench/results/record"
	"github.com/kbench/kbench/workloads/acts"
)

// Phase is a part of the way of a member through a rebalance.
type Phase string

// The phases, in their order. FirstFetch is not among them: a tap reports group
// requests one by one, and fetches only as sums, so that what a client spends on
// its first fetch is part of Deliver.
const (
	Start       Phase = "start"        // act to t0: the request that joins
	Stop        Phase = "stop"         // act to t0: the request that leaves
	Detect      Phase = "detect"       // t0 to the response that tells the member
	SecondRound Phase = "second_round" // a completed round to the response that begins another
	React       Phase = "react"        // that response to its JoinGroup
	Barrier     Phase = "barrier"      // JoinGroup to its response
	Assign      Phase = "assign"       // that response to its SyncGroup
	Sync        Phase = "sync"         // SyncGroup to its response
	Position    Phase = "position"     // to the end of the offset look-ups
	Deliver     Phase = "deliver"      // to the first handler entry
)

// Phases lists all phases in their order.
func Phases() []Phase {
	return []Phase{Start, Stop, Detect, SecondRound, React, Barrier, Assign, Sync, Position, Deliver}
}

// OfClient says whether the length of the phase is the member's own doing and
// not a setting or somebody else's.
func (p Phase) OfClient() bool {
	switch p {
	case Stop, SecondRound, React, Assign, Position, Deliver:
		return true
	}
	return false
}

// Round is one way of a member from learning of a change to an assignment. A
// time of 0 is one that was not reached. It stands in pauses.json as it is.
type Round struct {
	Generation int32 `json:"generation"`
	Told       int64 `json:"told,omitempty"`
	Join       int64 `json:"join,omitempty"`
	Joined     int64 `json:"joined,omitempty"`
	Asked      int64 `json:"asked,omitempty"`
	Synced     int64 `json:"synced,omitempty"`
}

// Member is the part of one member in an event. A phase that it did not go
// through is not in Spent.
type Member struct {
	Worker, Client string
	Rounds         []Round
	Spent          map[Phase]int64 // summed over the rounds
	Went           []Passage       // when that was, one after the other as they were found
	// Paused is P_m, from its last delivery before it gave up its partitions to the
	// first one after. Reported is the same by the client's own callbacks, which
	// differ between clients in what they mark. Both are 0 where they are not known.
	Paused, Reported int64
}

// Passage is when a member went through a phase.
type Passage struct {
	Interval
	Phase Phase
}

// went takes in that the member went through a phase. One that took no time is known to
// have been gone through, and has no passage.
func (m *Member) went(p Phase, from, to int64) {
	m.Spent[p] += to - from
	if to > from {
		m.Went = append(m.Went, Passage{Interval{From: from, To: to}, p})
	}
}

// members finds the phases of everybody who took part.
func (s *knowledge) members(parts []Partition, t0 int64) (all []Member) {
	for i := range s.Workers {
		m := Member{Worker: s.Workers[i].Name, Client: s.Workers[i].Client, Rounds: s.rounds(i), Spent: map[Phase]int64{}}
		s.ends(i, &m)
		if s.wire.KIP {
			s.kipSpend(i, &m, parts, t0)
		} else {
			s.spend(i, &m, parts)
		}
		m.Reported = s.reported(i)
		if len(m.Rounds) > 0 || len(m.Spent) > 0 {
			all = append(all, m)
		}
	}
	return all
}

// ends is the time from an act to the request by which its member joined or
// left. A session that ran out is a matter of settings and of no phase.
func (s *happening) ends(worker int, m *Member) {
	for _, c := range s.changes {
		if c.worker != worker || c.expiry {
			continue
		}
		act := s.Acts[c.act]
		from, phase := act.At, Stop
		if c.joins {
			phase = Start
			switch from = max(from, act.Gone); { // of a restart
			case stops(act):
				from = act.Resumed
			case acts.Of(act.Kind).Link && !c.notice: // who was lost to it came back, which it could do when it was over
				from = min(max(from, act.Resumed), c.at)
			}
		}
		m.went(phase, from, c.at)
	}
}

// rounds follows a member through the window.
func (s *happening) rounds(worker int) []Round {
	var out []Round
	var told int64
	for _, st := range s.wire.Steps {
		if st.Member != worker || st.At < s.window.From || st.Call == nil {
			continue
		}
		if st.At > s.window.To {
			break
		}
		switch {
		case st.Kind == group.Told && told == 0:
			told = st.At
		case st.Kind == group.Join && (st.Call.Resp == 0 || st.Call.Err == 0):
			out = append(out, Round{Generation: st.Call.Generation, Told: told, Join: st.Call.Req, Joined: st.Call.Resp})
			told = 0
		case st.Kind == group.Synced && st.Call.API == group.SyncGroup && len(out) > 0:
			r := &out[len(out)-1]
			if r.Synced == 0 {
				r.Asked, r.Synced = st.Call.Req, st.Call.Resp
			}
		}
	}
	return out
}

// spend sums up the phases of a member's rounds and what came after the last.
func (s *happening) spend(worker int, m *Member, parts []Partition) {
	add := func(p Phase, from, to int64) {
		if from != 0 && to != 0 {
			m.went(p, from, to)
		}
	}
	var last Round
	for i, r := range m.Rounds {
		told := r.Told
		if told == 0 && i > 0 {
			told = r.Join // it went on by itself
		}
		if change := s.changeBefore(told, last.Synced); change != 0 {
			add(Detect, change, told)
		} else {
			add(SecondRound, last.Synced, told)
		}
		add(React, r.Told, r.Join)
		add(Barrier, r.Join, r.Joined)
		add(Assign, r.Joined, r.Asked)
		add(Sync, r.Asked, r.Synced)
		last = r
	}
	if last.Synced == 0 {
		return
	}
	s.resume(worker, m, last.Synced, parts)
}

// changeBefore is the latest t0 that a member could be told of at a time and
// not already at the end of the round before, 0 where there is none.
func (s *happening) changeBefore(told, since int64) int64 {
	var at int64
	for _, c := range s.changes {
		was := c.at
		if was > told {
			was = c.low
		}
		if was <= told && was > since {
			at = max(at, was)
		}
	}
	return at
}

// resume finds how a member came from its final assignment to its first record,
// of those partitions that stopped.
func (s *happening) resume(worker int, m *Member, synced int64, parts []Partition) {
	w := &s.Workers[worker]
	stopped := map[int32]bool{}
	for _, p := range parts {
		if p.NewOwner == w.Name && (s.protocol == group.Eager || p.OldOwner != w.Name) {
			stopped[p.Partition] = true
		}
	}
	first, _ := w.delivered(synced, func(p int32) bool { return stopped[p] })
	if first == 0 || first > s.window.To+s.Theta {
		return
	}
	position := synced
	for _, c := range w.Calls {
		if c.API == group.OffsetFetch && c.Req >= synced && c.OK() && c.Resp <= first {
			position = c.Resp
		}
	}
	m.went(Position, synced, position)
	if s.Slow {
		return // the first record may wait for others, or not be due yet
	}
	m.went(Deliver, position, max(first, w.addedBy(synced, parts)))
	if last := w.lastBefore(m.Rounds[0].Join); last >= s.window.From {
		m.Paused = first - last
	}
}

// reported is R_m: from the first partition that the client said was revoked to
// the last that it said was assigned.
func (s *happening) reported(worker int) int64 {
	var revoked, assigned int64
	for _, e := range s.Workers[worker].Reported {
		if !s.window.Contains(e.T) {
			continue
		}
		if e.K == record.EvAssigned {
			assigned = e.T
		} else if revoked == 0 {
			revoked = e.T
		}
	}
	if revoked == 0 || assigned < revoked {
		return 0
	}
	return assigned - revoked
}

// Spent is the most that any member spent in a phase, and who that was.
func (e *Event) Spent(p Phase) (most int64, by *Member) {
	for i := range e.Members {
		if d, ok := e.Members[i].Spent[p]; ok && (by == nil || d > most) {
			most, by = d, &e.Members[i]
		}
	}
	return most, by
}

// duplicates counts the redeliveries of an event by their cause.
func (s *happening) duplicates() (d audit.Duplicates) {
	of := s.handled()
	for _, r := range s.Redelivered {
		if of.Contains(r.At) {
			d.Add(r.Cause, r.Count)
		}
	}
	return d
}

// handled is when what was handed on is of an event. The quiet stretch after its window
// belongs to it too: what is delivered a second time need not be late the first time.
func (s *happening) handled() Interval {
	of := Interval{From: s.window.From, To: s.window.To + 2*s.Heartbeat}
	for _, w := range s.windows {
		if w.From > s.window.From {
			of.To = min(of.To, w.From-1)
		}
	}
	return of
}
