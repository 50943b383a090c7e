package launch

import (
	"context"
	"io"
	"os"
	"runtime"
	"strings"
	"testing"
)

// TestCPUs: a process and what it starts may use the CPUs that it was given and no other,
// from its start on; this process may use what it could before.
func TestCPUs(t *testing.T) {
	_, allowed, err := CPUs()
	if err != nil {
		t.Fatal(err)
	}
	if len(allowed) < 2 {
		t.Skip("it takes two CPUs to be tied to one")
	}
	f := func(set CPUSet, want string) {
		t.Helper()
		p, err := Local{}.Start(context.Background(), Spec{Path: "/bin/sh", Args: []string{"-c", "grep Cpus_allowed_list /proc/$$/status; grep Cpus_allowed_list /proc/self/status"}, CPUs: set})
		if err != nil {
			t.Fatal(err)
		}
		out, err := io.ReadAll(p.Stdout())
		p.Wait()
		if lines := strings.Split(strings.TrimSpace(string(out)), "\n"); err != nil || len(lines) != 2 || lines[0] != "Cpus_allowed_list:\t"+want || lines[1] != lines[0] {
			t.Errorf("tied to %q: %q, %v; want %s", set, out, err, want)
		}
	}
	f(allowed[1:2], allowed[1:2].String())
	f(nil, allowed.String())
	f(allowed[:1], allowed[:1].String())
	for range 4 { // whichever thread it is
		if set, err := mask(); err != nil || set.String() != allowed.String() {
			t.Errorf("this process may use %s now, %v; want %s", set, err, allowed)
		}
		runtime.Gosched()
	}
	if _, err := (Local{}).Start(context.Background(), Spec{Path: "/bin/true", CPUs: CPUSet{mostCPUs - 1}}); err == nil || !strings.Contains(err.Error(), "tie to CPUs 1023") {
		t.Errorf("a CPU that is not there: %v", err)
	}
}

// TestTieSelf: all threads of this process are tied, and it may not give children others
// than the kernel lets it.
func TestTieSelf(t *testing.T) {
	was, err := mask()
	if err != nil {
		t.Fatal(err)
	}
	if len(was) < 2 {
		t.Skip("it takes two CPUs to be tied to one")
	}
	defer func() {
		if err := TieSelf(was); err != nil {
			t.Error(err)
		}
	}()
	if err := TieSelf(was[1:2]); err != nil {
		t.Fatal(err)
	}
	tasks, err := os.ReadDir("/proc/self/task")
	if err != nil || len(tasks) < 2 {
		t.Fatalf("%d threads, %v", len(tasks), err)
	}
	for _, task := range tasks {
		status, err := os.ReadFile("/proc/self/task/" + task.Name() + "/status")
		if err == nil && !strings.Contains(string(status), "Cpus_allowed_list:\t"+was[1:2].String()+"\n") {
			t.Errorf("thread %s may run elsewhere", task.Name())
		}
	}
}
