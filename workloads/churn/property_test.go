package churn_test

import (
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/kbench/kbench/workloads"
	"github.com/kbench/kbench/workloads/acts"
	"github.com/kbench/kbench/workloads/churn"
)

// entries draws one entry of a timeline, of the kinds that a document may have.
func entries() *rapid.Generator[workloads.ChurnEntry] {
	return rapid.Custom(func(t *rapid.T) workloads.ChurnEntry {
		e := workloads.ChurnEntry{
			Do:     rapid.SampledFrom([]string{"", "join", "leave", "crash", "stall", "restart", "rolling", "crashloop", "storm"}).Draw(t, "do"),
			Times:  rapid.IntRange(1, 5).Draw(t, "times"),
			Target: rapid.SampledFrom([]string{"oldest", "newest", "random"}).Draw(t, "target"),
			Phase:  rapid.SampledFrom([]string{"random", "best", "worst", "0.5"}).Draw(t, "phase"),
			For:    time.Duration(rapid.IntRange(1, 30).Draw(t, "for")) * time.Second,
			When:   "stable",
		}
		if e.Do == "" {
			e.Cycle = rapid.SliceOfN(rapid.SampledFrom([]string{"join", "leave", "crash", "restart"}), 1, 4).Draw(t, "cycle")
		}
		if e.Do == "storm" || e.Do == "crashloop" || rapid.Bool().Draw(t, "fixed") {
			e.When, e.At = "", time.Duration(rapid.IntRange(1, 300_000).Draw(t, "at"))*time.Millisecond
			e.Every = time.Duration(rapid.IntRange(1, 60).Draw(t, "every")) * time.Second
		}
		if e.Do == "storm" {
			e.Rate = workloads.Rate{PerSecond: rapid.Float64Range(0.01, 1).Draw(t, "rate")}
		}
		return e
	})
}

// TestTimelines follows the acts of any timeline and holds them to what the
// rest of the house relies on.
func TestTimelines(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := workloads.Default()
		s.Consume.Members = rapid.IntRange(1, 6).Draw(t, "members")
		s.Group.Static = rapid.Bool().Draw(t, "static")
		s.Churn = rapid.SliceOfN(entries(), 0, 4).Draw(t, "churn")
		seed := rapid.Uint64().Draw(t, "seed")

		done, err := churn.Expand(&s, seed)
		again, errAgain := churn.Expand(&s, seed)
		if !reflect.DeepEqual(done, again) || (err == nil) != (errAgain == nil) {
			t.Fatal("the same seed gave other acts")
		}
		if err != nil {
			return
		}
		g := &follower{t, map[int]bool{}, 0}
		for m := range s.Consume.Members {
			g.start(m)
		}
		mixed := slices.ContainsFunc(s.Churn, func(e workloads.ChurnEntry) bool { return e.Do != "storm" })
		var last time.Duration
		for i, a := range done {
			if a.N != i+1 || a.At < last {
				t.Fatalf("act %d has number %d, at %v after %v", i+1, a.N, a.At, last)
			}
			last = a.At
			g.follow(a)
			// Where storms overlap, what restores one may add to what another brought.
			if len(g.in) < 1 || !mixed && a.Counted && a.Kind == acts.Join && len(g.in) > 2*s.Consume.Members {
				t.Fatalf("%d members of %d after act %d", len(g.in), s.Consume.Members, a.N)
			}
		}
		if len(g.in) != s.Consume.Members {
			t.Fatalf("%d members in the end, %d at the start", len(g.in), s.Consume.Members)
		}
		if len(done) > 0 && churn.Length(&s, done) <= last {
			t.Fatalf("over after %v, but the last act is at %v", churn.Length(&s, done), last)
		}
	})
}

// A follower knows who is in the group, and how many processes have started.
type follower struct {
	t       *rapid.T
	in      map[int]bool
	started int
}

func (g *follower) start(member int) {
	if member != g.started {
		g.t.Fatalf("process %d starts after %d", member, g.started-1)
	}
	g.started++
	g.in[member] = true
}

// follow holds one act to the group as it is, and brings that up to date.
func (g *follower) follow(a churn.Act) {
	if a.Kind != acts.Join && !g.in[a.Member] {
		g.t.Fatalf("act %d, %s: %d is not in the group", a.N, a.Kind, a.Member)
	}
	if !g.in[a.PhaseOf] {
		g.t.Fatalf("act %d, %s: the phase of %d, who is not in the group", a.N, a.Kind, a.PhaseOf)
	}
	if a.Phase > 1 || a.Phase < 0 && a.Phase != -1 {
		g.t.Fatalf("act %d: phase %v", a.N, a.Phase)
	}
	switch a.Kind {
	case acts.Join:
		g.start(a.Member)
	case acts.Leave, acts.Crash:
		delete(g.in, a.Member)
	case acts.Restart:
		delete(g.in, a.Member)
		g.start(a.NewMember)
	}
}

// TestArmsShareAnOrder: whatever the arms of a round differ in, the same is done
// in the same order and at the same phases in each.
func TestArmsShareAnOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := workloads.Default()
		s.Consume.Members = rapid.IntRange(2, 6).Draw(t, "members")
		s.Churn = rapid.SliceOfN(entries(), 1, 4).Draw(t, "churn")
		seed := rapid.Uint64().Draw(t, "seed")
		arms := make([]workloads.Spec, rapid.IntRange(2, 4).Draw(t, "arms"))
		for i := range arms {
			arms[i] = s
			g := &arms[i].Group
			g.Assignors = []string{rapid.SampledFrom([]string{"range", "sticky", "cooperative-sticky"}).Draw(t, "assignor")}
			g.Heartbeat = time.Duration(rapid.IntRange(1, 5).Draw(t, "heartbeat")) * time.Second
			g.Session = g.Heartbeat * time.Duration(rapid.IntRange(2, 10).Draw(t, "session"))
			// Of crash loops that overlap, one may kill what another has started, and then
			// chooses its next victim anew: with static members it is not the same one.
			if !slices.ContainsFunc(s.Churn, func(e workloads.ChurnEntry) bool { return e.Do == "crashloop" }) {
				g.Static = rapid.Bool().Draw(t, "static")
			}
		}
		var first []churn.Act
		var wrong error
		for i := range arms {
			acts, err := churn.Expand(&arms[i], seed, arms...)
			for j := range acts {
				// Who is the oldest after a stall or a restart is the arm's own.
				acts[j].Member, acts[j].NewMember, acts[j].PhaseOf, acts[j].SameID = 0, 0, 0, false
			}
			if i == 0 {
				first, wrong = acts, err
			}
			if !reflect.DeepEqual(acts, first) || (err == nil) != (wrong == nil) {
				t.Fatalf("arm %d has other acts (%v, %v):\n%v\n%v", i+1, err, wrong, acts, first)
			}
		}
	})
}

// TestRandomPhasesAreUniform draws many: their mean and spread are those of the
// uniform law. The seed is fixed, so that the outcome is.
func TestRandomPhasesAreUniform(t *testing.T) {
	s := workloads.Default()
	s.Churn = []workloads.ChurnEntry{{Cycle: []string{"join", "leave"}, When: "stable", Times: 2000, Phase: "random", Target: "random"}}
	acts, err := churn.Expand(&s, 7)
	if err != nil || len(acts) != 4000 {
		t.Fatalf("%d acts, %v", len(acts), err)
	}
	var tenths [10]int
	for _, a := range acts {
		tenths[int(a.Phase*10)]++
	}
	for i, n := range tenths {
		if n < 340 || n > 460 { // 400, give or take three standard deviations
			t.Errorf("%d of %d phases begin with 0.%d", n, len(acts), i)
		}
	}
}

// TestStormIsPoisson counts acts and distances: n of mean rate x time, and as
// many distances above the mean as an exponential law has, e^-1.
func TestStormIsPoisson(t *testing.T) {
	s := workloads.Default()
	s.Churn = []workloads.ChurnEntry{{Do: "storm", At: time.Second, For: 10_000 * time.Second, Rate: workloads.Rate{PerSecond: 0.2}}}
	done, err := churn.Expand(&s, 7)
	if err != nil {
		t.Fatal(err)
	}
	n, above := 0, 0
	kinds := map[acts.Kind]int{}
	last := time.Second
	for _, a := range done {
		if !a.Counted {
			continue
		}
		n++
		kinds[a.Kind]++
		if a.At-last > 5*time.Second {
			above++
		}
		last = a.At
	}
	if n < 1865 || n > 2135 { // 2000, give or take three standard deviations
		t.Errorf("%d acts in 10000s at 0.2/s", n)
	}
	if share := float64(above) / float64(n); share < 0.33 || share > 0.41 {
		t.Errorf("%.2f of the distances are above the mean; want 0.37", share)
	}
	if len(kinds) != 3 || kinds[acts.Crash] < n/5 || kinds[acts.Leave] < n/5 {
		t.Errorf("kinds: %v", kinds)
	}
}

func TestSeedsDiffer(t *testing.T) {
	s := workloads.Default()
	s.Churn = []workloads.ChurnEntry{{Do: "join", When: "stable", Times: 5, Phase: "random"}}
	a, errA := churn.Expand(&s, 1)
	b, errB := churn.Expand(&s, 2)
	if errA != nil || errB != nil || reflect.DeepEqual(a, b) {
		t.Errorf("two seeds gave the same phases (%v, %v)", errA, errB)
	}
}
