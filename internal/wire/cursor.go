package wire

import "encoding/binary"

// cursor reads numbers. Once it is short of bytes it reads zeros and stays at
// where it would need to have been.
type cursor struct {
	b  []byte
	at int
}

func (c *cursor) short() bool { return c.at > len(c.b) }

func (c *cursor) skip(n int) {
	if !c.short() && n > 0 {
		c.at += n
	}
}

func (c *cursor) int16() int16 {
	if c.short() {
		return 0
	}
	c.at += 2
	if c.short() {
		return 0
	}
	return int16(binary.BigEndian.Uint16(c.b[c.at-2:]))
}

func (c *cursor) int32() int32 {
	high := c.int16()
	return int32(high)<<16 | int32(uint16(c.int16()))
}

// tags skips the tagged fields that end a flexible header.
func (c *cursor) tags() {
	for n := c.uvarint(); n > 0 && !c.short(); n-- {
		c.uvarint() // the number of the tag
		c.skip(c.uvarint())
	}
}

func (c *cursor) uvarint() int {
	if c.short() {
		return 0
	}
	var v int
	for shift := 0; shift < 35; shift += 7 {
		c.at++
		if c.short() {
			return 0
		}
		b := c.b[c.at-1]
		v |= int(b&0x7f) << shift
		if b < 0x80 {
			break
		}
	}
	return v
}
