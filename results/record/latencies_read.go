package record

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Interval is one histogram of latency.hlog. Several may have the same metric,
// phase and bounds: their histograms add up.
type Interval struct {
	Metric string
	Phase  string // warmup, measure or drain
	From   int64  // ns of the host's monotonic clock
	To     int64
	Hist   *hdrhistogram.Histogram // ns
	Below  int64                   // how many of its values were raised to MinLatency
	Above  int64                   // how many were lowered to MaxLatency
}

// ReadLatencies returns the intervals of a file as they were written. A last
// line that is incomplete is passed over: the writer may have been killed.
func ReadLatencies(path string) ([]Interval, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read latencies: %w", err)
	}
	defer f.Close()
	r := bufio.NewReaderSize(f, 64<<10)
	var p latencyParser
	for n := 1; ; n++ {
		line, err := r.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			if !p.origin.known {
				return nil, fmt.Errorf("%s: no monotonic origin: not a latency file of kbench, or cut off in its header", path)
			}
			return p.intervals, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read latencies: %w", err)
		}
		if err := p.line(string(bytes.TrimSpace(line))); err != nil {
			return nil, fmt.Errorf("%s:%d: %w", path, n, err)
		}
	}
}

// latencyParser reads a histogram log line by line.
type latencyParser struct {
	origin struct {
		ns    int64
		known bool
	}
	below, above int64 // for the line that follows
	intervals    []Interval
}

func (p *latencyParser) line(s string) error {
	switch {
	case strings.HasPrefix(s, versionComment):
		v, err := strconv.Atoi(strings.TrimSuffix(s[len(versionComment):], "]"))
		if err != nil {
			return fmt.Errorf("version: %w", err)
		}
		if v > latenciesVersion {
			return fmt.Errorf("written in version %d of the format, this kbench reads up to %d: use a newer kbench", v, latenciesVersion)
		}
	case strings.HasPrefix(s, originComment):
		ns, err := strconv.ParseInt(strings.TrimSuffix(s[len(originComment):], " ns]"), 10, 64)
		if err != nil {
			return fmt.Errorf("monotonic origin: %w", err)
		}
		p.origin.ns, p.origin.known = ns, true
	case strings.HasPrefix(s, clampedComment):
		if _, err := fmt.Sscanf(s[len(clampedComment):], "%d below, %d above]", &p.below, &p.above); err != nil {
			return fmt.Errorf("clamped values: %w", err)
		}
	case strings.HasPrefix(s, "Tag="):
		iv, err := p.interval(s[len("Tag="):])
		if err != nil {
			return err
		}
		p.intervals = append(p.intervals, iv)
		p.below, p.above = 0, 0
	case s == "", s[0] == '#', s[0] == '"':
		// Comments and the legend.
	default:
		return errors.New("neither a comment nor a tagged interval")
	}
	return nil
}

func (p *latencyParser) interval(s string) (Interval, error) {
	fields := strings.Split(s, ",")
	if len(fields) != 5 {
		return Interval{}, fmt.Errorf("interval has %d fields, want 5", len(fields))
	}
	if !p.origin.known {
		return Interval{}, errors.New("interval before the monotonic origin")
	}
	dot := strings.LastIndexByte(fields[0], '.')
	if dot < 0 {
		return Interval{}, fmt.Errorf("tag %q names no phase", fields[0])
	}
	start, err := nanoseconds(fields[1])
	if err != nil {
		return Interval{}, fmt.Errorf("start: %w", err)
	}
	length, err := nanoseconds(fields[2])
	if err != nil {
		return Interval{}, fmt.Errorf("length: %w", err)
	}
	h, err := hdrhistogram.Decode([]byte(fields[4]))
	if err != nil {
		return Interval{}, fmt.Errorf("histogram: %w", err)
	}
	h.SetTag(fields[0])
	return Interval{
		Metric: fields[0][:dot], Phase: fields[0][dot+1:],
		From: p.origin.ns + start, To: p.origin.ns + start + length,
		Hist: h, Below: p.below, Above: p.above,
	}, nil
}

// nanoseconds reads seconds. A double holds ns exactly for more than a hundred
// days.
func nanoseconds(s string) (int64, error) {
	v, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return 0, err
	}
	return int64(math.Round(v * float64(time.Second))), nil
}

// Percentile returns the value that p percent of the values in h do not exceed:
// the one of rank p/100*n, rounded up. That is the rule of HdrHistogram's
// original and of the tools around it; the Go library rounds the rank to the
// nearest, which in a tail of few values is another value. It returns 0 for an
// empty histogram.
func Percentile(h *hdrhistogram.Histogram, p float64) int64 {
	n := h.TotalCount()
	if n == 0 || p <= 0 {
		return h.ValueAtPercentile(0)
	}
	// A step down, as in the original, so that a rank that is whole but for
	// rounding is not rounded up to the next.
	rank := max(math.Ceil(math.Nextafter(p, math.Inf(-1))*float64(n)/100), 1)
	if rank >= float64(n) {
		return h.ValueAtPercentile(100)
	}
	return h.ValueAtPercentile(rank / float64(n) * 100)
}
