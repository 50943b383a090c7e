package record

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// The range and precision of every histogram. What lies outside is clamped and
// counted.
const (
	MinLatency = int64(100 * time.Nanosecond)
	MaxLatency = int64(10 * time.Minute)

	significantDigits = 3
)

// latenciesVersion stands in a comment at the head of latency.hlog.
const latenciesVersion = 1

// Tags of the comments that only kbench reads. To other HdrHistogram tools they
// are comments.
const (
	versionComment = "#[KbenchLatencies: "
	originComment  = "#[MonotonicOrigin: "
	clampedComment = "#[Clamped: "
)

// The phases of a record, by its intended time.
const (
	warmup = iota
	measure
	drain
	phaseCount
)

var phaseNames = [phaseCount]string{"warmup", "measure", "drain"}

// phases says where the phases of a trial begin, and lays the grid on which
// intervals are cut.
type phases struct{ origin, measure, end int64 }

// of returns the phase of a record from its intended time.
func (p *phases) of(t int64) int {
	switch {
	case t < p.measure:
		return warmup
	case t < p.end:
		return measure
	default:
		return drain
	}
}

// interval returns the bounds of the interval that holds now.
func (p *phases) interval(now, every int64) (from, to int64) {
	in := (now - p.origin) % every
	if in < 0 {
		in += every
	}
	from, to = now-in, now-in+every
	for _, cut := range [...]int64{p.measure, p.end} {
		if cut <= now {
			from = max(from, cut)
		} else {
			to = min(to, cut)
		}
	}
	return from, to
}

// Latencies writes latency.hlog: a histogram per interval, metric and phase, in
// the HdrHistogram log format. Series fill the histograms; one goroutine merges,
// encodes and writes them, so that no record waits for a compressor or a disk.
type Latencies struct {
	f      *os.File
	every  int64
	origin int64 // monotonic ns at the file's time 0
	phases atomic.Pointer[phases]

	full chan batch
	free chan *hdrhistogram.PackedHistogram
	wide chan *hdrhistogram.Histogram
	stop chan struct{}
	done chan struct{} // the writer has ended

	mu     sync.Mutex
	series []*Series
	closed bool
	err    error // the first; nothing is written after it

	// The writer's own.
	pending map[intervalKey]*pendingInterval
	encoder encoder
	line    bytes.Buffer
}

// batch is what a series recorded in an interval.
type batch struct {
	metric   string
	from, to int64
	cells    [phaseCount]cell
}

// cell is one phase of a batch: few is nil where nothing was recorded, and all is
// there once that holds many different values.
type cell struct {
	few   *hdrhistogram.PackedHistogram
	all   *hdrhistogram.Histogram
	below uint32 // values raised to MinLatency
	above uint32 // values lowered to MaxLatency
}

type intervalKey struct {
	from, to int64
	tag      string
}

type pendingInterval struct {
	h            *hdrhistogram.PackedHistogram
	below, above int64
}

// CreateLatencies makes the file at path, which must not exist. interval is how
// much time one histogram covers.
func CreateLatencies(path string, interval time.Duration) (*Latencies, error) {
	if interval <= 0 {
		return nil, fmt.Errorf("create %s: interval %s: must be above 0", path, interval)
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL|os.O_APPEND, 0o644)
	if err != nil {
		return nil, fmt.Errorf("create latencies: %w", err)
	}
	w := &Latencies{
		f: f, every: int64(interval), origin: Now(),
		full: make(chan batch, 256), free: make(chan *hdrhistogram.PackedHistogram, 64), wide: make(chan *hdrhistogram.Histogram, 64),
		stop: make(chan struct{}), done: make(chan struct{}),
		pending: make(map[intervalKey]*pendingInterval),
	}
	w.phases.Store(&phases{origin: w.origin, measure: math.MaxInt64, end: math.MaxInt64})
	if _, err := f.Write(latenciesHeader(time.Now(), w.origin)); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: write header: %w", path, err), f.Close(), os.Remove(path))
	}
	go w.write()
	return w, nil
}

// latenciesHeader says what the times of the file mean: they are seconds since
// the base time, which is the wall clock's reading at the monotonic origin.
func latenciesHeader(wall time.Time, origin int64) []byte {
	var b bytes.Buffer
	lw := hdrhistogram.NewHistogramLogWriter(&b)
	seconds := float64(wall.UnixMilli()) / 1000
	fmt.Fprintf(&b, "%s%d]\n", versionComment, latenciesVersion)
	_ = lw.OutputLogFormatVersion() // a bytes.Buffer takes every write
	fmt.Fprintf(&b, "#[StartTime: %.3f (seconds since epoch), %s]\n", seconds, wall.UTC().Format(time.RFC3339))
	fmt.Fprintf(&b, "#[BaseTime: %.3f (seconds since epoch)]\n", seconds)
	fmt.Fprintf(&b, "%s%d ns]\n", originComment, origin)
	_ = lw.OutputLegend()
	return b.Bytes()
}

// EncodeLatencies is the contents of a file with the given intervals, for those
// who derive one: equal intervals give equal bytes. wall is the wall clock's
// reading at the monotonic time origin. notes stand in the file as comments.
func EncodeLatencies(wall time.Time, origin int64, notes []string, intervals []Interval) ([]byte, error) {
	b := bytes.NewBuffer(latenciesHeader(wall, origin))
	for _, n := range notes {
		fmt.Fprintf(b, "#%s\n", n)
	}
	for _, i := range intervals {
		encoded, err := i.Hist.Encode(hdrhistogram.V2CompressedEncodingCookieBase)
		if err != nil {
			return nil, fmt.Errorf("encode interval of %s: %w", i.Metric, err)
		}
		writeLine(b, origin, intervalKey{i.From, i.To, i.Metric + "." + i.Phase}, i.Below, i.Above, i.Hist.Max(), encoded)
	}
	return b.Bytes(), nil
}

// SetPhases says when the measured part begins and ends. Until it is called
// everything is warm-up. It may be called again to move the end; each bound
// should still lie ahead when it is set.
func (w *Latencies) SetPhases(measure, end int64) {
	w.phases.Store(&phases{origin: measure, measure: measure, end: end})
}

// Series returns a new series of a metric, such as "produce.response". Series
// of one metric are merged in the file.
func (w *Latencies) Series(metric string) *Series {
	if metric == "" || strings.ContainsAny(metric, ", \r\n") {
		panic(fmt.Sprintf("record: %q cannot be a metric: a tag of a histogram log has no comma, space or line break", metric))
	}
	s := &Series{w: w, metric: metric}
	w.mu.Lock()
	w.series = append(w.series, s)
	w.mu.Unlock()
	return s
}

// Err returns why intervals were lost, or nil.
func (w *Latencies) Err() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.err
}

// Close writes what is left. The owners of all series have stopped.
func (w *Latencies) Close() error { return w.close(true) }

// Leave is Close where some may not have: what no series has handed in is lost.
func (w *Latencies) Leave() error { return w.close(false) }

func (w *Latencies) close(stopped bool) error {
	w.mu.Lock()
	if w.closed {
		w.mu.Unlock()
		return nil
	}
	w.closed = true
	series := w.series
	w.mu.Unlock()

	close(w.stop)
	<-w.done
	for _, s := range series {
		if !stopped {
			break
		}
		if b, some := s.take(); some {
			w.add(b)
		}
	}
	w.flush(math.MaxInt64)
	err := w.Err()
	if cerr := w.f.Close(); cerr != nil && err == nil {
		err = fmt.Errorf("close latencies: %w", cerr)
	}
	return err
}

// write is the writer goroutine. An interval is written a little after its end,
// when the series that are in use have handed theirs in; what a quiet series
// hands in later is written as a line of its own with the same tag.
func (w *Latencies) write() {
	defer close(w.done)
	grace := w.every / 4
	tick := time.NewTicker(time.Duration(max(grace, int64(time.Millisecond))))
	defer tick.Stop()
	for {
		select {
		case b := <-w.full:
			w.add(b)
		case <-tick.C:
			w.flush(Now() - grace)
		case <-w.stop:
			for {
				select {
				case b := <-w.full:
					w.add(b)
				default:
					return
				}
			}
		}
	}
}

// add merges a batch into what is pending.
func (w *Latencies) add(b batch) {
	for i, c := range b.cells {
		if c.few == nil {
			continue
		}
		if c.all != nil {
			c.few.MergeFrom(c.all)
			c.all.Reset()
			select {
			case w.wide <- c.all:
			default:
			}
		}
		key := intervalKey{b.from, b.to, b.metric + "." + phaseNames[i]}
		p := w.pending[key]
		if p == nil {
			w.pending[key] = &pendingInterval{h: c.few, below: int64(c.below), above: int64(c.above)}
			continue
		}
		p.h.Merge(c.few)
		p.below += int64(c.below)
		p.above += int64(c.above)
		w.recycle(c.few)
	}
}

// flush writes the intervals that ended by until, oldest first.
func (w *Latencies) flush(until int64) {
	var keys []intervalKey
	for k := range w.pending {
		if k.to <= until {
			keys = append(keys, k)
		}
	}
	slices.SortFunc(keys, func(a, b intervalKey) int {
		return cmp.Or(cmp.Compare(a.from, b.from), cmp.Compare(a.to, b.to), cmp.Compare(a.tag, b.tag))
	})
	for _, k := range keys {
		p := w.pending[k]
		delete(w.pending, k)
		w.writeInterval(k, p)
		w.recycle(p.h)
	}
}

// writeInterval writes one line, with its clamps as a comment before it, in one
// write: a kill tears at most the end of the file. The line is made here and
// not by the library's writer, which knows times in whole ms only.
func (w *Latencies) writeInterval(k intervalKey, p *pendingInterval) {
	if w.Err() != nil {
		return
	}
	w.line.Reset()
	writeLine(&w.line, w.origin, k, p.below, p.above, p.h.Max(), w.encoder.encode(p.h))
	if _, err := w.f.Write(w.line.Bytes()); err != nil {
		w.mu.Lock()
		w.err = fmt.Errorf("%s: write interval: %w", w.f.Name(), err)
		w.mu.Unlock()
	}
}

// writeLine writes an interval and its comment.
func writeLine(b *bytes.Buffer, origin int64, k intervalKey, below, above, highest int64, encoded []byte) {
	if below+above > 0 {
		fmt.Fprintf(b, "%s%d below, %d above]\n", clampedComment, below, above)
	}
	fmt.Fprintf(b, "Tag=%s,%s,%s,%.3f,%s\n", k.tag, seconds(k.from-origin), seconds(k.to-k.from),
		float64(highest)/hdrhistogram.MsToNsRatio, encoded)
}

// seconds writes ns exactly.
func seconds(ns int64) string {
	const second = int64(time.Second)
	return fmt.Sprintf("%d.%09d", ns/second, ns%second)
}

// recycle empties a histogram for another interval.
func (w *Latencies) recycle(h *hdrhistogram.PackedHistogram) {
	h.Reset()
	select {
	case w.free <- h:
	default:
	}
}

// Trim lets go of the histograms that wait to be used again, for whoever weighs what
// else the process holds.
func (w *Latencies) Trim() {
	for {
		select {
		case <-w.free:
		case <-w.wide:
		default:
			return
		}
	}
}

// histogram returns an empty histogram.
func (w *Latencies) histogram() *hdrhistogram.PackedHistogram {
	select {
	case h := <-w.free:
		return h
	default:
		return newHistogram()
	}
}

// mostFew is how many different values a histogram holds that has only the
// buckets that were hit. One with all of them takes 205 KB, and a worker has one
// for each metric and partition: with 200 partitions a producer would carry 120
// MB. But recording into it takes 9 ns, and into the other 40 to 150, the more
// values the longer. So it is made where there are many of them.
const mostFew = 128

func newHistogram() *hdrhistogram.PackedHistogram {
	return hdrhistogram.NewPacked(MinLatency, MaxLatency, significantDigits)
}

// dense returns an empty histogram with all buckets.
func (w *Latencies) dense() *hdrhistogram.Histogram {
	select {
	case h := <-w.wide:
		return h
	default:
		return hdrhistogram.New(MinLatency, MaxLatency, significantDigits)
	}
}
