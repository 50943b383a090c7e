package main

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/kbench/kbench/results/record"
	"github.com/kbench/kbench/scripts/sides"
)

// load is what the machine and the broker had used at one moment, in ns of CPU
// since boot and since their start.
type load struct {
	t, total, idle, broker int64
}

// observer samples the machine beside a window.
type observer struct {
	pids []int
	stop func()

	mu    sync.Mutex
	loads []load
}

// observeEvery is short beside a window and long beside the 10 ms in which the
// kernel counts.
const observeEvery = 100 * time.Millisecond

func observe(pids []int) *observer {
	o := &observer{pids: pids}
	o.sample()
	o.stop = sides.Watch(observeEvery, o.sample)
	return o
}

func (o *observer) sample() {
	l := load{t: record.Now()}
	l.total, l.idle = machineCPU()
	for _, pid := range o.pids {
		l.broker += processCPU(pid)
	}
	o.mu.Lock()
	o.loads = append(o.loads, l)
	o.mu.Unlock()
}

// between is the broker's CPU, in cores, and the share of the machine's CPU that
// nobody used, over the samples nearest to two moments.
func (o *observer) between(from, to int64) (brokerCores, idle float64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	var a, b load
	for _, l := range o.loads {
		if l.t <= from || a.t == 0 {
			a = l
		}
		if l.t <= to {
			b = l
		}
	}
	if b.t <= a.t || b.total <= a.total {
		return 0, 0
	}
	return float64(b.broker-a.broker) / float64(b.t-a.t), float64(b.idle-a.idle) / float64(b.total-a.total)
}

// clockTick is the unit of CPU times in /proc: USER_HZ is 100 on every Linux that
// Go runs on.
const clockTick = int64(10 * time.Millisecond)

// machineCPU sums the CPU time of all cores.
func machineCPU() (total, idle int64) {
	data, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, 0
	}
	line, _, _ := strings.Cut(string(data), "\n")
	for i, field := range strings.Fields(line) {
		// cpu user nice system idle iowait irq softirq steal; guests are in user.
		if i < 1 || i > 8 {
			continue
		}
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return 0, 0
		}
		total += n * clockTick
		if i == 4 || i == 5 {
			idle += n * clockTick
		}
	}
	return total, idle
}

// processCPU is user plus system time of a process; 0 where it is gone.
func processCPU(pid int) int64 {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	// The name in brackets may hold anything; fields are counted after it.
	fields := strings.Fields(string(data[bytes.LastIndexByte(data, ')')+1:]))
	const utime, stime = 11, 12
	if len(fields) <= stime {
		return 0
	}
	user, uerr := strconv.ParseInt(fields[utime], 10, 64)
	system, serr := strconv.ParseInt(fields[stime], 10, 64)
	if uerr != nil || serr != nil {
		return 0
	}
	return (user + system) * clockTick
}
