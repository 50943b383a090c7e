// Package sides starts the processes of the two sides that a script compares, by
// running this program again, and watches them from outside. What a process does
// is told by its arguments and its first line of input: package bare and kbench
// itself are the two.
package sides

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/kbench/kbench/internal/cluster"
	"github.com/kbench/kbench/internal/launch"
)

// Self starts this program with other arguments. What it writes to its standard
// error is added to a file.
func Self(ctx context.Context, stderr string, args ...string) (launch.Process, error) {
	path, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program: %w", err)
	}
	f, err := os.OpenFile(stderr, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", args[0], err)
	}
	defer f.Close()
	return launch.Local{}.Start(ctx, launch.Spec{Path: path, Args: args, Env: environment(), Stderr: f})
}

// Broker starts a broker by running this program again. stop must be called when
// there was no error; its own says that the broker did not end in good order.
func Broker(ctx context.Context, o cluster.Options) (c *cluster.Cluster, stop func() error, err error) {
	path, err := os.Executable()
	if err != nil {
		return nil, nil, fmt.Errorf("find this program: %w", err)
	}
	c, err = cluster.Start(ctx, o, launch.Local{}, []string{path, "broker"})
	return c, func() error {
		end, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		return c.Stop(end)
	}, err
}

// Child is a process that reads JSON lines and answers with JSON lines. M is what
// it says.
type Child[M any] struct {
	launch.Process
	said   chan M // closed when its output ends
	bad    error  // a line that could not be read; set before said is closed
	stderr string // path
}

// Start runs this program in a role and hands it its job.
func Start[M any](ctx context.Context, stderr, role string, job any) (*Child[M], error) {
	p, err := Self(ctx, stderr, role)
	if err != nil {
		return nil, err
	}
	c := &Child[M]{Process: p, said: make(chan M, 1024), stderr: stderr}
	go c.listen()
	if err := launch.Send(p, job); err != nil {
		return nil, errors.Join(fmt.Errorf("hand over the job: %w", err), c.End())
	}
	return c, nil
}

// environment is this process's with the runtime's knobs at their defaults, so
// that both sides run under the same ones.
func environment() []string {
	var env []string
	for _, kv := range os.Environ() {
		switch key, _, _ := strings.Cut(kv, "="); key {
		case "GOMAXPROCS", "GOGC", "GOMEMLIMIT", "GODEBUG", "GOTRACEBACK":
		default:
			env = append(env, kv)
		}
	}
	return append(env, "GOGC=100")
}

func (c *Child[M]) listen() {
	defer close(c.said)
	lines := bufio.NewScanner(c.Stdout())
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var m M
		if err := json.Unmarshal(lines.Bytes(), &m); err != nil {
			c.bad = fmt.Errorf("unexpected output %.80q: %w", lines.Text(), err)
			_, _ = io.Copy(io.Discard, c.Stdout()) // so that the child does not block
			return
		}
		c.said <- m
	}
}

// Next returns what the child says next. It fails when the child ends or says
// nothing for longer than limit.
func (c *Child[M]) Next(ctx context.Context, limit time.Duration) (M, error) {
	var none M
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case m, ok := <-c.said:
		if ok {
			return m, nil
		}
		if c.bad != nil {
			return none, c.bad
		}
		return none, fmt.Errorf("process %d %s%s", c.PID(), c.Wait(), c.Tail())
	case <-timer.C:
		return none, fmt.Errorf("process %d said nothing for %s%s", c.PID(), limit, c.Tail())
	case <-ctx.Done():
		return none, context.Cause(ctx)
	}
}

// Tail is the end of what the child wrote to its standard error.
func (c *Child[M]) Tail() string { return Tail(c.stderr) }

// Tail is the end of what a process wrote to its standard error.
func Tail(stderr string) string {
	data, err := launch.Tail(stderr, 2000)
	if err != nil || len(data) == 0 {
		return ""
	}
	return ":\n" + string(data)
}

// endGrace is what a child is given to close its client once its input has ended.
const endGrace = 30 * time.Second

// End closes the child's input, which ends it, and makes sure that it is gone.
func (c *Child[M]) End() error {
	go func() {
		for range c.said { // what it still says is of no interest
		}
	}()
	if killed, err := launch.End(c.Process, endGrace); !killed || err != nil {
		return err
	}
	return fmt.Errorf("process %d did not end within %s and was killed%s", c.PID(), endGrace, c.Tail())
}

// OK says that the child has ended by itself and without an error.
func (c *Child[M]) OK() bool {
	select {
	case <-c.Done():
		return c.Wait().OK()
	case <-time.After(endGrace):
		return false // its output ended, but it did not
	}
}

// Watch calls sample every so often, from this process, which is otherwise idle,
// so that neither side pays for it. It ends when stop is called, which waits.
func Watch(every time.Duration, sample func()) (stop func()) {
	end := make(chan struct{})
	var done sync.WaitGroup
	done.Go(func() {
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			select {
			case <-end:
				return
			case <-tick.C:
				sample()
			}
		}
	})
	return func() {
		close(end)
		done.Wait()
	}
}
