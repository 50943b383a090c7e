package conduct

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/kbench/kbench/internal/launch"
	"github.com/kbench/kbench/internal/worker"
	"github.com/kbench/kbench/results"
)

// process is a worker as the supervisor sees it.
type process struct {
	job   worker.Job
	plan  []results.PlanLine // where its settings are not those of the trial
	p     launch.Process
	home  string       // where its files come to
	clock launch.Clock // of its host; all times here are ours
	fail  func(error)  // is told when it ends or breaks on its own, or falls silent

	mu    sync.Mutex
	last  map[string]worker.Report   // by what was said
	pages map[int64]chan worker.Page // by request, of those under way; nil: it says no more
	asks  int64                      // requests so far
	asked []results.Asked
	heard time.Time
	news  chan struct{} // closed and replaced at each report
	ended bool          // done was said, or it was told to end: an exit is expected
	quiet bool          // it was stopped on purpose: it need not be heard of
}

// startProcess starts a worker and gives it its job. Its files are to come home to
// a directory.
func startProcess(ctx context.Context, l launch.Launcher, program, env []string, cpus launch.CPUSet, home string, job worker.Job, fail func(error)) (*process, error) {
	if err := os.MkdirAll(home, 0o755); err != nil {
		return nil, fmt.Errorf("worker directory: %w", err)
	}
	w := &process{
		job: job, home: home, clock: l.Host().Clock(), fail: fail, last: make(map[string]worker.Report), pages: make(map[int64]chan worker.Page), heard: time.Now(), news: make(chan struct{}),
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	errFile, err := os.Create(w.stderr())
	if err != nil {
		return nil, fmt.Errorf("worker %s: %w", job.Name, err)
	}
	// A trial that ends early ends its workers itself, with time to save what
	// they recorded; the launcher would kill them at once.
	w.p, err = l.Start(context.WithoutCancel(ctx), launch.Spec{
		Path: program[0], Args: append(program[1:len(program):len(program)], "worker"), Env: env, Home: home, CPUs: cpus, Stderr: errFile,
	})
	if err != nil {
		_ = errFile.Close()
		return nil, fmt.Errorf("start worker %s: %w", job.Name, err)
	}
	w.job.Dir = w.p.Dir()
	go w.listen(errFile)
	if err := launch.Send(w.p, w.job); err != nil {
		return w, fmt.Errorf("worker %s: hand over its job: %w", job.Name, err)
	}
	return w, nil
}

// tell sends a command, to one worker or to several. A worker knows no clock but
// its host's.
func (w *process) tell(c worker.Command) error {
	if err := launch.Send(w.p, c.On(w.clock.Ahead)); err != nil {
		return fmt.Errorf("worker %s: %w", w.job.Name, err)
	}
	return nil
}

func tell(ws []*process, c worker.Command) error {
	for _, w := range ws {
		if err := w.tell(c); err != nil {
			return err
		}
	}
	return nil
}

// listen reads what the worker says until it ends. Until then the launcher may
// write to its standard error.
func (w *process) listen(stderr io.Closer) {
	sc := bufio.NewScanner(w.p.Stdout())
	sc.Buffer(nil, 16<<20)
	for sc.Scan() {
		var m worker.Report
		if err := json.Unmarshal(sc.Bytes(), &m); err != nil {
			w.fail(fmt.Errorf("worker %s said something that is not a report: %.80q", w.job.Name, sc.Text()))
			continue
		}
		if m.Say == worker.PageMsg {
			w.page(m.Page)
			continue
		}
		if m.At != 0 {
			m.At -= w.clock.Ahead
		}
		w.mu.Lock()
		key := m.Say
		if m.Say == worker.PhaseMsg {
			key += " " + m.Phase
		}
		w.last[key], w.heard = m, time.Now()
		if m.Say == worker.Done {
			w.ended = true
		}
		close(w.news)
		w.news = make(chan struct{})
		w.mu.Unlock()
		if m.Say == worker.Failed {
			w.fail(fmt.Errorf("worker %s: %s%s", w.job.Name, m.Error, w.tail()))
		}
	}
	w.noMorePages()
	exit := w.p.Wait()
	_ = stderr.Close()
	w.mu.Lock()
	expected := w.ended
	w.mu.Unlock()
	if !expected {
		w.fail(fmt.Errorf("worker %s (pid %d) %s in the middle of the trial%s", w.job.Name, w.p.PID(), exit, w.tail()))
	}
}

// stderr is where its standard error goes, which the launcher hands us.
func (w *process) stderr() string { return filepath.Join(w.home, "stderr.txt") }

// tail is the end of what the worker and its client logged.
func (w *process) tail() string {
	const limit = 64 << 10
	said, _ := launch.Tail(w.stderr(), limit) // what is not there has no end
	logged, _ := w.p.Tail(results.ClientLogFile, limit)
	return endOf(filepath.Base(w.stderr()), said) + endOf(results.ClientLogFile, logged)
}

// endOf shows the last lines of a file.
func endOf(name string, data []byte) string {
	if len(data) == 0 {
		return ""
	}
	lines := strings.Split(strings.TrimRight(string(data), "\n"), "\n")
	out := "\n  end of " + name + ":"
	for _, l := range lines[max(0, len(lines)-8):] {
		if len(l) > 300 {
			l = l[:300] + "..."
		}
		out += "\n    " + l
	}
	return out
}

// fetch brings the files of a worker that has ended home.
func (w *process) fetch(limit time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	if err := w.p.Fetch(ctx, w.p.Dir(), w.home); err != nil {
		return fmt.Errorf("worker %s: %w", w.job.Name, err)
	}
	return nil
}

// await waits until the worker has said something.
func (w *process) await(ctx context.Context, say string, limit time.Duration) (worker.Report, error) {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	for {
		w.mu.Lock()
		m, ok := w.last[say]
		news := w.news
		w.mu.Unlock()
		if ok {
			return m, nil
		}
		select {
		case <-ctx.Done():
			return m, context.Cause(ctx)
		case <-timer.C:
			return m, fmt.Errorf("worker %s (pid %d) was not %s within %s%s", w.job.Name, w.p.PID(), say, limit, w.tail())
		case <-news:
		}
	}
}

// forget is for a report that comes more than once: the next one is awaited.
func (w *process) forget(say string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.last, say)
}

func (w *process) report(say string) (worker.Report, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	m, ok := w.last[say]
	return m, ok
}

// silence is how long the worker has said nothing.
func (w *process) silence() time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ended || w.quiet {
		return 0
	}
	return time.Since(w.heard)
}

// heardNow gives the worker its time to speak anew.
func (w *process) heardNow() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.heard = time.Now()
}

// pause says whether the worker is stopped on purpose.
func (w *process) pause(on bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.quiet, w.heard = on, time.Now()
}

func (w *process) paused() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.quiet
}

func (w *process) expectEnd() {
	w.mu.Lock()
	w.ended = true
	w.mu.Unlock()
}

// endLimit is for how long a process that has nothing left to do may take to end: far
// longer than it needs, since on a busy machine it took more than 20 s to hear of it.
const endLimit = time.Minute

// doing is what a process that should have ended is doing, where this host knows.
func (w *process) doing() string {
	if state := launch.State(w.p.PID()); w.clock.Host == "" && state != "" {
		return "; its threads (state, and where in the kernel each waits): " + state
	}
	return ""
}

// finish waits for a worker that was told to close.
func (w *process) finish(ctx context.Context, limit time.Duration) error {
	if _, err := w.await(ctx, worker.Done, limit); err != nil {
		return err
	}
	_ = w.p.Stdin().Close()
	select {
	case <-w.p.Done():
	case <-time.After(endLimit):
		return fmt.Errorf("worker %s (pid %d) was done but did not end within %s%s", w.job.Name, w.p.PID(), endLimit, w.doing())
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if e := w.p.Wait(); !e.OK() {
		return fmt.Errorf("worker %s (pid %d) %s%s", w.job.Name, w.p.PID(), e, w.tail())
	}
	return nil
}

// end makes sure that the process is gone: its input ends, then it is killed.
func (w *process) end(grace time.Duration) error {
	w.expectEnd()
	if _, err := launch.End(w.p, grace); err != nil {
		return fmt.Errorf("worker %s: %w", w.job.Name, err)
	}
	return nil
}

// row is what trial.json keeps of a worker.
func (w *process) row() results.Worker {
	r := results.Worker{Name: w.job.Name, Role: w.job.Role, Client: w.job.Client, Host: w.clock.Host, PID: w.p.PID(), Exit: results.End{How: results.Running}}
	if m, ok := w.report(worker.Ready); ok {
		r.Runtime = m.Runtime
	}
	w.mu.Lock()
	r.Asked = slices.Clone(w.asked)
	w.mu.Unlock()
	select {
	case <-w.p.Done():
		r.Exit = w.p.Wait().End()
	default:
	}
	return r
}
