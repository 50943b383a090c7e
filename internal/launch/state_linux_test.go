package launch

import (
	"os"
	"strings"
	"testing"
)

func TestState(t *testing.T) {
	if s := State(os.Getpid()); !strings.Contains(s, "R") || strings.Contains(s, "(") {
		t.Errorf("this process is running, and its state is %q", s)
	}
	if s := State(0); s != "" {
		t.Errorf("there is no process 0, and its state is %q", s)
	}
}
