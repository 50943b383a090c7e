package record

import (
	"bytes"
	"compress/zlib"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"math"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// counts are those of a histogram, by bucket.
type counts []int64

func newCounts() counts { return make(counts, bucketIndex(MaxLatency)+1) }

// mostCount is how many values an interval may have of a bucket: far more than there
// is time for.
const mostCount = 1 << 40

// fit says whether all of them together can be counted.
func (c counts) fit() bool {
	sum := int64(0)
	for _, n := range c {
		if sum += n; n < 0 || sum < 0 {
			return false
		}
	}
	return true
}

// histogram is what the counts are of.
func (c counts) histogram() *hdrhistogram.Histogram {
	h := hdrhistogram.New(MinLatency, MaxLatency, significantDigits)
	for at, n := range c {
		if n > 0 {
			_ = h.RecordValues(bucketValue(at), n) // in range
		}
	}
	return h
}

// bucketValue is a value of the bucket at a place; see bucketIndex.
func bucketValue(at int) int64 {
	const half = 1 << (subBucketBits - 1)
	bucket := max(at/half-1, 0)
	return int64(at-bucket*half) << (bucket + unitBits)
}

// decoder adds encoded histograms to counts. The library would make one of 205 KB of
// each to be added, and there are ten in every second of a trial with churn.
type decoder struct {
	packed  []byte
	payload bytes.Buffer
	source  bytes.Reader
	inflate io.ReadCloser
}

// add adds a histogram. What the worker's encoder does not write is left to the
// library, and so is what is damaged: it says how.
func (d *decoder) add(encoded []byte, to counts) error {
	if d.unpack(encoded) && ours(d.payload.Bytes()) && addCounts(d.payload.Bytes()[payloadHeader:], to) {
		return nil
	}
	h, err := hdrhistogram.Decode(encoded)
	if err != nil {
		return fmt.Errorf("histogram: %w", err)
	}
	for _, bar := range h.Distribution() {
		if at := bucketIndex(bar.From); bar.Count > 0 && at < len(to) {
			if bar.Count > mostCount {
				return fmt.Errorf("histogram: a count of %d cannot be", bar.Count)
			}
			to[at] += bar.Count
		}
	}
	return nil
}

// mostPayload is what the counts of all buckets take, each in the longest form.
const mostPayload = payloadHeader + 1<<15*binary.MaxVarintLen64

// unpack fills the payload; false where that is not plain.
func (d *decoder) unpack(encoded []byte) bool {
	var err error
	if d.packed, err = base64.StdEncoding.AppendDecode(d.packed[:0], encoded); err != nil || len(d.packed) < 8 {
		return false
	}
	length := binary.BigEndian.Uint32(d.packed[4:])
	if binary.BigEndian.Uint32(d.packed) != uint32(outerCookie) || int(length) > len(d.packed)-8 {
		return false
	}
	d.source.Reset(d.packed[8 : 8+length])
	if d.inflate == nil {
		d.inflate, err = zlib.NewReader(&d.source)
	} else {
		err = d.inflate.(zlib.Resetter).Reset(&d.source, nil)
	}
	if err != nil {
		return false
	}
	d.payload.Reset()
	_, err = d.payload.ReadFrom(io.LimitReader(d.inflate, mostPayload+1))
	return err == nil && d.payload.Len() <= mostPayload
}

// ours says whether a payload has the header that our encoder writes.
func ours(b []byte) bool {
	be := binary.BigEndian
	return len(b) >= payloadHeader && be.Uint32(b) == uint32(innerCookie) && int(be.Uint32(b[4:])) == len(b)-payloadHeader &&
		be.Uint32(b[12:]) == significantDigits && be.Uint64(b[16:]) == uint64(MinLatency) && be.Uint64(b[24:]) == uint64(MaxLatency) &&
		be.Uint64(b[32:]) == math.Float64bits(1)
}

// addCounts adds the counts of a payload. What cannot be read adds nothing.
func addCounts(b []byte, to counts) bool {
	n, ok := eachCount(b, func(at int, v int64) { to[at] += v }, len(to))
	if !ok {
		eachCount(b[:n], func(at int, v int64) { to[at] -= v }, len(to))
	}
	return ok
}

// eachCount calls fn for each count of a payload, and returns how
// much of it could be read.
func eachCount(b []byte, fn func(at int, v int64), buckets int) (read int, ok bool) {
	at := 0
	for read < len(b) {
		u, n := uint64(b[read]), 1
		if u >= 0x80 {
			u, n = binary.Uvarint(b[read:])
		}
		v := int64(u>>1) ^ -int64(u&1)
		if n <= 0 || v >= 0 && at >= buckets || v < int64(at-buckets) || v > mostCount {
			return read, false
		}
		switch {
		case v < 0:
			at -= int(v)
		default:
			fn(at, v)
			at++
		}
		read += n
	}
	return read, true
}
