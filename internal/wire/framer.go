package wire

import (
	"encoding/binary"
	"slices"
)

const (
	prefixBytes = 4        // the length in front of every frame
	maxHeader   = 64 << 10 // a header that is longer is not worth following
	maxBody     = 4 << 20  // a frame that is longer is not decoded
	keepBuffer  = 2 << 20  // a reassembly buffer that is larger is given back
)

// frame is a request or response, as far as it is known.
type frame struct {
	size    int // without the length prefix
	api     int16
	version int16
	corr    int32
	known   bool  // the fields above are true; else the frame is only skipped
	keep    bool  // the whole of it is wanted
	body    *body // follows what comes behind the header; nil: nothing in it is wanted
}

// side is what differs between the two directions of a connection.
type side interface {
	// begin is called when the length of a frame is known. It returns how many
	// bytes header has to see at first; 0 where the frame is only to be skipped.
	begin(f *frame) int
	// header reads the start of the frame. Where it has to see more than it was
	// given, it returns how much, and is called again with that.
	header(f *frame, start []byte) int
	// end is called when the last byte of the frame has passed.
	end(f *frame)
	// lost is called for what cannot be read.
	lost()
}

// kept is a whole frame that is wanted.
type kept struct {
	frame
	payload []byte
	owned   bool // payload is the framer's and not part of what was fed
}

// framer cuts one direction of a connection into frames, however the bytes are
// spread over calls:
//
//	length -> header -> body -> length -> ...
//	     \________________^
//	      (not to be read)
type framer struct {
	side  side
	state state
	cur   frame

	prefix []byte // what has come of the length
	start  []byte // what has come of the header
	need   int    // how much of the frame the header wants to see
	left   int    // bytes of the frame to come
	began  int    // where in the bytes being fed the frame began; -1 if before them
	body   []byte // what has come of a frame to be kept that is not in one piece
	kept   []kept // whole frames, until taken
}

// state says what the next byte is part of.
type state uint8

const (
	inLength state = iota
	inHeader
	inBody
	broken // the stream cannot be followed any more
)

func newFramer(s side) framer {
	return framer{side: s, prefix: make([]byte, 0, prefixBytes), start: make([]byte, 0, 64)}
}

// feed follows p. The payloads of kept frames may point into p.
func (r *framer) feed(p []byte) {
	r.began = -1
	for at := 0; at < len(p) && r.state != broken; {
		switch r.state {
		case inLength:
			at = r.length(p, at)
		case inHeader:
			at = r.header(p, at)
		case inBody:
			at = r.payload(p, at)
		}
	}
}

// length reads the prefix of a frame.
func (r *framer) length(p []byte, at int) int {
	n := min(prefixBytes-len(r.prefix), len(p)-at)
	r.prefix = append(r.prefix, p[at:at+n]...)
	at += n
	if len(r.prefix) < prefixBytes {
		return at
	}
	size := int(int32(binary.BigEndian.Uint32(r.prefix)))
	r.prefix = r.prefix[:0]
	if size < 0 {
		r.fail()
		return at
	}
	r.cur, r.left, r.began = frame{size: size}, size, at
	r.start, r.body = r.start[:0], r.body[:0]
	r.need = r.side.begin(&r.cur)
	if r.need > 0 && r.need <= size {
		r.state = inHeader
		return at
	}
	if r.need > size {
		r.side.lost()
	}
	return r.past(p, at)
}

// header gathers the start of a frame until the side has seen enough of it.
func (r *framer) header(p []byte, at int) int {
	n := min(r.need-len(r.start), len(p)-at)
	r.start = append(r.start, p[at:at+n]...)
	r.left -= n
	at += n
	if len(r.start) < r.need {
		return at
	}
	r.need = r.side.header(&r.cur, r.start)
	enough := r.need <= len(r.start)
	if !enough && r.need <= min(r.cur.size, maxHeader) {
		return at
	}
	if !enough || r.cur.keep && r.cur.size > maxBody {
		r.side.lost()
		r.cur.keep = false
	}
	return r.past(p, at)
}

// past goes on to the body, or past the frame where it has none.
func (r *framer) past(p []byte, at int) int {
	r.state = inBody
	if r.left == 0 {
		r.finish(p, at)
	}
	return at
}

// payload counts the body down, and gathers it where the frame is wanted and
// will not lie in p as a whole.
func (r *framer) payload(p []byte, at int) int {
	n := min(r.left, len(p)-at)
	r.left -= n
	if r.cur.body != nil {
		r.cur.body.feed(p[at : at+n])
	}
	if r.cur.keep && (r.left > 0 || r.began < 0) {
		if len(r.body) == 0 {
			r.body = append(slices.Grow(r.body, r.cur.size), r.start...)
		}
		r.body = append(r.body, p[at:at+n]...)
	}
	at += n
	if r.left == 0 {
		r.finish(p, at)
	}
	return at
}

// finish ends a frame, the last byte of which is before p[at].
func (r *framer) finish(p []byte, at int) {
	r.state = inLength
	r.side.end(&r.cur)
	switch {
	case !r.cur.keep:
	case r.began >= 0:
		r.kept = append(r.kept, kept{frame: r.cur, payload: p[r.began:at]})
	default:
		if len(r.body) == 0 {
			r.body = append(r.body, r.start...)
		}
		r.kept = append(r.kept, kept{frame: r.cur, payload: r.body, owned: true})
		r.body = nil
	}
}

// fail gives the stream up.
func (r *framer) fail() {
	r.side.lost()
	r.state = broken
}

// take calls f for the kept frames, which are gone afterwards.
func (r *framer) take(f func(*kept)) {
	for i := range r.kept {
		f(&r.kept[i])
		if k := &r.kept[i]; k.owned && r.body == nil && cap(k.payload) <= keepBuffer {
			r.body = k.payload[:0]
		}
		r.kept[i] = kept{}
	}
	r.kept = r.kept[:0]
}
