package conduct

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/kbench/kbench/internal/launch"
	"github.com/kbench/kbench/internal/worker"
	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/record"
)

// sampler writes what the host and the processes of a trial use, once a second and
// whenever a part of the trial begins.
//
// It has a canary too: when the supervisor itself is suspended, no sample tells.
type sampler struct {
	host   launch.Host
	file   *os.File
	events *record.Events

	mu    sync.Mutex
	procs map[string]int // on the host
	stop  chan struct{}
	quiet context.CancelFunc // ends the canary
	done  sync.WaitGroup
}

func startSampler(host launch.Host, trialDir string) (*sampler, error) {
	f, err := os.Create(filepath.Join(trialDir, results.MachineFile))
	if err != nil {
		return nil, err
	}
	events, err := record.CreateEvents(filepath.Join(trialDir, results.SupervisorFile))
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	s := &sampler{host: host, file: f, events: events, procs: make(map[string]int), stop: make(chan struct{})}
	ctx, quiet := context.WithCancel(context.Background())
	s.quiet = quiet
	from := record.Now()
	s.done.Go(func() { worker.Canary(ctx, 0, from, events.Write) })
	s.done.Go(func() {
		t := time.NewTicker(time.Second)
		defer t.Stop()
		for {
			select {
			case <-s.stop:
				return
			case <-t.C:
				s.sample()
			}
		}
	})
	return s, nil
}

// watch adds a process; it stays in the samples until it is gone.
func (s *sampler) watch(name string, pid int) {
	s.mu.Lock()
	s.procs[name] = pid
	s.mu.Unlock()
}

// sampleAt takes a sample at a moment of the monotonic clock to come.
func (s *sampler) sampleAt(at int64) {
	s.done.Go(func() {
		select {
		case <-s.stop:
		case <-time.After(time.Duration(at - record.Now())):
			s.sample()
		}
	})
}

func (s *sampler) sample() {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := s.host.Sample(s.procs)
	if ns, ok := launch.OwnCPU(); ok {
		m.Procs[results.SupervisorProcess] = ns
	}
	line, err := json.Marshal(m)
	if err == nil {
		_, _ = s.file.Write(append(line, '\n')) // a missing sample shows in the file; it is no reason to end a trial
	}
}

func (s *sampler) close() error {
	close(s.stop)
	s.quiet()
	s.done.Wait()
	s.sample()
	return errors.Join(s.file.Close(), s.events.Err(), s.events.Close())
}
