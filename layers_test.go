package kbench_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/kbench/kbench/"

// arrows says whom each package of the house imports, of the house: no more and
// no less, so that a permission goes with the need for it. Tests may import more.
var arrows = map[string][]string{
	// Leaves, and the little that hangs below each.
	"drivers":              {},
	"drivers/lane":         {},
	"drivers/franzgo":      {"drivers", "drivers/lane"},
	"drivers/sarama":       {"drivers"},
	"drivers/kafkago":      {"drivers", "drivers/kafkago/door", "drivers/lane"},
	"drivers/kafkago/door": {},
	"drivers/loopback":     {"drivers"},
	"drivers/faulty":       {"drivers"},
	"drivers/drivertest":   {"drivers", "internal/arm", "internal/leak", "internal/wire", "results", "results/record", "workloads", "workloads/payload"},
	"workloads/reader":     {},
	"workloads/acts":       {},
	"workloads":            {"workloads/acts", "workloads/reader"},
	"workloads/catalog":    {"internal/regular", "workloads", "workloads/reader", "workloads/replay"},
	"workloads/replay":     {},
	"workloads/churn":      {"workloads", "workloads/acts"},
	"workloads/pace":       {"workloads"},
	"workloads/payload":    {"workloads"},
	"workloads/plan":       {"workloads", "workloads/churn", "workloads/pace"},
	"profiles":             {"internal/regular"},
	"profiles/capture":     {"profiles"},
	"profiles/layers":      {},
	"profiles/ui":          {},
	// The contract of the run directory, and its readers: left of it one
	// measures, right of it one reads.
	"results":                 {"internal/regular", "profiles", "profiles/layers", "workloads", "workloads/acts"},
	"results/record":          {"drivers", "internal/regular"},
	"results/group":           {"results/record"},
	"results/blame":           {"results"},
	"results/cause":           {"results", "results/group", "workloads/acts"},
	"results/audit":           {"drivers", "results", "results/group", "results/record", "workloads", "workloads/acts"},
	"results/window":          {"results", "results/audit", "results/blame", "results/group", "results/record", "workloads", "workloads/acts"},
	"results/evidence":        {"internal/regular", "profiles", "results", "results/audit", "results/blame", "results/cause", "results/group", "results/record", "results/window", "workloads/acts"},
	"results/fit":             {"results"},
	"results/summary":         {"internal/visible", "profiles", "profiles/layers", "results", "results/audit", "results/blame", "results/cause", "results/evidence", "results/fit", "results/gate", "results/record", "results/window", "workloads", "workloads/pace"},
	"results/profiled":        {"drivers", "profiles", "profiles/layers", "profiles/ui", "results", "results/evidence", "results/summary"},
	"results/figure":          {"results"},
	"results/held":            {"results", "results/figure", "results/fit", "results/gate"},
	"results/compare":         {"results", "results/figure", "results/series", "workloads/plan"},
	"results/series":          {"results", "workloads"},
	"results/gate":            {"results", "results/figure", "results/series", "workloads"},
	"results/trend":           {"results", "results/compare", "results/fit", "results/series"},
	"results/floors":          {"results", "results/evidence", "results/group", "results/window", "workloads/acts"},
	"results/report":          {"drivers", "profiles", "profiles/layers", "results", "results/cause", "results/evidence", "results/window", "workloads", "workloads/acts"},
	"results/report/markdown": {"results", "results/compare", "results/report/text", "results/trend"},
	"results/report/ci":       {"internal/visible", "results", "results/report/text"},
	"results/report/text":     {"drivers", "internal/visible", "results", "results/blame", "results/compare", "results/group", "results/held", "results/profiled", "results/report", "results/series", "results/trend", "results/window", "workloads", "workloads/acts"},
	// Measuring. It writes the run directory and never reads results.
	"internal/leak":    {}, // for tests
	"internal/golden":  {}, // for tests
	"internal/visible": {},
	"internal/regular": {}, // opens files, for whoever reads some
	"internal/scratch": {}, // makes temporary directories, and finds those of the dead
	"internal/launch":  {"results", "results/record"},
	"internal/arm":     {"drivers", "internal/launch", "results", "results/record", "workloads", "workloads/acts"},
	"internal/wire":    {"drivers", "results/record"},
	// What makes connections worse stands below the tap, which does not know it.
	"internal/wire/link": {"results/record"},
	"internal/access":    {"drivers"},
	"internal/cluster":   {"drivers", "internal/access", "internal/launch", "internal/regular", "internal/scratch", "results", "workloads/reader"},
	"internal/worker": {"drivers", "internal/access", "internal/wire", "internal/wire/link", "profiles", "profiles/capture", "results", "results/record",
		"workloads", "workloads/pace", "workloads/payload"},
	"internal/aside": {"internal/cluster", "internal/worker", "results", "results/record", "workloads/payload"},
	// A worker with one driver in it, and what builds it at other versions of its client.
	"internal/solo":      {"drivers", "internal/arm", "internal/worker"},
	"internal/build":     {},
	"internal/bisect":    {},
	"internal/knee":      {},
	"internal/knee/kept": {"internal/conduct", "internal/knee", "results", "results/held", "results/summary"},
	"internal/doctor":    {"results", "results/compare"},
	"cmd/worker/franzgo": {"drivers/franzgo", "internal/solo"},
	"cmd/worker/sarama":  {"drivers/sarama", "internal/solo"},
	"cmd/worker/kafkago": {"drivers/kafkago", "internal/solo"},
	"internal/ownname":   {}, // for whoever serves pages
	"internal/live":      {"internal/ownname", "results", "workloads/plan"},
	"internal/conduct": {"drivers", "internal/arm", "internal/aside", "internal/cluster", "internal/launch", "internal/worker", "profiles", "profiles/capture", "results", "results/record",
		"workloads", "workloads/acts", "workloads/churn", "workloads/plan"},
	// Verify holds what is measured against what is read, and so needs both.
	"internal/verify": {"drivers", "drivers/faulty", "internal/arm", "internal/cluster", "internal/conduct", "internal/launch", "results", "results/blame", "results/cause", "results/evidence",
		"results/record", "results/summary", "results/window", "workloads", "workloads/acts", "workloads/plan"},
	// The command sees all, but only main knows the adapters.
	"cmd/kbench/cli": {"drivers", "internal/arm", "internal/aside", "internal/bisect", "internal/build", "internal/cluster", "internal/conduct", "internal/doctor", "internal/knee", "internal/knee/kept", "internal/launch", "internal/live", "internal/ownname", "internal/scratch", "internal/verify", "internal/visible", "internal/worker", "profiles", "profiles/ui",
		"results", "results/compare", "results/gate", "results/held", "results/profiled", "results/report", "results/report/ci", "results/report/markdown", "results/report/text", "results/summary", "results/trend", "workloads", "workloads/catalog", "workloads/plan", "workloads/replay"},
	"cmd/kbench": {"cmd/kbench/cli", "drivers/franzgo", "drivers/sarama", "drivers/kafkago", "drivers/loopback"},
	// The bare loop stands beside kbench in the same program, so it needs both:
	// kbench as a user's main has it, and the clients that only the adapters know
	// else.
	"scripts/bare":  {"cmd/kbench/cli", "drivers", "drivers/franzgo", "drivers/sarama", "drivers/kafkago", "drivers/loopback", "results/record"},
	"scripts/sides": {"internal/cluster", "internal/launch"},
	"scripts/tax": {"cmd/kbench/cli", "drivers", "internal/arm", "internal/cluster", "internal/launch", "internal/worker", "profiles", "results",
		"results/record", "scripts/bare", "scripts/ratio", "scripts/sides", "workloads"},
	"scripts/captures": {"results", "scripts/ratio"},
	"scripts/knees":    {"cmd/kbench/cli", "drivers", "drivers/faulty", "drivers/franzgo", "drivers/kafkago", "drivers/loopback", "drivers/sarama", "results/held"},
	"scripts/ratio":    {},
	"scripts/sweep":    {"results"},
	"scripts/sizes": {"cmd/kbench/cli", "drivers", "internal/arm", "internal/cluster", "results", "results/evidence", "results/record",
		"scripts/bare", "scripts/sides", "workloads"},
	"scripts/floors": {"results", "results/evidence", "results/floors", "results/record"},
}

// foreign says who imports a client or its admin package, or starts processes.
var foreign = map[string][]string{
	"github.com/twmb/franz-go/pkg/kgo":   {"drivers/franzgo", "internal/cluster", "drivers/drivertest", "scripts/bare"},
	"github.com/twmb/franz-go/pkg/kadm":  {"internal/cluster"},
	"github.com/IBM/sarama":              {"drivers/sarama", "scripts/bare"},
	"github.com/segmentio/kafka-go":      {"drivers/kafkago", "scripts/bare"},
	"github.com/twmb/franz-go/pkg/kfake": {"internal/cluster", "drivers/drivertest"},
	"github.com/goccy/go-yaml":           {"workloads/reader", "internal/cluster"},
	"os/exec":                            {"internal/launch", "internal/cluster", "internal/build", "scripts/captures"},
}

// TestArrows holds the plan of the house against what go list sees, both ways.
func TestArrows(t *testing.T) {
	imports := goList(t)
	for pkg, seen := range imports {
		allowed, known := arrows[pkg]
		if !known {
			t.Errorf("%s has no place in the plan of the house", pkg)
		}
		for _, imp := range seen {
			if dep, ours := strings.CutPrefix(imp, module); ours && !slices.Contains(allowed, dep) {
				t.Errorf("%s must not import %s", pkg, dep)
			}
		}
		for _, dep := range allowed {
			if !slices.Contains(seen, module+dep) {
				t.Errorf("the plan lets %s import %s, which it does not", pkg, dep)
			}
		}
	}
	for pkg := range arrows {
		if imports[pkg] == nil {
			t.Errorf("the plan has a place for %s, which is not there", pkg)
		}
	}
}

// TestForeign does the same for what is not of the house.
func TestForeign(t *testing.T) {
	for pkg, seen := range goList(t) {
		for root, who := range foreign {
			below := func(imp string) bool { return imp == root || strings.HasPrefix(imp, root+"/") }
			if does, may := slices.ContainsFunc(seen, below), slices.Contains(who, pkg); does != may {
				t.Errorf("%s imports %s: %t; it may: %t", pkg, root, does, may)
			}
		}
	}
}

// TestFilesAreShort holds every file to what can be read at one go. That functions
// are is held by make lint.
func TestFilesAreShort(t *testing.T) {
	const most = 500
	err := filepath.WalkDir(".", func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || filepath.Ext(path) != ".go" {
			return err
		}
		data, err := os.ReadFile(path)
		if n := bytes.Count(data, []byte("\n")); n > most {
			t.Errorf("%s has %d lines, more than %d", path, n, most)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// goList is what each package of the house imports.
func goList(t *testing.T) map[string][]string {
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports", "./...").Output()
	if err != nil {
		t.Fatal(err)
	}
	imports := map[string][]string{}
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p struct {
			ImportPath string
			Imports    []string
		}
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return imports
		} else if err != nil {
			t.Fatal(err)
		}
		if pkg, ours := strings.CutPrefix(p.ImportPath, module); ours { // the root holds only tests
			imports[pkg] = append([]string{}, p.Imports...)
		}
	}
}

// readers are the packages that open the raw files of workers: evidence of a
// finished trial, arm of one that conduct has in hand, and measurements beside
// kbench of their own.
var readers = []string{"internal/arm", "results/evidence", "scripts/tax"}

// TestReaders holds that nobody else opens one.
func TestReaders(t *testing.T) {
	reads := regexp.MustCompile(`\b(record\.(Read|Each|Open|Sum)\w+|results\.ReadMachine)\(`)
	seen := map[string]bool{}
	err := filepath.WalkDir(".", func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		data, err := os.ReadFile(path)
		if reads.Match(data) {
			seen[filepath.ToSlash(filepath.Dir(path))] = true
		}
		return err
	})
	if found := slices.Sorted(maps.Keys(seen)); err != nil || !slices.Equal(found, readers) {
		t.Errorf("raw files are read by %q, want %q: what is in those of a finished trial comes from results/evidence; %v", found, readers, err)
	}
}
