package main

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/kbench/kbench/results/record"
	"github.com/kbench/kbench/scripts/bare"
	"github.com/kbench/kbench/scripts/sides"
)

// memory is what a process held at one moment.
type memory struct {
	t        int64
	pss, rss int64
	threads  int64
}

// memories reads the memory of processes again and again, from outside, so that
// both sides are read in the same way.
type memories struct {
	pids func() []int
	stop func()

	mu   sync.Mutex
	seen map[int][]memory
}

// memoryEvery is long: the kernel walks the page tables of a process for it.
const memoryEvery = 2 * time.Second

func watchMemory(pids func() []int) *memories {
	m := &memories{pids: pids, seen: map[int][]memory{}}
	m.stop = sides.Watch(memoryEvery, m.sample)
	return m
}

func (m *memories) sample() {
	for _, pid := range m.pids() {
		rollup, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
		if err != nil || len(rollup) == 0 {
			continue // it has ended
		}
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		if err != nil {
			continue
		}
		s := memory{
			t: record.Now(), pss: field(rollup, "Pss:") << 10, rss: field(rollup, "Rss:") << 10, threads: field(status, "Threads:"),
		}
		m.mu.Lock()
		m.seen[pid] = append(m.seen[pid], s)
		m.mu.Unlock()
	}
}

// field reads the number of a line such as "Pss:    1234 kB".
func field(text []byte, key string) int64 {
	_, rest, _ := bytes.Cut(text, []byte("\n"+key))
	var n int64
	_, _ = fmt.Fscan(bytes.NewReader(rest), &n) // what is not there is 0
	return n
}

// last is the last reading of a process within a stretch.
func (m *memories) last(pid int, from, to int64) (memory, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out memory
	for _, s := range m.seen[pid] {
		if s.t >= from && s.t <= to {
			out = s
		}
	}
	return out, out.t != 0
}

// children are the processes that a process has started.
func children(parent int) []int {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	var out []int
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		status, err := os.ReadFile("/proc/" + e.Name() + "/status")
		if err == nil && field(status, "PPid:") == int64(parent) {
			out = append(out, pid)
		}
	}
	return out
}

// costs is the mean over processes of what each used between its first and its
// last reading within a stretch.
func costs(of map[int][]bare.Report, mem *memories, from, to int64) (member, error) {
	var sum member
	for pid, readings := range of {
		var first, last bare.Report
		for _, r := range readings {
			if r.T < from || r.T > to {
				continue
			}
			if first.T == 0 {
				first = r
			}
			last = r
		}
		held, ok := mem.last(pid, from, to)
		if last.T-first.T < (to-from)/2 || !ok {
			return sum, fmt.Errorf("process %d was not seen through the quiet stretch", pid)
		}
		seconds := time.Duration(last.T - first.T).Seconds()
		sum.PSS += held.pss
		sum.RSS += held.rss
		sum.Threads += float64(held.threads)
		sum.CPU += float64(last.CPUUser+last.CPUSys-first.CPUUser-first.CPUSys) / seconds
		sum.Goroutines += float64(last.Goroutines)
		sum.GCs += float64(last.GCs-first.GCs) / seconds
		sum.Records += float64(last.Records-first.Records) / seconds
	}
	n := int64(len(of))
	if n == 0 {
		return sum, fmt.Errorf("there was no process")
	}
	f := float64(n)
	return member{sum.PSS / n, sum.RSS / n, sum.CPU / f, sum.Threads / f, sum.Goroutines / f, sum.GCs / f, sum.Records / f}, nil
}
