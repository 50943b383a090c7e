package record

import (
	"cmp"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"

	"github.com/kbench/kbench/internal/regular"
)

// EachSpan calls fn for every span of a file, in the order of its pages. Files can
// be large, and it holds none of them. Slots that were reserved and never used are
// passed over, and so is an incomplete page at the end: the writer may have been
// killed at any instant.
func EachSpan(path string, fn func(Span)) (DeliveriesMeta, error) {
	f, err := regular.Open(path, mostBytes)
	if err != nil {
		return DeliveriesMeta{}, fmt.Errorf("read deliveries: %w", err)
	}
	defer f.Close()
	meta, start, err := readHeader(f)
	if err != nil {
		return DeliveriesMeta{}, fmt.Errorf("%s: %w", path, err)
	}
	return meta, eachPage(f, start, func(number int64, page []byte) error {
		return eachSlot(page, start+number*pageSize, func(s Span) error { fn(s); return nil })
	})
}

// eachPage calls fn for every page, with its number, until fn returns an error. The
// last may be incomplete.
func eachPage(f *os.File, start int64, fn func(number int64, page []byte) error) error {
	if _, err := f.Seek(start, io.SeekStart); err != nil {
		return fmt.Errorf("read deliveries: %w", err)
	}
	buf := make([]byte, segmentSize)
	for number := int64(0); ; {
		n, err := io.ReadFull(f, buf)
		for page := buf[:n]; len(page) > 0; page = page[min(pageSize, len(page)):] {
			if err := fn(number, page[:min(pageSize, len(page))]); err != nil {
				return err
			}
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

// eachSlot decodes a page that begins at a byte of the file. A lane fills its page in
// order, so the first slot without a count is the end of what the page holds.
func eachSlot(page []byte, begins int64, fn func(Span) error) error {
	for slot := range int64(pageSlots) {
		if len(page) < slotSize {
			return nil
		}
		s := decodeSlot(page[:slotSize])
		if s.Count == 0 {
			return nil
		}
		if why := s.wrong(); why != "" {
			return &BadSpan{begins + slot*slotSize, why}
		}
		if err := fn(s); err != nil {
			return err
		}
		page = page[slotSize:]
	}
	return nil
}

// BadSpan is a span that cannot be, and at which byte of its file it stands.
type BadSpan struct {
	Offset int64
	Why    string
}

func (b *BadSpan) Error() string { return fmt.Sprintf("at byte %d: %s", b.Offset, b.Why) }

// What the records of a span, and times, may be at most. The records of a span follow
// each other within 10 ms, or share a reading of the clock; a hundred million a second
// are more than any loop hands over.
const (
	mostAtOnce   = 1 << 24
	mostPerMilli = 100_000
	mostTime     = math.MaxInt64 / 4 // so that sums and differences of times are times
)

// wrong says why a span cannot be; empty where it can.
func (s *Span) wrong() string {
	strange := s.Kind == Corrupt || s.Kind == Foreign // whose sequence may be anything
	for _, t := range []int64{s.Due, s.LastDue, s.At, s.LastAt, s.MaxLate, s.MaxGap} {
		if t < -mostTime || t > mostTime {
			return fmt.Sprintf("a time of %d ns cannot be", t)
		}
	}
	switch most := uint64(mostAtOnce + max(s.LastAt-s.At, 0)/1e6*mostPerMilli); {
	case s.Kind < Acked || s.Kind >= Kinds:
		return fmt.Sprintf("there is no kind %d of spans", s.Kind)
	case s.Partition < -1:
		return fmt.Sprintf("there is no partition %d", s.Partition)
	case s.Count > most:
		return fmt.Sprintf("a span of %d records in %d ns cannot be", s.Count, max(s.LastAt-s.At, 0))
	case !strange && s.First > math.MaxInt64/2:
		return fmt.Sprintf("there is no sequence %d", s.First)
	case s.Offset < -1 || s.Offset > math.MaxInt64/2:
		return fmt.Sprintf("there is no offset %d", s.Offset)
	}
	return ""
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
	if need := (uint64(length) + headerFixed + pageSize - 1) / pageSize; uint64(pages) != need || pages > 1<<16 {
		return meta, 0, fmt.Errorf("header is damaged: %d bytes of JSON in %d pages", length, pages)
	}
	if info, err := f.Stat(); err != nil || info.Size() < headerFixed+int64(length) {
		return meta, 0, fmt.Errorf("header is incomplete: it has %d bytes of JSON (%w)", length, cmp.Or(err, io.ErrUnexpectedEOF))
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
