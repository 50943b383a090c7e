package summary

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/pprof/profile"

	"github.com/kbench/kbench/profiles"
	"github.com/kbench/kbench/profiles/layers"
	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/workloads"
)

// putProfile writes a profile of a worker: sample types, and their values for each
// function, each on a stack of its own.
func putProfile(t *testing.T, d *results.Dir, ref results.TrialRef, worker string, k profiles.Kind, types []string, values map[string][]int64) {
	t.Helper()
	p := &profile.Profile{}
	for _, name := range types {
		p.SampleType = append(p.SampleType, &profile.ValueType{Type: name, Unit: "unit"})
	}
	for name, v := range values {
		f := &profile.Function{ID: uint64(len(p.Function) + 1), Name: name}
		l := &profile.Location{ID: f.ID, Line: []profile.Line{{Function: f}}}
		p.Function, p.Location = append(p.Function, f), append(p.Location, l)
		p.Sample = append(p.Sample, &profile.Sample{Location: []*profile.Location{l}, Value: v})
	}
	dir := filepath.Join(d.WorkerPath(ref, worker), results.ProfilesDir)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(filepath.Join(dir, k.FileName()))
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Write(f); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestLayers: what counters say was spent is divided by what the profiles saw. The
// fixture's worker burns half a core: 6 s in the 12 s of the measured part, of which the
// profile saw 4.5.
func TestLayers(t *testing.T) {
	r := ref(1, "w", "sarama", 1)
	d := newRun(t, fixture{ref: r, kind: workloads.Producing, rate: 1000, latency: int64(time.Millisecond), state: results.StateComplete})
	ms := int64(time.Millisecond)
	putProfile(t, d, r, "producer-0", profiles.CPU, []string{"samples", layers.CPUTime}, map[string][]int64{
		"runtime.mallocgc": {150, 1500 * ms}, "github.com/IBM/sarama.(*asyncProducer).dispatcher": {270, 2700 * ms},
		"github.com/kbench/kbench/internal/worker.(*acks).ack": {20, 200 * ms}, "example.com/x.F": {10, 100 * ms},
	})
	putProfile(t, d, r, "producer-0", profiles.Allocs, []string{layers.AllocObjects, layers.AllocBytes}, map[string][]int64{
		"github.com/IBM/sarama.(*realDecoder).getBytes": {300, 1 << 20}, "github.com/IBM/sarama.(*Broker).send": {100, 1 << 20},
	})
	s, _, err := build(d)
	if err != nil {
		t.Fatal(err)
	}
	of := func(metric, class string) (value float64, n int64) {
		t.Helper()
		for _, r := range s.Rows {
			if r.Metric == metric && r.Class == class && r.Role == results.RoleProducer {
				return r.Value, r.N
			}
		}
		t.Errorf("no row %s{class=%s}", metric, class)
		return math.NaN(), 0
	}
	f := func(metric, class string, want float64, wantN int64) {
		t.Helper()
		if v, n := of(metric, class); math.Abs(v-want) > 1e-6*want || n != wantN {
			t.Errorf("%s{class=%s} = %v of %d, want %v of %d", metric, class, v, n, want, wantN)
		}
	}
	f(results.CPUPerRecord, "", 500_000, 12_000)
	f(results.CPULayer, "alloc", 500_000*1500./4500, 150)
	f(results.CPULayer, "batch", 500_000*2700./4500, 270)
	f(results.CPULayer, "harness", 500_000*200./4500, 20)
	f(results.CPULayer, "unmatched", 500_000*100./4500, 10)
	f(results.CPULayer, "tls", 0, 0) // there is a row where there is nothing, so that medians are of all trials
	f(results.ProfileCoverage, results.CoverCPU, 0.75, 450)
	f(results.AllocLayer, "encode", 3*0.75, 12_000)
	f(results.AllocLayer, "client", 3*0.25, 12_000)
	f(results.ProfileCoverage, results.CoverAllocs, 400/36_000., 12_000)
	sum := 0.0
	for _, l := range layers.Names() {
		v, _ := of(results.CPULayer, l)
		sum += v
	}
	if math.Abs(sum-500_000) > 1e-3 {
		t.Errorf("all layers are %v, want the whole", sum)
	}
	for _, w := range s.Warnings {
		if strings.Contains(w.Words, "cpu.layer") {
			t.Errorf("450 samples are said to be few: %s", w)
		}
	}
}

// TestLayersOfFew: fewer samples than say anything are said once for a workload, and a
// profile that cannot be read once for its worker; figures stand.
func TestLayersOfFew(t *testing.T) {
	f := func(words string, rows int, put func(*results.Dir, results.TrialRef)) {
		t.Helper()
		r := ref(1, "w", "sarama", 1)
		d := newRun(t, fixture{ref: r, kind: workloads.Producing, rate: 1000, latency: int64(time.Millisecond), state: results.StateComplete})
		put(d, r)
		s, _, err := build(d)
		if err != nil {
			t.Fatal(err)
		}
		n, said := 0, 0
		for _, row := range s.Rows {
			if row.Metric == results.CPULayer {
				n++
			}
		}
		for _, w := range s.Warnings {
			if strings.Contains(w.Words, words) {
				said++
			}
		}
		if n != rows || said != 1 {
			t.Errorf("%d rows, want %d; said %q %d times: %v", n, rows, words, said, s.Warnings)
		}
		if len(s.Rows) < 20 {
			t.Errorf("only %d rows", len(s.Rows))
		}
	}
	f("cpu.layer is of 199 samples", len(layers.Layers()), func(d *results.Dir, r results.TrialRef) {
		putProfile(t, d, r, "producer-0", profiles.CPU, []string{"samples", layers.CPUTime}, map[string][]int64{"runtime.mallocgc": {199, 199}})
	})
	f("a profile cannot be read: cpu.pb.gz: ", 0, func(d *results.Dir, r results.TrialRef) {
		putProfile(t, d, r, "producer-0", profiles.CPU, nil, nil)
		file := filepath.Join(d.WorkerPath(r, "producer-0"), results.ProfilesDir, profiles.CPU.FileName())
		if err := os.WriteFile(file, []byte("nothing that a profile is"), 0o644); err != nil {
			t.Fatal(err)
		}
	})
}
