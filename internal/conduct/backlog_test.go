package conduct_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/kbench/kbench/drivers"
	"github.com/kbench/kbench/internal/conduct"
	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/workloads"
)

// The one member of a backlog is static where the workload says so, and the wire
// shows it.
func TestStaticBacklog(t *testing.T) {
	onEmbedded(t)
	spec := short("static")
	spec.Produce.By, spec.Produce.Rate = "reference", workloads.Rate{Max: true}
	spec.Consume.Backlog, spec.Group.Static = 20_000, true
	got, err := run(t, bounded(t), options(t.Name(), t.TempDir(), trials([]workloads.Spec{spec}, "franz-go", "sarama")))
	got.wantStates(t, "complete", "complete")
	if err != nil {
		t.Fatal(err)
	}
	for _, trial := range got.trials {
		i := slices.IndexFunc(trial.Wire, func(c results.WireCheck) bool { return c.Worker == "consumer-0" && c.Key == drivers.KeyStatic })
		if i < 0 || trial.Wire[i].Seen != "true" || !trial.Wire[i].OK {
			t.Errorf("%s: the wire shows %+v, want a static member", trial.Ref.Client, trial.Wire)
		}
	}
}

// A workload whose client has no driver, or that wants the reference producer where
// there is none for it, is refused before anything is started or written.
func TestNoDriver(t *testing.T) {
	withoutKafka(t)
	f := func(missing, want string) {
		t.Helper()
		spec := short("orphan")
		spec.Produce.By = "reference"
		o := options(t.Name(), t.TempDir(), trials([]workloads.Spec{spec}, "sarama"))
		o.Table = slices.DeleteFunc(slices.Clone(o.Table), func(d drivers.Driver) bool { return d.Name() == missing })
		if _, err := conduct.Run(t.Context(), o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v", err)
		}
		if _, err := os.Stat(o.Out); err == nil || len(o.Launcher.(*spy).all()) > 0 {
			t.Error("something was started or written")
		}
	}
	f(conduct.Reference, "workload orphan: the reference producer is franz-go")
	f("sarama", `workload orphan: arm sarama: no driver of this kbench is called "sarama"`)
}
