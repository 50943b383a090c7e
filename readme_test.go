package kbench_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/kbench/kbench/results/gate"
)

// section is the part of README.md below a heading.
func section(t *testing.T, heading string) string {
	t.Helper()
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, after, found := strings.Cut(string(text), "\n## "+heading+"\n")
	if !found {
		t.Fatalf("README.md has no section %q", heading)
	}
	part, _, _ := strings.Cut(after, "\n## ")
	return part
}

// fences are the files of a section: blocks of Go whose first line names them.
var fences = regexp.MustCompile("(?s)```go\n// (\\S+)\n(.*?)```\n")

// TestReadmeDriver does what README.md says of a driver in a module of one's own: it
// writes the files and runs the commands, beside this checkout and with nothing but what
// it was built with.
func TestReadmeDriver(t *testing.T) {
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.Symlink(here, filepath.Join(dir, "kbench")); err != nil {
		t.Fatal(err)
	}
	text := section(t, "A driver of your own")
	files := fences.FindAllStringSubmatch(text, -1)
	if len(files) != 3 {
		t.Fatalf("%d files, want a main, a driver and its test", len(files))
	}
	if main := files[0][2]; strings.Count(main[strings.Index(main, "func main"):], "\n") != 3 {
		t.Errorf("the main is said to have three lines:\n%s", main)
	}
	// The commands before the first file make its place.
	before, after, _ := strings.Cut(text, "```go\n")
	script := "set -e\n" + commands(before)
	for _, f := range files {
		script += "cat > " + f[1] + " <<'END'\n" + f[2] + "END\n"
	}
	script += "gofmt -l . | (! grep .)\n" + commands(fences.ReplaceAllString("```go\n"+after, ""))
	sh := exec.Command("sh", "-x")
	sh.Dir, sh.Stdin = dir, strings.NewReader(script)
	sh.Env = append(os.Environ(), "GOPROXY=off", "GOFLAGS=-buildvcs=false", "GOWORK=off")
	out, err := sh.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, want := range []string{"franz-go\nsarama\nkafka-go\nmine\n", " acked records, each found once, in order and intact"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("it does not say %q:\n%s", want, out)
		}
	}
	mod, err := os.ReadFile(filepath.Join(dir, "mine", "go.mod"))
	if want := "replace github.com/kbench/kbench => ../kbench"; err != nil || !strings.HasSuffix(strings.TrimSpace(string(mod)), want) {
		t.Errorf("go.mod (%v) does not end with %q:\n%s", err, want, mod)
	}
}

// commands are the indented lines of a text.
func commands(text string) string {
	var out strings.Builder
	for line := range strings.Lines(text) {
		if command, is := strings.CutPrefix(line, "    "); is {
			out.WriteString(command)
		}
	}
	return out.String()
}

// TestReadmeGates: the gates that README.md shows can be written so.
func TestReadmeGates(t *testing.T) {
	_, list, found := strings.Cut(section(t, "Workloads of your own"), "\n    gate: ")
	list, _, _ = strings.Cut(list, "\n")
	var gates []string
	if err := json.Unmarshal([]byte(list), &gates); err != nil || !found || len(gates) == 0 {
		t.Fatalf("no gates: %v in %q", err, list)
	}
	for _, expr := range gates {
		if err := gate.Check(expr); err != nil {
			t.Error(err)
		}
	}
}
