package window

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/kbench/kbench/results/group"
	"github.com/kbench/kbench/workloads/acts"
)

// scenario is one rebalance of an eager group, as a coordinator and its members play
// it: who beats when, and how long each takes. Times are ms. From it comes both the
// trial that is analysed and what the analysis must find, but by the events
// themselves and not by the figures of one from those of another.
type scenario struct {
	kind     acts.Kind
	interval int64 // H
	act, t0  int64
	before   []int64 // by survivor: its last beat before t0, less than an H ago
	members  []way   // of the survivors, and of who joins as the last
}

// recordEvery is how often a partition has a record.
const recordEvery = 50

// way is how long a member takes, each step after the one before.
type way struct{ react, assign, sync int64 }

// drawScenario draws one of a group whose members beat whenever they like.
func drawScenario(t *rapid.T) scenario {
	c := scenario{
		kind:     rapid.SampledFrom([]acts.Kind{acts.Join, acts.Leave, acts.Crash}).Draw(t, "kind"),
		interval: rapid.Int64Range(500, 4000).Draw(t, "H"),
		act:      rapid.Int64Range(20_000, 25_000).Draw(t, "act"),
	}
	c.t0 = c.act + rapid.Int64Range(1, 400).Draw(t, "start or stop")
	if c.kind == acts.Crash { // the victim's last beat, and a session after it
		c.t0 = c.act - rapid.Int64Range(0, c.interval-1).Draw(t, "last beat") + 10_000
	}
	survivors := rapid.IntRange(1, 3).Draw(t, "survivors")
	for range survivors {
		c.before = append(c.before, c.t0-rapid.Int64Range(1, c.interval-1).Draw(t, "beat before"))
	}
	step := rapid.Int64Range(1, 200)
	for range survivors + 1 {
		c.members = append(c.members, way{step.Draw(t, "react"), step.Draw(t, "assign"), step.Draw(t, "sync")})
	}
	if c.kind != acts.Join {
		c.members = c.members[:survivors]
	}
	return c
}

// played is what happened, ms.
type played struct {
	told, synced []int64   // by survivor, by member
	stopped      [][]int64 // by partition: from when on and until when nobody had it
}

// play makes a trial of it. Partition 3 goes to whoever joins, or was the
// victim's.
func (c scenario) play() (*sim, played) {
	var names []string
	for i := range len(c.before) + 1 {
		names = append(names, fmt.Sprintf("consumer-%d", i))
	}
	s := newSim(names...)
	s.in.Heartbeat, s.interval, s.end = c.interval*ms, recordEvery, 50_000
	other := len(c.before) // who comes or goes
	a := s.act(c.kind, names[other], c.act)
	owner := func(p int) int { return p % len(c.before) } // among the survivors
	parts := func(member, below int) (out []int32) {
		for p := range below {
			if owner(p) == member {
				out = append(out, int32(p))
			}
		}
		return out
	}
	before, after := 4, 3 // partitions of the survivors; 3 is the other's, or was
	if c.kind != acts.Join {
		before, after = 3, 4
	}
	for i := range c.before {
		s.join(i, 100, 200, 210, 1, parts(i, before)...)
		for at := c.before[i]; at > 300; at -= c.interval {
			s.beat(i, at, 0)
		}
	}
	if c.kind != acts.Join {
		s.join(other, 100, 200, 210, 1, 3)
		last := c.act
		if c.kind == acts.Crash {
			last = c.t0 - 10_000
		}
		for at := last; at > 300; at -= c.interval {
			s.beat(other, at, 0)
		}
	}
	var p played
	complete := c.t0
	for i, at := range c.before {
		s.beat(i, at+c.interval, group.RebalanceInProgress)
		p.told = append(p.told, at+c.interval+1)
		complete = max(complete, p.told[i]+c.members[i].react)
	}
	complete++
	for i, m := range c.members {
		asked := c.t0
		if i < len(c.before) {
			asked = p.told[i] + m.react
		}
		done := complete + m.assign + m.sync
		s.call(i, group.JoinGroup, asked, complete, 0, 2).Protocol = "range"
		sync := s.call(i, group.SyncGroup, complete+m.assign, done, 0, 2)
		if sync.Given = parts(i, after); i == other {
			sync.Given = []int32{3}
		}
		p.synced = append(p.synced, done)
		for at := done + c.interval; at < s.end; at += c.interval {
			s.beat(i, at, 0)
		}
	}
	p.stopped = make([][]int64, 4)
	for part := range 4 {
		from, next := p.told[owner(part)], owner(part)
		switch {
		case part == 3 && c.kind == acts.Join:
			next = other
		case part == 3 && c.kind == acts.Leave:
			from = c.t0
		case part == 3:
			from = c.act
		}
		p.stopped[part] = []int64{from, p.synced[next] + 1}
		s.stop(from, p.synced[next]+1, int32(part))
	}
	if c.kind == acts.Leave {
		s.call(other, group.LeaveGroup, c.t0, c.t0+1, 0, 0)
		a.Gone = (c.t0 + 5) * ms
	}
	return s, p
}

// event plays and analyses, and has the figures of the one event in ms.
func (c scenario) event(t *rapid.T) (Event, played) {
	s, p := c.play()
	s.in.Stalls = &Stalls{Coordinator: -1} // somebody listens, and nobody stands still
	r := s.compute()
	if len(r.Events) != 1 || !r.Events[0].Rebalanced || len(r.Events[0].Partitions) != 4 {
		t.Fatalf("%+v", r.Events)
	}
	return r.Events[0], p
}

// What a heartbeat interval costs is the floor, what clients take is the excess:
// known answers of a group that is played.
func TestFloorOfWhatWasPlayed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := drawScenario(t)
		e, p := c.event(t)
		last, over := slices.Max(p.told), slices.Max(p.synced)
		if e.T0 != c.t0*ms || e.T0Low != e.T0 || e.Rounds != 1 {
			t.Fatalf("t0 %d..%d in %d rounds, want %d in 1", e.T0Low/ms, e.T0/ms, e.Rounds, c.t0)
		}
		if e.Floor != (last-c.t0)*ms || e.FloorHigh != e.Floor || e.Wire != (over-c.t0)*ms || e.WireExcess != (over-last)*ms {
			t.Fatalf("floor %d..%d, wire %d, excess %d; the last knew at %d and it was over at %d, of %d",
				e.Floor/ms, e.FloorHigh/ms, e.Wire/ms, e.WireExcess/ms, last, over, c.t0)
		}
		if e.Floor <= 0 || e.Floor > (c.interval+1)*ms {
			t.Fatalf("a floor of %d, and H is %d", e.Floor/ms, c.interval)
		}
		for i, part := range e.Partitions {
			from, to := p.stopped[i][0], p.stopped[i][1]
			// Who leaves goes on until it is gone.
			slack := part.Floor - (last-from)*ms
			if !part.FloorKnown || part.Floor < 0 || slack != 0 && (i < 3 || c.kind != acts.Leave || slack < 0 || slack > recordEvery*ms) {
				t.Fatalf("partition %d: a floor of %d, want %d", i, part.Floor/ms, last-from)
			}
			// The first record that is caught is due a little before or after it stopped,
			// and comes a little after it goes on.
			if off := part.Excess - (to-last)*ms; to-from > recordEvery+5 && (off < -2*recordEvery*ms || off > 2*recordEvery*ms) {
				t.Fatalf("partition %d: an excess of %d, it went on %d after the last knew", i, part.Excess/ms, to-last)
			}
			// With nobody to blame but the client, what is unexplained is that excess, but
			// for the record that came before the wait began.
			u := part.Unexplained
			if off := u.Most - max(part.Excess, 0); off < -recordEvery*ms || off > recordEvery*ms || u.Least > u.Most || u.Least < 0 {
				t.Fatalf("partition %d (%s): %d to %d are unexplained of an excess of %d", i, part.Class, u.Least/ms, u.Most/ms, part.Excess/ms)
			}
		}
	})
}

// A longer interval makes the floor as much longer, of the whole and of what
// nobody owned; a client that takes longer makes the excess longer and the floor
// not.
func TestWhatMovesTheFloor(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := drawScenario(t)
		e, _ := c.event(t)

		slow := c
		slow.members = slices.Clone(c.members)
		m := &slow.members[rapid.IntRange(0, len(c.members)-1).Draw(t, "who is slow")]
		by := rapid.Int64Range(1, 500).Draw(t, "by")
		*rapid.SampledFrom([]*int64{&m.react, &m.assign, &m.sync}).Draw(t, "in what") += by
		if s, _ := slow.event(t); s.Floor != e.Floor || s.WireExcess < e.WireExcess || s.WireExcess > e.WireExcess+by*ms {
			t.Fatalf("slower by %d: floor %d and excess %d were %d and %d", by, s.Floor/ms, s.WireExcess/ms, e.Floor/ms, e.WireExcess/ms)
		} else {
			for i, p := range s.Partitions {
				if p.Floor != e.Partitions[i].Floor {
					t.Fatalf("slower by %d: partition %d has a floor of %d, it was %d", by, i, p.Floor/ms, e.Partitions[i].Floor/ms)
				}
			}
		}

		longer := c
		longer.interval += by
		l, _ := longer.event(t)
		if l.Floor != e.Floor+by*ms || l.WireExcess != e.WireExcess {
			t.Fatalf("an H longer by %d: floor %d and excess %d were %d and %d", by, l.Floor/ms, l.WireExcess/ms, e.Floor/ms, e.WireExcess/ms)
		}
		for i, p := range l.Partitions {
			// A live owner goes on until its own beat, which is as much later.
			want := e.Partitions[i].Floor
			if p.Class == Orphaned {
				want += by * ms
			}
			if p.Floor != want {
				t.Fatalf("an H longer by %d: partition %d (%s) has a floor of %d, want %d", by, i, p.Class, p.Floor/ms, want/ms)
			}
		}
	})
}
