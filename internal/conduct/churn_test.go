package conduct_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kbench/kbench/results/audit"
	"github.com/kbench/kbench/results/evidence"
	"github.com/kbench/kbench/results/window"
	"github.com/kbench/kbench/workloads"
)

// everyAct is a timeline with one act of each kind, in a group of two that
// reacts quickly. The victims are those whose number the test knows: the members
// are 0 and 1, 2 joins, 0 leaves, 1 is stopped, 3 takes the place of 1, and 2 is
// killed. Theta is so long that a busy machine is not taken for a pause.
const everyAct = `
name: every-act
topic:   {partitions: 4, replication: 3}
records: {size: 128, entropy: 0.5}
produce: {by: reference, rate: 200/s}
consume: {members: 2, fetch: {wait: 250ms}, commit: {mode: marked, every: 500ms, on_revoke: true}, handler: {lanes: member, revoke: wait}}
group:   {protocol: classic, assignors: [range], session: 6s, heartbeat: 500ms, rebalance: 10s}
phases:  {warmup: 2s, drain: 30s}
pause:   {theta: 1s}
churn:
  - {do: join, when: stable, restore: false}
  - {do: leave, when: stable, target: oldest, restore: false}
  - {do: stall, when: stable, target: oldest, for: 2s}
  - {do: restart, when: stable, target: oldest, id: new}
  - {do: crash, when: stable, target: oldest, restore: false}
`

// TestTimeline carries out one act of each kind and reads from the files what
// each did to the group. How long anything took is asked for only where the
// settings decide it, and then by seconds.
func TestTimeline(t *testing.T) {
	onEmbedded(t)
	spec := written(t, everyAct)
	got, err := run(t, bounded(t), options(t.Name(), t.TempDir(), trials([]workloads.Spec{spec}, "franz-go")))
	got.wantStates(t, "complete")
	if err != nil {
		t.Fatal(err)
	}
	trial := got.trials[0]
	e := got.evidence(t, trial)
	r := e.Windows()
	cleanButForCrash(t, e)

	want := []string{"join#1 consumer-2 for ", "leave#2 consumer-0 for ", "stall#3 consumer-1 for ", "restart#4 consumer-3 for consumer-1", "crash#5 consumer-2 for "}
	var names []string
	for _, a := range trial.Acts {
		names = append(names, fmt.Sprintf("%s %s for %s", window.Name(a), a.Member, a.Replaces))
		if !a.Counted || a.Planned == 0 || a.At < a.Planned || a.Stable < a.At || a.Error != "" {
			t.Errorf("%s: counted %t, planned for %d, done at %d, stable at %d, error %q", window.Name(a), a.Counted, a.Planned, a.At, a.Stable, a.Error)
		}
		if (a.For != 0) != (a.Kind == "stall") {
			t.Errorf("%s was to last %s", window.Name(a), time.Duration(a.For))
		}
	}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Fatalf("acts, want to got:\n%s", diff)
	}
	// On a machine so busy that deliveries are late by theta all by themselves,
	// windows run into each other, and rightly so. Then there is nothing more to
	// ask of them. But that it was so busy only a thread that sleeps can tell: its
	// wake-ups are late too, if not by as much.
	w := tapOf(t, got, trial)
	woken := w.woken
	for _, e := range r.Events {
		if len(e.Acts) != 1 || !e.Settled {
			if woken < spec.Pause.Theta/10 {
				t.Fatalf("the window of %s has %d acts, settled %t, and the machine was late by %s at most", e.Name, len(e.Acts), e.Settled, woken)
			}
			t.Skipf("the machine, late by %s, was too busy to tell the events apart: the window of %s has %d acts, settled %t", woken, e.Name, len(e.Acts), e.Settled)
		}
		if !e.Counted || e.Protocol != "eager" {
			t.Errorf("%s: counted %t, %s", e.Name, e.Counted, e.Protocol)
		}
	}
	join, leave, stall, restart, crash := r.Events[0], r.Events[1], r.Events[2], r.Events[3], r.Events[4]
	for _, e := range r.Events {
		plausible(t, e, spec.Group)
	}

	t.Run("classes", func(t *testing.T) {
		// Each member of two has two partitions, and of three at least one.
		wantClasses(t, join, window.Moved, window.Untouched)
		wantClasses(t, leave, window.Orphaned, window.Moved, window.Untouched)
		wantClasses(t, stall, window.Untouched)
		wantClasses(t, restart, window.Orphaned, window.Moved, window.Untouched)
		wantClasses(t, crash, window.Orphaned, window.Untouched)
		wantOwners(t, join, "consumer-0 consumer-1", "consumer-0 consumer-1 consumer-2")
		wantOwners(t, leave, "consumer-0 consumer-1 consumer-2", "consumer-1 consumer-2")
		wantOwners(t, stall, "consumer-1 consumer-2", "consumer-1 consumer-2")
		wantOwners(t, restart, "consumer-1 consumer-2", "consumer-2 consumer-3")
		wantOwners(t, crash, "consumer-2 consumer-3", "consumer-3")
	})
	t.Run("phases", func(t *testing.T) {
		told := []window.Phase{window.Detect, window.React, window.Barrier, window.Assign, window.Sync}
		came := []window.Phase{window.Start, window.Barrier, window.Assign, window.Sync}
		wantPhases(t, join, "consumer-2", came...)
		wantPhases(t, join, "consumer-0", told...)
		wantPhases(t, join, "consumer-1", told...)
		wantPhases(t, leave, "consumer-0", window.Stop)
		wantPhases(t, leave, "consumer-1", told...)
		wantPhases(t, restart, "consumer-1", window.Stop)
		wantPhases(t, restart, "consumer-3", came...)
		wantPhases(t, restart, "consumer-2", told...)
		wantPhases(t, crash, "consumer-3", told...)
	})

	rounds := 0
	for _, e := range r.Events {
		rounds += e.Rounds
	}
	if r.Generations != rounds || r.Changes != 5 { // a restart is a leave and a join
		t.Errorf("%d generations, %d of events; %d changes, want 5", r.Generations, rounds, r.Changes)
	}
	// Nobody notices a stop that is shorter than the session, but for those who
	// wait for its partitions.
	if stall.T0 != 0 || stall.Rebalanced || stall.UAny < int64(1500*time.Millisecond) {
		t.Errorf("stall: t0 %d, rebalanced %t, something was down for %s", stall.T0, stall.Rebalanced, time.Duration(stall.UAny))
	}
	// A crash is noticed when the session ends, counted from a request that was at
	// most a heartbeat old.
	if d := time.Duration(crash.T0 - crash.Acts[0].At); d > spec.Group.Session+w.noted() || d < 3*time.Second {
		t.Errorf("crash: expired %s after the kill, with a session of %s", d, spec.Group.Session)
	}
}

// plausible checks what must hold for the figures of any event, by seconds.
func plausible(t *testing.T, e window.Event, g workloads.Group) {
	t.Helper()
	const slack = 5 * time.Second
	if !e.Rebalanced {
		return
	}
	if e.Rounds < 1 || e.T0 < e.Window.From {
		t.Errorf("%s: %d rounds, t0 %s after the act", e.Name, e.Rounds, time.Duration(e.T0-e.Window.From))
	}
	if f := time.Duration(e.Floor); f < 0 || f > g.Heartbeat+slack {
		t.Errorf("%s: floor %s with a heartbeat of %s", e.Name, f, g.Heartbeat)
	}
	if x := time.Duration(e.WireExcess); x < 0 || x > slack {
		t.Errorf("%s: wire excess %s", e.Name, x)
	}
	for _, m := range e.Members {
		for p, d := range m.Spent {
			if d < 0 || time.Duration(d) > g.Session+slack {
				t.Errorf("%s: %s spent %s in %s", e.Name, m.Worker, time.Duration(d), p)
			}
		}
	}
	for _, p := range e.Partitions {
		if p.Records == 0 || p.Lost > 0 {
			t.Errorf("%s: partition %d had %d records, %d lost", e.Name, p.Partition, p.Records, p.Lost)
		}
	}
}

// wantClasses checks that the partitions are of these classes and no other, the
// first of which must be there.
func wantClasses(t *testing.T, e window.Event, classes ...window.Class) {
	t.Helper()
	first := 0
	for _, p := range e.Partitions {
		if !slices.Contains(classes, p.Class) {
			t.Errorf("%s: partition %d is %s (%s to %s)", e.Name, p.Partition, p.Class, p.OldOwner, p.NewOwner)
		}
		if p.Class == classes[0] {
			first++
		}
	}
	if first == 0 {
		t.Errorf("%s: no partition is %s: %+v", e.Name, classes[0], e.Partitions)
	}
}

// wantOwners checks who had partitions before and after.
func wantOwners(t *testing.T, e window.Event, before, after string) {
	t.Helper()
	names := func(owner func(window.Partition) string) string {
		var out []string
		for _, p := range e.Partitions {
			out = append(out, owner(p))
		}
		slices.Sort(out)
		return strings.Join(slices.Compact(out), " ")
	}
	if got := names(func(p window.Partition) string { return p.OldOwner }); got != before {
		t.Errorf("%s: owned by %s before, want %s", e.Name, got, before)
	}
	if got := names(func(p window.Partition) string { return p.NewOwner }); got != after {
		t.Errorf("%s: owned by %s after, want %s", e.Name, got, after)
	}
}

// wantPhases checks that a member went through these phases.
func wantPhases(t *testing.T, e window.Event, worker string, phases ...window.Phase) {
	t.Helper()
	for _, m := range e.Members {
		if m.Worker != worker {
			continue
		}
		for _, p := range phases {
			if _, ok := m.Spent[p]; !ok {
				t.Errorf("%s: %s went through %v, and not through %s", e.Name, worker, m.Spent, p)
			}
		}
		return
	}
	t.Errorf("%s: %s took no part", e.Name, worker)
}

// cleanButForCrash checks that nothing happened to any record but that some of
// those that the killed member had not committed came again.
func cleanButForCrash(t *testing.T, e *evidence.Trial) {
	t.Helper()
	truth := e.Audit()
	got := audit.Report{
		Lost: truth.Lost, Failed: truth.Failed, Reordered: truth.Reordered, Corrupt: truth.Corrupt, Unanswered: truth.Unanswered,
		Duplicates: truth.Duplicates, Group: truth.Group, Died: truth.Died, Warnings: truth.Warnings,
	}
	got.Duplicates.Crash = 0
	if diff := cmp.Diff(audit.Report{}, got); diff != "" {
		t.Errorf("the audit, want to got:\n%s\n%v", diff, truth.Examples)
	}
	if truth.Delivered == 0 || truth.Sent != truth.Delivered {
		t.Errorf("%d records sent, %d delivered", truth.Sent, truth.Delivered)
	}
}
