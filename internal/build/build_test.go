package build

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kbench/kbench/drivers"
	"github.com/kbench/kbench/internal/arm"
	"github.com/kbench/kbench/internal/launch"
)

// TestParse: what is a version, what a directory, and what is refused.
func TestParse(t *testing.T) {
	f := func(name, client, at, dir, wrong string) {
		t.Helper()
		w, ok, err := Parse(name)
		if ok != (client != "") || w.Client != client || w.At != at || w.Dir != dir {
			t.Errorf("%s: %+v, %t", name, w, ok)
		}
		if (err == nil) != (wrong == "") || err != nil && !strings.Contains(err.Error(), wrong) {
			t.Errorf("%s: %v, want %q", name, err, wrong)
		}
	}
	here := t.TempDir()
	if err := os.WriteFile(filepath.Join(here, "go.mod"), []byte("module m\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	f("sarama", "", "", "", "")
	f("sarama@v1.60.1", "sarama", "v1.60.1", "", "")
	f("kafka-go@main", "kafka-go", "main", "", "")
	f("franz-go="+here, "franz-go", "", here, "")
	f("franz-go="+here+"/none", "franz-go", "", here+"/none", "no directory of a Go module")
	clone := filepath.Join(t.TempDir(), "clone@1")
	if err := os.MkdirAll(filepath.Join(clone, ".git"), 0o755); err != nil {
		t.Fatal(err)
	}
	f("franz-go="+clone+"@feature/x@2", "franz-go", "feature/x@2", clone, "")
	f("franz-go="+clone+"@", "franz-go", "", clone+"@", "write franz-go="+clone+"@REVISION")
	f("franz-go="+here+"@main", "franz-go", "main", here, here+" is no clone")
	f("mine@v1.0.0", "mine", "", "", "other versions can be had of franz-go, sarama, kafka-go")
	f("sarama@", "sarama", "", "", "write sarama@v1.2.3")
	f("kafka-go@v0.3.0", "kafka-go", "v0.3.0", "", "versions of kafka-go before "+oldest("kafka-go"))
}

func oldest(name string) string {
	c, _ := find(name)
	return c.oldest
}

// TestTags: a release has what its number says, and lacks the rest; of a commit or a
// directory nobody knows, so that all is tried from the newest on.
func TestTags(t *testing.T) {
	c := client{module: "new", old: "old", moved: "v1.5.0", before: []threshold{{"v1.9.0", "v1.8.5", "before_1_9"}, {"v1.7.0", "v1.6.0", "before_1_7"}}}
	f := func(version, path string, want ...string) {
		t.Helper()
		var got []string
		for _, set := range c.tags(version) {
			got = append(got, strings.Join(set, ","))
		}
		if !slices.Equal(got, want) || c.path(version) != path {
			t.Errorf("%s: %q of %s, want %q of %s", version, got, c.path(version), want, path)
		}
	}
	f("v1.9.0", "new", "")
	f("v1.8.5", "new", "before_1_9")
	f("v1.4.0", "old", "before_1_9,before_1_7")
	f("v1.8.6-0.20250102030405-0123456789ab", "new", "", "before_1_9", "before_1_9,before_1_7")
}

// TestSource: a program of a checkout is built again of that; one whose source is gone
// of the version that it is; and one that is of neither says so.
func TestSource(t *testing.T) {
	here, err := source()
	if err != nil || here.dir == "" || here.version != "" || here.content == "" || len(here.sums) == 0 {
		t.Fatalf("%+v, %v", here, err)
	}
	released := &debug.BuildInfo{Main: debug.Module{Path: kbenchModule, Version: "v1.2.3"}}
	if k, err := sourceAt("github.com/kbench/kbench@v1.2.3/internal/build/source.go", released); err != nil || k.require() != "v1.2.3" || k.dir != "" {
		t.Errorf("%+v, %v", k, err)
	}
	theirs := &debug.BuildInfo{Main: debug.Module{Path: "mine", Version: "v9.0.0"}, Deps: []*debug.Module{{Path: kbenchModule, Version: "v1.2.4"}}}
	if k, err := sourceAt("/nowhere/internal/build/source.go", theirs); err != nil || k.require() != "v1.2.4" {
		t.Errorf("%+v, %v", k, err)
	}
	for _, version := range []string{"(devel)", "v1.2.4-0.20250102030405-0123456789ab+dirty", ""} {
		info := &debug.BuildInfo{Main: debug.Module{Path: kbenchModule, Version: version}}
		if k, err := sourceAt("/nowhere/internal/build/source.go", info); err == nil || !strings.Contains(err.Error(), "/nowhere") {
			t.Errorf("%s: %+v, %v", version, k, err)
		}
	}
}

// TestContent: what is compiled decides, and nothing else in a directory does.
func TestContent(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		sum, err := contentOf(dir)
		if err != nil {
			t.Fatal(err)
		}
		return sum
	}
	first := write("a.go", "package a")
	for _, name := range []string{"a_test.go", "README.md", ".git/x.go", "testdata/b.go"} {
		if write(name, "other") != first {
			t.Errorf("%s changes what is built", name)
		}
	}
	for _, name := range []string{"a.go", "b.go", "c/c.go", "go.mod"} {
		if next := write(name, "other"); next == first {
			t.Errorf("%s does not", name)
		} else {
			first = next
		}
	}
	// A clone may lie behind a symbolic link, and is what it is there too.
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(dir, link); err != nil {
		t.Skip(err)
	}
	if sum, err := contentOf(link); err != nil || sum != first {
		t.Errorf("behind a link it is %s, want %s: %v", sum, first, err)
	}
}

// TestLinked: a directory may be called anything that the linker is to be told.
func TestLinked(t *testing.T) {
	f := func(dir, want string) {
		t.Helper()
		if got := linked(dir, "0123456789abcdef"); got != want {
			t.Errorf("%s: %s, want %s", dir, got, want)
		}
	}
	f("/src/my-sarama", "-X 'github.com/kbench/kbench/internal/solo.source=my-sarama+0123456789ab'")
	f("/src/my sarama", "-X 'github.com/kbench/kbench/internal/solo.source=my sarama+0123456789ab'")
	f("/src/joe's", "-X 'github.com/kbench/kbench/internal/solo.source=joe-s+0123456789ab'")
}

// TestSweep: what nobody has used for long goes, and so does what a build that was ended
// left half written; what is in use stays.
func TestSweep(t *testing.T) {
	dir := t.TempDir()
	file := func(path string, age time.Duration) string {
		t.Helper()
		path = filepath.Join(dir, path)
		at := time.Now().Add(-age)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, nil, 0o755), os.Chtimes(path, at, at)); err != nil {
			t.Fatal(err)
		}
		return path
	}
	used, unused := file("a/kbench-sarama", time.Hour), file("b/kbench-sarama", keep+time.Hour)
	half, building := file("c/.new-17", 25*time.Hour), file("d/.new-18", time.Minute)
	sweep(dir)
	for path, want := range map[string]bool{used: true, unused: false, half: false, building: true} {
		if _, err := os.Stat(path); (err == nil) != want {
			t.Errorf("%s is there: %t, want %t", path, err == nil, want)
		}
	}
}

// TestNoGo: without the go command it is said that it is needed.
func TestNoGo(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	_, err := Worker(context.Background(), Want{Name: "sarama@v1.61.1", Client: "sarama", At: "v1.61.1"}, func() {})
	if err == nil || !strings.Contains(err.Error(), "install Go") {
		t.Error(err)
	}
}

// TestVersions builds every client at its oldest version, at its newest, and on both
// sides of each version that brought something, and asks each what it is. It asks the
// module proxy.
func TestVersions(t *testing.T) {
	if os.Getenv("KBENCH_VERSIONS") == "" {
		t.Skip("it builds some forty programs: make versions")
	}
	out, err := exec.Command("go", "list", "-m", "github.com/segmentio/kafka-go@v0.4.51").CombinedOutput()
	if err != nil {
		t.Skipf("NOT BUILT: the module proxy cannot be reached from here: %s", out)
	}
	for _, c := range clients {
		versions := []string{"latest"}
		for _, at := range c.before {
			versions = append(versions, at.version, at.last)
		}
		for _, v := range append(versions, c.oldest) {
			name := c.name + "@" + v
			w, _, err := Parse(name)
			if err != nil {
				t.Error(err)
				continue
			}
			path, err := Worker(t.Context(), w, func() {})
			if err != nil {
				t.Error(err)
				continue
			}
			d, err := arm.Ask(t.Context(), launch.Local{}, path, name)
			if err != nil {
				t.Error(err)
				continue
			}
			var lacks []string
			for _, row := range d.Plan(drivers.Settings{Group: drivers.GroupSettings{Assignors: []string{"range"}}}) {
				if strings.Contains(row.Why, "came with") {
					lacks = append(lacks, row.Key+": "+row.Why)
				}
			}
			d.Close()
			if v != "latest" && !strings.HasSuffix(d.Version(), "@"+v) {
				t.Errorf("%s says that it is %s", name, d.Version())
			}
			t.Logf("%s: %s %q", name, d.Version(), lacks)
		}
	}
}

// TestCommits: what is searched in a clone are the commits along the first parents, the
// older first, whichever is named first; a merge is one step.
func TestCommits(t *testing.T) {
	dir := t.TempDir()
	run := func(args ...string) {
		t.Helper()
		out, err := git(t.Context(), dir, append([]string{"-c", "user.name=a", "-c", "user.email=a@b"}, args...)...)
		if err != nil {
			t.Fatalf("%s, %v", out, err)
		}
	}
	commit := func(subject string) { run("commit", "-q", "--allow-empty", "-m", subject); run("tag", subject) }
	run("init", "-q", "-b", "main")
	commit("a")
	commit("b")
	run("checkout", "-q", "-b", "side")
	commit("side")
	run("checkout", "-q", "main")
	commit("c")
	run("merge", "-q", "--no-ff", "-m", "merged", "side")
	commit("d")

	f := func(one, other, want, wrong string) {
		t.Helper()
		all, first, second, err := Commits(t.Context(), dir, one, other)
		var subjects []string
		for _, c := range all {
			subjects = append(subjects, c.Subject)
		}
		if got := strings.Join(subjects, " "); got != want {
			t.Errorf("%s to %s: %s, want %s", one, other, got, want)
		}
		if (err == nil) != (wrong == "") || err != nil && !strings.Contains(err.Error(), wrong) {
			t.Errorf("%s to %s: %v, want %q", one, other, err, wrong)
		}
		if err != nil {
			return
		}
		for rev, id := range map[string]string{one: first, other: second} {
			if whole, err := commitOf(t.Context(), dir, rev); err != nil || !strings.HasPrefix(whole, id) || len(id) != shortID {
				t.Errorf("%s is said to be %s and is %s, %v", rev, id, whole, err)
			}
		}
	}
	f("a", "d", "a b c merged d", "")
	f("main", "b", "b c merged d", "")
	f("side", "d", "", "neither comes to the other by first parents")
	f("c", "side", "", "neither comes to the other by first parents")
	f("main", "d", "", "are the same commit")
	f("a", "none", "", "none: it is no commit of the clone")
}
