package launch

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A supervisor that is killed must leave no child, not even one that is stopped and
// so cannot see that its input has ended.
func TestKilledSupervisorLeavesNoChild(t *testing.T) {
	supervisor := start(t, self("supervise"))
	child, err := strconv.Atoi(awaitReady(supervisor))
	if err != nil {
		t.Fatal(err)
	}
	// A signal that was delivered is acted on when the child next runs.
	await(t, child, "T")
	if err := supervisor.Signal(context.Background(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	supervisor.Wait()
	await(t, child, "", "Z", "X") // Z: dead, and nobody has adopted it yet
}

// await waits until a process is in one of the states.
func await(t *testing.T, pid int, states ...string) {
	t.Helper()
	for until := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
		s := processState(pid)
		if slices.Contains(states, s) {
			return
		}
		if time.Now().After(until) {
			_ = syscall.Kill(pid, syscall.SIGKILL)
			t.Fatalf("process %d is in state %q, want one of %q", pid, s, states)
		}
	}
}

// processState is the letter that the kernel gives a process's state, or empty
// where there is none.
func processState(pid int) string {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return ""
	}
	_, rest, _ := strings.Cut(string(text), ") ")
	return rest[:1]
}
