package window

import (
	"slices"
	"testing"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/blame"
	"github.com/kbench/kbench/results/record"
)

// A partition is silent from 21,502 ms on, 8 ms longer than the beats make it, and
// then for 300 ms more in which somebody stood still.
func TestUnexplained(t *testing.T) {
	at := func(from, to int64) Interval { return Interval{From: from * ms, To: to * ms} }
	f := func(name string, least, most int64, covered string, stalls ...blame.Stall) {
		t.Helper()
		s := joining()
		s.stop(22_010, 22_310, 3)
		s.listen(stalls...)
		e := s.only(t)
		p := e.Partitions[3]
		if p.Unexplained == nil || p.Unexplained.Least != least*ms || p.Unexplained.Most != most*ms {
			t.Errorf("%s: unexplained %+v of %+v, want %d to %d", name, p.Unexplained, p.Silence, least, most)
		}
		got := ""
		if e.Others != nil {
			got = e.Others.Most.Name()
		}
		if got != covered {
			t.Errorf("%s: covered by %q, want %q", name, got, covered)
		}
		if marked := len(e.Notes) == 1 && e.Notes[0].Kind == results.PauseOthers && e.Notes[0].Class != ""; marked != (covered != "") {
			t.Errorf("%s: notes %q", name, e.Notes)
		}
	}
	stall := func(source blame.Source, who string, node int32, excuses bool, certain, possible Interval) blame.Stall {
		return blame.Stall{Source: source, Who: who, Node: node, Excuses: excuses, Certain: certain, Possible: possible}
	}
	// The record that was due 1 ms before the beat is caught, and comes 2 ms after the
	// end. Since the beat before, the owner might have stopped already.
	const own = 312
	f("nobody", own-1, own, "")
	whole, likely := at(22_010, 22_310), at(21_990, 22_310)
	f("its leader", 2, own-300, "broker broker-2", stall(blame.SourceBroker, "broker-2", 2, true, whole, likely))
	f("the coordinator", 2, own-300, "broker broker-3", stall(blame.SourceBroker, "broker-3", 3, true, whole, likely))
	f("another node", own-1, own, "", stall(blame.SourceBroker, "broker-1", 1, true, whole, likely))
	f("its producer", own-1-300, own-300, "process producer-0", stall(blame.SourceProcess, "producer-0", -1, true, whole, whole))
	f("its owner", own-1, own, "", stall(blame.SourceProcess, "consumer-2", -1, false, whole, whole))
	f("the machine of its owner", own-1-300, own-300, "machine b", stall(blame.SourceMachine, "b", -1, true, whole, whole))
	f("contention", own-1, own, "", stall(blame.SourceContention, "b", -1, false, whole, whole))
	f("the supervisor", own-1, own, "", stall(blame.SourceProcess, "supervisor", -1, true, whole, whole))
	f("within the floor", own-1, own, "", stall(blame.SourceBroker, "broker-2", 2, true, at(21_600, 21_900), at(21_600, 21_900)))
	f("an act", own-1-300, own-300, "", stall(blame.SourceInjected, "producer-0", -1, true, whole, whole))
	f("a little", own-1-9, own-9, "", stall(blame.SourceBroker, "broker-2", 2, true, at(22_100, 22_109), at(22_100, 22_109)))
}

// What the reference producer had no ack for could not be read yet: that is its time. It is
// so of each record by itself.
func TestUnacked(t *testing.T) {
	f := func(name string, least, most int64, late ...record.Span) {
		t.Helper()
		s := joining()
		s.stop(22_010, 22_310, 3)
		s.listen()
		s.in.Stalls.Unacked, s.in.Stalls.Reference = map[int32][]record.Span{3: late}, "reference-0"
		e := s.only(t)
		p := e.Partitions[3]
		if *p.Unexplained != (blame.Bounds{Least: least * ms, Most: most * ms}) || e.Others != nil {
			t.Errorf("%s: unexplained %+v, of others: %+v; want %d to %d, and nobody", name, p.Unexplained, e.Others, least, most)
		}
		if named := slices.ContainsFunc(p.By, func(s blame.Share) bool { return s.Who == "reference-0" }); named != (most < 300) {
			t.Errorf("%s: %+v", name, p.By)
		}
	}
	span := func(due, lastDue, at, lastAt int64) record.Span {
		return record.Span{Due: due * ms, LastDue: lastDue * ms, At: at * ms, LastAt: lastAt * ms}
	}
	f("all were acked at once", 311, 312)
	f("acked 100 ms before they came", 110, 110, span(21_400, 22_311, 22_212, 22_212)) // 10 ms less
	f("acked as they came", 10, 10, span(21_400, 22_311, 22_312, 22_312))
	f("only those due later", 311, 312, span(22_200, 22_311, 22_311, 22_312))
	f("another stretch", 311, 312, span(20_000, 20_100, 20_900, 20_900))
}

// A request about the group waits for its coordinator and for members, and for no
// producer.
func TestWireExcessOfOthers(t *testing.T) {
	f := func(name string, covered string, source blame.Source, who string, node int32) {
		t.Helper()
		s := joining()
		e := s.only(t)
		over := e.T0 + e.Wire
		whole := Interval{From: over - 100*ms, To: over}
		s.listen(blame.Stall{Source: source, Who: who, Node: node, Excuses: true, Certain: whole, Possible: whole})
		h := &happening{analysis: &analysis{seen: see(s.in)}}
		got := ""
		if o := h.others(&Event{Rebalanced: true, T0: e.T0, Wire: e.Wire, WireExcess: 100 * ms}); o != nil {
			got = o.Most.Name()
		}
		if got != covered {
			t.Errorf("%s: covered by %q, want %q", name, got, covered)
		}
	}
	f("its coordinator", "broker broker-3", blame.SourceBroker, "broker-3", 3)
	f("the leader of a partition", "", blame.SourceBroker, "broker-2", 2)
	f("a producer", "", blame.SourceProcess, "producer-0", -1)
	f("a generator", "", blame.SourceGenerator, "producer-0", -1)
	f("the machine of members", "machine b", blame.SourceMachine, "b", -1)
}

// What a record depended on: its leader, who produced it and had it, and their machines.
// What the leader coordinates is another matter, and of a worker that is not known
// nothing is known.
func TestHave(t *testing.T) {
	whole := Interval{From: 0, To: 300 * ms}
	f := func(name, owner string, want int, s blame.Stall) {
		t.Helper()
		s.Excuses, s.Certain, s.Possible = true, whole, whole
		sim := joining()
		sim.listen(s)
		if by := sim.in.Stalls.Have(3, owner, Record{Due: 0, At: 300 * ms}); len(by) != want {
			t.Errorf("%s: %v", name, by)
		}
	}
	f("its leader", "", 1, blame.Stall{Source: blame.SourceBroker, Who: "broker-2", Node: 2})
	f("the group on it", "", 0, blame.Stall{Source: blame.SourceBroker, Who: "broker-2", Node: 2, Group: true})
	f("the coordinator", "", 0, blame.Stall{Source: blame.SourceBroker, Who: "broker-3", Node: 3})
	f("its owner's machine", "consumer-2", 1, blame.Stall{Source: blame.SourceMachine, Who: "b", Node: -1})
	f("another's machine", "consumer-0", 0, blame.Stall{Source: blame.SourceMachine, Who: "b", Node: -1})
	f("the supervisor's machine", "", 0, blame.Stall{Source: blame.SourceMachine, Who: "", Node: -1})
}

// listen tells of stalls: consumer-1 and consumer-2 have machine b, the rest a.
func (s *sim) listen(stalls ...blame.Stall) {
	s.in.Stalls = &Stalls{
		All: stalls, Leaders: map[int32]int32{0: 1, 1: 1, 2: 1, 3: 2}, Coordinator: 3, Producers: []string{"producer-0"},
		Hosts: map[string]string{"consumer-0": "a", "consumer-1": "b", "consumer-2": "b", "producer-0": "a"},
	}
}

// The record that was the latest need not be the one of which most is the client's.
func TestUnexplainedOfAnyRecord(t *testing.T) {
	f := func(name string, s *sim, gap, excess, least, most int64) {
		t.Helper()
		p := s.only(t).Partitions[3]
		if p.Gap != gap*ms || p.Excess != excess*ms || *p.Unexplained != (blame.Bounds{Least: least * ms, Most: most * ms}) {
			t.Errorf("%s: a gap of %d, an excess of %d, unexplained %+v; want %d, %d, %d to %d", name, p.Gap/ms, p.Excess/ms, p.Unexplained, gap, excess, least, most)
		}
	}
	// A machine that stood still after the act makes the gap, and after it the client
	// is silent as in TestUnexplained.
	s := joining()
	s.stop(20_200, 21_300, 3)
	s.stop(22_010, 22_310, 3)
	whole := Interval{From: 20_200 * ms, To: 21_300 * ms}
	s.listen(blame.Stall{Source: blame.SourceMachine, Who: "b", Node: -1, Excuses: true, Certain: whole, Possible: whole})
	f("another silence", s, 1102, 1102-500, 311, 312)

	// All that was due up to 21,800 ms comes at 22,312 ms, where the client had what is
	// left from 22,001 ms on; and what was due from then on 40 ms later.
	s = joining()
	s.stops[3] = nil
	s.stop(21_820, 22_350, 3)
	s.stop(21_502, 22_310, 3)
	s.listen()
	f("the same silence", s, 812, 812-500, 351, 351)
}

// Without anybody who listened nothing is known, and nobody is excused.
func TestNobodyListened(t *testing.T) {
	for _, p := range joining().only(t).Partitions {
		if p.Unexplained != nil || p.By != nil {
			t.Errorf("%+v", p)
		}
	}
}

// TestKept: an event says that a client was suspended in its largest gap, which stays
// the client's.
func TestKept(t *testing.T) {
	const ms = int64(1e6)
	suspended := blame.Share{Source: blame.SourceProcess, Who: "consumer-0", Bounds: blame.Bounds{Least: 300 * ms, Most: 300 * ms}}
	e := Event{Partitions: []Partition{
		{Gap: 320 * ms, Unexplained: &blame.Bounds{Least: 320 * ms, Most: 320 * ms}, By: []blame.Share{suspended}},
		{Gap: 20 * ms, Unexplained: &blame.Bounds{}},
	}}
	r, kept := e.kept()
	if want := "pause.gap of 320 ms: in 300 ms of it consumer-0 was suspended; that stays the client's"; !kept || r.Words != want || r.Worker != "consumer-0" || r.Class != "process" {
		t.Errorf("%+v, %t; want %s", r, kept, want)
	}
	e.Partitions[0].By[0].Excuses = true
	if r, kept := e.kept(); kept {
		t.Errorf("%+v of what excuses", r)
	}
}
