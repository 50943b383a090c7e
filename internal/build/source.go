package build

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/module"
)

const kbenchModule = "github.com/kbench/kbench"

// kbench is the source of this program, of which workers are built too: both ends of
// the talk between them must be of one make.
type kbench struct {
	dir     string // empty: what the go command has under version
	version string
	goes    string // the version of the Go language that it asks for
	sums    []byte // of its go.sum
	content string
}

func (k kbench) require() string {
	if k.version != "" {
		return k.version
	}
	return "v0.0.0"
}

// source finds it: where it lay when this program was built, which is a checkout or the
// go command's cache; or else the released version that this program is.
func source() (kbench, error) {
	_, file, _, _ := runtime.Caller(0)
	info, ok := debug.ReadBuildInfo()
	if !ok {
		info = &debug.BuildInfo{}
	}
	return sourceAt(file, info)
}

func sourceAt(file string, info *debug.BuildInfo) (k kbench, err error) {
	k = kbench{version: versionIn(info), goes: "1.26.0"}
	dir := filepath.Dir(filepath.Dir(filepath.Dir(file))) // of internal/build/source.go
	data, err := os.ReadFile(filepath.Join(dir, "go.mod"))
	if err == nil && filepath.IsAbs(dir) && modfile.ModulePath(data) == kbenchModule {
		k.dir, k.version = dir, ""
		if m, err := modfile.Parse("go.mod", data, nil); err == nil && m.Go != nil {
			k.goes = m.Go.Version
		}
		if k.sums, err = os.ReadFile(filepath.Join(dir, "go.sum")); err != nil {
			return k, err
		}
		k.content, err = contentOf(dir)
		return k, err
	}
	if k.version == "" {
		where := dir
		if !filepath.IsAbs(dir) {
			where = "a place that it does not know, as it was built with -trimpath"
		}
		return k, fmt.Errorf("other versions of a client are built with the source of this kbench, which lay at %s and is not there any more: build it again", where)
	}
	k.content = k.version
	return k, nil
}

// versionIn is the released version of kbench in a program, empty where it is of a
// checkout.
func versionIn(info *debug.BuildInfo) string {
	for _, m := range append([]*debug.Module{&info.Main}, info.Deps...) {
		if m.Path != kbenchModule {
			continue
		}
		if m.Replace != nil || strings.Contains(m.Version, "+") || module.Check(m.Path, m.Version) != nil {
			return ""
		}
		return m.Version
	}
	return ""
}
