package worker

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kbench/kbench/drivers"
	"github.com/kbench/kbench/internal/wire"
	"github.com/kbench/kbench/profiles"
	"github.com/kbench/kbench/profiles/capture"
	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/record"
)

// session is everything a worker records with: its files, its tap and the
// boundaries of the trial's parts. Roles share it; the hot paths touch only what
// they took from it beforehand.
type session struct {
	job     Job
	report  *reporter
	events  *record.Events
	spans   *record.Deliveries
	latency *record.Latencies
	tap     *wire.Tap
	link    *links // nil where the workload has none
	log     *os.File
	logMu   sync.Mutex
	ctx     context.Context // ends with the session
	stop    context.CancelFunc
	done    sync.WaitGroup

	looks    atomic.Int32    // how often this process was looked at because it was stuck
	profiles []profiles.Kind // of the measured part
	capture  *capture.Session
	sampler  *capture.Sampler // of the whole of it; nil: no CPU profile, or one without times
	flight   *capture.Flight  // of the whole of it; nil: nobody asked
	spare    []byte           // in the place of a sampler
	note     string           // what is otherwise than asked

	busy atomic.Bool // a member did not close in time, and may go on recording

	ballast atomic.Int64          // live heap without a client
	own     own                   // threads of the harness
	values  atomic.Pointer[arena] // of the generator, if there is one

	measure int64      // when the measured part began
	ends    chan int64 // when an open-ended one ends, once that is known
}

// spanEvery is the grid on which delivery spans are cut: parts of a trial start
// on it, so that counting by span is exact.
const spanEvery = 100 * time.Millisecond

func openSession(ctx context.Context, job Job, report *reporter) (*session, error) {
	if err := os.MkdirAll(job.Dir, 0o755); err != nil {
		return nil, fmt.Errorf("worker directory: %w", err)
	}
	s := &session{job: job, report: report, ends: make(chan int64, 1)}
	ok := false
	defer func() {
		if !ok {
			s.abandon()
		}
	}()
	var err error
	if s.events, err = record.CreateEvents(filepath.Join(job.Dir, results.EventsFile)); err != nil {
		return nil, err
	}
	meta := record.DeliveriesMeta{Run: job.RunTag, Worker: job.Name, Topics: []string{job.Topic}}
	if s.spans, err = record.CreateDeliveries(filepath.Join(job.Dir, results.DeliveryFile), meta); err != nil {
		return nil, err
	}
	if s.latency, err = record.CreateLatencies(filepath.Join(job.Dir, results.LatencyFile), job.Interval); err != nil {
		return nil, err
	}
	if s.log, err = os.Create(filepath.Join(job.Dir, results.ClientLogFile)); err != nil {
		return nil, err
	}
	tlsConfig, err := job.Access.TLSConfig()
	if err != nil {
		return nil, err
	}
	if err = s.startSampler(); err != nil {
		return nil, err
	}
	if err = s.startFlight(); err != nil {
		return nil, err
	}
	s.startLink(tlsConfig != nil)
	tap := wire.Options{Now: record.Now, Emit: s.emit, TLS: tlsConfig}
	if s.link != nil {
		tap.Below = s.link
	}
	s.tap = wire.New(tap)
	ok = true

	s.clockPair()
	s.ctx, s.stop = context.WithCancel(ctx)
	s.done.Go(func() { s.sample(s.ctx) })
	from := record.Now()
	s.done.Go(func() {
		s.own.enter()
		defer s.own.leave()
		Canary(s.ctx, s.job.Spec.Consume.Members, from, s.events.Write)
	})
	return s, nil
}

// startSampler begins to sample CPU time, if that is asked for: before there is a
// client, so that any part can be cut out and the buffers weigh the same throughout.
func (s *session) startSampler() error {
	s.profiles = s.job.Profiles
	if s.job.Ballast > 0 {
		s.spare = make([]byte, s.job.Ballast)
	}
	at := slices.Index(s.profiles, profiles.CPU)
	if at < 0 {
		return nil
	}
	sampler, err := capture.StartSampler(capture.SamplerOptions{
		Dir: s.profileDir(), Worker: s.job.Name, Hz: cmp.Or(s.job.Hz, profiles.DefaultHz), Now: record.Now, CPU: record.CPUTime,
		PprofOnly: os.Getenv(PprofOnly) != "",
	})
	var none *capture.NoTimesError
	if errors.As(err, &none) {
		s.note = none.Error() + ": no part of the CPU profile can be cut out"
		return nil
	}
	s.sampler, s.profiles = sampler, slices.Delete(slices.Clone(s.profiles), at, at+1)
	return err
}

// startFlight keeps the last seconds in memory, if that is asked for.
func (s *session) startFlight() (err error) {
	if at := slices.Index(s.profiles, profiles.Flight); at >= 0 {
		s.profiles = slices.Delete(slices.Clone(s.profiles), at, at+1)
		s.flight, err = capture.StartFlight()
	}
	return err
}

// PprofOnly in the environment of a worker is a switch for tests: samples have no times.
const PprofOnly = "KBENCH_PPROF_ONLY"

func (s *session) profileDir() string { return filepath.Join(s.job.Dir, results.ProfilesDir) }

// env is what the client under test is surrounded by.
func (s *session) env() drivers.Env {
	return drivers.Env{
		Seeds: s.job.Access.Seeds,
		Dial:  s.tap.Dial,
		SASL:  s.job.Access.SASL,
		Log:   s.logLine,
		Fault: s.fault,
	}
}

// fault notes what the client should not have done.
func (s *session) fault(err error) {
	s.logLine(0, "reported: "+err.Error())
	s.events.Write(record.Event{T: record.Now(), K: record.EvError, Error: err.Error()})
}

var levels = [...]string{"ERROR", "WARN", "INFO", "DEBUG"}

func (s *session) logLine(level int, line string) {
	name := levels[min(max(level, 0), len(levels)-1)]
	s.logMu.Lock()
	defer s.logMu.Unlock()
	fmt.Fprintf(s.log, "%d %s %s\n", record.Now(), name, line)
}

// sample writes a Runtime and a clock pair once a second.
func (s *session) sample(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			r := s.runtime()
			s.events.Write(record.Event{T: record.Now(), K: record.EvRuntime, Runtime: &r})
			s.clockPair()
		}
	}
}

// weigh finds what of the heap is the harness's, while there is no client yet. It
// is the same for every client, and so is by how much it makes the collector wait.
func (s *session) weigh() {
	runtime.GC()
	s.ballast.Store(record.SampleRuntime().HeapLive)
}

// runtime is a sample of the process, with the harness's own part of its memory.
func (s *session) runtime() record.Runtime {
	r := record.SampleRuntime()
	r.Ballast, r.Outside = s.ballast.Load(), s.spans.Used()
	r.Own = s.own.used()
	if values := s.values.Load(); values != nil {
		r.Outside += values.used.Load()
	}
	return r
}

func (s *session) clockPair() {
	s.events.Write(record.Event{T: record.Now(), K: record.EvClock, Wall: time.Now().UnixNano()})
}

// phase marks the beginning of a part of the trial: sums of the wire are cut,
// the runtime is sampled, the supervisor is told.
func (s *session) phase(name string) {
	s.tap.Flush()
	if s.link != nil {
		s.link.Flush()
	}
	r := s.runtime()
	at := record.Now()
	s.events.Write(record.Event{T: at, K: record.EvPhase, Phase: name, Runtime: &r})
	s.report.say(Report{Say: PhaseMsg, Phase: name, At: at})
}

// boundaries fixes when the measured part starts and ends for all recorders.
func (s *session) boundaries(measure, end int64) {
	s.measure = measure
	s.spans.SetCuts(measure, int64(spanEvery))
	s.latency.SetPhases(measure, end)
}

// end fixes the end of an open-ended measured part.
func (s *session) end(at int64) {
	s.latency.SetPhases(s.measure, at)
	select {
	case s.ends <- at:
	default: // it is known already
	}
}

// emit takes what the tap saw. The supervisor wants to know of every heartbeat
// at once, since acts are timed by them.
func (s *session) emit(e record.Event) {
	s.events.Write(e)
	if e.K == record.EvRequest && (e.API == int16(kmsg.Heartbeat) || e.API == int16(kmsg.ConsumerGroupHeartbeat)) {
		s.report.say(Report{Say: Beat, At: e.T})
	}
}

// phases walks through the parts of a trial and returns when the measured part
// has ended. An end of 0 is not known yet.
func (s *session) phases(ctx context.Context, c Command) error {
	steps := []struct {
		at   int64
		name string
	}{{c.Warmup, results.PhaseWarmup}, {c.Measure, results.PhaseMeasure}, {c.End, results.PhaseDrain}}
	for _, step := range steps {
		if step.at == 0 {
			select {
			case step.at = <-s.ends:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		if err := record.SleepUntil(ctx, step.at); err != nil {
			return err
		}
		if err := s.enter(step.name); err != nil {
			return err
		}
	}
	return nil
}

// enter begins a part. Profiles cover exactly the measured part; their own work
// at its edges is kept out of the runtime figures.
func (s *session) enter(name string) error {
	switch name {
	case results.PhaseMeasure:
		if len(s.profiles) > 0 {
			c, err := capture.Start(s.profileDir(), s.profiles, map[string]string{
				"client": s.job.Client, "role": string(s.job.Role), "worker": s.job.Name, "workload": s.job.Spec.Name,
			})
			if err != nil {
				return fmt.Errorf("start profiles: %w", err)
			}
			s.capture = c
		}
		s.phase(name)
	case results.PhaseDrain:
		s.phase(name)
		if s.capture != nil {
			err := s.capture.Stop()
			s.capture = nil
			if err != nil {
				return fmt.Errorf("stop profiles: %w", err)
			}
		}
	default:
		s.phase(name)
	}
	return nil
}

// close flushes every file. The client is closed before.
func (s *session) close() error {
	s.stop()
	s.done.Wait()
	if s.capture != nil {
		_ = s.capture.Stop() // the measured part was cut short; what there is is kept
	}
	s.tap.Close()
	if s.link != nil {
		s.link.Close()
	}
	if s.flight != nil {
		s.flight.Stop()
	}
	var first error
	if s.sampler != nil {
		first = s.sampler.Stop()
	}
	runtime.KeepAlive(s.spare)
	latencies := s.latency.Close
	if s.busy.Load() {
		latencies = s.latency.Leave
	}
	for _, err := range []error{s.spans.Err(), s.spans.Close(), latencies(), s.events.Err(), s.events.Close(), s.log.Close()} {
		if err != nil && first == nil {
			first = err
		}
	}
	return first
}

// abandon closes what was opened before opening failed.
func (s *session) abandon() {
	if s.events != nil {
		_ = s.events.Close()
	}
	if s.spans != nil {
		_ = s.spans.Close()
	}
	if s.latency != nil {
		_ = s.latency.Close()
	}
	if s.log != nil {
		_ = s.log.Close()
	}
	if s.sampler != nil {
		_ = s.sampler.Stop()
	}
	if s.flight != nil {
		s.flight.Stop()
	}
}
