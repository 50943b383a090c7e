// Package launch starts processes, signals them, awaits them and brings their
// files home. It is the one seam between kbench and the hosts its processes run
// on: nothing above it may assume that a process is a local child, shares the
// disk or shares the clock.
//
// Local, which forks on this host, is the only Launcher today. The interfaces
// are shaped so that one that speaks to another host over a byte stream can
// stand in its place: a signal is a request that returns when it was delivered,
// and an end that was not seen (the host is gone) is told apart from an exit.
package launch

import (
	"context"
	"fmt"
	"io"
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/kbench/kbench/results"
)

// Launcher starts processes on a host.
type Launcher interface {
	// Start starts a process and returns once it runs. When ctx is done the
	// process is killed.
	Start(ctx context.Context, s Spec) (Process, error)

	// Host is where they run.
	Host() Host
}

// Spec says what to start.
type Spec struct {
	Path string   // the program; looked up as a shell would when it has no slash
	Args []string // without the program's own name
	Env  []string // KEY=value; nil: the launcher's own environment
	Dir  string   // working directory; empty: the launcher's own

	// Home is the directory on this host that the process's files are to come home
	// to; it must be there. Empty: it leaves none.
	Home string

	// Stderr takes what the process writes to its standard error; nil discards
	// it. It is called from one goroutine.
	Stderr io.Writer

	// CPUs are the processors that it, and whatever it starts, may use; nil: those of the
	// launcher.
	CPUs CPUSet

	// EndsItself says that the process watches its standard input and ends when
	// that does, so that it need not be killed when its parent dies. It is for
	// processes that have something to clean up.
	EndsItself bool
}

// Process is a process that was started.
type Process interface {
	// Stdin is the process's standard input. Closing it is how a process is
	// told that nobody is left to serve.
	Stdin() io.WriteCloser

	// Stdout is the process's standard output. What was written before the
	// process ended can still be read after; read it to its end.
	Stdout() io.Reader

	// PID is the process id on the process's own host.
	PID() int

	// Signal sends a signal and returns when it was delivered. It reports
	// os.ErrProcessDone where the process has ended before.
	Signal(ctx context.Context, sig os.Signal) error

	// Wait returns how the process ended, when it has. Any number of
	// goroutines may wait.
	Wait() Exit

	// Done is closed when Wait would return.
	Done() <-chan struct{}

	// Dir is the directory on the process's host for what it writes, the counterpart
	// of Spec.Home. The launcher has made it.
	Dir() string

	// Tail is the end of a file in Dir, at most so many bytes, also while the process
	// writes it.
	Tail(name string, limit int64) ([]byte, error)

	// Fetch brings the directory from, on the process's host, to the directory
	// to on this one. It does nothing where both are the same directory, and
	// refuses to overwrite files.
	Fetch(ctx context.Context, from, to string) error
}

// Exit says how a process ended. The three ends are kept apart: it exited (by
// itself or by a signal that was not ours), it was killed by us, its host was
// lost.
type Exit struct {
	Code   int            // exit code; -1 where a signal ended the process
	Signal syscall.Signal // the signal that ended it, or 0
	Killed bool           // the signal was sent by us
	Lost   bool           // the host is gone, and how the process ended is not known
	Err    error          // awaiting the process failed; the rest is not known
	CPU    int64          // user plus system time that it had, with the children it awaited, ns; 0 where not known
}

// OK says that the process exited by itself with code 0.
func (e Exit) OK() bool {
	e.CPU = 0
	return e == Exit{}
}

// End is how the process ended as trial.json has it.
func (e Exit) End() results.End {
	switch {
	case e.Lost:
		return results.End{How: results.Lost}
	case e.Err != nil:
		return results.End{How: results.Unknown, Words: "end not known: " + e.Err.Error()}
	case e.Signal == 0:
		return results.End{Code: e.Code}
	}
	end := results.End{How: results.Died, Signal: unix.SignalName(e.Signal)}
	if e.Killed {
		end.How = results.Killed
	}
	if end.Signal == "" {
		end.Signal = fmt.Sprintf("signal %d", int(e.Signal))
	}
	return end
}

func (e Exit) String() string { return e.End().String() }
