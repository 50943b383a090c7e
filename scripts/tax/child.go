package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/kbench/kbench/internal/launch"
)

// child is a process that reads JSON lines and answers with JSON lines, as both
// sides of a pair do. M is what it says.
type child[M any] struct {
	p      launch.Process
	said   chan M // closed when its output ends
	bad    error  // a line that could not be read; set before said is closed
	stderr string // path
}

// start runs this program with the given arguments and hands it its job.
func start[M any](ctx context.Context, dir string, args []string, job any) (*child[M], error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program: %w", err)
	}
	c := &child[M]{said: make(chan M, 1024), stderr: filepath.Join(dir, "stderr.txt")}
	errFile, err := os.Create(c.stderr)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", args[0], err)
	}
	defer errFile.Close()
	c.p, err = launch.Local{}.Start(ctx, launch.Spec{Path: self, Args: args, Env: environment(), Stderr: errFile})
	if err != nil {
		return nil, err
	}
	go c.listen()
	if err := c.send(job); err != nil {
		return nil, errors.Join(fmt.Errorf("hand over the job: %w", err), c.end())
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

func (c *child[M]) listen() {
	defer close(c.said)
	lines := bufio.NewScanner(c.p.Stdout())
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var m M
		if err := json.Unmarshal(lines.Bytes(), &m); err != nil {
			c.bad = fmt.Errorf("unexpected output %.80q: %w", lines.Text(), err)
			_, _ = io.Copy(io.Discard, c.p.Stdout()) // so that the child does not block
			return
		}
		c.said <- m
	}
}

func (c *child[M]) send(v any) error {
	line, err := json.Marshal(v)
	if err != nil {
		return err
	}
	_, err = c.p.Stdin().Write(append(line, '\n'))
	return err
}

// next returns what the child says next. It fails when the child ends or says
// nothing for longer than limit.
func (c *child[M]) next(ctx context.Context, limit time.Duration) (M, error) {
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
		return none, fmt.Errorf("process %d %s%s", c.p.PID(), c.p.Wait(), c.tail())
	case <-timer.C:
		return none, fmt.Errorf("process %d said nothing for %s%s", c.p.PID(), limit, c.tail())
	case <-ctx.Done():
		return none, context.Cause(ctx)
	}
}

// tail is the end of what the child wrote to its standard error.
func (c *child[M]) tail() string {
	data, err := os.ReadFile(c.stderr)
	if err != nil || len(data) == 0 {
		return ""
	}
	return ":\n" + string(data[max(0, len(data)-2000):])
}

// endGrace is what a child is given to close its client once its input has ended.
const endGrace = 15 * time.Second

// end closes the child's input, which ends it, and makes sure that it is gone.
func (c *child[M]) end() error {
	_ = c.p.Stdin().Close()
	go func() {
		for range c.said { // what it still says is of no interest
		}
	}()
	select {
	case <-c.p.Done():
		return nil
	case <-time.After(endGrace):
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := c.p.Signal(ctx, syscall.SIGKILL); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("kill process %d: %w", c.p.PID(), err)
	}
	<-c.p.Done()
	return fmt.Errorf("process %d did not end within %s and was killed%s", c.p.PID(), endGrace, c.tail())
}

// ok says that the child has ended by itself and without an error.
func (c *child[M]) ok() bool {
	select {
	case <-c.p.Done():
		return c.p.Wait().OK()
	case <-time.After(endGrace):
		return false // its output ended, but it did not
	}
}
