package wire

import (
	"encoding/binary"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kbench/kbench/results/record"
)

// Sizes of the fixed part of a header.
const (
	requestHeader  = 8 // API key, version, correlation id; then the client id
	responseHeader = 4 // correlation id
)

// requests is the side of a connection that a client writes.
type requests struct {
	sums    *sums
	pending *pending
	every   int
	now     func() int64

	produces, fetches int   // seen so far
	tokens            bool  // raw SASL tokens may follow
	corr              int32 // of the latest request

	body body           // of the Produce request that is being followed
	held record.Batched // of those that were followed and are not counted yet
}

func (r *requests) begin(f *frame) int {
	if r.tokens && f.size < requestHeader {
		r.token(f)
		return 0
	}
	return requestHeader
}

func (r *requests) header(f *frame, start []byte) int {
	api := int16(binary.BigEndian.Uint16(start))
	version := int16(binary.BigEndian.Uint16(start[2:]))
	corr := int32(binary.BigEndian.Uint32(start[4:]))
	if r.tokens {
		if !r.resumed(api, version, corr) {
			r.token(f)
			return 0
		}
		r.tokens = false
	}
	if api < 0 || api >= apis {
		r.lost()
		return 0
	}
	if api == int16(kmsg.Produce) {
		acks, need := produceAcks(start, version)
		if need > len(start) {
			f.api, f.known = api, true
			return need
		}
		f.keep = sampled(&r.produces, r.every)
		r.body.begin(version)
		f.body = &r.body
		r.known(f, asked{api: api, version: version, corr: corr, sent: r.now()}, acks != 0)
		return 0
	}
	if api == int16(kmsg.Fetch) {
		poll, need := fetchWait(start, version)
		if need > len(start) {
			f.api, f.known = api, true
			return need
		}
		f.keep = sampled(&r.fetches, r.every)
		r.known(f, asked{api: api, version: version, corr: corr, sent: r.now(), poll: int64(poll) * int64(time.Millisecond)}, true)
		return 0
	}
	switch {
	case api == int16(kmsg.SASLHandshake) && version == 0:
		r.tokens = true
	default:
		f.keep = ofGroup(api)
	}
	r.known(f, asked{api: api, version: version, corr: corr, sent: r.now()}, true)
	return 0
}

// known notes a request, which is awaited where it will be answered.
func (r *requests) known(f *frame, a asked, answered bool) {
	f.api, f.version, f.corr, f.known = a.api, a.version, a.corr, true
	r.corr = a.corr
	if answered {
		r.pending.push(a)
	}
}

// token notes a frame that is a SASL token without a Kafka header, as follows a
// SaslHandshake of version 0. It is counted as the SaslAuthenticate request that
// newer clients wrap it in.
func (r *requests) token(f *frame) {
	f.api, f.known = int16(kmsg.SASLAuthenticate), true
	r.pending.push(asked{api: f.api, token: true})
}

// fetchWait reads for how long a Fetch request lets the broker wait for records, in
// ms, from its start. It returns how many bytes that takes.
func fetchWait(start []byte, version int16) (ms int32, need int) {
	const flexible, withoutReplica = 12, 15
	c := cursor{b: start, at: requestHeader}
	c.skip(int(c.int16())) // client id; null is -1
	if version >= flexible {
		c.tags()
	}
	if version < withoutReplica {
		c.int32()
	}
	ms = c.int32()
	return ms, c.at
}

// resumed says whether a frame after SASL tokens is a Kafka request again. The
// first bytes of a token are text of the user's, which cannot be the number of
// an API in a version that exists, with a correlation id that is near.
func (r *requests) resumed(api, version int16, corr int32) bool {
	const near = 16
	if ahead := int64(corr) - int64(r.corr); ahead < 1 || ahead > near {
		return false
	}
	req := kmsg.RequestForKey(api)
	return req != nil && version >= 0 && version <= req.MaxVersion()
}

func (r *requests) end(f *frame) {
	if f.known {
		r.sums.request(f.api, prefixBytes+f.size)
	}
	switch {
	case f.body == nil:
	case f.body.whole():
		r.held.Add(f.body.held)
	default:
		r.lost()
		f.keep = false
	}
}

// sent counts the batches of the requests that were followed: they are with the
// connection below now. Those of a Write that failed are in none of the sums, for a
// client sends them again.
func (r *requests) sent() {
	if r.held.Batches > 0 {
		r.sums.sent(r.held)
		r.held = record.Batched{}
	}
}

func (r *requests) lost() { r.sums.unknown.Add(1) }

// responses is the side of a connection that a client reads.
type responses struct {
	sums    *sums
	pending *pending
	node    string
	now     func() int64

	reading     int64 // when the Read began that is being followed
	ready, came int64 // of the frame that is being followed: when the Read of its length began, and ended
	before      int64 // when that of the frame before ended
}

func (r *responses) begin(f *frame) int {
	r.before, r.ready, r.came = r.came, r.reading, r.now()
	if r.pending.token() {
		f.api, f.known = int16(kmsg.SASLAuthenticate), true
		return 0
	}
	return responseHeader
}

func (r *responses) header(f *frame, start []byte) int {
	corr := int32(binary.BigEndian.Uint32(start))
	a, ok := r.pending.answer(corr)
	if !ok {
		r.lost()
		return 0
	}
	f.api, f.version, f.corr, f.known = a.api, a.version, corr, true
	f.keep = ofGroup(a.api) || a.api == int16(kmsg.Metadata)
	// What came before the client read is not the node's delay, nor what came behind
	// another response on the same connection: the node does not look at a request, and
	// begins no long poll, before it has answered the one before.
	if from := max(max(a.sent, r.before)+a.poll, r.ready); a.timed() && r.came > from {
		r.sums.waited(a.api, r.node, from, r.came)
	}
	return 0
}

func (r *responses) end(f *frame) {
	if f.known {
		r.sums.response(f.api, prefixBytes+f.size)
	}
}

func (r *responses) lost() { r.sums.unknown.Add(1) }

// ofGroup says whether every request of an API is reported.
func ofGroup(api int16) bool {
	switch kmsg.Key(api) {
	case kmsg.JoinGroup, kmsg.SyncGroup, kmsg.Heartbeat, kmsg.LeaveGroup,
		kmsg.OffsetCommit, kmsg.OffsetFetch, kmsg.FindCoordinator, kmsg.ConsumerGroupHeartbeat:
		return true
	}
	return false
}

// timed says whether it is of interest for how long the response was waited for.
func (a asked) timed() bool { return a.api == int16(kmsg.Produce) || a.api == int16(kmsg.Fetch) }

// sampled counts a request and says whether it is one to be decoded.
func sampled(seen *int, every int) bool {
	first := *seen%every == 0
	*seen++
	return first
}

// produceAcks reads acks from the start of a Produce request, because a request
// with acks 0 is never answered. It returns how many bytes that takes.
func produceAcks(start []byte, version int16) (acks int16, need int) {
	const flexible, transactional = 9, 3
	c := cursor{b: start, at: requestHeader}
	c.skip(int(c.int16())) // client id; null is -1
	if version >= flexible {
		c.tags()
	}
	switch {
	case version >= flexible:
		c.skip(c.uvarint() - 1)
	case version >= transactional:
		c.skip(int(c.int16()))
	}
	acks = c.int16()
	return acks, c.at
}
