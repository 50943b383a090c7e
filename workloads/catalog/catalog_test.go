package catalog_test

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kbench/kbench/workloads"
	"github.com/kbench/kbench/workloads/acts"
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
	if err != nil || suite != "quick" || len(specs) != 5 {
		t.Fatalf("quick: %d workloads, suite %q, %v", len(specs), suite, err)
	}
	trials, err := plan.Expand(specs, []string{"franz-go", "sarama", "kafka-go"}, []string{"matched"}, plan.Rounds{Timed: 0}, 1)
	if err != nil || len(trials) != 18 {
		t.Fatalf("%d trials, %v; want 18", len(trials), err)
	}
	var total time.Duration
	for _, tr := range trials {
		if !tr.Spec.Sample {
			t.Errorf("%s is not marked as a sample", tr.Dir)
		}
		total += plan.Duration(tr.Spec)
	}
	// The estimates are on the slow side, most of all of short trials: what takes
	// this long by them ends within two minutes.
	if total > 140*time.Second {
		t.Errorf("quick is expected to take %v; it must end within 2m, start-up included", total)
	}
}

func TestKinds(t *testing.T) {
	for name, want := range map[string]workloads.Kind{
		"produce-max": workloads.Producing, "produce-rate": workloads.Producing,
		"consume-backlog": workloads.Backlog, "end-to-end": workloads.EndToEnd,
		"churn-join": workloads.EndToEnd, "churn-slow-handler": workloads.EndToEnd,
	} {
		specs, _, err := catalog.Load(name, workloads.Options{})
		if err != nil || specs[0].Kind() != want {
			t.Errorf("%s: kind %v, %v; want %v", name, specs[0].Kind(), err, want)
		}
	}
}

// TestChurnIsAsAnnounced counts the acts of each timeline and looks at what
// makes their figures comparable with each other and with published ones.
func TestChurnIsAsAnnounced(t *testing.T) {
	want := map[string]map[acts.Kind]int{
		"churn-sample": {acts.Join: 1, acts.Leave: 1, acts.Crash: 1},
		"churn-floors": {acts.Join: 110, acts.Leave: 110},
		"churn-join":   {acts.Join: 12}, "churn-leave": {acts.Leave: 12}, "churn-crash": {acts.Crash: 12}, "churn-stall": {acts.Stall: 12},
		"churn-rolling": {acts.Restart: 12}, "churn-static-restart": {acts.Restart: 12}, "churn-crashloop": {acts.Restart: 12},
		"churn-storm": nil, "churn-idle-leave": {acts.Leave: 6}, "churn-slow-join": {acts.Join: 6}, "churn-slow-handler": {}, "churn-table": {acts.Join: 12, acts.Leave: 12, acts.Crash: 12}, "churn-assignor-roll": {acts.AssignorStep: 6},
		"churn-add-partitions": {acts.AddPartitions: 6}, "churn-subscribe": {acts.Subscribe: 6},
	}
	for _, name := range catalog.Names() {
		if !strings.HasPrefix(name, "churn-") {
			continue
		}
		specs, _, err := catalog.Load(name, workloads.Options{})
		if err != nil {
			t.Fatal(err)
		}
		trials, err := plan.Expand(specs, []string{"franz-go"}, []string{"matched"}, plan.Rounds{Timed: 0}, 3)
		if err != nil {
			t.Fatal(err)
		}
		s := trials[0].Spec
		got := map[acts.Kind]int{}
		for _, a := range trials[0].Acts {
			if a.Counted {
				got[a.Kind]++
			}
		}
		counts, known := want[name]
		if !known || counts != nil && !maps.Equal(got, counts) || name == "churn-storm" && len(got) != 3 {
			t.Errorf("%s: counted acts %v, want %v", name, got, counts)
		}
		if s.Produce.By != "reference" || s.Phases.Warmup != 2*s.Group.Heartbeat || s.Consume.Handler.Revoke != "wait" {
			t.Errorf("%s: by %s, warm-up %v, revoke %s", name, s.Produce.By, s.Phases.Warmup, s.Consume.Handler.Revoke)
		}
		if h := s.Consume.Handler.Time.Seconds(); h > 0 && s.Produce.Rate.PerSecond*h > 0.7*float64(s.Consume.Members) {
			t.Errorf("%s: more is offered than 70%% of what the handlers take", name)
		}
		t.Logf("%-22s %d arms of %v", name, len(trials), plan.Duration(s))
	}
}

// TestBrokerFaults: as many acts on nodes as are announced, nothing but them, and gates that
// can be decided.
func TestBrokerFaults(t *testing.T) {
	want := map[string]map[string]int{
		"broker-coordinator": {"kill coordinator": 6}, "broker-leader": {"kill leader": 6}, "broker-roll": {"restart all": 2}, "broker-slow": {"stop leader": 12},
	}
	for name, counts := range want {
		specs, _, err := catalog.Load(name, workloads.Options{})
		if err != nil {
			t.Fatal(err)
		}
		trials, err := plan.Expand(specs, []string{"franz-go"}, []string{"matched"}, plan.Rounds{Timed: 0}, 3)
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]int{}
		for _, a := range trials[0].Acts {
			got[a.Title()]++
		}
		if s := trials[0].Spec; !maps.Equal(got, counts) || len(s.Gate) == 0 || !s.BrokerActs() {
			t.Errorf("%s: acts %v, want %v; gates %v", name, got, counts, s.Gate)
		}
		t.Logf("%-22s %v", name, plan.Duration(trials[0].Spec))
	}
}

// TestFullMatrix: the churn workloads have every assignor under the protocol
// that it belongs to, and their own arms keep their names among these.
func TestFullMatrix(t *testing.T) {
	want := []string{"x/consumer/range", "x/consumer/uniform", "x/cooperative-sticky", "x/range", "x/roundrobin", "x/sticky"}
	for _, name := range catalog.Names() {
		specs, _, err := catalog.Load(name, workloads.Options{Full: true})
		if !strings.HasPrefix(name, "churn-") || slices.Contains([]string{"churn-assignor-roll", "churn-floors"}, name) {
			if err == nil || !strings.Contains(err.Error(), " has no full matrix; ") {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if err != nil {
			t.Error(err)
			continue
		}
		trials, err := plan.Expand(specs, []string{"x"}, []string{"matched"}, plan.Rounds{Timed: 1}, 3)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, tr := range trials {
			got = append(got, tr.Arm.Name)
			if consumer := strings.HasPrefix(tr.Arm.Name, "x/consumer/"); consumer != (tr.Spec.Group.Protocol == "consumer") {
				t.Errorf("%s: %s runs under %s", name, tr.Arm.Name, tr.Spec.Group.Protocol)
			}
		}
		if slices.Sort(got); !slices.Equal(got, want) {
			t.Errorf("%s: arms %q, want %q", name, got, want)
		}
	}
}

func TestUnknownNameSaysWhatThereIs(t *testing.T) {
	_, _, err := catalog.Load("produce-mx", workloads.Options{})
	if err == nil || !strings.Contains(err.Error(), "produce-max") {
		t.Errorf("error is %v; it should list the catalogue", err)
	}
}

func TestNamesAreTheEmbeddedFiles(t *testing.T) {
	files, err := filepath.Glob("*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range files {
		names = append(names, strings.TrimSuffix(f, ".yaml"))
	}
	if got := slices.Sorted(slices.Values(catalog.Names())); !slices.Equal(got, names) {
		t.Errorf("Names lists %v, the directory has %v", got, names)
	}
}

func TestSetReachesEveryWorkloadOfASuite(t *testing.T) {
	specs, _, err := catalog.Load("quick", workloads.Options{Set: []string{"topic.partitions=6", "phases.measure=2s"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range specs {
		if s.Topic.Partitions != 6 || s.Phases.Measure != 2*time.Second {
			t.Errorf("%s: %d partitions, %v; want 6, 2s", s.Name, s.Topic.Partitions, s.Phases.Measure)
		}
	}
}

// write puts a file into dir and returns its path.
func write(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestSuiteFileFindsItsNeighboursAndTheCatalogue(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "mine.yaml", "name: mine\n")
	suite := write(t, dir, "night.yaml", "name: night\ninclude: [{workload: mine.yaml, set: {rounds: 3}}, {workload: produce-max}]\n")
	specs, name, err := catalog.Load(suite, workloads.Options{Set: []string{"topic.partitions=2"}})
	if err != nil || name != "night" || len(specs) != 2 {
		t.Fatalf("%d workloads, suite %q, %v", len(specs), name, err)
	}
	if specs[0].Name != "mine" || specs[0].Rounds != 3 || specs[1].Name != "produce-max" || specs[1].Topic.Partitions != 2 {
		t.Errorf("%+v", specs)
	}
}

func TestProblemsOfASuite(t *testing.T) {
	dir := t.TempDir()
	bad := write(t, dir, "bad.yaml", "name: bad\nfoo: 1\n")
	f := func(text string, opt workloads.Options, want ...string) {
		t.Helper()
		_, _, err := catalog.Load(write(t, dir, "s.yaml", "name: s\ninclude:\n"+text), opt)
		if err == nil {
			t.Errorf("accepted: %s", text)
			return
		}
		for _, w := range want {
			if strings.Count(err.Error(), w) != 1 {
				t.Errorf("%s\n%v\nshould say once: %s", text, err, w)
			}
		}
	}
	none := workloads.Options{}
	f("- workload: bad.yaml\n- workload: gone.yaml\n", none, bad+":2:1: foo: is not a field", "include[1]: workload gone.yaml cannot be read")
	f("- workload: quick\n", none, "quick is a suite itself; include its workloads")
	f("- workload: consume-backlog\n  set: {produce.rate: 5/s}\n", none,
		"suite s: include[0]: produce.rate: a backlog is filled as fast as it can be; write produce.rate: max")
	f("- workload: produce-max\n- workload: produce-rate\n", workloads.Options{Set: []string{"produce.by=reference"}},
		"--set produce.by=reference: produce.by: the reference producer sends and nobody reads")

	_, _, err := catalog.Load(bad, none)
	if all := (workloads.Errors)(nil); !errors.As(err, &all) {
		t.Errorf("the error is a %T; want workloads.Errors", err)
	}
}

func TestWarningsAreHandedOn(t *testing.T) {
	var got []string
	opt := workloads.Options{Set: []string{"group.session=6s"}, Warn: func(w string) { got = append(got, w) }}
	if _, _, err := catalog.Load("end-to-end", opt); err != nil {
		t.Fatal(err)
	}
	if len(got) != 1 || !strings.HasPrefix(got[0], "--set group.session=6s: group.session: a session of 6s") {
		t.Errorf("warnings are %q", got)
	}
}
