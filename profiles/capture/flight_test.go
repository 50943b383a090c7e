package capture

import (
	"os"
	"path/filepath"
	"runtime/trace"
	"strings"
	"testing"
)

// TestFlight: what is saved is a trace, as often as somebody wants one, beside a trace of
// the measured part; what is not whole has no name.
func TestFlight(t *testing.T) {
	f, err := StartFlight()
	if err != nil {
		t.Fatal(err)
	}
	defer f.Stop()
	if _, err := StartFlight(); err == nil {
		t.Error("a second one was started")
	}
	var beside strings.Builder
	if err := trace.Start(&beside); err != nil {
		t.Errorf("no trace beside it: %v", err)
	}
	defer trace.Stop()
	dir := t.TempDir()
	for _, name := range []string{"a.trace", "b.trace"} {
		file := filepath.Join(dir, name)
		if err := f.Save(file); err != nil {
			t.Fatal(err)
		}
		if data, err := os.ReadFile(file); err != nil || !strings.HasPrefix(string(data), "go 1.") || len(data) < 100 {
			t.Errorf("%s has %d bytes, %.16q; %v", name, len(data), data, err)
		}
	}
	if err := f.Save(filepath.Join(dir, "nowhere", "c.trace")); err == nil {
		t.Error("it was written where there is no directory")
	}
	b := &bounded{left: 3}
	if _, err := b.Write([]byte("four")); err == nil {
		t.Error("a file took more than it may")
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*.tmp")); len(left) > 0 {
		t.Errorf("there are %v", left)
	}
}
