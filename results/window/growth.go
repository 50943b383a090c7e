package window

import (
	"slices"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/group"
	"github.com/kbench/kbench/workloads/acts"
)

// An act may bring partitions: the topic grows, or all members subscribe to one
// more. Nobody comes or goes and no broker tells a classic group; a member notices
// by itself and asks to join again, which begins the rebalance:
//
//	act      noticed (t0)   others told   SyncGroup answered   first delivery
//	|-- start --|--------------|-----------------|--------------------|
//	            |-- floor F ---|
//
// How long start takes is a setting where the topic grows: members look every so
// often. It is the client's doing where they were told to subscribe.

// grows says whether an act brings partitions.
func grows(act results.Act) bool { return acts.Of(act.Kind).Grows }

// noticed is the first request to join, from a time on, of a member that had an
// assignment and had not been told to come back. Under KIP-848 there is none:
// the broker knows of its partitions itself, and the wire does not say since when.
func (a *seen) noticed(from int64) (change, bool) {
	if a.wire.KIP {
		return change{}, false
	}
	g := group.Start()
	for _, st := range a.wire.Steps {
		if m := g.Members[st.Member]; st.Kind == group.Join && st.At >= from && st.Call.Joins() && m != nil && m.In {
			return change{worker: st.Member, at: st.At, low: st.At, since: st.At, joins: true, notice: true}, true
		}
		g.Apply(st)
	}
	return change{}, false
}

// born is when a partition was brought by an act, 0 where it was there all along.
func (in *Input) born(p int32) int64 {
	for _, act := range in.Acts {
		if slices.Contains(act.Added, p) {
			return act.At
		}
	}
	return 0
}

// addedFloor is F_p of a partition that an act brought, from its first record on.
// Until the members had noticed it could not be read, and then until the last of
// them could know. Where they look every so often, no more of the first than that
// interval is a matter of settings.
func (s *knowledge) addedFloor(p *Partition) (waits []wait, known bool) {
	first, some := s.firstDue(p.Partition, s.window.From, s.window.To)
	if !some {
		return nil, false
	}
	for i, c := range s.changes {
		act, until := s.Acts[c.act], s.toldAll(i)
		switch {
		case c.notice && slices.Contains(act.Added, p.Partition):
			start := int64(0)
			if acts.Of(act.Kind).Refresh {
				start = min(c.at-act.At, s.Watch)
			}
			waits, known = append(waits, wait{first.Due, first.Due, act.At + start + until - c.at}), true
		case known:
			waits = append(waits, s.stopFloor(p, i)...) // it has an owner by now, as the others do
		}
	}
	return waits, known
}

// addedBy is when the last of the partitions of an event that it brought to a worker had its
// first delivery, from its assignment on; 0 without one. What stopped and what is
// new need not go on together: how long the new ones take is what is asked here.
func (w *Worker) addedBy(assigned int64, parts []Partition) int64 {
	var last int64
	for _, p := range parts {
		if p.Class != Added || p.NewOwner != w.Name {
			continue
		}
		at, _ := w.delivered(assigned, func(partition int32) bool { return partition == p.Partition })
		last = max(last, at)
	}
	return last
}

// epochs counts those of KIP-848 in the window of an event whose t0 is not known.
func (s *happening) epochs() int {
	before := s.wire.Before(s.window.From)
	seen := map[int32]bool{before.Highest: true}
	for _, st := range s.wire.Steps {
		if st.Kind == group.Synced && st.At > s.window.From && st.At <= s.window.To {
			seen[st.Call.Epoch] = true
		}
	}
	return len(seen) - 1
}
