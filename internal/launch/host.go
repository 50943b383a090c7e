package launch

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/record"
)

// Host is a machine that processes run on. Times of it are readings of its
// monotonic clock, and process ids are its own.
type Host interface {
	// Clock is the host's clock as we see it.
	Clock() Clock

	// Machine describes the host.
	Machine() results.Machine

	// Canary does a fixed piece of CPU work there and says how long it took.
	// Between trials of one run it should not move; where it does, the machine did.
	Canary() time.Duration

	// Sample reads what the host and some of its processes have used so far. One
	// that is gone is left out.
	Sample(pids map[string]int) results.MachineSample
}

// Clock is the monotonic clock of a host: what the host is called (empty: it is
// this one) and how many ns its clock is ahead of ours.
type Clock struct {
	Host  string
	Ahead int64
}

// Here is this host.
type Here struct{}

var _ Host = Here{}

// Clock is our own.
func (Here) Clock() Clock { return Clock{} }

// Machine describes this host.
func (Here) Machine() results.Machine {
	m := results.Machine{OS: runtime.GOOS, Arch: runtime.GOARCH, Cores: runtime.NumCPU()}
	m.Host, _ = os.Hostname()
	var u unix.Utsname
	if unix.Uname(&u) == nil {
		m.Kernel = unix.ByteSliceToString(u.Release[:])
	}
	m.CPU = field("/proc/cpuinfo", "model name")
	if kb, err := strconv.ParseInt(strings.TrimSuffix(field("/proc/meminfo", "MemTotal"), " kB"), 10, 64); err == nil {
		m.MemBytes = kb << 10
	}
	if g, err := os.ReadFile("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"); err == nil {
		m.Governor = strings.TrimSpace(string(g))
	}
	return m
}

// field is the first value of "name : value" in a file of /proc.
func field(file, name string) string {
	data, err := os.ReadFile(file)
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(data)) {
		k, v, ok := strings.Cut(line, ":")
		if ok && strings.TrimSpace(k) == name {
			return strings.TrimSpace(v)
		}
	}
	return ""
}

// Canary hashes, in four parts, and goes by the fastest: what took the processor away
// in between is told by the samples.
func (Here) Canary() time.Duration {
	const parts, rounds = 4, 8
	block := make([]byte, 1<<20)
	fastest := time.Duration(math.MaxInt64)
	var sum [sha256.Size]byte
	for range parts {
		start := time.Now()
		for range rounds {
			sum = sha256.Sum256(block)
			copy(block, sum[:])
		}
		fastest = min(fastest, time.Since(start))
	}
	runtime.KeepAlive(sum)
	return parts * fastest
}

// Sample reads what the host and its processes have used so far.
func (Here) Sample(pids map[string]int) results.MachineSample {
	m := results.MachineSample{T: record.Now(), Procs: make(map[string]int64, len(pids)), Waited: make(map[string]int64, len(pids))}
	cpuTimes(&m)
	m.PSICPUSome, m.PSICPUTotal = pressure("cpu")
	m.PSIIOSome, m.PSIIOTotal = pressure("io")
	m.PSIMemSome, m.PSIMemTotal = pressure("memory")
	for name, pid := range pids {
		if ns, ok := processCPU(pid); ok {
			m.Procs[name] = ns
		}
		if ns, ok := ProcessWaited(pid); ok {
			m.Waited[name] = ns
		}
	}
	return m
}

const clockTick = 10 * time.Millisecond // USER_HZ is 100 on every Linux that Go runs on

func ticks(s string) int64 {
	n, _ := strconv.ParseInt(s, 10, 64)
	return n * int64(clockTick)
}

// cpuTimes reads /proc/stat: all cores together, ns.
func cpuTimes(m *results.MachineSample) {
	now := record.Now()
	data, err := os.ReadFile("/proc/stat")
	if err != nil {
		return
	}
	machineTimes(m, now, string(data))
}

// machineTimes reads what /proc/stat held at a moment of the monotonic clock.
//
// What processes had is what is left of that time, not the sum of user, nice and
// system: the kernel books those by whoever runs when its tick comes, and who wakes
// with a tick and sleeps before the next, as load and canaries do, is missed. Idle
// time it measures.
func machineTimes(m *results.MachineSample, now int64, stat string) {
	var others int64 // idle, interrupts and steal
	for line := range strings.Lines(stat) {
		f := strings.Fields(line)
		if len(f) == 0 || !strings.HasPrefix(f[0], "cpu") {
			break // the cores come first
		}
		if f[0] != "cpu" {
			m.CPUBusy += now
			continue
		}
		for i, v := range f {
			// user nice system idle iowait irq softirq steal; guest time is in user.
			if i < 1 || i > 8 {
				continue
			}
			n := ticks(v)
			m.CPUTotal += n
			switch i {
			case 4, 5:
				m.CPUIdle += n
			case 8:
				m.CPUSteal = n
			}
			if i > 3 {
				others += n
			}
		}
	}
	m.CPUBusy = max(m.CPUBusy-others, 1) // 0 is not known
}

// OwnCPU is user plus system time of this process, ns.
func OwnCPU() (int64, bool) { return processCPU(os.Getpid()) }

// processCPU is user plus system time of a process, ns.
func processCPU(pid int) (int64, bool) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, false
	}
	// The name in brackets may hold anything; fields are counted after it.
	i := bytes.LastIndexByte(data, ')')
	f := strings.Fields(string(data[i+1:]))
	if len(f) < 13 {
		return 0, false
	}
	return ticks(f[11]) + ticks(f[12]), true
}

// mostThreads is of how many threads a process may be for each of them to be asked ten
// times a second. A JVM has more.
const mostThreads = 64

// ProcessWaited is for how long the threads of a process have waited for a processor, ns.
// A kernel that does not count it says that none was ever given one.
func ProcessWaited(pid int) (sum int64, counts bool) {
	tasks := fmt.Sprintf("/proc/%d/task", pid)
	dir, err := os.Open(tasks)
	if err != nil {
		return 0, false
	}
	names, err := dir.Readdirnames(mostThreads + 1)
	_ = dir.Close()
	if err != nil || len(names) > mostThreads {
		return 0, false
	}
	for _, name := range names {
		stat, err := os.ReadFile(filepath.Join(tasks, name, "schedstat"))
		if err != nil {
			continue // it has ended
		}
		// For how long it ran, and waited, and how often it was given a processor.
		f := bytes.Fields(stat)
		if len(f) < 3 {
			return 0, false
		}
		ns, err := strconv.ParseInt(string(f[1]), 10, 64)
		if err != nil {
			return 0, false
		}
		counts = counts || string(f[2]) != "0"
		sum += ns
	}
	return sum, counts
}

// pressure is the share of the last 10 s in which some task waited, in percent, and
// for how long some did since boot, ns; -1 where the kernel does not tell.
func pressure(what string) (share float64, total int64) {
	data, _ := os.ReadFile("/proc/pressure/" + what)
	some, _, _ := strings.Cut(string(data), "\n")
	value := func(name string) string {
		_, rest, _ := strings.Cut(some, name)
		v, _, _ := strings.Cut(rest, " ")
		return v
	}
	share, err := strconv.ParseFloat(value("avg10="), 64)
	us, terr := strconv.ParseInt(value("total="), 10, 64)
	if err != nil || terr != nil {
		return -1, -1
	}
	return share, us * int64(time.Microsecond)
}
