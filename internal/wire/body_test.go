package wire

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kbench/kbench/results/record"
)

// full is a Produce request of two topics with three partitions, one of which is null,
// with tags wherever a version has them, and what it holds.
func full(v int16) (*kmsg.ProduceRequest, record.Batched) {
	p := produce(v, -1, append(append(batch(10, 300, 4), batch(0, 0, 0)...), batch(1, 5, 0)...))
	p.Topics = append(p.Topics, kmsg.ProduceRequestTopic{Topic: "another", Partitions: []kmsg.ProduceRequestTopicPartition{
		{Partition: 0}, {Partition: 77, Records: batch(1<<20, 1000, 0)},
	}})
	if v >= 9 {
		p.UnknownTags.Set(3, []byte("of the request"))
		for i := range p.Topics {
			p.Topics[i].UnknownTags.Set(300, []byte("of a topic"))
			p.Topics[i].UnknownTags.Set(301, nil)
			for j := range p.Topics[i].Partitions {
				p.Topics[i].Partitions[j].UnknownTags.Set(1, make([]byte, 200))
			}
		}
	}
	return p, record.Batched{Batches: 4, Records: 11 + 1<<20}
}

// batched is what a Tap counted in Produce requests.
func batched(tap *Tap) record.Batched {
	return record.Batched{Batches: tap.sums.batches.Load(), Records: tap.sums.records.Load()}
}

func TestEveryBatchIsCounted(t *testing.T) {
	for v := int16(3); v <= (&kmsg.ProduceRequest{}).MaxVersion(); v++ {
		for _, piece := range []int{1, 2, 7, 60, 61, 62, 500, 1 << 20} {
			tap, events := newTap(t, Options{Every: 4})
			c := tap.wrap(&script{}, "b:1", 0)
			req, one := full(v)
			const n = 9
			var want record.Batched
			for corr := range int32(n) {
				send(t, c, request(req, corr), piece)
				want.Add(one)
			}
			send(t, c, request(&kmsg.ProduceRequest{Version: v}, n), piece) // without topics
			if got := batched(tap); got != want {
				t.Errorf("v%d in pieces of %d: %+v, want %+v", v, piece, got, want)
			}
			if unread := tap.sums.unknown.Load(); unread != 0 {
				t.Errorf("v%d in pieces of %d: %d frames could not be read", v, piece, unread)
			}
			tap.Flush()
			sums := events.of(record.EvWire)
			if diff := cmp.Diff(&want, sums[len(sums)-1].Wire[0].Batched); diff != "" {
				t.Errorf("v%d: in the event (-want +got):\n%s", v, diff)
			}
		}
	}
}

// Wherever a request ends too early, nothing of it is counted, it is told once, and the
// next is counted again.
func TestTornRequestsAreNotCounted(t *testing.T) {
	for _, v := range []int16{3, 9, 13} {
		req, one := full(v)
		whole := request(req, 1)
		tags := 0
		if v >= 9 {
			tags = 1 + 2 + len("of the request") // at its end, which nobody needs
		}
		for size := len(whole) - tags - 1; size > 60; size -= 13 {
			tap, _ := newTap(t, Options{Every: 1})
			c := tap.wrap(&script{}, "b:1", 0)
			torn := bytes.Clone(whole[:size])
			torn[2], torn[3] = byte((size-prefixBytes)>>8), byte(size-prefixBytes)
			send(t, c, append(torn, whole...), 1<<20)
			if got, unread := batched(tap), tap.sums.unknown.Load(); got != one || unread != 1 {
				t.Fatalf("v%d: of a request cut at %d and a whole one %+v are counted, want %+v; %d could not be read", v, size, got, one, unread)
			}
		}
	}
}

func TestFailedWriteIsNotCounted(t *testing.T) {
	tap, _ := newTap(t, Options{})
	req, one := full(9)
	for _, fails := range []bool{true, false} { // the client dials anew and sends it again
		c := tap.wrap(&script{short: fails}, "b:1", 0)
		_, err := c.Write(request(req, 1))
		if (err != nil) != fails {
			t.Fatal(err)
		}
	}
	if got := batched(tap); got != one {
		t.Errorf("%+v are counted, want %+v once", got, one)
	}
}
