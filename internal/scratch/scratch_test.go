package scratch

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// The first argument makes this test binary a process that has a directory below the
// second, says which, and waits to be killed.
const ownerArg = "act-as-owner"

func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == ownerArg {
		d, err := New(os.Args[2], "kafka")
		if err != nil {
			panic(err)
		}
		fmt.Println(d.Path)
		_, _ = os.Stdin.Read(make([]byte, 1))
		return
	}
	os.Exit(m.Run())
}

func there(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// TestSweep: what a killed process left goes at once, and nothing else does.
func TestSweep(t *testing.T) {
	below := t.TempDir()
	cmd := exec.Command(os.Args[0], ownerArg, below)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var left string
	if _, err := fmt.Fscan(out, &left); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(left, "node1", "data", "log"))
	mine, err := New(below, "embedded")
	if err != nil {
		t.Fatal(err)
	}
	told, err := New(below, "verify")
	if err != nil {
		t.Fatal(err)
	}
	if err := told.Keep(); err != nil {
		t.Error(err)
	}
	var others []string
	for _, name := range []string{
		"kbench-kafka-x/lock", "kbench-kafka-1/data", "kbench-notes-12/lock", "my-kbench-kafka-1/lock", "kbench-kafka-12.bak/lock", "kbench-kafka-/lock",
	} {
		path := filepath.Join(below, name)
		write(t, path)
		others = append(others, path)
	}
	elsewhere := t.TempDir()
	write(t, filepath.Join(elsewhere, "lock"))
	link := filepath.Join(below, "kbench-kafka-77")
	if err := os.Symlink(elsewhere, link); err != nil {
		t.Fatal(err)
	}
	pipe := filepath.Join(below, "kbench-kafka-78", "lock") // a directory called lock
	write(t, filepath.Join(pipe, "x"))
	others = append(others, mine.Path, told.Path, link, filepath.Join(elsewhere, "lock"), filepath.Join(pipe, "x"))

	Sweep(below, filepath.Join(below, "nosuch"))
	if !there(left) {
		t.Fatal("the directory of a living process is gone")
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	Sweep(below)
	if there(left) {
		t.Error("what a killed process left is there still")
	}
	for _, path := range others {
		if !there(path) {
			t.Errorf("%s is gone", path)
		}
	}
	if err := mine.Remove(); err != nil || there(mine.Path) {
		t.Error("removing:", err)
	}
}

func write(t *testing.T, path string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
}
