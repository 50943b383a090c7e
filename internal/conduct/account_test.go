package conduct

import "testing"

// What kbench uses is what its live processes and those that have ended have used
// since the first sample, each second of it once.
func TestAccount(t *testing.T) {
	const s = int64(1e9)
	var a account
	f := func(name string, procs map[string]int64, ended, want int64) {
		t.Helper()
		if got := a.add(procs, ended); got != want {
			t.Errorf("%s: %d, want %d", name, got/s, want/s)
		}
	}
	f("what was before is not the trial's", map[string]int64{"supervisor": 5 * s}, 100*s, 0)
	f("a broker from an earlier trial", map[string]int64{"supervisor": 6 * s, "broker-0": 50 * s}, 100*s, s)
	f("a worker that is new", map[string]int64{"supervisor": 6 * s, "broker-0": 52 * s, "consumer-0": 3 * s}, 100*s, 6*s)
	f("all go on", map[string]int64{"supervisor": 7 * s, "broker-0": 53 * s, "consumer-0": 4 * s}, 100*s, 9*s)
	f("the worker ends and had used more", map[string]int64{"supervisor": 7 * s, "broker-0": 53 * s}, 106*s, 11*s)
	f("nobody saw a worker that came and went", map[string]int64{"supervisor": 7 * s, "broker-0": 53 * s}, 107*s, 12*s)
	f("a node that is no child of ours dies", map[string]int64{"supervisor": 8 * s}, 107*s, 13*s)
}
