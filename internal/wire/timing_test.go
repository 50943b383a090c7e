package wire

import (
	"fmt"
	"io"
	"net"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// BenchmarkTap says what the tap costs: the same requests and responses over
// TCP on this host, on a bare connection and through the tap. Compare with
//
//	go test -bench Tap -count 10 ./internal/wire | benchstat -col /conn -
func BenchmarkTap(b *testing.B) {
	p := produce(9, -1, batch(1000, 100<<10, 0))
	fetch := &kmsg.FetchRequest{Version: 11}
	filled := fetch.ResponseKind()
	filled.(*kmsg.FetchResponse).Topics = []kmsg.FetchResponseTopic{{Topic: "orders", Partitions: []kmsg.FetchResponseTopicPartition{
		{RecordBatches: batch(1000, 100<<10, 0)},
	}}}
	f := func(name string, req, resp []byte) {
		for _, tapped := range []bool{false, true} {
			conn := "/conn=bare"
			if tapped {
				conn = "/conn=tapped"
			}
			b.Run(name+conn, func(b *testing.B) { roundTrips(b, req, resp, tapped) })
		}
	}
	f("produce", request(p, 1), response(p.ResponseKind(), 1))
	one := produce(9, -1, batch(1, 100, 0)) // nothing costs more per record
	f("one", request(one, 1), response(one.ResponseKind(), 1))
	f("fetch", request(fetch, 1), response(filled, 1))
	small := &kmsg.MetadataRequest{Version: 1}
	f("small", request(small, 1), response(small.ResponseKind(), 1))
}

// roundTrips sends req and reads resp b.N times.
func roundTrips(b *testing.B, req, resp []byte, tapped bool) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	served := make(chan error, 1)
	go func() { served <- serve(l, len(req), resp) }()

	start := time.Now()
	tap, _ := newTap(b, Options{Now: func() int64 { return int64(time.Since(start)) }})
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		b.Fatal(err)
	}
	if tapped {
		c = tap.wrap(c, "b:1", 0)
	}
	buf := make([]byte, len(resp))
	b.SetBytes(int64(len(req) + len(resp)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Write(req); err != nil {
			b.Fatal(err)
		}
		if _, err := io.ReadFull(c, buf); err != nil {
			b.Fatal(err)
		}
	}
	c.Close()
	if err := <-served; err != nil {
		b.Fatal(err)
	}
}

// serve answers the requests of one connection.
func serve(l net.Listener, size int, resp []byte) error {
	c, err := l.Accept()
	if err != nil {
		return err
	}
	defer c.Close()
	buf := make([]byte, size)
	for {
		if _, err := io.ReadFull(c, buf); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		if _, err := c.Write(resp); err != nil {
			return err
		}
	}
}

// BenchmarkFollow is the parser alone: one Produce and one Fetch with their
// responses, without a connection below.
func BenchmarkFollow(b *testing.B) {
	_, c, out, in := unsampled(b)
	c.Write(out) // the first of a connection are decoded
	c.in.feed(in)
	b.ReportAllocs()
	for b.Loop() {
		c.out.feed(out)
		c.in.feed(in)
	}
}

// stepping is the side of a client whose Produce requests are stepped over.
type stepping struct{ *requests }

func (s stepping) header(f *frame, start []byte) int {
	need := s.requests.header(f, start)
	f.body = nil
	return need
}

// BenchmarkBody says what it costs to count the batches of a Produce request, beside
// stepping over it: of one record, and of 12 partitions. Hold it against a round trip of
// BenchmarkTap.
func BenchmarkBody(b *testing.B) {
	wide := produce(9, -1, nil)
	for i := range int32(12) {
		wide.Topics[0].Partitions = append(wide.Topics[0].Partitions, kmsg.ProduceRequestTopicPartition{Partition: i, Records: batch(100, 10_000, 0)})
	}
	for name, req := range map[string]*kmsg.ProduceRequest{"one": produce(9, -1, batch(1, 100, 0)), "wide": wide} {
		for _, counted := range []bool{false, true} {
			b.Run(fmt.Sprintf("%s/counted=%t", name, counted), func(b *testing.B) {
				_, c, _, _ := unsampled(b)
				c.requests.produces = 1 // the first is decoded
				if !counted {
					c.out = newFramer(stepping{&c.requests})
				}
				out, in := request(req, 1), response(req.ResponseKind(), 1)
				b.ReportAllocs()
				for b.Loop() {
					c.out.feed(out)
					c.in.feed(in)
				}
			})
		}
	}
}
