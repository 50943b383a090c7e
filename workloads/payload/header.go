// Package payload makes the records that a workload sends and recognises them
// when they come back: a header in every value that says which record it is,
// bodies of a chosen size and entropy, and keys.
//
// Everything is a function of the workload, a seed and a record's number, so
// that each client is given the same bytes. Neither a clock nor a client is
// known here.
package payload

import (
	"encoding/binary"
	"hash/crc32"
)

// HeaderSize is how many bytes of each value are the header; no value is
// shorter.
//
//	0   4   8        16       24   28    32
//	run |prod|  seq    |  due   |body|check| body ...
//
// All little-endian. body is the CRC32C of what follows the header, check a mix
// of the header's other fields: a value can be recognised for the price of the
// header, whatever its length. The mix is no CRC because it is made for every
// record sent, where 30 ns would show; 28 bytes are four words.
const HeaderSize = 32

const checked = HeaderSize - 4

// castagnoli is the polynomial that processors compute in hardware.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Header identifies a record.
type Header struct {
	Run      uint32 // the trial's tag
	Producer uint32
	Seq      uint64 // counts from 0 within producer and partition
	Due      int64  // intended time of sending, ns of the host's monotonic clock
	Body     uint32 // CRC32C of the body
}

// Put writes h at the start of value, which must have room for it. h.Body is
// the caller's: bodies are reused from record to record and their checksum with
// them.
func Put(value []byte, h Header) {
	le := binary.LittleEndian
	b := value[:HeaderSize:HeaderSize]
	le.PutUint32(b[0:], h.Run)
	le.PutUint32(b[4:], h.Producer)
	le.PutUint64(b[8:], h.Seq)
	le.PutUint64(b[16:], uint64(h.Due))
	le.PutUint32(b[24:], h.Body)
	le.PutUint32(b[checked:], h.check())
}

// check mixes the fields so that a change of any bit of the header changes
// about half of its bits: each word is folded in by a multiplication with an odd
// constant, whose high bits depend on all bits below, and a shift that brings
// them down.
func (h *Header) check() uint32 {
	const m = 0x9e3779b97f4a7c15                                           // 2^64 over the golden ratio
	x := (uint64(h.Run)<<32 | uint64(h.Producer) ^ 0xd6e8feb86659fd93) * m // a header of zeros is not valid
	x ^= x >> 29
	x = (x ^ h.Seq) * m
	x ^= x >> 32
	x = (x ^ uint64(h.Due)) * m
	x ^= x >> 29
	x = (x ^ uint64(h.Body)) * m
	return uint32(x >> 32)
}

// Get reads the header of a value without checking it. A value that is too
// short to have one gives the zero Header, which no record carries: runs are
// tagged from 1.
func Get(value []byte) Header {
	if len(value) < HeaderSize {
		return Header{}
	}
	le := binary.LittleEndian
	return Header{
		Run:      le.Uint32(value[0:]),
		Producer: le.Uint32(value[4:]),
		Seq:      le.Uint64(value[8:]),
		Due:      int64(le.Uint64(value[16:])),
		Body:     le.Uint32(value[24:]),
	}
}

// Identity reads what tells one record from another, unchecked; the zero run for
// a value without a header.
func Identity(value []byte) (run, producer uint32, seq uint64) {
	if len(value) < HeaderSize {
		return 0, 0, 0
	}
	le := binary.LittleEndian
	return le.Uint32(value[0:]), le.Uint32(value[4:]), le.Uint64(value[8:])
}

// Valid reports whether value begins with an undamaged header. It does not look
// at the body.
func Valid(value []byte) bool {
	if len(value) < HeaderSize {
		return false
	}
	h := Get(value)
	return binary.LittleEndian.Uint32(value[checked:]) == h.check()
}

// Intact reports whether header and body are both undamaged.
func Intact(value []byte) bool {
	return Valid(value) && binary.LittleEndian.Uint32(value[24:]) == BodyCRC(value)
}

// BodyCRC returns the CRC32C of what follows the header.
func BodyCRC(value []byte) uint32 {
	return crc32.Checksum(value[HeaderSize:], castagnoli)
}
