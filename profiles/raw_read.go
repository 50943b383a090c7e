package profiles

import (
	"bufio"
	"cmp"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"slices"

	"github.com/kbench/kbench/internal/regular"
)

// What a file of raw samples may have at most: more than a worker with all processors
// of a large machine writes in hours.
const (
	mostRawBytes  = 512 << 20
	mostMeta      = 64 << 10
	mostBlock     = 64 << 20
	MostSamples   = 1 << 25
	mostFrames    = 1 << 10 // of a stack
	mostNames     = 1 << 22 // strings, frames and stacks together
	mostHz        = 1000
	longestString = 16 << 10
	mostRawTime   = math.MaxInt64 / 4 // so that sums and differences of times are times
)

// Raw is what a file of raw samples holds.
type Raw struct {
	RawMeta
	Frames  []Frame
	Stacks  [][]int32 // from the leaf to the root; indexes into Frames
	Samples []RawSample
	Ticks   []RawTick
	Lost    []RawLost
	Whole   bool // the writer closed the file; false: it was killed
}

// RawSample is where a thread was that had used up another 1/Hz s.
type RawSample struct {
	T     int64
	Stack int32 // index into Raw.Stacks
	Count int32 // more than 1 for what the runtime counts together
}

// RawTick says how much CPU time the process had used, of all its threads, and that
// whatever was sampled until then has been written.
type RawTick struct{ T, CPU int64 }

// RawLost says how many samples found no room.
type RawLost struct{ T, Count int64 }

// Until is the last moment of which the file tells.
func (r *Raw) Until() int64 {
	last := r.Start
	if n := len(r.Ticks); n > 0 {
		last = max(last, r.Ticks[n-1].T)
	}
	if n := len(r.Samples); n > 0 {
		last = max(last, r.Samples[n-1].T)
	}
	return last
}

// Shift brings all times to a clock that is so much ahead.
func (r *Raw) Shift(by int64) {
	r.Start += by
	for i := range r.Samples {
		r.Samples[i].T += by
	}
	for i := range r.Ticks {
		r.Ticks[i].T += by
	}
	for i := range r.Lost {
		r.Lost[i].T += by
	}
}

// BadRaw is what cannot be in a file of raw samples, and at which byte the block
// begins in which it stands.
type BadRaw struct {
	Offset int64
	Why    string
}

func (b *BadRaw) Error() string { return fmt.Sprintf("at byte %d: %s", b.Offset, b.Why) }

// ReadRaw reads a file of raw samples. An incomplete block at the end is what a killed
// writer leaves behind and is passed over.
func ReadRaw(path string) (*Raw, error) {
	f, err := regular.Open(path, mostRawBytes)
	if err != nil {
		return nil, fmt.Errorf("read raw samples: %w", err)
	}
	defer f.Close()
	raw, err := DecodeRaw(bufio.NewReaderSize(io.LimitReader(f, mostRawBytes), 64<<10))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return raw, nil
}

// DecodeRaw reads what a RawWriter wrote.
func DecodeRaw(r io.Reader) (*Raw, error) {
	d := &rawDecoder{raw: &Raw{}}
	at, err := d.head(r)
	if err != nil {
		return nil, err
	}
	var head [rawBlock]byte
	var payload []byte
	for {
		if _, err := io.ReadFull(r, head[:]); errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			break
		} else if err != nil {
			return nil, err
		}
		size := binary.LittleEndian.Uint32(head[:])
		if size == 0 || size > mostBlock {
			return nil, &BadRaw{at, fmt.Sprintf("a block of %d bytes cannot be", size)}
		}
		// What is not there is not waited for with room.
		payload, err = appendN(payload[:0], r, int(size))
		if errors.Is(err, io.ErrUnexpectedEOF) {
			break
		} else if err != nil {
			return nil, err
		}
		if crc32.Checksum(payload, castagnoli) != binary.LittleEndian.Uint32(head[4:]) {
			return nil, &BadRaw{at, "its contents are not what was written: its checksum is another"}
		}
		if err := d.block(payload); err != nil {
			return nil, &BadRaw{at, err.Error()}
		}
		at += rawBlock + int64(size)
	}
	// Threads of one process may be some ns apart.
	slices.SortStableFunc(d.raw.Samples, func(a, b RawSample) int { return cmp.Compare(a.T, b.T) })
	return d.raw, nil
}

// appendN appends n bytes of a reader.
func appendN(to []byte, r io.Reader, n int) ([]byte, error) {
	const step = 1 << 20
	for n > 0 {
		more := min(n, step)
		from := len(to)
		to = slices.Grow(to, more)[:from+more]
		if _, err := io.ReadFull(r, to[from:]); err != nil {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return to, err
		}
		n -= more
	}
	return to, nil
}

// rawDecoder is in the middle of a file.
type rawDecoder struct {
	raw     *Raw
	strings []string
	last    int64 // time
	cpu     int64
	rest    []byte // of the block
	err     error  // the first; what was read since means nothing
}

// head reads what stands before the first block, which begins where it returns.
func (d *rawDecoder) head(r io.Reader) (begins int64, err error) {
	fixed := make([]byte, rawHeader)
	if _, err := io.ReadFull(r, fixed); err != nil {
		return 0, fmt.Errorf("header is incomplete: %w", err)
	}
	if string(fixed[:len(rawMagic)]) != rawMagic {
		return 0, errors.New("not a file of raw samples: it does not begin with the magic bytes")
	}
	le := binary.LittleEndian
	if version := le.Uint32(fixed[8:]); version > rawVersion {
		return 0, fmt.Errorf("written in version %d of the format, this kbench reads up to %d: use a newer kbench", version, rawVersion)
	}
	length := le.Uint32(fixed[12:])
	if length > mostMeta {
		return 0, fmt.Errorf("header is damaged: %d bytes of JSON", length)
	}
	text := make([]byte, length)
	if _, err := io.ReadFull(r, text); err != nil {
		return 0, fmt.Errorf("header is incomplete: %w", err)
	}
	meta := &d.raw.RawMeta
	if err := json.Unmarshal(text, meta); err != nil {
		return 0, fmt.Errorf("header is damaged: %w", err)
	}
	if meta.Hz < 1 || meta.Hz > mostHz || meta.Start < -mostRawTime || meta.Start > mostRawTime {
		return 0, fmt.Errorf("header is damaged: %d samples per second from %d ns on", meta.Hz, meta.Start)
	}
	d.last = meta.Start
	return rawHeader + int64(length), nil
}

// block reads the records of a block.
func (d *rawDecoder) block(payload []byte) error {
	d.rest = payload
	for len(d.rest) > 0 && d.err == nil {
		kind := d.rest[0]
		d.rest = d.rest[1:]
		if d.raw.Whole {
			return errors.New("something stands after the end")
		}
		d.record(kind)
		r := d.raw
		if n := len(d.strings) + len(r.Frames) + len(r.Stacks); n > mostNames {
			d.fail("more than %d strings, frames and stacks are not read", mostNames)
		}
		if n := len(r.Samples) + len(r.Ticks) + len(r.Lost); n > MostSamples {
			d.fail("more than %d samples are not read", MostSamples)
		}
	}
	return d.err
}

func (d *rawDecoder) record(kind byte) {
	r := d.raw
	switch kind {
	case recString:
		n := d.below(min(longestString, len(d.rest))+1, "bytes of a string")
		d.strings = append(d.strings, string(d.rest[:min(n, len(d.rest))]))
		d.rest = d.rest[min(n, len(d.rest)):]
	case recFrame:
		f := Frame{PC: d.uint(), Function: d.string(), File: d.string(), Line: d.below(math.MaxInt32, "line"), Begins: d.below(math.MaxInt32, "line")}
		r.Frames = append(r.Frames, f)
	case recStack:
		stack := make([]int32, d.below(mostFrames+1, "frames of a stack"))
		for i := range stack {
			stack[i] = int32(d.below(len(r.Frames), "frame"))
		}
		r.Stacks = append(r.Stacks, stack)
	case recSample:
		t := d.time()
		r.Samples = append(r.Samples, RawSample{t, int32(d.below(len(r.Stacks), "stack")), int32(d.below(math.MaxInt32, "samples"))})
	case recTick:
		t := d.time()
		used := d.below(mostRawTime, "ns of CPU time")
		if d.cpu += int64(used); d.cpu > mostRawTime {
			d.fail("%d ns of CPU time cannot be", d.cpu)
		}
		r.Ticks = append(r.Ticks, RawTick{t, d.cpu})
	case recLost:
		t := d.time()
		r.Lost = append(r.Lost, RawLost{t, int64(d.below(math.MaxInt32, "lost samples"))})
	case recEnd:
		r.Whole = true
	default:
		d.fail("there is no record %q", kind)
	}
}

// fail keeps the first thing that is wrong, and ends the block.
func (d *rawDecoder) fail(format string, args ...any) {
	if d.err == nil {
		d.err = fmt.Errorf(format, args...)
	}
	d.rest = nil
}

func (d *rawDecoder) uint() uint64 {
	v, n := binary.Uvarint(d.rest)
	if n <= 0 {
		d.fail("a number is incomplete")
		return 0
	}
	d.rest = d.rest[n:]
	return v
}

// below is a number that is less than some.
func (d *rawDecoder) below(most int, what string) int {
	v := d.uint()
	if d.err == nil && v >= uint64(most) {
		d.fail("%s %d is not there", what, v)
		return 0
	}
	return int(v)
}

// string is one that was written before.
func (d *rawDecoder) string() string {
	if n := d.below(len(d.strings), "string"); d.err == nil {
		return d.strings[n]
	}
	return ""
}

// time is one that follows the last.
func (d *rawDecoder) time() int64 {
	by, n := binary.Varint(d.rest)
	if n <= 0 {
		d.fail("a time is incomplete")
		return 0
	}
	d.rest = d.rest[n:]
	if by < -mostRawTime || by > mostRawTime || d.last+by < -mostRawTime || d.last+by > mostRawTime {
		d.fail("a time %d ns after the one before cannot be", by)
		return 0
	}
	d.last += by
	return d.last
}
