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

// sampleEvery is long beside the 10 ms in which the kernel counts, and short beside a
// pause. Where it is exceeded by far, the supervisor stood still.
const sampleEvery = 100 * time.Millisecond

// sampler writes what the host and the processes of a trial use, every sampleEvery
// and whenever a part of the trial begins.
//
// It has a canary too: when the supervisor itself is suspended, no sample tells.
type sampler struct {
	host   launch.Host
	file   *os.File
	events *record.Events

	mu    sync.Mutex
	procs map[string]watched
	ours  account
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
	s := &sampler{host: host, file: f, events: events, procs: make(map[string]watched), stop: make(chan struct{})}
	ctx, quiet := context.WithCancel(context.Background())
	s.quiet = quiet
	from := record.Now()
	s.done.Go(func() { worker.Canary(ctx, 0, from, events.Write) })
	s.done.Go(func() {
		t := time.NewTicker(sampleEvery)
		defer t.Stop()
		for n := 0; ; n++ {
			select {
			case <-s.stop:
				return
			case <-t.C:
				if n%s.stride() == 0 {
					s.sample()
				}
			}
		}
	})
	return s, nil
}

// stride is how many intervals lie between two samples: of a large group, whose
// samples are long and take long, there are fewer.
func (s *sampler) stride() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return 1 + len(s.procs)/25
}

// watched is a process by its id on the host. One that the trial started tells what it
// had used when it has ended; a node of the broker has nobody to tell.
type watched struct {
	pid   int
	child launch.Process
}

// watch adds a process; it stays in the samples until it is gone.
func (s *sampler) watch(name string, w watched) {
	s.mu.Lock()
	s.procs[name] = w
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
	pids, ended := make(map[string]int, len(s.procs)), map[string]int64{}
	for name, w := range s.procs {
		if cpu, over := w.used(); over {
			ended[name] = cpu
			delete(s.procs, name)
		} else {
			pids[name] = w.pid
		}
	}
	m := s.host.Sample(pids)
	if ns, ok := launch.OwnCPU(); ok {
		m.Procs[results.SupervisorProcess] = ns
	}
	if ns, ok := launch.ProcessWaited(os.Getpid()); ok && m.Waited != nil {
		m.Waited[results.SupervisorProcess] = ns
	}
	m.Ours = s.ours.add(m.Procs, ended)
	line, err := json.Marshal(m)
	if err == nil {
		_, _ = s.file.Write(append(line, '\n')) // a missing sample shows in the file; it is no reason to end a trial
	}
}

// used is what a child that has ended had used.
func (w watched) used() (cpu int64, over bool) {
	if w.child == nil {
		return 0, false
	}
	select {
	case <-w.child.Done():
		return w.child.Wait().CPU, true
	default:
		return 0, false
	}
}

// account adds up what the processes of a trial use, those that end included. Other
// trials may run beside it: it knows its own by name.
type account struct {
	seen map[string]int64 // of each, what it had used when it was last read
	sum  int64
}

// add takes a reading of those that live and of those that have ended since the last,
// and returns the sum since the first. What a worker had used when it is first seen
// belongs to the trial; what the broker and the supervisor had does not. Of one that is
// in neither the end is still to be told. One that has used less than before is another
// process, a node of the broker that an act has started again, and all that it used counts.
func (a *account) add(procs, ended map[string]int64) int64 {
	if a.seen == nil {
		a.seen = make(map[string]int64, len(procs))
	}
	for name, now := range procs {
		was, seen := a.seen[name]
		if now < was {
			was = 0
		}
		if older := results.IsBrokerProcess(name) || name == results.BrokerParent || name == results.SupervisorProcess; seen || !older {
			a.sum += max(now-was, 0)
		}
		a.seen[name] = now
	}
	for name, now := range ended {
		a.sum += max(now-a.seen[name], 0)
		delete(a.seen, name)
	}
	return a.sum
}

func (s *sampler) close() error {
	close(s.stop)
	s.quiet()
	s.done.Wait()
	s.sample()
	return errors.Join(s.file.Close(), s.events.Err(), s.events.Close())
}
