package record

import (
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// What is added up as it is read is what the library reads and merges.
func TestSumLatencies(t *testing.T) {
	path := filepath.Join(t.TempDir(), "latency.hlog")
	w, err := CreateLatencies(path, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	start := Now() + int64(time.Hour)
	w.SetPhases(start+2e9, start+8e9)
	r := rand.New(rand.NewPCG(1, 2))
	for _, metric := range []string{"produce.response", "e2e.response"} {
		for range 2 {
			s := w.Series(metric)
			for at := start; at < start+10e9; at += r.Int64N(4e6) {
				s.Record(at, at, int64(1+r.ExpFloat64()*float64(r.Int64N(200e9))/100)) // some are clamped at either end
			}
			s.Close()
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	all, err := ReadLatencies(path)
	if err != nil {
		t.Fatal(err)
	}
	sums, err := SumLatencies(path)
	if err != nil || len(sums) != 6 {
		t.Fatalf("%d sums, %v", len(sums), err)
	}
	for _, s := range sums {
		want := Interval{From: s.From, To: s.From, Hist: hdrhistogram.New(MinLatency, MaxLatency, significantDigits)}
		for _, i := range all {
			if i.Metric == s.Metric && i.Phase == s.Phase {
				want.Hist.Merge(i.Hist)
				want.Below, want.Above = want.Below+i.Below, want.Above+i.Above
				want.From, want.To = min(want.From, i.From), max(want.To, i.To)
			}
		}
		if !s.Hist.Equals(want.Hist) || s.Below != want.Below || s.Above != want.Above || s.From != want.From || s.To != want.To || s.Hist.TotalCount() == 0 {
			t.Errorf("%s.%s: %d values, %d below, %d above, %d to %d, want %d, %d, %d, %d to %d", s.Metric, s.Phase,
				s.Hist.TotalCount(), s.Below, s.Above, s.From, s.To, want.Hist.TotalCount(), want.Below, want.Above, want.From, want.To)
		}
	}
}

// A histogram of another geometry is added too, and one that is damaged adds nothing
// and is told as the library tells it.
func TestDecoderLeavesToTheLibrary(t *testing.T) {
	var d decoder
	to := newCounts()
	h := hdrhistogram.New(1, 1e9, 2)
	_ = h.RecordValues(5000, 3)
	encoded, err := h.Encode(hdrhistogram.V2CompressedEncodingCookieBase)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.add(encoded, to); err != nil || to.histogram().TotalCount() != 3 {
		t.Errorf("%d values, %v", to.histogram().TotalCount(), err)
	}
	for _, cut := range []int{3, 20, len(encoded) - 6} {
		_, want := hdrhistogram.Decode(encoded[:cut])
		if err := d.add(encoded[:cut], to); err == nil || err.Error() != "histogram: "+want.Error() || to.histogram().TotalCount() != 3 {
			t.Errorf("cut to %d: %v, want %v", cut, err, want)
		}
	}
	for at := range newCounts() {
		if got := bucketIndex(bucketValue(at)); got != at {
			t.Fatalf("the value of bucket %d is in bucket %d", at, got)
		}
	}
}
