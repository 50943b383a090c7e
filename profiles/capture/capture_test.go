package capture

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/pprof/profile"

	"github.com/kbench/kbench/internal/leak"
	"github.com/kbench/kbench/profiles"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv("KBENCH_CAPTURE_CHILD"); dir != "" {
		sampleUntilKilled(dir)
	}
	leak.Main(m)
}

// What the tests look for in profiles. Each function does one thing, and is
// called outside or inside the measured part.

//go:noinline
func allocatedBefore(keep *[][]byte) { allocate(keep) }

//go:noinline
func allocatedMeanwhile(keep *[][]byte) { allocate(keep) }

func allocate(keep *[][]byte) {
	for range 8 {
		// Sixteen times the mean distance of samples: one is missed in 10 million.
		*keep = append(*keep, make([]byte, 8<<20))
	}
}

// spin is a fixed amount of work, some tenths of a second of CPU, so that it is
// sampled many times however busy the machine is.
//
//go:noinline
func spin() {
	sum := 0
	for i := range 1_000_000_000 {
		sum += i * i
	}
	runtime.KeepAlive(sum)
}

//go:noinline
func waitMeanwhile() {
	started, done := make(chan struct{}), make(chan struct{})
	go func() {
		<-started
		time.Sleep(20 * time.Millisecond)
		close(done)
	}()
	close(started)
	<-done
}

//go:noinline
func contendMeanwhile() {
	var mu sync.Mutex
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 500 {
				unlockLate(&mu)
			}
		})
	}
	wg.Wait()
}

//go:noinline
func unlockLate(mu *sync.Mutex) {
	mu.Lock()
	time.Sleep(10 * time.Microsecond)
	mu.Unlock()
}

//go:noinline
func parked(ready, release chan struct{}) {
	close(ready)
	<-release
}

// value sums a sample type over the stacks that contain a function.
func value(t *testing.T, p *profile.Profile, sampleType, function string) int64 {
	t.Helper()
	at := slices.IndexFunc(p.SampleType, func(v *profile.ValueType) bool { return v.Type == sampleType })
	if at < 0 {
		t.Fatalf("profile has no sample type %q", sampleType)
	}
	var sum int64
	for _, s := range p.Sample {
		if slices.ContainsFunc(s.Location, func(l *profile.Location) bool {
			return slices.ContainsFunc(l.Line, func(n profile.Line) bool { return strings.HasSuffix(n.Function.Name, "."+function) })
		}) {
			sum += s.Value[at]
		}
	}
	return sum
}

func read(t *testing.T, dir string, k profiles.Kind) *profile.Profile {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(dir, k.FileName()))
	if err != nil {
		t.Fatal(err)
	}
	p, err := profile.ParseData(raw)
	if err != nil {
		t.Fatalf("%s: %v", k, err)
	}
	if err := p.CheckValid(); err != nil {
		t.Fatalf("%s: %v", k, err)
	}
	return p
}

func TestMeasuredPart(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "profiles")
	var live, garbage [][]byte
	allocatedBefore(&garbage)
	garbage = nil

	labels := map[string]string{"client": "franz-go", "arm": "x"}
	s, err := Start(dir, profiles.Kinds(), labels)
	if err != nil {
		t.Fatal(err)
	}
	allocatedMeanwhile(&live)
	allocatedMeanwhile(&garbage)
	garbage = nil
	spin()
	waitMeanwhile()
	contendMeanwhile()
	ready, release := make(chan struct{}), make(chan struct{})
	go parked(ready, release)
	<-ready
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	close(release)
	if err := profiles.Finish(dir, profiles.Window{}, labels); err != nil {
		t.Fatal(err)
	}

	const mib = 64 << 20
	cpu := read(t, dir, profiles.CPU)
	if v := value(t, cpu, "samples", "spin"); v == 0 {
		t.Error("cpu: the loop is not in the profile")
	}
	heap := read(t, dir, profiles.Heap)
	if v := value(t, heap, "inuse_space", "allocatedMeanwhile"); v < mib || v >= 2*mib {
		t.Errorf("heap: %d bytes in use, want the %d that are live", v, mib)
	}
	allocs := read(t, dir, profiles.Allocs)
	if v := value(t, allocs, "alloc_space", "allocatedMeanwhile"); v < 2*mib {
		t.Errorf("allocs: %d bytes, want %d or more", v, 2*mib)
	}
	if v := value(t, allocs, "alloc_space", "allocatedBefore"); v != 0 {
		t.Errorf("allocs: %d bytes were allocated before the measured part", v)
	}
	for _, s := range allocs.Sample {
		if s.Value[0] < 0 || s.Value[1] < 0 {
			t.Errorf("allocs: a stack has allocated %v", s.Value)
		}
	}
	if v := value(t, read(t, dir, profiles.Goroutine), "goroutine", "parked"); v != 1 {
		t.Errorf("goroutine: %d are parked, want 1", v)
	}
	block := read(t, dir, profiles.Block)
	if v := value(t, block, "delay", "waitMeanwhile"); v <= 0 {
		t.Errorf("block: waited for %d ns", v)
	}
	mutex := read(t, dir, profiles.Mutex)
	if v := value(t, mutex, "delay", "unlockLate"); v <= 0 {
		t.Errorf("mutex: others waited for %d ns", v)
	}
	runtime.KeepAlive(live)

	for _, k := range profiles.Kinds() {
		if !k.IsPprof() {
			continue
		}
		p := read(t, dir, k)
		if len(p.Comments) < 2 || p.Comments[0] != "arm=x" || p.Comments[1] != "client=franz-go" {
			t.Errorf("%s: comments are %q", k, p.Comments)
		}
		if k.IsDelta() && p.DurationNanos < (20*time.Millisecond).Nanoseconds() { // waitMeanwhile alone sleeps that long
			t.Errorf("%s: lasts %d ns", k, p.DurationNanos)
		}
	}
	for k, want := range map[*profile.Profile]string{mutex: "mutex profile fraction 100", block: "block profile rate 10000 ns"} {
		if !slices.Contains(k.Comments, want) {
			t.Errorf("comments are %q, want %q among them", k.Comments, want)
		}
	}
	checkTrace(t, dir)
	checkOpens(t, dir)
	if left, _ := filepath.Glob(filepath.Join(dir, "*.tmp")); len(left) > 0 {
		t.Errorf("%v are left", left)
	}
}

// checkTrace looks for the header of a trace and for a label.
func checkTrace(t *testing.T, dir string) {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(dir, profiles.Trace.FileName()))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.HasPrefix(raw, []byte("go 1.")) || !bytes.Contains(raw, []byte("franz-go")) {
		t.Errorf("trace of %d bytes has no header or no label", len(raw))
	}
}

// checkOpens runs `go tool pprof` on every file.
func checkOpens(t *testing.T, dir string) {
	t.Helper()
	tool, err := exec.LookPath("go")
	if err != nil {
		t.Skip("the go command is not there")
	}
	for k, want := range map[profiles.Kind]string{
		profiles.CPU: "spin", profiles.Heap: "allocate", profiles.Allocs: "allocate",
		profiles.Goroutine: "parked", profiles.Block: "waitMeanwhile", profiles.Mutex: "unlockLate",
	} {
		out, err := exec.Command(tool, "tool", "pprof", "-top", "-nodefraction=0", filepath.Join(dir, k.FileName())).CombinedOutput()
		if err != nil || !strings.Contains(string(out), want) {
			t.Errorf("go tool pprof on %s: %v, and no %s in\n%s", k, err, want, out)
		}
	}
}

func TestOnlyWhatWasAsked(t *testing.T) {
	for _, k := range profiles.Kinds() {
		if k == profiles.Flight {
			continue // of no measured part: see Flight
		}
		dir := t.TempDir()
		s, err := Start(dir, []profiles.Kind{k}, nil)
		if err != nil {
			t.Fatalf("%s: %v", k, err)
		}
		if err := s.Stop(); err != nil {
			t.Fatalf("%s: %v", k, err)
		}
		files, err := os.ReadDir(dir)
		if err != nil || len(files) != 1 || files[0].Name() != k.FileName() {
			t.Errorf("%s: wrote %v, %v", k, files, err)
		}
		if err := s.Stop(); err == nil {
			t.Errorf("%s: a second Stop is no error", k)
		}
	}
	none := filepath.Join(t.TempDir(), "none")
	s, err := Start(none, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
}

func TestRatesAreReset(t *testing.T) {
	was := runtime.SetMutexProfileFraction(7)
	defer runtime.SetMutexProfileFraction(was)
	s, err := Start(t.TempDir(), []profiles.Kind{profiles.Mutex, profiles.Block}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := runtime.SetMutexProfileFraction(-1); got != mutexFraction {
		t.Errorf("while it runs the mutex fraction is %d, want %d", got, mutexFraction)
	}
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	if got := runtime.SetMutexProfileFraction(-1); got != 7 {
		t.Errorf("afterwards the mutex fraction is %d, want 7", got)
	}
	before := pprof.Lookup("block").Count()
	blockedAfterStop()
	if after := pprof.Lookup("block").Count(); after != before {
		t.Errorf("%d blocking stacks were recorded after Stop", after-before)
	}
}

//go:noinline
func blockedAfterStop() { waitMeanwhile() }

func TestFailedStartLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	var other bytes.Buffer
	if err := pprof.StartCPUProfile(&other); err != nil {
		t.Fatal(err)
	}
	kinds := []profiles.Kind{profiles.Trace, profiles.Mutex, profiles.CPU}
	if _, err := Start(dir, kinds, nil); err == nil || !strings.Contains(err.Error(), "cpu profile") {
		t.Errorf("a second CPU profile: got error %v", err)
	}
	pprof.StopCPUProfile()
	if files, _ := os.ReadDir(dir); len(files) != 0 {
		t.Errorf("%v are left", files)
	}
	s, err := Start(dir, kinds, nil) // what the failed one had started must have ended
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}

	if _, err := Start(dir, []profiles.Kind{"memory"}, nil); err == nil || !strings.Contains(err.Error(), `"memory"`) {
		t.Errorf("a kind that does not exist: got error %v", err)
	}
	file := filepath.Join(dir, profiles.Trace.FileName())
	if _, err := Start(file, kinds, nil); err == nil {
		t.Error("a file in the place of the directory is no error")
	}
}

func TestStopWritesWhatItCan(t *testing.T) {
	dir := t.TempDir()
	// A directory stands where the heap profile should go.
	if err := os.MkdirAll(filepath.Join(dir, profiles.Heap.FileName(), "x"), 0o755); err != nil {
		t.Fatal(err)
	}
	s, err := Start(dir, []profiles.Kind{profiles.Heap, profiles.Goroutine}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Stop(); err == nil || !strings.Contains(err.Error(), "heap profile") {
		t.Errorf("got error %v, want one of the heap profile", err)
	}
	read(t, dir, profiles.Goroutine)
}
