package window

import (
	"cmp"
	"maps"
	"slices"

	"github.com/kbench/kbench/results/group"
)

// knowledge is who could know of each change of an event and when, and who had what then.
type knowledge struct {
	*happening
	told    []map[int]int64 // by change, member: when it could know
	holders []map[int32]int // by change, partition: who had it then
	hands                   // of KIP-848
}

// knowledge goes through the changes.
func (s *happening) knowledge() *knowledge {
	k := &knowledge{happening: s}
	for _, c := range s.changes {
		k.told = append(k.told, s.toldOf(c))
		at := c.at
		if c.expiry { // who is dead owns nothing on the wire any more
			at = min(at, s.Acts[c.act].At)
		}
		k.holders = append(k.holders, s.wire.Before(at).Owners())
	}
	if s.wire.KIP && len(s.changes) > 0 {
		k.hands = s.findHands()
	}
	return k
}

// rebalance is an event on the wire. Known is when the last of the old members could
// know, over when the last one had its assignment; 0 where nobody got one.
type rebalance struct {
	t0, t0Low   int64
	known, over int64
	rounds      int
}

// wireTime finds t0, when the rebalance was over on the wire, and when the last of
// the old members could know, as its own next beat told it:
//
//	t0        beat     beat        JoinGroup       SyncGroup answered
//	|-----------|--------|-------------|------------------|
//	|---- floor F -------|
//	|---- wire time ------------------------------------- |
//
// Where t0 is an interval so is the floor, but never their difference.
func (s *knowledge) wireTime() (r rebalance) {
	if len(s.changes) == 0 {
		switch {
		case s.wire.KIP && slices.ContainsFunc(s.acts, grows):
			r.rounds = s.epochs()
		case !s.wire.KIP && slices.ContainsFunc(s.acts, onNode): // whoever began them, nothing else did
			_, r.rounds = s.over(s.window.From)
		}
		return r
	}
	r.t0, r.t0Low = s.changes[0].at, s.changes[0].low
	r.known = r.t0
	for i, c := range s.changes {
		r.known = max(r.known, s.toldAll(i), c.at)
	}
	if len(s.changes) == 1 && len(s.told[0]) > 0 {
		// Someone knew before the session can have ended by its last request: that
		// request was lost.
		r.known = latest(s.told[0])
		if c := s.changes[0]; c.low < c.at && r.known < c.at {
			r.t0 = c.low
		}
	}
	if s.wire.KIP {
		r.over, r.rounds = s.kipOver()
		r.known = max(r.known, s.kipFloor(r.t0))
	} else {
		r.over, r.rounds = s.over(s.changes[0].since)
	}
	return r
}

// rebalance takes in what the wire tells of an event.
func (e *Event) rebalance(r rebalance) {
	e.T0, e.T0Low, e.Rounds = r.t0, r.t0Low, r.rounds
	if r.over == 0 {
		return
	}
	e.Rebalanced = true
	e.Wire, e.Floor, e.WireExcess = r.over-r.t0, r.known-r.t0, r.over-r.known
	e.FloorHigh = max(r.known-r.t0Low, e.Floor)
}

// toldAll is when all who had to learn of a change could know of it.
func (s *knowledge) toldAll(change int) int64 {
	if told := s.told[change]; len(told) > 0 {
		return latest(told)
	}
	return s.changes[change].at
}

func latest(told map[int]int64) int64 { return slices.Max(slices.Collect(maps.Values(told))) }

// toldOf is when each member who had to learn of a change could do so: by the
// first response that said so, or by asking to join without having been told.
// A member that was in the middle of joining need not learn anything.
func (s *happening) toldOf(c change) map[int]int64 {
	from := c.at
	if c.expiry {
		// The session may have ended a little earlier than its last request tells.
		// Where the window has one change nothing else can have told anybody.
		from = c.low
		if len(s.changes) == 1 {
			from = c.since
		}
	}
	told := map[int]int64{}
	asked := s.wire.Before(from).Members
	for _, st := range s.wire.Steps {
		m := asked[st.Member]
		if st.At < from || st.Member == c.worker && !c.notice || m == nil || !m.In {
			continue
		}
		if st.At > s.window.To {
			break
		}
		switch {
		case st.Kind == group.Told, st.Kind == group.Join, changes(st, m):
			told[st.Member] = st.At
			delete(asked, st.Member)
		case st.Kind == group.Gone:
			delete(asked, st.Member)
		}
	}
	return told
}

// changes says whether a response to a beat of KIP-848 had anything new for its
// member.
func changes(s group.Step, m *group.Member) bool {
	return s.Kind == group.Synced && s.Call.API == group.ConsumerGroupHeartbeat &&
		(s.Call.Epoch != m.Generation || s.Call.Assigns() && !slices.Equal(s.Call.Given, m.Owned))
}

// over is when the last member had its assignment of the final generation, 0
// where nobody got one, and how many rounds there were on the way since a time.
func (s *happening) over(since int64) (at int64, rounds int) {
	highest := int32(-1)
	generations := map[int32]bool{}
	for _, st := range s.wire.Steps {
		if st.Kind != group.Synced || st.At <= since || st.At > s.window.To {
			continue
		}
		if st.Call.API == group.ConsumerGroupHeartbeat {
			continue
		}
		generations[st.Call.Generation] = true
		if st.Call.Generation >= highest {
			highest, at = st.Call.Generation, st.At
		}
	}
	return at, len(generations)
}

// wait is a stretch in which a partition could not help standing still: from one
// time to another, and perhaps since a time before already. That is where its owner
// may have stopped it between two beats, of which only the second could tell.
type wait struct{ since, from, to int64 }

// waited is F_p: the longest of the stretches that a partition had to wait.
func waited(waits []wait) int64 {
	var floor int64
	for _, w := range waits {
		floor = max(floor, w.to-w.from)
	}
	return floor
}

// floors fills in what each partition had to wait, and what of its lateness nobody explains.
func (s *knowledge) floors(parts []Partition) {
	for i := range parts {
		p := &parts[i]
		var waits []wait
		switch p.Class {
		case Unowned:
		case Added:
			waits, p.FloorKnown = s.addedFloor(p)
		default:
			waits, p.FloorKnown = s.partitionFloor(p)
		}
		if p.FloorKnown {
			p.Floor = waited(waits)
			p.Excess = p.Gap - p.Floor
			s.unexplained(p, waits)
		}
	}
}

// partitionFloor is what a partition had to wait. One whose owner is gone waits
// until the last survivor could know. Under an eager protocol a partition of a live
// member waits from its owner's own beat until then. Under a cooperative one it need
// not wait at all. KIP-848 has rules of its own.
func (s *knowledge) partitionFloor(p *Partition) ([]wait, bool) {
	waits := s.brokerWaits(p.Partition)
	for _, act := range s.acts {
		if stops(act) && !act.Refused() && act.Member == p.OldOwner && p.Class != Orphaned {
			if act.Resumed == 0 {
				return nil, false
			}
			waits = append(waits, wait{act.At, act.At, act.Resumed})
		}
	}
	if s.wire.KIP {
		// Without a t0 nobody knows when a move could have begun.
		return append(waits, s.kipPartitionFloor(p)...), p.Class != Moved || len(s.changes) > 0
	}
	for i, c := range s.changes {
		owner := p.OldOwner
		if h := s.holder(p, i); h >= 0 {
			owner = s.Workers[h].Name
		}
		switch {
		case (p.Class == Orphaned || i > 0) && s.orphanedBy(owner, c):
			until := s.toldAll(i)
			silent := s.silent(owner, s.Acts[c.act].At, p.Partition, until)
			waits = append(waits, wait{silent, silent, until})
		default:
			waits = append(waits, s.stopFloor(p, i)...)
		}
	}
	return waits, true
}

// holder is the owner of a partition when a change came, -1 where nothing tells
// one: a change before may have given it to another than its owner before the
// window.
func (s *knowledge) holder(p *Partition, change int) int {
	owner := s.index(p.OldOwner)
	if h, held := s.holders[change][p.Partition]; held && (change > 0 || owner < 0) {
		owner = h
	}
	return owner
}

// stopFloor is how long a partition had to stand still for a change under an
// eager protocol: from the moment at which its owner knew until all did. Under a
// cooperative one the owner may stop what is to move, and need not.
func (s *knowledge) stopFloor(p *Partition, change int) []wait {
	told, owner := s.told[change], s.holder(p, change)
	if told[owner] == 0 {
		return nil
	}
	until := s.held(latest(told), s.changes[change])
	w := wait{s.unaware(owner, told[owner]), told[owner], until}
	switch {
	case s.protocol == group.Eager:
		return []wait{w}
	case p.Class == Moved:
		return []wait{{w.since, until, until}}
	}
	return nil
}

// unaware is when a worker that was told at a time had heard its last beat before.
func (s *happening) unaware(worker int, told int64) int64 {
	last := int64(0)
	for _, c := range s.Workers[worker].Calls {
		if c.Beats() && c.OK() && c.Resp < told {
			last = max(last, c.Resp)
		}
	}
	return cmp.Or(last, told)
}

// held is when a round could be complete that all who live could join at a time:
// whoever is dead but not dropped yet holds it up.
func (s *happening) held(until int64, by change) int64 {
	for _, c := range s.changes {
		if c.expiry && c.worker != by.worker && c.since <= until {
			until = max(until, c.at)
		}
	}
	return until
}

// silent is since when nothing had been delivered of a partition whose worker an
// act ended. It may have been stopped before, and one that is asked to leave may go
// on until it has; or it was only just about to get the partition from another,
// which went on.
func (s *happening) silent(worker string, ended int64, partition int32, until int64) int64 {
	since := ended
	within := Everything()
	within.Since, within.Until = ended+1, until-1
	for r := range s.records(partition, within) {
		if !r.Lost {
			since = max(since, r.At)
		}
	}
	for _, act := range s.acts {
		if stops(act) && !act.Refused() && act.Member == worker && act.At < ended && (act.Resumed == 0 || act.Resumed >= ended) {
			since = min(since, act.At)
		}
	}
	return since
}

// orphanedBy says whether a change ended what the worker owned. One that comes
// back under its static identity does so by joining.
func (s *happening) orphanedBy(worker string, c change) bool {
	if !c.joins {
		return s.Workers[c.worker].Name == worker
	}
	act := s.Acts[c.act]
	return act.Ended() == worker && !slices.ContainsFunc(s.changes, func(o change) bool {
		return !o.joins && s.Workers[o.worker].Name == worker
	})
}
