package window

import "slices"

// Under KIP-848 there are no rounds: every member is told by the responses to
// its own beats, and confirms what it has with the requests.

// kipOver is when the last member had confirmed its last change, 0 if none was.
// It counts the epochs on the way.
func (s *scope) kipOver() int64 {
	var over int64
	epochs := map[int32]bool{}
	before := s.wire.at(s.changes[0].since)
	for i := range s.Workers {
		var epoch int32
		var owned []int32
		if m := before.members[i]; m != nil {
			epoch, owned = m.generation, m.owned
		}
		for j := range s.Workers[i].Calls {
			c := &s.Workers[i].Calls[j]
			if c.API != apiConsumer || !c.ok() || c.leaves() || c.Resp <= s.changes[0].since || c.Resp > s.e.Window.To {
				continue
			}
			given := len(c.Given) > 0 && !slices.Equal(c.Given, owned)
			if c.Epoch == epoch && !given {
				continue
			}
			if epoch = c.Epoch; given {
				owned = c.Given
			}
			epochs[epoch] = true
			over = max(over, s.confirmed(i, j+1, owned, given, c.Resp))
		}
	}
	s.e.Rounds = len(epochs)
	return over
}

// confirmed is when a worker said that it has what it was given: by a request
// that lists it. Where none in the window does, the response itself is taken.
func (s *scope) confirmed(worker, from int, owned []int32, given bool, told int64) int64 {
	if !given {
		return told
	}
	for _, c := range s.Workers[worker].Calls[from:] {
		if c.Req > s.e.Window.To {
			break
		}
		if c.API == apiConsumer && slices.Equal(c.Asked, owned) {
			return c.Req
		}
	}
	return told
}

// kipFloor is the latest moment at which a moved partition could be given away
// and taken: the next beat of its old owner, then the next one of its new owner.
func (s *scope) kipFloor() int64 {
	var floor int64
	for _, p := range s.e.Partitions {
		if p.Class != Moved && p.Class != Orphaned {
			continue
		}
		at := s.e.T0
		if p.Class == Moved {
			at = s.beatAfter(s.index(p.OldOwner), at)
		}
		floor = max(floor, s.beatAfter(s.index(p.NewOwner), at))
	}
	return floor
}

// beatAfter is when the first beat that a worker sent after a time was answered,
// or that time where there is none.
func (s *scope) beatAfter(worker int, t int64) int64 {
	if worker < 0 {
		return t
	}
	for _, c := range s.Workers[worker].Calls {
		if c.API == apiConsumer && c.Req >= t && c.ok() {
			return c.Resp
		}
	}
	return t
}

// kipSpend finds the phases of a member. It learns of a change by the response
// to a beat, and of partitions that it is given by the same or a later one.
func (s *scope) kipSpend(worker int, m *Member) {
	for i, told := range s.told {
		if at, ok := told[worker]; ok {
			m.Spent[Detect] += at - s.changes[i].at
		}
	}
	gained := map[int32]bool{}
	for _, p := range s.e.Partitions {
		if p.NewOwner == m.Worker && p.OldOwner != m.Worker {
			gained[p.Partition] = true
		}
	}
	if len(gained) == 0 || s.e.T0 == 0 {
		return
	}
	var given int64
	for _, c := range s.Workers[worker].Calls {
		if c.API == apiConsumer && c.ok() && c.Resp > s.changes[0].since && slices.ContainsFunc(c.Given, func(p int32) bool { return gained[p] }) {
			given = c.Resp
			break
		}
	}
	for _, d := range s.Workers[worker].Delivered {
		if given != 0 && d.At >= given && gained[d.Partition] {
			m.Spent[Deliver] = d.At - given
			return
		}
	}
}
