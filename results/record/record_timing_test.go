package record

import (
	"testing"
	"time"
)

func BenchmarkNow(b *testing.B) {
	b.ReportAllocs()
	var sum int64
	for b.Loop() {
		sum += Now()
	}
	if sum == 0 {
		b.Fatal("the clock stands still")
	}
}

// Extending a span is what nearly every record costs.
func BenchmarkSpanLaneAdd(b *testing.B) {
	d, _ := newDeliveries(b)
	defer d.Close()
	l := d.Lane(Delivered, 0, 0, 1)
	b.ReportAllocs()
	var i uint64
	for b.Loop() {
		l.Add(1, i, int64(i), int64(i), int64(i)*200)
		i++
	}
}

// Opening one is what the worst case costs: two producers that alternate.
func BenchmarkSpanLaneOpen(b *testing.B) {
	d, _ := newDeliveries(b)
	defer d.Close()
	l := d.Lane(Delivered, 0, 0, 1)
	b.ReportAllocs()
	var i uint64
	for b.Loop() {
		l.Add(uint32(i&1), i, int64(i), int64(i), int64(i)*200)
		i++
	}
}

func BenchmarkSeriesRecord(b *testing.B) {
	w, _ := newLatencies(b, time.Second)
	defer w.Close()
	s := w.Series("m")
	w.SetPhases(w.origin, w.origin+int64(time.Hour))
	b.ReportAllocs()
	now := w.origin
	for b.Loop() {
		now += 200
		s.Record(now, now, now&0xfffff)
	}
}

func BenchmarkEachSpan(b *testing.B) {
	d, path := newDeliveries(b)
	l := d.Lane(Acked, 0, 0, 0)
	const spans = 200_000
	for i := range uint64(spans) {
		l.Add(0, 2*i, 0, 0, 0)
	}
	if err := d.Close(); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(spans * slotSize)
	for b.Loop() {
		n := 0
		if _, err := EachSpan(path, func(Span) { n++ }); err != nil || n != spans {
			b.Fatal(n, err)
		}
	}
}

func TestNothingAllocatesPerRecord(t *testing.T) {
	d, _ := newDeliveries(t)
	defer d.Close()
	w, _ := newLatencies(t, time.Hour)
	defer w.Close()
	w.SetPhases(w.origin, w.origin+second)
	extend, open := d.Lane(Delivered, 0, 0, 1), d.Lane(Delivered, 0, 1, 1)
	s := w.Series("m")
	for _, due := range []int64{-1, 0, second} { // a histogram per phase is made at first use
		s.Record(w.origin+due, w.origin+second, 1000)
	}
	// Few enough to stay within the first segment: growing is not per record.
	var i uint64
	if n := testing.AllocsPerRun(3000, func() {
		now := Now()
		extend.Add(1, i, int64(i), now-5, now)
		open.Add(1, 2*i, int64(i), now-5, now)
		s.Record(w.origin-1, w.origin+second, 1000)
		s.Record(w.origin, w.origin+second, -1)
		s.Record(w.origin+second, w.origin+second, MaxLatency+1)
		i++
	}); n != 0 {
		t.Errorf("%v allocations per record, want 0", n)
	}
}
