package faulty

import (
	"bytes"
	"context"
	"encoding/binary"
	"net"
	"sync"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kbench/kbench/drivers"
)

// rewind changes what a client commits, on its way to the wire: no driver lets
// a mark go back, so that nothing above the client could.
type rewind struct {
	nth int

	mu   sync.Mutex
	n    int
	last map[drivers.TopicPartition]int64 // what was committed before
}

type dial = func(ctx context.Context, network, addr string) (net.Conn, error)

// through returns a dial whose connections are read along.
func (r *rewind) through(inner dial) dial {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := inner(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		return &rewindConn{Conn: c, r: r}, nil
	}
}

type rewindConn struct {
	net.Conn
	r *rewind
}

// Write implements net.Conn. A commit is small and comes in one piece; what
// comes in several goes through as it is.
func (c *rewindConn) Write(b []byte) (int, error) {
	if out := c.r.request(b); out != nil {
		return c.Conn.Write(out)
	}
	return c.Conn.Write(b)
}

// request returns what to send instead of a write, nil for the same.
func (r *rewind) request(b []byte) []byte {
	// Size, API key, version, correlation id, length of the client id.
	const fixed = 4 + 2 + 2 + 4 + 2
	if len(b) < fixed || int(binary.BigEndian.Uint32(b))+4 != len(b) || int16(binary.BigEndian.Uint16(b[4:])) != int16(kmsg.OffsetCommit) {
		return nil
	}
	req := kmsg.NewPtrOffsetCommitRequest()
	req.SetVersion(int16(binary.BigEndian.Uint16(b[6:])))
	head := fixed + max(0, int(int16(binary.BigEndian.Uint16(b[12:]))))
	if req.IsFlexible() {
		head++ // no tags
	}
	if head > len(b) || req.ReadFrom(b[head:]) != nil || !r.turnBack(req) {
		return nil
	}
	out := req.AppendTo(bytes.Clone(b[:head]))
	binary.BigEndian.PutUint32(out, uint32(len(out)-4))
	return out
}

// turnBack changes a commit, if it is its turn, to one less than the last.
func (r *rewind) turnBack(req *kmsg.OffsetCommitRequest) (changed bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.n++
	for i := range req.Topics {
		t := &req.Topics[i]
		for j := range t.Partitions {
			p := &t.Partitions[j]
			tp := drivers.TopicPartition{Topic: t.Topic, Partition: p.Partition}
			if last := r.last[tp]; r.n == r.nth && last > 0 {
				p.Offset, changed = last-1, true
			}
			r.last[tp] = p.Offset
		}
	}
	return changed
}
