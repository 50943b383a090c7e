package window

import (
	"cmp"
	"slices"
	"strings"
)

// The APIs of the group, and the errors by which a coordinator tells a member
// that the group is no longer what it was.
const (
	apiCommit      = 8
	apiOffsetFetch = 9
	apiJoin        = 11
	apiBeat        = 12
	apiLeave       = 13
	apiSync        = 14
	apiConsumer    = 68 // ConsumerGroupHeartbeat, KIP-848

	errIllegalGeneration = 22
	errUnknownMember     = 25
	errRebalance         = 27
	errMemberIDRequired  = 79
	errFencedInstance    = 82
	errFencedEpoch       = 110
	errStaleEpoch        = 113

	leaveEpoch = -1 // in a ConsumerGroupHeartbeat; -2 says that a static member will be back
)

// Protocols of a group, as events name them.
const (
	eager       = "eager"
	cooperative = "cooperative"
	consumer    = "consumer"
)

// tells says that the response told its member of a new state of the group.
func (c *Call) tells() bool {
	if c.Resp == 0 || c.API != apiBeat && c.API != apiCommit {
		return false
	}
	switch c.Err {
	case errRebalance, errIllegalGeneration, errUnknownMember, errFencedInstance:
		return true
	}
	return false
}

// rejected says that the coordinator no longer knew the member.
func (c *Call) rejected() bool {
	switch c.Err {
	case errUnknownMember, errFencedInstance, errFencedEpoch:
		return c.Resp != 0
	}
	return false
}

// leaves says that the request takes its member out of the group.
func (c *Call) leaves() bool {
	return c.API == apiLeave || c.API == apiConsumer && c.Generation == leaveEpoch
}

// joins says that the request put its member into the group. One that was
// answered with a member id to come back with, or with an error, did not.
func (c *Call) joins() bool {
	return c.API == apiJoin && (c.Resp == 0 || c.Err == 0) || c.API == apiConsumer && c.Generation == 0 && (c.Resp == 0 || c.Err == 0)
}

// synced says that the response gave its member an assignment in a generation.
func (c *Call) synced() bool { return c.API == apiSync && c.ok() }

// step is a moment at which the wire tells something about the group.
type step struct {
	at     int64
	worker int
	kind   stepKind
	call   *Call
}

type stepKind int

const (
	stepTold   stepKind = iota // the member knows that it must rejoin
	stepJoin                   // it asks to join
	stepSynced                 // it has an assignment in a generation; KIP-848: a response without an error
	stepGone                   // it asked to leave, or its process was killed
	stepNeed                   // the coordinator drops a member: a generation after this one, or after the call's, must follow
)

// wire is what the taps of all members saw, in one order.
type wire struct {
	in    Input
	steps []step
	kip   bool // the group is one of KIP-848
}

func newWire(in Input) *wire {
	w := &wire{in: in}
	for i := range in.Workers {
		for j := range in.Workers[i].Calls {
			c := &in.Workers[i].Calls[j]
			switch {
			case c.leaves():
				w.add(c.Req, i, stepGone, c)
			case c.API == apiJoin:
				w.add(c.Req, i, stepJoin, c)
			case c.synced(), c.API == apiConsumer && c.ok():
				w.kip = w.kip || c.API == apiConsumer
				w.add(c.Resp, i, stepSynced, c)
			case c.tells(), c.API == apiConsumer && c.rejected():
				w.add(c.Resp, i, stepTold, c)
			}
		}
	}
	for _, act := range in.Acts {
		if victim := ended(act); victim != "" && act.At != 0 {
			if i := in.index(victim); i >= 0 && !in.left(i, act.At) {
				w.add(act.At, i, stepGone, nil)
			}
		}
	}
	w.sort()
	return w
}

func (w *wire) add(at int64, worker int, kind stepKind, c *Call) {
	w.steps = append(w.steps, step{at, worker, kind, c})
}

func (w *wire) sort() {
	slices.SortStableFunc(w.steps, func(a, b step) int { return cmp.Compare(a.at, b.at) })
}

// index is the number of a worker, -1 where it recorded nothing.
func (in *Input) index(name string) int {
	return slices.IndexFunc(in.Workers, func(w Worker) bool { return w.Name == name })
}

// left says whether a worker asked to leave at or after a time.
func (in *Input) left(worker int, from int64) bool {
	return slices.ContainsFunc(in.Workers[worker].Calls, func(c Call) bool { return c.leaves() && c.Req >= from })
}

// protocol names what the members agreed on last before a time.
func (w *wire) protocol(before int64) string {
	if w.kip {
		return consumer
	}
	chosen := eager
	for _, s := range w.steps {
		if s.at > before {
			break
		}
		if s.kind == stepJoin && s.call.Protocol != "" {
			chosen = kindOf(s.call.Protocol)
		}
	}
	return chosen
}

// kindOf is the protocol that goes with an assignor.
func kindOf(assignor string) string {
	if strings.Contains(assignor, cooperative) {
		return cooperative
	}
	return eager
}

// member is the state of a worker at a moment.
type member struct {
	in         bool // it has an assignment in a generation and was not told otherwise
	joining    bool // it must rejoin or is about to
	generation int32
	owned      []int32
}

// group is the state of all members at a moment.
type group struct {
	kip     bool
	members map[int]*member
	highest int32
	need    int32 // a generation above it must come
}

func (w *wire) start() *group { return &group{kip: w.kip, members: map[int]*member{}, need: -1} }

// apply changes the state by a step.
func (g *group) apply(s step) {
	if s.kind == stepGone {
		delete(g.members, s.worker)
		return
	}
	if s.kind == stepNeed {
		if g.need = g.highest; s.call != nil {
			g.need = max(g.need, s.call.Generation)
		}
		return
	}
	m := g.members[s.worker]
	if m == nil {
		m = &member{}
		g.members[s.worker] = m
	}
	switch s.kind {
	case stepTold, stepJoin:
		m.in, m.joining = false, true
	case stepSynced:
		m.in, m.joining = true, false
		if s.call.API == apiConsumer {
			m.generation = s.call.Epoch
			if s.call.assigns() {
				m.owned = s.call.Given
			}
		} else {
			m.generation, m.owned = s.call.Generation, s.call.Given
		}
		g.highest = max(g.highest, m.generation)
	}
}

// stable says whether every member is in the newest generation and nobody is
// expected to join or missing from it.
func (g *group) stable() bool {
	if len(g.members) == 0 || g.highest <= g.need {
		return false
	}
	for _, m := range g.members {
		if !m.in || m.generation != g.highest {
			return false
		}
	}
	return true
}

// owners says which worker owns each partition. Where two claim one, it is the
// one of the newer generation.
func (g *group) owners() map[int32]int {
	out := map[int32]int{}
	for i, m := range g.members {
		for _, p := range m.owned {
			if o, taken := out[p]; taken {
				if other := g.members[o]; other.generation > m.generation || other.generation == m.generation && o < i {
					continue
				}
			}
			out[p] = i
		}
	}
	return out
}

// at is the state of the group just before a time.
func (w *wire) at(t int64) *group {
	g := w.start()
	for _, s := range w.steps {
		if s.at >= t {
			break
		}
		g.apply(s)
	}
	return g
}

// unstable are the stretches of [from, to] in which the group was not stable.
func (w *wire) unstable(from, to int64) []Interval {
	g := w.start()
	var out []Interval
	since := from
	stable := false
	for _, s := range w.steps {
		if s.at > to {
			break
		}
		g.apply(s)
		if now := g.stable(); now != stable {
			if now && s.at > since {
				out = append(out, Interval{since, s.at})
			}
			since, stable = max(s.at, from), now
		}
	}
	if !stable {
		out = append(out, Interval{since, to})
	}
	return union(out)
}
