package main

import (
	"strconv"
	"sync"
	"time"

	"github.com/kbench/kbench/internal/launch"
	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/scripts/sides"
)

// observer samples the machine and the broker beside a window.
type observer struct {
	broker map[string]int // its processes
	stop   func()

	mu      sync.Mutex
	samples []results.MachineSample
}

// observeEvery is short beside a window and long beside the 10 ms in which the
// kernel counts.
const observeEvery = 100 * time.Millisecond

func observe(broker []int) *observer {
	o := &observer{broker: map[string]int{}}
	for _, pid := range broker {
		o.broker[strconv.Itoa(pid)] = pid
	}
	o.sample()
	o.stop = sides.Watch(observeEvery, o.sample)
	return o
}

func (o *observer) sample() {
	s := launch.Here{}.Sample(o.broker)
	o.mu.Lock()
	o.samples = append(o.samples, s)
	o.mu.Unlock()
}

// between is the broker's CPU, in cores, and the share of the machine's CPU that
// nobody used, over the samples nearest to two moments.
func (o *observer) between(from, to int64) (brokerCores, idle float64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	var a, b results.MachineSample
	for _, s := range o.samples {
		if s.T <= from || a.T == 0 {
			a = s
		}
		if s.T <= to {
			b = s
		}
	}
	if b.T <= a.T || b.CPUTotal <= a.CPUTotal {
		return 0, 0
	}
	return float64(sum(b.Procs)-sum(a.Procs)) / float64(b.T-a.T), float64(b.CPUIdle-a.CPUIdle) / float64(b.CPUTotal-a.CPUTotal)
}

func sum(of map[string]int64) (total int64) {
	for _, n := range of {
		total += n
	}
	return total
}
