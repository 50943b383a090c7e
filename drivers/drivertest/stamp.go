package drivertest

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	"github.com/kbench/kbench/workloads/payload"
)

// stamp makes a record that tells where it belongs. The key repeats the sequence
// number; the value carries the harness's own header and a body of its own.
func stamp(key, value []byte, tp topicPart, seq uint64) {
	binary.LittleEndian.PutUint64(key, seq)
	for i := payload.HeaderSize; i < len(value); i++ {
		value[i] = byte(seq) + byte(i)
	}
	payload.Put(value, payload.Header{
		Run: topicTag(tp.Topic), Producer: uint32(tp.Partition), Seq: seq, Body: payload.BodyCRC(value),
	})
}

func topicTag(topic string) uint32 { return crc32.ChecksumIEEE([]byte(topic)) }

// verify says in what way a record is not the one with this offset.
func verify(key, value []byte, tp topicPart, offset int64) error {
	if len(value) != valueBytes || len(key) != keyBytes {
		return fmt.Errorf("key and value have %d and %d bytes, not the %d and %d sent", len(key), len(value), keyBytes, valueBytes)
	}
	if !payload.Valid(value) || !payload.Intact(value) {
		return errors.New("the value is corrupt: its checksum does not match")
	}
	h := payload.Get(value)
	switch {
	case h.Run != topicTag(tp.Topic):
		return errors.New("the record was sent to another topic")
	case h.Producer != uint32(tp.Partition):
		return fmt.Errorf("the record was sent to partition %d", h.Producer)
	case h.Seq != uint64(offset):
		return fmt.Errorf("the record is number %d: the broker has it at another offset", h.Seq)
	case binary.LittleEndian.Uint64(key) != h.Seq:
		return errors.New("the key is not the one sent with the value")
	}
	return nil
}
