package bisect

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// search runs one to its end: from the place at on versions are of the other kind, those
// of skip cannot be tried, and a part of the trials is wrong.
func search(n, at int, skip []int, wrong float64, r *rand.Rand) (Answer, []string) {
	var versions []string
	for i := range n {
		versions = append(versions, fmt.Sprintf("v%d", i))
	}
	s := New(versions, 0.05)
	for range 1000 {
		v, more := s.Next()
		if !more {
			break
		}
		i := slices.Index(versions, v)
		if slices.Contains(skip, i) {
			s.Skip(v, "it does not compile")
			continue
		}
		s.Tried(v, (i >= at) != (r.Float64() < wrong))
	}
	return s.Answer(), versions
}

// TestErrors: of searches of which as many trials are wrong as was said, one in a
// hundred at most ends in the wrong place, with so few trials.
func TestErrors(t *testing.T) {
	const n, times = 20, 250
	r := rand.New(rand.NewPCG(1, 2))
	wrong, trials := 0, 0
	for at := range n + 1 {
		for range times {
			a, versions := search(n, at, nil, 0.05, r)
			want := ""
			if at < n {
				want = versions[at]
			}
			if a.First != want {
				wrong++
			}
			trials += a.Trials
		}
	}
	of := (n + 1) * times
	t.Logf("%d of %d searches in %d versions are wrong, %.1f trials each", wrong, of, n, float64(trials)/float64(of))
	if wrong*100 > of {
		t.Errorf("%d of %d searches are wrong, want 1%% at most", wrong, of)
	}
	if trials > 18*of {
		t.Errorf("%.1f trials a search", float64(trials)/float64(of))
	}
}

// TestAllRight: where every trial is right, the answer is, and it is sure.
func TestAllRight(t *testing.T) {
	for at := range 9 {
		a, versions := search(8, at, nil, 0, rand.New(rand.NewPCG(3, 4)))
		first, last := "", ""
		if at < 8 {
			first = versions[at]
		}
		if at > 0 {
			last = versions[at-1]
		}
		if a.First != first || a.Last != last || a.Sure < Sure || a.Against != 0 || a.Doubt {
			t.Errorf("changed at %d: %+v", at, a)
		}
	}
}

// TestSkipped: a version that cannot be tried is told, and the answer names the ones
// beside it that could.
func TestSkipped(t *testing.T) {
	a, _ := search(8, 4, []int{3, 4}, 0, rand.New(rand.NewPCG(5, 6)))
	if a.First != "v5" || a.Last != "v2" || a.Sure < Sure {
		t.Errorf("%+v", a)
	}
	var names []string
	for _, s := range a.Skipped {
		names = append(names, s.Version)
	}
	slices.Sort(names)
	if !slices.Equal(names, []string{"v3", "v4"}) {
		t.Errorf("skipped %q", names)
	}
	if a, _ := search(3, 1, []int{0, 1, 2}, 0, rand.New(rand.NewPCG(7, 8))); a.Trials != 0 || a.First != "" || a.Last != "" {
		t.Errorf("nothing could be tried: %+v", a)
	}
}

// TestDoubt: trials that contradict each other more than was said are told.
func TestDoubt(t *testing.T) {
	doubts, more := 0, 0
	r := rand.New(rand.NewPCG(9, 10))
	for range 200 {
		if a, _ := search(10, 5, nil, 0.05, r); a.Doubt {
			doubts++
		}
		if a, _ := search(10, 5, nil, 0.3, r); a.Doubt {
			more++
		}
	}
	if doubts > 30 || more < 60 {
		t.Errorf("%d of 200 as said, %d of 200 with six times as many wrong", doubts, more)
	}
}
