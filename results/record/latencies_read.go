package record

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/kbench/kbench/internal/regular"
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

// mostSums is how many metrics and phases a file may have: a worker has a handful.
const mostSums = 256

// SumLatencies returns the intervals of a file added up, one of each metric and
// phase. Only sums are held: a long trial has as many intervals as spans have pages.
func SumLatencies(path string) ([]Interval, error) {
	type sum struct {
		Interval
		counts counts
	}
	var sums []*sum
	var d decoder
	err := eachInterval(path, func(i Interval, encoded []byte) error {
		at := slices.IndexFunc(sums, func(s *sum) bool { return s.Metric == i.Metric && s.Phase == i.Phase })
		if at < 0 {
			if len(sums) == mostSums {
				return fmt.Errorf("more than %d metrics and phases", mostSums)
			}
			at = len(sums)
			sums = append(sums, &sum{Interval: i, counts: newCounts()})
			sums[at].Below, sums[at].Above = 0, 0
		}
		s := sums[at]
		s.From, s.To = min(s.From, i.From), max(s.To, i.To)
		s.Below, s.Above = s.Below+i.Below, s.Above+i.Above
		return d.add(encoded, s.counts)
	})
	if err != nil {
		return nil, err
	}
	var out []Interval
	for _, s := range sums {
		if !s.counts.fit() {
			return nil, fmt.Errorf("read latencies: %s: %s.%s has more values than can be counted", path, s.Metric, s.Phase)
		}
		s.Hist = s.counts.histogram()
		out = append(out, s.Interval)
	}
	return out, nil
}

// eachInterval calls fn for every interval of a file with its encoded histogram,
// which is valid until fn returns.
func eachInterval(path string, fn func(i Interval, encoded []byte) error) error {
	f, err := regular.Open(path, mostBytes)
	if err != nil {
		return fmt.Errorf("read latencies: %w", err)
	}
	defer f.Close()
	p := latencyParser{each: fn}
	err = regular.Lines(f, func(n int, line []byte, torn bool) error {
		if torn {
			return nil
		}
		if err := p.line(line); err != nil {
			return fmt.Errorf("%s:%d: %w", path, n, err)
		}
		return nil
	})
	switch {
	case err != nil:
		return fmt.Errorf("read latencies: %w", err)
	case !p.origin.known:
		return fmt.Errorf("%s: no monotonic origin: not a latency file of kbench, or cut off in its header", path)
	}
	return nil
}

// latencyParser reads a histogram log line by line.
type latencyParser struct {
	origin struct {
		ns    int64
		known bool
	}
	below, above int64 // for the line that follows
	each         func(i Interval, encoded []byte) error
}

func (p *latencyParser) line(b []byte) error {
	if tagged, ok := bytes.CutPrefix(b, []byte("Tag=")); ok {
		return p.interval(tagged)
	}
	s := string(b)
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
	case s[0] == '#', s[0] == '"':
		// Comments and the legend.
	default:
		return errors.New("neither a comment nor a tagged interval")
	}
	return nil
}

func (p *latencyParser) interval(b []byte) error {
	fields := bytes.Split(b, []byte(","))
	if len(fields) != 5 {
		return fmt.Errorf("interval has %d fields, want 5", len(fields))
	}
	if !p.origin.known {
		return errors.New("interval before the monotonic origin")
	}
	tag := string(fields[0])
	dot := strings.LastIndexByte(tag, '.')
	if dot < 0 {
		return fmt.Errorf("tag %q names no phase", tag)
	}
	start, err := nanoseconds(string(fields[1]))
	if err != nil {
		return fmt.Errorf("start: %w", err)
	}
	length, err := nanoseconds(string(fields[2]))
	if err != nil {
		return fmt.Errorf("length: %w", err)
	}
	i := Interval{
		Metric: tag[:dot], Phase: tag[dot+1:],
		From: p.origin.ns + start, To: p.origin.ns + start + length, Below: p.below, Above: p.above,
	}
	p.below, p.above = 0, 0
	return p.each(i, fields[4])
}

// mostSeconds is thirty years.
const mostSeconds = 1e9

// nanoseconds reads seconds. A double holds ns exactly for more than a hundred
// days.
func nanoseconds(s string) (int64, error) {
	v, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return 0, err
	}
	if !(math.Abs(v) < mostSeconds) { // nor NaN
		return 0, fmt.Errorf("%s s cannot be", s)
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
