package record

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/kbench/kbench/drivers"
)

func readEvents(t *testing.T, path string) []Event {
	t.Helper()
	var got []Event
	if err := ReadEvents(path, func(e Event) error { got = append(got, e); return nil }); err != nil {
		t.Fatal(err)
	}
	return got
}

func TestEventsComeBack(t *testing.T) {
	path := filepath.Join(t.TempDir(), "events.jsonl")
	e, err := CreateEvents(path)
	if err != nil {
		t.Fatal(err)
	}
	acks := int16(-1)
	want := []Event{
		{T: 1, K: EvAssigned, Parts: []drivers.TopicPartition{{Topic: "a", Partition: 3}}},
		{T: 2, K: EvProduce, Conn: 1, Acks: &acks, Batches: []Batch{{Partition: 1, Records: 5, Bytes: 100, Codec: "zstd"}}},
		{T: 3, K: EvError, Error: "line one\nline two"},
		{T: 4, K: EvPhase, Phase: "measure", Runtime: &Runtime{CPUUser: 5, RSS: 6}},
	}
	for _, ev := range want {
		e.Write(ev)
	}
	// Each is there when Write returns.
	if diff := cmp.Diff(want, readEvents(t, path)); diff != "" {
		t.Error(diff)
	}
	if err := errors.Join(e.Err(), e.Close()); err != nil {
		t.Error(err)
	}
	e.Write(Event{T: 5})
	if err := e.Err(); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("Err after a write to a closed file = %v", err)
	}
	if _, err := CreateEvents(path); !errors.Is(err, os.ErrExist) {
		t.Errorf("error = %v, want exists", err)
	}
}

func TestEventsFromManyGoroutines(t *testing.T) {
	path := filepath.Join(t.TempDir(), "events.jsonl")
	e, err := CreateEvents(path)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 200 {
				e.Write(Event{T: int64(i), K: EvError, Conn: g + 1, Error: strings.Repeat("x", i)})
			}
		})
	}
	wg.Wait()
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	next := make(map[int]int64)
	for _, ev := range readEvents(t, path) {
		if ev.T != next[ev.Conn] || len(ev.Error) != int(ev.T) {
			t.Fatalf("goroutine %d: event %d with %d bytes, want %d", ev.Conn, ev.T, len(ev.Error), next[ev.Conn])
		}
		next[ev.Conn]++
	}
	for g := range 8 {
		if next[g+1] != 200 {
			t.Errorf("goroutine %d: %d events", g+1, next[g+1])
		}
	}
}

func TestTornEvents(t *testing.T) {
	f := func(text string, want int, wantErr string) {
		t.Helper()
		path := filepath.Join(t.TempDir(), "events.jsonl")
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		n := 0
		err := ReadEvents(path, func(Event) error { n++; return nil })
		if n != want {
			t.Errorf("%q: %d events, want %d", text, n, want)
		}
		if wantErr == "" && err != nil || wantErr != "" && (err == nil || !strings.Contains(err.Error(), path+wantErr)) {
			t.Errorf("%q: error %v, want %q", text, err, wantErr)
		}
	}
	f("", 0, "")
	f("{\"t\":1,\"k\":\"req\"}\n", 1, "")
	f("{\"t\":1,\"k\":\"req\"}\n{\"t\":2,", 1, "")
	f("{\"t\":1,\"k\":\"req\"}\n{\"t\":2}", 2, "")
	f("{\"t\":1,\"k\":\"req\"}\n{\"t\":2,\n{\"t\":3}\n", 1, ":2:")
	f("{\"t\":1}\n\n{\"t\":2}\n[]\n", 2, ":4:")

	path := filepath.Join(t.TempDir(), "events.jsonl")
	if err := os.WriteFile(path, []byte("{\"t\":1}\n{\"t\":2}\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	stop := errors.New("enough")
	if err := ReadEvents(path, func(Event) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("error = %v, want the callback's", err)
	}
	if err := ReadEvents(path+".gone", nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("error = %v, want not exist", err)
	}
}

func TestEventsSayThatTheDiskIsFull(t *testing.T) {
	if !limitedFiles(t, 100) {
		return
	}
	path := filepath.Join(t.TempDir(), "events.jsonl")
	e, err := CreateEvents(path)
	if err != nil {
		t.Fatal(err)
	}
	for range 20 {
		e.Write(Event{T: 1, K: EvRequest})
	}
	if err := e.Err(); !errors.Is(err, unix.EFBIG) {
		t.Errorf("Err = %v, want %v", err, unix.EFBIG)
	}
	if err := e.Close(); err != nil {
		t.Error(err)
	}
	if n := len(readEvents(t, path)); n != 5 { // of 18 bytes each, then a torn one
		t.Errorf("%d events are readable, want 5", n)
	}
}

func FuzzReadEvents(f *testing.F) {
	f.Add("{\"t\":1,\"k\":\"req\",\"parts\":[{\"topic\":\"a\"}]}\n{")
	f.Fuzz(func(t *testing.T, text string) {
		path := filepath.Join(t.TempDir(), "events.jsonl")
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		n := 0
		err := ReadEvents(path, func(Event) error { n++; return nil })
		if lines := strings.Count(text, "\n") + 1; n > lines {
			t.Fatalf("%d events in %d lines (%v)", n, lines, err)
		}
	})
}

// Go's clock and the kernel's are the same one, read in two ways: a reading of
// the one between two of the other lies between them, but for the error of the
// calibration, which is a fraction of a system call.
func TestNowIsTheKernelsClock(t *testing.T) {
	const slack = int64(50 * time.Microsecond)
	last := int64(0)
	for range 1000 {
		before, err := kernelNow()
		if err != nil {
			t.Fatal(err)
		}
		now := Now()
		after, err := kernelNow()
		if err != nil {
			t.Fatal(err)
		}
		if now < before-slack || now > after+slack {
			t.Fatalf("Now() = %d, the kernel says %d before and %d after", now, before, after)
		}
		if now < last {
			t.Fatalf("Now() went back from %d to %d", last, now)
		}
		last = now
	}
}

func TestSampleRuntime(t *testing.T) {
	before := SampleRuntime()
	var keep [][]byte
	for i := range 2000 {
		keep = append(keep, fmt.Appendf(make([]byte, 0, 10_000), "%d", i))
	}
	used := func(s Runtime) bool { return s.CPUUser+s.CPUSys > before.CPUUser+before.CPUSys }
	for start := time.Now(); time.Since(start) < 10*time.Second && !used(SampleRuntime()); {
		// Use some CPU; the kernel may account for it in ticks.
	}
	after := SampleRuntime()
	if d := after.Allocs - before.Allocs; d < int64(len(keep)) {
		t.Errorf("%d allocations, want at least %d", d, len(keep))
	}
	if d := after.AllocBytes - before.AllocBytes; d < 20_000_000 {
		t.Errorf("%d bytes allocated, want at least 20000000", d)
	}
	if after.CPUUser+after.CPUSys <= before.CPUUser+before.CPUSys {
		t.Errorf("CPU went from %d+%d to %d+%d", before.CPUUser, before.CPUSys, after.CPUUser, after.CPUSys)
	}
	if after.Goroutines < 1 || after.GCs < before.GCs || after.GCPause < before.GCPause || after.HeapLive < 0 {
		t.Errorf("before %+v, after %+v", before, after)
	}
	if _, err := os.Stat("/proc/self/status"); err == nil && (after.RSS < 1<<20 || after.RSSPeak < after.RSS) {
		t.Errorf("RSS = %d, peak %d", after.RSS, after.RSSPeak)
	}
}

func TestStatusBytes(t *testing.T) {
	const status = "Name:\tx\nVmHWM:\t    2048 kB\nVmRSS:\t    1024 kB\nThreads:\t3\n"
	f := func(status, key string, want int64) {
		t.Helper()
		if got := statusBytes([]byte(status), key); got != want {
			t.Errorf("%s = %d, want %d", key, got, want)
		}
	}
	f(status, "VmRSS:", 1<<20)
	f(status, "VmHWM:", 2<<20)
	f(status, "VmSwap:", 0)
	f("Name:\tx\nVmRSS:\t", "VmRSS:", 0)
	f("Name:\tx\nVmRSS:\t x kB\n", "VmRSS:", 0)
}
