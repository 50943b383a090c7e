package cli_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kbench/kbench/cmd/kbench/cli"
)

// hang is how long a test waits for what should come at once before it says that it
// does not come.
const hang = 3 * time.Minute

// TestFirstSignalEnds: a command that only reads and prints is in the middle of that
// when a signal comes. It prints more than its pipe holds, and nobody reads on.
func TestFirstSignalEnds(t *testing.T) {
	hangups()
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
		for _, args := range [][]string{{"schema"}, {"list", "metrics"}, {"plan", "churn-join", "--full"}} {
			t.Run(fmt.Sprint(unix.SignalName(sig), args), func(t *testing.T) {
				r, w, err := os.Pipe()
				if err != nil {
					t.Fatal(err)
				}
				defer r.Close()
				if _, err := unix.FcntlInt(w.Fd(), unix.F_SETPIPE_SZ, os.Getpagesize()); err != nil {
					t.Fatal(err)
				}
				cmd := exec.Command("kbench", args...)
				cmd.Stdout = w
				if err := cmd.Start(); err != nil {
					t.Fatal(err)
				}
				_ = w.Close()
				if _, err := io.ReadFull(r, make([]byte, 1)); err != nil {
					t.Fatal(err)
				}
				ended(t, cmd, sig, cli.ExitInterrupted)
			})
		}
	}
}

// ended sends a signal, and holds how the process ends against what it should.
func ended(t *testing.T, cmd *exec.Cmd, sig syscall.Signal, code int) {
	t.Helper()
	if err := cmd.Process.Signal(sig); err != nil {
		t.Fatal(err)
	}
	awaited(t, cmd, code)
}

// awaited waits for a process and holds its exit code against what it should be.
func awaited(t *testing.T, cmd *exec.Cmd, code int) {
	t.Helper()
	late := time.AfterFunc(hang, func() { _ = cmd.Process.Kill() })
	_ = cmd.Wait() // the code tells
	if !late.Stop() {
		t.Fatal("it had to be killed")
	}
	if got := cmd.ProcessState.ExitCode(); got != code {
		t.Errorf("it ended with %d (%s), want %d", got, cmd.ProcessState, code)
	}
}

// TestNobodyListens: the terminal of a run is closed. It ends in good order, and one
// that was started to outlive its terminal goes on to its end, as one does whose output
// goes to a program that has ended.
func TestNobodyListens(t *testing.T) {
	hangups()
	for _, c := range []struct {
		name, measure, command string
		open                   func(*testing.T) (theirs, ours *os.File)
		code                   int
		state                  string
	}{
		{"hangup", "5m", `exec "$@"`, terminal, cli.ExitInterrupted, "interrupted"},
		{"nohup", "2s", `trap "" HUP; exec "$@"`, terminal, cli.ExitOK, "complete"},
		{"pipe", "2s", `exec "$@"`, pipe, cli.ExitOK, "complete"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, filepath.Join(dir, "w.yaml"), "name: w\ntopic: {partitions: 2}\nproduce: {rate: 2000/s}\nconsume: {members: 1}\nphases: {warmup: 0s, measure: "+c.measure+", drain: 10s}\n")
			master, slave := c.open(t)
			cmd := exec.Command("sh", "-c", c.command, "sh", "kbench", "run", "w.yaml", "--client", "loopback", "--out", "out")
			cmd.Dir, cmd.Stdin, cmd.Stdout, cmd.Stderr = dir, slave, slave, slave
			cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: c.name != "pipe"}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			_ = slave.Close()
			read := make(chan []byte)
			go func() {
				var seen bytes.Buffer
				_, _ = io.Copy(&seen, master) // until it is closed
				read <- seen.Bytes()
			}()
			awaitFile(t, filepath.Join(dir, "out/trials/001-*/both-0/deliveries.bin"))
			_ = master.Close()
			seen := <-read
			awaited(t, cmd, c.code)
			run, err := os.ReadFile(filepath.Join(dir, "out/run.json"))
			if err != nil || !strings.Contains(string(run), `"state": "`+c.state+`"`) {
				t.Errorf("run.json is not %s (%v); it had said %s", c.state, err, seen)
			}
			if _, err := os.Stat(filepath.Join(dir, "out/summary.json")); err != nil {
				t.Error("no results were written:", err)
			}
		})
	}
}

func pipe(t *testing.T) (read, write *os.File) {
	t.Helper()
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	return read, write
}

// terminal is a terminal and its other end.
func terminal(t *testing.T) (master, slave *os.File) {
	t.Helper()
	fd, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		t.Skip("this system has no terminals:", err)
	}
	master = os.NewFile(uintptr(fd), "ptmx") // not blocking, so that a close ends a read
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	slave, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	return master, slave
}

func awaitFile(t *testing.T, pattern string) {
	t.Helper()
	for limit := time.Now().Add(hang); ; time.Sleep(10 * time.Millisecond) {
		if found, _ := filepath.Glob(pattern); len(found) > 0 {
			return
		}
		if time.Now().After(limit) {
			t.Fatalf("%s did not come", pattern)
		}
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestSecondSignalEnds: a run whose broker hangs ends in good order in some seconds, and
// at once when it is interrupted again. No process of it is left.
func TestSecondSignalEnds(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "w.yaml"), "name: w\ntopic: {partitions: 2}\nproduce: {rate: 500/s}\nconsume: {members: 1}\nphases: {warmup: 0s, measure: 5m, drain: 10s}\n")
	cmd := exec.Command("kbench", "run", "w.yaml", "--client", "franz-go", "--nodes", "1", "--out", "out")
	cmd.Dir = dir
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	cmd.Stderr = w
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = w.Close()
	awaitFile(t, filepath.Join(dir, "out/trials/001-*/producer-0/deliveries.bin"))
	all := children(t, cmd.Process.Pid)
	for _, pid := range all {
		_ = syscall.Kill(pid, syscall.SIGSTOP) // the broker among them
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	said := bufio.NewReader(r)
	for line := ""; !strings.Contains(line, "it ends in good order, and at once if interrupted again"); {
		if line, err = said.ReadString('\n'); err != nil {
			t.Fatal("it did not say that it heard:", err)
		}
	}
	ended(t, cmd, syscall.SIGINT, cli.ExitInterrupted)
	if rest, _ := io.ReadAll(said); strings.Contains(string(rest), "is kept") {
		t.Skip("the machine was so slow that it had ended in good order")
	}
	for _, pid := range all {
		awaitGone(t, pid)
	}
}

// TestAttachedNodeDies: one of three nodes of the cluster that a run is attached to dies,
// and the others serve on. The trial fails, says which node answers nobody, and keeps
// the figures that it had until then.
func TestAttachedNodeDies(t *testing.T) {
	if os.Getenv("KBENCH_KAFKA") == "" {
		t.Skip("starts Apache Kafka: needs a JDK and Maven (or KAFKA_HOME) and KBENCH_KAFKA=1")
	}
	broker := exec.Command("kbench", "broker", "--broker", "kafka", "--nodes", "3")
	stdout, err := broker.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := broker.Start(); err != nil {
		t.Fatal(err)
	}
	defer awaited(t, broker, cli.ExitFailed) // a node died
	defer broker.Process.Signal(os.Interrupt)
	lines, addr := bufio.NewScanner(stdout), ""
	for addr == "" && lines.Scan() {
		if strings.HasPrefix(lines.Text(), "127.0.0.1:") {
			addr = lines.Text()
		}
	}
	go func() { _, _ = io.Copy(io.Discard, stdout) }()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "w.yaml"), "name: w\ntopic: {partitions: 6, replication: 3}\nproduce: {rate: 500/s}\nconsume: {members: 1}\nphases: {warmup: 0s, measure: 30s, drain: 60s}\n")
	cmd := exec.Command("kbench", "run", "w.yaml", "--client", "franz-go", "--brokers", addr, "--out", "out")
	cmd.Dir = dir
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	awaitFile(t, filepath.Join(dir, "out/trials/001-*/producer-0/deliveries.bin"))
	nodes := children(t, broker.Process.Pid)
	if err := syscall.Kill(nodes[len(nodes)-1], syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	awaited(t, cmd, cli.ExitFailed)
	text := said.String()
	for _, want := range []string{"cannot be reached", "cut off  franz-go, trial 1: failed after ", "send to ack, p50", "so far   franz-go, trial 1: due "} {
		if !strings.Contains(text, want) {
			t.Errorf("it does not say %q:\n%s", want, text)
		}
	}
}

// children are the processes that a process has started.
func children(t *testing.T, pid int) (all []int) {
	t.Helper()
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, file := range stats {
		text, err := os.ReadFile(file)
		_, rest, _ := strings.Cut(string(text), ") ")
		var state string
		var parent, child int
		if _, serr := fmt.Sscan(rest, &state, &parent); err != nil || serr != nil || parent != pid {
			continue
		}
		if _, err := fmt.Sscan(string(text), &child); err == nil {
			all = append(all, child)
		}
	}
	if len(all) < 3 {
		t.Fatalf("process %d has the children %v", pid, all)
	}
	return all
}

// awaitGone waits until a process is no more, or nobody has taken note of its end yet.
func awaitGone(t *testing.T, pid int) {
	t.Helper()
	for limit := time.Now().Add(hang); ; time.Sleep(10 * time.Millisecond) {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil || strings.Contains(string(text), ") Z ") {
			return
		}
		if time.Now().After(limit) {
			_ = syscall.Kill(pid, syscall.SIGKILL)
			t.Fatalf("process %d lives on", pid)
		}
	}
}
