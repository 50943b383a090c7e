package replay_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"golang.org/x/mod/semver"

	"github.com/kbench/kbench/internal/build"
	"github.com/kbench/kbench/internal/cluster"
	"github.com/kbench/kbench/results/gate"
	"github.com/kbench/kbench/workloads"
	"github.com/kbench/kbench/workloads/replay"
)

// wantProperties expects those of a case to be names with values.
func wantProperties(t *testing.T, c replay.Case) {
	t.Helper()
	for _, p := range c.Properties {
		if name, value, ok := strings.Cut(p, "="); !ok || name == "" || value == "" {
			t.Errorf("%s: property %q is no name=value", c.Name, p)
		}
	}
}

// TestCases: each case has a sound workload of its name with a gate, and two versions that
// can be had; and no workload is without a case.
func TestCases(t *testing.T) {
	files, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	left := map[string]bool{}
	for _, f := range files {
		if name, is := strings.CutSuffix(f.Name(), ".yaml"); is {
			left[name] = true
		}
	}
	for _, c := range replay.Cases() {
		delete(left, c.Name)
		src, ok := replay.Source(c.Name)
		if !ok {
			t.Errorf("%s has no workload", c.Name)
			continue
		}
		doc, err := workloads.Parse(c.Name+".yaml", src, workloads.Options{CheckGate: gate.Check})
		if err != nil || doc.Spec == nil {
			t.Errorf("%s: %v", c.Name, err)
			continue
		}
		if doc.Spec.Name != c.Name || len(doc.Spec.Gate) != 1 {
			t.Errorf("%s is called %s, with %d gates", c.Name, doc.Spec.Name, len(doc.Spec.Gate))
		}
		for _, v := range []string{c.Bad, c.Good} {
			if _, ok, err := build.Parse(c.Client + "@" + v); !ok || err != nil {
				t.Errorf("%s: %v", c.Name, err)
			}
		}
		wantProperties(t, c)
		if !slices.Contains([]string{"", cluster.Embedded, cluster.Kafka}, c.Broker) {
			t.Errorf("%s: there is no broker %q", c.Name, c.Broker)
		}
		if semver.Compare(c.Bad, c.Good) == 0 {
			t.Errorf("%s: %s is both bad and good", c.Name, c.Bad)
		}
	}
	for name := range left {
		t.Errorf("%s has no case", name)
	}
	if _, ok := replay.Source("quick"); ok {
		t.Error("there is a workload that is no case")
	}
}
