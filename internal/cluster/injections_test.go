package cluster

import (
	"strings"
	"testing"
	"time"
)

// TestInjections: a node answers requests of a kind with an error, or later, until that is
// over; other nodes and other requests are as they were.
func TestInjections(t *testing.T) {
	c, topic, led := oneOf(t)
	leads := func(node int32) int {
		s, err := c.Serves(deadline(t), node, []string{topic}, "")
		if err != nil {
			t.Fatal(err)
		}
		return len(s.Leads[topic])
	}
	other := leads(2)
	refuse := Injection{ID: 1, Request: "ListOffsets", Error: "NOT_LEADER_OR_FOLLOWER"}
	if err := c.Inject(deadline(t), 1, refuse); err != nil {
		t.Fatal(err)
	}
	if leads(1) != 0 || leads(2) != other {
		t.Errorf("node 1 serves %d, node 2 %d of %d", leads(1), leads(2), other)
	}
	if hits, err := c.Heal(deadline(t), 1, refuse); err != nil || hits == 0 {
		t.Errorf("%d requests had it, %v", hits, err)
	}
	if leads(1) != len(led) {
		t.Errorf("node 1 serves %d of %d", leads(1), len(led))
	}

	const delay = 300 * time.Millisecond
	late := Injection{ID: 2, Request: "Metadata", Delay: delay}
	if err := c.Inject(deadline(t), 1, late); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	if err := c.AskMetadata(deadline(t), 1); err != nil || time.Since(began) < delay {
		t.Errorf("it answered after %s, %v", time.Since(began), err)
	}
	if hits, err := c.Heal(deadline(t), 1, late); err != nil || hits == 0 {
		t.Errorf("%d requests had it, %v", hits, err)
	}
	if err := c.AskMetadata(deadline(t), 1); err != nil {
		t.Error(err)
	}

	for _, f := range []struct {
		in   Injection
		want string
	}{{Injection{ID: 3, Request: "Think"}, "there is no request Think"}, {Injection{ID: 3, Request: "Fetch", Error: "TIRED"}, "there is no error TIRED"}} {
		if err := c.Inject(deadline(t), 1, f.in); err == nil || !strings.Contains(err.Error(), f.want) {
			t.Errorf("%+v: %v", f.in, err)
		}
	}
	if _, err := c.Heal(deadline(t), 1, late); err == nil || !strings.Contains(err.Error(), "nothing of the kind is injected") {
		t.Errorf("what was over was ended: %v", err)
	}
}

// TestNamesOfInjections: every request and error that a document may name is one.
func TestNamesOfInjections(t *testing.T) {
	for _, name := range []string{"Produce", "Fetch", "OffsetCommit", "OffsetFetch", "JoinGroup", "SyncGroup", "Heartbeat", "LeaveGroup", "OffsetForLeaderEpoch", "ConsumerGroupHeartbeat"} {
		if _, known := keyOf(name); !known {
			t.Errorf("there is no request %s", name)
		}
	}
	for name, code := range map[string]int16{
		"NOT_COORDINATOR": 16, "COORDINATOR_NOT_AVAILABLE": 15, "COORDINATOR_LOAD_IN_PROGRESS": 14, "ILLEGAL_GENERATION": 22, "UNKNOWN_MEMBER_ID": 25, "REBALANCE_IN_PROGRESS": 27,
		"NOT_LEADER_OR_FOLLOWER": 6, "LEADER_NOT_AVAILABLE": 5, "FENCED_LEADER_EPOCH": 74, "UNKNOWN_LEADER_EPOCH": 75, "UNKNOWN_TOPIC_OR_PARTITION": 3, "OFFSET_OUT_OF_RANGE": 1,
		"NOT_ENOUGH_REPLICAS": 19, "NOT_ENOUGH_REPLICAS_AFTER_APPEND": 20, "REQUEST_TIMED_OUT": 7, "FENCED_MEMBER_EPOCH": 110, "STALE_MEMBER_EPOCH": 113, "UNKNOWN_SERVER_ERROR": -1,
	} {
		if e, known := errorOf(name); !known || e.Code != code {
			t.Errorf("%s is %v, not %d", name, e, code)
		}
	}
}

// TestEndOffsetsInTheEnd: where a partition ends is asked again while a node says that it does
// not lead it, as it does when leaders have just moved.
func TestEndOffsetsInTheEnd(t *testing.T) {
	c, topic, led := oneOf(t)
	if len(led) == 0 {
		t.Fatal("node 1 leads nothing")
	}
	refuse := Injection{ID: 1, Request: "ListOffsets", Error: "NOT_LEADER_OR_FOLLOWER"}
	if err := c.Inject(deadline(t), 1, refuse); err != nil {
		t.Fatal(err)
	}
	type answer struct {
		ends map[int32]int64
		err  error
	}
	answered := make(chan answer, 1)
	go func() {
		ends, err := c.EndOffsets(deadline(t), topic)
		answered <- answer{ends, err}
	}()
	time.Sleep(time.Second)
	if hits, err := c.Heal(deadline(t), 1, refuse); err != nil || hits == 0 {
		t.Errorf("%d requests had it, %v", hits, err)
	}
	if got := <-answered; got.err != nil || len(got.ends) != partitions {
		t.Errorf("%v, %v", got.ends, got.err)
	}
}
