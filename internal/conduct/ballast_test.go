package conduct

import (
	"slices"
	"testing"

	"github.com/kbench/kbench/internal/worker"
	"github.com/kbench/kbench/profiles"
	"github.com/kbench/kbench/profiles/capture"
	"github.com/kbench/kbench/results"
)

// TestBallast: where a run samples CPU, its timed trials hold as much as the sampler of
// its profiled ones, and take no profile themselves.
func TestBallast(t *testing.T) {
	f := func(profiled bool, ballast int, taken []profiles.Kind, kinds ...profiles.Kind) {
		t.Helper()
		tr := &trial{run: &runner{o: Options{Profiles: kinds, Hz: 250}}, out: &results.Trial{Ref: results.TrialRef{Profiled: profiled}}}
		var job worker.Job
		tr.profile(&job)
		if int(job.Ballast) != ballast || !slices.Equal(job.Profiles, taken) {
			t.Errorf("profiled %t, %v: holds %d and takes %v, want %d and %v", profiled, kinds, job.Ballast, job.Profiles, ballast, taken)
		}
	}
	both := []profiles.Kind{profiles.CPU, profiles.Heap}
	f(false, capture.Ballast, nil, both...)
	f(true, 0, both, both...)
	f(false, 0, nil, profiles.Heap)
	f(false, 0, nil)
}
