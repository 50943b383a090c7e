package wire

import (
	"context"
	"errors"
	"net"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kbench/kbench/results/record"
)

// waitingNow ends an interval and returns what waits at its end.
func waitingNow(tap *Tap, events *log) []record.Waiting {
	tap.Flush()
	all := events.of(record.EvWire)
	return all[len(all)-1].Waiting
}

// Of a connection it is told since when nothing has come back on it, once that is a
// second; not while a fetch may wait for records, nor where a request waits for others.
func TestWaiting(t *testing.T) {
	const second = int64(1e9)
	now := 1000 * second
	tap, events := newTap(t, Options{Now: func() int64 { return now }})
	f := func(what string, want ...record.Waiting) {
		t.Helper()
		if d := cmp.Diff(want, waitingNow(tap, events)); d != "" {
			t.Errorf("%s (-want +got):\n%s", what, d)
		}
	}
	s, other := &script{}, &script{}
	c, d := tap.wrap(s, "b:1", 0), tap.wrap(other, "b:2", 0)
	f("nothing was asked")
	beat := &kmsg.HeartbeatRequest{Group: "g"}
	send(t, c, request(beat, 1), 1000)
	now += second / 2
	f("it may still come")
	now += second
	f("a heartbeat", record.Waiting{Conn: 1, Node: "b:1", API: 12, From: 1000 * second})
	fetch := kmsg.NewPtrFetchRequest()
	fetch.Version, fetch.MaxWaitMillis = 11, 5000
	asked := now
	send(t, d, request(fetch, 1), 1000)
	now += 3 * second
	f("a fetch may wait", record.Waiting{Conn: 1, Node: "b:1", API: 12, From: 1000 * second})
	now += 3 * second
	f("no longer", record.Waiting{Conn: 1, Node: "b:1", API: 12, From: 1000 * second}, record.Waiting{Conn: 2, Node: "b:2", API: 1, From: asked + 5*second})
	s.toRead = response(beat.ResponseKind(), 1)
	receive(t, c, s, 1000)
	d.Close()
	f("it came, and the other is closed")
	send(t, c, request(&kmsg.JoinGroupRequest{Group: "g"}, 2), 1000)
	now += 30 * second
	f("who joins waits for others")
	done := tap.quiet.dialling("b:3", now)
	now += 2 * second
	f("a dial", record.Waiting{Node: "b:3", API: -1, From: now - 2*second})
	done()
	f("it came through")
	if _, err := tap.Dial(context.Background(), "tcp", "127.0.0.1:0"); err == nil {
		t.Fatal("a dial that must fail did not")
	}
	tap.Flush()
	if all := events.of(record.EvWire); all[len(all)-1].Undialled != 1 || all[len(all)-2].Undialled != 0 {
		t.Errorf("%d dials failed, before it %d", all[len(all)-1].Undialled, all[len(all)-2].Undialled)
	}
}

// failing is a connection of which every Read fails.
type failing struct {
	net.Conn
	err error
}

func (f *failing) Read([]byte) (int, error) { return 0, f.err }
func (f *failing) Close() error             { return nil }

// That a connection was ended is told once; that its client ended it, or lost patience,
// is not.
func TestHangup(t *testing.T) {
	f := func(what string, err error, closed bool, want int) {
		t.Helper()
		tap, events := newTap(t, Options{})
		c := tap.wrap(&failing{err: err}, "b:1", 0)
		if closed {
			c.Close()
		}
		for range 2 {
			if _, err := c.Read(make([]byte, 1)); err == nil {
				t.Fatal("no error")
			}
		}
		all := events.of(record.EvHangup)
		if len(all) != want || want > 0 && (all[0].Node != "b:1" || all[0].Conn != 1) {
			t.Errorf("%s: %+v", what, all)
		}
	}
	f("reset", errors.New("connection reset by peer"), false, 1)
	f("a deadline", os.ErrDeadlineExceeded, false, 0)
	f("closed", net.ErrClosed, true, 0)
}

// A number of partitions is told of when it is another than before, whichever connection
// it comes over; that of a topic with an error is none.
func TestTopicCounts(t *testing.T) {
	tap, events := newTap(t, Options{})
	tell := func(node string, name string, partitions int, code int16) {
		t.Helper()
		s := &script{}
		c := tap.wrap(s, node, 0)
		req := kmsg.NewPtrMetadataRequest()
		req.Version = 9
		send(t, c, request(req, 1), 1000)
		resp := req.ResponseKind().(*kmsg.MetadataResponse)
		topic := kmsg.NewMetadataResponseTopic()
		topic.Topic, topic.ErrorCode = kmsg.StringPtr(name), code
		for p := range partitions {
			part := kmsg.NewMetadataResponseTopicPartition()
			part.Partition = int32(p)
			topic.Partitions = append(topic.Partitions, part)
		}
		resp.Topics = append(resp.Topics, topic)
		s.toRead = response(resp, 1)
		receive(t, c, s, 7)
	}
	tell("b:1", "t", 3, 0)
	tell("b:2", "t", 3, 0)
	tell("b:1", "u", 1, 0)
	tell("b:1", "t", 5, 0)
	tell("b:1", "t", 2, 5)
	var got [][]record.TopicCount
	for _, e := range events.of(record.EvTopics) {
		got = append(got, e.Counts)
	}
	if d := cmp.Diff([][]record.TopicCount{{{Topic: "t", Partitions: 3}}, {{Topic: "u", Partitions: 1}}, {{Topic: "t", Partitions: 5}}}, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}
