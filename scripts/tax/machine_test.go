package main

import (
	"testing"

	"github.com/kbench/kbench/results"
)

func TestBetween(t *testing.T) {
	at := func(t, total, idle, one, two int64) results.MachineSample {
		return results.MachineSample{T: t, CPUTotal: total, CPUIdle: idle, Procs: map[string]int64{"1": one, "2": two}}
	}
	o := &observer{samples: []results.MachineSample{at(100, 0, 0, 0, 0), at(200, 200, 150, 10, 20), at(300, 400, 200, 40, 40), at(400, 600, 400, 90, 90)}}
	f := func(from, to int64, cores, idle float64) {
		t.Helper()
		if c, i := o.between(from, to); c != cores || i != idle {
			t.Errorf("between %d and %d: %v cores and %v idle, want %v and %v", from, to, c, i, cores, idle)
		}
	}
	f(250, 350, 0.5, 0.25) // from the sample before each
	f(100, 400, 0.6, 400.0/600)
	f(0, 250, 0.3, 0.75) // none is before: the first
	f(310, 320, 0, 0)    // the same sample twice
}
