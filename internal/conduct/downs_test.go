package conduct

import (
	"testing"
	"time"

	"github.com/kbench/kbench/results/record"
)

// TestDowns: a node that an act has ended answers nobody, for however long that is, and for
// a while after it is back who asked it still counts those seconds. Another one hangs.
func TestDowns(t *testing.T) {
	var d downs
	f := func(node int32, within time.Duration, want bool) {
		t.Helper()
		if got := d.lately(node, within); got != want {
			t.Errorf("node %d within %s: %v", node, within, got)
		}
	}
	f(1, time.Hour, false)
	d.set(1, 0)
	f(1, 0, true)
	f(2, time.Hour, false)
	if !d.any() {
		t.Error("none is down")
	}
	d.set(1, record.Now())
	f(1, time.Hour, true)
	f(1, 0, false)
	if d.any() {
		t.Error("one is down that is back")
	}
}
