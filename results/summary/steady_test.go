package summary

import (
	"math/rand/v2"
	"testing"
	"time"
)

// TestFalseAlarms: of trials that are steady, as those of a Poisson schedule are by
// its law, at most one in a hundred is marked for anything, and of those that drift
// or vary by much most are. The seeds are fixed.
func TestFalseAlarms(t *testing.T) {
	f := func(runs, windows int, rate float64, shape func(at float64) float64, least, most int) {
		t.Helper()
		rng := rand.New(rand.NewPCG(uint64(windows), uint64(rate)))
		marked, classes := 0, map[string]int{}
		for range runs {
			b := tried(make([]int64, windows)...)
			b.trial.Spec.Produce.Schedule.Kind = "poisson"
			w := b.workers[0]
			w.heard = make([]bool, b.measured.length()/int64(steadyBin))
			for at := rng.ExpFloat64() / rate; at < float64(windows); at += rng.ExpFloat64() / rate / shape(at/float64(windows)) {
				w.ackedPerSec[int(at)]++
				ns := int64(at * float64(time.Second))
				w.hear(ns, ns)
			}
			if why := b.notSteady(); why.Class != "" {
				marked++
				classes[why.Class]++
			}
		}
		if marked < least || marked > most {
			t.Errorf("%d windows at %v/s: %d of %d are marked (%v), want %d to %d", windows, rate, marked, runs, classes, least, most)
		}
	}
	same := func(float64) float64 { return 1 }
	for _, rate := range []float64{5, 20, 100, 500} {
		for _, windows := range []int{10, 15, 30} {
			f(1000, windows, rate, same, 0, 10)
		}
	}
	f(1000, 60, 100, same, 0, 10)
	f(50, 15, 5000, func(at float64) float64 { return 1 + 0.1*at }, 45, 50)
	f(50, 15, 5000, func(at float64) float64 { return 1 + 0.2*float64(int(at*15)%2) }, 45, 50)
}
