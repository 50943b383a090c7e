package cli

import (
	"testing"

	"github.com/kbench/kbench/internal/launch"
)

// What a part of a run is tied to: all parts are told, those that are not named with all
// that this process may use.
func TestPinned(t *testing.T) {
	_, allowed, err := launch.CPUs()
	if err != nil {
		t.Skip(err)
	}
	a := &app{}
	f := func(text string, want string) {
		t.Helper()
		cmd := a.runCommand()
		if err := cmd.ParseFlags([]string{"--cpus", text}); err != nil {
			t.Fatal(err)
		}
		sets, err := pinned(cmd, text)
		if err != nil || sets["client"].String() != want || len(sets) != 4 || sets["supervisor"].String() != allowed.String() {
			t.Errorf("%s: %v, %v", text, sets, err)
		}
	}
	first := launch.CPUSet(allowed[:1]).String()
	f("client="+first, first)
	f("client="+first+","+first, first)
	f("broker="+first+",client="+allowed.String(), allowed.String())
	f("broker="+first, allowed.String())
}
