// Package build makes worker binaries for a client at another version, or from a
// directory: a program with that one adapter in it (package solo), built by the go
// command from a module of its own, so that no tree of anybody is touched.
//
//	client@version            a version that the go command knows: a tag, a commit, latest
//	client=directory          a clone of the client, as it is
//	client=directory@revision a commit of a clone, whatever is checked out there
//
// Only the client is another one: all else that is linked is what this kbench has, or
// newer where the client asks for that. Binaries are kept in the user's cache directory
// under what went into them, so that each is built once.
package build

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/mod/semver"
)

// Want is a client at a version, or from a directory.
type Want struct {
	Name   string // as it was given
	Client string
	At     string // what the go command is asked for, or git of a clone
	Dir    string // absolute; empty: a version
}

// Parse reads what stands for a client on a command line. ok is false where it names no
// version and no directory; an error is the user's to mend.
func Parse(name string) (w Want, ok bool, err error) {
	at := strings.IndexAny(name, "@=")
	if at < 0 {
		return Want{}, false, nil
	}
	w = Want{Name: name, Client: name[:at]}
	rest := name[at+1:]
	c, known := find(w.Client)
	switch {
	case !known:
		return w, true, fmt.Errorf("%s: other versions can be had of %s", name, strings.Join(Names(), ", "))
	case rest == "":
		return w, true, fmt.Errorf("%s: write %s@v1.2.3, or %s=../directory", name, w.Client, w.Client)
	case name[at] == '@':
		w.At = rest
		if semver.IsValid(rest) && semver.Compare(rest, c.oldest) < 0 {
			return w, true, fmt.Errorf("%s: versions of %s before %s cannot be had: its adapter does not compile against them", name, w.Client, c.oldest)
		}
		return w, true, nil
	}
	if err := w.directory(rest); err != nil {
		return w, true, fmt.Errorf("%s: %w", name, err)
	}
	return w, true, nil
}

// directory reads what stands for a directory, or a commit of the clone that is there.
// That a directory's own name has an @ in it, as in the go command's cache, is no revision.
func (w *Want) directory(given string) (err error) {
	if w.Dir, err = filepath.Abs(given); err != nil {
		return err
	}
	_, err = os.Stat(filepath.Join(w.Dir, "go.mod"))
	if err == nil {
		return nil
	}
	clone, revision := given, ""
	for at := range given {
		if given[at] == '@' && !notThere(given[:at]) {
			clone, revision = given[:at], given[at+1:]
			break
		}
	}
	switch {
	case clone == given:
		return fmt.Errorf("%s is no directory of a Go module: %w", given, err)
	case revision == "":
		return fmt.Errorf("write %s=%s@REVISION, such as a tag, a branch or a hash", w.Client, clone)
	}
	if w.Dir, err = filepath.Abs(clone); err != nil {
		return err
	}
	w.At = revision
	if notThere(filepath.Join(w.Dir, ".git")) {
		return fmt.Errorf("%s is no clone: there is no .git in it", clone)
	}
	return nil
}

func notThere(path string) bool {
	_, err := os.Stat(path)
	return err != nil
}

// Worker builds the binary, or finds it, and returns its path. building is called
// before what takes its time.
func Worker(ctx context.Context, w Want, building func()) (path string, err error) {
	c, _ := find(w.Client)
	b := &builder{want: w, client: c, building: building}
	if b.kbench, err = source(); err != nil {
		return "", err
	}
	if b.dir, err = os.MkdirTemp("", "kbench-build-"); err != nil {
		return "", err
	}
	defer os.RemoveAll(b.dir)
	path, err = b.worker(ctx)
	if err != nil {
		return "", fmt.Errorf("%s: %w", w.Name, err)
	}
	return path, nil
}

// builder builds one worker.
type builder struct {
	want     Want
	client   client
	kbench   kbench
	building func()
	dir      string // of the module that it is built from

	version string // of the client; empty: a directory
	content string // of the directory, or the commit
}

func (b *builder) worker(ctx context.Context) (string, error) {
	if _, err := exec.LookPath("go"); err != nil {
		return "", errors.New("the go command builds other versions of a client, and is not here: install Go, or put it in PATH")
	}
	if err := b.resolve(ctx); err != nil {
		return "", err
	}
	path, err := b.place(ctx)
	if err != nil {
		return "", err
	}
	if now := time.Now(); os.Chtimes(path, now, now) == nil {
		return path, nil // it is there, and was used today
	}
	b.building()
	return path, b.build(ctx, path)
}

// resolve finds out which version is meant, or what is in the directory.
func (b *builder) resolve(ctx context.Context) (err error) {
	switch {
	case b.want.Dir != "" && b.want.At != "":
		b.content, err = commitOf(ctx, b.want.Dir, b.want.At)
		return err
	case b.want.Dir != "":
		b.content, err = contentOf(b.want.Dir)
		return err
	}
	path := b.client.module
	if semver.IsValid(b.want.At) {
		path = b.client.path(b.want.At)
	}
	if err := b.empty(); err != nil {
		return err
	}
	out, err := b.goes(ctx, "list", "-m", "-json", path+"@"+b.want.At)
	if err != nil {
		return err
	}
	var found struct{ Version string }
	if err := json.Unmarshal(out, &found); err != nil {
		return fmt.Errorf("go list -m: %w", err)
	}
	b.version = found.Version
	return nil
}

// empty makes a module in which the go command can be asked.
func (b *builder) empty() error {
	return os.WriteFile(filepath.Join(b.dir, "go.mod"), []byte("module worker\n"), 0o600)
}

// place is where the binary is kept: under all that goes into it.
func (b *builder) place(ctx context.Context) (string, error) {
	env, err := b.goes(ctx, "env", "GOVERSION", "GOOS", "GOARCH", "GOAMD64", "GOARM64", "GOEXPERIMENT", "GOFLAGS", "CGO_ENABLED")
	if err != nil {
		return "", err
	}
	sum := sha256.New()
	dir := b.want.Dir
	if b.want.At != "" {
		dir = filepath.Base(dir) // a commit is the same wherever its clone lies
	}
	fmt.Fprintf(sum, "%s\n%s\n%s %s %s %s\n%q\n", b.kbench.content, env, b.client.name, b.version, dir, b.content, b.client.tags(b.version))
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("worker binaries are kept in the user's cache directory: %w", err)
	}
	return filepath.Join(cache, "kbench", "workers", hex.EncodeToString(sum.Sum(nil))[:24], "kbench-"+b.client.name), nil
}

// build makes the binary, by the first set of tags that compiles.
func (b *builder) build(ctx context.Context, path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	if err := b.write(ctx); err != nil {
		return err
	}
	out := filepath.Join(filepath.Dir(path), fmt.Sprintf("%s%d", halfPrefix, os.Getpid()))
	defer os.Remove(out)
	var first error
	for _, tags := range b.client.tags(b.version) {
		args := []string{"build", "-mod=mod", "-buildvcs=false", "-o", out, "-tags", strings.Join(tags, ",")}
		if b.content != "" {
			args = append(args, "-ldflags", linked(b.want.Dir, b.content))
		}
		_, err := b.goes(ctx, append(args, kbenchModule+"/cmd/worker/"+b.client.main)...)
		if err == nil {
			sweep(filepath.Dir(filepath.Dir(path)))
			return os.Rename(out, path)
		}
		if ctx.Err() != nil {
			return err
		}
		if first == nil {
			first = err
		}
	}
	return fmt.Errorf("it does not compile: %w", first)
}

// linked tells the linker which directory a client is of. The go command splits it at
// spaces that are not between quotes, and knows no way to write a quote between them.
func linked(dir, content string) string {
	return fmt.Sprintf("-X '%s/internal/solo.source=%s+%s'", kbenchModule, strings.ReplaceAll(filepath.Base(dir), "'", "-"), content[:12])
}

// write makes the module that is built from.
func (b *builder) write(ctx context.Context) error {
	mod := fmt.Sprintf("module worker\n\ngo %s\n\nrequire %s %s\n", b.kbench.goes, kbenchModule, b.kbench.require())
	if b.kbench.dir != "" {
		mod += fmt.Sprintf("replace %s => %q\n", kbenchModule, b.kbench.dir)
	}
	dir := b.want.Dir
	if dir != "" && b.want.At != "" {
		dir = filepath.Join(b.dir, "client")
		if err := checkOut(ctx, b.want.Dir, b.content, dir); err != nil {
			return err
		}
	}
	if dir != "" {
		mod += fmt.Sprintf("replace %s => %q\n", b.client.module, dir)
	} else {
		mod += fmt.Sprintf("replace %s => %s %s\n", b.client.module, b.client.path(b.version), b.version)
	}
	return errors.Join(
		os.WriteFile(filepath.Join(b.dir, "go.mod"), []byte(mod), 0o600),
		os.WriteFile(filepath.Join(b.dir, "go.sum"), b.kbench.sums, 0o600))
}

// goes runs the go command in the module. Its error is what the command said.
func (b *builder) goes(ctx context.Context, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = b.dir
	cmd.Env = append(os.Environ(), "GOWORK=off")
	return output(ctx, cmd)
}

// output is what a command prints; its error is what it said.
func output(ctx context.Context, cmd *exec.Cmd) ([]byte, error) {
	cmd.WaitDelay = 5 * time.Second // what it started, such as compilers, holds its output
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil {
		words := strings.TrimSpace(said.String())
		if words == "" {
			words = err.Error()
		}
		return nil, errors.New(words)
	}
	return out, nil
}

// contentOf is a hash of all that a directory of Go source has to do with a build.
func contentOf(dir string) (string, error) {
	dir, err := filepath.EvalSymlinks(dir) // a walk does not go through a link
	if err != nil {
		return "", err
	}
	sum := sha256.New()
	err = eachSource(dir, func(path, rel string) error {
		data, err := os.ReadFile(path)
		fmt.Fprintf(sum, "%s %d\n", rel, len(data))
		sum.Write(data)
		return err
	})
	if err != nil {
		return "", err
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// eachSource does something with every file of a directory that has to do with a build;
// rel is its path in the directory.
func eachSource(dir string, do func(path, rel string) error) error {
	return filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case e.IsDir() && path != dir && aside(e.Name()):
			return filepath.SkipDir
		case !e.Type().IsRegular() || !compiled(e.Name()):
			return nil
		}
		rel, _ := filepath.Rel(dir, path) // path is below dir
		return do(path, rel)
	})
}

// aside says of a directory that nothing in it is built.
func aside(name string) bool {
	return strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_") || name == "testdata" || name == "runs"
}

// compiled says of a file that it is, or is embedded.
func compiled(name string) bool {
	return !strings.HasSuffix(name, "_test.go") && slices.Contains(sources, filepath.Ext(name))
}

// sources are the files that are compiled or embedded.
var sources = []string{".go", ".mod", ".sum", ".s", ".h", ".c", ".yaml", ".json", ".html", ".tmpl", ".txt"}

// keep is how long a binary is kept that nobody uses, and keepHalf how long one that is
// being built may take.
const (
	keep     = 60 * 24 * time.Hour
	keepHalf = 24 * time.Hour
)

// halfPrefix is that of the name of a binary that is being built.
const halfPrefix = ".new-"

// sweep removes binaries that nobody has used for long, and what builds that were ended
// have left half written. What cannot be removed stays.
func sweep(dir string) {
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		files, _ := os.ReadDir(filepath.Join(dir, e.Name()))
		for _, f := range files {
			path := filepath.Join(dir, e.Name(), f.Name())
			info, err := f.Info()
			if err != nil {
				continue
			}
			switch age := time.Since(info.ModTime()); {
			case strings.HasPrefix(f.Name(), "kbench-") && age > keep:
				_ = os.RemoveAll(filepath.Dir(path))
			case strings.HasPrefix(f.Name(), halfPrefix) && age > keepHalf:
				_ = os.Remove(path)
			}
		}
	}
}
