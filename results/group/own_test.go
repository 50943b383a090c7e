package group

import "testing"

// join is a JoinGroup at a time and a SyncGroup 10 after it, each answered after 2.
func join(at int64, generation int32, protocol string, parts ...int32) []Call {
	return []Call{
		{API: JoinGroup, Req: at, Resp: at + 2, Generation: generation, Protocol: protocol},
		{API: SyncGroup, Req: at + 10, Resp: at + 12, Generation: generation, Given: parts},
	}
}

func list(calls ...[]Call) []Call {
	var out []Call
	for _, c := range calls {
		out = append(out, c...)
	}
	return out
}

func course(members ...[]Call) *Course {
	c := &Course{}
	for i, calls := range members {
		c.Follow(i, calls)
	}
	c.Sort()
	return c
}

// beat is one of KIP-848, answered after 2; nil parts give no list.
func beat(at int64, epoch, answer int32, parts ...int32) []Call {
	return []Call{{API: ConsumerGroupHeartbeat, Req: at, Resp: at + 2, Generation: epoch, Epoch: answer, Given: parts, NoneGiven: parts != nil && len(parts) == 0}}
}

// times says for which members a partition was held, and when.
func times(members [][]Call, gone ...int64) func(p int32) []Holding {
	grants := Grants(members, append(gone, make([]int64, len(members)-len(gone))...))
	return func(p int32) []Holding { return Holdings(grants[p], 0, 1000) }
}

// Under an eager protocol a member that joins has given up everything; for the
// coordinator it had it until the next generation. A member that leaves has
// nothing from its request on.
func TestEager(t *testing.T) {
	members := [][]Call{
		list(join(100, 1, "range", 0, 1), []Call{{API: Heartbeat, Req: 195, Resp: 200, Err: RebalanceInProgress}}, join(205, 2, "range", 0), []Call{{API: LeaveGroup, Req: 300, Resp: 301}}),
		join(203, 2, "range", 1),
	}
	c := course(members...)
	type at struct {
		t      int64
		stable bool
		owners map[int32]int
	}
	for _, want := range []at{
		{112, false, map[int32]int{}},
		{113, true, map[int32]int{0: 0, 1: 0}},
		{201, false, map[int32]int{0: 0, 1: 0}}, // it was told
		{216, false, map[int32]int{0: 0, 1: 1}}, // the newer generation
		{218, true, map[int32]int{0: 0, 1: 1}},
		{301, true, map[int32]int{1: 1}},
	} {
		g := c.Before(want.t)
		same(t, "owners", g.Owners(), want.owners)
		if g.Stable() != want.stable {
			t.Errorf("before %d: stable is %t", want.t, g.Stable())
		}
	}
	if p := c.Protocol(150); p != Eager || c.KIP {
		t.Errorf("protocol %s, KIP-848 %t", p, c.KIP)
	}
	held := times(members)
	same(t, "0", held(0), []Holding{{112, 205, 0}, {217, 300, 0}})
	same(t, "1", held(1), []Holding{{112, 205, 0}, {215, 1000, 1}})
}

// Under a cooperative one it keeps what it has until an assignment without it.
func TestCooperative(t *testing.T) {
	members := [][]Call{
		list(join(100, 1, "cooperative-sticky", 0, 1), join(200, 2, "cooperative-sticky", 0), join(220, 3, "cooperative-sticky", 0)),
		list(join(200, 2, "cooperative-sticky"), join(221, 3, "cooperative-sticky", 1)),
	}
	held := times(members)
	same(t, "0", held(0), []Holding{{112, 1000, 0}})
	same(t, "1", held(1), []Holding{{112, 212, 0}, {233, 1000, 1}})
	c := course(members...)
	if p := c.Protocol(1000); p != Cooperative {
		t.Errorf("protocol %s", p)
	}
	if !c.Before(213).Stable() || c.Before(221).Stable() || !c.Before(234).Stable() {
		t.Error("it is stable between the rounds, and not once a member asks to join by itself")
	}
}

// Under KIP-848 only a response with a list changes anything, an empty one too. A
// static member that will be back has nothing, and is a member all the same.
func TestKIP848(t *testing.T) {
	members := [][]Call{
		list(beat(100, 0, 1, 0, 1), beat(110, 1, 1), beat(120, 1, 2, 1), beat(130, 2, 2), beat(140, 2, 3), beat(150, 2, 3, []int32{}...), beat(160, 3, 3, 1), beat(170, -2, -2)),
		list(beat(121, 0, 2), beat(131, 2, 2, 0), beat(200, -1, -1)),
	}
	held := times(members)
	same(t, "0", held(0), []Holding{{102, 122, 0}, {133, 200, 1}})
	same(t, "1", held(1), []Holding{{102, 152, 0}, {162, 170, 0}})
	c := course(members...)
	g := c.Before(300)
	if p := c.Protocol(0); p != Consumer || !c.KIP || g.Members[0] == nil || g.Members[1] != nil {
		t.Errorf("protocol %s, members %v", p, g.Members)
	}
	same(t, "owners", g.Owners(), map[int32]int{1: 0})
	if m := c.Before(125).Of(1); m.Generation != 2 || m.Owned != nil || !m.In {
		t.Errorf("the epoch is the response's: %+v", m)
	}
}

// Whoever crashes has nothing from its end on, and the group is not stable before
// a generation without it. What was refused or never answered gave nothing.
func TestCrash(t *testing.T) {
	members := [][]Call{
		list(join(100, 1, "range", 0), []Call{
			{API: SyncGroup, Req: 130, Resp: 131, Err: IllegalGeneration, Given: []int32{7}},
			{API: JoinGroup, Req: 135, Generation: 1, Protocol: "range"}, // it was killed meanwhile
			{API: LeaveGroup, Req: 136},
		}),
		list(join(101, 1, "range", 1), join(301, 2, "range", 0, 1)),
	}
	held := times(members, 150)
	same(t, "0", held(0), []Holding{{112, 150, 0}, {313, 1000, 1}})
	same(t, "7", held(7), []Holding(nil))

	c := course(members[0][:2], members[1])
	c.Add(150, 0, Gone, nil)
	c.Add(250, 0, Need, nil) // its session is over
	c.Sort()
	for at, want := range map[int64]bool{120: true, 200: true, 260: false, 312: false, 314: true} {
		if got := c.Before(at).Stable(); got != want {
			t.Errorf("before %d: stable is %t", at, got)
		}
	}
	// A round that had the dead one in it must be followed by another.
	ghost := course(members[0][:2], members[1])
	ghost.Add(250, 0, Gone, nil)
	ghost.Add(250, 0, Need, &Call{Generation: 2})
	ghost.Sort()
	if ghost.Before(400).Stable() {
		t.Error("stable with a ghost in the generation")
	}
}

// A member that was evicted does not know it: the latest to be given a partition
// owns it, and no more is cut out than was asked for.
func TestHoldings(t *testing.T) {
	grants := []Grant{{10, 0, true}, {20, 1, true}, {30, 0, false}, {40, 1, false}, {50, 0, true}}
	same(t, "all", Holdings(grants, 0, 60), []Holding{{10, 20, 0}, {20, 40, 1}, {50, 60, 0}})
	same(t, "a stretch", Holdings(grants, 15, 35), []Holding{{15, 20, 0}, {20, 35, 1}})
	same(t, "between two", Holdings(grants, 41, 49), []Holding(nil))
}
