package group

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kbench/kbench/drivers"
	"github.com/kbench/kbench/results/record"
)

func same(t *testing.T, what string, got, want any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s, want to got:\n%s", what, diff)
	}
}

// The numbers are those of the protocol.
func TestNumbers(t *testing.T) {
	for api, want := range map[int16]kmsg.Key{
		OffsetCommit: kmsg.OffsetCommit, OffsetFetch: kmsg.OffsetFetch, JoinGroup: kmsg.JoinGroup, Heartbeat: kmsg.Heartbeat,
		LeaveGroup: kmsg.LeaveGroup, SyncGroup: kmsg.SyncGroup, FindCoordinator: kmsg.FindCoordinator, ConsumerGroupHeartbeat: kmsg.ConsumerGroupHeartbeat,
	} {
		if api != want.Int16() {
			t.Errorf("%s is %d, not %d", want.Name(), want.Int16(), api)
		}
	}
	for code, want := range map[int16]*kerr.Error{
		IllegalGeneration: kerr.IllegalGeneration, UnknownMemberID: kerr.UnknownMemberID, RebalanceInProgress: kerr.RebalanceInProgress,
		MemberIDRequired: kerr.MemberIDRequired, FencedInstanceID: kerr.FencedInstanceID, FencedMemberEpoch: kerr.FencedMemberEpoch,
		StaleMemberEpoch: kerr.StaleMemberEpoch, CoordinatorLoading: kerr.CoordinatorLoadInProgress, NoCoordinator: kerr.CoordinatorNotAvailable,
		NotCoordinator: kerr.NotCoordinator,
	} {
		if code != want.Code {
			t.Errorf("%s is %d, not %d", want.Message, want.Code, code)
		}
	}
}

func part(p int32) drivers.TopicPartition { return drivers.TopicPartition{Topic: "t", Partition: p} }

func request(at int64, conn int, corr int32, api int16) record.Event {
	return record.Event{K: record.EvRequest, T: at, Conn: conn, Corr: corr, API: api, Group: "g"}
}

func response(at int64, conn int, corr int32, api int16) record.Event {
	return record.Event{K: record.EvResponse, T: at, Conn: conn, Corr: corr, API: api}
}

func TestPair(t *testing.T) {
	events := []record.Event{
		{K: record.EvRequest, T: 1, Conn: 1, Corr: 7, API: JoinGroup, Group: "g", Member: "", SessionMs: 6000},
		{K: record.EvRequest, T: 2, Conn: 2, Corr: 7, API: Heartbeat, Group: "g", Member: "m", Generation: 3},
		{K: record.EvRequest, T: 2, Conn: 3, Corr: 7, API: Heartbeat, Group: "another"},
		{K: record.EvResponse, T: 3, Conn: 3, Corr: 7, API: Heartbeat, Err: RebalanceInProgress},
		{K: record.EvResponse, T: 4, Conn: 2, Corr: 7, API: Heartbeat, Err: RebalanceInProgress},
		{K: record.EvResponse, T: 5, Conn: 1, Corr: 7, API: JoinGroup, Member: "m", Generation: 4, Protocol: "range"},
		{K: record.EvResponse, T: 5, Conn: 1, Corr: 8, API: SyncGroup},
		{K: record.EvRequest, T: 6, Conn: 1, Corr: 9, API: SyncGroup, Group: "g", Member: "m", Generation: 4},
		{K: record.EvResponse, T: 7, Conn: 1, Corr: 9, API: SyncGroup, Parts: []drivers.TopicPartition{part(2), part(1)}},
		{K: record.EvRequest, T: 8, Conn: 1, Corr: 10, API: Heartbeat, Group: "g", Member: "m", Generation: 4},
	}
	same(t, "calls", Pair(events, "g"), []Call{
		{API: JoinGroup, Req: 1, Resp: 5, Conn: 1, ID: "m", Session: 6000e6, Generation: 4, Epoch: 4, Protocol: "range"},
		{API: Heartbeat, Req: 2, Resp: 4, Conn: 2, Err: RebalanceInProgress, ID: "m", Generation: 3},
		{API: SyncGroup, Req: 6, Resp: 7, Conn: 1, ID: "m", Generation: 4, Given: []int32{1, 2}},
		{API: Heartbeat, Req: 8, Conn: 1, ID: "m", Generation: 4},
	})
	if all := Pair(events, ""); len(all) != 5 || all[2].Resp != 3 {
		t.Errorf("where no group is named, that of every request is right: %+v", all)
	}
}

// A correlation id is used again: after it was answered, after an answer that
// never came, and on another connection, for a request of another kind.
func TestPairReused(t *testing.T) {
	same(t, "calls", Pair([]record.Event{
		request(1, 1, 5, Heartbeat), response(2, 1, 5, Heartbeat),
		request(3, 1, 5, SyncGroup), response(4, 1, 5, SyncGroup),
		request(5, 1, 5, Heartbeat),
		request(6, 1, 5, Heartbeat), response(7, 1, 5, Heartbeat), response(8, 1, 5, Heartbeat),
		request(9, 2, 5, JoinGroup), response(10, 1, 5, JoinGroup), response(11, 2, 5, Heartbeat),
	}, "g"), []Call{
		{API: Heartbeat, Req: 1, Resp: 2, Conn: 1}, {API: SyncGroup, Req: 3, Resp: 4, Conn: 1},
		{API: Heartbeat, Req: 5, Conn: 1}, {API: Heartbeat, Req: 6, Resp: 7, Conn: 1}, {API: JoinGroup, Req: 9, Conn: 2},
	})
}

// Events of two connections may be written in another order than they happened
// in, and those of partitions that the trial does not know count for nothing.
func TestPairOrders(t *testing.T) {
	commit := request(3, 1, 1, OffsetCommit)
	commit.Parts, commit.Offsets = []drivers.TopicPartition{part(4), part(-1), part(2), part(3)}, []int64{40, 7, -1, 30}
	same(t, "calls", Pair([]record.Event{commit, response(9, 1, 1, OffsetCommit), request(2, 2, 1, Heartbeat), response(4, 2, 1, Heartbeat)}, "g"), []Call{
		{API: Heartbeat, Req: 2, Resp: 4, Conn: 2},
		{API: OffsetCommit, Req: 3, Resp: 9, Conn: 1, Asked: []int32{2, 3, 4}, Commits: []Commit{{4, 40}, {3, 30}}},
	})
}

// What a call says of its member.
func TestCallSays(t *testing.T) {
	type says struct{ tells, rejected, renews, leaves, goesAway, enters, joins, synced bool }
	f := func(what string, c Call, want says) {
		t.Helper()
		got := says{c.Tells(), c.Rejected(), c.Renews(c.API == ConsumerGroupHeartbeat), c.Leaves(), c.GoesAway(), c.Enters(), c.Joins(), c.Synced()}
		if got != want {
			t.Errorf("%s: %+v, want %+v", what, got, want)
		}
	}
	f("a beat", Call{API: Heartbeat, Resp: 1}, says{renews: true})
	f("a beat without a response", Call{API: Heartbeat, Err: RebalanceInProgress}, says{renews: true})
	f("told to rejoin", Call{API: Heartbeat, Resp: 1, Err: RebalanceInProgress}, says{tells: true, renews: true})
	f("told by a commit", Call{API: OffsetCommit, Resp: 1, Err: IllegalGeneration}, says{tells: true})
	f("forgotten", Call{API: Heartbeat, Resp: 1, Err: UnknownMemberID}, says{tells: true, rejected: true})
	f("a member id to come back with", Call{API: JoinGroup, Resp: 1, Err: MemberIDRequired}, says{enters: true})
	f("joined", Call{API: JoinGroup, Resp: 1}, says{renews: true, enters: true, joins: true})
	f("asked to join", Call{API: JoinGroup}, says{renews: true, enters: true, joins: true})
	f("synced", Call{API: SyncGroup, Resp: 1}, says{renews: true, synced: true})
	f("a sync of an old generation", Call{API: SyncGroup, Resp: 1, Err: IllegalGeneration}, says{})
	f("left", Call{API: LeaveGroup}, says{leaves: true, goesAway: true})
	f("KIP-848: joined", Call{API: ConsumerGroupHeartbeat, Resp: 1, Epoch: 1}, says{renews: true, enters: true, joins: true})
	f("KIP-848: a beat", Call{API: ConsumerGroupHeartbeat, Resp: 1, Generation: 1, Epoch: 1}, says{renews: true})
	f("KIP-848: fenced", Call{API: ConsumerGroupHeartbeat, Resp: 1, Generation: 1, Err: FencedMemberEpoch}, says{rejected: true})
	f("KIP-848: stale", Call{API: ConsumerGroupHeartbeat, Resp: 1, Generation: 1, Err: StaleMemberEpoch}, says{})
	f("KIP-848: left", Call{API: ConsumerGroupHeartbeat, Resp: 1, Generation: -1}, says{renews: true, leaves: true, goesAway: true})
	f("KIP-848: a static member will be back", Call{API: ConsumerGroupHeartbeat, Resp: 1, Generation: -2}, says{renews: true, goesAway: true})
}

func TestViewFrom(t *testing.T) {
	view := func(from int64, state string) record.Event {
		return record.Event{K: record.EvGroup, From: from, T: from + 5, View: &record.GroupView{State: state}}
	}
	events := []record.Event{view(10, "Stable"), {K: record.EvGroup, From: 15}, request(16, 1, 1, Heartbeat), view(20, "Empty")}
	if v := ViewFrom(events, 11); v == nil || v.State != "Empty" {
		t.Errorf("from 11: %+v", v)
	}
	if v := ViewFrom(events, 10); v == nil || v.State != "Stable" {
		t.Errorf("from 10: %+v", v)
	}
	if v := ViewFrom(events, 21); v != nil {
		t.Errorf("from 21: %+v", v)
	}
	if v := ViewBy(events, 24); v == nil || v.State != "Stable" {
		t.Errorf("by 24: %+v", v)
	}
	if v := ViewBy(events, 25); v == nil || v.State != "Empty" {
		t.Errorf("by 25: %+v", v)
	}
	if v := ViewBy(events, 14); v != nil {
		t.Errorf("by 14: %+v", v)
	}
}
