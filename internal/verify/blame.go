package verify

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/kbench/kbench/drivers"
	"github.com/kbench/kbench/drivers/faulty"
	"github.com/kbench/kbench/internal/conduct"
	"github.com/kbench/kbench/internal/launch"
	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/blame"
	"github.com/kbench/kbench/results/record"
	"github.com/kbench/kbench/workloads"
)

// This file is the cases that ask whose stall it was. A process that is not the
// client is stopped, or others take the machine, and they must be blamed; or the
// client itself burns CPU or collects garbage, which must not excuse it.

// blameLength is how long what is stopped stands still.
const blameLength = 300 * time.Millisecond

// meddle is what is done to a trial while it is measured: a process of it is stopped,
// or the machine is taken by processes that are none of kbench's.
type meddle struct {
	process string // worker or theBroker; empty: the machine
	length  time.Duration
}

// theBroker is the process that is no worker.
const theBroker = "broker"

// blameSpec is a workload in which a stop of anybody shows in the lateness of records.
func blameSpec(name string, d drivers.Driver, referenced bool) workloads.Spec {
	s := small("blame")
	s.Name = fileName(fmt.Sprintf("verify-%s-%s", name, d.Name()))
	s.Produce.Rate = workloads.Rate{PerSecond: stopRate}
	s.Produce.Chunk = 1
	s.Topic.Partitions = 1
	if referenced {
		s.Produce.By = "reference"
	}
	s.Phases.Measure = 2 * time.Second
	return s
}

// blameCases are those of one driver. One without a broker is producer and consumer in
// one process, and has nobody else to blame but the machine. Without a reference
// producer in the table each client produces itself.
func blameCases(d drivers.Driver, table []drivers.Driver) []Case {
	own, referenced := "both-0", false
	used := []drivers.Driver{}
	if !drivers.IsBrokerless(d) {
		own = "consumer-0"
		if i := slices.IndexFunc(table, func(r drivers.Driver) bool { return r.Name() == conduct.Reference }); i >= 0 {
			used, referenced = table[i:i+1], true
		}
	}
	stopped := func(name, process string, j judge) Case {
		return Case{
			Name: "blame " + name, Question: "blame " + name, Driver: d, Spec: blameSpec("blame-"+name, d, referenced), judge: j, weight: waiting, beside: used,
			meddle: &meddle{process, blameLength}, missable: true,
		}
	}
	hogs := func(kind faulty.Kind) Case {
		broken := faulty.Wrap(d, faulty.Fault{Kind: kind, Nth: stopAt, For: blameLength})
		return Case{
			Name: "blame " + string(kind), Question: "blame " + string(kind), Driver: broken, Spec: blameSpec("blame", broken, referenced), judge: noExcuse, weight: timed, beside: used, missable: true,
		}
	}
	machine := stopped("machine", "", machineBlamed)
	machine.weight = room // all others would be late with it
	cases := []Case{
		stopped("client", own, blamed(blame.SourceProcess, own, false)), machine,
		hogs(faulty.Burn), hogs(faulty.Litter),
	}
	if !drivers.IsBrokerless(d) {
		cases = append(cases,
			stopped("broker", theBroker, blamed(blame.SourceBroker, "", true)),
			stopped("supervisor", results.SupervisorProcess, supervisorBlamed))
	}
	if referenced {
		cases = append(cases, stopped("reference", "reference-0", blamed(blame.SourceProcess, "reference-0", true)))
	}
	return cases
}

// meddler launches processes and meddles with them in the measured part.
type meddler struct {
	launch.Launcher
	of meddle

	mu      sync.Mutex
	procs   map[string]launch.Process
	running sync.WaitGroup
	at      results.Interval // when it meddled
	err     error
}

var _ conduct.Progress = (*meddler)(nil)

// Start implements launch.Launcher.
func (m *meddler) Start(ctx context.Context, s launch.Spec) (launch.Process, error) {
	p, err := m.Launcher.Start(ctx, s)
	if err != nil {
		return p, err
	}
	name := theBroker
	if s.Home != "" { // only workers have files
		name = filepath.Base(s.Home)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.procs == nil {
		m.procs = map[string]launch.Process{}
	}
	m.procs[name] = p
	return p, nil
}

// Measuring implements conduct.Progress.
func (m *meddler) Measuring(warmup, measure time.Duration) {
	m.running.Go(func() {
		time.Sleep(warmup + measure/3)
		m.at.From = record.Now()
		if m.of.process == "" {
			m.err = m.crowd()
		} else {
			m.err = m.stop()
		}
		m.at.To = record.Now()
	})
}

// stop stops a process for a while.
func (m *meddler) stop() error {
	m.mu.Lock()
	p := m.procs[m.of.process]
	m.mu.Unlock()
	if p == nil {
		return fmt.Errorf("there is no process %s to stop", m.of.process)
	}
	ctx := context.Background()
	err := p.Signal(ctx, syscall.SIGSTOP)
	time.Sleep(m.of.length)
	return errors.Join(err, p.Signal(ctx, syscall.SIGCONT))
}

// apart conducts a case in a supervisor of its own, which is stopped: this process has
// other cases to conduct. It asks for the same as the case does, on the command line.
func (m *meddler) apart(ctx context.Context, c Case, out string, self []string) (*results.Dir, error) {
	s := c.Spec
	set := []string{
		fmt.Sprintf("topic.partitions=%d", s.Topic.Partitions), "consume.members=1", "produce.by=" + s.Produce.By, "produce.chunk=1",
		fmt.Sprintf("produce.rate=%g/s", s.Produce.Rate.PerSecond), "phases.warmup=" + s.Phases.Warmup.String(), "phases.measure=" + s.Phases.Measure.String(),
	}
	args := append(slices.Clone(self[1:]), "run", "end-to-end", "--rounds", "1", "--client", c.Driver.Name(), "--out", out)
	for _, v := range set {
		args = append(args, "--set", v)
	}
	var said strings.Builder
	p, err := m.Launcher.Start(ctx, launch.Spec{Path: self[0], Args: args, Stderr: &said})
	if err != nil {
		return nil, err
	}
	m.mu.Lock()
	m.procs = map[string]launch.Process{results.SupervisorProcess: p}
	m.mu.Unlock()
	m.running.Go(func() { _, _ = io.Copy(io.Discard, p.Stdout()) })
	m.running.Go(func() {
		// Its producer has a file from when it begins. The harness's own trials come
		// before, and have one process.
		for begun := false; !begun; {
			select {
			case <-p.Done():
				m.err = errors.New("it ended before anything was produced")
				return
			case <-time.After(10 * time.Millisecond):
			}
			files, _ := filepath.Glob(filepath.Join(out, results.TrialsDir, "*", "*", results.DeliveryFile))
			begun = slices.ContainsFunc(files, func(f string) bool {
				return !slices.Contains([]string{"consumer-0", "both-0"}, filepath.Base(filepath.Dir(f)))
			})
		}
		time.Sleep(s.Phases.Warmup + s.Phases.Measure/3)
		m.at.From = record.Now()
		m.err = m.stop()
		m.at.To = record.Now()
	})
	if exit := p.Wait(); !exit.OK() {
		return nil, fmt.Errorf("%s: %s", exit.End(), firstLine(said.String()))
	}
	return results.Open(out)
}

// crowd is how many processes take a processor from everybody else.
const crowd = 32

// crowd takes the machine for a while, with loops of a shell.
func (m *meddler) crowd() error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	for range crowd * runtime.NumCPU() {
		if _, err := m.Launcher.Start(ctx, launch.Spec{Path: "/bin/sh", Args: []string{"-c", "while :; do :; done"}}); err != nil {
			return err
		}
	}
	time.Sleep(m.of.length)
	return nil
}

// Trial implements conduct.Progress, as do Step and Ended: nobody is told.
func (m *meddler) Trial(results.TrialRef, int)                   {}
func (m *meddler) Step(string)                                   {}
func (m *meddler) Ended(results.TrialRef, results.State, string) {}

// latest is the record that was the latest of all, and who has how much of its way.
func (e Evidence) latest() (r Late, by []blame.Share) {
	for p, w := range e.Worst {
		if w.Late() > r.Late() {
			r = Late{w, p}
		}
	}
	if e.Stalls == nil || r.At == 0 {
		return r, nil
	}
	return r, e.Stalls.Have(r.Partition, e.Owners[r.Partition], r.Record)
}

// wrongly is how much others than the right one have of a record's way that is excused by it. What
// others than kbench take of the machine meanwhile is nobody's fault here.
func wrongly(by []blame.Share, right func(blame.Share) bool) (sum int64) {
	for _, s := range by {
		if s.Excuses && s.Source != blame.SourceMachine && !right(s) {
			sum += s.Least
		}
	}
	return sum
}

// blamed expects that a source is blamed for most of its stop, and hardly anybody
// else. Of the broker any node may be it: an embedded one is all of them.
func blamed(source blame.Source, who string, excuses bool) judge {
	return func(e Evidence) (v verdict) {
		v.injected, v.wrong = fmt.Sprintf("%s %s stopped for %s", source, who, blameLength), e.others()
		r, by := e.latest()
		right := func(s blame.Share) bool {
			return s.Source == source && (s.Who == who || who == "") && s.Excuses == excuses
		}
		var found, machine int64
		for _, s := range by {
			if right(s) {
				found += s.Least
			} else if s.Source == blame.SourceMachine {
				machine += s.Least // comes before a broker, and is there beside a stop on a busy one
			}
		}
		v.reported = clip(fmt.Sprintf("record late by %s: %s", round(r.Late()), shares(by)))
		if others := wrongly(by, right); 3*(found+machine) < 2*int64(blameLength) || 3*found < int64(blameLength) || 10*others > r.Late() {
			v.off("%s are blamed on it and %s on others", round(found), round(others))
		}
		return v
	}
}

// supervisorBlamed expects that the supervisor is said to have been suspended, and
// that nobody is blamed for it: no record depends on it.
func supervisorBlamed(e Evidence) (v verdict) {
	v.injected, v.wrong = fmt.Sprintf("the supervisor stopped for %s", blameLength), e.others()
	r, by := e.latest()
	v.reported = clip(fmt.Sprintf("record late by %s: %s", round(r.Late()), shares(by)))
	var found int64
	for _, s := range e.stalls() {
		if s.Source == blame.SourceProcess && s.Who == results.SupervisorProcess && s.Certain.From < e.Meddled.To && s.Certain.To > e.Meddled.From {
			found += s.Certain.Length()
		}
	}
	if others := wrongly(by, func(blame.Share) bool { return false }); 3*found < 2*int64(blameLength) || 10*others > r.Late() && others > blame.Threshold {
		v.off("%s are blamed on it and %s on others", round(found), round(others))
	}
	return v
}

// machineBlamed expects that the machine is blamed, and hardly anybody else.
func machineBlamed(e Evidence) (v verdict) {
	v.injected, v.wrong = fmt.Sprintf("others had the machine for %s", blameLength), e.others()
	r, by := e.latest()
	v.reported = clip(fmt.Sprintf("record late by %s: %s", round(r.Late()), shares(by)))
	found := false
	for _, s := range e.stalls() {
		found = found || s.Source == blame.SourceMachine && s.Certain.From < e.Meddled.To && s.Certain.To > e.Meddled.From
	}
	if others := wrongly(by, func(blame.Share) bool { return false }); !found || 10*others > r.Late() && others > blame.Threshold {
		v.off("the machine is blamed: %t; %s are blamed on others", found, round(others))
	}
	return v
}

// noExcuse expects that nobody is blamed for what the client does itself.
func noExcuse(e Evidence) (v verdict) {
	v.injected, v.wrong = fmt.Sprintf("the client busy with itself for %s", blameLength), e.others()
	r, by := e.latest()
	v.reported = clip(fmt.Sprintf("record late by %s: %s", round(r.Late()), shares(by)))
	if r.Late() < int64(blameLength)*9/10 {
		v.off("the latest record was late by no more than %s", round(r.Late()))
	}
	if others := wrongly(by, func(blame.Share) bool { return false }); 10*others > r.Late() {
		v.off("%s are blamed on others", round(others))
	}
	return v
}

// shares are who has how much, in words.
func shares(by []blame.Share) string {
	words := ""
	for _, s := range by {
		words += fmt.Sprintf("%s %s, ", s.Name(), round(s.Least))
	}
	return words + "the rest the client's"
}
