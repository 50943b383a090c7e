package launch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"
	"time"
)

// stderrGrace is how long the standard error of an ended process is read on. It
// stays open for as long as a grandchild holds it, which must not keep Wait from
// returning.
const stderrGrace = time.Second

// Local starts processes as children on this host. A child gets a process group
// of its own, so that Ctrl-C in a terminal reaches the supervisor alone. On
// Linux the kernel kills it when this process dies, however it dies, and
// stopped children too.
type Local struct{}

var _ Launcher = Local{}

// Host is this one.
func (Local) Host() Host { return Here{} }

// Start starts a child.
//
// The parent-death signal is sent when the thread that forked ends, not when the
// process does. The goroutine that starts a child is therefore locked to its
// thread and does nothing but wait for that child afterwards. This costs no
// thread: waiting for a child holds one anyway.
func (Local) Start(ctx context.Context, s Spec) (Process, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("start %s: %w", s.Path, err)
	}
	cmd := exec.Command(s.Path, s.Args...)
	cmd.Env, cmd.Dir, cmd.Stderr = s.Env, s.Dir, s.Stderr
	cmd.SysProcAttr = childAttributes(s.EndsItself)
	cmd.WaitDelay = stderrGrace
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", s.Path, err)
	}
	// cmd.StdoutPipe is closed as soon as the child is awaited, which loses what
	// was not read by then.
	stdout, childOut, err := os.Pipe()
	if err != nil {
		_ = stdin.Close()
		return nil, fmt.Errorf("start %s: %w", s.Path, err)
	}
	cmd.Stdout = childOut

	p := &localProcess{cmd: cmd, dir: s.Home, stdin: stdin, stdout: &output{f: stdout}, done: make(chan struct{})}
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := tied(s.CPUs, cmd.Start)
		_ = childOut.Close()
		started <- err
		if err == nil {
			p.await()
		}
	}()
	if err := <-started; err != nil {
		_ = stdout.Close()
		return nil, fmt.Errorf("start %s: %w", s.Path, err)
	}
	go p.endWith(ctx)
	return p, nil
}

type localProcess struct {
	cmd    *exec.Cmd
	dir    string
	stdin  io.WriteCloser
	stdout *output

	done chan struct{}
	exit Exit // set before done is closed

	mu   sync.Mutex
	sent map[syscall.Signal]bool // signals that were sent through Signal
}

func (p *localProcess) Stdin() io.WriteCloser { return p.stdin }
func (p *localProcess) Stdout() io.Reader     { return p.stdout }
func (p *localProcess) PID() int              { return p.cmd.Process.Pid }
func (p *localProcess) Dir() string           { return p.dir }
func (p *localProcess) Done() <-chan struct{} { return p.done }

func (p *localProcess) Wait() Exit {
	<-p.done
	return p.exit
}

// output gives back its file once it was read to the end, so that a supervisor of
// many processes does not keep one open for each.
type output struct {
	f   *os.File
	end error
}

func (o *output) Read(b []byte) (int, error) {
	if o.end != nil {
		return 0, o.end
	}
	n, err := o.f.Read(b)
	if err != nil {
		o.end = err
		_ = o.f.Close()
	}
	return n, err
}

// await blocks until the child has ended and publishes how.
func (p *localProcess) await() {
	err := p.cmd.Wait()
	defer close(p.done)
	state := p.cmd.ProcessState
	if state == nil {
		p.exit = Exit{Code: -1, Err: err}
		return
	}
	// Other errors are about copying standard error: the child's end is known.
	p.exit.Code = state.ExitCode()
	p.exit.CPU = int64(state.UserTime() + state.SystemTime())
	if ws, ok := state.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		p.exit.Signal = ws.Signal()
		p.mu.Lock()
		p.exit.Killed = p.sent[ws.Signal()]
		p.mu.Unlock()
	}
}

// endWith ends the child when ctx is done.
func (p *localProcess) endWith(ctx context.Context) {
	select {
	case <-p.done:
	case <-ctx.Done():
		// It fails only where the child has ended already.
		_ = p.Signal(context.Background(), syscall.SIGKILL)
	}
}

// Signal remembers the signal before it is sent: the child may be gone before
// kill returns.
func (p *localProcess) Signal(ctx context.Context, sig os.Signal) error {
	s, ok := sig.(syscall.Signal)
	if !ok {
		return fmt.Errorf("signal process %d: %v is not a signal of this system", p.PID(), sig)
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("signal process %d: %w", p.PID(), err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	before := p.sent[s]
	if p.sent == nil {
		p.sent = map[syscall.Signal]bool{}
	}
	p.sent[s] = true
	if err := p.cmd.Process.Signal(s); err != nil {
		p.sent[s] = before
		return fmt.Errorf("signal process %d: %w", p.PID(), err)
	}
	return nil
}

// Tail reads the end of a file.
func (p *localProcess) Tail(name string, limit int64) ([]byte, error) {
	return Tail(filepath.Join(p.dir, name), limit)
}

// Tail is the end of a file of this host, at most so many bytes.
func Tail(file string, limit int64) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	from := max(info.Size()-limit, 0)
	return io.ReadAll(io.NewSectionReader(f, from, limit))
}

// Fetch copies where the directories differ: the child's disk is ours.
func (p *localProcess) Fetch(ctx context.Context, from, to string) error {
	src, err := os.Stat(from)
	if err != nil {
		return fmt.Errorf("fetch files of process %d: %w", p.PID(), err)
	}
	if dst, err := os.Stat(to); err == nil && os.SameFile(src, dst) {
		return nil
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("fetch files of process %d: %w", p.PID(), err)
	}
	if err := os.CopyFS(to, cancellable{os.DirFS(from), ctx}); err != nil {
		return fmt.Errorf("fetch files of process %d: %w", p.PID(), err)
	}
	return nil
}

// cancellable is a file system that opens nothing more once its context is done.
type cancellable struct {
	fs.FS
	ctx context.Context
}

func (c cancellable) Open(name string) (fs.File, error) {
	if err := c.ctx.Err(); err != nil {
		return nil, err
	}
	return c.FS.Open(name)
}
