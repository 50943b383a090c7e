package cluster

import (
	"slices"
	"syscall"
	"testing"

	"github.com/kbench/kbench/internal/launch"
)

// TestNextStartSweeps: what a broker that was killed has left on the disk goes with the
// next start of any, and what one that lives has there does not.
func TestNextStartSweeps(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	below, _ := Disk()
	before := left(below)
	start(t, Options{Kind: Embedded, Nodes: 1, OnDisk: true})
	living := left(below)
	c, err := Start(deadline(t), Options{Kind: Embedded, Nodes: 1, OnDisk: true}, launch.Local{}, self())
	if err != nil {
		t.Fatal(err)
	}
	if len(left(below)) != len(before)+2 {
		t.Fatalf("there is %v, and before the two %v", left(below), before)
	}
	if err := syscall.Kill(c.PIDs()[0], syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	<-c.Died()
	_ = c.Stop(deadline(t)) // which says that it was killed
	if len(left(below)) != len(before)+2 {
		t.Fatal("nothing is left, so that nothing is tested")
	}
	start(t, Options{Kind: Embedded, Nodes: 1})
	for _, dir := range living {
		if !slices.Contains(left(below), dir) && !slices.Contains(before, dir) {
			t.Errorf("%s, of a broker that lives, is gone", dir)
		}
	}
	if got := left(below); len(got) > len(living) {
		t.Errorf("there is %v still; of the living is %v", got, living)
	}
}
