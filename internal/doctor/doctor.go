// Package doctor says whether a machine is fit to measure on, what to do about what is
// not, and how small an effect it can show.
//
//	system    the only reader of /proc and /sys; a test gives it another root
//	doctor    what is looked at, in which order
//	judge     what is found is good, to be known, or a reason not to measure here
//	effect    what half an hour can tell
//
// It starts no client and no broker. Whether the instrument is right is for verify, and how
// the machine was while a trial ran is in every run (package fit).
package doctor

import (
	"os"
	"slices"
	"time"

	"github.com/kbench/kbench/results"
)

// Host is the machine as kbench sees it while it measures (launch.Here).
type Host interface {
	Machine() results.Machine
	Canary() time.Duration
	Sample(pids map[string]int) results.MachineSample
}

// Grade is how a finding is to be taken.
type Grade string

// The grades.
const (
	Good    Grade = "good"
	Beware  Grade = "beware"  // figures are honest, but worse or wider than they could be
	Unfit   Grade = "unfit"   // trials will be put out, or say little
	Unknown Grade = "unknown" // the system does not tell
)

// Finding is one thing that was looked at.
type Finding struct {
	What  string `json:"what"`
	Grade Grade  `json:"grade"`
	Found string `json:"found"`
	Do    string `json:"do,omitempty"` // about it
}

// Report is all that was found. No list of it is nil.
type Report struct {
	Machine  results.Machine `json:"machine"`
	Findings []Finding       `json:"findings"`
	Canary   []int64         `json:"canary_ns"` // what each fixed piece of work took
	Effect   Effect          `json:"effect"`
}

// Fit says whether nothing speaks against measuring here.
func (r *Report) Fit() bool {
	return !slices.ContainsFunc(r.Findings, func(f Finding) bool { return f.Grade == Unfit })
}

// Place is where the files of runs go.
type Place struct {
	Dir  string
	Free int64 // bytes; 0: not known
}

// quiet is how long nothing is done but to look at what others do.
const quiet = 2 * time.Second

// Pieces of fixed work, and the pause between two: some seconds in all, so that what comes
// and goes is seen.
const (
	pieces = 40
	pause  = 100 * time.Millisecond
)

// Examine looks at the machine for some seconds, in which nothing else should run.
func Examine(s System, host Host, place Place) *Report {
	r := &Report{Machine: host.Machine(), Findings: []Finding{}, Canary: []int64{}}
	look := map[string]int{"doctor": os.Getpid()}
	busyBefore := s.Busy()
	a := host.Sample(look)
	time.Sleep(quiet)
	b := host.Sample(look)
	busy := busiest(busyBefore, s.Busy())
	for range pieces {
		r.Canary = append(r.Canary, int64(host.Canary()))
		time.Sleep(pause)
	}
	c := host.Sample(look)

	others := load(a, b, s.Load(), busy)
	r.Findings = append(r.Findings,
		cores(r.Machine.Cores, s.Quota()),
		governor(s.Governors()),
		turbo(s.Turbo()),
		smt(s.SMT()),
		virtual(s.Virtual()),
		steal(a, c),
		others,
		clock(s.Clock()),
		memory(s.Available()),
		disk(place, flushes(place.Dir)),
		files(s.OpenFiles()),
		canary(r.Canary),
	)
	if r.Effect = byCanary(r.Canary); others.Grade == Unfit {
		r.Effect = Effect{Rounds: HalfAnHour, By: "others used the machine, and will not stay as they are"}
	}
	return r
}

// flushes is how long it took a few times to write a page and have it on the disk; nil
// where the directory cannot be written.
func flushes(dir string) (took []time.Duration) {
	f, err := os.CreateTemp(dir, ".kbench-doctor-")
	if err != nil {
		return nil
	}
	defer os.Remove(f.Name())
	defer f.Close()
	page := make([]byte, 4096)
	for range 10 {
		start := time.Now()
		if _, err := f.Write(page); err != nil {
			return nil
		}
		if err := f.Sync(); err != nil {
			return nil
		}
		took = append(took, time.Since(start))
	}
	return took
}
