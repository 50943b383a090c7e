package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kbench/kbench/drivers"
	"github.com/kbench/kbench/internal/cluster"
	"github.com/kbench/kbench/internal/conduct"
	"github.com/kbench/kbench/internal/knee/kept"
	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/held"
	"github.com/kbench/kbench/workloads"
)

// kneeFor is a search whose trials come to what is known of each arm.
func kneeFor(t *testing.T, knees map[string]float64, limit held.Limit) *kneeing {
	t.Helper()
	slo, err := held.SLOOf("p99(e2e.response) < 50ms")
	if err != nil {
		t.Fatal(err)
	}
	k := &held.Knee{Schema: held.Schema, Workload: "w", SLO: []held.SLO{slo}, Seed: 3, From: 1000, Most: 1e6, Precision: 0.05, Repeats: 3, Steps: []held.Step{},
		Arms: []held.Arm{{Name: "a"}, {Name: "b"}, {Name: "none", Refused: "it has no groups"}}}
	k2 := &kneeing{a: &app{out: io.Discard, errOut: io.Discard, raw: io.Discard}, k: k, dir: t.TempDir(), length: 20 * time.Second}
	k2.search = kept.Begin(k, k2.dir)
	k2.do = func(_ context.Context, s *held.Step) error {
		late := 8e6
		s.Took = int64(10 * time.Second)
		s.Trial = held.Trial{Outcome: held.Held, SLO: []*float64{&late}}
		if s.Rate > knees[s.Arm] {
			s.Trial = held.Trial{Outcome: held.NotHeld, Limit: limit, Why: "it was late", Missed: []string{slo.Expression}, SLO: []*float64{&late}}
		}
		return nil
	}
	return k2
}

// code is that which an error comes to.
func code(err error) int {
	a := &app{errOut: io.Discard}
	return a.exit(err)
}

// TestKneeSearch finds the knees of several arms, keeps each trial as soon as it is known,
// and reads all of it again.
func TestKneeSearch(t *testing.T) {
	s := kneeFor(t, map[string]float64{"a": 20_000, "b": 3300}, held.Client)
	do := s.do
	s.do = func(ctx context.Context, st *held.Step) error {
		if n := len(s.k.Steps); n > 0 {
			if was, err := kept.Read(s.dir); err != nil || len(was.Steps) != n {
				t.Errorf("%v: %d trials are kept of %d", err, len(was.Steps), n)
			}
		}
		return do(ctx, st)
	}
	if err := s.a.knee(t.Context(), s, "text"); err != nil {
		t.Fatal(err)
	}
	for i, knee := range []float64{20_000, 3300} {
		if a := s.k.Arms[i]; !a.Found || a.Held > knee || a.NotHeld <= knee || a.Limit != held.Client || len(a.Points) < 5 {
			t.Errorf("%+v", a)
		}
	}
	again, err := kneeRead("", s.dir)
	if err != nil {
		t.Fatal(err)
	}
	is, _ := json.Marshal(s.k)
	if was, _ := json.Marshal(again); !bytes.Equal(is, was) {
		t.Errorf("read again it is\n%s, not\n%s", was, is)
	}
}

// TestKneeEnds: a search that ends before its time says so, and goes on with what it had.
func TestKneeEnds(t *testing.T) {
	knees := map[string]float64{"a": 20_000, "b": 3300}
	whole := kneeFor(t, knees, held.Client)
	if err := whole.a.knee(t.Context(), whole, "json"); err != nil {
		t.Fatal(err)
	}
	f := func(at int, ended error, want int) {
		t.Helper()
		s := kneeFor(t, knees, held.Client)
		do := s.do
		s.do = func(ctx context.Context, st *held.Step) error {
			if len(s.k.Steps) == at {
				return ended
			}
			return do(ctx, st)
		}
		if ended == nil {
			s.k.For = int64(at+1)*int64(10*time.Second) - 1
			s.do = do
		}
		if err := s.a.knee(t.Context(), s, "csv"); code(err) != want {
			t.Errorf("after %d: %v", at, err)
		}
		if len(s.k.Steps) != at {
			t.Errorf("%d trials, want %d", len(s.k.Steps), at)
		}
		if was, err := kneeRead("", s.dir); (err == nil) != (at > 0) {
			t.Errorf("after %d: %v", at, err)
		} else if at > 0 && (was.Arms[0].Why == "" || was.Arms[0].Why != s.k.Arms[0].Why) {
			t.Errorf("after %d: %q is read again as %q", at, s.k.Arms[0].Why, was.Arms[0].Why)
		}
		// It goes on, and comes to the same by the same trials.
		s.k.For, s.k.Ended, s.do = 0, "", do
		var err error
		if s.search, err = kept.Again(s.k, s.dir); err != nil {
			t.Fatal(err)
		}
		if err := s.a.knee(t.Context(), s, "text"); err != nil {
			t.Error(err)
		}
		is, _ := json.Marshal(s.k.Steps)
		if was, _ := json.Marshal(whole.k.Steps); !bytes.Equal(is, was) {
			t.Errorf("cut off after %d it is\n%s, not\n%s", at, is, was)
		}
	}
	f(0, conduct.ErrInterrupted, ExitInterrupted)
	f(5, conduct.ErrInterrupted, ExitInterrupted)
	f(7, errors.New("disk full"), ExitFailed)
	f(6, nil, ExitUndecided) // the time is up
	f(2, nil, ExitUndecided)
}

// TestKneeTold: what a search comes to has a code of its own.
func TestKneeTold(t *testing.T) {
	f := func(want int, words string, arms ...held.Arm) {
		t.Helper()
		err := kneeTold(&held.Knee{Arms: arms})
		if code(err) != want || err != nil && !strings.Contains(err.Error(), words) {
			t.Errorf("%v; want %d, %q", err, want, words)
		}
	}
	found := held.Arm{Name: "a", Held: 10, NotHeld: 11, Found: true, Limit: held.Client}
	f(ExitOK, "", found, held.Arm{Name: "b", Refused: "it cannot"})
	f(ExitOK, "", held.Arm{Name: "a", Held: 10, Found: true})
	f(ExitGate, "b does not hold 10/s", found, held.Arm{Name: "b", NotHeld: 10, Found: true, Limit: held.Client})
	f(ExitUndecided, "b: 40 trials", found, held.Arm{Name: "b", Held: 10, NotHeld: 20, Why: "40 trials did not make it narrower"})
	broker := found
	broker.Limit = held.Broker
	f(ExitUndecided, "a: the broker gave out first", broker)
	// That the lowest rate is not held is no word on the client where another one gave out.
	f(ExitUndecided, "a: the machine gave out first", held.Arm{Name: "a", NotHeld: 10, Found: true, Limit: held.Machine})
}

// TestKneeRoom: a rate for which the machine has not the memory is not run, and is an end of
// what is searched, by the machine.
func TestKneeRoom(t *testing.T) {
	s := kneeFor(t, map[string]float64{"franz-go": 1e9}, held.Client)
	s.spec = workloads.Default()
	s.spec.Name, s.sel.clients, s.sel.lanes = "w", []string{"franz-go"}, []string{string(drivers.Matched)}
	s.k.Arms = []held.Arm{{Name: "franz-go"}}
	s.search = kept.Begin(s.k, s.dir)
	s.one = alone{a: s.a, broker: cluster.Options{Kind: cluster.Kafka, Nodes: 3, Heap: "100000g"}} // more than any machine has
	run := s.do
	s.do = func(ctx context.Context, st *held.Step) error {
		if st.Rate < 3000 {
			return run(ctx, st)
		}
		return s.try(ctx, st)
	}
	if err := s.a.knee(t.Context(), s, "text"); code(err) != ExitUndecided {
		t.Error(err)
	}
	if a := s.k.Arms[0]; !a.Found || a.Held >= 3000 || a.NotHeld < 3000 || a.Limit != held.Machine || !strings.Contains(a.LimitWhy, "of this machine") {
		t.Errorf("%+v", a)
	}
}

// TestKneeOther: rates that are tried by another kbench are none of the same search.
func TestKneeOther(t *testing.T) {
	s := kneeFor(t, nil, held.Client)
	dir, err := results.Create(filepath.Join(s.dir, "001-a-1000"), &results.Run{Schema: results.Schema, ID: "x", Kbench: "another"})
	if err != nil {
		t.Fatal(err)
	}
	dir.Release()
	was := *s.k
	was.Steps = []held.Step{{Arm: "a", Rate: 1000, Run: "001-a-1000"}}
	if err := s.same(&was); err == nil || !strings.Contains(err.Error(), "001-a-1000: it was begun by kbench another") {
		t.Error(err)
	}
}
