package conduct

import (
	"errors"
	"syscall"
	"testing"

	"github.com/kbench/kbench/internal/launch"
)

// What trial.json says of an end is what errors say of it.
func TestEndOf(t *testing.T) {
	for _, e := range []launch.Exit{
		{}, {Code: 2}, {Code: -1, Signal: syscall.SIGKILL, Killed: true}, {Code: -1, Signal: syscall.SIGSEGV}, {Code: -1, Signal: 99},
		{Lost: true}, {Code: -1, Err: errors.New("no child")},
	} {
		if got := endOf(e).String(); got != e.String() {
			t.Errorf("%+v: %q, want %q", e, got, e)
		}
	}
}
