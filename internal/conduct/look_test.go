package conduct_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kbench/kbench/drivers"
	"github.com/kbench/kbench/profiles"
	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/workloads"
)

// TestStuckIsLookedAt: of a member that keeps a lane for good, and of one whose client
// does not close in time, the frame that holds it up is named, and whether it was over.
// Of one that does neither nothing is said.
func TestStuckIsLookedAt(t *testing.T) {
	withoutKafka(t)
	t.Parallel()
	spec := func(name string, measure time.Duration) workloads.Spec {
		s := endToEnd(name, measure)
		s.Consume.Members = 2 // so that there is an observer
		s.Group.Heartbeat = 500 * time.Millisecond
		s.Phases.Drain = 3 * time.Second
		return s
	}
	all := append(trials([]workloads.Spec{spec("stuck-one", lookedAfter+4*time.Second)}, "sarama+stuck", "kafka-go"), trials([]workloads.Spec{spec("late", time.Second)}, "franz-go+late-close")...)
	for i := range all {
		all[i].N, all[i].Dir = i+1, fmt.Sprintf("%03d-%s", i+1, all[i].Arm.Client)
	}
	o := options("stuck", t.TempDir(), all)
	o.Deadlines.Stuck = lookedAfter
	got, _ := run(t, context.Background(), o)
	said := func(n int) (all []results.Remark) {
		for _, w := range got.summary.Warnings {
			if w.Kind == results.ClientStuck && w.Trial == n {
				all = append(all, w)
			}
		}
		return all
	}
	f := func(n int, class results.Stuck, words ...string) {
		t.Helper()
		found := said(n)
		if len(found) == 0 || slices.ContainsFunc(found, func(r results.Remark) bool { return r.Class != string(class) }) {
			t.Errorf("trial %d: %v, want some of class %s", n, found, class)
			return
		}
		wantWords(t, found[0].Words, words...)
	}
	n := map[string]int{}
	for _, tr := range got.trials {
		n[tr.Ref.Client] = tr.Ref.N
	}
	f(n["sarama+stuck"], results.StuckSilent, "faulty.(*lane)", "nothing was handed on of partitions", "it was not over before the close", "profiles/stuck-1.txt")
	f(n["franz-go+late-close"], results.StuckClose, "conduct_test.slowClosing.Close")
	for _, r := range said(n["franz-go+late-close"]) {
		_, after, _ := strings.Cut(r.Words, "it was over after ")
		seconds := 0.0
		if _, err := fmt.Sscanf(after, "%f s", &seconds); err != nil || seconds < closesIn.Seconds()-0.1 {
			t.Errorf("a close of %s is said to have been over after %v s: %s", closesIn, seconds, r.Words)
		}
		if strings.Contains(r.Words, "flight") {
			t.Errorf("of a trial that is not profiled it is said: %s", r.Words)
		}
	}
	well := got.trials[n["kafka-go"]-1]
	if found := said(n["kafka-go"]); slices.ContainsFunc(found, func(r results.Remark) bool { return r.Class != string(results.StuckClose) || !closedLate(well) }) {
		t.Errorf("of a client that is not stuck it is said: %v", found)
	}
}

// TestFlight: whoever asks for it has, beside the stacks of a client that is found stuck,
// a trace of the seconds before, and nothing of one that is not.
func TestFlight(t *testing.T) {
	withoutKafka(t)
	t.Parallel()
	s := endToEnd("flight", 2*time.Second)
	all := trials([]workloads.Spec{s}, "franz-go+late-close", "kafka-go")
	for i := range all {
		all[i].Profiled = true
	}
	o := options("flight", t.TempDir(), all)
	o.Profiles = []profiles.Kind{profiles.Flight}
	got, err := run(t, context.Background(), o)
	got.wantStates(t, "complete", "complete")
	if err != nil {
		t.Fatal(err)
	}
	for _, tr := range got.trials {
		files, err := filepath.Glob(filepath.Join(got.dir.TrialPath(tr.Ref), "*", results.ProfilesDir, "*.trace"))
		if err != nil {
			t.Fatal(err)
		}
		if tr.Ref.Client == "kafka-go" {
			if len(files) > 0 && !closedLate(tr) {
				t.Errorf("of a client that is not stuck there are %v", files)
			}
			continue
		}
		if len(files) != 1 {
			t.Fatalf("there are %v, want one of the consumer", files)
		}
		if data, err := os.ReadFile(files[0]); err != nil || !strings.HasPrefix(string(data), "go 1.") {
			t.Errorf("%s is no trace: %.16q, %v", files[0], data, err)
		}
		named := slices.ContainsFunc(tr.Files, func(f results.File) bool { return filepath.Base(f.Name) == "flight-1.trace" })
		said := slices.ContainsFunc(got.summary.Warnings, func(r results.Remark) bool {
			return r.Kind == results.ClientStuck && strings.Contains(r.Words, "the seconds before: profiles/flight-1.trace")
		})
		if !named || !said {
			t.Errorf("it is listed: %t, it is said: %t; %v", named, said, got.summary.Warnings)
		}
	}
}

// lookedAfter is when a member is looked at that hands nothing on: later than a busy
// machine holds up one that is well.
const lookedAfter = 5 * time.Second

// closesIn is how long a slow consumer takes to close at the least, and closeSlow when a
// client is looked at that does not.
const closesIn, closeSlow = 2500 * time.Millisecond, 2 * time.Second

// closedLate says that the machine was so slow that any client may have been looked at
// when it closed.
func closedLate(tr *results.Trial) bool {
	close := tr.Phase(results.PhaseClose)
	return close.To-close.From > int64(closeSlow)
}

// slowClose is a driver whose consumers take so long to close.
type slowClose struct{ drivers.Driver }

func (slowClose) Name() string { return "franz-go+late-close" }

func (d slowClose) Consumer(s drivers.Settings, env drivers.Env, h drivers.Handler) (drivers.Consumer, error) {
	c, err := d.Driver.Consumer(s, env, h)
	return slowClosing{c}, err
}

type slowClosing struct{ drivers.Consumer }

func (c slowClosing) Close(ctx context.Context) error {
	time.Sleep(closesIn)
	return c.Consumer.Close(ctx)
}
