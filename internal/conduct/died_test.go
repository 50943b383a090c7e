package conduct_test

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/kbench/kbench/drivers"
	"github.com/kbench/kbench/drivers/franzgo"
	"github.com/kbench/kbench/internal/conduct"
	"github.com/kbench/kbench/internal/worker"
	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/record"
	"github.com/kbench/kbench/results/window"
	"github.com/kbench/kbench/workloads"
)

// Drivers whose member number 0 ends its process by itself.
const (
	quitter  = "franz-go+quitter"  // when it is given partitions in the middle of the trial
	badLeave = "franz-go+badleave" // when it should leave in good order
)

// ending is franz-go with such a member.
type ending struct {
	drivers.Driver
	name string
}

func endings() []drivers.Driver {
	return []drivers.Driver{ending{franzgo.New(), quitter}, ending{franzgo.New(), badLeave}}
}

func (e ending) Name() string { return e.name }

func (e ending) Consumer(s drivers.Settings, env drivers.Env, h drivers.Handler) (drivers.Consumer, error) {
	if s.ClientID != worker.ClientID("consumer-0") {
		return e.Driver.Consumer(s, env, h)
	}
	say := func(line string) {
		env.Log(2, "the client's log: "+line)
		fmt.Fprintln(os.Stderr, line)
	}
	if e.name == quitter {
		return e.Driver.Consumer(s, env, &quits{Handler: h, say: say})
	}
	c, err := e.Driver.Consumer(s, env, h)
	return leavesBadly{c, say}, err
}

// quits ends the process when partitions are assigned after the first record.
type quits struct {
	drivers.Handler
	say  func(string)
	busy atomic.Bool
}

func (q *quits) Open(topic string, partition int32) drivers.Lane {
	return notices{q.Handler.Open(topic, partition), q}
}

func (q *quits) Event(ev drivers.Event) {
	if ev.Kind == drivers.Assigned && len(ev.Parts) > 0 && q.busy.Load() {
		q.say("no more of this")
		os.Exit(7)
	}
	q.Handler.Event(ev)
}

type notices struct {
	drivers.Lane
	q *quits
}

func (n notices) Record(r *drivers.Rec) {
	n.q.busy.Store(true)
	n.Lane.Record(r)
}

type leavesBadly struct {
	drivers.Consumer
	say func(string)
}

func (l leavesBadly) Close(ctx context.Context) error {
	if err := l.Consumer.Close(ctx); err != nil {
		return err
	}
	l.say("left, but not well")
	os.Exit(3)
	return nil
}

// threeMembers is a trial of three members with a timeline.
func threeMembers(t *testing.T, timeline string) workloads.Spec {
	t.Helper()
	doc, err := workloads.Parse("group.yaml", []byte(`
name: group
topic:   {partitions: 6, replication: 3}
records: {size: 128, entropy: 0.5}
produce: {by: reference, rate: 300/s}
consume: {members: 3, fetch: {wait: 250ms}, commit: {mode: marked, every: 500ms, on_revoke: true}, handler: {lanes: member, revoke: wait}}
group:   {protocol: classic, assignors: [range], session: 6s, heartbeat: 500ms, rebalance: 10s}
phases:  {warmup: 1s, drain: 30s}
pause:   {theta: 1s}
churn:
`+timeline), workloads.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return *doc.Spec
}

// atStep calls do once, when the supervisor takes the step that begins so. A
// step is said before it is taken.
type atStep struct {
	hook
	begins string
	do     func()
	once   sync.Once
}

func (a *atStep) Step(what string) {
	if strings.HasPrefix(what, a.begins) {
		a.once.Do(a.do)
	}
}

// wantDied checks that a trial failed by one member alone, and that nothing that
// was done on purpose is called a failure.
func wantDied(t *testing.T, got *outcome, err error, member, exit string) {
	t.Helper()
	if err == nil {
		t.Error("the run passed")
	}
	got.wantStates(t, "failed")
	trial, w := got.trials[0], got.worker(t, 1, member)
	wantWords(t, trial.Error, "worker "+member, fmt.Sprintf("pid %d", w.PID), exit, "end of log.txt")
	if w.Exit.String() != exit {
		t.Errorf("%s %s, want %s", member, w.Exit, exit)
	}
	for _, other := range trial.Workers {
		if other.Name != member && strings.Contains(trial.Error, "worker "+other.Name) {
			t.Errorf("%s (%s) is called a failure: %s", other.Name, other.Exit, trial.Error)
		}
	}
	if len(trial.Acts) == 0 {
		t.Fatal("no act was kept")
	}
	// The audit, too, tells it from one that was killed on purpose. Those that
	// were in the trial when it was given up are no part of the question.
	truth := got.evidence(t, trial).Audit()
	if !slices.Contains(truth.Died, member) || slices.Contains(truth.Died, "consumer-2") {
		t.Errorf("the audit has %v as dead by themselves, want %s in it and consumer-2, which was killed, not", truth.Died, member)
	}
	warned := strings.Join(results.Lines(got.summary.Warnings), "\n")
	for _, w := range trial.Workers {
		if said := strings.Contains(warned, w.Name+" ended by itself"); said && w.Name != member {
			t.Errorf("%s (%s) is said to have ended by itself:\n%s", w.Name, w.Exit, warned)
		}
	}
}

// A member that ends by itself in the middle of churn fails the trial, and the
// one that was killed on purpose does not.
func TestMemberDiesByItself(t *testing.T) {
	onEmbedded(t)
	spec := threeMembers(t, `
  - {do: crash, when: stable, target: newest, restore: false}
  - {do: join, when: stable, restore: false}
`)
	got, err := run(t, bounded(t), options(t.Name(), t.TempDir(), trials([]workloads.Spec{spec}, quitter)))
	wantDied(t, got, err, "consumer-0", "exited 7")
	wantWords(t, got.trials[0].Error, "in the middle of the trial", "end of stderr.txt", "no more of this", "the client's log: no more of this")
	crash := got.trials[0].Acts[0]
	if crash.Kind != "crash" || crash.Member != "consumer-2" || crash.Gone < crash.At || crash.Error != "" {
		t.Errorf("the crash is told as %+v", crash)
	}
	if exit := got.worker(t, 1, "consumer-2").Exit.String(); exit != "killed by kbench: SIGKILL" {
		t.Errorf("consumer-2 %s", exit)
	}
}

// The same for one that somebody else kills, by the same signal as the act.
func TestMemberKilledByOthers(t *testing.T) {
	onEmbedded(t)
	spec := threeMembers(t, `
  - {do: crash, when: stable, target: newest, restore: false}
  - {do: join, when: stable, restore: false}
`)
	o := options(t.Name(), t.TempDir(), trials([]workloads.Spec{spec}, "franz-go"))
	o.Progress = &atStep{begins: "act 2 of 2", do: func() {
		// Not through the launcher, which would take the signal for its own.
		if err := syscall.Kill(o.Launcher.(*spy).latest(t, "consumer-1").PID(), syscall.SIGKILL); err != nil {
			t.Error(err)
		}
	}}
	got, err := run(t, bounded(t), o)
	wantDied(t, got, err, "consumer-1", "died: SIGKILL")
	wantWords(t, got.trials[0].Error, "in the middle of the trial")
	if exit := got.worker(t, 1, "consumer-2").Exit.String(); exit != "killed by kbench: SIGKILL" {
		t.Errorf("consumer-2 %s", exit)
	}
}

// A leave that ends in a bad exit is no leave.
func TestLeaveWithBadExit(t *testing.T) {
	onEmbedded(t)
	spec := threeMembers(t, `
  - {do: crash, when: stable, target: newest, restore: false}
  - {do: leave, when: stable, target: oldest, restore: false}
  - {do: join, when: stable, restore: false}
`)
	got, err := run(t, bounded(t), options(t.Name(), t.TempDir(), trials([]workloads.Spec{spec}, badLeave)))
	wantDied(t, got, err, "consumer-0", "exited 3")
	wantWords(t, got.trials[0].Error, "was sent terminated and exited 3", "left, but not well")
	if leave := got.trials[0].Acts[1]; leave.Kind != "leave" || leave.Member != "consumer-0" || leave.Gone != 0 {
		t.Errorf("a leave that was none is told as %+v", leave)
	}
}

// A member is stopped for longer than its session: it is dropped, comes back
// once it goes on, and only then is the group stable for the act that waits.
func TestStallBeyondSession(t *testing.T) {
	onEmbedded(t)
	spec := threeMembers(t, `
  - {do: stall, when: stable, target: oldest, for: 14s}
  - {do: leave, when: stable, target: newest, restore: false}
`)
	got, err := run(t, bounded(t), options(t.Name(), t.TempDir(), trials([]workloads.Spec{spec}, "franz-go")))
	got.wantStates(t, "complete")
	if err != nil {
		t.Fatal(err)
	}
	trial := got.trials[0]
	stall, leave := trial.Acts[0], trial.Acts[1]
	if stall.Member != "consumer-0" || stall.Resumed-stall.At < int64(14*time.Second) || stall.Error != "" {
		t.Errorf("the stall is told as %+v", stall)
	}
	// Its time in the group has begun anew, so that it is the newest.
	if leave.Member != "consumer-0" || stall.Stable < stall.Resumed || leave.At < stall.Stable+int64(2*spec.Group.Heartbeat) || leave.Gone < leave.At {
		t.Errorf("%s left at %d, %d after the stall was over and %d after the group was stable", leave.Member, leave.At, leave.At-stall.Resumed, leave.At-stall.Stable)
	}
	for _, w := range trial.Workers {
		if w.Exit.String() != "exited 0" {
			t.Errorf("%s %s", w.Name, w.Exit)
		}
	}
	r, w := got.evidence(t, trial).Windows(), tapOf(t, got, trial)
	if r.Changes != 3 { // the end of the session, the return, the leave
		t.Errorf("%d changes, want 3", r.Changes)
	}
	e := r.Events[0]
	if !e.Rebalanced || e.T0 <= stall.At || e.T0 > stall.At+int64(spec.Group.Session+w.noted()) {
		t.Errorf("stall: rebalanced %t, the session ended %s after the stop", e.Rebalanced, time.Duration(e.T0-stall.At))
	}
	orphaned := 0
	for _, p := range e.Partitions {
		if p.Class != window.Orphaned {
			continue
		}
		orphaned++
		if p.OldOwner != "consumer-0" || p.Gap < p.Floor-int64(time.Second/50+w.woken) {
			t.Errorf("partition %d of %s: gap %s, floor %s", p.Partition, p.OldOwner, time.Duration(p.Gap), time.Duration(p.Floor))
		}
	}
	if orphaned != 2 {
		t.Errorf("%d partitions lost their owner, want the 2 of consumer-0", orphaned)
	}
}

// A member that is stopped can be killed: its stall is over then, it is missed
// by nobody at the end, and the trial is whole.
func TestCrashOfStalledMember(t *testing.T) {
	onEmbedded(t)
	spec := threeMembers(t, `
  - {do: stall, at: 1s, target: oldest, for: 5500ms}
  - {do: crash, at: 2s, target: oldest, restore: false}
  - {do: leave, at: 14s, target: newest, restore: false}
`)
	got, err := run(t, bounded(t), options(t.Name(), t.TempDir(), trials([]workloads.Spec{spec}, "franz-go")))
	got.wantStates(t, "complete")
	if err != nil {
		t.Fatal(err)
	}
	trial := got.trials[0]
	stall, crash := trial.Acts[0], trial.Acts[1]
	// A busy machine was seen to take more than 3 s to end a process that was killed.
	said := stall.Error == "it had ended before it could go on" || stall.Error == "" && crash.Gone > stall.Resumed
	if stall.Member != "consumer-0" || !said || stall.Resumed < crash.At {
		t.Errorf("the stall is told as %+v, and the crash as %+v", stall, crash)
	}
	if crash.Member != "consumer-0" || crash.Gone < crash.At || crash.Error != "" {
		t.Errorf("the crash is told as %+v", crash)
	}
	if exit := got.worker(t, 1, "consumer-0").Exit.String(); exit != "killed by kbench: SIGKILL" {
		t.Errorf("consumer-0 %s", exit)
	}
	e := got.evidence(t, trial)
	r := e.Windows()
	if r.Changes != 2 { // one session ends, however often its member is acted on; one member leaves
		t.Errorf("%d changes, want 2", r.Changes)
	}
	cleanButForCrash(t, e)
}

// What an act gives its member with is in force for that member, and for no
// other.
func TestActWithSettings(t *testing.T) {
	onEmbedded(t)
	const slow = 20 * time.Millisecond
	spec := threeMembers(t, `
  - {do: join, when: stable, restore: false, with: {consume.handler.time: 20ms}}
  - {do: leave, when: stable, target: oldest, restore: false}
`)
	got, err := run(t, bounded(t), options(t.Name(), t.TempDir(), trials([]workloads.Spec{spec}, "franz-go")))
	got.wantStates(t, "complete")
	if err != nil {
		t.Fatal(err)
	}
	trial := got.trials[0]
	fastest := func(name string) (least time.Duration, records int) {
		var spans []record.Span
		_, err := record.EachSpan(got.dir.WorkerPath(trial.Ref, name)+"/"+results.DeliveryFile, func(s record.Span) { spans = append(spans, s) })
		if err != nil {
			t.Fatal(err)
		}
		spans = slices.DeleteFunc(spans, func(s record.Span) bool { return s.Kind != record.Delivered || s.Count == 0 })
		slices.SortFunc(spans, func(a, b record.Span) int { return int(a.At - b.At) })
		least = time.Hour
		for i, s := range spans {
			records += int(s.Count)
			if s.Count > 1 {
				least = min(least, time.Duration(s.LastAt-s.At)/time.Duration(s.Count-1))
			}
			if i > 0 {
				least = min(least, time.Duration(s.At-spans[i-1].LastAt))
			}
		}
		return least, records
	}
	// The member handles one record after another, so that two entries are never
	// closer than its handler takes.
	if d, n := fastest("consumer-3"); d < slow || n < 10 {
		t.Errorf("consumer-3 handled %d records, two of them %s apart, with a handler of %s", n, d, slow)
	}
	for _, other := range []string{"consumer-0", "consumer-1", "consumer-2"} {
		if d, _ := fastest(other); d >= slow {
			t.Errorf("%s never handled two records within %s: it is as slow as the one that joined", other, d)
		}
	}
}

var _ conduct.Progress = (*atStep)(nil)
