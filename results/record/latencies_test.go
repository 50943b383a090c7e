package record

import (
	"errors"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

func newLatencies(t testing.TB, interval time.Duration) (*Latencies, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "latency.hlog")
	w, err := CreateLatencies(path, interval)
	if err != nil {
		t.Fatal(err)
	}
	return w, path
}

func closeAndRead(t testing.TB, w *Latencies, path string) []Interval {
	t.Helper()
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	got, err := ReadLatencies(path)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// summary is what a test compares of an interval.
type summary struct {
	Tag          string
	From, To     int64 // from the first origin
	Count        int64
	Below, Above int64
}

func summarise(origin int64, intervals []Interval) []summary {
	var out []summary
	for _, iv := range intervals {
		out = append(out, summary{iv.Metric + "." + iv.Phase, iv.From - origin, iv.To - origin, iv.Hist.TotalCount(), iv.Below, iv.Above})
	}
	return out
}

const second = int64(time.Second)

// Intended times choose the phase, the present chooses the interval, and the
// bounds of the measured part cut intervals.
func TestPhasesAndIntervals(t *testing.T) {
	// The times lie ahead of the clock, so the writer's own pace has no part.
	w, path := newLatencies(t, time.Second)
	o := w.origin
	w.SetPhases(o+2500e6, o+4700e6)
	s := w.Series("e2e.response")
	at := func(due, now float64) { s.Record(o+int64(due*1e9), o+int64(now*1e9), 1_000_000) }
	at(0.1, 0.2)  // grid of the measured part: 0.5, 1.5, 2.5, ...
	at(0.4, 0.49) //
	at(0.4, 0.5)
	at(2.4, 2.45)
	at(2.4, 2.6) // due in warm-up, handled in the measured part
	at(2.5, 2.6)
	at(4.69, 4.69)
	at(4.69, 4.71) // due in the measured part, handled in the drain
	at(4.7, 4.72)
	want := []summary{
		{"e2e.response.warmup", 0, 500e6, 2, 0, 0},
		{"e2e.response.warmup", 500e6, 1500e6, 1, 0, 0},
		{"e2e.response.warmup", 1500e6, 2500e6, 1, 0, 0},
		{"e2e.response.measure", 2500e6, 3500e6, 1, 0, 0},
		{"e2e.response.warmup", 2500e6, 3500e6, 1, 0, 0},
		{"e2e.response.measure", 4500e6, 4700e6, 1, 0, 0},
		{"e2e.response.drain", 4700e6, 5500e6, 1, 0, 0},
		{"e2e.response.measure", 4700e6, 5500e6, 1, 0, 0},
	}
	if diff := cmp.Diff(want, summarise(o, closeAndRead(t, w, path))); diff != "" {
		t.Error(diff)
	}
}

func TestPhasesMayBeSetWhileSeriesRun(t *testing.T) {
	w, path := newLatencies(t, time.Second)
	o := w.origin
	s := w.Series("m")
	s.Record(o, o+100e6, 1000)
	w.SetPhases(o+300e6, math.MaxInt64)
	s.Record(o+200e6, o+200e6, 1000)
	s.Record(o+300e6, o+300e6, 1000)
	w.SetPhases(o+300e6, o+900e6)
	s.Record(o+899e6, o+899e6, 1000)
	s.Record(o+901e6, o+901e6, 1000)
	want := []summary{
		{"m.warmup", 0, 300e6, 2, 0, 0},
		{"m.measure", 300e6, 900e6, 2, 0, 0},
		{"m.drain", 900e6, 1300e6, 1, 0, 0},
	}
	if diff := cmp.Diff(want, summarise(o, closeAndRead(t, w, path))); diff != "" {
		t.Error(diff)
	}
}

// Series of one metric become one line per interval, others do not mix.
func TestSeriesOfAMetricAreMerged(t *testing.T) {
	w, path := newLatencies(t, time.Hour)
	a, b, c := w.Series("m"), w.Series("m"), w.Series("n")
	for i := range int64(100) {
		a.Record(w.origin, w.origin, 1000)
		b.Record(w.origin, w.origin, 1_000_000+i)
		c.Record(w.origin, w.origin, 5000)
	}
	a.Close()
	got := closeAndRead(t, w, path)
	if diff := cmp.Diff([]summary{
		{"m.warmup", 0, 3600 * second, 200, 0, 0},
		{"n.warmup", 0, 3600 * second, 100, 0, 0},
	}, summarise(w.origin, got)); diff != "" {
		t.Fatal(diff)
	}
	if p := got[0].Hist.ValueAtQuantile(50); p < 1000 || p > 1100 {
		t.Errorf("median = %d, want about 1000", p)
	}
	if p := got[0].Hist.ValueAtQuantile(51); p < 1_000_000 || p > 1_001_100 {
		t.Errorf("51st percentile = %d, want about 1000000", p)
	}
}

func TestClampedValuesAreCounted(t *testing.T) {
	w, path := newLatencies(t, time.Hour)
	s := w.Series("m")
	for _, v := range []int64{-5, 0, 99, 100, 1000, MaxLatency, MaxLatency + 1, math.MaxInt64} {
		s.Record(w.origin, w.origin, v)
	}
	w.Series("n").Record(w.origin, w.origin, 1000) // the counts are not carried over
	got := closeAndRead(t, w, path)
	if diff := cmp.Diff([]summary{
		{"m.warmup", 0, 3600 * second, 8, 3, 2},
		{"n.warmup", 0, 3600 * second, 1, 0, 0},
	}, summarise(w.origin, got)); diff != "" {
		t.Fatal(diff)
	}
	h := got[0].Hist
	if h.Min() > 100 || float64(h.Max()) < float64(MaxLatency)*0.999 || float64(h.Max()) > float64(MaxLatency)*1.001 {
		t.Errorf("range = %d..%d, want %d..%d", h.Min(), h.Max(), MinLatency, MaxLatency)
	}
}

func TestSeriesMayBeReopened(t *testing.T) {
	w, path := newLatencies(t, time.Hour)
	s := w.Series("m")
	s.Close() // nothing to hand in
	s.Record(w.origin, w.origin, 1000)
	s.Close()
	s.Close()
	s.Record(w.origin, w.origin, 1000)
	var n int64
	for _, iv := range closeAndRead(t, w, path) {
		n += iv.Hist.TotalCount()
	}
	if n != 2 {
		t.Errorf("%d values are in the file, want 2", n)
	}
	if err := w.Close(); err != nil {
		t.Errorf("second Close: %v", err)
	}
	s.Record(w.origin, w.origin, 1000) // too late, but harmless
	s.Close()
}

// What waits to be used again is let go of, and series go on.
func TestTrim(t *testing.T) {
	w, path := newLatencies(t, time.Hour)
	w.free <- newHistogram()
	w.free <- newHistogram()
	w.wide <- w.dense()
	w.Trim()
	if n := len(w.free) + len(w.wide); n > 0 {
		t.Errorf("%d histograms are kept", n)
	}
	s := w.Series("m")
	s.Record(w.origin, w.origin, 1000)
	if got := closeAndRead(t, w, path); len(got) != 1 || got[0].Hist.TotalCount() != 1 {
		t.Errorf("%+v", got)
	}
}

// Whatever many series record on the real clock, with intervals far shorter
// than the writer can keep up with, every value is in the file once.
func TestNothingIsLostBetweenSeriesAndFile(t *testing.T) {
	w, path := newLatencies(t, 200*time.Microsecond)
	start := Now()
	w.SetPhases(start+10e6, start+30e6)
	const lanes = 6
	recorded := make([][phaseCount]int64, lanes)
	var wg sync.WaitGroup
	for i := range lanes {
		wg.Go(func() {
			s := w.Series("m")
			rng := rand.New(rand.NewPCG(1, uint64(i)))
			for {
				now := Now()
				if now > start+40e6 && recorded[i][drain] > 0 {
					s.Close()
					return
				}
				due := now - rng.Int64N(2e6)
				recorded[i][w.phases.Load().of(due)]++
				s.Record(due, now, rng.Int64N(1e9))
			}
		})
	}
	wg.Wait()
	want := make(map[string]int64)
	for i := range recorded {
		for p, n := range recorded[i] {
			if n > 0 { // on a machine that stood still, a phase may have none
				want[phaseNames[p]] += n
			}
		}
	}
	got := make(map[string]int64)
	for _, iv := range closeAndRead(t, w, path) {
		got[iv.Phase] += iv.Hist.TotalCount()
		if iv.From >= iv.To {
			t.Errorf("interval %d..%d", iv.From, iv.To)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// An interval reaches the file soon after its end, without Close: a killed
// worker has lost the last one only.
func TestIntervalsAreWrittenAsTheyEnd(t *testing.T) {
	w, path := newLatencies(t, 5*time.Millisecond)
	defer w.Close()
	s := w.Series("m")
	deadline := time.Now().Add(20 * time.Second)
	for time.Now().Before(deadline) {
		now := Now()
		s.Record(now, now, 1000)
		time.Sleep(time.Millisecond)
		if got, err := ReadLatencies(path); err != nil {
			t.Fatal(err)
		} else if len(got) >= 2 {
			return
		}
	}
	t.Fatal("no interval was written in 20 s")
}

func TestPercentilesComeBack(t *testing.T) {
	w, path := newLatencies(t, time.Hour)
	s, want := w.Series("m"), hdrhistogram.New(MinLatency, MaxLatency, significantDigits)
	rng := rand.New(rand.NewPCG(1, 2))
	for range 100_000 {
		v := int64(math.Exp(rng.NormFloat64()*2 + 13))
		v = min(max(v, MinLatency), MaxLatency)
		s.Record(w.origin, w.origin, v)
		if err := want.RecordValue(v); err != nil {
			t.Fatal(err)
		}
	}
	got := closeAndRead(t, w, path)
	if len(got) != 1 || !got[0].Hist.Equals(want) {
		t.Errorf("%d intervals; the histogram is not the one that was recorded", len(got))
	}
}

func TestTornLatencies(t *testing.T) {
	w, path := newLatencies(t, time.Second)
	s := w.Series("m")
	for i := range int64(4) {
		s.Record(w.origin, w.origin+i*second, 1000+i)
		s.Record(w.origin, w.origin+i*second, 1)
	}
	if n := len(closeAndRead(t, w, path)); n != 4 {
		t.Fatalf("%d intervals, want 4", n)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	header := strings.Index(string(whole), clampedComment)
	for n := header; n <= len(whole); n++ {
		if err := os.WriteFile(path, whole[:n], 0o644); err != nil {
			t.Fatal(err)
		}
		got, err := ReadLatencies(path)
		if want := strings.Count(string(whole[:n]), ",HIST") - 1; err != nil || len(got) < want || len(got) > want+1 {
			t.Fatalf("%d bytes: %d intervals, %v; want %d", n, len(got), err, want)
		}
	}
	// The line itself may be torn anywhere, but only at the end.
	damaged := strings.Replace(string(whole), "HIST", "HOST", 2)
	if err := os.WriteFile(path, []byte(damaged), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadLatencies(path); err == nil || !strings.Contains(err.Error(), path+":") {
		t.Errorf("error = %v, want one with file and line", err)
	}
}

func TestReadLatenciesRefuses(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		path := filepath.Join(t.TempDir(), "latency.hlog")
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadLatencies(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error = %v, want one with %q", err, want)
		}
	}
	const origin = originComment + "5 ns]\n"
	f("", "no monotonic origin")
	f(versionComment+"2]\n", "use a newer kbench")
	f(versionComment+"x]\n", ":1: version")
	f(originComment+"x ns]\n", "monotonic origin")
	f("Tag=a.measure,1,1,1,x\n", "before the monotonic origin")
	f(origin+"Tag=a.measure,1,1\n", ":2: interval has 3 fields")
	f(origin+"Tag=a,1,1,1,x\n", "names no phase")
	f(origin+"Tag=a.b,x,1,1,x\n", "start")
	f(origin+"Tag=a.b,1,x,1,x\n", "length")
	f(origin+"Tag=a.b,1,1,1,x\n", "histogram")
	f(origin+clampedComment+"many]\n", "clamped")
	f(origin+"hello\n", "neither")
	if _, err := ReadLatencies(filepath.Join(t.TempDir(), "gone")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("error = %v, want not exist", err)
	}
}

func TestLatenciesSayThatTheDiskIsFull(t *testing.T) {
	if !limitedFiles(t, 400) {
		return
	}
	w, _ := newLatencies(t, time.Second)
	s := w.Series("m")
	for i := range int64(3) {
		s.Record(w.origin, w.origin+i*second, 1000)
	}
	if err := w.Close(); !errors.Is(err, unix.EFBIG) {
		t.Errorf("Close = %v, want %v", err, unix.EFBIG)
	}
}

func TestCreateLatenciesRefuses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "latency.hlog")
	if _, err := CreateLatencies(path, 0); err == nil {
		t.Error("an interval of 0 was accepted")
	}
	if err := os.WriteFile(path, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := CreateLatencies(path, time.Second); !errors.Is(err, os.ErrExist) {
		t.Errorf("error = %v, want exists", err)
	}
}

func FuzzReadLatencies(f *testing.F) {
	w, path := newLatencies(f, time.Hour)
	w.Series("m").Record(w.origin, w.origin, 5)
	if err := w.Close(); err != nil {
		f.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		path := filepath.Join(t.TempDir(), "latency.hlog")
		if err := os.WriteFile(path, b, 0o644); err != nil {
			t.Fatal(err)
		}
		intervals, err := ReadLatencies(path)
		if err != nil && intervals != nil {
			t.Fatal("intervals beside an error")
		}
	})
}

func TestPercentileIsTheRankRoundedUp(t *testing.T) {
	h := hdrhistogram.New(MinLatency, MaxLatency, significantDigits)
	if got := Percentile(h, 50); got != 0 {
		t.Errorf("median of nothing = %d", got)
	}
	for i := range int64(10) {
		if err := h.RecordValue((i + 1) * 1_000_000); err != nil {
			t.Fatal(err)
		}
	}
	f := func(p float64, rank int64) {
		t.Helper()
		if got := (Percentile(h, p) + 500_000) / 1_000_000; got != rank {
			t.Errorf("percentile %v of 10 values is number %d, want %d", p, got, rank)
		}
	}
	f(-1, 1)
	f(0, 1)
	f(1, 1)
	f(10, 1)
	f(10.1, 2)
	f(50, 5)
	f(51, 6)
	f(90, 9)
	f(91, 10)
	f(99.99, 10)
	f(100, 10)
	f(101, 10)
}
