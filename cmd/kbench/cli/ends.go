package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"sync"
	"syscall"
)

// ends is what signals end. A command that only reads and prints ends at the first
// one. One that has something to bring to an end in good order says so, and ends at
// the second.
type ends struct {
	signals chan os.Signal

	mu     sync.Mutex
	cancel context.CancelFunc // of what is brought to an end; nil: nothing has to be
}

// listen has the signals that end kbench sent here. One that was started to outlive
// its terminal (nohup) does.
func (e *ends) listen() (stop func()) {
	e.signals = make(chan os.Signal, 2)
	signal.Notify(e.signals, os.Interrupt, syscall.SIGTERM)
	if !signal.Ignored(syscall.SIGHUP) {
		signal.Notify(e.signals, syscall.SIGHUP)
	}
	return func() { signal.Stop(e.signals) }
}

// leave leaves signals to a worker, which ends when its supervisor does and takes
// SIGTERM for the wish that it leave its group.
func (e *ends) leave() {
	signal.Ignore(os.Interrupt, syscall.SIGHUP)
	signal.Stop(e.signals)
}

// until runs a command until it has ended, or until a signal ends it. What goes on
// then ends with the process.
func (a *app) until(command func() int) int {
	code := make(chan int, 1)
	go func() { code <- command() }()
	for {
		select {
		case c := <-code:
			return c
		case <-a.ends.signals:
			if !a.ends.first() {
				fmt.Fprintln(a.errOut, "kbench: interrupted")
				return ExitInterrupted
			}
		}
	}
}

// first says whether something takes this signal for the wish to end in good order.
func (e *ends) first() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.cancel == nil {
		return false
	}
	e.cancel()
	e.cancel = nil
	return true
}

// inOrder is for a command that has something to bring to an end in good order: until
// done is called, the first signal ends the context that it returns. From here on
// nobody has to hear what kbench says: an output that was closed, as that of a terminal
// that is gone, ends nothing.
func (a *app) inOrder(ctx context.Context) (_ context.Context, done func()) {
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	ctx, cancel := context.WithCancel(ctx)
	a.ends.mu.Lock()
	a.ends.cancel = cancel
	a.ends.mu.Unlock()
	return ctx, func() {
		a.ends.mu.Lock()
		a.ends.cancel = nil
		a.ends.mu.Unlock()
		cancel()
	}
}

// unheard says that an error is of an output to which nobody listens any more: a pipe
// that was closed, or a terminal.
func unheard(w io.Writer, err error) bool {
	if errors.Is(err, syscall.EPIPE) {
		return true
	}
	f, ok := w.(*os.File)
	if !ok || !errors.Is(err, syscall.EIO) {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
