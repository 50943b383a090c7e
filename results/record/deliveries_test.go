package record

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"unsafe"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
	"pgregory.net/rapid"
)

func newDeliveries(t testing.TB) (*Deliveries, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "deliveries.bin")
	d, err := CreateDeliveries(path, DeliveriesMeta{Run: 7, Worker: "consumer-1", Topics: []string{"a", "b"}})
	if err != nil {
		t.Fatal(err)
	}
	return d, path
}

func readSpans(t testing.TB, path string) []Span {
	t.Helper()
	_, spans, err := ReadDeliveries(path)
	if err != nil {
		t.Fatal(err)
	}
	return spans
}

func TestSpanHoldsWhatWasAdded(t *testing.T) {
	d, path := newDeliveries(t)
	l := d.Lane(Delivered, 1, 5, 3)
	l.Add(9, 100, 1000, 10, 50)
	l.Add(9, 101, 1001, 20, 90)
	l.Add(9, 102, 1002, 80, 100)
	want := []Span{{
		Kind: Delivered, Topic: 1, Partition: 5, Tenure: 3, Producer: 9, First: 100, Count: 3, Offset: 1000,
		Due: 10, LastDue: 80, At: 50, LastAt: 100, MaxLate: 70, MaxGap: 40,
	}}
	// The file is whole at every moment, not only after Close.
	if diff := cmp.Diff(want, readSpans(t, path)); diff != "" {
		t.Errorf("before Close: %s", diff)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	meta, spans, err := ReadDeliveries(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, spans); diff != "" {
		t.Errorf("after Close: %s", diff)
	}
	if diff := cmp.Diff(DeliveriesMeta{Version: 1, Run: 7, Worker: "consumer-1", Topics: []string{"a", "b"}}, meta); diff != "" {
		t.Errorf("meta: %s", diff)
	}
	if st, err := os.Stat(path); err != nil || st.Size() != 2*pageSize {
		t.Errorf("size after Close = %d, %v; want the header and one page", st.Size(), err)
	}
}

func TestWhereSpansAreCut(t *testing.T) {
	type add struct {
		producer        uint32
		seq             uint64
		offset, due, at int64
	}
	f := func(a, b add, want int) {
		t.Helper()
		d, path := newDeliveries(t)
		d.SetCuts(1_000_000, 500_000)
		l := d.Lane(Acked, 0, 0, 0)
		l.Add(a.producer, a.seq, a.offset, a.due, a.at)
		l.Add(b.producer, b.seq, b.offset, b.due, b.at)
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
		if got := len(readSpans(t, path)); got != want {
			t.Errorf("%+v, then %+v: %d spans, want %d", a, b, got, want)
		}
	}
	one := add{1, 10, 100, 0, 1_100_000}
	f(one, add{1, 11, 101, 0, 1_100_000}, 1)
	f(one, add{1, 11, 101, 0, 1_499_999}, 1)
	f(one, add{1, 12, 101, 0, 1_100_000}, 2) // sequence
	f(one, add{1, 10, 101, 0, 1_100_000}, 2)
	f(one, add{1, 11, 102, 0, 1_100_000}, 2) // offset
	f(one, add{1, 11, 100, 0, 1_100_000}, 2)
	f(one, add{1, 11, -1, 0, 1_100_000}, 2)
	f(one, add{2, 11, 101, 0, 1_100_000}, 2) // producer
	f(one, add{1, 11, 101, 0, 1_500_000}, 2) // grid
	f(one, add{1, 11, 101, 0, 1_099_999}, 2) // time goes back
	unknown := add{1, 10, -1, 0, 100_000}    // before the grid's origin, which cuts as well
	f(unknown, add{1, 11, -1, 0, 400_000}, 1)
	f(unknown, add{1, 11, 0, 0, 400_000}, 2)
	f(unknown, add{1, 11, -1, 0, 500_000}, 2)
	early := add{1, 10, -1, 0, -700_000}
	f(early, add{1, 11, -1, 0, -500_001}, 1)
	f(early, add{1, 11, -1, 0, -500_000}, 2)
}

func TestSilenceAndCutEndSpans(t *testing.T) {
	d, path := newDeliveries(t)
	l := d.Lane(Acked, 0, 0, 0)
	const ms = 1_000_000
	l.Add(0, 0, 0, 0, 0)
	l.Add(0, 1, 1, 0, 10*ms) // not longer than the limit
	l.Add(0, 2, 2, 0, 20*ms+1)
	l.Cut()
	l.Add(0, 3, 3, 0, 21*ms)
	d.SetCuts(0, 100*ms) // an open span ends when the grid changes
	l.Add(0, 4, 4, 0, 22*ms)
	l.Add(0, 5, 5, 0, 23*ms)
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	var counts []uint64
	for _, s := range readSpans(t, path) {
		counts = append(counts, s.Count)
	}
	if diff := cmp.Diff([]uint64{2, 1, 1, 2}, counts); diff != "" {
		t.Error(diff)
	}
}

// laneRec is a record as a lane is given it.
type laneRec struct {
	producer uint32
	seq      uint64
	offset   int64
}

// grid is what spans are cut on.
type grid struct{ origin, every int64 }

func (g grid) cell(at int64) int64 {
	c := (at - g.origin) / g.every
	if (at-g.origin)%g.every < 0 {
		c--
	}
	return c
}

// addSome adds records to lanes that now and then skip, jump, change their producer
// or wait. It returns those of each lane, and how many fell into each cell.
func addSome(rt *rapid.T, d *Deliveries, g grid) (map[int32][]laneRec, map[int64]uint64) {
	recs, cells := make(map[int32][]laneRec), make(map[int64]uint64)
	var lanes []*SpanLane
	for p := range int32(rapid.IntRange(1, 4).Draw(rt, "lanes")) {
		lanes = append(lanes, d.Lane(Delivered, 0, p, 1))
	}
	next := make([]laneRec, len(lanes))
	var at int64
	for range rapid.IntRange(0, 600).Draw(rt, "adds") {
		i := rapid.IntRange(0, len(lanes)-1).Draw(rt, "lane")
		r := &next[i]
		switch rapid.IntRange(0, 12).Draw(rt, "what") {
		case 0:
			r.seq += uint64(rapid.IntRange(0, 5).Draw(rt, "skip"))
		case 1:
			r.offset = rapid.Int64Range(-1, 50).Draw(rt, "offset")
		case 2:
			r.producer ^= 1
		case 3:
			at += 20_000_000
		}
		at += rapid.Int64Range(0, 200_000).Draw(rt, "step")
		lanes[i].Add(r.producer, r.seq, r.offset, at-5, at)
		recs[int32(i)] = append(recs[int32(i)], *r)
		cells[g.cell(at)]++
		r.seq++
		if r.offset >= 0 {
			r.offset++
		}
	}
	return recs, cells
}

// recordsOf turns spans into the same, and holds each span against the grid.
func recordsOf(rt *rapid.T, spans []Span, g grid) (map[int32][]laneRec, map[int64]uint64) {
	recs, cells := make(map[int32][]laneRec), make(map[int64]uint64)
	for _, s := range spans {
		for i := range s.Count {
			r := laneRec{s.Producer, s.First + i, s.Offset}
			if s.Offset >= 0 {
				r.offset += int64(i)
			}
			recs[s.Partition] = append(recs[s.Partition], r)
		}
		if g.cell(s.At) != g.cell(s.LastAt) {
			rt.Fatalf("span %+v lies in two cells", s)
		}
		cells[g.cell(s.At)] += s.Count
		if s.MaxLate != 5 || s.MaxGap > s.LastAt-s.At {
			rt.Fatalf("span %+v: wrong extremes", s)
		}
	}
	return recs, cells
}

// Whatever is added, the spans say it again: each record once, in the order of
// its lane, with exact sums in every cell of the grid.
func TestSpansAreTheRecords(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		path := filepath.Join(t.TempDir(), "deliveries.bin")
		d, err := CreateDeliveries(path, DeliveriesMeta{})
		if err != nil {
			rt.Fatal(err)
		}
		g := grid{rapid.Int64Range(-1e9, 1e9).Draw(rt, "origin"), rapid.Int64Range(1e5, 1e8).Draw(rt, "every")}
		d.SetCuts(g.origin, g.every)
		want, wantCells := addSome(rt, d, g)
		if err := errors.Join(d.Err(), d.Close()); err != nil {
			rt.Fatal(err)
		}
		_, spans, err := ReadDeliveries(path)
		if err != nil {
			rt.Fatal(err)
		}
		got, gotCells := recordsOf(rt, spans, g)
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(laneRec{})); diff != "" {
			rt.Fatal(diff)
		}
		if diff := cmp.Diff(wantCells, gotCells); diff != "" {
			rt.Fatal(diff)
		}
	})
}

// Many lanes that open a span per record outrun the background, so both ways of
// growing are taken.
func TestLanesShareNothing(t *testing.T) {
	d, path := newDeliveries(t)
	const lanes, each = 8, 30_000
	var wg sync.WaitGroup
	for p := range int32(lanes) {
		wg.Go(func() {
			l := d.Lane(Acked, 0, p, 0)
			for i := range uint64(each) {
				l.Add(0, 2*i, int64(i), 0, int64(i))
			}
		})
	}
	wg.Wait()
	if err := errors.Join(d.Err(), d.Close()); err != nil {
		t.Fatal(err)
	}
	next := make([]uint64, lanes)
	for _, s := range readSpans(t, path) {
		if s.First != 2*next[s.Partition] || s.Count != 1 {
			t.Fatalf("partition %d: span %+v, want sequence %d", s.Partition, s, 2*next[s.Partition])
		}
		next[s.Partition]++
	}
	for p, n := range next {
		if n != each {
			t.Errorf("partition %d has %d spans, want %d", p, n, each)
		}
	}
}

// limitedFiles runs the calling test once more in a process of its own, in which
// files larger than n bytes fail as they would on a full disk, and says whether
// this is that process. Here the limit would also hold for what the test binary
// itself writes, and for the tests beside.
func limitedFiles(t *testing.T, n uint64) bool {
	t.Helper()
	const inChild = "KBENCH_TEST_LIMITED_FILES"
	if os.Getenv(inChild) == "" {
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
		cmd.Env = append(os.Environ(), inChild+"=1")
		out, err := cmd.CombinedOutput()
		if err != nil || !bytes.Contains(out, []byte("--- PASS: "+t.Name())) {
			t.Errorf("with files of at most %d bytes: %v\n%s", n, err, out)
		}
		return false
	}
	signal.Ignore(unix.SIGXFSZ)
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_FSIZE, &limit); err != nil {
		t.Fatal(err)
	}
	setLimit(&limit.Cur, n)
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &limit); err != nil {
		t.Fatal(err)
	}
	return true
}

// setLimit hides that the type of a limit differs between systems.
func setLimit[T int64 | uint64](limit *T, n uint64) { *limit = T(n) }

func TestCreateSaysThatTheDiskIsFull(t *testing.T) {
	if !limitedFiles(t, 4096) {
		return
	}
	path := filepath.Join(t.TempDir(), "deliveries.bin")
	_, err := CreateDeliveries(path, DeliveriesMeta{})
	if err == nil || !strings.Contains(err.Error(), "reserve") || !strings.Contains(err.Error(), path) {
		t.Fatalf("error = %v, want one that says what could not be reserved", err)
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file is left behind: %v", err)
	}
}

func TestSpansWithoutRoomAreCounted(t *testing.T) {
	if !limitedFiles(t, 2*segmentSize) {
		return
	}
	d, path := newDeliveries(t)
	const room = (2*segmentPages - 1) * pageSlots // the header takes a page
	l := d.Lane(Acked, 0, 0, 0)
	for i := range uint64(room + 100) {
		l.Add(0, 2*i, 0, 0, 0)
	}
	l.Add(0, 2*(room+99)+1, 1, 0, 0) // one that continues a span without room
	err := d.Err()
	if err == nil || !strings.Contains(err.Error(), "100 spans are lost") || !errors.Is(err, unix.EFBIG) {
		t.Errorf("Err = %v, want the reason and 100 lost spans", err)
	}
	if err := d.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
	spans := readSpans(t, path)
	if len(spans) != room {
		t.Errorf("%d spans are in the file, want %d", len(spans), room)
	}
	for i, s := range spans {
		if s.First != uint64(2*i) {
			t.Fatalf("span %d begins at %d", i, s.First)
		}
	}
}

// A client may call back after it was closed. That must not bring the process
// down, and the loss must be known.
func TestAddAfterClose(t *testing.T) {
	d, path := newDeliveries(t)
	l := d.Lane(Acked, 0, 0, 0)
	l.Add(0, 0, 0, 0, 0)
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	runtime.GC()
	l.Add(0, 1, 1, 0, 0)
	for i := range uint64(3 * pageSlots) {
		l.Add(0, 10+2*i, 0, 0, 0)
	}
	d.Lane(Acked, 0, 1, 0).Add(0, 0, 0, 0, 0)
	if err := d.Err(); err == nil || !strings.Contains(err.Error(), "after the file was closed") {
		t.Errorf("Err = %v", err)
	}
	if got := len(readSpans(t, path)); got != pageSlots {
		t.Errorf("%d spans, want the %d of the page in use", got, pageSlots)
	}
	if err := d.Close(); err != nil {
		t.Errorf("second Close: %v", err)
	}
}

// Lanes are made one after the other and used by different threads: two must
// not meet in a cache line.
func TestLanesFillCacheLines(t *testing.T) {
	if n := unsafe.Sizeof(SpanLane{}); n%64 != 0 {
		t.Errorf("a SpanLane is %d bytes, want a multiple of 64", n)
	}
	if n := unsafe.Sizeof(Series{}); n > 128 || n <= 112 { // what Go rounds up to 128
		t.Errorf("a Series is %d bytes, want one that is allocated as 128", n)
	}
}

func TestTornDeliveries(t *testing.T) {
	d, path := newDeliveries(t)
	l := d.Lane(Acked, 0, 0, 0)
	for i := range uint64(2*pageSlots + 5) {
		l.Add(0, 2*i, 0, 0, 0)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for n := pageSize; n <= len(whole); n += 13 {
		if err := os.WriteFile(path, whole[:n], 0o644); err != nil {
			t.Fatal(err)
		}
		in := n - pageSize
		want := min(in/pageSize*pageSlots+min(in%pageSize/slotSize, pageSlots), 2*pageSlots+5)
		if got := len(readSpans(t, path)); got != want {
			t.Fatalf("%d bytes hold %d spans, want %d", n, got, want)
		}
	}
}

func TestReadDeliveriesRefuses(t *testing.T) {
	d, path := newDeliveries(t)
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	f := func(change func(b []byte) []byte, want string) {
		t.Helper()
		if err := os.WriteFile(path, change(append([]byte(nil), whole...)), 0o644); err != nil {
			t.Fatal(err)
		}
		_, _, err := ReadDeliveries(path)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), path) {
			t.Errorf("error = %v, want one with %q", err, want)
		}
	}
	f(func(b []byte) []byte { b[8] = 2; return b }, "use a newer kbench")
	f(func(b []byte) []byte { b[0] = 'x'; return b }, "not a deliveries file")
	f(func(b []byte) []byte { return b[:10] }, "incomplete")
	f(func(b []byte) []byte { return b[:30] }, "incomplete")
	f(func(b []byte) []byte { b[19] = 0xff; return b }, "damaged")
	f(func(b []byte) []byte { b[headerFixed] = '!'; return b }, "damaged")
	if _, err := EachSpan(path+".gone", nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("error = %v, want not exist", err)
	}
}

func TestCreateDeliveriesOverwritesNothing(t *testing.T) {
	d, path := newDeliveries(t)
	defer d.Close()
	if _, err := CreateDeliveries(path, DeliveriesMeta{}); !errors.Is(err, os.ErrExist) {
		t.Errorf("error = %v, want exists", err)
	}
}

func TestLongHeader(t *testing.T) {
	path := filepath.Join(t.TempDir(), "deliveries.bin")
	meta := DeliveriesMeta{Version: deliveriesVersion, Topics: []string{strings.Repeat("t", 3*pageSize)}}
	d, err := CreateDeliveries(path, meta)
	if err != nil {
		t.Fatal(err)
	}
	d.Lane(Acked, 0, 0, 0).Add(0, 1, 2, 3, 4)
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	got, spans, err := ReadDeliveries(path)
	if err != nil || len(spans) != 1 || spans[0].First != 1 {
		t.Errorf("spans = %+v, %v", spans, err)
	}
	if diff := cmp.Diff(meta, got); diff != "" {
		t.Error(diff)
	}
}

func FuzzReadDeliveries(f *testing.F) {
	d, path := newDeliveries(f)
	d.Lane(Acked, 0, 0, 0).Add(0, 1, 2, 3, 4)
	if err := d.Close(); err != nil {
		f.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add(b[:headerFixed])
	f.Fuzz(func(t *testing.T, b []byte) {
		path := filepath.Join(t.TempDir(), "deliveries.bin")
		if err := os.WriteFile(path, b, 0o644); err != nil {
			t.Fatal(err)
		}
		_, spans, _ := ReadDeliveries(path)
		for _, s := range spans {
			if s.Count == 0 {
				t.Fatal("an unused slot is a span")
			}
		}
	})
}
