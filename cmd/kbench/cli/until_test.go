package cli

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/workloads"
	"github.com/kbench/kbench/workloads/plan"
)

// TestUntil: rounds of profiles follow for the arms that have too few samples, until they
// have them, get none, or the most rounds are over; what is missing then is said.
func TestUntil(t *testing.T) {
	d, err := workloads.Parse("w.yaml", []byte("name: w\nrounds: 1\nchurn: [{do: join, when: stable}]\n"), workloads.Options{})
	if err != nil {
		t.Fatal(err)
	}
	clients := []string{"plenty", "some", "few", "none", "failing", "refused"}
	trials, err := plan.Expand([]workloads.Spec{*d.Spec}, clients, []string{"matched"}, plan.Rounds{Profiled: 1}, 7)
	if err != nil {
		t.Fatal(err)
	}
	run := &results.Run{ID: "r"}
	dir, err := results.Create(filepath.Join(t.TempDir(), "r"), run)
	if err != nil {
		t.Fatal(err)
	}
	brings := map[string]int64{"plenty": 200, "some": 90, "few": 10}
	u := &until{samples: 200, most: 4, seed: 7, arms: map[armOf]*sampledArm{}, rounds: map[string]int{}}
	u.count = func(_ *results.Dir, t *results.Trial) (int64, error) { return brings[t.Ref.Client], nil }
	planned := trials
	for _, c := range clients {
		u.arms[armOf{"w", c}] = &sampledArm{}
	}
	ran := map[string]int{} // profiled trials, by client
	for next := trials; len(next) > 0; {
		for _, p := range next {
			tr := &results.Trial{State: results.StateComplete, Ref: results.TrialRef{N: p.N, Dir: p.Dir, Workload: p.Workload, Arm: p.Arm.Name, Client: p.Arm.Client, Round: p.Round, Profiled: p.Profiled}}
			switch p.Arm.Client {
			case "failing":
				tr.State = results.StateFailed
			case "refused":
				tr.State = results.StateRefused
			}
			run.Order = append(run.Order, tr.Ref)
			if _, err := dir.CreateTrial(tr); err != nil {
				t.Fatal(err)
			}
			if p.Profiled {
				ran[p.Arm.Client]++
			}
		}
		next = u.next(dir, run, planned)
		planned = slices.Concat(planned, next)
	}
	if diff := cmp.Diff(map[string]int{"plenty": 1, "some": 3, "few": 5, "none": 1, "failing": 1, "refused": 1}, ran); diff != "" {
		t.Errorf("rounds of profiles, want to got:\n%s", diff)
	}
	if last := planned[len(planned)-1]; len(planned) != len(trials)+6 || last.N != len(planned) {
		t.Errorf("%d trials in the end, the last of which is %+v", len(planned), last)
	}
	want := []string{
		"w, failing: the rebalances have 0 of 200 samples: its last trial was not completed",
		"w, few: the rebalances have 50 of 200 samples: 4 rounds followed, and no more do",
		"w, none: the rebalances have 0 of 200 samples: its last round brought none",
		"w, refused: the rebalances have 0 of 200 samples: it was refused",
	}
	if diff := cmp.Diff(want, u.said); diff != "" {
		t.Errorf("what is missing, want to got:\n%s", diff)
	}
	u.count = func(*results.Dir, *results.Trial) (int64, error) { return 0, fmt.Errorf("it is torn") }
	if _, why := u.of(dir, &results.Trial{State: results.StateComplete}); !strings.Contains(why, "torn") {
		t.Errorf("samples that cannot be read: %q", why)
	}
}
