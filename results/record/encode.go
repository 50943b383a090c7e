package record

import (
	"encoding/base64"
	"encoding/binary"
	"hash/adler32"
	"math"
	"math/bits"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// encoder writes histograms in the V2 form of histogram logs.
//
// The library's own encoder makes a compressor of 800 KB for each of them. With
// an interval every 100 ms, in a process whose client keeps a heap of a few MB,
// that alone would run the garbage collector twice a second, and the client under
// test would pay for it. This one keeps its buffers. It stores the payload as it
// is inside the zlib stream, which every reader takes: runs of empty buckets are
// already one number, and what is left hardly shrinks.
type encoder struct {
	payload, stream, text []byte
}

// The geometry of all histograms here: buckets of subBuckets linear steps, the
// first in units of 1 << unitBits ns.
const (
	unitBits      = 6  // of MinLatency, rounded down
	subBucketBits = 11 // 2 * 10^significantDigits, rounded up
)

const (
	payloadHeader = 40
	innerCookie   = hdrhistogram.V2EncodingCookieBase | 0x10
	outerCookie   = hdrhistogram.V2CompressedEncodingCookieBase | 0x10
	storedMost    = 65535 // bytes of a stored block
)

// encode returns the text of a histogram that is not empty. It is valid until the
// next call.
func (e *encoder) encode(h *hdrhistogram.PackedHistogram) []byte {
	b := append(e.payload[:0], make([]byte, payloadHeader)...)
	next := 0
	for value, count := range h.ForEachBucket {
		at := bucketIndex(value)
		switch zeros := at - next; {
		case zeros == 1:
			b = append(b, 0)
		case zeros > 1:
			b = appendZigZag(b, -int64(zeros))
		}
		b = appendZigZag(b, count)
		next = at + 1
	}
	be := binary.BigEndian
	be.PutUint32(b, uint32(innerCookie))
	be.PutUint32(b[4:], uint32(len(b)-payloadHeader))
	be.PutUint32(b[12:], significantDigits)
	be.PutUint64(b[16:], uint64(MinLatency))
	be.PutUint64(b[24:], uint64(MaxLatency))
	be.PutUint64(b[32:], math.Float64bits(1)) // stored values are values
	e.payload = b

	z := be.AppendUint32(e.stream[:0], uint32(outerCookie))
	z = append(z, 0, 0, 0, 0, 0x78, 0x01)
	for rest := b; ; {
		n := min(len(rest), storedMost)
		final := byte(0)
		if n == len(rest) {
			final = 1
		}
		z = append(z, final)
		z = binary.LittleEndian.AppendUint16(z, uint16(n))
		z = binary.LittleEndian.AppendUint16(z, ^uint16(n))
		z = append(z, rest[:n]...)
		if rest = rest[n:]; len(rest) == 0 {
			break
		}
	}
	z = be.AppendUint32(z, adler32.Checksum(b))
	be.PutUint32(z[4:], uint32(len(z)-8))
	e.stream = z

	e.text = base64.StdEncoding.AppendEncode(e.text[:0], z)
	return e.text
}

// bucketIndex is the place of a value among the counts of a histogram.
func bucketIndex(v int64) int {
	const firstBucket = (int64(1)<<subBucketBits - 1) << unitBits
	bucket := 64 - bits.LeadingZeros64(uint64(v|firstBucket)) - unitBits - subBucketBits
	step := int(v >> (bucket + unitBits))
	return bucket<<(subBucketBits-1) + step
}

// appendZigZag appends a number in the format's variable length. It differs from
// a varint only above 2^55, which no count reaches.
func appendZigZag(b []byte, v int64) []byte {
	return binary.AppendUvarint(b, uint64(v<<1^v>>63))
}
