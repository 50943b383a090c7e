//go:build linux

package capture

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/pprof/profile"
	"golang.org/x/sys/unix"

	"github.com/kbench/kbench/profiles"
)

// monotonic and used are what a worker gives its sampler.
func monotonic() int64 {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &t); err != nil {
		panic(err)
	}
	return t.Nano()
}

func used() int64 {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return u.Utime.Nano() + u.Stime.Nano()
}

func options(dir string) SamplerOptions {
	return SamplerOptions{Dir: dir, Worker: "member-1", Hz: 100, Now: monotonic, CPU: used}
}

// burnFor uses so much CPU time.
//
//go:noinline
func burnFor(d time.Duration) {
	sum := 0
	for until := used() + int64(d); used() < until; {
		for i := range 1_000_000 {
			sum += i * i
		}
	}
	runtime.KeepAlive(sum)
}

// in are the samples with a function of this package in their stacks, in windows.
func in(t *testing.T, raw *profiles.Raw, function string, windows ...profiles.Window) int64 {
	t.Helper()
	s, err := profiles.Build("test", profiles.Cut{Raw: raw, Windows: windows})
	if err != nil {
		t.Fatal(err)
	}
	return value(t, s.Profile, "samples", function)
}

// TestSampler burns CPU time between two readings of the clock and finds it there and
// nowhere else. A busy machine takes samples away, nearly all of them where many wait for
// a processor: then more is burned.
func TestSampler(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "profiles")
	for round := range 2 { // one after the other in a process
		for burn := 600 * time.Millisecond; ; burn *= 3 {
			if n := sampled(t, filepath.Join(dir, fmt.Sprint(round, burn)), burn); n >= 5 || t.Failed() {
				break
			} else if burn > 10*time.Second {
				t.Fatalf("%d samples of %s", n, burn)
			}
		}
	}
}

// sampled is how many samples there are of a burner.
func sampled(t *testing.T, dir string, burn time.Duration) int64 {
	t.Helper()
	s, err := StartSampler(options(dir))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := StartSampler(options(t.TempDir())); err == nil {
		t.Fatal("there are two samplers")
	}
	began := monotonic()
	time.Sleep(2 * flushEvery) // with next to nothing to be read
	from := monotonic()
	burnFor(burn)
	to := monotonic()
	time.Sleep(flushEvery)
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	raw, err := profiles.ReadRaw(filepath.Join(dir, profiles.RawFile))
	if err != nil {
		t.Fatal(err)
	}
	all := profiles.Window{From: began, To: monotonic()}
	burnt := profiles.Window{From: from, To: to}
	n := in(t, raw, "burnFor", burnt)
	if due := burn.Milliseconds() / 10; 3*n > 4*due {
		t.Errorf("%d samples of the burner, about %d are due", n, due)
	}
	if a := in(t, raw, "burnFor", all); a != n {
		t.Errorf("%d samples of the burner, %d of them while it ran", a, n)
	}
	if n := in(t, raw, "poke", all); n != 0 {
		t.Errorf("%d samples of what makes the runtime give its samples away", n)
	}
	if len(raw.Ticks) < 3 || !raw.Whole || raw.Until() < to {
		t.Errorf("%d ticks, whole %t, until %d ns after the end of the burner", len(raw.Ticks), raw.Whole, raw.Until()-to)
	}
	cut, err := profiles.Build("burnt", profiles.Cut{Raw: raw, Windows: []profiles.Window{burnt}})
	if err != nil {
		t.Fatal(err)
	}
	if cut.CPU < int64(burn)/2 || n > 0 && cut.Coverage() <= 0 {
		t.Errorf("the process used %d ns meanwhile, of which samples cover %f; it burned %s", cut.CPU, cut.Coverage(), burn)
	}
	return n
}

// TestSymbols holds the places of a stack, inlined ones too, against what the runtime
// says of the whole stack.
func TestSymbols(t *testing.T) {
	var pcs [32]uintptr
	n := callers(pcs[:])
	frames := runtime.CallersFrames(pcs[:n])
	for i := range n {
		want, _ := frames.Next()
		got := symbol(uint64(pcs[i]))
		if got.Function != want.Function || got.File != want.File || got.Line != want.Line {
			t.Errorf("frame %d is %+v, want %s %s:%d", i, got, want.Function, want.File, want.Line)
		}
		if strings.HasSuffix(got.Function, ".TestSymbols") && (got.Begins < 1 || got.Begins > got.Line) {
			t.Errorf("the test is at line %d and begins at %d", got.Line, got.Begins)
		}
	}
	if got := symbol(1); got.Function != "0x1" {
		t.Errorf("nothing is at 1, and it is called %q", got.Function)
	}
}

func callers(pcs []uintptr) int { return inlined(pcs) }

func inlined(pcs []uintptr) int { return runtime.Callers(1, pcs) }

// TestLiveProfile has a page of CPU samples beside a Sampler, which must not lose them,
// and without one.
func TestLiveProfile(t *testing.T) {
	once := func() *profile.Profile {
		t.Helper()
		w := httptest.NewRecorder()
		burnt := make(chan struct{})
		go func() {
			defer close(burnt)
			burnFor(1200 * time.Millisecond)
		}()
		Pages().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/debug/pprof/profile?seconds=1", nil))
		<-burnt
		if w.Code != http.StatusOK {
			t.Fatalf("status %d: %s", w.Code, w.Body)
		}
		p, err := profile.ParseData(w.Body.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	page := func() (p *profile.Profile) { // again, where the machine gave the burner nothing
		t.Helper()
		for range 10 {
			if p = once(); value(t, p, "samples", "burnFor") > 0 {
				break
			}
		}
		return p
	}
	if value(t, page(), "samples", "burnFor") == 0 {
		t.Error("without a sampler the burner is not in the page")
	}
	o := options(t.TempDir())
	s, err := StartSampler(o)
	if err != nil {
		t.Fatal(err)
	}
	p := page()
	w := httptest.NewRecorder()
	Pages().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/debug/pprof/profile?seconds=-1", nil))
	if w.Code != http.StatusBadRequest {
		t.Errorf("a page of -1 s has status %d", w.Code)
	}
	w = httptest.NewRecorder()
	asked := fmt.Sprintf("/debug/pprof/profile?seconds=%.0f", s.longest().Seconds()+1)
	if Pages().ServeHTTP(w, httptest.NewRequest(http.MethodGet, asked, nil)); w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), "at 100 samples per second") {
		t.Errorf("a page of more samples than are read has status %d: %s", w.Code, w.Body)
	}
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	raw, err := profiles.ReadRaw(filepath.Join(o.Dir, profiles.RawFile))
	if err != nil {
		t.Fatal(err)
	}
	all, live := in(t, raw, "burnFor", profiles.Window{From: raw.Start, To: raw.Until() + 1}), value(t, p, "samples", "burnFor")
	if live == 0 || all < live {
		t.Errorf("the burner has %d samples in the page and %d in the file", live, all)
	}
}

// TestLongLiveProfile: of hours there is a page too, though it is more than the reader
// takes as one block.
func TestLongLiveProfile(t *testing.T) {
	const (
		samples = 6 << 20
		size    = 12 // bytes of each in the file, by their times and counts; together more than 64 MiB
		each    = 1 << 30
	)
	s := &Sampler{o: options(""), done: make(chan struct{}), others: map[*profiles.RawWriter]bool{}}
	var err error
	if s.w, err = profiles.NewRawWriter(io.Discard, s.meta(0), symbol); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	began := monotonic()
	got := make(chan error, 1)
	var p *profiles.Slice
	go func() {
		var err error
		p, err = s.during(ctx, time.Hour)
		got <- err
	}()
	for there := false; !there; time.Sleep(time.Millisecond) {
		s.mu.Lock()
		there = len(s.others) > 0
		s.mu.Unlock()
	}
	var pcs [1]uintptr
	runtime.Callers(1, pcs[:])
	data := []uint64{4, uint64(monotonic()), 1, uint64(pcs[0])}
	s.take(data) // one that lies in the page, before those of some centuries
	data = nil
	at := uint64(began + int64(time.Hour))
	for range 1 << 10 {
		data = append(data, 4, 0, each, uint64(pcs[0]))
	}
	for n := 0; n < samples; n += len(data) / 4 {
		for i := 1; i < len(data); i += 4 {
			at += uint64(5 * time.Second) // takes 5 bytes
			data[i] = at
		}
		s.take(data)
		s.w.Drop()
	}
	close(s.done)
	cancel()
	if err := <-got; err != nil || p.Samples != 1 {
		t.Errorf("a page of %d MiB of samples: %+v, %v", samples*size>>20, p, err)
	}
}

func TestNoTimes(t *testing.T) {
	o := options(t.TempDir())
	o.PprofOnly = true
	_, err := StartSampler(o)
	var no *NoTimesError
	if !errors.As(err, &no) || !strings.Contains(err.Error(), "have no times") {
		t.Errorf("error is %v", err)
	}
	if entries, err := os.ReadDir(o.Dir); len(entries) > 0 || err != nil {
		t.Errorf("there is a file all the same: %v, %v", entries, err)
	}
}

// childEnv makes the test binary the process that is to be killed.
const childEnv = "KBENCH_CAPTURE_CHILD"

// sampleUntilKilled burns CPU time and says up to when, after the fact.
func sampleUntilKilled(dir string) {
	if _, err := StartSampler(options(dir)); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	for {
		burnFor(20 * time.Millisecond)
		fmt.Println(monotonic())
	}
}

// TestKilledWorkerKeepsItsSamples kills a worker that burns CPU time, and finds what
// it burned up to its last second, with names, and no other file.
func TestKilledWorkerKeepsItsSamples(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), childEnv+"="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
	const stood = 400 * time.Millisecond
	var first, before, last int64
	began := monotonic()
	said := bufio.NewScanner(out)
	for said.Scan() {
		last, err = strconv.ParseInt(said.Text(), 10, 64)
		if err != nil {
			t.Fatalf("it says %q", said.Text())
		}
		// It is killed when it has had some of the machine all the time: what was not
		// written down because nobody ran is no loss.
		if first == 0 || last-before > int64(stood) {
			first = last
		}
		if before = last; last-first > int64(1500*time.Millisecond) {
			break
		}
		if last > began+int64(time.Minute) {
			t.Skip("the machine never let it run for long")
		}
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // killed
	raw, err := profiles.ReadRaw(filepath.Join(dir, profiles.RawFile))
	if err != nil {
		t.Fatal(err)
	}
	if raw.Whole {
		t.Error("the file of a killed worker is said to be whole")
	}
	if missing := time.Duration(last - raw.Until()); missing > time.Second {
		t.Errorf("the last %s are missing", missing)
	}
	if n := in(t, raw, "burnFor", profiles.Window{From: first, To: last}); n == 0 {
		t.Errorf("there are no samples of the last %s", time.Duration(last-first))
	}
	if entries, err := os.ReadDir(dir); len(entries) != 1 || err != nil {
		t.Errorf("there are %v, %v, want the raw samples alone", entries, err)
	}
}
