package main

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/record"
	"github.com/kbench/kbench/scripts/bare"
)

const second = int64(time.Second)

func point(at, user, system, gcs, records int64) bare.Report {
	return bare.Report{T: at, Runtime: record.Runtime{CPUUser: user, CPUSys: system, GCs: gcs}, Records: records}
}

// steady is a track with a point a second, 1,000 records and half a second of CPU
// in each.
func steady(seconds int) track {
	t := track{First: second}
	for i := range seconds {
		n := int64(i)
		t.Points = append(t.Points, point((n+1)*second, n*second/2, 0, 3*n, 1000*n))
	}
	return t
}

func TestCut(t *testing.T) {
	got, err := steady(12).cut(1500*time.Millisecond, 5*time.Second, 0)
	if err != nil {
		t.Fatal(err)
	}
	want := figures{From: 3 * second, To: 8 * second, Records: 5000, CPUNs: 500_000, Rate: 1000, GCs: 15}
	if got != want {
		t.Errorf("cut = %+v, want %+v", got, want)
	}
}

func TestCutLeavesOutTheEndOfATopic(t *testing.T) {
	got, err := steady(12).cut(1500*time.Millisecond, 5*time.Second, 7000)
	if err != nil {
		t.Fatal(err)
	}
	if last := int64(6000 - 2000); got.Records != last || got.length() != 4*time.Second {
		t.Errorf("cut counts %d records in %s, want %d: the point at 7,000 of 7,000 is too near the end", got.Records, got.length(), last)
	}
}

func TestCutRefuses(t *testing.T) {
	f := func(tr track, total int64, want string) {
		t.Helper()
		if got, err := tr.cut(1500*time.Millisecond, 5*time.Second, total); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("cut = %+v, %v, want an error with %q", got, err, want)
		}
	}
	f(track{}, 0, "no record came through")
	f(steady(4), 0, "has 1.0s of 5s")
	f(steady(6), 0, "has 3.0s of 5s") // a window lacks less than a tick, or is none
	f(steady(2), 0, "has 0.0s of 5s")
	f(steady(12), 6000, "has 3.0s of 5s")
	still := steady(12)
	for i := range still.Points {
		still.Points[i].Records = 5
	}
	f(still, 0, "nothing moved")
}

func TestBefore(t *testing.T) {
	s := record.Span{Count: 100, At: 1000, LastAt: 2000}
	for at, want := range map[int64]int64{999: 0, 1000: 0, 1500: 50, 2000: 100, 9999: 100} {
		if got := before(s, at); got != want {
			t.Errorf("before(%d) = %d, want %d", at, got, want)
		}
	}
	if got := before(record.Span{Count: 1, At: 5, LastAt: 5}, 6); got != 1 {
		t.Errorf("a single record before = %d, want 1", got)
	}
}

// TestReadTrack writes what a worker leaves behind and reads it back.
func TestReadTrack(t *testing.T) {
	dir := t.TempDir()
	events, err := record.CreateEvents(filepath.Join(dir, results.EventsFile))
	if err != nil {
		t.Fatal(err)
	}
	for i := range int64(3) {
		events.Write(record.Event{T: 1000 + 1000*i, K: record.EvRuntime, Runtime: &record.Runtime{CPUUser: 10 * i, CPUSys: i, GCs: i}})
		events.Write(record.Event{T: 1500, K: record.EvClock})
	}
	if err := events.Close(); err != nil {
		t.Fatal(err)
	}
	d, err := record.CreateDeliveries(filepath.Join(dir, results.DeliveryFile), record.DeliveriesMeta{})
	if err != nil {
		t.Fatal(err)
	}
	acked, delivered := d.Lane(record.Acked, 0, 0, 0), d.Lane(record.Delivered, 0, 0, 0)
	for i := range int64(11) {
		acked.Add(0, uint64(i), i, 0, 1000+200*i) // until 3000
	}
	delivered.Add(0, 0, 0, 0, 1)
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}

	got, err := readTrack(dir, record.Acked)
	if err != nil {
		t.Fatal(err)
	}
	want := []bare.Report{point(1000, 0, 0, 0, 0), point(2000, 10, 1, 1, 5), point(3000, 20, 2, 2, 11)}
	if got.First != 1000 || len(got.Points) != len(want) {
		t.Fatalf("readTrack = %+v, want first 1000 and the points %+v", got, want)
	}
	for i := range want {
		if got.Points[i] != want[i] {
			t.Errorf("point %d = %+v, want %+v", i, got.Points[i], want[i])
		}
	}
}

func TestReadTrackRefusesFailedRecords(t *testing.T) {
	dir := t.TempDir()
	events, err := record.CreateEvents(filepath.Join(dir, results.EventsFile))
	if err != nil {
		t.Fatal(err)
	}
	if err := events.Close(); err != nil {
		t.Fatal(err)
	}
	d, err := record.CreateDeliveries(filepath.Join(dir, results.DeliveryFile), record.DeliveriesMeta{})
	if err != nil {
		t.Fatal(err)
	}
	d.Lane(record.Failed, 0, 0, 0).Add(0, 0, -1, 0, 1)
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := readTrack(dir, record.Acked); err == nil || !strings.Contains(err.Error(), "1 records failed") {
		t.Errorf("readTrack = %v, want an error that counts the failed record", err)
	}
}
