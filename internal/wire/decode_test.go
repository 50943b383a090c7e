package wire

import (
	"encoding/binary"
	"fmt"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kbench/kbench/drivers"
	"github.com/kbench/kbench/results/record"
)

var (
	topicID = [16]byte{1, 2, 3}
	idText  = "AQIDAAAAAAAAAAAAAAAAAA"
)

// exchange is a request and its response in one version, and what must be read
// from them. The fields that every event has are left out.
type exchange struct {
	req      kmsg.Request
	resp     kmsg.Response
	wantReq  record.Event
	wantResp record.Event
}

// exchanges returns every group API in every version.
func exchanges() []exchange {
	str := func(s string) *string { return &s }
	// since returns s from a version on: what an older version does not carry
	// must come out empty.
	since := func(v, from int16, s string) string {
		if v < from {
			return ""
		}
		return s
	}
	name := func(v, ids int16) string {
		if v >= ids {
			return idText
		}
		return "orders"
	}
	subscription := (&kmsg.ConsumerMemberMetadata{Version: 1, Topics: []string{"returns", "orders"}}).AppendTo(nil)
	var all []exchange
	each := func(highest int16, f func(v int16) exchange) {
		for v := range highest + 1 {
			x := f(v)
			x.req.SetVersion(v)
			x.resp.SetVersion(v)
			all = append(all, x)
		}
	}
	each((&kmsg.JoinGroupRequest{}).MaxVersion(), func(v int16) exchange {
		rebalance := int32(0)
		if v >= 1 {
			rebalance = 30000
		}
		return exchange{
			&kmsg.JoinGroupRequest{
				Group: "g", SessionTimeoutMillis: 10000, RebalanceTimeoutMillis: 30000, MemberID: "m", InstanceID: str("i"),
				ProtocolType: "consumer", Protocols: []kmsg.JoinGroupRequestProtocol{{Name: "range", Metadata: subscription}, {Name: "roundrobin"}}, Reason: str("why"),
			},
			&kmsg.JoinGroupResponse{ErrorCode: 27, Generation: 4, Protocol: str("range"), LeaderID: "m", MemberID: "m2"},
			record.Event{
				Group: "g", Member: "m", Instance: since(v, 5, "i"), SessionMs: 10000, RebalanceMs: rebalance,
				Protocols: []string{"range", "roundrobin"}, Topics: []string{"orders", "returns"}, Reason: since(v, 8, "why"),
			},
			record.Event{Err: 27, Generation: 4, Protocol: "range", Member: "m2"},
		}
	})
	each((&kmsg.SyncGroupRequest{}).MaxVersion(), func(v int16) exchange {
		assignment := kmsg.ConsumerMemberAssignment{
			Topics: []kmsg.ConsumerMemberAssignmentTopic{{Topic: "orders", Partitions: []int32{0, 7}}},
		}
		return exchange{
			&kmsg.SyncGroupRequest{Group: "g", Generation: 4, MemberID: "m", InstanceID: str("i"), ProtocolType: str("consumer"), Protocol: str("range")},
			&kmsg.SyncGroupResponse{ErrorCode: 22, ProtocolType: str("consumer"), Protocol: str("range"), MemberAssignment: assignment.AppendTo(nil)},
			record.Event{Group: "g", Generation: 4, Member: "m", Instance: since(v, 3, "i"), Protocol: since(v, 5, "range")},
			record.Event{
				Err: 22, Protocol: since(v, 5, "range"),
				Parts: []drivers.TopicPartition{{Topic: "orders", Partition: 0}, {Topic: "orders", Partition: 7}},
			},
		}
	})
	each((&kmsg.HeartbeatRequest{}).MaxVersion(), func(v int16) exchange {
		return exchange{
			&kmsg.HeartbeatRequest{Group: "g", Generation: 4, MemberID: "m", InstanceID: str("i")},
			&kmsg.HeartbeatResponse{ErrorCode: 27},
			record.Event{Group: "g", Generation: 4, Member: "m", Instance: since(v, 3, "i")},
			record.Event{Err: 27},
		}
	})
	each((&kmsg.LeaveGroupRequest{}).MaxVersion(), func(v int16) exchange {
		code := int16(0)
		if v >= 3 {
			code = 25
		}
		return exchange{
			&kmsg.LeaveGroupRequest{Group: "g", MemberID: "m", Members: []kmsg.LeaveGroupRequestMember{{MemberID: "m", InstanceID: str("i"), Reason: str("why")}}},
			&kmsg.LeaveGroupResponse{Members: []kmsg.LeaveGroupResponseMember{{MemberID: "m", ErrorCode: 25}}},
			record.Event{Group: "g", Member: "m", Instance: since(v, 3, "i"), Reason: since(v, 5, "why")},
			record.Event{Err: code},
		}
	})
	each((&kmsg.OffsetCommitRequest{}).MaxVersion(), func(v int16) exchange {
		generation := int32(-1)
		if v >= 1 {
			generation = 4
		}
		return exchange{
			&kmsg.OffsetCommitRequest{
				Group: "g", Generation: 4, MemberID: "m", InstanceID: str("i"),
				Topics: []kmsg.OffsetCommitRequestTopic{{Topic: "orders", TopicID: topicID, Partitions: []kmsg.OffsetCommitRequestTopicPartition{
					{Partition: 3, Offset: 100}, {Partition: 5, Offset: math.MaxInt32 + 1},
				}}},
			},
			&kmsg.OffsetCommitResponse{Topics: []kmsg.OffsetCommitResponseTopic{{Topic: "orders", TopicID: topicID, Partitions: []kmsg.OffsetCommitResponseTopicPartition{
				{Partition: 3}, {Partition: 5, ErrorCode: 25}, {Partition: 6, ErrorCode: 22},
			}}}},
			record.Event{
				Group: "g", Generation: generation, Member: since(v, 1, "m"), Instance: since(v, 7, "i"),
				Parts:   []drivers.TopicPartition{{Topic: name(v, 10), Partition: 3}, {Topic: name(v, 10), Partition: 5}},
				Offsets: []int64{100, math.MaxInt32 + 1},
			},
			record.Event{Err: 25},
		}
	})
	each((&kmsg.OffsetFetchRequest{}).MaxVersion(), func(v int16) exchange {
		generation := int32(0)
		if v >= 9 {
			generation = 4
		}
		return exchange{
			&kmsg.OffsetFetchRequest{
				Group:  "g",
				Topics: []kmsg.OffsetFetchRequestTopic{{Topic: "orders", Partitions: []int32{3}}},
				Groups: []kmsg.OffsetFetchRequestGroup{{Group: "g", MemberID: str("m"), MemberEpoch: 4, Topics: []kmsg.OffsetFetchRequestGroupTopic{
					{Topic: "orders", TopicID: topicID, Partitions: []int32{3}},
				}}},
			},
			&kmsg.OffsetFetchResponse{
				Topics: []kmsg.OffsetFetchResponseTopic{{Topic: "orders", Partitions: []kmsg.OffsetFetchResponseTopicPartition{{Partition: 3, ErrorCode: 88}}}},
				Groups: []kmsg.OffsetFetchResponseGroup{{Group: "g", Topics: []kmsg.OffsetFetchResponseGroupTopic{
					{Topic: "orders", TopicID: topicID, Partitions: []kmsg.OffsetFetchResponseGroupTopicPartition{{Partition: 3, ErrorCode: 88}}},
				}}},
			},
			record.Event{
				Group: "g", Member: since(v, 9, "m"), Generation: generation,
				Parts: []drivers.TopicPartition{{Topic: name(v, 10), Partition: 3}},
			},
			record.Event{Err: 88, Group: since(v, 8, "g")},
		}
	})
	each((&kmsg.FindCoordinatorRequest{}).MaxVersion(), func(v int16) exchange {
		return exchange{
			&kmsg.FindCoordinatorRequest{CoordinatorKey: "g", CoordinatorKeys: []string{"g"}},
			&kmsg.FindCoordinatorResponse{ErrorCode: 15, Coordinators: []kmsg.FindCoordinatorResponseCoordinator{{Key: "g", ErrorCode: 15}}},
			record.Event{Group: "g"},
			record.Event{Err: 15},
		}
	})
	each((&kmsg.ConsumerGroupHeartbeatRequest{}).MaxVersion(), func(int16) exchange {
		return exchange{
			&kmsg.ConsumerGroupHeartbeatRequest{
				Group: "g", MemberID: "m", MemberEpoch: 4, InstanceID: str("i"), RebalanceTimeoutMillis: 30000, ServerAssignor: str("uniform"),
				SubscribedTopicNames: []string{"orders"}, Topics: []kmsg.ConsumerGroupHeartbeatRequestTopic{{TopicID: topicID, Partitions: []int32{1}}},
			},
			&kmsg.ConsumerGroupHeartbeatResponse{
				ErrorCode: 110, MemberID: str("m"), MemberEpoch: 5,
				Assignment: &kmsg.ConsumerGroupHeartbeatResponseAssignment{Topics: []kmsg.ConsumerGroupHeartbeatResponseAssignmentTopic{
					{TopicID: topicID, Partitions: []int32{1, 2}},
				}},
			},
			record.Event{
				Group: "g", Member: "m", Instance: "i", Generation: 4, RebalanceMs: 30000, Protocols: []string{"uniform"},
				Parts: []drivers.TopicPartition{{Topic: idText, Partition: 1}}, Topics: []string{"orders"},
			},
			record.Event{
				Err: 110, Member: "m", Generation: 5,
				Parts: []drivers.TopicPartition{{Topic: idText, Partition: 1}, {Topic: idText, Partition: 2}},
			},
		}
	})
	// A list without partitions is not the same as no list: the one gives up
	// everything, the other says that nothing has changed.
	beat := func(topics []kmsg.ConsumerGroupHeartbeatRequestTopic, given *kmsg.ConsumerGroupHeartbeatResponseAssignment, empty bool) {
		each((&kmsg.ConsumerGroupHeartbeatRequest{}).MaxVersion(), func(int16) exchange {
			return exchange{
				&kmsg.ConsumerGroupHeartbeatRequest{Group: "g", MemberID: "m", MemberEpoch: 4, RebalanceTimeoutMillis: -1, Topics: topics},
				&kmsg.ConsumerGroupHeartbeatResponse{MemberID: str("m"), MemberEpoch: 5, Assignment: given},
				record.Event{Group: "g", Member: "m", Generation: 4, RebalanceMs: -1, Empty: empty},
				record.Event{Member: "m", Generation: 5, Empty: empty},
			}
		})
	}
	beat(nil, nil, false)
	beat([]kmsg.ConsumerGroupHeartbeatRequestTopic{}, &kmsg.ConsumerGroupHeartbeatResponseAssignment{}, true)
	return all
}

func TestGroupRequestsInEveryVersion(t *testing.T) {
	for i, x := range exchanges() {
		t.Run(fmt.Sprintf("%s v%d", kmsg.NameForKey(x.req.Key()), x.req.GetVersion()), func(t *testing.T) {
			tap, events := newTap(t, Options{})
			s := &script{}
			c := tap.wrap(s, "broker:9092", 0)
			corr := int32(i * 1000)
			out, in := request(x.req, corr), response(x.resp, corr)
			send(t, c, out, len(out))
			s.toRead = in
			receive(t, c, s, len(in))

			complete := func(e record.Event, k record.EventKind, at int64, bytes int) record.Event {
				e.K, e.T, e.Conn, e.Node, e.Bytes = k, at, 1, "broker:9092", bytes
				e.API, e.V, e.Corr = x.req.Key(), x.req.GetVersion(), corr
				return e
			}
			want := []record.Event{ // the Tap has read the clock twice before: when it began, and as the request passed
				complete(x.wantReq, record.EvRequest, 3, len(out)),
				complete(x.wantResp, record.EvResponse, 6, len(in)), // and before and in the Read
			}
			if diff := cmp.Diff(want, events.of(record.EvRequest, record.EvResponse)); diff != "" {
				t.Errorf("events differ (-want +got):\n%s", diff)
			}
		})
	}
}

// batch is a record batch of n records whose bodies are filler.
func batch(n, filler int, codec uint16) []byte {
	b := make([]byte, 61+filler)
	binary.BigEndian.PutUint32(b[8:], uint32(len(b)-12))
	b[16] = 2
	binary.BigEndian.PutUint16(b[21:], codec|1<<4) // transactional: a bit that is not the codec's
	binary.BigEndian.PutUint32(b[57:], uint32(n))
	return b
}

// produce is a Produce request in a version.
func produce(v, acks int16, records []byte) *kmsg.ProduceRequest {
	id := "tx"
	return &kmsg.ProduceRequest{
		Version: v, TransactionID: &id, Acks: acks, TimeoutMillis: 7000,
		Topics: []kmsg.ProduceRequestTopic{{Topic: "orders", TopicID: topicID, Partitions: []kmsg.ProduceRequestTopicPartition{
			{Partition: 2, Records: records},
		}}},
	}
}

func TestProduceIsDecoded(t *testing.T) {
	for v := int16(3); v <= (&kmsg.ProduceRequest{}).MaxVersion(); v++ {
		tap, events := newTap(t, Options{})
		c := tap.wrap(&script{}, "b:1", 0)
		records := append(batch(10, 300, 4), batch(1, 5, 0)...)
		b := request(produce(v, -1, append(records, batch(3, 0, 6)...)), 1)
		send(t, c, b, len(b))
		topic := "orders"
		if v >= 13 {
			topic = idText
		}
		acks := int16(-1)
		want := []record.Event{{
			T: 3, K: record.EvProduce, Conn: 1, Node: "b:1", V: v, Corr: 1, Bytes: len(b),
			Acks: &acks, TimeoutMs: 7000,
			Batches: []record.Batch{
				{Topic: topic, Partition: 2, Records: 10, Bytes: 361, Codec: "zstd"},
				{Topic: topic, Partition: 2, Records: 1, Bytes: 66, Codec: "none"},
				{Topic: topic, Partition: 2, Records: 3, Bytes: 61, Codec: "6"},
			},
		}}
		if diff := cmp.Diff(want, events.of(record.EvProduce)); diff != "" {
			t.Errorf("v%d: events differ (-want +got):\n%s", v, diff)
		}
	}
}

func TestBrokenBatchesAreCounted(t *testing.T) {
	f := func(what string, records []byte) {
		t.Helper()
		tap, events := newTap(t, Options{})
		c := tap.wrap(&script{}, "b:1", 0)
		b := request(produce(9, 1, records), 1)
		send(t, c, b, len(b))
		if got := events.of(record.EvProduce); len(got) != 0 {
			t.Errorf("%s: got events %v", what, got)
		}
		if n := tap.sums.unknown.Load(); n != 1 {
			t.Errorf("%s: %d frames could not be read, want 1", what, n)
		}
	}
	old := batch(1, 10, 0)
	old[16] = 1
	f("message set", old)
	f("torn header", batch(1, 10, 0)[:40])
	f("torn body", batch(1, 10, 0)[:65])
	negative := batch(1, 10, 0)
	negative[8] = 0xff
	f("negative length", negative)
}

func TestFetchIsDecoded(t *testing.T) {
	for v := int16(0); v <= (&kmsg.FetchRequest{}).MaxVersion(); v++ {
		tap, events := newTap(t, Options{})
		c := tap.wrap(&script{}, "b:1", 0)
		b := request(&kmsg.FetchRequest{
			Version: v, MaxWaitMillis: 500, MinBytes: 1, MaxBytes: 50 << 20, IsolationLevel: 1,
			Topics: []kmsg.FetchRequestTopic{{Topic: "orders", TopicID: topicID, Partitions: []kmsg.FetchRequestTopicPartition{
				{Partition: 0, PartitionMaxBytes: 10}, {Partition: 1, PartitionMaxBytes: 1 << 20}, {Partition: 2, PartitionMaxBytes: 20},
			}}},
		}, 1)
		send(t, c, b, len(b))
		wait, least := int32(500), int32(1)
		maxBytes, isolation := int32(0), int8(0)
		if v >= 3 {
			maxBytes = 50 << 20
		}
		if v >= 4 {
			isolation = 1
		}
		want := []record.Event{{
			T: 3, K: record.EvFetch, Conn: 1, Node: "b:1", API: 1, V: v, Corr: 1, Bytes: len(b),
			MaxWaitMs: &wait, MinBytes: &least, MaxBytes: maxBytes, PartitionMaxBytes: 1 << 20, Isolation: &isolation,
		}}
		if diff := cmp.Diff(want, events.of(record.EvFetch)); diff != "" {
			t.Errorf("v%d: events differ (-want +got):\n%s", v, diff)
		}
	}
}

func TestFetchThatEndsASessionIsNotReported(t *testing.T) {
	tap, events := newTap(t, Options{Every: 1})
	c := tap.wrap(&script{}, "b:1", 0)
	send(t, c, request(&kmsg.FetchRequest{Version: 11, MaxWaitMillis: 1, SessionID: 7, SessionEpoch: -1}, 1), 1<<20)
	send(t, c, request(&kmsg.FetchRequest{Version: 11, MaxWaitMillis: 500, SessionID: 0, SessionEpoch: -1}, 2), 1<<20)
	got := events.of(record.EvFetch)
	if len(got) != 1 || got[0].Corr != 2 {
		t.Errorf("got %v, want the second alone: without a session, epoch -1 is every Fetch's", got)
	}
	if n := tap.sums.unknown.Load(); n != 0 {
		t.Errorf("%d frames could not be read", n)
	}
}
