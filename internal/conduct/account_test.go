package conduct

import (
	"path/filepath"
	"testing"

	"github.com/kbench/kbench/internal/launch"
	"github.com/kbench/kbench/results"
)

// What kbench uses is what its live processes and those that have ended have used
// since the first sample, each second of it once.
func TestAccount(t *testing.T) {
	const s = int64(1e9)
	var a account
	f := func(name string, procs, ended map[string]int64, want int64) {
		t.Helper()
		if got := a.add(procs, ended); got != want*s {
			t.Errorf("%s: %d, want %d", name, got/s, want)
		}
	}
	f("what was before is not the trial's", map[string]int64{"supervisor": 5 * s}, nil, 0)
	f("a broker from an earlier trial", map[string]int64{"supervisor": 6 * s, "broker-0": 50 * s}, nil, 1)
	f("a worker that is new", map[string]int64{"supervisor": 6 * s, "broker-0": 52 * s, "consumer-0": 3 * s}, nil, 6)
	f("all go on", map[string]int64{"supervisor": 7 * s, "broker-0": 53 * s, "consumer-0": 4 * s}, nil, 9)
	f("the worker is gone and has not told", map[string]int64{"supervisor": 7 * s, "broker-0": 53 * s}, nil, 9)
	f("it had used more", map[string]int64{"supervisor": 7 * s, "broker-0": 53 * s}, map[string]int64{"consumer-0": 6 * s}, 11)
	f("nobody saw a worker that came and went", map[string]int64{"supervisor": 7 * s, "broker-0": 53 * s}, map[string]int64{"consumer-1": s}, 12)
	f("a node that is no child of ours dies", map[string]int64{"supervisor": 8 * s}, nil, 13)
	f("another process takes its place", map[string]int64{"supervisor": 8 * s, "broker-0": 4 * s}, nil, 17)
	f("and goes on", map[string]int64{"supervisor": 8 * s, "broker-0": 7 * s}, nil, 20)
}

// Of two trials side by side in one process each has the worker that it started, also
// when that has ended, and not the other's.
func TestTrialsSideBySide(t *testing.T) {
	var samplers [2]*sampler
	var dirs [2]string
	for i := range samplers {
		dirs[i] = t.TempDir()
		s, err := startSampler(launch.Here{}, dirs[i])
		if err != nil {
			t.Fatal(err)
		}
		s.sample()
		samplers[i] = s
	}
	p, err := launch.Local{}.Start(t.Context(), launch.Spec{Path: "sh", Args: []string{"-c", "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done"}})
	if err != nil {
		t.Fatal(err)
	}
	samplers[0].watch("consumer-0", watched{p.PID(), p})
	exit := p.Wait()
	if !exit.OK() || exit.CPU == 0 {
		t.Fatalf("the worker %s and had %d ns", exit, exit.CPU)
	}
	for i, s := range samplers {
		if err := s.close(); err != nil {
			t.Fatal(err)
		}
		all, err := results.ReadMachine(filepath.Join(dirs[i], results.MachineFile))
		if err != nil {
			t.Fatal(err)
		}
		first, last := all[0], all[len(all)-1]
		workers := last.Ours - first.Ours - (last.Procs[results.SupervisorProcess] - first.Procs[results.SupervisorProcess])
		if want := []int64{exit.CPU, 0}[i]; workers != want {
			t.Errorf("trial %d: workers used %d ns, want %d", i, workers, want)
		}
	}
}
