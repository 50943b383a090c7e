package group

import (
	"cmp"
	"slices"
)

// Step is a moment at which the wire tells something about the group. Members are
// named by the numbers that their calls were added under.
type Step struct {
	At     int64
	Member int
	Kind   StepKind
	Call   *Call // nil where it is none that tells
}

// StepKind is what a Step tells.
type StepKind int

// The kinds of steps.
const (
	Told   StepKind = iota // the member knows that it must rejoin
	Join                   // it asks to join
	Synced                 // it has an assignment in a generation; KIP-848: a response without an error
	Gone                   // it asked to leave, or its process was killed
	Need                   // the coordinator drops a member: a generation after this one, or after the call's, must follow
)

// Course is what the taps of all members saw of their group, in one order.
type Course struct {
	Steps []Step
	KIP   bool // the group is one of KIP-848
}

// Follow adds what the calls of a member tell. The steps point to them.
func (c *Course) Follow(member int, calls []Call) {
	for i := range calls {
		k := &calls[i]
		switch {
		case k.Leaves():
			c.Add(k.Req, member, Gone, k)
		case k.API == JoinGroup:
			c.Add(k.Req, member, Join, k)
		case k.Synced(), k.API == ConsumerGroupHeartbeat && k.OK():
			c.KIP = c.KIP || k.API == ConsumerGroupHeartbeat
			c.Add(k.Resp, member, Synced, k)
		case k.Tells(), k.API == ConsumerGroupHeartbeat && k.Rejected():
			c.Add(k.Resp, member, Told, k)
		}
	}
}

// Add adds a step that no call of the member tells by itself. Sort must follow.
func (c *Course) Add(at int64, member int, kind StepKind, call *Call) {
	c.Steps = append(c.Steps, Step{at, member, kind, call})
}

// Sort puts the steps into the order of time.
func (c *Course) Sort() {
	slices.SortStableFunc(c.Steps, func(a, b Step) int { return cmp.Compare(a.At, b.At) })
}

// Protocol names what the members agreed on last before a time.
func (c *Course) Protocol(before int64) string {
	if c.KIP {
		return Consumer
	}
	chosen := Eager
	for _, s := range c.Steps {
		if s.At > before {
			break
		}
		if s.Kind == Join && s.Call.Protocol != "" {
			chosen = ProtocolOf(s.Call.Protocol)
		}
	}
	return chosen
}

// Member is the state of a member at a moment.
type Member struct {
	In         bool // it has an assignment in a generation and was not told otherwise
	Generation int32
	Owned      []int32
}

// State is the state of all members at a moment.
type State struct {
	Members map[int]*Member
	Highest int32 // generation of any
	need    int32 // a generation above it must come
}

// Start is the state before the first step.
func Start() *State { return &State{Members: map[int]*Member{}, need: -1} }

// Apply changes the state by a step.
func (g *State) Apply(s Step) {
	if s.Kind == Gone {
		delete(g.Members, s.Member)
		return
	}
	if s.Kind == Need {
		if g.need = g.Highest; s.Call != nil {
			g.need = max(g.need, s.Call.Generation)
		}
		return
	}
	m := g.Members[s.Member]
	if m == nil {
		m = &Member{}
		g.Members[s.Member] = m
	}
	switch s.Kind {
	case Told, Join:
		m.In = false
	case Synced:
		m.In = true
		if s.Call.API == ConsumerGroupHeartbeat {
			m.Generation = s.Call.Epoch
			if s.Call.Assigns() {
				m.Owned = s.Call.Given
			}
		} else {
			m.Generation, m.Owned = s.Call.Generation, s.Call.Given
		}
		g.Highest = max(g.Highest, m.Generation)
	}
}

// Of is the state of one member, the zero one where it is none.
func (g *State) Of(member int) Member {
	if m := g.Members[member]; m != nil {
		return *m
	}
	return Member{}
}

// Stable says whether every member is in the newest generation and nobody is
// expected to join or missing from it.
func (g *State) Stable() bool {
	if len(g.Members) == 0 || g.Highest <= g.need {
		return false
	}
	for _, m := range g.Members {
		if !m.In || m.Generation != g.Highest {
			return false
		}
	}
	return true
}

// Owners says which member owns each partition. Where two claim one, it is the
// one of the newer generation.
func (g *State) Owners() map[int32]int {
	out := map[int32]int{}
	for i, m := range g.Members {
		for _, p := range m.Owned {
			if o, taken := out[p]; taken {
				if other := g.Members[o]; other.Generation > m.Generation || other.Generation == m.Generation && o < i {
					continue
				}
			}
			out[p] = i
		}
	}
	return out
}

// Before is the state of the group just before a time.
func (c *Course) Before(t int64) *State {
	g := Start()
	for _, s := range c.Steps {
		if s.At >= t {
			break
		}
		g.Apply(s)
	}
	return g
}
