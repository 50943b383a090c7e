package kbench_test

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/kbench/kbench/"

// arrows says who may import whom within the house: the package (or all below a
// trailing slash) on the left may import those on the right, and nothing else.
// Tests may import more.
var arrows = []struct {
	from string
	to   []string
}{
	// Leaves, and the little that hangs below each.
	{"drivers", nil},
	{"drivers/lane", []string{"drivers"}},
	{"drivers/franzgo", []string{"drivers", "drivers/lane"}},
	{"drivers/sarama", []string{"drivers", "drivers/lane"}},
	{"drivers/kafkago", []string{"drivers", "drivers/lane"}},
	{"drivers/loopback", []string{"drivers", "drivers/lane"}},
	{"drivers/faulty", []string{"drivers", "workloads/payload"}},
	{"drivers/drivertest", []string{"drivers", "internal/cluster", "internal/leak", "internal/wire", "results/record", "workloads", "workloads/payload"}},
	{"workloads", nil},
	{"workloads/plan", []string{"workloads", "workloads/churn"}},
	{"workloads/", []string{"workloads"}},
	{"profiles", nil},
	{"profiles/", []string{"profiles"}},
	// The tax runs kbench beside a bare loop, so it needs both: kbench as a
	// user's main has it, and the clients that only the adapters know else.
	{"scripts/tax", []string{"cmd/kbench/cli", "drivers", "drivers/franzgo", "drivers/sarama", "drivers/kafkago", "internal/", "results", "results/record", "profiles", "workloads"}},
	{"scripts/floors", []string{"results", "results/record", "results/floors"}},
	// So does the measurement of group sizes.
	{"scripts/sizes", []string{"cmd/kbench/cli", "drivers", "drivers/franzgo", "drivers/sarama", "drivers/kafkago", "drivers/loopback", "internal/", "results", "results/record", "workloads"}},
	{"scripts/", nil},
	// The contract of the run directory, and its readers: left of it one
	// measures, right of it one reads.
	{"results", []string{"workloads", "drivers"}},
	{"results/record", []string{"drivers"}},
	{"results/", []string{"results", "results/record", "results/audit", "results/window", "workloads", "workloads/plan", "profiles", "drivers"}},
	// Measuring. It writes the run directory and never reads results.
	{"internal/leak", nil}, // for tests
	{"internal/launch", nil},
	{"internal/wire", []string{"results/record", "drivers"}},
	{"internal/cluster", []string{"internal/launch", "drivers", "results", "scripts/kafka"}},
	{"internal/worker", []string{"internal/cluster", "internal/wire", "results", "results/record", "profiles", "profiles/capture", "drivers", "workloads", "workloads/pace", "workloads/payload"}},
	// Verify holds what is measured against what is read, and so needs both.
	{"internal/verify", []string{"internal/cluster", "internal/conduct", "internal/launch", "results", "results/", "drivers", "drivers/faulty", "workloads", "workloads/plan"}},
	{"internal/conduct", []string{"internal/cluster", "internal/launch", "internal/worker", "results", "results/record", "profiles", "drivers", "workloads", "workloads/plan", "workloads/churn"}},
	// The command sees all, but only main knows the adapters.
	{"cmd/kbench/cli", []string{"internal/", "results", "results/", "profiles", "workloads", "workloads/", "drivers"}},
	{"cmd/kbench", []string{"cmd/kbench/cli", "drivers/franzgo", "drivers/sarama", "drivers/kafkago", "drivers/loopback"}},
}

// foreign says who may import a client or its admin package.
var foreign = map[string][]string{
	"github.com/twmb/franz-go/pkg/kgo":   {"drivers/franzgo", "internal/cluster", "drivers/drivertest", "scripts/tax", "scripts/sizes"},
	"github.com/twmb/franz-go/pkg/kadm":  {"internal/cluster", "drivers/drivertest"},
	"github.com/IBM/sarama":              {"drivers/sarama", "scripts/tax", "scripts/sizes"},
	"github.com/segmentio/kafka-go":      {"drivers/kafkago", "scripts/tax", "scripts/sizes"},
	"github.com/twmb/franz-go/pkg/kfake": {"internal/cluster", "drivers/drivertest"},
	"os/exec":                            {"internal/launch", "internal/cluster"},
}

func matches(pattern, pkg string) bool {
	if strings.HasSuffix(pattern, "/") {
		return strings.HasPrefix(pkg, pattern)
	}
	return pkg == pattern
}

// TestArrows holds the plan of the house against what go list sees.
func TestArrows(t *testing.T) {
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports", "./...").Output()
	if err != nil {
		t.Fatal(err)
	}
	dec := json.NewDecoder(strings.NewReader(string(out)))
	seen := 0
	for {
		var p struct {
			ImportPath string
			Imports    []string
		}
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		pkg, ours := strings.CutPrefix(p.ImportPath, module)
		if !ours {
			continue // the root holds only this test
		}
		seen++
		i := slices.IndexFunc(arrows, func(a struct {
			from string
			to   []string
		}) bool {
			return matches(a.from, pkg)
		})
		if i < 0 {
			t.Errorf("%s has no place in the plan of the house", pkg)
			continue
		}
		for _, imp := range p.Imports {
			if dep, ours := strings.CutPrefix(imp, module); ours {
				if !slices.ContainsFunc(arrows[i].to, func(to string) bool { return matches(to, dep) }) {
					t.Errorf("%s must not import %s", pkg, dep)
				}
			}
			for root, who := range foreign {
				if (imp == root || strings.HasPrefix(imp, root+"/")) && !slices.Contains(who, pkg) {
					t.Errorf("%s must not import %s", pkg, imp)
				}
			}
		}
	}
	if seen < 15 {
		t.Errorf("go list showed %d packages", seen)
	}
}
