package floors

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
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
		events[i] = Detection{Kind: "join", Survivors: survivors, Took: int64(float64(last) * stretch), Gaps: gaps(beats, h)}
	}
	return events
}

func TestJudge(t *testing.T) {
	f := func(what string, events []Detection, left int, want string) {
		t.Helper()
		v := Judge("join", events, left, h)
		if !strings.HasPrefix(v.String(), want) || v.Holds() != (want == "holds") {
			t.Errorf("%s: %q (%+v); want %q", what, v.String(), v, want)
		}
	}
	f("in step", sample(1, 100, 3, 0.002, 1), 0, "holds")
	f("in step, one survivor", sample(2, 100, 1, 0, 1), 0, "holds")
	f("independent", sample(3, 100, 3, 1, 1), 0, "holds")
	f("two of them", sample(4, 200, 2, 1, 1), 0, "holds")
	f("a little apart", sample(12, 100, 3, 0.25, 1), 0, "holds")
	f("groups of two sizes", append(sample(13, 60, 3, 1, 1), sample(14, 60, 2, 1, 1)...), 0, "holds")

	f("what is seen is 1.3 times as long", sample(5, 100, 3, 0.002, 1.3), 0, "does not hold, and 1.3H is not excluded")
	f("the same of independent beats", sample(6, 100, 3, 1, 1.3), 0, "does not hold, and 1.3H is not excluded")
	f("what is seen is too short", sample(7, 100, 3, 0.002, 0.6), 0, "does not hold")
	// One member taken for the last of all shows where their beats are apart.
	one := sample(8, 100, 3, 1, 1)
	for i, d := range sample(9, 100, 1, 1, 1) {
		one[i].Took = d.Took
	}
	f("one survivor for all", one, 0, "does not hold")
	// So do beats that are taken for what they are not.
	step := sample(15, 150, 3, 1, 1)
	for i := range step {
		step[i].Gaps = []float64{1e6, 1e6, h - 2e6}
	}
	f("independent beats taken for beats in step", step, 0, "does not hold")

	f("too few", sample(10, 99, 3, 0, 1), 0, "no verdict: 99 events of 99 are too few")
	f("none", nil, 0, "no verdict: 0 events of 0 are too few")
	f("a few left out", sample(11, 100, 3, 0, 1), 11, "holds")
	f("many left out", sample(11, 100, 3, 0, 1), 12, "no verdict: 12 events of 112 had to be left out")
}

// A law that is true is denied in one of a hundred samples, whatever the beats,
// and the same law for 1.3H is taken for it in none.
func TestLevel(t *testing.T) {
	const samples = 400
	for _, spreadOver := range []float64{0, 0.2, 1} {
		denied, missed := 0, 0
		for i := range samples {
			v := Judge("join", sample(uint64(1000+i), 100, 3, spreadOver, 1), 0, h)
			if !v.AtH.Fits() {
				denied++
			}
			if v.AtLonger.P >= Level {
				missed++
			}
		}
		if denied > 12 || missed > 0 {
			t.Errorf("beats over %.1f of the interval: the law is denied in %d samples of %d, and that for 1.3H fits %d", spreadOver, denied, samples, missed)
		}
	}
}

func TestMeansOfAVerdict(t *testing.T) {
	f := func(what string, events []Detection, expected float64) {
		t.Helper()
		v := Judge("join", events, 0, h)
		if d := v.Expected/h - expected; d < -0.02 || d > 0.02 {
			t.Errorf("%s: the law has a mean of %.3f H, want %.3f", what, v.Expected/h, expected)
		}
		if d := (v.Mean - v.Expected) / h; d < -0.05 || d > 0.05 {
			t.Errorf("%s: the mean is %.3f H, by the law %.3f", what, v.Mean/h, v.Expected/h)
		}
	}
	f("in step", sample(21, 400, 3, 0, 1), 0.5)
	f("two independent", sample(22, 400, 2, 1, 1), 2.0/3)
	f("three independent", sample(23, 400, 3, 1, 1), 0.75)
}

// What a verdict says does not depend on the unit of time, nor on the order of
// events.
func TestUnitAndOrderDoNotMatter(t *testing.T) {
	for _, spreadOver := range []float64{0, 0.3, 1} {
		events := sample(31, 150, 3, spreadOver, 1.1)
		want := Judge("join", events, 3, h)
		longer := slices.Clone(events)
		slices.Reverse(longer)
		for i := range longer {
			d := &longer[i]
			d.Took, d.Gaps = 4*d.Took, slices.Clone(d.Gaps)
			for j := range d.Gaps {
				d.Gaps[j] *= 4
			}
		}
		got := Judge("join", longer, 3, 4*h)
		for _, v := range []*float64{&got.Mean, &got.Longest, &got.Spread, &got.Widest, &got.Expected} {
			*v /= 4
		}
		if diff := cmp.Diff(want, got, cmpopts.EquateApprox(1e-12, 0)); diff != "" {
			t.Errorf("in another unit:\n%s", diff)
		}
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
