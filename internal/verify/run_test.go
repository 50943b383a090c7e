package verify_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/kbench/kbench/drivers"
	"github.com/kbench/kbench/drivers/franzgo"
	"github.com/kbench/kbench/drivers/kafkago"
	"github.com/kbench/kbench/drivers/loopback"
	"github.com/kbench/kbench/drivers/sarama"
	"github.com/kbench/kbench/internal/aside"
	"github.com/kbench/kbench/internal/cluster"
	"github.com/kbench/kbench/internal/conduct"
	"github.com/kbench/kbench/internal/launch"
	"github.com/kbench/kbench/internal/leak"
	"github.com/kbench/kbench/internal/verify"
	"github.com/kbench/kbench/internal/worker"
	"github.com/kbench/kbench/results"
)

// TestMain makes this binary a kbench as far as a supervisor needs one.
func TestMain(m *testing.M) {
	acts := map[string]func(context.Context) error{
		"worker": func(ctx context.Context) error {
			// A worker takes SIGTERM for itself.
			return worker.Main(context.WithoutCancel(ctx), append(table(), verify.Drivers(table())...), aside.Parts(), os.Stdin, os.Stdout)
		},
		"broker": func(ctx context.Context) error {
			return cluster.Serve(ctx, cluster.Options{Log: os.Stderr}, os.Stdin, os.Stdout, true)
		},
	}
	if len(os.Args) < 2 || acts[os.Args[1]] == nil {
		leak.Main(m)
		return
	}
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	err := acts[os.Args[1]](ctx)
	cancel()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func table() []drivers.Driver {
	return []drivers.Driver{franzgo.New(), sarama.New(), kafkago.New(), loopback.New()}
}

// chosen are cases by name and client.
func chosen(t *testing.T, names ...string) []verify.Case {
	t.Helper()
	cases, err := verify.Cases(table())
	if err != nil {
		t.Fatal(err)
	}
	var out []verify.Case
	for _, name := range names {
		i := slices.IndexFunc(cases, func(c verify.Case) bool { return c.Name == name || c.Name+", "+c.Client() == name })
		if i < 0 {
			t.Fatalf("there is no case %s", name)
		}
		out = append(out, cases[i])
	}
	return out
}

// TestRun takes two faults and a stop through everything: processes, raw files,
// rows, judgement. How long the gap of the stop was is no business of a test.
func TestRun(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 8*time.Minute)
	defer cancel()
	var started []string
	cases := chosen(t, "drop", "rewind", "stop 100ms, loopback")
	answers, err := verify.Run(ctx, cases, verify.Options{
		Out: t.TempDir(), Launcher: launch.Local{}, Self: []string{os.Args[0]},
		Started: func(c verify.Case) { started = append(started, c.Name) },
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(started) != len(cases) || len(answers) != len(cases) {
		t.Fatalf("%d started and %d answered of %d", len(started), len(answers), len(cases))
	}
	for i, a := range answers {
		if a.Case.Name != cases[i].Name {
			t.Errorf("answer %d is to %s, not to %s", i, a.Case.Name, cases[i].Name)
		}
		if i < 2 && !a.OK() {
			t.Errorf("%s, %s: injected %s, reported %s: %q", a.Case.Name, a.Case.Client(), a.Injected, a.Reported, a.Wrong)
		}
		if _, err := results.Open(a.Run); err != nil {
			t.Error(err)
		}
	}
	// 84, where the machine let the producer send all that was due.
	n := 0
	if a := answers[0]; a.Reported != fmt.Sprintf("audit.lost %d", first(a.Injected, &n)) || n == 0 || n > 84 {
		t.Errorf("injected %s, reported %s", a.Injected, a.Reported)
	}
	if a := answers[2]; !strings.HasPrefix(a.Injected, "a stop of ") || !strings.HasPrefix(a.Reported, "gap ") {
		t.Errorf("injected %s, reported %s: %q", a.Injected, a.Reported, a.Wrong)
	}
}

// first is the number that a text begins with.
func first(text string, n *int) int {
	_, _ = fmt.Sscan(text, n)
	return *n
}

// TestInterrupt: what is interrupted gives no verdict.
func TestInterrupt(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	answers, err := verify.Run(ctx, chosen(t, "stop 8s, loopback", "drop"), verify.Options{
		Out: t.TempDir(), Launcher: launch.Local{}, Self: []string{os.Args[0]}, Started: func(verify.Case) { cancel() },
	})
	if !errors.Is(err, conduct.ErrInterrupted) || answers != nil {
		t.Errorf("%d answers and %v", len(answers), err)
	}
}
