package fit

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kbench/kbench/results"
)

const s = int64(1e9)

// measured is a trial of a round in which others used so many cores, after a piece of
// work that took so many ms.
func measured(n, round int, others float64, canary int64) *Trial {
	return &Trial{
		TrialRef: results.TrialRef{N: n, Workload: "w", Round: round}, Canary: canary * 1e6, Cores: 2,
		Idle: Look{Length: s, Pressure: -1}, Measured: Look{Length: 30 * s, Foreign: others, Pressure: -1},
	}
}

// Only what differs within a round puts a trial out.
func TestOut(t *testing.T) {
	f := func(name string, want string, all ...*Trial) {
		t.Helper()
		var got []string
		out := Out(all)
		for _, n := range slices.Sorted(maps.Keys(out)) {
			got = append(got, string(rune('0'+n))+" "+out[n].Class)
		}
		if got := strings.Join(got, ", "); got != want {
			t.Errorf("%s: %q are out, want %q", name, got, want)
		}
	}
	f("idle", "", measured(1, 1, 0, 100), measured(2, 1, 0.05, 104), measured(3, 1, 0.02, 97))
	f("one is disturbed", "2 load", measured(1, 1, 0, 100), measured(2, 1, 0.5, 100), measured(3, 1, 0.02, 100))
	f("one is spared", "3 load", measured(1, 1, 1, 100), measured(2, 1, 1, 100), measured(3, 1, 0, 100))
	f("all share it", "", measured(1, 1, 1, 200), measured(2, 1, 1.05, 205), measured(3, 1, 0.98, 197))
	f("rounds may differ", "", measured(1, 1, 0, 100), measured(2, 1, 0, 100), measured(3, 2, 1, 200), measured(4, 2, 1, 200))
	f("a slow processor", "1 canary", measured(1, 1, 0, 130), measured(2, 1, 0, 100), measured(3, 1, 0, 100))
	f("of two, both", "1 load, 2 load", measured(1, 1, 0, 100), measured(2, 1, 0.5, 100))
	first, second := measured(1, 1, 1, 100), measured(2, 1, 1, 100)
	again, too := measured(3, 1, 0, 100), measured(4, 1, 0, 100)
	again.Repeat, too.Repeat = true, true
	f("a round that was run once more is one of its own", "", first, second, again, too)
	f("one alone", "", measured(1, 1, 2, 100))
	long, brief := measured(1, 1, 0.17, 100), measured(1, 1, 0.17, 100)
	brief.Measured.Length = 2 * s
	f("what a long part tells", "1 load", long, measured(2, 1, 0, 100), measured(3, 1, 0, 100))
	f("what ticks hide in a brief one", "", brief, measured(2, 1, 0, 100), measured(3, 1, 0, 100))
}

func TestSharedAndOverall(t *testing.T) {
	busy := []*Trial{measured(1, 1, 1, 100), measured(2, 1, 1.2, 100), measured(3, 2, 0, 100), measured(4, 2, 0, 100)}
	shared := Shared(busy)
	if len(shared) != 1 || shared[0].Round != 1 || shared[0].Kind != results.KindBusy {
		t.Errorf("shared %+v", shared)
	}
	f := func(want string, out int, all ...*Trial) {
		t.Helper()
		if r := Overall(all, out); !strings.HasPrefix(r.Words, want) {
			t.Errorf("%q does not say %q", r.Words, want)
		}
	}
	f("busy", 0, busy...)
	f("not fit for 2 of 4 trials", 2, busy...)
	f("fit to measure: others used at most 0.00 of 2 cores", 0, busy[2:]...)
	if Overall(nil, 0) != nil {
		t.Error("nobody looked, and it is known")
	}
}

// Of an attached broker nobody knows what it had: what others had is no reason, and
// that is said, but what was stolen and the canary are.
func TestUnseen(t *testing.T) {
	f := func(want int, line string, all ...*Trial) {
		t.Helper()
		for _, one := range all {
			one.Unseen = true
		}
		if got := Out(all); len(got) != want {
			t.Errorf("%v are out, want %d", got, want)
		}
		if got := Shared(all); got != nil {
			t.Errorf("%v is shared", got)
		}
		if r := Overall(all, want); !strings.HasPrefix(r.Words, line) || strings.Count(r.Words, "attached") != 1 {
			t.Errorf("%q does not say %q", r.Words, line)
		}
	}
	f(0, "fit to measure: others used at most 0.00 of 2 cores before a trial and 0.00 during", measured(1, 1, 1.5, 100), measured(2, 1, 0.7, 100), measured(3, 1, 0.6, 100))
	stolen := measured(1, 1, 0, 100)
	stolen.Measured.Steal = 0.5
	f(1, "not fit", stolen, measured(2, 1, 0.7, 100), measured(3, 1, 0.6, 100))
	f(1, "not fit", measured(1, 1, 0, 130), measured(2, 1, 0, 100), measured(3, 1, 0, 100))
}

// What the samples of a trial tell; nothing in those of an old run directory.
func TestOfSamples(t *testing.T) {
	trial := &results.Trial{CanaryNs: 7, Phases: []results.Phase{{Name: results.PhaseIdle, From: s, To: 2 * s}, {Name: results.PhaseMeasure, From: 3 * s, To: 5 * s}}}
	at := func(t, busy, ours, steal, waited int64) results.MachineSample {
		return results.MachineSample{T: t, CPUBusy: 50*s + busy, Ours: ours, CPUSteal: steal, PSICPUTotal: s + waited}
	}
	samples := []results.MachineSample{at(s, 0, 0, 0, 0), at(2*s, s, 0, s/2, s/4), at(3*s, s, 0, s/2, s), at(5*s, 4*s, 2*s, s/2, s)}
	run := &results.Run{Machine: results.Machine{Cores: 2}, Broker: results.Broker{Kind: "embedded"}}
	got := Of(trial, run, samples)
	want := &Trial{Canary: 7, Cores: 2, Idle: Look{s, 1, 0.5, 0.25, s}, Measured: Look{2 * s, 0.5, 0, 0, 2 * s}}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	run.Broker.Kind, want.Unseen = "attached", true
	if d := cmp.Diff(want, Of(trial, run, samples)); d != "" {
		t.Error(d)
	}
	for i := range samples {
		samples[i].CPUBusy = 0
	}
	if Of(trial, run, samples) != nil || Of(trial, run, nil) != nil || Of(&results.Trial{}, run, samples) != nil {
		t.Error("what nobody looked at is known")
	}
}
