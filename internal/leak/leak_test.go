package leak

import (
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { Main(m) }

// A goroutine that takes its time is none that leaks.
func TestSlowIsNoLeak(t *testing.T) {
	before := goleak.IgnoreCurrent()
	go time.Sleep(time.Second)
	if err := Find(before); err != nil {
		t.Error(err)
	}
}

func TestLeakIsFound(t *testing.T) {
	before, stop := goleak.IgnoreCurrent(), make(chan struct{})
	go func() { <-stop }()
	err := within(time.Second, before)
	if err == nil || !strings.Contains(err.Error(), "TestLeakIsFound") {
		t.Errorf("%v, want the goroutine of this test", err)
	}
	close(stop)
}
