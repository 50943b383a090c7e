package conduct_test

import (
	"path/filepath"
	"slices"
	"testing"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/record"
	"github.com/kbench/kbench/workloads"
)

// A group of several at a fixed rate is watched, also without a timeline; of one
// member there is nothing to see, and nobody stands beside a client that is driven
// as fast as it goes.
func TestGroupIsWatched(t *testing.T) {
	onEmbedded(t)
	several, one, flood := short("several"), short("one"), short("flood")
	several.Consume.Members, flood.Consume.Members = 2, 2
	flood.Produce.Rate, flood.Produce.Window, flood.Produce.Chunk = workloads.Rate{Max: true}, 8, 1 // a narrow window is no flood
	got, err := run(t, bounded(t), options(t.Name(), t.TempDir(), trials([]workloads.Spec{several, one, flood}, "franz-go")))
	got.wantStates(t, "complete", "complete", "complete")
	if err != nil {
		t.Fatal(err)
	}
	for _, trial := range got.trials[1:] {
		if slices.ContainsFunc(trial.Workers, func(w results.Worker) bool { return w.Role == "observer" }) {
			t.Errorf("%s has an observer", trial.Ref.Workload)
		}
	}
	if w := got.worker(t, 1, "observer"); w.Role != "observer" || w.Exit.String() != "exited 0" {
		t.Errorf("the observer is a %s and %s", w.Role, w.Exit)
	}
	// The group was stable with both in it before anything was measured.
	var seen []string
	if err := record.ReadEvents(filepath.Join(got.dir.WorkerPath(got.trials[0].Ref, "observer"), results.EventsFile), func(e record.Event) error {
		if e.K == record.EvGroup && e.View.State == "Stable" {
			for _, m := range e.View.Members {
				seen = append(seen, m.Worker)
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(seen, "consumer-0") || !slices.Contains(seen, "consumer-1") {
		t.Errorf("in the stable group the observer saw %q", seen)
	}
}
