package conduct

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/kbench/kbench/internal/worker"
	"github.com/kbench/kbench/profiles"
	"github.com/kbench/kbench/profiles/capture"
	"github.com/kbench/kbench/results"
)

// profile says to a worker of the client under test what to take in a profiled trial,
// and what to hold instead in a timed one of the same run: a profiler on the heap
// makes the garbage collector wait, and that would look like a gain.
func (t *trial) profile(job *worker.Job) {
	if t.out.Ref.Profiled {
		job.Profiles, job.Hz = t.run.o.Profiles, t.run.o.Hz
	} else if slices.Contains(t.run.o.Profiles, profiles.CPU) {
		job.Ballast = capture.Ballast
	}
}

// finishProfiles makes of what the workers left what others read, when their files are
// home: also of those that were killed.
func (t *trial) finishProfiles() error {
	var errs []error
	for _, w := range t.all() {
		if len(w.job.Profiles) == 0 {
			continue
		}
		if m, ok := w.report(worker.Ready); ok && m.Note != "" {
			t.note("%s: %s", w.job.Name, m.Note)
		}
		var measured profiles.Window
		if p := t.out.Phase(results.PhaseMeasure); p.To > 0 {
			measured = profiles.Window{From: p.From + w.clock.Ahead, To: p.To + w.clock.Ahead}
		}
		labels := t.run.run.ProfileLabels(t.out.Ref, w.job.Role, w.job.Name)
		if err := profiles.Finish(filepath.Join(w.home, results.ProfilesDir), measured, labels); err != nil {
			errs = append(errs, fmt.Errorf("worker %s: %w", w.job.Name, err))
		}
	}
	return errors.Join(errs...)
}
