package record

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
)

// EachSpan calls fn for every span of a file, in the order of its pages. Files can
// be large, and it holds none of them. Slots that were reserved and never used are
// passed over, and so is an incomplete page at the end: the writer may have been
// killed at any instant.
func EachSpan(path string, fn func(Span)) (DeliveriesMeta, error) {
	f, err := os.Open(path)
	if err != nil {
		return DeliveriesMeta{}, fmt.Errorf("read deliveries: %w", err)
	}
	defer f.Close()
	meta, start, err := readHeader(f)
	if err != nil {
		return DeliveriesMeta{}, fmt.Errorf("%s: %w", path, err)
	}
	return meta, eachPage(f, start, func(_ int64, page []byte) { eachSlot(page, fn) })
}

// eachPage calls fn for every page, with its number. The last may be incomplete.
func eachPage(f *os.File, start int64, fn func(number int64, page []byte)) error {
	if _, err := f.Seek(start, io.SeekStart); err != nil {
		return fmt.Errorf("read deliveries: %w", err)
	}
	buf := make([]byte, segmentSize)
	for number := int64(0); ; {
		n, err := io.ReadFull(f, buf)
		for page := buf[:n]; len(page) > 0; page = page[min(pageSize, len(page)):] {
			fn(number, page[:min(pageSize, len(page))])
			number++
		}
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read deliveries: %w", err)
		}
	}
}

// eachSlot decodes a page. A lane fills its page in order, so the first slot
// without a count is the end of what the page holds.
func eachSlot(page []byte, fn func(Span)) {
	for range pageSlots {
		if len(page) < slotSize {
			return
		}
		s := decodeSlot(page[:slotSize])
		if s.Count == 0 {
			return
		}
		fn(s)
		page = page[slotSize:]
	}
}

func decodeSlot(b []byte) Span {
	le := binary.LittleEndian
	_ = b[slotSize-1]
	s := Span{
		Kind:      Kind(b[0]),
		Topic:     le.Uint16(b[2:]),
		Partition: int32(le.Uint32(b[4:])),
		Tenure:    le.Uint32(b[8:]),
		Producer:  le.Uint32(b[12:]),
		First:     le.Uint64(b[16:]),
		Count:     le.Uint64(b[24:]),
		Offset:    int64(le.Uint64(b[32:])),
		Due:       int64(le.Uint64(b[40:])),
		LastDue:   int64(le.Uint64(b[48:])),
		At:        int64(le.Uint64(b[56:])),
		LastAt:    int64(le.Uint64(b[64:])),
		MaxLate:   int64(le.Uint64(b[72:])),
		MaxGap:    int64(le.Uint64(b[80:])),
	}
	// What was never answered was once written as failed at no time.
	if s.Kind == Failed && s.At == 0 {
		s.Kind = Unanswered
	}
	return s
}

// readHeader returns the meta and where the slots start.
func readHeader(f *os.File) (meta DeliveriesMeta, start int64, err error) {
	fixed := make([]byte, headerFixed)
	if _, err := f.ReadAt(fixed, 0); err != nil {
		return meta, 0, fmt.Errorf("header is incomplete: %w", err)
	}
	if string(fixed[:8]) != deliveriesMagic {
		return meta, 0, errors.New("not a deliveries file: it does not begin with the magic bytes")
	}
	version := binary.LittleEndian.Uint32(fixed[8:])
	if version > deliveriesVersion {
		return meta, 0, fmt.Errorf("written in version %d of the format, this kbench reads up to %d: use a newer kbench", version, deliveriesVersion)
	}
	pages, length := binary.LittleEndian.Uint32(fixed[12:]), binary.LittleEndian.Uint32(fixed[16:])
	if uint64(length)+headerFixed > uint64(pages)*pageSize || pages > 1<<16 {
		return meta, 0, fmt.Errorf("header is damaged: %d bytes of JSON in %d pages", length, pages)
	}
	text := make([]byte, length)
	if _, err := f.ReadAt(text, headerFixed); err != nil {
		return meta, 0, fmt.Errorf("header is incomplete: %w", err)
	}
	if err := json.Unmarshal(text, &meta); err != nil {
		return meta, 0, fmt.Errorf("header is damaged: %w", err)
	}
	return meta, int64(pages) * pageSize, nil
}
