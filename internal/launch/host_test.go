package launch

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/record"
)

// This host has our clock, cores, and a count of what its processes use; one that
// is gone is not in it.
func TestHere(t *testing.T) {
	h := Local{}.Host()
	if c := h.Clock(); c != (Clock{}) {
		t.Errorf("our own clock is %+v", c)
	}
	if m := h.Machine(); m.Cores < 1 || m.Host == "" {
		t.Errorf("the machine is %+v", m)
	}
	before := h.Sample(nil)
	if h.Canary() <= 0 {
		t.Error("the canary took no time")
	}
	gone := start(t, self("exit", "0"))
	gone.Wait()
	after := h.Sample(map[string]int{"me": os.Getpid(), "gone": gone.PID()})
	if before.T > after.T || time.Duration(record.Now()-after.T) > time.Minute || after.Host != "" {
		t.Errorf("samples at %d and %d of %q", before.T, after.T, after.Host)
	}
	if after.CPUTotal == 0 {
		t.Skip("the kernel has no /proc/stat")
	}
	if _, there := after.Procs["gone"]; len(after.Procs) != 1 || there || after.CPUTotal < before.CPUTotal {
		t.Errorf("processes %v; total from %d to %d", after.Procs, before.CPUTotal, after.CPUTotal)
	}
	if waited, there := after.Waited["me"]; len(after.Waited) > 1 || there && waited <= 0 { // each thread has waited for a moment
		t.Errorf("they have waited %v", after.Waited)
	}
	if own, ok := OwnCPU(); !ok || own < after.Procs["me"] {
		t.Errorf("this process has used %d, %t; before it was %d", own, ok, after.Procs["me"])
	}
}

// The end of a file can be read while its process lives, whole or in part.
func TestTail(t *testing.T) {
	s := self("cat")
	s.Home = t.TempDir()
	p := start(t, s)
	if p.Dir() != s.Home {
		t.Errorf("its files are in %s, want %s", p.Dir(), s.Home)
	}
	if err := os.WriteFile(filepath.Join(p.Dir(), "log"), []byte("one two"), 0o644); err != nil {
		t.Fatal(err)
	}
	for limit, want := range map[int64]string{3: "two", 7: "one two", 99: "one two"} {
		if got, err := p.Tail("log", limit); string(got) != want || err != nil {
			t.Errorf("the last %d bytes are %q, %v; want %q", limit, got, err, want)
		}
	}
	if _, err := p.Tail("none", 9); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the end of a file that is not there: %v", err)
	}
}

// BenchmarkSample is what a sample of the machine and of six processes costs; a
// supervisor takes ten a second.
func BenchmarkSample(b *testing.B) {
	pids := map[string]int{}
	for _, name := range []string{"a", "b", "c", "d", "e", "f"} {
		pids[name] = os.Getpid()
	}
	for b.Loop() {
		Here{}.Sample(pids)
	}
}

// Processes have what is left, also where the kernel's ticks missed it.
func TestMachineTimes(t *testing.T) {
	const stat = "cpu  100 10 90 1500 20 3 7 70 5 0\ncpu0 50 5 45 750 10 2 3 35 0 0\ncpu1 50 5 45 750 10 1 4 35 5 0\nintr 12 cpu\n"
	var m results.MachineSample
	machineTimes(&m, 10e9, stat) // of two cores
	if m.CPUBusy != 4e9 || m.CPUIdle != 15_200e6 || m.CPUSteal != 700e6 || m.CPUTotal != 18e9 {
		t.Errorf("%+v", m)
	}
}
