package cli

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kbench/kbench/drivers/loopback"
	"github.com/kbench/kbench/drivers/sarama"
	"github.com/kbench/kbench/results"
)

// inProcess runs kbench without a process of its own.
func inProcess(args ...string) (code int, out, errOut string) {
	var o, e bytes.Buffer
	code = Run(args, strings.NewReader(""), &o, &e, sarama.New(), loopback.New())
	return code, o.String(), e.String()
}

// TestMessages: what a document or an argument says is shown, not obeyed, and no
// message is longer than a person reads.
func TestMessages(t *testing.T) {
	path := filepath.Join(t.TempDir(), "w.yaml")
	f := func(doc, want string, args ...string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(doc), 0o600); err != nil {
			t.Fatal(err)
		}
		code, out, said := inProcess(append([]string{"plan", path}, args...)...)
		if code != ExitUsage || !strings.Contains(said, want) || out != "" {
			t.Errorf("code %d, want %q in %.1000q", code, want, said)
		}
		if strings.ContainsAny(said, "\x1b\a\u009b\u202e") || len(said) > 20_000 {
			t.Errorf("%d bytes: %.1000q", len(said), said)
		}
	}
	f("name: x\n\"\\e]0;owned\\a\": 1\n", `w.yaml:2:1: \u001b]0;owned\u0007: is not a field`)
	f("name: x\n\"\\u202eevil\": 1\n", `\u202eevil: is not a field`)
	f("name: x\n", `--set \u009b31m=1: \u009b31m: is not the path of a field`, "--set", "\u009b31m=1")
	f("name: x\n", `--client \u001b[2J: no such client`, "--client", "\x1b[2J")
	var many strings.Builder
	for i := range 999 {
		fmt.Fprintf(&many, "field-%d: 1\n", i)
	}
	f("name: x\n"+many.String(), "… and 979 problems more")
	f("name: x\n"+strings.Repeat("y", 60_000)+": 1\n", "characters more)")
}

// TestProgressIsVisible: a client's last words are in the reason of a failed trial.
func TestProgressIsVisible(t *testing.T) {
	var b bytes.Buffer
	p := newProgress(&b, []time.Duration{time.Second})
	p.Ended(results.TrialRef{N: 1, Workload: "w", Arm: "a"}, results.StateFailed, "its log ends:\n\x1b[2J\a"+strings.Repeat("z", 5000))
	p.close()
	if got := b.String(); !strings.Contains(got, `trial 1 (w, a): failed: its log ends:`+"\n"+`\u001b[2J\u0007zzz`) || len(got) > 3000 {
		t.Errorf("%.300q", got)
	}
}

// TestNewestRun: by when it began, whatever it is called and whenever it was copied.
func TestNewestRun(t *testing.T) {
	t.Chdir(t.TempDir())
	for name, began := range map[string]string{"zzz": "2026-01-01T00:00:00Z", "mine": "2026-03-01T00:00:00+01:00", "20260201-000000-abcd": "2026-02-01T00:00:00Z"} {
		if _, err := results.Create(filepath.Join(runsDir, name), &results.Run{ID: name, Started: began}); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(runsDir, "zzzz"), 0o755); err != nil { // not a run
		t.Fatal(err)
	}
	if got, err := findRun(nil); err != nil || got != filepath.Join(runsDir, "mine") {
		t.Errorf("%s, %v", got, err)
	}
}
