package build

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strings"
	"testing"
	"time"
)

// TestEdited: a checkout that is not what the program was built of is told, by its
// commit where it is of one alone, else by when files were written; and what is not
// built is not looked at.
func TestEdited(t *testing.T) {
	dir := t.TempDir()
	git := func(args ...string) string {
		t.Helper()
		cmd := exec.Command("git", append([]string{"-C", dir, "-c", "user.name=x", "-c", "user.email=x@example.com"}, args...)...)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("git %q: %v: %s", args, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	built := time.Now().Add(-time.Hour)
	write := func(name, text string, at time.Time) {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, at, at); err != nil {
			t.Fatal(err)
		}
	}
	program := func(path string, settings ...string) *debug.BuildInfo {
		info := &debug.BuildInfo{Main: debug.Module{Path: path}}
		for i := 0; i < len(settings); i += 2 {
			info.Settings = append(info.Settings, debug.BuildSetting{Key: settings[i], Value: settings[i+1]})
		}
		return info
	}
	f := func(info *debug.BuildInfo, want string) {
		t.Helper()
		got := edited(t.Context(), dir, info, built)
		if want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
	}
	before, after := built.Add(-time.Minute), built.Add(time.Minute)
	none := program(kbenchModule)
	write("a.go", "package a", before)
	f(none, "")
	write("a.go", "package a // edited", after)
	f(none, "): a.go; ")
	write("b/b.go", "package b", after)
	f(none, "a.go and 1 more")

	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("there is no git")
	}
	git("init", "-q")
	git("add", ".")
	git("commit", "-q", "-m", "x")
	commit := git("rev-parse", "HEAD")
	clean := program(kbenchModule, "vcs.revision", commit, "vcs.modified", "false")
	f(clean, "") // whenever its files were written
	write("a_test.go", "package a", after)
	write("testdata/c.go", "package c", after)
	f(clean, "")
	f(program(kbenchModule, "vcs.revision", commit, "vcs.modified", "true"), "a.go and 1 more")
	f(program("example.com/mine", "vcs.revision", commit, "vcs.modified", "false"), "a.go and 1 more")
	f(program(kbenchModule, "vcs.revision", strings.Repeat("0", 40), "vcs.modified", "false"), "a.go and 1 more")
	write("c/c.go", "package c", before)
	f(clean, "commit "+commit[:12]+"): c/c.go; ")
	git("add", ".")
	git("commit", "-q", "-m", "y")
	f(clean, "c/c.go")
	f(program(kbenchModule, "vcs.revision", git("rev-parse", "HEAD"), "vcs.modified", "false"), "")
}
