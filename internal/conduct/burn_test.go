package conduct_test

import (
	"bufio"
	"context"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/kbench/kbench/drivers/faulty"
	"github.com/kbench/kbench/profiles"
	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/profiled"
	"github.com/kbench/kbench/workloads"
	"github.com/kbench/kbench/workloads/plan"
)

// dear burns about 200 ns of CPU for each record.
var dear = faulty.Fault{Kind: faulty.BurnRecord, Nth: 256, For: 200 * time.Nanosecond}

// TestBurn runs a driver that burns a known amount of CPU per record beside the same one
// that does not, as often as KBENCH_BURN says: each time the function that burns is in the
// difference of the two at its size.
func TestBurn(t *testing.T) {
	times, _ := strconv.Atoi(os.Getenv("KBENCH_BURN"))
	if times < 1 {
		t.Skip("KBENCH_BURN is no number of runs")
	}
	for range times {
		burnOnce(t)
	}
}

// burnOnce goes on with rounds until a thousand samples are in the burner: a busy machine
// gives it little.
func burnOnce(t *testing.T) {
	spec := workloads.Default()
	spec.Name, spec.Records.Size.Fixed = "burn", 64
	spec.Produce.Rate = workloads.Rate{Max: true}
	spec.Phases = workloads.Phases{Warmup: time.Second, Measure: 20 * time.Second, Drain: 10 * time.Second}
	all, err := plan.Expand([]workloads.Spec{spec}, []string{"loopback", "loopback+" + dear.String()}, []string{"matched"}, plan.Rounds{Timed: 1}, 7)
	if err != nil {
		t.Fatal(err)
	}
	for i := range all {
		all[i].Profiled = true
	}
	o := options(t.Name(), t.TempDir(), all)
	o.Profiles, o.Hz = []profiles.Kind{profiles.CPU}, 250
	o.Again = func(d *results.Dir, _ *results.Run) []plan.Trial {
		if _, _, samples := burnIn(t, d); samples >= 1000 || len(all) >= 20 {
			return nil
		}
		more, err := plan.Again(all, 7, plan.Follow{Workload: "burn", Profiled: true})
		if err != nil {
			t.Error(err)
		}
		all = slices.Concat(all, more)
		return more
	}
	got, err := run(t, context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	pair, seen, samples := burnIn(t, got.dir)
	var cost faulty.Cost
	for _, tr := range got.trials {
		if tr.Ref.Client == pair.A.Client {
			c := costOf(t, filepath.Join(got.dir.WorkerPath(tr.Ref, tr.Workers[0].Name), results.ClientLogFile))
			cost.Records, cost.CPU = cost.Records+c.Records, cost.CPU+c.CPU
		}
	}
	burned := cost.PerRecord()
	t.Logf("burned %.1f ns a record, seen %.1f (%+.1f%%) by about %d samples of %d, against %d", burned, seen, 100*(seen/burned-1), samples, pair.A.Samples, pair.B.Samples)
	if samples < 1000 {
		t.Errorf("%d samples are too few", samples)
	}
	if math.Abs(seen/burned-1) > 0.1 {
		t.Errorf("it is not within 10%%")
	}
}

// burnIn is what the burner has in the difference, ns a record, and about how many
// samples that is.
func burnIn(t *testing.T, d *results.Dir) (pair profiled.Pair, seen float64, samples int64) {
	t.Helper()
	r, err := profiled.Load(d)
	if err != nil {
		t.Fatal(err)
	}
	chosen := func(arm string) *profiled.Set {
		sets, err := r.Choose(profiled.Choice{Arm: arm, Kind: string(profiles.CPU)})
		if err != nil || len(sets) != 1 {
			t.Fatalf("the arm %s: %v, %d sets", arm, err, len(sets))
		}
		return sets[0]
	}
	pair = profiled.Pair{A: chosen("loopback+" + dear.String()), B: chosen("loopback")}
	top, err := pair.Top()
	if err != nil {
		t.Fatal(err)
	}
	at := slices.IndexFunc(top.Lines, func(f profiled.Function) bool { return strings.HasSuffix(f.Name, "faulty.burnOnRecord") })
	if at < 0 || top.Per != "per record" {
		t.Fatalf("the difference is %s and has no burner: %+v", top.Per, top.Lines[:min(5, len(top.Lines))])
	}
	seen = top.Lines[at].Flat
	return pair, seen, int64(float64(pair.A.Samples) * seen * float64(pair.A.Cost.Records) / pair.A.Cost.CPU)
}

// costOf is what a burner wrote down.
func costOf(t *testing.T, file string) (c faulty.Cost) {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		if _, line, found := strings.Cut(s.Text(), "faulty: "); found {
			if got, ok := faulty.ParseCost("faulty: " + line); ok {
				c = got
			}
		}
	}
	if c.Records == 0 {
		t.Fatalf("%s does not say what was burned", file)
	}
	return c
}
