package wire

import (
	"sync/atomic"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kbench/kbench/results/record"
)

// apis is how many API keys there are; a key beyond is not Kafka's.
const apis = kmsg.MaxKey + 1

// sums counts what all connections of a Tap carry. A client sends some thousand
// requests a second at most, so shared atomics cost nothing that could be
// measured, and no count is lost or moved when a connection closes.
type sums struct {
	unknown          atomic.Int64
	batches, records atomic.Int64 // in Produce requests
	api              [apis]apiSum
}

// apiSum counts one API. Requests and responses are counted by different
// goroutines, hence the space between them.
type apiSum struct {
	requests, requestBytes   atomic.Int64
	_                        [48]byte
	responses, responseBytes atomic.Int64
	_                        [48]byte
	longest                  atomic.Pointer[record.Wait] // since the last Flush
	_                        [56]byte
}

// request counts a request of size bytes with its length prefix.
func (s *sums) request(api int16, size int) {
	s.api[api].requests.Add(1)
	s.api[api].requestBytes.Add(int64(size))
}

// sent counts what Produce requests held.
func (s *sums) sent(held record.Batched) {
	s.batches.Add(held.Batches)
	s.records.Add(held.Records)
}

// response counts a response of size bytes with its length prefix.
func (s *sums) response(api int16, size int) {
	s.api[api].responses.Add(1)
	s.api[api].responseBytes.Add(int64(size))
}

// waited notes how long a client waited for a response, where it never waited longer
// in the interval. Only then is there anything to allocate.
func (s *sums) waited(api int16, node string, from, to int64) {
	longest := &s.api[api].longest
	for {
		old := longest.Load()
		if old != nil && old.T-old.From >= to-from {
			return
		}
		if longest.CompareAndSwap(old, &record.Wait{Node: node, From: from, T: to}) {
			return
		}
	}
}

// read copies the counts, and takes the longest waits.
func (s *sums) read(to *[apis]record.WireAPI) {
	for key := range s.api {
		sum := &s.api[key]
		to[key] = record.WireAPI{
			API:       int16(key),
			Requests:  sum.requests.Load(),
			ReqBytes:  sum.requestBytes.Load(),
			Responses: sum.responses.Load(),
			RespBytes: sum.responseBytes.Load(),
			Longest:   sum.longest.Swap(nil),
		}
	}
	to[kmsg.Produce].Batched = &record.Batched{Batches: s.batches.Load(), Records: s.records.Load()}
}

// difference returns what was counted between two readings, in the order of the
// API keys and without those that did not move.
func difference(is, was *[apis]record.WireAPI) []record.WireAPI {
	var moved []record.WireAPI
	for key := range is {
		d := record.WireAPI{
			API:       int16(key),
			Requests:  is[key].Requests - was[key].Requests,
			ReqBytes:  is[key].ReqBytes - was[key].ReqBytes,
			Responses: is[key].Responses - was[key].Responses,
			RespBytes: is[key].RespBytes - was[key].RespBytes,
			Longest:   is[key].Longest,
			Batched:   is[key].Batched.Since(was[key].Batched),
		}
		if d.Requests != 0 || d.Responses != 0 || d.Longest != nil || d.Batched != nil && d.Batched.Batches != 0 {
			moved = append(moved, d)
		}
	}
	return moved
}
