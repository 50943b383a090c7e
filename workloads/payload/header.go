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
// All little-endian. body is the CRC32C of what follows the header, check that
// of the header's first 28 bytes: a value can be recognised for the price of
// the header, whatever its length.
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
	le.PutUint32(b[checked:], crc32.Checksum(b[:checked], castagnoli))
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

// Valid reports whether value begins with an undamaged header. It does not look
// at the body.
func Valid(value []byte) bool {
	return len(value) >= HeaderSize &&
		binary.LittleEndian.Uint32(value[checked:]) == crc32.Checksum(value[:checked], castagnoli)
}

// Intact reports whether header and body are both undamaged.
func Intact(value []byte) bool {
	return Valid(value) && binary.LittleEndian.Uint32(value[24:]) == BodyCRC(value)
}

// BodyCRC returns the CRC32C of what follows the header.
func BodyCRC(value []byte) uint32 {
	return crc32.Checksum(value[HeaderSize:], castagnoli)
}
