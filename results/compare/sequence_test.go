package compare

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/kbench/kbench/results"
)

// The looks are far enough apart to cost little, and none comes before there can be an
// interval of its confidence.
func TestLooks(t *testing.T) {
	f := func(most int, want ...int) {
		t.Helper()
		if got := Looks(most); !slices.Equal(got, want) {
			t.Errorf("of %d rounds: looks after %v, want %v", most, got, want)
		}
	}
	f(5)
	f(6, 6)
	f(8, 8)
	f(12, 7, 12)
	f(30, 8, 12, 18, 30)
	f(60, 8, 12, 18, 27, 40, 60)
	for most := FirstLook(); most < 3000; most++ {
		looks := Looks(most)
		if least := leastRounds(LevelOf(len(looks))); looks[0] < least || looks[len(looks)-1] != most {
			t.Fatalf("of %d rounds: looks after %v, and an interval takes %d", most, looks, least)
		}
		if rarest(looks[0], LevelOf(len(looks))/2) < 0 {
			t.Fatalf("of %d rounds: no interval after %d", most, looks[0])
		}
	}
}

// The interval is that of signed ranks: of 8 rounds nothing is rarer than all of one sign,
// 2 ways of 256, so that at 0.8% it goes from the least to the most; of 6 the bounds
// at 10% are the third of each end: 3 ways of 64 have a sum of at most 2.
func TestSignedRankInterval(t *testing.T) {
	f := func(diffs []float64, level, low, high float64) {
		t.Helper()
		e := signedRankEstimate(diffs, level)
		if e.low != low || e.high != high {
			t.Errorf("%v at %v: %v to %v, want %v to %v", diffs, level, e.low, e.high, low, high)
		}
	}
	f([]float64{1, 2, 4, 8, 16, 32, 64, 128}, LevelOf(6), 1, 128)
	f([]float64{1, 2, 4, 8, 16, 32, 64}, LevelOf(6), math.Inf(-1), math.Inf(1))
	f([]float64{1, 2, 4, 8, 16, 32}, 0.1, 2, 20)
	// Beyond exact counting the law of large numbers is close.
	if exact, near := rarest(64, 0.025), rarest(65, 0.025); near-exact < 10 || near-exact > 30 {
		t.Errorf("%d of 64 rounds, and %d of 65", exact, near)
	}
}

// sequential is a run that goes on until its intervals are narrow, or as stop says.
type sequential struct {
	rng     *rand.Rand
	looks   []int
	share   float64
	effects []float64 // of each arm
	noise   func(*rand.Rand) float64
	measure string
}

// run returns the comparison at the look at which it stopped, after how many rounds.
func (q *sequential) run(stop func(*Workload) bool) (*Workload, int) {
	m := newMade("r").compares(q.measure)
	m.run.Sequence = &results.Sequence{Until: q.share, Looks: q.looks, Level: LevelOf(len(q.looks))}
	round := 0
	for i, look := range q.looks {
		for ; round < look; round++ {
			drift := math.Exp(0.2 * math.Sin(float64(round)/7)) // of the machine, in all arms
			for arm, effect := range q.effects {
				m.row(m.trial(fmt.Sprintf("arm%d", arm), round+1), results.CPUPerRecord, 1000*drift*math.Exp(effect+q.noise(q.rng)))
			}
		}
		w := m.compared()
		if stop(&w) || i == len(q.looks)-1 {
			return &w, round
		}
	}
	return nil, 0
}

func (q *sequential) narrow(w *Workload) bool {
	wide, _ := w.Wide(q.share)
	return len(wide) == 0
}

func different(w *Workload) bool {
	return slices.ContainsFunc(w.Pairs, func(p Pair) bool {
		return slices.ContainsFunc(p.Results, func(r Result) bool { return r.Verdict == Better || r.Verdict == Worse })
	})
}

// TestSequence: of runs that go on until their intervals are narrow, and of those that
// stop as soon as they find something, at most one in twenty finds what is not there, and
// at most one interval in twenty misses what is, of even and of wild noise. Looked at as
// often without a price, many more do: the test would see it.
func TestSequence(t *testing.T) {
	const times = 400
	bound := int(times*Level + 2*math.Sqrt(times*Level*(1-Level)))
	even := func(rng *rand.Rand) float64 { return 0.03 * rng.NormFloat64() }
	wild := func(rng *rand.Rand) float64 { return 0.01 * rng.NormFloat64() / max(0.1, rng.Float64()) }
	fine := "cpu.per_record by 0.01%" // any difference matters, so that only chance is in the way
	f := func(what string, q sequential, stop func(*sequential, *Workload) bool) (alarms, misses int) {
		t.Helper()
		rounds := 0
		for seed := range uint64(times) {
			q.rng = rand.New(rand.NewPCG(seed, 1))
			w, n := q.run(func(w *Workload) bool { return stop(&q, w) })
			rounds += n
			if different(w) {
				alarms++
			}
			r := &w.Pairs[0].Results[0] // one interval a run: they hold one by one
			if truth := q.effects[0] - q.effects[1]; r.value.low > truth || r.value.high < truth {
				misses++
			}
		}
		t.Logf("%s: something found in %d of %d runs, %d intervals miss, after %d rounds on average", what, alarms, times, misses, rounds/times)
		return alarms, misses
	}
	holds := func(what string, q sequential, stop func(*sequential, *Workload) bool) {
		t.Helper()
		none := slices.Max(q.effects) == 0 && slices.Min(q.effects) == 0
		alarms, misses := f(what, q, stop)
		if none && alarms > bound {
			t.Errorf("%s: in %d of %d runs something is found that is not there, want at most %d", what, alarms, times, bound)
		}
		if misses > bound {
			t.Errorf("%s: %d of %d intervals miss, want at most %d", what, misses, times, bound)
		}
	}
	narrow := func(q *sequential, w *Workload) bool { return q.narrow(w) }
	eager := func(_ *sequential, w *Workload) bool { return different(w) }
	looks := Looks(60)
	holds("two arms, until narrow", sequential{looks: looks, share: 0.025, effects: []float64{0, 0}, noise: even, measure: fine}, narrow)
	holds("two arms apart, until narrow", sequential{looks: looks, share: 0.025, effects: []float64{0.02, 0}, noise: even, measure: fine}, narrow)
	holds("two arms of wild noise, until narrow", sequential{looks: looks, share: 0.03, effects: []float64{0, 0}, noise: wild, measure: fine}, narrow)
	holds("three arms, until narrow", sequential{looks: looks, share: 0.03, effects: []float64{0, 0, 0}, noise: even, measure: fine}, narrow)
	holds("two arms, until something is found", sequential{looks: looks, share: 0.025, effects: []float64{0, 0}, noise: even, measure: fine}, eager)

	// The same without a price: each look as if it were the only one.
	free := sequential{looks: looks, share: 0.025, effects: []float64{0, 0}, noise: even, measure: fine}
	alarms, _ := f("each look at the level of one, until something is found", free, func(_ *sequential, w *Workload) bool {
		r := &w.Pairs[0].Results[0]
		if *r.P <= Level {
			r.Verdict = Better
		}
		return *r.P <= Level
	})
	if alarms <= bound {
		t.Errorf("without a price something is found in %d of %d runs: what is simulated does not tell", alarms, times)
	}
}

// What a run ended by does not find anything against a baseline, which is compared as ever.
func TestSequenceBaseline(t *testing.T) {
	const times = 300
	found := 0
	for seed := range uint64(times) {
		q := sequential{rng: rand.New(rand.NewPCG(seed, 2)), looks: Looks(40), share: 0.02, effects: []float64{0, 0}, measure: "cpu.per_record by 0.01%",
			noise: func(rng *rand.Rand) float64 { return 0.02 * rng.NormFloat64() }}
		m, base := newMade("r").compares(q.measure), newMade("base").compares(q.measure)
		m.run.Sequence = &results.Sequence{Until: q.share, Looks: q.looks, Level: LevelOf(len(q.looks))}
		for round := 1; round <= 40; round++ {
			for _, arm := range []string{"a", "b"} {
				m.row(m.trial(arm, round), results.CPUPerRecord, 1000*math.Exp(q.noise(q.rng)))
				if round <= 12 {
					base.row(base.trial(arm, round), results.CPUPerRecord, 1000*math.Exp(q.noise(q.rng)))
				}
			}
			if w := m.compared(); slices.Contains(q.looks, round) && q.narrow(&w) {
				break
			}
		}
		if c := Against(&m.run, &m.sum, &base.run, &base.sum).Workloads[0]; different(&c) {
			found++
		}
	}
	if bound := int(times*Level + 2*math.Sqrt(times*Level*(1-Level))); found > bound {
		t.Errorf("in %d of %d runs something is found against the baseline, want at most %d", found, times, bound)
	}
}

// What a pilot says comes true: by five rounds it is told how many a width takes, and in
// four of five runs no more are needed than are called likely.
func TestPilot(t *testing.T) {
	const times, share = 200, 0.02
	looks := Looks(60)
	within, sum := 0, 0
	for seed := range uint64(times) {
		rng := rand.New(rand.NewPCG(seed, 3))
		m := newMade("r").compares("cpu.per_record by 3%")
		m.run.Sequence = &results.Sequence{Until: share, Looks: looks, Level: LevelOf(len(looks))}
		needs, likely := 0, 0
		for round := 1; needs == 0; round++ {
			for _, arm := range []string{"a", "b"} {
				m.row(m.trial(arm, round), results.CPUPerRecord, 1000*math.Exp(0.02*rng.NormFloat64()))
			}
			if round < 5 {
				continue
			}
			w := m.compared()
			wide, without := w.Wide(share)
			if len(without) > 0 {
				t.Fatal(without)
			}
			if round == 5 {
				if len(wide) != 1 || !math.IsNaN(wide[0].Reach) || wide[0].Rounds > wide[0].Likely || wide[0].Rounds < looks[0] {
					t.Fatalf("after five rounds: %+v", wide)
				}
				likely, sum = wide[0].Likely, sum+wide[0].Rounds
			}
			if len(wide) == 0 {
				needs = round
			}
		}
		if needs <= likely {
			within++
		}
	}
	t.Logf("it takes %d rounds by the pilots on average; no more than likely in %d of %d", sum/times, within, times)
	if within < times*72/100 || within == times {
		t.Errorf("in %d of %d runs no more rounds are needed than are called likely, want about four in five", within, times)
	}
}

// What is waited for: all that has figures, the widest first; an amount that matters is
// narrow enough, and what has no figures is said.
func TestWide(t *testing.T) {
	var values [3][]float64
	rng := rand.New(rand.NewPCG(4, 4))
	for i, percent := range []float64{1, 1, 9} {
		values[i] = scattered(rng, 12, 1000, percent)
	}
	m := newMade("r").compares("cpu.per_record by 3%", "pause.gap_unexplained by 10% or 50ms", "rss.peak by 5%").arm("a", values[0]...).arm("b", values[1]...).arm("c", values[2]...)
	for i, ref := range m.run.Order {
		m.row(ref, results.PauseUnexplained, 1e6*float64(1+i%7), "event:join-1")
	}
	m.run.Sequence = &results.Sequence{Looks: Looks(12), Level: LevelOf(2)}
	w := m.compared()
	if w.Level != Level/2 || !slices.Equal(w.Looks, []int{7, 12}) {
		t.Errorf("level %v, looks %v", w.Level, w.Looks)
	}
	wide, without := w.Wide(0.03)
	if len(wide) != 2 || wide[0].What != "a against c by cpu.per_record" && wide[0].What != "b against c by cpu.per_record" || wide[0].Reach < 0.03 || wide[0].Reach > 0.2 || wide[0].Rounds <= 12 {
		t.Errorf("wide: %+v", wide)
	}
	if len(without) != 3 || without[0] != "a against b by rss.peak: there is no figure of a and b among the trials that count" {
		t.Errorf("without: %q", without)
	}
	if wide, _ := w.Wide(0.5); len(wide) != 0 {
		t.Errorf("at 50%%: %+v", wide)
	}
}
