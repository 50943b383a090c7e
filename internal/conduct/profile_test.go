package conduct_test

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/pprof/profile"

	"github.com/kbench/kbench/drivers/faulty"
	"github.com/kbench/kbench/internal/conduct"
	"github.com/kbench/kbench/internal/worker"
	"github.com/kbench/kbench/profiles"
	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/profiled"
	"github.com/kbench/kbench/workloads"
	"github.com/kbench/kbench/workloads/acts"
	"github.com/kbench/kbench/workloads/plan"
)

// profiling are options of a run with a round of profiles after each workload's own.
func profiling(t *testing.T, spec workloads.Spec, client string, timed int, kinds ...profiles.Kind) conduct.Options {
	t.Helper()
	all, err := plan.Expand([]workloads.Spec{spec}, []string{client}, []string{"matched"}, plan.Rounds{Timed: timed, Profiled: 1}, 7)
	if err != nil {
		t.Fatal(err)
	}
	o := options(t.Name(), t.TempDir(), all)
	o.Profiles, o.Hz = kinds, 250
	return o
}

// rawOf reads the raw samples of a worker.
func (o *outcome) rawOf(t *testing.T, trial *results.Trial, name string) *profiles.Raw {
	t.Helper()
	raw, err := profiles.ReadRaw(filepath.Join(o.dir.WorkerPath(trial.Ref, name), results.ProfilesDir, profiles.RawFile))
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// profileOf reads a profile of a worker.
func (o *outcome) profileOf(t *testing.T, trial *results.Trial, name string, k profiles.Kind) *profile.Profile {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(o.dir.WorkerPath(trial.Ref, name), results.ProfilesDir, k.FileName()))
	if err != nil {
		t.Fatal(err)
	}
	p, err := profile.ParseData(data)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// noHalves asks that nothing half written is left of a run.
func (o *outcome) noHalves(t *testing.T) {
	t.Helper()
	for _, pattern := range []string{"*", "*/*", "*/*/*", "*/*/*/*", "*/*/*/*/*"} {
		if left, _ := filepath.Glob(filepath.Join(o.dir.Path(), pattern) + ".tmp"); len(left) > 0 {
			t.Errorf("%v are left", left)
		}
	}
}

// TestProfiles takes profiles in a round of its own: they are there with their labels
// and times, and no timing comes from it, but what the audit finds.
func TestProfiles(t *testing.T) {
	onEmbedded(t)
	spec := short("profiled")
	spec.Gate = []string{"audit.lost == 0"}
	got, err := run(t, bounded(t), profiling(t, spec, "loopback", 1, profiles.CPU, profiles.Heap))
	got.wantStates(t, "complete", "complete")
	if err != nil {
		t.Fatal(err)
	}
	got.noHalves(t)
	timed, profiled := got.trials[0], got.trials[1]
	if timed.Ref.Profiled || !profiled.Ref.Profiled || got.dir.Run().Rounds != 1 || got.dir.Run().Hz != 250 {
		t.Errorf("profiled: %t, %t; %d rounds, %d Hz", timed.Ref.Profiled, profiled.Ref.Profiled, got.dir.Run().Rounds, got.dir.Run().Hz)
	}
	if _, err := os.Stat(filepath.Join(got.dir.WorkerPath(timed.Ref, "both-0"), results.ProfilesDir)); err == nil {
		t.Error("there are profiles of a timed trial")
	}

	raw := got.rawOf(t, profiled, "both-0")
	measured := profiled.Phase(results.PhaseMeasure)
	if !raw.Whole || raw.Hz != 250 || raw.Start > profiled.Phase(results.PhaseWarmup).From || raw.Until() < measured.To {
		t.Errorf("whole %t, %d Hz, from %d to %d, want all of the trial with the part from %d to %d", raw.Whole, raw.Hz, raw.Start, raw.Until(), measured.From, measured.To)
	}
	for _, k := range []profiles.Kind{profiles.CPU, profiles.Heap} {
		p := got.profileOf(t, profiled, "both-0", k)
		for _, want := range []string{"client=loopback", "member=both-0", "role=both", "workload=profiled"} {
			if !slices.Contains(p.Comments, want) {
				t.Errorf("%s: comments are %q, want %s", k, p.Comments, want)
			}
		}
		if k == profiles.CPU && p.DurationNanos != measured.To-measured.From {
			t.Errorf("it lasts %d ns, the measured part %d", p.DurationNanos, measured.To-measured.From)
		}
	}
	for _, name := range []string{"cpu.raw", "cpu.pb.gz", "heap.pb.gz"} {
		if !slices.ContainsFunc(profiled.Files, func(f results.File) bool { return f.Name == "both-0/profiles/"+name }) {
			t.Errorf("%s is not among the files of the trial", name)
		}
	}

	figures := map[int]map[string]bool{1: {}, 2: {}}
	for _, r := range got.summary.Rows {
		figures[r.Trial][r.Metric] = true
		if r.Profiled != (r.Trial == 2) {
			t.Errorf("trial %d: %s is said to be of a profiled trial: %t", r.Trial, r.Metric, r.Profiled)
		}
	}
	if !figures[1][results.ConsumeThroughput] || !figures[1][results.AuditLost] || !figures[2][results.AuditLost] {
		t.Errorf("there are figures of %v", figures)
	}
	for _, metric := range []string{results.ConsumeThroughput, results.ProduceResponse, results.CPUPerRecord, results.TrialLimited, results.TrialPerturbed} {
		if figures[2][metric] {
			t.Errorf("%s has a figure of a trial of which profiles were taken", metric)
		}
	}
	if g := got.summary.Gates[0]; g.Verdict != results.Met || g.N != 1 {
		t.Errorf("the gate is %s by %d trials, want 1", g.Verdict, g.N)
	}
}

// TestProfilesWithoutTimes is of a system on which samples have no times: there is a
// CPU profile all the same, and the trial says what cannot be done with it.
func TestProfilesWithoutTimes(t *testing.T) {
	withoutKafka(t)
	t.Setenv(worker.PprofOnly, "1")
	got, err := run(t, bounded(t), profiling(t, short("untimed"), "loopback", 1, profiles.CPU))
	got.wantStates(t, "complete", "complete")
	if err != nil {
		t.Fatal(err)
	}
	trial := got.trials[1]
	if want := "both-0: CPU samples have no times: runtime/pprof was asked for: no part of the CPU profile can be cut out"; !slices.Contains(trial.Notes, want) {
		t.Errorf("notes are %q, want %q", trial.Notes, want)
	}
	p := got.profileOf(t, trial, "both-0", profiles.CPU)
	if !slices.Contains(p.Comments, "client=loopback") || !slices.ContainsFunc(p.Comments, func(c string) bool { return strings.Contains(c, "no times") }) {
		t.Errorf("comments are %q", p.Comments)
	}
	if slices.ContainsFunc(trial.Files, func(f results.File) bool { return strings.HasSuffix(f.Name, profiles.RawFile) }) {
		t.Error("there are raw samples")
	}
}

// TestKilledMemberKeepsItsProfile kills a member in the middle of the measured part. Its
// profile is there up to that moment, and that of who takes its place from its start on.
func TestKilledMemberKeepsItsProfile(t *testing.T) {
	onEmbedded(t)
	spec := growingSpec(t, "killed", "[{do: crash, when: stable, target: oldest, restore: false}]")
	got, err := run(t, bounded(t), profiling(t, spec, "franz-go", 1, profiles.CPU, profiles.Heap, profiles.Trace))
	got.wantStates(t, "complete", "complete")
	if err != nil {
		t.Fatal(err)
	}
	got.noHalves(t)
	trial := got.trials[1]
	at := slices.IndexFunc(trial.Acts, func(a results.Act) bool { return a.Kind == acts.Crash })
	if at < 0 || trial.Acts[at].Gone == 0 {
		t.Fatalf("nobody was killed: %+v", trial.Acts)
	}
	act := trial.Acts[at]
	raw := got.rawOf(t, trial, act.Member)
	if raw.Whole {
		t.Error("the samples of a killed worker are said to be whole")
	}
	// Its last tick was on time, or it was waiting for a processor itself.
	if missing := time.Duration(act.Gone - raw.Until()); missing > time.Second {
		t.Logf("the last %s are missing", missing)
	}
	if raw.Until() < trial.Phase(results.PhaseMeasure).From {
		t.Errorf("its samples end before the measured part")
	}
	if p := got.profileOf(t, trial, act.Member, profiles.CPU); !slices.Contains(p.Comments, "member="+act.Member) {
		t.Errorf("comments are %q", p.Comments)
	}
	for _, w := range trial.Workers {
		if w.Role != results.RoleConsumer || w.Name == act.Member {
			continue
		}
		if raw := got.rawOf(t, trial, w.Name); !raw.Whole {
			t.Errorf("the samples of %s are not whole", w.Name)
		}
	}
}

// burner burns CPU whenever partitions are taken from it.
var burner = faulty.Fault{Kind: faulty.BurnRevoke, Nth: 1, For: 300 * time.Millisecond}

// TestSlices has a driver burn CPU whenever partitions are taken from it, and finds the
// function that does at the head of what the time of the rebalance has more than the
// steady time, second for second.
func TestSlices(t *testing.T) {
	onEmbedded(t)
	spec := growingSpec(t, "sliced", "[{do: join, when: stable, restore: false}, {do: join, when: stable, restore: false}]")
	all, err := plan.Expand([]workloads.Spec{spec}, []string{"franz-go+" + burner.String()}, []string{"matched"}, plan.Rounds{Timed: 1, Profiled: 1}, 7)
	if err != nil {
		t.Fatal(err)
	}
	o := options(t.Name(), t.TempDir(), all[1:]) // the profiled one alone
	o.Trials[0].N, o.Profiles = 1, []profiles.Kind{profiles.CPU}
	got, err := run(t, bounded(t), o)
	got.wantStates(t, "complete")
	if err != nil {
		t.Fatal(err)
	}
	e := got.evidence(t, got.trials[0])
	got.skipMerged(t, got.trials[0])
	slice := map[string]*profiles.Slice{}
	for _, s := range e.Slices() {
		var cuts []profiles.Cut
		for i := range e.Workers {
			raw, err := e.Samples(&e.Workers[i])
			if err != nil {
				t.Fatal(err)
			}
			if raw != nil && e.Workers[i].Role == results.RoleConsumer {
				cuts = append(cuts, profiles.Cut{Raw: raw, Windows: s.Windows(&e.Workers[i])})
			}
		}
		if slice[s.Name], err = profiles.Build(s.Name, cuts...); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"steady", "rebalance", "rebalance/join", "rebalance/join#1", "rebalance/join#2", "drain", "phase/detect", "phase/react", "phase/barrier", "phase/sync"} {
		if slice[name] == nil {
			t.Errorf("there is no slice %s", name)
		}
	}
	steady, rebalance := slice["steady"], slice["rebalance"]
	if t.Failed() || steady.Time == 0 || rebalance.Time == 0 {
		t.Fatalf("slices are %v", slices.Sorted(maps.Keys(slice)))
	}
	if a, b := slice["rebalance/join"].Samples, rebalance.Samples; a != b {
		t.Errorf("%d samples are of joins, %d of rebalances, all of which are joins", a, b)
	}
	// The same as a user has it.
	r, err := profiled.Load(got.dir)
	if err != nil {
		t.Fatal(err)
	}
	chosen := func(slice string) *profiled.Set {
		sets, err := r.Choose(profiled.Choice{Role: string(results.RoleConsumer), Kind: string(profiles.CPU), Slice: slice})
		if err != nil || len(sets) != 1 {
			t.Fatalf("the slice %s: %v, %d sets", slice, err, len(sets))
		}
		return sets[0]
	}
	pair := profiled.Pair{A: chosen("rebalance"), B: chosen("steady")}
	if pair.A.Samples != rebalance.Samples || pair.A.Time != rebalance.Time || pair.A.Windows != rebalance.Windows {
		t.Errorf("the slice is %+v, want %+v", pair.A, rebalance)
	}
	more, err := pair.Top()
	if err != nil {
		t.Fatal(err)
	}
	// Who is told of a rebalance gives its partitions up before it joins again.
	if reacting, err := chosen("phase/react").Top(); err != nil || !strings.HasSuffix(hottest(reacting), "faulty.burnOnRevoke") {
		t.Errorf("members that are told have %+v, want the burner: %v", reacting, err)
	}
	top := hottest(more)
	if !strings.HasSuffix(top, "faulty.burnOnRevoke") {
		t.Errorf("rebalances have %s more than the steady time, want the burner: %d samples in %d windows against %d in %d", top, rebalance.Samples, rebalance.Windows, steady.Samples, steady.Windows)
	}
}

// skipMerged skips a test of events where the machine was too busy to tell them apart:
// windows run into each other where deliveries are late by theta all by themselves, and
// no act then has a slice of its own. That it was so busy a sleeper can tell.
func (o *outcome) skipMerged(t *testing.T, trial *results.Trial) {
	t.Helper()
	woken := tapOf(t, o, trial).woken
	for _, ev := range o.evidence(t, trial).Windows().Events {
		if (len(ev.Acts) != 1 || !ev.Settled) && woken >= trial.Spec.Pause.Theta/10 {
			t.Skipf("the machine, late by %s, was too busy to tell the events apart: the window of %s has %d acts, settled %t", woken, ev.Name, len(ev.Acts), ev.Settled)
		}
	}
}

// hottest is the function at the top, but for those of the runtime and of the race
// detector, which run for whoever called them.
func hottest(t *profiled.Top) string {
	for _, l := range t.Lines {
		if !strings.HasPrefix(l.Name, "runtime.") && !strings.HasPrefix(l.Name, "__tsan") {
			return l.Name
		}
	}
	return ""
}
