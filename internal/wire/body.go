package wire

import (
	"encoding/binary"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kbench/kbench/results/record"
)

// batchHeader is how many bytes a record batch has before its records.
const batchHeader = 61

// readHeader reads the header of a record batch: how long the batch is with it, how
// many records it holds and its codec. Records older than batches (magic 0 and 1) are
// not ok: no client that can be measured sends them.
func readHeader(b []byte) (size int, records int32, codec uint16, ok bool) {
	const (
		atLength     = 8  // of what follows it
		atMagic      = 16 // 2 for a batch
		atAttributes = 21 // the codec is in the lowest bits
		atCount      = 57
		codecMask    = 7
	)
	size = atLength + 4 + int(int32(binary.BigEndian.Uint32(b[atLength:])))
	records = int32(binary.BigEndian.Uint32(b[atCount:]))
	codec = binary.BigEndian.Uint16(b[atAttributes:]) & codecMask
	return size, records, codec, b[atMagic] == 2 && size >= batchHeader && records >= 0
}

// body follows what comes behind acks in a Produce request, however its bytes are
// spread, and counts batches and records. It reads lengths and the headers of batches,
// and steps over names and records, which are most of it, unread:
//
//	timeout, topics * (name, partitions * (index, length, batches, tags), tags), tags
type body struct {
	flexible, byID bool
	at             step
	skip           int // bytes to step over before the field of at
	topics, parts  int // to come
	left           int // bytes of the partition's batches
	tags           int
	ofTopic        bool // the tags are

	field [batchHeader]byte // what has come of a field that is not in one piece
	have  int
	held  record.Batched
}

// step is a field that a body reads.
type step uint8

const (
	atTopics step = iota
	atName
	atParts
	atRecords
	atBatch
	atTags
	atTag
	atTagSize
	atEnd  // what is left are the tags of the request
	astray // it cannot be read
)

// begin is called when acks of a request were read.
func (b *body) begin(version int16) {
	const flexible, byID, timeout = 9, 13, 4
	*b = body{flexible: version >= flexible, byID: version >= byID, skip: timeout}
	if version < 0 || version > (&kmsg.ProduceRequest{}).MaxVersion() {
		b.at = astray
	}
}

// whole says whether all of the request could be read, once it is over.
func (b *body) whole() bool { return b.at == atEnd && b.skip == 0 }

// feed follows the next bytes of the body.
func (b *body) feed(p []byte) {
	for len(p) > 0 && b.at != astray {
		switch {
		case b.skip > 0:
			n := min(b.skip, len(p))
			b.skip -= n
			p = p[n:]
		case b.at == atEnd:
			return
		default:
			field, n := b.gather(p)
			p = p[n:]
			if field != nil {
				b.read(field)
			}
		}
	}
}

// size is the length of the field that is next; 0 for a number of variable length.
func (b *body) size() int {
	switch {
	case b.at == atBatch:
		return batchHeader
	case b.flexible:
		return 0
	case b.at == atName:
		return 2
	default:
		return 4
	}
}

// gather takes the next field from p, and says how much of p it took. The field is nil
// where more of it is to come.
func (b *body) gather(p []byte) (field []byte, n int) {
	size := b.size()
	if size > 0 && b.have == 0 && len(p) >= size {
		return p[:size], size
	}
	for i, c := range p {
		b.field[b.have] = c
		b.have++
		if b.have == size || size == 0 && (c < 0x80 || b.have == binary.MaxVarintLen32) {
			field, b.have = b.field[:b.have], 0
			return field, i + 1
		}
	}
	return nil, len(p)
}

// read reads a field.
func (b *body) read(field []byte) {
	switch b.at {
	case atTopics:
		b.topics = b.length(field)
		b.topic()
	case atName:
		b.skip += b.length(field)
		b.at = atParts
	case atParts:
		b.parts = b.length(field)
		b.part()
	case atRecords:
		b.left = b.length(field)
		b.batch()
	case atBatch:
		size, records, _, ok := readHeader(field)
		if !ok || size > b.left {
			b.at = astray
			return
		}
		b.held.Batches++
		b.held.Records += int64(records)
		b.left -= size
		b.skip += size - batchHeader
		b.batch()
	case atTags:
		b.tags = b.number(field)
		b.tag()
	case atTag:
		b.at = atTagSize
	case atTagSize:
		b.skip += b.number(field)
		b.tags--
		b.tag()
	}
}

// topic goes on to the next topic.
func (b *body) topic() {
	const id = 16
	switch {
	case b.at == astray:
	case b.topics == 0:
		b.at = atEnd
	case b.byID:
		b.topics--
		b.skip += id
		b.at = atParts
	default:
		b.topics--
		b.at = atName
	}
}

// part goes on to the next partition of the topic.
func (b *body) part() {
	const index = 4
	switch {
	case b.at == astray:
	case b.parts > 0:
		b.parts--
		b.skip += index
		b.at = atRecords
	case b.flexible:
		b.ofTopic, b.at = true, atTags
	default:
		b.topic()
	}
}

// batch goes on to the next batch of the partition.
func (b *body) batch() {
	switch {
	case b.at == astray:
	case b.left >= batchHeader:
		b.at = atBatch
	case b.left > 0:
		b.at = astray
	case b.flexible:
		b.ofTopic, b.at = false, atTags
	default:
		b.part()
	}
}

// tag goes on to the next tag of a partition or topic.
func (b *body) tag() {
	switch {
	case b.at == astray:
	case b.tags > 0:
		b.at = atTag
	case b.ofTopic:
		b.topic()
	default:
		b.part()
	}
}

// length reads the length of a string or a list; null has none.
func (b *body) length(field []byte) int {
	switch {
	case b.flexible:
		return max(b.number(field)-1, 0)
	case len(field) == 2:
		return max(int(int16(binary.BigEndian.Uint16(field))), 0)
	default:
		return max(int(int32(binary.BigEndian.Uint32(field))), 0)
	}
}

// number reads a number of variable length.
func (b *body) number(field []byte) int {
	v, n := binary.Uvarint(field)
	if n <= 0 {
		b.at = astray
	}
	return int(v)
}
