package doctor

import (
	"bytes"
	"cmp"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
)

// System reads /proc and /sys. Its answers say when they are not known: not every kernel,
// and no virtual machine, has them all.
type System struct {
	Root fs.FS // which has proc and sys
}

// Here is the system that runs us.
func Here() System { return System{os.DirFS("/")} }

// text is a file without the white space around it; "" where there is none.
func (s System) text(name string) string {
	data, err := fs.ReadFile(s.Root, name)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(data))
}

const cpus = "sys/devices/system/cpu/"

// Governors are those of all cores, each once; none: not known.
func (s System) Governors() (all []string) {
	names, _ := fs.Glob(s.Root, cpus+"cpu[0-9]*/cpufreq/scaling_governor") // the pattern is a good one
	for _, n := range names {
		all = append(all, s.text(n))
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// Switch is something that is on or off, and the file that turns it off.
type Switch struct {
	Known, On bool
	Off       string // a command
}

// Turbo is whether cores may run faster than they can for long.
func (s System) Turbo() Switch {
	const intel, others = cpus + "intel_pstate/no_turbo", cpus + "cpufreq/boost"
	if v := s.text(intel); v != "" {
		return Switch{true, v == "0", "echo 1 > /" + intel}
	}
	v := s.text(others)
	return Switch{v != "", v == "1", "echo 0 > /" + others}
}

// SMT is whether two threads share a core.
func (s System) SMT() Switch {
	v := s.text(cpus + "smt/active")
	return Switch{v != "", v == "1", "echo off > /" + cpus + "smt/control"}
}

// Virtual is whether another system lies below this one.
func (s System) Virtual() (is, known bool) {
	for line := range strings.Lines(s.text("proc/cpuinfo")) {
		if name, flags, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "flags" {
			return slices.Contains(strings.Fields(flags), "hypervisor"), true
		}
	}
	return false, false
}

// Clock is where the kernel has the time from; "" : not known.
func (s System) Clock() string {
	return s.text("sys/devices/system/clocksource/clocksource0/current_clocksource")
}

// Load is the load average of the last minute; below 0: not known.
func (s System) Load() float64 {
	first, _, _ := strings.Cut(s.text("proc/loadavg"), " ")
	if v, err := strconv.ParseFloat(first, 64); err == nil {
		return v
	}
	return -1
}

// Available is how much memory may be had, bytes; 0: not known.
func (s System) Available() int64 {
	for line := range strings.Lines(s.text("proc/meminfo")) {
		if f := strings.Fields(line); len(f) == 3 && f[0] == "MemAvailable:" {
			kib, _ := strconv.ParseInt(f[1], 10, 64) // 0 is not known
			return kib << 10
		}
	}
	return 0
}

// Unlimited is more files than there are.
const Unlimited = int64(1) << 62

// OpenFiles is how many this process may have open, now and if it asks; 0: not known.
func (s System) OpenFiles() (soft, hard int64) {
	number := func(v string) int64 {
		if v == "unlimited" {
			return Unlimited
		}
		n, _ := strconv.ParseInt(v, 10, 64) // 0 is not known
		return n
	}
	for line := range strings.Lines(s.text("proc/self/limits")) {
		if rest, ok := strings.CutPrefix(line, "Max open files"); ok {
			if f := strings.Fields(rest); len(f) >= 2 {
				return number(f[0]), number(f[1])
			}
		}
	}
	return 0, 0
}

// Quota is how many cores the control groups around us may use at a time, the least of
// them; 0: as many as there are.
func (s System) Quota() (cores float64) {
	for line := range strings.Lines(s.text("proc/self/cgroup")) {
		group, ok := strings.CutPrefix(strings.TrimSpace(line), "0::/")
		if !ok {
			continue // of the first version
		}
		for at := path.Join("sys/fs/cgroup", group); at != "sys/fs" && at != "."; at = path.Dir(at) {
			var most, period float64
			if n, _ := fmt.Sscan(s.text(at+"/cpu.max"), &most, &period); n == 2 && period > 0 && (cores == 0 || most/period < cores) { // "max" is no number
				cores = most / period
			}
		}
	}
	return cores
}

// Busy is what every process has used so far, in ticks.
func (s System) Busy() map[Process]int64 {
	names, _ := fs.Glob(s.Root, "proc/[0-9]*/stat") // the pattern is a good one
	all := map[Process]int64{}
	for _, name := range names {
		data, err := fs.ReadFile(s.Root, name)
		from, to := bytes.IndexByte(data, '('), bytes.LastIndexByte(data, ')')
		if err != nil || from < 0 || to < from {
			continue
		}
		pid, _ := strconv.Atoi(path.Base(path.Dir(name))) // it is made of digits
		f := strings.Fields(string(data[to+1:]))
		if len(f) < 13 || pid == os.Getpid() {
			continue
		}
		user, _ := strconv.ParseInt(f[11], 10, 64)
		system, _ := strconv.ParseInt(f[12], 10, 64)
		all[Process{pid, string(data[from+1 : to])}] = user + system
	}
	return all
}

// Process is one that runs.
type Process struct {
	PID  int
	Name string
}

// busiest are those that used most between two looks, in ticks: three at most.
func busiest(before, after map[Process]int64) (out []used) {
	for p, ticks := range after {
		if was, there := before[p]; there && ticks-was > 1 {
			out = append(out, used{p, ticks - was})
		}
	}
	slices.SortFunc(out, func(a, b used) int { return cmp.Or(cmp.Compare(b.ticks, a.ticks), cmp.Compare(a.PID, b.PID)) })
	return out[:min(len(out), 3)]
}

type used struct {
	Process
	ticks int64
}
