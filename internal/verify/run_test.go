package verify_test

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/kbench/kbench/drivers"
	"github.com/kbench/kbench/drivers/franzgo"
	"github.com/kbench/kbench/drivers/kafkago"
	"github.com/kbench/kbench/drivers/loopback"
	"github.com/kbench/kbench/drivers/sarama"
	"github.com/kbench/kbench/internal/cluster"
	"github.com/kbench/kbench/internal/launch"
	"github.com/kbench/kbench/internal/verify"
	"github.com/kbench/kbench/internal/worker"
)

// TestMain makes this binary a kbench as far as a supervisor needs one.
func TestMain(m *testing.M) {
	acts := map[string]func(context.Context) error{
		"worker": func(ctx context.Context) error {
			return worker.Main(ctx, append(table(), verify.Drivers(table())...), os.Stdin, os.Stdout)
		},
		"broker": func(ctx context.Context) error {
			return cluster.Serve(ctx, cluster.Options{Log: os.Stderr}, os.Stdin, os.Stdout, true)
		},
	}
	if len(os.Args) < 2 || acts[os.Args[1]] == nil {
		goleak.VerifyTestMain(m)
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
// rows, judgement.
func TestRun(t *testing.T) {
	names := []string{"drop", "corrupt", "stop 100ms, loopback"}
	if more := os.Getenv("VCASES"); more != "" {
		names = splitComma(more)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	answers, err := verify.Run(ctx, chosen(t, names...), verify.Options{Out: t.TempDir(), Launcher: launch.Local{}, Self: []string{os.Args[0]}})
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range answers {
		t.Logf("%s | %s | %s | %s | %q", a.Case.Name, a.Case.Client(), a.Injected, a.Reported, a.Wrong)
		if !a.OK() {
			t.Errorf("wrong")
		}
	}
}
func splitComma(s string) []string {
	var out []string
	for len(s) > 0 {
		i := 0
		for i < len(s) && s[i] != ';' {
			i++
		}
		out = append(out, s[:i])
		s = s[min(i+1, len(s)):]
	}
	return out
}
