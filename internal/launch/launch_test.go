package launch

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/kbench/kbench/internal/leak"
)

// TestMain makes this test binary the program that the tests start: its second
// argument says what to be.
func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == "act" {
		os.Exit(act(os.Args[2], os.Args[3:]))
	}
	leak.Main(m)
}

func act(what string, args []string) int {
	switch what {
	case "exit":
		code, _ := strconv.Atoi(args[0])
		fmt.Println("out")
		fmt.Fprintln(os.Stderr, "err")
		return code
	case "cat": // until the input ends
		_, _ = io.Copy(os.Stdout, os.Stdin)
		return 0
	case "stubborn": // ends when it is killed
		// Stopped processes whose parent dies are sent SIGHUP: that must not be
		// what ends this one.
		signal.Ignore(syscall.SIGTERM, syscall.SIGHUP)
		fmt.Println("ready")
		time.Sleep(time.Hour)
	case "polite": // ends cleanly when it is asked to
		asked := make(chan os.Signal, 1)
		signal.Notify(asked, syscall.SIGTERM)
		fmt.Println("ready")
		<-asked
		return 7
	case "group":
		fmt.Println(syscall.Getpgrp() == os.Getpid())
		return 0
	case "supervise": // starts a child, stops it, tells its pid and waits
		p, err := Local{}.Start(context.Background(), self("stubborn"))
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		awaitReady(p)
		if err := p.Signal(context.Background(), syscall.SIGSTOP); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		fmt.Println(p.PID())
		time.Sleep(time.Hour)
	}
	return 99
}

// self is this test binary in one of the roles of act.
func self(args ...string) Spec {
	return Spec{Path: os.Args[0], Args: append([]string{"act"}, args...), Stderr: os.Stderr}
}

func start(t *testing.T, s Spec) Process {
	t.Helper()
	p, err := Local{}.Start(context.Background(), s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = p.Signal(context.Background(), syscall.SIGKILL)
		p.Wait()
	})
	return p
}

func awaitReady(p Process) string {
	line, _ := bufio.NewReader(p.Stdout()).ReadString('\n')
	return strings.TrimSpace(line)
}

func TestExits(t *testing.T) {
	for _, code := range []int{0, 3} {
		var stderr bytes.Buffer
		s := self("exit", strconv.Itoa(code))
		s.Stderr = &stderr
		p := start(t, s)
		var waiters sync.WaitGroup
		for range 3 {
			waiters.Go(func() {
				if got := p.Wait(); got != (Exit{Code: code, CPU: got.CPU}) || got.CPU <= 0 {
					t.Errorf("ended as %+v, want code %d and its CPU", got, code)
				}
			})
		}
		waiters.Wait()
		<-p.Done()
		// What was written before the end is still there.
		out, err := io.ReadAll(p.Stdout())
		if string(out) != "out\n" || err != nil {
			t.Errorf("output %q, %v", out, err)
		}
		if n, err := p.Stdout().Read(make([]byte, 1)); n != 0 || err != io.EOF {
			t.Errorf("reading past the end: %d, %v; want EOF again", n, err)
		}
		if stderr.String() != "err\n" {
			t.Errorf("standard error %q", stderr.String())
		}
		if err := p.Signal(context.Background(), syscall.SIGKILL); !errors.Is(err, os.ErrProcessDone) {
			t.Errorf("signal after the end: %v, want os.ErrProcessDone", err)
		}
		if got := p.Wait(); got.Killed {
			t.Errorf("%+v: a signal that came too late counts as ours", got)
		}
	}
}

func TestSignals(t *testing.T) {
	t.Run("ours", func(t *testing.T) {
		p := start(t, self("stubborn"))
		if got := awaitReady(p); got != "ready" {
			t.Fatalf("said %q", got)
		}
		if err := p.Signal(context.Background(), syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		if got := p.Wait().String(); got != "killed by kbench: SIGKILL" {
			t.Errorf("ended: %s", got)
		}
	})
	t.Run("another's", func(t *testing.T) {
		p := start(t, self("stubborn"))
		awaitReady(p)
		if err := p.Signal(context.Background(), syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
		if err := syscall.Kill(p.PID(), syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		if got := p.Wait().String(); got != "died: SIGKILL" {
			t.Errorf("ended: %s", got)
		}
	})
	t.Run("not sent", func(t *testing.T) {
		p := start(t, self("stubborn"))
		awaitReady(p)
		done, cancel := context.WithCancel(context.Background())
		cancel()
		if err := p.Signal(done, syscall.SIGKILL); !errors.Is(err, context.Canceled) {
			t.Errorf("signal with a context that is done: %v", err)
		}
		if err := syscall.Kill(p.PID(), 0); err != nil {
			t.Errorf("the process is gone: %v", err)
		}
	})
}

func TestContextEndsProcess(t *testing.T) {
	for _, role := range []string{"polite", "stubborn"} {
		ctx, cancel := context.WithCancel(context.Background())
		s := self(role)
		p, err := Local{}.Start(ctx, s)
		if err != nil {
			t.Fatal(err)
		}
		awaitReady(p)
		cancel()
		if got, want := p.Wait().String(), "killed by kbench: SIGKILL"; got != want {
			t.Errorf("%s: %s, want %s", role, got, want)
		}
		if _, err := (Local{}).Start(ctx, s); !errors.Is(err, context.Canceled) {
			t.Errorf("start with a context that is done: %v", err)
		}
	}
}

func TestStdin(t *testing.T) {
	p := start(t, self("cat"))
	if _, err := io.WriteString(p.Stdin(), "one\ntwo\n"); err != nil {
		t.Fatal(err)
	}
	if err := p.Stdin().Close(); err != nil {
		t.Fatal(err)
	}
	out, err := io.ReadAll(p.Stdout())
	if string(out) != "one\ntwo\n" || err != nil {
		t.Errorf("output %q, %v", out, err)
	}
	if got := p.Wait(); !got.OK() {
		t.Errorf("ended: %s", got)
	}
}

func TestOwnProcessGroup(t *testing.T) {
	p := start(t, self("group"))
	if got := awaitReady(p); got != "true" {
		t.Errorf("leads a process group of its own: %q, want true", got)
	}
}

func TestStartFails(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "missing")
	_, err := Local{}.Start(context.Background(), Spec{Path: missing})
	if !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), missing) {
		t.Errorf("start of what does not exist: %v", err)
	}
}

func TestFetch(t *testing.T) {
	p := start(t, self("cat"))
	from, to := t.TempDir(), filepath.Join(t.TempDir(), "to")
	if err := os.MkdirAll(filepath.Join(from, "deep"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(from, "deep", "file"), []byte("text"), 0o644); err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	if err := p.Fetch(ctx, from, to); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(filepath.Join(to, "deep", "file")); string(text) != "text" {
		t.Errorf("fetched %q, %v", text, err)
	}
	if err := p.Fetch(ctx, from, to); !errors.Is(err, os.ErrExist) {
		t.Errorf("fetched over existing files: %v", err)
	}
	if err := p.Fetch(ctx, from, from+"/."); err != nil {
		t.Errorf("fetch of a directory to itself: %v", err)
	}
	done, cancel := context.WithCancel(ctx)
	cancel()
	if err := p.Fetch(done, from, to+"2"); !errors.Is(err, context.Canceled) {
		t.Errorf("fetch with a context that is done: %v", err)
	}
	if err := p.Fetch(ctx, from+"/none", to); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("fetch of what does not exist: %v", err)
	}
}

func TestExitString(t *testing.T) {
	for _, c := range []struct {
		exit Exit
		want string
	}{
		{Exit{}, "exited 0"},
		{Exit{Code: 2}, "exited 2"},
		{Exit{Code: -1, Signal: syscall.SIGKILL, Killed: true}, "killed by kbench: SIGKILL"},
		{Exit{Code: -1, Signal: syscall.SIGSEGV}, "died: SIGSEGV"},
		{Exit{Code: -1, Signal: 99}, "died: signal 99"},
		{Exit{Lost: true}, "host lost"},
		{Exit{Code: -1, Err: errors.New("no child")}, "end not known: no child"},
	} {
		if got := c.exit.String(); got != c.want {
			t.Errorf("%+v is %q, want %q", c.exit, got, c.want)
		}
		if got, want := c.exit.OK(), c.want == "exited 0"; got != want {
			t.Errorf("%s: OK is %v", c.want, got)
		}
	}
}
