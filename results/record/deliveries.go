package record

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// The layout of deliveries.bin. Everything is little-endian.
//
//	page 0 ...   magic, version, number of header pages, length of JSON, JSON
//	page h ...   42 slots of 96 bytes, the last 64 bytes unused
//
// A page belongs to one lane, so lanes share neither a lock nor a cache line.
// The page of the format is 4096 bytes whatever the machine's is.
const (
	deliveriesMagic   = "kbspans\n"
	deliveriesVersion = 1

	pageSize     = 4096
	slotSize     = 96
	pageSlots    = pageSize / slotSize
	segmentSize  = 1 << 20
	segmentPages = segmentSize / pageSize
	headerFixed  = 8 + 4 + 4 + 4
)

// DeliveriesMeta stands at the head of deliveries.bin. Version is set by
// CreateDeliveries. A worker of a trial with several topics writes the first of
// them alone: its Span.Partition is then numbered through all topics of the
// trial (results.Topics), and Span.Topic is 0.
type DeliveriesMeta struct {
	Version int      `json:"version"`
	Run     uint32   `json:"run"`
	Worker  string   `json:"worker"`
	Topics  []string `json:"topics"` // Span.Topic is an index into them
}

// Deliveries writes deliveries.bin: a shared mapping of a preallocated file in
// which each lane extends its open span in place. The kernel owns the pages, so
// what an Add has stored is in the file even if the process is killed before
// its next instruction.
type Deliveries struct {
	path string
	f    *os.File
	next atomic.Int64 // the next unclaimed page; closedPages after Close

	// mapped are the segments of the file that may be written. The slice is
	// replaced, never changed, so that lanes read it without a lock.
	mapped atomic.Pointer[[][]byte]
	cuts   atomic.Pointer[cuts]

	mu     sync.Mutex // held to grow and to close
	err    error      // why the file could not grow; under mu
	closed bool       // under mu

	lost   atomic.Int64 // spans that had no room
	kick   chan struct{}
	stop   chan struct{}
	grower sync.WaitGroup
}

// closedPages is a page number that no file reaches: who claims a page after
// Close finds no room for it.
const closedPages = 1 << 40

// cuts is the grid of times at which spans are cut.
type cuts struct{ origin, every int64 }

// CreateDeliveries makes the file at path, which must not exist, and reserves
// its first segment on disk.
func CreateDeliveries(path string, meta DeliveriesMeta) (*Deliveries, error) {
	if !littleEndian() {
		return nil, fmt.Errorf("create %s: spans are stored in place and little-endian, and this machine (%s) is not", path, runtime.GOARCH)
	}
	meta.Version = deliveriesVersion
	header, err := encodeHeader(meta)
	if err != nil {
		return nil, fmt.Errorf("create %s: %w", path, err)
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return nil, fmt.Errorf("create deliveries: %w", err)
	}
	d := &Deliveries{path: path, f: f, kick: make(chan struct{}, 1), stop: make(chan struct{})}
	d.mapped.Store(new([][]byte))
	d.cuts.Store(&cuts{})
	pages := int64(len(header) / pageSize)
	d.next.Store(pages)
	d.mu.Lock()
	err = d.growTo(pages)
	d.mu.Unlock()
	if err == nil {
		if _, werr := f.WriteAt(header, 0); werr != nil {
			err = fmt.Errorf("%s: write header: %w", path, werr)
		}
	}
	if err != nil {
		d.unmap()
		return nil, errors.Join(err, f.Close(), os.Remove(path))
	}
	d.grower.Go(d.growAhead)
	return d, nil
}

func encodeHeader(meta DeliveriesMeta) ([]byte, error) {
	text, err := json.Marshal(meta)
	if err != nil {
		return nil, fmt.Errorf("encode meta: %w", err)
	}
	pages := (headerFixed + len(text) + pageSize - 1) / pageSize
	b := make([]byte, 0, pages*pageSize)
	b = append(b, deliveriesMagic...)
	b = binary.LittleEndian.AppendUint32(b, deliveriesVersion)
	b = binary.LittleEndian.AppendUint32(b, uint32(pages))
	b = binary.LittleEndian.AppendUint32(b, uint32(len(text)))
	b = append(b, text...)
	return b[:pages*pageSize], nil
}

// SetCuts makes spans end where the time At crosses origin + k*every for any
// whole k, so that sums over spans are exact for every interval and every phase
// whose bounds lie on that grid. It may be called while lanes run; spans that
// are open then are cut by their next record, so origin should lie ahead.
func (d *Deliveries) SetCuts(origin, every int64) {
	d.cuts.Store(&cuts{origin: origin, every: max(every, 0)})
}

// Lane returns a new lane: the sequence of records of one partition that one
// goroutine at a time handles. tenure tells apart the times that a partition
// was given to this worker; it is 0 where nothing is assigned.
func (d *Deliveries) Lane(kind Kind, topic uint16, partition int32, tenure uint32) *SpanLane {
	return &SpanLane{d: d, kind: kind, topic: topic, partition: partition, tenure: tenure}
}

// page claims a page for one lane. It returns nil when there is no room, which
// is an error that Err reports.
func (d *Deliveries) page() []byte {
	p := d.next.Add(1) - 1
	segments := *d.mapped.Load()
	if p/segmentPages >= int64(len(segments)) {
		// The background was too slow, or cannot grow the file any more.
		d.mu.Lock()
		err := d.growTo(p)
		d.mu.Unlock()
		if err != nil {
			return nil
		}
		segments = *d.mapped.Load()
	}
	if p%segmentPages == segmentPages/2 {
		select {
		case d.kick <- struct{}{}:
		default:
		}
	}
	at := p % segmentPages * pageSize
	return segments[p/segmentPages][at : at+pageSize : at+pageSize]
}

// growAhead keeps a whole free segment ahead of the lanes.
func (d *Deliveries) growAhead() {
	for {
		select {
		case <-d.stop:
			return
		case <-d.kick:
			d.mu.Lock()
			// Its error stays in d.err and reaches the lane that needs the room.
			_ = d.growTo(d.next.Load() + segmentPages)
			d.mu.Unlock()
		}
	}
}

var errClosed = errors.New("the file is closed")

// growTo maps the file up to page p and beyond. d.mu is held. After a failure
// it stays failed: a file that grew again would have a hole in its story. What was
// mapped before has room all the same.
func (d *Deliveries) growTo(p int64) error {
	if d.closed {
		return errClosed
	}
	segments := *d.mapped.Load()
	for d.err == nil && p/segmentPages >= int64(len(segments)) {
		off := int64(len(segments)) * segmentSize
		if err := preallocate(d.f, off, segmentSize); err != nil {
			d.err = fmt.Errorf("%s: reserve %d bytes on disk: %w; free some space or choose another --out", d.path, off+segmentSize, err)
			break
		}
		m, err := unix.Mmap(int(d.f.Fd()), off, segmentSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
		if err != nil {
			d.err = fmt.Errorf("%s: map bytes from %d: %w", d.path, off, err)
			break
		}
		segments = append(segments[:len(segments):len(segments)], m)
		d.mapped.Store(&segments)
	}
	if p/segmentPages < int64(len(segments)) {
		return nil
	}
	return d.err
}

// Used is how many bytes of the file have been given to lanes.
func (d *Deliveries) Used() int64 { return d.next.Load() % closedPages * pageSize }

// Err returns why spans could not be stored and how many were lost by it, or
// nil.
func (d *Deliveries) Err() error {
	d.mu.Lock()
	err := d.err
	d.mu.Unlock()
	lost := d.lost.Load()
	switch {
	case lost == 0:
		return err
	case err == nil:
		return fmt.Errorf("%s: %d spans came after the file was closed and are lost", d.path, lost)
	default:
		return fmt.Errorf("%w (%d spans are lost)", err, lost)
	}
}

// Close cuts the file to what was used. Lanes should have stopped. A client
// that calls back after it was closed is one of the things that are measured
// here, so a late Add must not bring the process down: pages in use stay mapped
// until the lanes that use them are gone, and a span that needs a new page is
// counted as lost.
func (d *Deliveries) Close() error {
	d.mu.Lock()
	if d.closed {
		d.mu.Unlock()
		return nil
	}
	d.closed = true
	used := d.next.Swap(closedPages)
	segments := *d.mapped.Load()
	d.mu.Unlock()

	close(d.stop)
	d.grower.Wait()
	used = min(used, int64(len(segments))*segmentPages)
	err := d.f.Truncate(used * pageSize)
	if err != nil {
		err = fmt.Errorf("%s: cut to its used length: %w", d.path, err)
	}
	if cerr := d.f.Close(); cerr != nil {
		err = errors.Join(err, fmt.Errorf("close deliveries: %w", cerr))
	}
	runtime.AddCleanup(d, unmapAll, segments)
	return err
}

func (d *Deliveries) unmap() { unmapAll(*d.mapped.Load()) }

// unmapAll gives the mappings back. It cannot fail for slices that Mmap made.
func unmapAll(segments [][]byte) {
	for _, m := range segments {
		_ = unix.Munmap(m)
	}
}

func littleEndian() bool {
	return binary.NativeEndian.Uint16([]byte{1, 0}) == 1
}

// writeZeros reserves room on file systems that cannot do it otherwise.
func writeZeros(f *os.File, off, n int64) error {
	zeros := make([]byte, 64<<10)
	for n > 0 {
		w, err := f.WriteAt(zeros[:min(n, int64(len(zeros)))], off)
		if err != nil {
			return err
		}
		off += int64(w)
		n -= int64(w)
	}
	return nil
}
