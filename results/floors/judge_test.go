package floors

import (
	"math/rand/v2"
	"strings"
	"testing"
)

const h = 500e6 // ns

// sample are n events with survivors whose beats fall on random moments of the
// interval that are spread over a share of it, and an act at a random moment.
// Times are those that an instrument shows whose clock runs stretch times as
// fast.
func sample(seed uint64, n, survivors int, spreadOver, stretch float64) []Detection {
	r := rand.New(rand.NewPCG(seed, 21))
	events := make([]Detection, n)
	for i := range events {
		var beats []int64
		act, last := int64(r.Float64()*h), int64(0)
		for range survivors {
			beat := int64(r.Float64() * spreadOver * h)
			beats = append(beats, beat)
			last = max(last, (beat-act+h)%h)
		}
		events[i] = Detection{Kind: "join", Survivors: survivors, Took: int64(float64(last) * stretch), Spread: spread(beats, h)}
	}
	return events
}

func TestJudge(t *testing.T) {
	f := func(what string, events []Detection, left int, law, want string) {
		t.Helper()
		v := Judge("join", events, left, h)
		if v.Law != law || !strings.HasPrefix(v.String(), want) || v.Holds() != (want == "holds") {
			t.Errorf("%s: law %q, %q (%+v); want %q, %q", what, v.Law, v.String(), v, law, want)
		}
	}
	f("in step", sample(1, 100, 3, 0.002, 1), 0, "U(0, H)", "holds")
	f("in step, one survivor", sample(2, 100, 1, 0, 1), 0, "U(0, H)", "holds")
	f("independent", sample(3, 100, 3, 1, 1), 0, "(t/H)^3", "holds")
	f("two of them", sample(4, 200, 2, 1, 1), 0, "(t/H)^2", "holds")

	f("what is seen is 1.3 times as long", sample(5, 100, 3, 0.002, 1.3), 0, "U(0, H)", "does not hold, and 1.3H is not excluded")
	f("the same of independent beats", sample(6, 100, 3, 1, 1.3), 0, "(t/H)^3", "does not hold, and 1.3H is not excluded")
	f("what is seen is too short", sample(7, 100, 3, 0.002, 0.6), 0, "U(0, H)", "does not hold")
	// The first that heard in place of the last, or one of them for all, shows
	// where beats are independent.
	first := sample(8, 100, 3, 1, 1)
	for i, d := range sample(9, 100, 1, 1, 1) {
		first[i].Took = d.Took
	}
	f("one survivor for all", first, 0, "(t/H)^3", "does not hold")

	f("too few", sample(10, 99, 3, 0, 1), 0, "", "no verdict: 99 events of 99 are too few")
	f("none", nil, 0, "", "no verdict: 0 events of 0 are too few")
	f("a few left out", sample(11, 100, 3, 0, 1), 11, "U(0, H)", "holds")
	f("many left out", sample(11, 100, 3, 0, 1), 12, "", "no verdict: 12 events of 112 had to be left out")
	f("neither", sample(12, 100, 3, 0.25, 1), 0, "", "no verdict: beats spread over")
	mixed := append(sample(13, 60, 3, 0, 1), sample(14, 60, 2, 0, 1)...)
	f("groups of two sizes", mixed, 0, "", "no verdict: groups of 3 and of 2 survivors")
}

// The law is chosen by the beats alone: what does not fit it is not held against
// the other one.
func TestTheFitDoesNotChooseTheLaw(t *testing.T) {
	independent := sample(15, 150, 3, 1, 1)
	for i := range independent {
		independent[i].Spread = 1e6
	}
	if v := Judge("leave", independent, 0, h); v.Law != "U(0, H)" || v.Holds() {
		t.Errorf("beats in step and times of independent ones: %s by %s", &v, v.Law)
	}
}

func TestVerdictNamesWhatIsWrong(t *testing.T) {
	f := func(atH, atLonger float64, want string) {
		t.Helper()
		v := Verdict{AtH: Test{0, atH}, AtLonger: Test{0, atLonger}}
		if v.String() != want {
			t.Errorf("p %v and %v: %q, want %q", atH, atLonger, v.String(), want)
		}
	}
	f(0.5, 0.001, "holds")
	f(0.5, 0.01, "1.3H is not excluded")
	f(0.01, 0.001, "does not hold")
	f(0.01, 0.01, "does not hold, and 1.3H is not excluded")
}
