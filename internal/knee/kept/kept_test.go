package kept

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/held"
)

// begun is a search of two clients whose trials come to what is known of each.
func begun(t *testing.T) (*Search, Trials) {
	t.Helper()
	slo, err := held.SLOOf("p99(e2e.response) < 50ms")
	if err != nil {
		t.Fatal(err)
	}
	knees := map[string]float64{"a": 20_000, "b": 3300}
	s := Begin(&held.Knee{Schema: held.Schema, Workload: "w", SLO: []held.SLO{slo}, Seed: 3, From: 1000, Most: 1e6, Precision: 0.05, Repeats: 3, Steps: []held.Step{},
		Arms: []held.Arm{{Name: "a"}, {Name: "b"}, {Name: "none", Refused: "it has no groups"}}}, t.TempDir())
	return s, Trials{Length: 10 * time.Second, Told: func(int, *held.Step) {}, Run: func(_ context.Context, step *held.Step) error {
		step.Took = int64(10 * time.Second)
		step.Trial = held.Trial{Outcome: held.Held, SLO: []*float64{nil}}
		if step.Rate > knees[step.Arm] {
			step.Trial = held.Trial{Outcome: held.NotHeld, Limit: held.Client, Why: "it was late", Missed: []string{slo.Expression}, SLO: []*float64{nil}}
		}
		return nil
	}}
}

// TestAgain: whenever a search is cut off, what it had is kept, and it comes by the same
// trials to the same.
func TestAgain(t *testing.T) {
	whole, trials := begun(t)
	if err := whole.Run(t.Context(), trials); err != nil {
		t.Fatal(err)
	}
	for i, knee := range []float64{20_000, 3300} {
		if a := whole.Knee.Arms[i]; !a.Found || a.Held > knee || a.NotHeld <= knee || a.Limit != held.Client {
			t.Errorf("%+v", a)
		}
	}
	cut := errors.New("cut off")
	for at := 0; at < len(whole.Knee.Steps); at += 5 {
		s, trials := begun(t)
		run := trials.Run
		trials.Run = func(ctx context.Context, step *held.Step) error {
			if len(s.Knee.Steps) == at {
				return cut
			}
			return run(ctx, step)
		}
		if err := s.Run(t.Context(), trials); !errors.Is(err, cut) || s.Knee.Ended != "it failed" {
			t.Fatalf("%v, %q", err, s.Knee.Ended)
		}
		was, err := Read(s.Dir)
		if (err == nil) != (at > 0) || err == nil && len(was.Steps) != at {
			t.Fatalf("after %d: %v", at, err)
		} else if at == 0 {
			was = s.Knee
		}
		again, err := Again(was, s.Dir)
		if err != nil {
			t.Fatal(err)
		}
		if err := again.Run(t.Context(), Trials{trials.Length, run, trials.Told}); err != nil {
			t.Fatal(err)
		}
		want, _ := json.Marshal(whole.Knee)
		if got, _ := json.Marshal(again.Knee); !bytes.Equal(got, want) {
			t.Errorf("cut off after %d it comes to\n%s, not\n%s", at, got, want)
		}
	}
}

// TestTime: no trial begins that would not end within the time.
func TestTime(t *testing.T) {
	s, trials := begun(t)
	s.Knee.For = int64(59 * time.Second)
	if err := s.Run(t.Context(), trials); err != nil || len(s.Knee.Steps) != 5 || s.Knee.Ended != "a further trial would not have ended within 59s" || s.Knee.Arms[0].Why != s.Knee.Ended {
		t.Errorf("%v, %d trials, %q, %+v", err, len(s.Knee.Steps), s.Knee.Ended, s.Knee.Arms[0])
	}
}

// TestDamaged: what no search keeps is said, and not searched.
func TestDamaged(t *testing.T) {
	s, trials := begun(t)
	if err := s.Run(t.Context(), trials); err != nil {
		t.Fatal(err)
	}
	steps := s.Knee.Steps
	f := func(words string, damage func(*held.Knee)) {
		t.Helper()
		k := *s.Knee
		k.Steps = slices.Clone(steps)
		damage(&k)
		if err := (&Search{Knee: &k, Dir: s.Dir}).Save(); err != nil {
			t.Fatal(err)
		}
		was, err := Read(s.Dir)
		if err == nil {
			_, err = Again(was, s.Dir)
		}
		if err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("%v, want %q", err, words)
		}
	}
	f("it is damaged: it begins at 0/s", func(k *held.Knee) { k.From = 0 })
	f("outside of its bounds", func(k *held.Knee) { k.Most = 10 })
	f("outside of its bounds", func(k *held.Knee) { k.Least = 2000 })
	f("precision 0 and 3 repeats", func(k *held.Knee) { k.Precision = 0 })
	f("precision 0.05 and 0 repeats", func(k *held.Knee) { k.Repeats = 0 })
	f("trial 2 is of -5/s", func(k *held.Knee) { k.Steps[1].Rate = -5 })
	f("it is of a newer kbench", func(k *held.Knee) { k.Schema++ })
	f("trial 2: 1234.5/s is no rate of the search", func(k *held.Knee) { k.Steps[1].Rate = 1234.5 })
	f("trial 1 is of c, which is no arm of it", func(k *held.Knee) { k.Steps[0].Arm = "c" })
	f("002-gone", func(k *held.Knee) { k.Steps[1].Run = "002-gone" })
}

// TestInUse: nobody goes on with a search of which a trial is under way.
func TestInUse(t *testing.T) {
	s, _ := begun(t)
	if err := s.InUse(); err != nil {
		t.Error(err)
	}
	dir, err := results.Create(filepath.Join(s.Dir, "001-a-1000"), &results.Run{Schema: results.Schema, ID: "x"})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.InUse(); err == nil || !strings.Contains(err.Error(), "001-a-1000 is in use") {
		t.Error(err)
	}
	dir.Release()
	if err := s.InUse(); err != nil {
		t.Error(err)
	}
}
