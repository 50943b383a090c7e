package cause

import (
	"slices"
	"strings"
	"testing"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/group"
)

const ms = int64(1e6)

// sim is a group put together by hand, times in ms: a session of 10 s, heartbeats every
// 3 s, requests answered after 1 ms by node a.
type sim struct{ in Input }

func newSim(workers ...string) *sim {
	s := &sim{Input{Session: 10_000 * ms}}
	for _, w := range workers {
		s.in.Members = append(s.in.Members, Member{Worker: w, Life: Life{Heard: []results.Interval{{From: 1 * ms, To: 100_000 * ms}}}})
	}
	return s
}

// call adds a request; resp 0 is one without a response.
func (s *sim) call(m int, api int16, req, resp int64, code int16) *group.Call {
	calls := &s.in.Members[m].Calls
	*calls = append(*calls, group.Call{API: api, Req: req * ms, Resp: resp * ms, Err: code, Node: "a", ID: s.in.Members[m].Worker})
	return &(*calls)[len(*calls)-1]
}

func (s *sim) beats(m int, times ...int64) {
	for _, t := range times {
		s.call(m, group.Heartbeat, t, t+1, 0)
	}
}

// told is a beat by which a member learns that it must come back.
func (s *sim) told(m int, at int64) { s.call(m, group.Heartbeat, at-1, at, group.RebalanceInProgress) }

// join is a JoinGroup, and the SyncGroup after it.
func (s *sim) join(m int, req, resp int64, generation int32, parts ...int32) *group.Call {
	s.call(m, group.SyncGroup, resp+1, resp+2, 0).Generation = generation
	calls := s.in.Members[m].Calls
	calls[len(calls)-1].Given = parts
	c := s.call(m, group.JoinGroup, req, resp, 0)
	c.Generation, c.Protocol = generation, "range"
	return c
}

// two are members that form a group at 1 s and beat up to a time.
func two(upTo int64) *sim {
	s := newSim("x", "y")
	s.join(0, 1000, 1100, 1, 0, 1)
	s.join(1, 1001, 1100, 1, 2, 3)
	for t := int64(4000); t < upTo; t += 3000 {
		s.beats(0, t)
	}
	return s
}

func (s *sim) find() []Rebalance {
	for i := range s.in.Members {
		slices.SortStableFunc(s.in.Members[i].Calls, func(a, b group.Call) int { return int((a.Req - b.Req) / 1000) })
	}
	return Find(s.in)
}

// last holds the last rebalance against a cause, how sure it is and whose doing, and words
// that must be in the evidence.
func (s *sim) last(t *testing.T, cause Cause, sure Sure, worker string, words ...string) *Rebalance {
	t.Helper()
	all := s.find()
	if len(all) == 0 {
		t.Fatal("no rebalance was found")
	}
	r := &all[len(all)-1]
	if r.Cause != cause || r.Sure != sure || r.Worker != worker {
		t.Errorf("%s (%s) of %s, want %s (%s) of %s: %s", r.Cause, r.Sure, r.Worker, cause, sure, worker, r.Why)
	}
	for _, w := range words {
		if !strings.Contains(r.Why, w) {
			t.Errorf("%q does not say %q", r.Why, w)
		}
	}
	return r
}

func TestFormed(t *testing.T) {
	s := two(5000)
	if r := s.last(t, Join, Certain, "x", "JoinGroup was accepted"); len(s.find()) != 1 || len(r.Also) != 1 || r.Over != 1102*ms {
		t.Errorf("%+v", r)
	}
}

func TestJoin(t *testing.T) {
	s := two(8000)
	s.in.Members = append(s.in.Members, Member{Worker: "z"})
	s.beats(1, 4000, 7000)
	s.told(0, 10_001)
	s.told(1, 10_002)
	for m := range 3 {
		s.join(m, 10_010, 10_020, 2)
	}
	s.in.Members[2].Calls = nil
	s.call(2, group.JoinGroup, 9000, 9001, group.MemberIDRequired)
	s.join(2, 9002, 10_020, 2)
	r := s.last(t, Join, Certain, "z")
	if r.At != 9002*ms || r.Known != 10_001*ms || len(r.Also) != 0 {
		t.Errorf("%+v", r)
	}
}

func TestLeave(t *testing.T) {
	s := two(8000)
	s.call(1, group.LeaveGroup, 8000, 8002, 0).Reason = "enough"
	s.told(0, 10_001)
	s.join(0, 10_002, 10_003, 2)
	if r := s.last(t, Leave, Certain, "y", `y sent LeaveGroup ("enough")`); r.At != 8000*ms {
		t.Errorf("at %d", r.At)
	}
	// The coordinator did not know it: it cannot be why.
	s = two(8000)
	s.call(1, group.LeaveGroup, 8000, 8002, group.UnknownMemberID)
	s.told(0, 10_001)
	s.join(0, 10_002, 10_003, 2)
	s.last(t, Unknown, Open, "")
}

// A request to leave that has no answer has left where somebody knew before the session
// can have been over; after it that is the session's end.
func TestLeftUnheard(t *testing.T) {
	s := two(8000)
	s.beats(1, 4000, 7000)
	s.call(1, group.LeaveGroup, 8000, 0, 0)
	s.told(0, 10_001)
	s.join(0, 10_002, 10_003, 2)
	s.last(t, Leave, Likely, "y", "not answered")
	s = silentGroup()
	s.call(1, group.Heartbeat, 7000, 0, 0)
	s.call(1, group.LeaveGroup, 12_000, 0, 0)
	s.quiet(7000, group.Heartbeat)
	s.last(t, Network, Certain, "y")
	s = kip()
	s.quiet(11_000, group.ConsumerGroupHeartbeat)
	s.call(1, group.ConsumerGroupHeartbeat, 11_000, 0, 0).Generation = 2
	s.call(1, group.ConsumerGroupHeartbeat, 12_000, 0, 0).Generation = -1
	s.beat(0, 12_000, 2, 2)
	s.beat(0, 19_000, 2, 3)
	s.last(t, Network, Certain, "y")
}

// Who asks to join and is gone before that is answered has begun a round all the same; a
// second one must follow where the coordinator waited for it.
func TestGhost(t *testing.T) {
	s := two(8000)
	s.in.Members = append(s.in.Members, Member{Worker: "z", Life: Life{Gone: 9000 * ms, End: "killed"}})
	s.beats(1, 4000, 7000)
	s.call(2, group.JoinGroup, 8000, 0, 0)
	for m, at := range []int64{10_001, 10_002} {
		s.told(m, at)
		s.join(m, 10_010, 12_000, 2)
	}
	s.last(t, Join, Likely, "z", "its JoinGroup had no answer")
	for m, at := range []int64{22_001, 22_002} {
		s.beats(m, 13_000, 16_000, 19_000)
		s.told(m, at)
		s.join(m, 22_010, 22_020, 3)
	}
	if r := s.last(t, Process, Certain, "z", "its process had ended"); r.At != 22_000*ms {
		t.Errorf("at %d", r.At)
	}
}

// quiet has y's connection to a without an answer from a time on.
func (s *sim) quiet(from int64, api int16) {
	s.in.Members[1].Waiting = []Waiting{{results.Interval{From: from * ms, To: 26_000 * ms}, "a", api}}
}

// silentGroup is one in which y is not heard after a beat at 4 s, and x is told at 15 s.
func silentGroup() *sim {
	s := two(14_000)
	s.beats(1, 4000)
	s.told(0, 15_000)
	s.join(0, 15_001, 15_002, 2)
	return s
}

func TestProcess(t *testing.T) {
	s := silentGroup()
	s.in.Members[1].Gone, s.in.Members[1].End = 4500*ms, "killed"
	if r := s.last(t, Process, Certain, "y", "the session of y ran out", "its process had ended (killed)"); r.At != 14_000*ms || !r.Evicted {
		t.Errorf("at %d, evicted %t", r.At, r.Evicted)
	}
	still := func(cpu int64) *sim {
		s := silentGroup()
		s.in.Members[1].Still = []Still{{results.Interval{From: 5000 * ms, To: 20_000 * ms}, cpu * ms}}
		s.in.Members[1].Heard = []results.Interval{{From: 1, To: 5000 * ms}, {From: 20_000 * ms, To: 30_000 * ms}}
		return s
	}
	still(10).last(t, Process, Certain, "y", "did not run for 9.0 s", "it was stopped")
	still(14_000).last(t, Process, Certain, "y", "no processor to itself")
	// A process that is stopped for ever writes down nothing more.
	s = silentGroup()
	s.in.Members[1].Heard = []results.Interval{{From: 1, To: 5000 * ms}}
	s.last(t, Process, Likely, "y", "no sign of life")
}

func TestNetwork(t *testing.T) {
	s := silentGroup()
	s.call(1, group.Heartbeat, 7000, 0, 0)
	s.last(t, Network, Likely, "y", "its process ran", "Heartbeat to a, sent") // it may stand behind a fetch of its own client
	s.quiet(7000, group.Heartbeat)
	s.last(t, Network, Certain, "y", "its process ran", "Heartbeat to a, sent", "where x had answers")
	// Others had waited too, be it that they had an answer at last.
	s.call(0, group.Heartbeat, 11_500, 14_100, 0)
	s.last(t, Network, Likely, "y")
	// The only answer of another came as all of it was over.
	s = silentGroup()
	s.call(1, group.Heartbeat, 7000, 0, 0)
	s.quiet(7000, group.Heartbeat)
	s.in.Members[0].Calls = slices.DeleteFunc(s.in.Members[0].Calls, func(c group.Call) bool { return c.Req > 6500*ms && c.Req < 14_000*ms })
	s.call(0, group.OffsetCommit, 14_700, 14_701, 0)
	s.last(t, Network, Likely, "y")
	// An answer that came too late is none.
	s = silentGroup()
	s.call(1, group.Heartbeat, 7000, 18_000, group.UnknownMemberID)
	s.quiet(7000, group.Heartbeat)
	s.last(t, Network, Certain, "y")
	// That dials failed, to whatever node, tells little.
	s = silentGroup()
	s.in.Members[1].Undialled = []results.Interval{{From: 6000 * ms, To: 7000 * ms}}
	s.last(t, Network, Likely, "y", "dials failed")
	s.quiet(7000, group.Heartbeat)
	s.last(t, Network, Certain, "y", "a connection to a had")
	// Something had no answer, and then had one.
	s = silentGroup()
	s.in.Members[1].Waiting = []Waiting{{results.Interval{From: 5000 * ms, To: 8000 * ms}, "a", 1}}
	s.last(t, Client, Likely, "y")
	// The beats wait behind a fetch, and are not on the wire.
	s = silentGroup()
	s.in.Members[1].Waiting = []Waiting{{results.Interval{From: 5000 * ms, To: 16_000 * ms}, "a", 1}, {results.Interval{From: 5000 * ms, To: 16_000 * ms}, "b", 0}}
	s.last(t, Network, Certain, "y", "a connection to a had Fetch without an answer")
	// It is another node that was silent.
	s = silentGroup()
	s.in.Members[1].Waiting = []Waiting{{results.Interval{From: 5000 * ms, To: 16_000 * ms}, "b", 1}}
	s.last(t, Client, Likely, "y")
	s = silentGroup()
	s.in.Members[1].Waiting = []Waiting{{results.Interval{From: 6000 * ms, To: 16_000 * ms}, "a", -1}}
	s.last(t, Network, Certain, "y", "a dial to a")
	s = silentGroup()
	s.in.Members[1].Hangups = []Hangup{{6000 * ms, "a"}}
	s.last(t, Network, Likely, "y", "had been ended")
	// Nobody else had an answer: it may be the node.
	s = silentGroup()
	s.call(1, group.Heartbeat, 7000, 0, 0)
	s.in.Members[0].Calls = slices.DeleteFunc(s.in.Members[0].Calls, func(c group.Call) bool { return c.Req > 6000*ms && c.Req < 14_500*ms })
	s.last(t, Network, Likely, "y")
	// Nobody had, and others had asked: it is the node.
	s.call(0, group.Heartbeat, 7000, 15_500, 0)
	s.last(t, Coordinator, Likely, "y", "nor had x from that node")
	s.in.Members[0].Gone = 14_000 * ms
	s.last(t, Network, Likely, "y")
	// Nobody knows whether its process ran.
	s = silentGroup()
	s.call(1, group.Heartbeat, 7000, 0, 0)
	s.in.Members[1].Heard = nil
	s.last(t, Network, Likely, "y", "whether its process ran is not known")
}

// What can have come before it, or have been all of it, leaves a cause likely.
func TestContested(t *testing.T) {
	// z joins after the session of y can have been over, and before anybody was told.
	joined := func() *sim {
		s := silentGroup()
		s.in.Members = append(s.in.Members, Member{Worker: "z"})
		s.join(2, 14_500, 15_002, 2)
		return s
	}
	s := joined()
	s.in.Members[1].Gone, s.in.Members[1].End = 4500*ms, "killed"
	s.last(t, Process, Certain, "y")
	s.call(1, group.Heartbeat, 4400, 0, 0) // it may have renewed the session
	s.last(t, Process, Certain, "y")
	s.call(1, group.Heartbeat, 7000, 0, 0) // so that it was over before z came, or after it
	s.in.Members[1].Gone = 7001 * ms
	s.last(t, Join, Likely, "z")
	// A member that leaves is not dealt with before its answer comes.
	s = joined()
	s.in.Members[1].Calls = s.in.Members[1].Calls[:2]
	s.beats(1, 7000, 10_000, 13_000)
	s.call(1, group.LeaveGroup, 14_400, 14_405, 0)
	s.last(t, Leave, Certain, "y")
	s.in.Members[1].Calls[len(s.in.Members[1].Calls)-1].Resp = 14_600 * ms
	s.last(t, Leave, Likely, "y")
}

// Not every process that ended, or did not run, fell silent because of that.
func TestProcessToo(t *testing.T) {
	s := silentGroup()
	s.call(1, group.Heartbeat, 6000, 0, 0)
	s.in.Members[1].Gone, s.in.Members[1].End = 11_000*ms, "killed"
	s.last(t, Process, Likely, "y", "killed", "7.0 s after")
	s = silentGroup()
	s.in.Members[1].Gone = 14_500 * ms // its session was over
	s.last(t, Client, Likely, "y")
	s.call(1, group.Heartbeat, 5000, 0, 0) // or not yet
	s.last(t, Process, Likely, "y")
	// It ran again for longer than a beat.
	s = silentGroup()
	s.in.Members[1].Still = []Still{{results.Interval{From: 4100 * ms, To: 10_000 * ms}, 0}}
	s.last(t, Process, Likely, "y")
	s.in.Members[1].Still[0].To = 11_500 * ms
	s.last(t, Process, Certain, "y")
}

func TestClient(t *testing.T) {
	silentGroup().last(t, Client, Likely, "y", "its client sent nothing that renews a session")
	s := silentGroup()
	s.in.Members[1].Heard = nil
	s.last(t, Unknown, Open, "y")
}

// The coordinator still has the member: it was not dropped.
func TestSeen(t *testing.T) {
	s := silentGroup()
	s.in.Views = []View{{results.Interval{From: 15_500 * ms, To: 15_501 * ms}, []string{"y"}}}
	s.last(t, Unknown, Open, "")
}

// A member that was evicted comes back: that is a join.
func TestCameBack(t *testing.T) {
	s := silentGroup()
	s.in.Members[1].Gone, s.in.Members[1].End = 0, ""
	s.in.Members[1].Still = []Still{{results.Interval{From: 5000 * ms, To: 20_000 * ms}, 0}}
	s.call(1, group.Heartbeat, 20_001, 20_002, group.UnknownMemberID)
	s.told(0, 21_000)
	s.join(0, 21_001, 21_002, 3)
	s.join(1, 20_003, 21_002, 3).ID = "y2"
	s.last(t, Join, Certain, "y", "came back")
	if all := s.find(); len(all) != 3 || all[1].Cause != Process {
		t.Errorf("%+v", all)
	}
}

// A process takes the place of a static member, whose old one is in no later round: it is
// not why there is one.
func TestStatic(t *testing.T) {
	s := two(40_000)
	s.in.Members = append(s.in.Members, Member{Worker: "y2"})
	s.in.Members[1].Gone = 5000 * ms
	s.call(2, group.JoinGroup, 6000, 6001, 0).Generation = 1
	s.beats(2, 9000, 12_000, 15_000, 18_000, 21_000, 24_000, 27_000, 30_000)
	s.call(2, group.LeaveGroup, 33_000, 33_001, 0)
	s.told(0, 40_001)
	s.join(0, 40_002, 40_003, 2)
	s.last(t, Leave, Certain, "y2")
}

// Who was told and does not come within the rebalance timeout is not the cause of it.
func TestLate(t *testing.T) {
	s := two(8000)
	s.in.Members = append(s.in.Members, Member{Worker: "z"})
	s.beats(1, 4000, 7000)
	s.join(2, 8000, 38_000, 2)
	s.told(0, 10_001)
	s.told(1, 10_002)
	s.join(0, 10_010, 38_000, 2)
	s.beats(1, 13_000, 16_000, 19_000, 22_000, 25_000, 28_000, 31_000, 34_000, 37_000)
	r := s.last(t, Join, Certain, "z")
	if len(r.Also) != 1 || r.Also[0].Worker != "y" || r.Also[0].Cause != Client || !strings.Contains(r.Also[0].Why, "did not come within 28.0 s") {
		t.Errorf("%+v", r.Also)
	}
}

// The round in which others take what a member gave up goes on with the one before.
func TestCooperative(t *testing.T) {
	s := rejoining()
	for m := range s.in.Members {
		for i := range s.in.Members[m].Calls {
			s.in.Members[m].Calls[i].Protocol = "cooperative-sticky"
		}
	}
	s.in.Members = append(s.in.Members, Member{Worker: "z"})
	s.join(2, 9000, 10_010, 2).Protocol = "cooperative-sticky"
	s.in.Members[0].Calls = slices.DeleteFunc(s.in.Members[0].Calls, func(c group.Call) bool { return c.Req == 9000*ms })
	s.told(0, 9500)
	c := s.call(0, group.JoinGroup, 9501, 10_010, 0)
	c.Generation, c.Protocol = 2, "cooperative-sticky"
	s.call(0, group.SyncGroup, 10_011, 10_012, 0).Generation = 2 // and of 0 and 1 there is nothing left
	again := s.call(0, group.JoinGroup, 10_020, 10_600, 0)
	again.Generation, again.Protocol = 3, "cooperative-sticky"
	s.told(1, 10_500)
	s.told(2, 10_501)
	s.join(1, 10_510, 10_600, 3).Protocol = "cooperative-sticky"
	s.join(2, 10_511, 10_600, 3).Protocol = "cooperative-sticky"
	if r := s.last(t, Join, Certain, "z"); len(s.find()) != 2 || r.Rounds != 2 || r.Generation != 3 || r.Over != 10_602*ms {
		t.Errorf("%+v", r)
	}
}

func TestStranger(t *testing.T) {
	s := two(8000)
	s.beats(1, 4000, 7000)
	s.told(0, 10_001)
	s.told(1, 10_002)
	s.join(0, 10_010, 10_020, 2)
	s.join(1, 10_010, 10_020, 2)
	s.last(t, Unknown, Open, "")
	s.in.Strangers = []Stranger{{"somebody", 9000 * ms, 20_000 * ms}}
	s.last(t, Join, Likely, "somebody")
}

// What an answer says of another generation is no sign of the next one.
func TestOldNews(t *testing.T) {
	s := two(8000)
	s.call(0, group.Heartbeat, 1050, 1200, group.RebalanceInProgress).Generation = 7
	s.call(1, group.LeaveGroup, 8000, 8002, 0)
	s.told(0, 10_001)
	s.join(0, 10_002, 10_003, 2)
	s.last(t, Leave, Certain, "y")
}

// The coordinator forgot the group, and its generations begin anew, with others in them.
func TestAnew(t *testing.T) {
	s := two(8000)
	s.in.Members = append(s.in.Members, Member{Worker: "z"})
	s.call(1, group.LeaveGroup, 8000, 8002, 0)
	s.told(0, 10_001)
	s.join(0, 10_002, 10_003, 2)
	s.join(2, 15_000, 15_001, 1)
	if r := s.last(t, Join, Certain, "z"); len(s.find()) != 3 || r.Generation != 1 {
		t.Errorf("%+v", r)
	}
}

// joinsAt is a group in which z asks to join at a time, and x is told at 10 s.
func joinsAt(at int64) *sim {
	s := two(8000)
	s.in.Members = append(s.in.Members, Member{Worker: "z"})
	s.beats(1, 4000, 7000)
	s.told(0, 10_000)
	s.told(1, 10_002)
	for m := range 2 {
		s.join(m, 10_010, 13_000, 2)
	}
	s.join(2, at, 13_000, 2)
	return s
}

// What came after somebody knew is not the cause; of what was noted just after it that is
// not certain.
func TestTooLate(t *testing.T) {
	joinsAt(10_040).last(t, Join, Certain, "z")
	joinsAt(10_200).last(t, Join, Likely, "z")
	if r := joinsAt(11_000).last(t, Unknown, Open, ""); len(r.Also) != 1 || r.Also[0].Worker != "z" {
		t.Errorf("%+v", r.Also)
	}
	// Somebody asked to join again just before, and nobody knows why.
	s := rejoining()
	s.in.Members = append(s.in.Members, Member{Worker: "z"})
	s.join(2, 9040, 10_010, 2)
	s.last(t, Join, Likely, "z")
}

// The session begins when a JoinGroup or a SyncGroup is answered, which others may hold up.
func TestSession(t *testing.T) {
	s := two(14_000)
	for i := range s.in.Members[1].Calls {
		if c := &s.in.Members[1].Calls[i]; c.API == group.SyncGroup {
			c.Resp = 5000 * ms
		}
	}
	s.told(0, 16_000)
	s.join(0, 16_001, 16_002, 2)
	if r := s.last(t, Client, Likely, "y"); r.At != 15_000*ms {
		t.Errorf("at %d", r.At)
	}
}

// A generation was passed over: what happened in it nobody saw.
func TestSkips(t *testing.T) {
	s := two(8000)
	s.call(1, group.LeaveGroup, 8000, 8002, 0)
	s.told(0, 10_001)
	s.join(0, 10_002, 10_003, 3)
	s.last(t, Leave, Likely, "y", "no member was in")
}
