package conduct_test

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/workloads"
)

// What cannot be recorded later is: how the runtime of every worker was set, in
// force and not only asked for, and the CPU of every process, of kbench's own too.
func TestProcessesAreRecorded(t *testing.T) {
	onEmbedded(t)
	set := short("set")
	set.Process = workloads.Process{GOMAXPROCS: 1, GOGC: 50, GOMEMLIMIT: "512MiB"}
	off := short("off")
	off.Process.GOGC = -1
	got, err := run(t, bounded(t), options(t.Name(), t.TempDir(), trials([]workloads.Spec{set, off, short("default")}, "franz-go")))
	got.wantStates(t, "complete", "complete", "complete")
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"1 50 536870912", "0 -1 9223372036854775807", "0 100 9223372036854775807"} {
		trial := got.trials[i]
		samples, err := results.ReadMachine(filepath.Join(got.dir.TrialPath(trial.Ref), results.MachineFile))
		if err != nil {
			t.Fatal(err)
		}
		cpu := make(map[string]bool)
		for _, s := range samples {
			for name := range s.Procs {
				cpu[name] = true
			}
		}
		for _, w := range trial.Workers {
			if is := inForce(w.Runtime, i > 0); is != want {
				t.Errorf("%s of %s has %s in force, want %s", w.Name, trial.Ref.Workload, is, want)
			}
			if !cpu[w.Name] {
				t.Errorf("%s of %s has no CPU", w.Name, trial.Ref.Workload)
			}
		}
		for _, name := range []string{results.SupervisorProcess, results.BrokerProcess(0)} {
			if !cpu[name] {
				t.Errorf("%s: %s has no CPU in %v", trial.Ref.Workload, name, cpu)
			}
		}
		if cpu[results.BrokerParent] {
			t.Errorf("%s: the process of an embedded broker is counted twice", trial.Ref.Workload)
		}
	}
}

// inForce is how a runtime was set, in words. How many threads it has may be the
// machine's to say: then they are left out, but there must be some.
func inForce(r *results.GoRuntime, machines bool) string {
	if r == nil || r.GOMAXPROCS < 1 {
		return fmt.Sprintf("%+v", r)
	}
	if machines {
		return fmt.Sprint(0, r.GOGC, r.GOMEMLIMIT)
	}
	return fmt.Sprint(r.GOMAXPROCS, r.GOGC, r.GOMEMLIMIT)
}
