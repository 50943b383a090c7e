package kbench_test

import (
	"bytes"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/licensecheck"
)

var updateLicences = flag.Bool("update-licences", false, "write LICENCES.txt anew")

// copyleft names the modules under a licence that asks something of who changes
// them, and why they may be here all the same.
var copyleft = map[string]string{
	"github.com/hashicorp/go-uuid": "asks for changes to its own files only; sarama's Kerberos needs it, unchanged",
	"pgregory.net/rapid":           "asks for changes to its own files only; tests alone use it, unchanged",
}

// permissive licences allow any use with a notice at most.
var permissive = []string{"0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-2-Clause-Views", "BSD-3-Clause", "ISC", "MIT", "Unlicense"}

// licenceFile is what modules call the file with their licence.
var licenceFile = regexp.MustCompile(`(?i)^((un)?licen[cs]e|copying)([-.].*)?$`)

// TestLicences holds LICENCES.txt, the licence of every module that a build, a
// test or a tool of kbench takes code from, against their own files.
func TestLicences(t *testing.T) {
	var got bytes.Buffer
	modules := modulesUsed(t)
	for _, path := range slices.Sorted(maps.Keys(modules)) {
		ids := licencesIn(t, modules[path])
		restricted := slices.ContainsFunc(ids, func(id string) bool { return !slices.Contains(permissive, id) })
		if len(ids) == 0 {
			t.Errorf("%s has no licence that is known: read it, and do without the module if it has none", path)
		}
		if why := copyleft[path]; restricted && why == "" {
			t.Errorf("%s is under %s: do without it, or say in copyleft why it may be here", path, strings.Join(ids, ", "))
		} else if !restricted && why != "" {
			t.Errorf("%s is under %s now: take it out of copyleft", path, strings.Join(ids, ", "))
		}
		fmt.Fprintf(&got, "%-55s %s\n", path, strings.Join(ids, ", "))
	}
	for path := range copyleft {
		if modules[path] == "" {
			t.Errorf("%s is not used any more: take it out of copyleft", path)
		}
	}
	if *updateLicences {
		if err := os.WriteFile("LICENCES.txt", got.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile("LICENCES.txt")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got.Bytes(), want) {
		t.Errorf("LICENCES.txt is not what the modules say (go test -run TestLicences . -update-licences writes it anew):\n%s", got.Bytes())
	}
}

// modulesUsed has the directory of each module, but our own.
func modulesUsed(t *testing.T) map[string]string {
	t.Helper()
	cmd := exec.Command("go", "list", "-deps", "-test", "-f", "{{with .Module}}{{if not .Main}}{{.Path}}\t{{.Dir}}{{end}}{{end}}", "./...", "tool")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	dirs := map[string]string{}
	for line := range strings.Lines(string(out)) {
		if path, dir, ok := strings.Cut(strings.TrimSpace(line), "\t"); ok {
			dirs[path] = dir
		}
	}
	if len(dirs) < 20 {
		t.Fatalf("go list names only %d modules", len(dirs))
	}
	return dirs
}

// licencesIn reads the licences of a module.
func licencesIn(t *testing.T, dir string) (ids []string) {
	t.Helper()
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if f.IsDir() || !licenceFile.MatchString(f.Name()) {
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, f.Name()))
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range licensecheck.Scan(text).Match {
			if !m.IsURL && !slices.Contains(ids, m.ID) {
				ids = append(ids, m.ID)
			}
		}
	}
	slices.Sort(ids)
	return ids
}
