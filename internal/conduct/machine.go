package conduct

import (
	"encoding/json"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/kbench/kbench/internal/launch"
	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/record"
)

// sampler writes what the host and the processes of a trial use, once a second and
// whenever a part of the trial begins.
type sampler struct {
	host launch.Host
	file *os.File

	mu    sync.Mutex
	procs map[string]int // on the host
	stop  chan struct{}
	done  sync.WaitGroup
}

func startSampler(host launch.Host, trialDir string) (*sampler, error) {
	f, err := os.Create(filepath.Join(trialDir, results.MachineFile))
	if err != nil {
		return nil, err
	}
	s := &sampler{host: host, file: f, procs: make(map[string]int), stop: make(chan struct{})}
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
	s.done.Wait()
	s.sample()
	return s.file.Close()
}
