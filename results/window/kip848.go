package window

import (
	"cmp"
	"iter"
	"slices"

	"github.com/kbench/kbench/results/group"
)

// Under KIP-848 there are no rounds: every member is told by the responses to
// its own beats, and confirms what it has with the requests.

// answers are those to a worker's beats, from the first change to the end of the
// window, each by its place among the worker's calls.
func (s *happening) answers(worker int) iter.Seq2[int, *group.Call] {
	return func(yield func(int, *group.Call) bool) {
		calls := s.Workers[worker].Calls
		for i := range calls {
			c := &calls[i]
			beat := c.API == group.ConsumerGroupHeartbeat && c.OK() && !c.Leaves()
			if beat && c.Resp > s.changes[0].since && c.Resp <= s.window.To && !yield(i, c) {
				return
			}
		}
	}
}

// kipOver is when the last member had confirmed its last change, 0 if none was, and
// how many epochs there were on the way.
func (s *happening) kipOver() (over int64, rounds int) {
	epochs := map[int32]bool{}
	before := s.wire.Before(s.changes[0].since)
	for i := range s.Workers {
		m := before.Of(i)
		for j, c := range s.answers(i) {
			given := c.Assigns() && !slices.Equal(c.Given, m.Owned)
			if c.Epoch == m.Generation && !given {
				continue
			}
			if m.Generation = c.Epoch; given {
				m.Owned = c.Given
			}
			epochs[m.Generation] = true
			over = max(over, s.confirmed(i, j+1, m.Owned, given, c.Resp))
		}
	}
	return over, len(epochs)
}

// confirmed is when a worker said that it has what it was given: by a request
// that lists it. Where none in the window does, the response itself is taken.
func (s *happening) confirmed(worker, from int, owned []int32, given bool, told int64) int64 {
	if !given {
		return told
	}
	for _, c := range s.Workers[worker].Calls[from:] {
		if c.Req > s.window.To {
			break
		}
		if c.API == group.ConsumerGroupHeartbeat && c.Lists() && slices.Equal(c.Asked, owned) {
			return c.Req
		}
	}
	return told
}

// hand is how a partition came to a member. Its last owner was told to give it
// up, said in a request that it had, and the next one was given it with the
// response to a beat:
//
//	t0      old owner's beat            new owner's beat
//	|--------------|-------|--------------------|
//	             told   released              taken
//
// Told and released are 0 where nobody was there to give it up.
type hand struct {
	to                    int
	told, released, taken int64
}

// parting is a member that gave partitions up.
type parting struct {
	worker         int
	told, released int64
}

// hands is how partitions changed hands in an event, and who gave some up.
type hands struct {
	of       map[int32][]hand
	partings []parting
}

// findHands follows all partitions through the window, by what the responses
// gave to whom and what the requests confirmed.
func (s *happening) findHands() hands {
	h := hands{of: map[int32][]hand{}}
	lost := map[int32][]parting{}
	before := s.wire.Before(s.changes[0].since)
	for i := range s.Workers {
		owned := before.Of(i).Owned
		for j, c := range s.answers(i) {
			if c.Joins() {
				owned = nil
			}
			if c.Assigns() {
				h.handOver(s, i, j, owned, c, lost)
				owned = c.Given
			}
		}
	}
	for p, hands := range h.of {
		slices.SortFunc(hands, func(a, b hand) int { return cmp.Compare(a.taken, b.taken) })
		since := int64(0)
		for i := range hands {
			hands[i].parted(lost[p], since)
			since = hands[i].taken
		}
	}
	return h
}

// handOver notes what a worker lost and what it was given by the answer to one of
// its calls.
func (h *hands) handOver(s *happening, worker, call int, owned []int32, c *group.Call, lost map[int32][]parting) {
	var part parting // one for all that it lost
	for _, p := range owned {
		if slices.Contains(c.Given, p) {
			continue
		}
		if part.told == 0 {
			part = parting{worker, c.Resp, s.givesUp(worker, call+1, p, c.Resp)}
			h.partings = append(h.partings, part)
		}
		lost[p] = append(lost[p], part)
	}
	for _, p := range c.Given {
		if !slices.Contains(owned, p) {
			h.of[p] = append(h.of[p], hand{to: worker, taken: c.Resp})
		}
	}
}

// parted finds among those who lost the partition the last one to be told of it,
// since it had come to the owner before.
func (h *hand) parted(lost []parting, since int64) {
	for _, l := range lost {
		if l.worker != h.to && l.told > since && l.released <= h.taken && l.told > h.told {
			h.told, h.released = l.told, l.released
		}
	}
}

// givesUp is when a worker that was told to give a partition up said that it
// had; the time at which it was told where it never did.
func (s *happening) givesUp(worker, from int, p int32, told int64) int64 {
	for _, c := range s.Workers[worker].Calls[from:] {
		if c.API == group.ConsumerGroupHeartbeat && c.Lists() && !slices.Contains(c.Asked, p) {
			return c.Req
		}
	}
	return told
}

// tardy is by how much a worker's beats came later than every interval between
// a time and the beat whose response came at taken. A beat in time that got
// nothing is not its fault.
func (s *happening) tardy(worker int, from, taken int64) (late int64) {
	last := int64(0)
	for _, c := range s.Workers[worker].Calls {
		if c.API != group.ConsumerGroupHeartbeat || c.Leaves() {
			continue
		}
		if c.Req > from && last > 0 {
			late += max(c.Req-last-s.Heartbeat, 0)
		}
		if c.Resp == taken {
			break
		}
		last = c.Req
	}
	return min(late, taken-from)
}

// kipFloor is the latest moment at which a partition could have been given away
// and taken: with the next beat of its old owner, then the next one of its new
// owner after that. What the old owner takes to give it up between the two, and
// a beat of the new one that comes later than it is due, is their own doing.
func (s *knowledge) kipFloor(t0 int64) int64 {
	floor := t0
	for _, hands := range s.hands.of {
		for _, h := range hands {
			if h.taken >= t0 {
				floor = max(floor, h.taken-(h.released-h.told)-s.tardy(h.to, max(h.released, t0), h.taken))
			}
		}
	}
	return floor
}

// kipPartitionFloor is the wait of each new owner for its next beat after the
// partition was given up or its owner was gone.
func (s *knowledge) kipPartitionFloor(p *Partition) []wait {
	hands := s.hands.of[p.Partition]
	var waits []wait
	for _, h := range hands {
		if h.told != 0 {
			waits = append(waits, wait{h.released, h.released, h.taken - s.tardy(h.to, h.released, h.taken)})
		}
	}
	for _, c := range s.changes {
		holder := p.OldOwner
		until := c.at
		for _, h := range hands {
			if h.taken >= c.since {
				until = max(until, h.taken-s.tardy(h.to, c.at, h.taken))
				break
			}
			holder = s.Workers[h.to].Name
		}
		if s.orphanedBy(holder, c) {
			silent := s.silent(holder, s.Acts[c.act].At, p.Partition, until)
			waits = append(waits, wait{silent, silent, until})
		}
	}
	return waits
}

// kipSpend finds the phases of a member. It learns of a change by the response
// to a beat, and of partitions that it is given by the same or a later one.
func (s *knowledge) kipSpend(worker int, m *Member, parts []Partition, t0 int64) {
	for i, told := range s.told {
		if at, ok := told[worker]; ok {
			m.went(Detect, s.changes[i].at, at)
		}
	}
	for _, part := range s.partings {
		if part.worker == worker {
			m.went(React, part.told, part.released)
		}
	}
	gained := map[int32]bool{}
	for _, p := range parts {
		if p.NewOwner == m.Worker && p.OldOwner != m.Worker {
			gained[p.Partition] = true
		}
	}
	if len(gained) == 0 || t0 == 0 {
		return
	}
	var given int64
	for _, c := range s.Workers[worker].Calls {
		if c.API == group.ConsumerGroupHeartbeat && c.OK() && c.Resp > s.changes[0].since && slices.ContainsFunc(c.Given, func(p int32) bool { return gained[p] }) {
			given = c.Resp
			break
		}
	}
	if given == 0 {
		return
	}
	if at, ok := s.Workers[worker].delivered(given, func(p int32) bool { return gained[p] }); ok {
		m.went(Deliver, given, at)
	}
}
