package capture

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kbench/kbench/profiles"
)

// NoTimesError says why samples with times are not to be had in this process. A CPU
// profile is: that of runtime/pprof, of which no part can be cut out.
type NoTimesError struct{ Why string }

func (e *NoTimesError) Error() string { return "CPU samples have no times: " + e.Why }

// flushEvery is how often samples go to the file: what a worker that is killed loses.
const flushEvery = 200 * time.Millisecond

// SamplerOptions say what a Sampler is of. All but PprofOnly are needed.
type SamplerOptions struct {
	Dir    string // of profiles; it is created
	Worker string
	Hz     int
	Now    func() int64 // the clock that the times are to be of
	CPU    func() int64 // the CPU time of this process so far, ns

	PprofOnly bool // as if samples with times were not to be had
}

// Sampler writes the CPU samples of this process, with their times, to a file as they
// come (profiles.RawFile). There is one in a process, and while it is there
// pprof.StartCPUProfile must not be called: it would wait for ever.
type Sampler struct {
	o     SamplerOptions
	f     *os.File
	w     *profiles.RawWriter
	ahead int64 // of the runtime's clock
	stop  chan struct{}
	done  chan struct{}
	err   error // of writing; after done

	mu     sync.Mutex
	others map[*profiles.RawWriter]bool // that take the samples too
}

// Ballast is what a Sampler has on the heap: the buffer of the runtime, its labels and
// a block of the file. It makes the garbage collector wait, so a process that is to be
// compared with one that is sampled holds as much.
const Ballast = 1<<20 + 128<<10 + 64<<10

// The runtime has one buffer of samples: taken says that somebody has it, and current
// that it is this Sampler.
var (
	taken   atomic.Bool
	current atomic.Pointer[Sampler]
)

// pokeEntry is where poke begins, by which its samples are known.
var pokeEntry = reflect.ValueOf(poke).Pointer()

// StartSampler begins to sample. The error is a *NoTimesError where this Go, or this
// system, has no samples with times.
func StartSampler(o SamplerOptions) (*Sampler, error) {
	if !haveRaw || o.PprofOnly {
		why := fmt.Sprintf("this kbench does not know how to read them under %s on %s", runtime.Version(), runtime.GOOS)
		if o.PprofOnly {
			why = "runtime/pprof was asked for"
		}
		return nil, &NoTimesError{why}
	}
	if !taken.CompareAndSwap(false, true) {
		return nil, errors.New("this process is sampled already")
	}
	s := &Sampler{o: o, stop: make(chan struct{}), done: make(chan struct{}), others: map[*profiles.RawWriter]bool{}}
	if err := s.start(); err != nil {
		if s.f != nil {
			s.f.Close()
			os.Remove(s.f.Name())
		}
		taken.Store(false)
		return nil, err
	}
	current.Store(s)
	go s.run()
	return s, nil
}

func (s *Sampler) start() error {
	if err := os.MkdirAll(s.o.Dir, 0o755); err != nil {
		return fmt.Errorf("directory for profiles: %w", err)
	}
	var err error
	if s.f, err = os.OpenFile(filepath.Join(s.o.Dir, profiles.RawFile), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644); err != nil {
		return fmt.Errorf("create raw samples: %w", err)
	}
	before := s.o.Now()
	runtime.SetCPUProfileRate(s.o.Hz)
	after := s.o.Now()
	data, _, eof := readProfile()
	if len(data) != 3 || data[0] != 3 || data[2] != uint64(s.o.Hz) {
		runtime.SetCPUProfileRate(0)
		for !eof {
			_, _, eof = readProfile()
		}
		return &NoTimesError{fmt.Sprintf("%s does not keep them as it did", runtime.Version())}
	}
	// The clocks are the same where the runtime's fits in between the two readings.
	if began := int64(data[1]); began < before || began > after {
		s.ahead = began - (before + (after-before)/2)
	}
	s.w, err = profiles.NewRawWriter(s.f, s.meta(before), symbol)
	if err != nil {
		runtime.SetCPUProfileRate(0)
		s.rest()
		return err
	}
	s.w.Tick(before, s.o.CPU())
	return nil
}

// meta is of samples from now on.
func (s *Sampler) meta(now int64) profiles.RawMeta {
	return profiles.RawMeta{Worker: s.o.Worker, Program: program(), Go: runtime.Version(), Hz: s.o.Hz, Start: now, Wall: time.Now().UnixNano()}
}

// run reads until the runtime says that this is all.
func (s *Sampler) run() {
	defer close(s.done)
	tick := time.NewTicker(flushEvery)
	defer tick.Stop()
	for {
		select {
		case <-s.stop:
			now, cpu := s.o.Now(), s.o.CPU()
			s.rest()
			s.w.Tick(now, cpu)
			s.w.End()
			s.flush()
			return
		case <-tick.C:
			now, cpu := s.o.Now(), s.o.CPU()
			s.upToNow()
			s.w.Tick(now, cpu)
			s.flush()
		}
	}
}

// upToNow takes all samples of the past.
func (s *Sampler) upToNow() {
	poke()
	for {
		data, _, eof := readProfile()
		if s.take(data) || eof {
			return
		}
	}
}

// rest takes what is left when sampling has ended, or waits until it has.
func (s *Sampler) rest() {
	for {
		data, _, eof := readProfile()
		if s.w != nil {
			s.take(data)
		}
		if eof {
			return
		}
	}
}

// take writes samples, and says whether a poke was among them, which is none.
func (s *Sampler) take(data []uint64) (poked bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(data) >= 3 && data[0] >= 3 && data[0] <= uint64(len(data)) {
		t, count, stack := int64(data[1])-s.ahead, data[2], data[3:data[0]]
		data = data[data[0]:]
		switch {
		case count == 0 && len(stack) == 1:
			s.w.Lost(t, int64(stack[0]))
		case isPoke(stack):
			poked = true
		default:
			s.w.Sample(t, stack, int64(count))
			for w := range s.others {
				w.Sample(t, stack, int64(count))
			}
		}
	}
	for w := range s.others {
		_ = w.Flush() // into memory; a block that is not ended grows beyond what is read
	}
	return poked
}

// flush writes to the file. After the first error nothing is written any more, since
// what names something that is missing could not be read.
func (s *Sampler) flush() {
	if s.err == nil {
		s.err = s.w.Flush()
	} else {
		s.w.Drop()
	}
}

// Stop ends the sampling. It is called once.
func (s *Sampler) Stop() error {
	current.Store(nil)
	close(s.stop)
	runtime.SetCPUProfileRate(0)
	<-s.done
	taken.Store(false)
	return errors.Join(s.err, s.f.Close())
}

// longest is for how long during can take samples that a profile still has room for, with
// every processor at work.
func (s *Sampler) longest() time.Duration {
	return profiles.MostSamples / time.Duration(s.o.Hz*runtime.NumCPU()) * time.Second
}

// during is a profile of what is sampled from now on for some time, or until ctx ends.
func (s *Sampler) during(ctx context.Context, d time.Duration) (*profiles.Slice, error) {
	var kept bytes.Buffer
	from := s.o.Now()
	w, err := profiles.NewRawWriter(&kept, s.meta(from), symbol)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	s.others[w] = true
	s.mu.Unlock()
	wait := time.NewTimer(d)
	defer wait.Stop()
	select {
	case <-wait.C:
	case <-ctx.Done():
	case <-s.done:
	}
	to := s.o.Now()
	// What was sampled until now comes with the next tick.
	select {
	case <-time.After(flushEvery + flushEvery/2):
	case <-s.done:
	}
	s.mu.Lock()
	delete(s.others, w)
	s.mu.Unlock()
	w.Tick(to, 0)
	if err := w.Flush(); err != nil {
		return nil, err
	}
	raw, err := profiles.DecodeRaw(&kept)
	if err != nil {
		return nil, err
	}
	return profiles.Build("live", profiles.Cut{Raw: raw, Windows: []profiles.Window{{From: from, To: to}}})
}

// isPoke says whether a stack is that of poke.
func isPoke(stack []uint64) bool {
	const deep = 8 // the system call is a few frames above it
	for _, pc := range stack[:min(len(stack), deep)] {
		if f := runtime.FuncForPC(uintptr(pc) - 1); f != nil && f.Entry() == pokeEntry {
			return true
		}
	}
	return false
}

// symbol says what is at an address of a stack: one frame, since the runtime lists
// the inlined ones too.
func symbol(pc uint64) profiles.Frame {
	frame, _ := runtime.CallersFrames([]uintptr{uintptr(pc)}).Next()
	f := profiles.Frame{PC: pc, Function: frame.Function, File: frame.File, Line: frame.Line}
	if f.Function == "" {
		f.Function = fmt.Sprintf("0x%x", pc)
	}
	// Where a function begins is what a compiler that is given the profile goes by. The
	// runtime tells only its own packages by a name.
	if begins := reflect.ValueOf(frame).FieldByName("startLine"); begins.IsValid() && begins.CanInt() {
		f.Begins = int(begins.Int())
	}
	return f
}

// program is the name of the program that runs.
func program() string {
	path, err := os.Executable()
	if err != nil {
		return "kbench"
	}
	return filepath.Base(path)
}
