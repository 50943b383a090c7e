package cli

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kbench/kbench/internal/bisect"
	"github.com/kbench/kbench/results"
)

var versions = []string{"v1.40.1", "v1.41.0", "v1.41.3", "v1.42.0", "v1.42.1", "v1.42.2", "v1.43.0"}

// searched is a bisection in which versions from one on, up to another, miss the gate.
func searched(t *testing.T, good, bad string, missing []string, otherwise map[string]step) (*bisected, string, error) {
	t.Helper()
	b := &bisected{Client: "sarama", Good: good, Bad: bad, Versions: versions, Gates: []string{"p50(pause.start) < 1s"}, Wrong: 0.05}
	do := func(_ context.Context, client, dir string, s *step) (bool, error) {
		if client != "sarama@"+s.Version || !strings.HasSuffix(dir, s.Version) {
			t.Errorf("%s is tried as %s in %s", s.Version, client, dir)
		}
		if o, ok := otherwise[s.Version]; ok {
			s.Verdict, s.Why = o.Verdict, o.Why
			return o.Verdict == "", nil
		}
		s.Verdict = results.Met
		if slices.Contains(missing, s.Version) {
			s.Verdict = results.NotMet
		}
		return false, nil
	}
	if err := b.search(context.Background(), do, func(step) error { return nil }); err != nil {
		t.Fatal(err)
	}
	said, err := b.said()
	return b, said, err
}

// TestBisect finds where a gate begins to be missed, and where it is met again.
func TestBisect(t *testing.T) {
	b, said, err := searched(t, "v1.40.1", "v1.43.0", versions[4:], nil)
	if err != nil || !strings.HasPrefix(said, "v1.42.1 is the first that misses p50(pause.start) < 1s; v1.42.0 still meets it (99.") {
		t.Errorf("%q, %v", said, err)
	}
	if len(b.Steps) > 10 || b.Answer.Trials != len(b.Steps) {
		t.Errorf("%d steps, %d trials", len(b.Steps), b.Answer.Trials)
	}
	if _, said, err = searched(t, "v1.43.0", "v1.40.1", versions[:5], nil); err != nil || !strings.HasPrefix(said, "v1.42.2 is the first that meets p50(pause.start) < 1s; v1.42.1 still misses it (99.") {
		t.Errorf("%q, %v", said, err)
	}
}

// TestBisectKept: what was tried is in the file as soon as it is known, with what it comes
// to, so that a kill in the next trial leaves it.
func TestBisectKept(t *testing.T) {
	out := t.TempDir()
	kept := func() (b bisected) {
		t.Helper()
		data, err := os.ReadFile(filepath.Join(out, bisectFile))
		if err == nil {
			err = json.Unmarshal(data, &b)
		}
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	b := &bisected{Client: "sarama", Good: "v1.40.1", Bad: "v1.43.0", Versions: versions, Gates: []string{"audit.lost == 0"}, Wrong: 0.05}
	killed := errors.New("killed")
	do := func(_ context.Context, _, _ string, s *step) (bool, error) {
		if n := len(b.Steps); n == 3 {
			return false, killed
		} else if n > 0 {
			if file := kept(); len(file.Steps) != n || file.Answer.Trials != n {
				t.Errorf("%d steps and %d trials are kept of %d", len(file.Steps), file.Answer.Trials, n)
			}
		}
		s.Verdict = results.Met
		return false, nil
	}
	a := &app{out: io.Discard}
	if err := a.steps(t.Context(), b, do, out); !errors.Is(err, killed) || len(kept().Steps) != 3 {
		t.Errorf("%v, %d steps are kept of 3", err, len(kept().Steps))
	}
	// Where they cannot be kept, it does not go on for hours.
	out = filepath.Join(out, bisectFile)
	met := func(_ context.Context, _, _ string, s *step) (bool, error) {
		s.Verdict = results.Met
		return false, nil
	}
	b = &bisected{Client: "sarama", Good: "v1.40.1", Bad: "v1.43.0", Versions: versions, Wrong: 0.05}
	if err := a.steps(t.Context(), b, met, out); err == nil || len(b.Steps) != 1 {
		t.Errorf("below a file: %v after %d steps", err, len(b.Steps))
	}
}

// TestBisectSkips: what cannot be tried is said, and whether it may be the one.
func TestBisectSkips(t *testing.T) {
	_, said, err := searched(t, "v1.40.1", "v1.43.0", versions[4:], map[string]step{
		"v1.42.0": {Why: "it does not compile: undefined: x"},
		"v1.42.1": {Verdict: results.NotDecided, Why: "every event is noisy"},
		"v1.41.0": {Why: "403"},
	})
	if err != nil || !strings.HasPrefix(said, "v1.42.2 is the first that misses p50(pause.start) < 1s; v1.41.3 still meets it") {
		t.Errorf("%q, %v", said, err)
	}
	for _, want := range []string{
		"not tried: v1.42.0; it stands between v1.41.3 and v1.42.2, so that it may be the first: it does not compile: undefined: x",
		"not tried: v1.42.1; it stands between v1.41.3 and v1.42.2, so that it may be the first: nothing was decided in 3 trials; in the last: every event is noisy",
	} {
		if !strings.Contains(said, want) {
			t.Errorf("%s\ndoes not say %s", said, want)
		}
	}
}

// TestBisectEnds: where an end cannot be tried, and the rest is alike, it is said that it may
// be the one.
func TestBisectEnds(t *testing.T) {
	f := func(end, want string, missing []string) {
		t.Helper()
		_, said, err := searched(t, "v1.40.1", "v1.43.0", missing, map[string]step{end: {Why: "403"}})
		if err == nil || !strings.Contains(err.Error(), "nothing to find") || !strings.Contains(said, want) {
			t.Errorf("%q, %v; want %q", said, err, want)
		}
	}
	f("v1.43.0", "not tried: v1.43.0; it stands behind v1.42.2, so that it may be the first: 403", nil)
	f("v1.40.1", "not tried: v1.40.1; it stands before v1.41.0, which may not be the first: 403", versions)
}

// TestBisectNothing: ends that are alike have nothing between them, and that is a failure.
func TestBisectNothing(t *testing.T) {
	f := func(want string, missing []string, otherwise map[string]step) {
		t.Helper()
		if said, _, err := searched(t, "v1.40.1", "v1.43.0", missing, otherwise); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, %v; want %q", said.Answer, err, want)
		}
	}
	f("nothing to find: v1.43.0 meets p50(pause.start) < 1s too", nil, nil)
	f("nothing to find: v1.40.1 misses p50(pause.start) < 1s too", versions, nil)
	all := map[string]step{}
	for _, v := range versions {
		all[v] = step{Why: "403"}
	}
	f("no version could be tried", nil, all)
}

// TestBisectUnsure: an answer that is not sure is no answer, and has a code of its own.
func TestBisectUnsure(t *testing.T) {
	b := bisected{Good: "v1", Bad: "v2", Versions: []string{"v1", "v2"}, Gates: []string{"a", "b"}, Answer: bisect.Answer{First: "v2", Last: "v1", Sure: 0.9, Trials: 3}}
	_, err := b.said()
	var g gateError
	if !errors.As(err, &g) || g.code != ExitUndecided || !strings.Contains(err.Error(), "v2 may be the first that misses its gates (90.0% sure, 3 trials") {
		t.Error(err)
	}
	// Nor is one that its own trials contradict.
	b.Answer = bisect.Answer{First: "v2", Last: "v1", Sure: 0.995, Trials: 12, Against: 5, Doubt: true}
	said, err := b.said()
	if !errors.As(err, &g) || g.code != ExitUndecided || !strings.Contains(err.Error(), "v2 may be the first that misses its gates (99.5% sure, 12 trials, 5 of them against it)") || !strings.Contains(said, "5 of 12 trials contradict that") {
		t.Errorf("%q, %v", said, err)
	}
}

// TestBoundary: what is given is searched, all of it, or refused.
func TestBoundary(t *testing.T) {
	f := func(good, bad, given, want, wrong string) {
		t.Helper()
		got, err := boundary(context.Background(), "sarama", good, bad, strings.Split(given, ","))
		if strings.Join(got, " ") != want || (err == nil) != (wrong == "") || err != nil && !strings.Contains(err.Error(), wrong) {
			t.Errorf("%q, %v; want %q, %q", got, err, want, wrong)
		}
	}
	f("v1.41.0", "v1.40.1", "v1.40.3,v1.40.2", "v1.40.1 v1.40.2 v1.40.3 v1.41.0", "")
	f("v1.40.1", "v1.41.0", "v1.40.2-0.20230102030405-0123456789ab", "v1.40.1 v1.40.2-0.20230102030405-0123456789ab v1.41.0", "")
	f("v1.40.1", "v1.41.0", "v1.40.2,v1.42.0", "", "--versions v1.42.0: it does not lie between v1.40.1 and v1.41.0")
	f("v1.40.1", "v1.41", "v1.40.2", "", "v1.41: write versions as v1.2.3")
}

// TestReplayOutcome: what trials of two versions say of a claim, whichever is the older.
func TestReplayOutcome(t *testing.T) {
	f := func(bad, good string, missing []string, otherwise map[string]step, want string) {
		t.Helper()
		old := versions
		versions = []string{min(bad, good), max(bad, good)}
		defer func() { versions = old }()
		b, _, _ := searched(t, good, bad, missing, otherwise)
		r := replayed{bisected: *b}
		if got := r.outcome(); got != want {
			t.Errorf("%s and %s, of which %q miss: %s, want %s (%+v)", bad, good, missing, got, want, b.Answer)
		}
		if said := r.counted(); !strings.Contains(said, " of "+good) && len(otherwise) == 0 {
			t.Error(said)
		}
	}
	for _, v := range [][2]string{{"v1.1.0", "v1.2.0"}, {"v1.2.0", "v1.1.0"}} {
		bad, good := v[0], v[1]
		f(bad, good, []string{bad}, nil, toldApart)
		f(bad, good, nil, nil, refuted)
		f(bad, good, []string{bad, good}, nil, notToldApart)
		f(bad, good, []string{bad}, map[string]step{good: {Why: "403"}}, notToldApart)
		f(bad, good, []string{bad}, map[string]step{good: {Verdict: results.NotDecided}}, notToldApart)
	}
}

// TestReplayOtherWayRound: trials that say the opposite of the claim end, and tell nothing
// apart.
func TestReplayOtherWayRound(t *testing.T) {
	b := &bisected{Client: "sarama", Good: "v1.2.0", Bad: "v1.1.0", Versions: []string{"v1.1.0", "v1.2.0"}, Wrong: 0.05}
	n := 0
	do := func(_ context.Context, _, _ string, s *step) (bool, error) {
		if n++; n > 50 {
			return false, errors.New("it does not end")
		}
		if s.Verdict = results.Met; s.Version == "v1.2.0" {
			s.Verdict = results.NotMet
		}
		return false, nil
	}
	if err := b.search(context.Background(), do, func(step) error { return nil }); err != nil {
		t.Fatal(err)
	}
	if r := (replayed{bisected: *b}); r.outcome() != notToldApart {
		t.Errorf("%s: %+v", r.outcome(), b.Answer)
	}
}

// TestReplayKept: the steps of the case under way are in the file as soon as they are
// made, behind those of the cases that are over, so that a kill in the next trial leaves
// them.
func TestReplayKept(t *testing.T) {
	out, killed := t.TempDir(), errors.New("killed")
	trials := 0
	do := func(_ context.Context, _, _ string, s *step) (bool, error) {
		if trials++; trials == 7 {
			return false, killed
		}
		if s.Verdict = results.Met; s.Version == "v1.1.0" {
			s.Verdict = results.NotMet
		}
		return false, nil
	}
	var cases []*replayed
	for _, name := range []string{"one", "two", "three"} {
		r := &replayed{Name: name, do: do}
		r.bisected = bisected{Client: "sarama", Good: "v1.2.0", Bad: "v1.1.0", Versions: []string{"v1.1.0", "v1.2.0"}, Wrong: 0.05}
		cases = append(cases, r)
	}
	a := &app{out: io.Discard}
	if _, err := a.replayAll(context.Background(), cases, out); !errors.Is(err, killed) {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(out, replayFile))
	if err != nil {
		t.Fatal(err)
	}
	var kept []replayed
	if err := json.Unmarshal(data, &kept); err != nil {
		t.Fatal(err)
	}
	steps := 0
	for i, r := range kept {
		steps += len(r.Steps)
		if over := i < len(kept)-1; (r.Outcome == toldApart) != over || (r.Outcome == "") == over {
			t.Errorf("%s: %q", r.Name, r.Outcome)
		}
	}
	if steps != 6 || len(kept) != 2 || len(kept[1].Steps) == 0 {
		t.Errorf("%d steps of %d cases are kept: %s", steps, len(kept), data)
	}
}
