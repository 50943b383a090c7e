package doctor

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"github.com/kbench/kbench/results"
)

// files are a system by its files.
func system(files map[string]string) System {
	m := fstest.MapFS{}
	for name, text := range files {
		m[name] = &fstest.MapFile{Data: []byte(text + "\n")}
	}
	return System{m}
}

// bare is a machine of its own, set up to measure.
func bare() map[string]string {
	return map[string]string{
		"sys/devices/system/cpu/cpu0/cpufreq/scaling_governor":            "performance",
		"sys/devices/system/cpu/cpu1/cpufreq/scaling_governor":            "performance",
		"sys/devices/system/cpu/intel_pstate/no_turbo":                    "1",
		"sys/devices/system/cpu/smt/active":                               "0",
		"sys/devices/system/clocksource/clocksource0/current_clocksource": "tsc",
		"proc/cpuinfo":     "processor : 0\nflags : fpu tsc",
		"proc/loadavg":     "0.05 0.10 0.20 1/300 4242",
		"proc/meminfo":     "MemTotal: 16777216 kB\nMemAvailable: 12582912 kB",
		"proc/self/limits": "Limit Soft Hard Units\nMax open files            65536                1048576              files",
		"proc/self/cgroup": "0::/user.slice",
	}
}

// with is a system with other files.
func with(changed map[string]string) System {
	files := bare()
	for name, text := range changed {
		if files[name] = text; text == "" {
			delete(files, name)
		}
	}
	return system(files)
}

// host is a machine whose counters grow by the clock.
type host struct {
	cores           int
	foreign, stolen float64 // cores
	canary          func(n int) time.Duration
	did             *int
}

func (h host) Machine() results.Machine { return results.Machine{Host: "bench-1", Cores: h.cores} }

func (h host) Canary() time.Duration {
	*h.did++
	time.Sleep(50 * time.Millisecond)
	return h.canary(*h.did)
}

func (h host) Sample(map[string]int) results.MachineSample {
	ns := time.Now().UnixNano()
	spent := func(cores float64) int64 { return int64(cores * float64(ns%int64(time.Hour))) }
	return results.MachineSample{
		T: ns, CPUTotal: spent(float64(h.cores)), CPUSteal: spent(h.stolen),
		CPUBusy: spent(h.foreign+0.2) + 1, Procs: map[string]int64{"doctor": spent(0.2)},
	}
}

func steady(int) time.Duration { return 60 * time.Millisecond }

// found is a finding of a machine.
func found(t *testing.T, s System, h host, what string) (f Finding, r *Report) {
	t.Helper()
	h.did = new(int)
	if h.canary == nil {
		h.canary = steady
	}
	place := Place{t.TempDir(), 100 * gib}
	synctest.Test(t, func(t *testing.T) { r = Examine(s, h, place) })
	at := slices.IndexFunc(r.Findings, func(f Finding) bool { return f.What == what })
	if at < 0 {
		t.Fatalf("nothing is said of %q", what)
	}
	return r.Findings[at], r
}

// A machine that was set up to measure has nothing against it.
func TestFit(t *testing.T) {
	_, r := found(t, system(bare()), host{cores: 8}, "cores")
	for _, f := range r.Findings {
		if f.Grade != Good || f.Do != "" {
			t.Errorf("%+v", f)
		}
	}
	if !r.Fit() || len(r.Findings) != 12 || len(r.Canary) != pieces {
		t.Errorf("%+v", r)
	}
}

// What is wrong is found, graded, and has a remedy.
func TestFindings(t *testing.T) {
	f := func(what string, s System, h host, grade Grade, words ...string) {
		t.Helper()
		if h.cores == 0 {
			h.cores = 8
		}
		got, r := found(t, s, h, what)
		for _, w := range words {
			if !strings.Contains(got.Found+" -> "+got.Do, w) {
				t.Errorf("%s: %+v does not say %q", what, got, w)
			}
		}
		if got.Grade != grade || grade != Good && grade != Unknown && got.Do == "" || r.Fit() != (grade != Unfit) {
			t.Errorf("%s: %+v, want it %s; fit: %v", what, got, grade, r.Fit())
		}
	}
	fine := system(bare())
	f("cores", fine, host{cores: 1}, Unfit, "4 cores or more")
	f("cores", fine, host{cores: 2}, Beware, "cpu.per_record")
	f("cores", with(map[string]string{"proc/self/cgroup": "0::/a/b", "sys/fs/cgroup/a/cpu.max": "150000 100000", "sys/fs/cgroup/a/b/cpu.max": "max 100000"}), host{}, Beware, "allows 1.5", "cpu.max")
	f("governor", with(map[string]string{"sys/devices/system/cpu/cpu1/cpufreq/scaling_governor": "powersave"}), host{}, Beware, "performance, powersave", "cpupower")
	f("governor", system(nil), host{}, Unknown, "no cpufreq")
	f("turbo", with(map[string]string{"sys/devices/system/cpu/intel_pstate/no_turbo": "0"}), host{}, Beware, "echo 1 > /sys/devices/system/cpu/intel_pstate/no_turbo")
	f("turbo", with(map[string]string{"sys/devices/system/cpu/intel_pstate/no_turbo": "", "sys/devices/system/cpu/cpufreq/boost": "1"}), host{}, Beware, "echo 0 > /sys/devices/system/cpu/cpufreq/boost")
	f("SMT", with(map[string]string{"sys/devices/system/cpu/smt/active": "1"}), host{}, Beware, "echo off >")
	f("SMT", system(nil), host{}, Unknown)
	f("machine", with(map[string]string{"proc/cpuinfo": "flags : fpu hypervisor"}), host{}, Beware, "canary arm")
	f("steal", fine, host{stolen: 0.4}, Unfit, "5.0% of the time")
	f("other load", fine, host{foreign: 0.5}, Unfit, "0.50 cores, load average 0.05")
	f("clock source", with(map[string]string{"sys/devices/system/clocksource/clocksource0/current_clocksource": "hpet"}), host{}, Beware, "clocksource=tsc")
	f("memory", with(map[string]string{"proc/meminfo": "MemAvailable: 1048576 kB"}), host{}, Beware, "1.0 GiB")
	f("open files", with(map[string]string{"proc/self/limits": "Max open files            1024                 524288               files"}), host{}, Beware, "ulimit -n 65536")
	f("open files", with(map[string]string{"proc/self/limits": "Max open files            unlimited            unlimited            files"}), host{}, Good, "unlimited")
	f("canary", fine, host{canary: func(n int) time.Duration { return time.Duration(60+n%5*4) * time.Millisecond }}, Unfit, "10% off")
	f("canary", fine, host{canary: func(n int) time.Duration { return time.Duration(60+n%5) * time.Millisecond }}, Beware, "more rounds")
}

// While others use the machine nobody knows what it can tell.
func TestNoEffect(t *testing.T) {
	if _, r := found(t, system(bare()), host{cores: 8, foreign: 0.5}, "cores"); r.Effect.Known || !strings.Contains(r.Effect.By, "others used the machine") {
		t.Errorf("%+v", r.Effect)
	}
	if _, r := found(t, system(bare()), host{cores: 8}, "cores"); !r.Effect.Known {
		t.Errorf("%+v", r.Effect)
	}
}

// The processes that used most while nothing was done are named.
func TestBusiest(t *testing.T) {
	stat := func(name string, ticks int) string {
		return fmt.Sprintf("7 (%s) S 1 1 1 0 -1 0 0 0 0 0 %d 0 0 0 20 0 1 0 5", name, ticks)
	}
	before := system(map[string]string{"proc/7/stat": stat("tmux: (a) b", 10), "proc/8/stat": stat("idle", 5), "proc/9/stat": stat("gone", 5)}).Busy()
	after := system(map[string]string{"proc/7/stat": stat("tmux: (a) b", 150), "proc/8/stat": stat("idle", 5), "proc/10/stat": stat("new", 99)}).Busy()
	got := busiest(before, after)
	if len(got) != 1 || got[0].Name != "tmux: (a) b" || got[0].ticks != 140 {
		t.Errorf("%+v", got)
	}
	a := results.MachineSample{T: 0, CPUBusy: 1}
	b := results.MachineSample{T: int64(time.Second), CPUBusy: 1 + int64(time.Second)}
	if f := load(a, b, -1, got); !strings.HasSuffix(f.Do, "Busiest: tmux: (a) b (7)") || f.Found != "1.00 cores" {
		t.Errorf("%+v", f)
	}
}

// A directory that cannot be written is said to be so, and a disk that is slow or full.
func TestDisk(t *testing.T) {
	f := func(p Place, took []time.Duration, grade Grade, words string) {
		t.Helper()
		if got := disk(p, took); got.Grade != grade || !strings.Contains(got.Found+" -> "+got.Do, words) {
			t.Errorf("%+v, want %s, %q", got, grade, words)
		}
	}
	f(Place{"/runs", 100 * gib}, []time.Duration{time.Millisecond}, Good, "/runs, 100 GiB free, a page is on it after 1ms")
	f(Place{"/runs", 3 * gib}, []time.Duration{time.Millisecond}, Beware, "make room")
	f(Place{"/runs", 100 * gib}, []time.Duration{30 * time.Millisecond}, Beware, "SSD")
	f(Place{"/runs", 0}, nil, Unfit, "TMPDIR")
	if took := flushes(t.TempDir() + "/nowhere"); took != nil {
		t.Errorf("a directory that is not there takes a page in %v", took)
	}
}

// The effect follows how far pieces of work scatter, and says how it was found.
func TestEffect(t *testing.T) {
	var took []int64
	for i := range 40 {
		took = append(took, 60e6+int64(i%4/2)*600e3) // half of the pairs 1% up
	}
	e := byCanary(took)
	if !e.Known || e.Share != 0 || !strings.HasPrefix(e.By, "by 20 pairs of a fixed piece") {
		t.Errorf("pairs that are the same: %+v", e)
	}
	for i := range took {
		took[i] = 60e6 + int64(i*i%7)*200e3
	}
	if e := byCanary(took); !e.Known || e.Share < 0.002 || e.Share > 0.02 || e.Rounds != 20 {
		t.Errorf("pairs that scatter by about 1%%: %+v", e)
	}
	if e := byCanary(took[:2]); e.Known || e.By == "" {
		t.Errorf("one pair: %+v", e)
	}
}
