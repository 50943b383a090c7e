package cli_test

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"

	"github.com/kbench/kbench/cmd/kbench/cli"
	"github.com/kbench/kbench/drivers/faulty"
	"github.com/kbench/kbench/drivers/franzgo"
	"github.com/kbench/kbench/drivers/kafkago"
	"github.com/kbench/kbench/drivers/loopback"
	"github.com/kbench/kbench/drivers/sarama"
	"github.com/kbench/kbench/internal/launch"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"kbench": func() { cli.Main(franzgo.New(), sarama.New(), kafkago.New(), loopback.New()) },
		"mine":   Example,
		// Two drivers of which one is planted at half the speed of the other.
		"planted": func() {
			cli.Main(franzgo.New(), loopback.New(), paced{loopback.New(), "whole", 4 * time.Millisecond}, paced{loopback.New(), "half", 8 * time.Millisecond})
		},
		// A driver with a fault that is counted, so that what it comes to is known.
		"known": func() {
			cli.Main(franzgo.New(), faulty.Wrap(loopback.New(), faulty.Fault{Kind: faulty.Duplicate, Nth: 7}))
		},
	})
}

// hangups has processes that are started hear a hangup: where the tests are run under
// nohup, which ignores it, they would ignore it, too.
func hangups() {
	if signal.Ignored(unix.SIGHUP) {
		signal.Notify(make(chan os.Signal, 1), unix.SIGHUP)
	}
}

// TestScript runs every subcommand as its user does, in processes of their own.
// Beside testscript's own commands the scripts have
//
//	exits CODE COMMAND...      the command ends with exactly this code
//	refused PATTERN ARG...     kbench ends with 2, says what matches, and starts nothing
//	interrupted [-SIGNAL] FILE[=TEXT] ARG...
//	                           kbench gets a SIGINT, or the other, once FILE is there, and ends with 130
//	served PATTERN LINK ARG... kbench serves a page that matches and links to what begins so, which is
//	                           there; it gets a SIGINT, and ends with 0
//	broker ARG...              a kbench broker in the background; $BROKER is its address
//	endbroker                  it gets a SIGINT, and ends with 0
//	theirs                     topics and groups of others on it, and a consumer at work
//	listing FILE               all that is on it, into a file
//	same FILE                  it is again as it was
//	awaits FILE                the file is there
//	commits GROUP              somebody has committed for the group
//	until PATTERN ARG...       kbench says what matches, if not at once
//	runid VARIABLE DIRECTORY   the name of a run
//	nights DIR NIGHTS*COST[/COST]...
//	                           runs of which summaries are left; see there
func TestScript(t *testing.T) {
	hangups()
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exits, "refused": refused, "interrupted": interrupted, "served": served, "broker": broker, "endbroker": endBroker,
			"theirs": theirs, "listing": listing, "same": same, "awaits": awaits, "commits": commits, "until": until, "runid": runID, "nights": nights,
		},
		Condition: func(cond string) (bool, error) {
			if cond == "kafka" {
				return os.Getenv("KBENCH_KAFKA") != "", nil
			}
			return false, fmt.Errorf("there is no condition %s", cond)
		},
		Setup: func(e *testscript.Env) error {
			e.Values[brokerKey{}] = &brokerProcess{}
			return toolchain(e)
		},
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
	})
}

// toolchain lets scripts build workers with other versions of a client: with what is on
// this machine, and into a cache of their own. $CPU is a processor that they may use.
func toolchain(e *testscript.Env) error {
	out, err := exec.Command("go", "env", "GOCACHE", "GOMODCACHE", "GOPROXY").Output()
	if err != nil {
		return fmt.Errorf("go env: %w", err)
	}
	env := strings.Split(strings.TrimSpace(string(out)), "\n")
	for name, module := range map[string]string{"SARAMA": "github.com/IBM/sarama", "KAFKAGO": "github.com/segmentio/kafka-go"} {
		dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", module).Output()
		if err != nil {
			return fmt.Errorf("go list: %w", err)
		}
		e.Vars = append(e.Vars, name+"="+strings.TrimSpace(string(dir)))
	}
	if _, allowed, err := launch.CPUs(); err == nil {
		e.Vars = append(e.Vars, "CPU="+launch.CPUSet(allowed[:1]).String())
	}
	e.Vars = append(e.Vars, "GOCACHE="+env[0], "GOMODCACHE="+env[1], "GOPROXY="+env[2], "XDG_CACHE_HOME="+filepath.Join(e.WorkDir, ".cache"))
	return nil
}

func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	if got := exitCode(ts, ts.Exec(args[1], args[2:]...)); got != want {
		ts.Fatalf("it ended with %d, want %d", got, want)
	}
}

// exitCode is that of a command that ran.
func exitCode(ts *testscript.TestScript, err error) int {
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		ts.Fatalf("it did not run: %v", err)
	}
	if err == nil {
		return 0
	}
	return exit.ExitCode()
}

func refused(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 {
		ts.Fatalf("usage: refused PATTERN ARG...")
	}
	exits(ts, false, append([]string{"2", "kbench"}, args[1:]...))
	if out := ts.ReadFile("stdout"); out != "" {
		ts.Fatalf("it printed a result: %s", out)
	}
	said := ts.ReadFile("stderr")
	if !regexp.MustCompile(`(?m)` + args[0]).MatchString(said) {
		ts.Fatalf("it does not say %q", args[0])
	}
	if strings.Contains(said, "seed") && strings.Contains(said, "trial") {
		ts.Fatalf("it announced a run")
	}
	if _, err := os.Stat(ts.MkAbs("runs")); err == nil {
		ts.Fatalf("it made a run directory")
	}
}

func interrupted(ts *testscript.TestScript, neg bool, args []string) {
	sig := unix.SIGINT
	if name, named := strings.CutPrefix(args[0], "-"); named {
		sig, args = unix.SignalNum(name), args[1:]
	}
	if neg || len(args) < 2 || sig == 0 {
		ts.Fatalf("usage: interrupted [-SIGNAL] FILE[=TEXT] ARG...")
	}
	file, text, _ := strings.Cut(args[0], "=")
	there := func() bool {
		found, _ := filepath.Glob(ts.MkAbs(file))
		return slices.ContainsFunc(found, func(path string) bool {
			data, _ := os.ReadFile(path) // a directory has no text
			return strings.Contains(string(data), text)
		})
	}
	cmd := command(ts, args[1:])
	stdout, err := os.Create(ts.MkAbs("interrupted.stdout"))
	ts.Check(err)
	defer stdout.Close()
	stderr, err := os.Create(ts.MkAbs("interrupted.stderr"))
	ts.Check(err)
	defer stderr.Close()
	cmd.Stdout, cmd.Stderr = stdout, stderr
	ts.Check(cmd.Start())
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	limit := time.After(3 * time.Minute)
	for !there() {
		select {
		case err := <-ended:
			ts.Fatalf("%s did not come; it ended by itself with %d:\n%s", args[0], exitCode(ts, err), ts.ReadFile("interrupted.stderr"))
		case <-limit:
			_ = cmd.Process.Kill()
			<-ended
			ts.Fatalf("%s did not come; it had said:\n%s", args[0], ts.ReadFile("interrupted.stderr"))
		case <-time.After(20 * time.Millisecond):
		}
	}
	ts.Check(cmd.Process.Signal(sig))
	if got := exitCode(ts, <-ended); got != cli.ExitInterrupted {
		ts.Fatalf("it ended with %d, want %d:\n%s", got, cli.ExitInterrupted, ts.ReadFile("interrupted.stderr"))
	}
}

// command is kbench in the script's directory and environment.
func command(ts *testscript.TestScript, args []string) *exec.Cmd {
	path, err := exec.LookPath("kbench")
	ts.Check(err)
	cmd := exec.Command(path, args...)
	cmd.Dir, cmd.Stderr = ts.MkAbs("."), os.Stderr
	cmd.Env = append(os.Environ(), "HOME="+ts.Getenv("HOME"), "TMPDIR="+ts.Getenv("TMPDIR"))
	if cache, err := os.UserCacheDir(); err == nil {
		cmd.Env = append(cmd.Env, "XDG_CACHE_HOME="+cache) // Apache Kafka is there, and is not fetched for each script
	}
	return cmd
}

// brokerKey is where a script keeps its broker.
type brokerKey struct{}

type brokerProcess struct {
	cmd  *exec.Cmd
	done bool
}

func broker(ts *testscript.TestScript, neg bool, args []string) {
	if neg {
		ts.Fatalf("usage: broker ARG...")
	}
	cmd := command(ts, append([]string{"broker"}, args...))
	out, err := cmd.StdoutPipe()
	ts.Check(err)
	ts.Check(cmd.Start())
	b := ts.Value(brokerKey{}).(*brokerProcess)
	b.cmd = cmd
	ts.Defer(func() {
		if !b.done {
			_ = cmd.Process.Signal(syscall.SIGTERM)
			_ = cmd.Wait()
		}
	})
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if text := lines.Text(); strings.HasPrefix(text, "127.0.0.1:") {
			ts.Setenv("BROKER", text)
			return
		}
	}
	ts.Fatalf("the broker ended without an address")
}

func endBroker(ts *testscript.TestScript, neg bool, args []string) {
	b := ts.Value(brokerKey{}).(*brokerProcess)
	if neg || b.cmd == nil || len(args) > 0 {
		ts.Fatalf("usage: endbroker, after broker")
	}
	b.done = true
	ts.Check(b.cmd.Process.Signal(os.Interrupt))
	if got := exitCode(ts, b.cmd.Wait()); got != cli.ExitOK {
		ts.Fatalf("the broker ended with %d, want 0", got)
	}
}
