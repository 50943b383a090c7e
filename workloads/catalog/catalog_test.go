package catalog_test

import (
	"strings"
	"testing"
	"time"

	"github.com/kbench/kbench/workloads"
	"github.com/kbench/kbench/workloads/catalog"
	"github.com/kbench/kbench/workloads/plan"
)

func TestEveryDocumentLoadsWithoutWarnings(t *testing.T) {
	for _, name := range catalog.Names() {
		specs, suite, err := catalog.Load(name, workloads.Options{Warn: func(w string) { t.Errorf("%s: warning: %s", name, w) }})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if suite == "" && specs[0].Name != name || suite != "" && suite != name {
			t.Errorf("%s calls itself %q in suite %q", name, specs[0].Name, suite)
		}
		if len(catalog.About(name)) < 100 {
			t.Errorf("%s: about %q explains too little", name, catalog.About(name))
		}
	}
}

func TestQuickIsQuick(t *testing.T) {
	specs, suite, err := catalog.Load("quick", workloads.Options{})
	if err != nil || suite != "quick" || len(specs) != 4 {
		t.Fatalf("quick: %d workloads, suite %q, %v", len(specs), suite, err)
	}
	trials, err := plan.Expand(specs, []string{"franz-go", "sarama", "kafka-go"}, []string{"matched"}, 0, 1)
	if err != nil || len(trials) != 12 {
		t.Fatalf("%d trials, %v; want 12", len(trials), err)
	}
	var total time.Duration
	for _, tr := range trials {
		if !tr.Spec.Sample {
			t.Errorf("%s is not marked as a sample", tr.Dir)
		}
		total += plan.Duration(tr.Spec)
	}
	if total > 80*time.Second {
		t.Errorf("quick is expected to take %v; it must end within 90s, start-up included", total)
	}
}

func TestKinds(t *testing.T) {
	for name, want := range map[string]workloads.Kind{
		"produce-max": workloads.Producing, "produce-rate": workloads.Producing,
		"consume-backlog": workloads.Backlog, "end-to-end": workloads.EndToEnd,
	} {
		specs, _, err := catalog.Load(name, workloads.Options{})
		if err != nil || specs[0].Kind() != want {
			t.Errorf("%s: kind %v, %v; want %v", name, specs[0].Kind(), err, want)
		}
	}
}

func TestUnknownNameSaysWhatThereIs(t *testing.T) {
	_, _, err := catalog.Load("produce-mx", workloads.Options{})
	if err == nil || !strings.Contains(err.Error(), "produce-max") {
		t.Errorf("error is %v; it should list the catalogue", err)
	}
}
