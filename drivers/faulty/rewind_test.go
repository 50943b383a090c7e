package faulty

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kbench/kbench/drivers"
)

// TestRewind: in every version that a client may send, the commit whose turn it
// is goes back and all others go through as they are.
func TestRewind(t *testing.T) {
	for version := int16(1); version <= 9; version++ {
		r := &rewind{nth: 2, last: make(map[drivers.TopicPartition]int64)}
		for i, want := range []int64{10, 9, 30} {
			sent := commit(version, int64(i+1)*10)
			out := r.request(sent)
			if (out != nil) != (i == 1) {
				t.Fatalf("v%d, commit %d: changed is %v", version, i+1, out != nil)
			}
			if out == nil {
				out = sent
			}
			if got := offset(t, version, out); got != want {
				t.Errorf("v%d, commit %d: the offset is %d, want %d", version, i+1, got, want)
			}
			if len(out) != len(sent) || !bytes.Equal(out[:20], sent[:20]) {
				t.Errorf("v%d: the frame or its header was changed", version)
			}
		}
	}
}

// TestRewindLeavesOthers: what is no whole commit is not touched.
func TestRewindLeavesOthers(t *testing.T) {
	r := &rewind{nth: 1, last: map[drivers.TopicPartition]int64{{Topic: "t", Partition: 3}: 10}}
	whole := commit(5, 20)
	heartbeat := kmsg.NewPtrHeartbeatRequest()
	for _, b := range [][]byte{nil, whole[:3], whole[:len(whole)-1], append(bytes.Clone(whole), 0), kmsg.NewRequestFormatter().AppendRequest(nil, heartbeat, 1)} {
		if r.request(b) != nil {
			t.Errorf("%d bytes were changed", len(b))
		}
	}
	if r.request(whole) == nil {
		t.Error("the whole commit was not")
	}
}

func commit(version int16, offset int64) []byte {
	req := kmsg.NewPtrOffsetCommitRequest()
	req.SetVersion(version)
	req.Group = "g"
	p := kmsg.NewOffsetCommitRequestTopicPartition()
	p.Partition, p.Offset = 3, offset
	req.Topics = []kmsg.OffsetCommitRequestTopic{{Topic: "t", Partitions: []kmsg.OffsetCommitRequestTopicPartition{p}}}
	return kmsg.NewRequestFormatter(kmsg.FormatterClientID("consumer-0")).AppendRequest(nil, req, 1)
}

func offset(t *testing.T, version int16, frame []byte) int64 {
	t.Helper()
	if int(binary.BigEndian.Uint32(frame))+4 != len(frame) {
		t.Fatal("the size does not fit the frame")
	}
	req := kmsg.NewPtrOffsetCommitRequest()
	req.SetVersion(version)
	head := 14 + len("consumer-0")
	if req.IsFlexible() {
		head++
	}
	if err := req.ReadFrom(frame[head:]); err != nil {
		t.Fatal(err)
	}
	return req.Topics[0].Partitions[0].Offset
}
