package audit

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kbench/kbench/drivers"
	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/group"
	"github.com/kbench/kbench/results/record"
	"github.com/kbench/kbench/workloads"
)

const s = int64(time.Second)

// tenureOf is a span of the only partition, from one time to another.
func tenureOf(number uint32, first, count uint64, from, to int64) record.Span {
	return record.Span{Kind: record.Delivered, Tenure: number, First: first, Count: count, Offset: int64(first), At: from, LastAt: to}
}

// exchange is a request and its response 1 ms later.
func exchange(api int16, at int64, corr int32, fill func(req, resp *record.Event)) []record.Event {
	req := record.Event{K: record.EvRequest, T: at, API: api, Corr: corr, Group: "g"}
	resp := record.Event{K: record.EvResponse, T: at + s/1000, API: api, Corr: corr}
	if fill != nil {
		fill(&req, &resp)
	}
	return []record.Event{req, resp}
}

var only = []drivers.TopicPartition{{Topic: "t", Partition: 0}}

func given(at int64, corr int32) []record.Event {
	return exchange(group.SyncGroup, at, corr, func(_, resp *record.Event) { resp.Parts = only })
}

func commit(at int64, corr int32, offset int64, code int16) []record.Event {
	return exchange(group.OffsetCommit, at, corr, func(req, resp *record.Event) { req.Parts, req.Offsets, resp.Err = only, []int64{offset}, code })
}

func withEvents(l Log, events ...[]record.Event) Log {
	for _, e := range events {
		l.Events = append(l.Events, e...)
	}
	return l
}

func groupTrial(acts ...results.Act) *results.Trial {
	t := &results.Trial{Kind: workloads.EndToEnd, Topic: "t", Group: "g", Acts: acts}
	t.Spec.Group.Heartbeat = 3 * time.Second
	t.Phases = []results.Phase{{Name: "measure", From: 0, To: 50 * s}, {Name: "drain", From: 50 * s, To: 60 * s}}
	return t
}

func TestGroup(t *testing.T) {
	f := func(what string, want Group, example string, trial *results.Trial, logs ...Log) {
		t.Helper()
		got := Check(trial, logs).Group
		if text := strings.Join(results.Lines(got.Examples), "\n"); !strings.Contains(text, example) || example == "" && text != "" {
			t.Errorf("%s: examples %q, want %q", what, text, example)
		}
		got.Examples = nil
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: want to got:\n%s", what, diff)
		}
	}
	// A successor that begins where its dead predecessor had committed delivers
	// lower offsets than it, and is no zombie.
	f("redelivery after a crash", Group{}, "", groupTrial(),
		reader("consumer-0", tenureOf(1, 0, 100, s, 2*s)), reader("consumer-1", tenureOf(1, 50, 100, 3*s, 4*s)))
	// The predecessor goes on after its successor is ahead.
	f("zombie", Group{Zombies: 3, Overlaps: 1, OverlapTime: 1.5e9}, "zombie: t/0 offset 100 by consumer-0, consumer-1 had delivered up to 149", groupTrial(),
		reader("consumer-0", tenureOf(1, 0, 100, s, 2*s), tenureOf(1, 100, 3, 4.5e9, 4.5e9)), reader("consumer-1", tenureOf(1, 50, 100, 3*s, 4*s), tenureOf(1, 150, 10, 5*s, 6*s)))
	// It goes on, but ahead of its successor: both deliver, no zombie.
	f("overlap", Group{Overlaps: 1, OverlapTime: s}, "overlap: t/0 by consumer-0 and consumer-1 for 1000.000 ms", groupTrial(),
		reader("consumer-0", tenureOf(1, 0, 100, s, 3*s)), reader("consumer-1", tenureOf(1, 40, 10, 2*s, 4*s)))
	// There and back again, each time by assignment.
	back := []Log{
		withEvents(reader("consumer-0", tenureOf(1, 0, 100, s, 2*s), tenureOf(1, 200, 100, 5*s, 6*s)),
			given(0, 1), exchange(group.JoinGroup, 2.1e9, 2, nil), exchange(group.SyncGroup, 2.2e9, 3, nil), given(4.5e9, 4)),
		reader("consumer-1", tenureOf(1, 100, 100, 3*s, 4*s)),
	}
	f("moved there and back", Group{}, "", groupTrial(), back...)
	back[0].Events = nil
	f("there and back without being given it", Group{Overlaps: 1, OverlapTime: s}, "overlap", groupTrial(), back...)
}

func TestCommitRegressions(t *testing.T) {
	f := func(want int64, events ...[]record.Event) {
		t.Helper()
		logs := []Log{withEvents(reader("consumer-0"), events[0]), withEvents(reader("consumer-1"), events[1:]...)}
		if got := Check(groupTrial(), logs).Group.Regressions; got != want {
			t.Errorf("%d regressions, want %d", got, want)
		}
	}
	f(0, commit(s, 1, 100, 0), commit(2*s, 1, 100, 0), commit(3*s, 2, 120, 0))
	f(1, commit(s, 1, 100, 0), commit(2*s, 1, 90, 0), commit(3*s, 2, 95, 0)) // it fell once
	f(0, commit(s, 1, 100, 0), commit(2*s, 1, 90, 22))                       // the broker refused it
	f(0, commit(s, 1, 100, 0), commit(s, 1, 90, 0))                          // side by side: nobody knows which was first
	f(0, commit(s, 1, 100, 27), commit(2*s, 1, 90, 0))
}

func TestStuck(t *testing.T) {
	acked := producer(record.Span{Kind: record.Acked, Count: 400, Offset: 0, At: s, LastAt: 41 * s})
	f := func(what string, want int64, trial *results.Trial, logs ...Log) {
		t.Helper()
		if got := Check(trial, append(logs, acked)); got.Group.Stuck != want {
			t.Errorf("%s: %d stuck, want %d: %q", what, got.Group.Stuck, want, got.Group.Examples)
		}
	}
	long := tenureOf(1, 0, 100, s, 11*s)
	rest := tenureOf(1, 100, 300, 25*s, 45*s)
	owner := withEvents(reader("consumer-0", long, rest), given(0, 1))
	f("14 s of nothing", 1, groupTrial(), owner)
	f("nobody owns it", 0, groupTrial(), reader("consumer-0", long, rest))
	f("stopped on purpose", 0, groupTrial(results.Act{Kind: "stall", Member: "consumer-0", At: 11 * s, Resumed: 24 * s}), owner)
	f("stopped for a moment", 1, groupTrial(results.Act{Kind: "stall", Member: "consumer-0", At: 11 * s, Resumed: 12 * s}), owner)
	f("no lag", 0, groupTrial(), withEvents(reader("consumer-0", tenureOf(1, 0, 400, s, 41*s)), given(0, 1)))
	f("to the end", 1, groupTrial(), withEvents(reader("consumer-0", long), given(0, 1)))
	f("9 s", 0, groupTrial(), withEvents(reader("consumer-0", long, tenureOf(1, 100, 300, 20*s, 45*s)), given(0, 1)))
	// Between the death of an owner and the next assignment nobody owns it.
	victim := withEvents(reader("consumer-0", long), given(0, 1))
	victim.Killed = true
	f("a crash", 0, groupTrial(), victim, withEvents(reader("consumer-1", rest), given(24*s, 1)))
	dead := victim
	dead.Killed, dead.Died = false, true
	f("a death that nobody asked for", 0, groupTrial(), dead, withEvents(reader("consumer-1", rest), given(24*s, 1)))
	// A handler that takes 12 s holds its lane while the next record waits: its own
	// partition always, and every other of the member where it has one lane.
	slow := func(lanes string) *results.Trial {
		trial := groupTrial()
		trial.Spec.Consume.Handler.Time, trial.Spec.Consume.Handler.Lanes = 12*time.Second, lanes
		return trial
	}
	f("a slow handler", 0, slow("partition"), owner)
	other := func(at int64) record.Span {
		sp := tenureOf(2, 0, 1, at, at)
		sp.Partition = 2
		return sp
	}
	none := withEvents(reader("consumer-0", other(3*s), other(14*s), rest), given(0, 1))
	f("a slow handler of another partition", 0, slow("member"), none)
	f("that partition has a lane of its own", 1, slow("partition"), none)
	f("a slow handler, and then nothing", 1, slow("member"), withEvents(reader("consumer-0", long), given(0, 1)))
	// One of 1 ms for records that come all the time leaves the lane free.
	quick := groupTrial()
	quick.Spec.Consume.Handler.Time, quick.Spec.Consume.Handler.Lanes = time.Millisecond, "member"
	busy := record.Span{Kind: record.Delivered, Tenure: 3, First: 0, Count: 2400, Partition: 2, At: s, LastAt: 25 * s}
	f("a quick handler of another partition", 1, quick, withEvents(reader("consumer-0", busy, rest), given(0, 1)))
	f("a successor that does nothing", 1, groupTrial(), victim, withEvents(reader("consumer-1", rest), given(12*s, 1)))
}

func TestGhosts(t *testing.T) {
	f := func(what string, want int64, view *record.Event, leave bool, acts ...results.Act) {
		t.Helper()
		l := withEvents(reader("consumer-0", tenureOf(1, 0, 10, s, 2*s)), exchange(group.JoinGroup, 0, 1, nil))
		if leave {
			l = withEvents(l, exchange(group.LeaveGroup, 3*s, 2, nil))
		}
		logs := []Log{l}
		if view != nil {
			logs = append(logs, Log{Worker: "observer", Events: []record.Event{*view}})
		}
		if got := Check(groupTrial(acts...), logs).Group.Ghosts; got != want {
			t.Errorf("%s: %d ghosts, want %d", what, got, want)
		}
	}
	left := results.Act{Kind: "leave", Member: "consumer-0", At: 2 * s, Gone: 3 * s}
	seen := func(at int64, members ...string) *record.Event {
		v := &record.GroupView{State: "Stable"}
		for _, m := range members {
			v.Members = append(v.Members, record.GroupMember{Worker: m})
		}
		return &record.Event{K: record.EvGroup, From: at, T: at, View: v}
	}
	f("left", 0, seen(5*s, "consumer-1"), true, left)
	f("still there", 1, seen(5*s, "consumer-0", "consumer-1"), true, left)
	f("there for another second", 0, seen(3.5e9, "consumer-0"), true, left)
	f("no view, no request", 1, nil, false, left)
	f("no view, but a request", 0, nil, true, left)
	f("a crash leaves ghosts by nature", 0, nil, false, results.Act{Kind: "crash", Member: "consumer-0", At: 2 * s, Gone: 3 * s})
	f("replaced", 1, nil, false, results.Act{Kind: "restart", Member: "consumer-1", Replaces: "consumer-0", At: 2 * s, Gone: 3 * s})
}
