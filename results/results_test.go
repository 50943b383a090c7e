package results_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kbench/kbench/results"
)

func create(t *testing.T, run *results.Run) *results.Dir {
	t.Helper()
	d, err := results.Create(filepath.Join(t.TempDir(), "runs", "r1"), run)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func write(t *testing.T, path, data string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(data), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestRoundTrip(t *testing.T) {
	run := &results.Run{ID: "r1", State: results.StateRunning, Seed: 1<<63 + 1}
	d := create(t, run)
	second := &results.Trial{Ref: results.TrialRef{N: 10, Arm: "sarama/range", Round: 1}, State: results.StateComplete, End: map[int32]int64{2: 5, 0: 7}}
	first := &results.Trial{Ref: results.TrialRef{N: 2, Arm: "../escape", Round: 1}, State: results.StateRunning}
	for _, tr := range []*results.Trial{second, first} {
		path, err := d.CreateTrial(tr)
		if err != nil {
			t.Fatal(err)
		}
		if filepath.Dir(path) != filepath.Join(d.Path(), results.TrialsDir) {
			t.Errorf("trial %d lies in %s", tr.Ref.N, path)
		}
	}
	run.State = results.StateComplete
	if err := d.WriteRun(run); err != nil {
		t.Fatal(err)
	}

	again, err := results.Open(d.Path())
	if err != nil {
		t.Fatal(err)
	}
	want := *run
	want.Schema = results.Schema
	if diff := cmp.Diff(&want, again.Run()); diff != "" {
		t.Errorf("run, written to read:\n%s", diff)
	}
	trials, err := again.Trials()
	if err != nil {
		t.Fatal(err)
	}
	if len(trials) != 2 || trials[0].Ref.N != 2 || trials[1].Ref.N != 10 || trials[1].End[0] != 7 {
		t.Errorf("trials are not what was written, or not in order: %+v", trials)
	}
	if _, err := d.CreateTrial(first); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a trial was made twice: %v", err)
	}
}

// Trials of the harness are recorded like others and are no trials of the run.
// The logs of clients are nobody's business but the owner's.
func TestCreateIsPrivate(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "runs", "one")
	if _, err := results.Create(dir, &results.Run{ID: "one"}); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(dir)
	if err != nil {
		t.Fatal(err)
	}
	if others := info.Mode().Perm() & 0o077; others != 0 {
		t.Errorf("others may %o", others)
	}
}

func TestTrialsLeavesOutTheHarness(t *testing.T) {
	harness := results.TrialRef{Dir: "harness-w-produce", Workload: "w", Arm: "loopback"}
	d := create(t, &results.Run{ID: "r1", Harness: []results.TrialRef{harness}})
	for _, ref := range []results.TrialRef{harness, {N: 1, Dir: "001-w-sarama-1"}} {
		if _, err := d.CreateTrial(&results.Trial{Ref: ref, State: results.StateComplete}); err != nil {
			t.Fatal(err)
		}
	}
	trials, err := d.Trials()
	if err != nil || len(trials) != 1 || trials[0].Ref.N != 1 {
		t.Errorf("%d trials, %v; want the one of sarama", len(trials), err)
	}
	if tr, err := results.ReadTrial(d.TrialPath(harness)); err != nil || tr.Ref.Workload != "w" {
		t.Errorf("the harness trial reads as %+v, %v", tr, err)
	}
}

func TestCreateRefuses(t *testing.T) {
	f := func(prepare func(dir string) string, want string) {
		t.Helper()
		_, err := results.Create(prepare(t.TempDir()), &results.Run{})
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "--out") {
			t.Errorf("got %v, want it to say %q and name --out", err, want)
		}
	}
	f(func(dir string) string { write(t, filepath.Join(dir, "mine.txt"), "x"); return dir }, "mine.txt")
	f(func(dir string) string {
		if err := os.MkdirAll(filepath.Join(dir, results.TrialsDir, "001-a-1"), 0o755); err != nil {
			t.Fatal(err)
		}
		return dir
	}, "not empty")
	f(func(dir string) string {
		write(t, filepath.Join(dir, "file"), "x")
		return filepath.Join(dir, "file", "run")
	}, "can be written")
}

func TestOpenRefuses(t *testing.T) {
	f := func(contents, want string) {
		t.Helper()
		dir := t.TempDir()
		if contents != "" {
			write(t, filepath.Join(dir, results.RunFile), contents)
		}
		if _, err := results.Open(dir); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want it to say %q", err, want)
		}
	}
	f("", "it has no run.json")
	f(`{"schema": 99}`, "use a newer kbench")
	f(`{}`, "has no schema")
	f(`{"schema": `, "decode")
}

// What a killed supervisor leaves behind is shown as a failed trial.
func TestTornTrials(t *testing.T) {
	d := create(t, &results.Run{Order: []results.TrialRef{{N: 1, Arm: "a", Dir: "001-a-1", Client: "a"}}})
	for _, name := range []string{"001-a-1", "007-b-1"} {
		if err := os.Mkdir(filepath.Join(d.Path(), results.TrialsDir, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	write(t, filepath.Join(d.Path(), results.TrialsDir, "007-b-1", results.TrialFile), `{"schema":1,"sta`)
	trials, err := d.Trials()
	if err != nil {
		t.Fatal(err)
	}
	if len(trials) != 2 || trials[0].State != results.StateFailed || trials[1].State != results.StateFailed {
		t.Fatalf("got %+v", trials)
	}
	if trials[0].Ref.Client != "a" || !strings.Contains(trials[0].Error, "is missing") {
		t.Errorf("the trial without a file: %+v", trials[0])
	}
	if trials[1].Ref.N != 7 || !strings.Contains(trials[1].Error, "decode") {
		t.Errorf("the torn trial: %+v", trials[1])
	}
}

func TestInputsHash(t *testing.T) {
	d := create(t, &results.Run{ID: "r1"})
	hash := func() string {
		t.Helper()
		h, err := d.InputsHash()
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	before := hash()
	for _, name := range []string{results.SummaryFile, results.BenchFile, "report.html", "run.json.tmp"} {
		write(t, filepath.Join(d.Path(), name), "derived")
	}
	if hash() != before {
		t.Error("derived files changed the hash of the raw ones")
	}
	// The same name is derived in a trial's directory, and raw in a worker's.
	worker := filepath.Join(d.Path(), results.TrialsDir, "001-a-1", "consumer-0")
	if err := os.MkdirAll(worker, 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(filepath.Dir(worker), results.PausesFile), "derived")
	if hash() != before {
		t.Error("the derived file of a trial changed the hash of the raw ones")
	}
	write(t, filepath.Join(worker, results.PausesFile), "raw")
	if hash() == before {
		t.Error("a raw file of a worker does not count")
	}
	os.Remove(filepath.Join(worker, results.PausesFile))
	write(t, filepath.Join(d.Path(), "a"), "bc")
	one := hash()
	os.Remove(filepath.Join(d.Path(), "a"))
	write(t, filepath.Join(d.Path(), "ab"), "c")
	if two := hash(); one == before || two == one {
		t.Errorf("contents or names do not count: %s, %s, %s", before, one, two)
	}
}

func TestReadMachine(t *testing.T) {
	path := filepath.Join(t.TempDir(), results.MachineFile)
	if samples, err := results.ReadMachine(path); err != nil || samples != nil {
		t.Errorf("missing file: %v, %v", samples, err)
	}
	write(t, path, `{"t":1,"cpu_total":5,"procs":{"broker-0":3}}`+"\n"+`{"t":2}`+"\n"+`{"t":3,"cpu_`)
	samples, err := results.ReadMachine(path)
	if err != nil || len(samples) != 2 || samples[0].Procs[results.BrokerProcess(0)] != 3 {
		t.Errorf("torn tail: %+v, %v", samples, err)
	}
	write(t, path, "{\"t\":1}\nnonsense\n{\"t\":2}\n")
	if _, err := results.ReadMachine(path); err == nil || !strings.Contains(err.Error(), ":2:") {
		t.Errorf("a damaged line in the middle: %v", err)
	}
	if results.IsBrokerProcess("producer-0") || !results.IsBrokerProcess("broker-12") {
		t.Error("brokers and workers are confused")
	}
}

func TestMetrics(t *testing.T) {
	seen := map[string]bool{}
	for _, m := range results.Metrics() {
		if seen[m.Name] || m.Unit == "" || m.What == "" || !strings.Contains(m.Name, ".") {
			t.Errorf("metric %q stands twice or lacks something", m.Name)
		}
		seen[m.Name] = true
		if got, ok := results.LookupMetric(m.Name); !ok || got.Name != m.Name {
			t.Errorf("%s is not found", m.Name)
		}
	}
	if _, ok := results.LookupMetric("audit.lots"); ok {
		t.Error("an unknown metric was found")
	}
	m, _ := results.LookupMetric(results.E2EResponse)
	if m.HasStat("") || !m.HasStat("p99") || m.HasStat("p98") {
		t.Error("e2e.response has the wrong statistics")
	}
}
