package compare

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/workloads"
)

// made is a run of one workload, with the figure of each of its rounds by arm.
type made struct {
	run results.Run
	sum results.Summary
}

func newMade(id string) *made {
	m := &made{}
	m.run = results.Run{ID: id, State: results.StateComplete, Clients: map[string]string{}, Broker: results.Broker{Kind: "embedded", Nodes: 1}}
	spec := workloads.Default()
	spec.Name, spec.Produce.Rate, spec.Consume.Members = "w", workloads.Rate{Max: true}, 0
	spec.Compare = []string{"cpu.per_record by 3%"}
	m.run.Specs = []workloads.Spec{spec}
	return m
}

func (m *made) compares(entries ...string) *made {
	m.run.Specs[0].Compare = entries
	return m
}

// arm adds a round for each value.
func (m *made) arm(name string, values ...float64) *made {
	for i, v := range values {
		m.row(m.trial(name, i+1), results.CPUPerRecord, v)
	}
	return m
}

func (m *made) trial(arm string, round int) results.TrialRef {
	client, _, _ := strings.Cut(arm, "/")
	ref := results.TrialRef{N: len(m.run.Order) + 1, Workload: "w", Arm: arm, Client: client, Lane: "matched", Round: round, Twin: strings.Contains(arm, "@aa")}
	m.run.Order = append(m.run.Order, ref)
	return ref
}

// row adds a figure of a trial. What is told of it beside is role:, class: or event:.
func (m *made) row(t results.TrialRef, metric string, v float64, beside ...string) {
	of, _ := results.LookupMetric(metric)
	r := results.Row{Workload: t.Workload, Arm: t.Arm, Client: t.Client, Lane: t.Lane, Round: t.Round, Trial: t.N, Metric: metric, Unit: of.Unit, Value: v, N: 1}
	for _, b := range beside {
		key, value, _ := strings.Cut(b, ":")
		switch key {
		case "role":
			r.Role = results.Role(value)
		case "class":
			r.Class = value
		case "stat":
			r.Stat = value
		case "event":
			r.Event = value
		}
	}
	m.sum.Rows = append(m.sum.Rows, r)
}

func (m *made) compared() Workload { return Of(&m.run, &m.sum).Workloads[0] }

// result is the only one of a run with two arms and one measure.
func (m *made) result(t *testing.T) Result {
	t.Helper()
	w := m.compared()
	if len(w.Pairs) != 1 || len(w.Pairs[0].Results) != 1 {
		t.Fatalf("%d pairs", len(w.Pairs))
	}
	return w.Pairs[0].Results[0]
}

// scattered are n values around one, each off by a few percent.
func scattered(rng *rand.Rand, n int, around, percent float64) []float64 {
	out := make([]float64, n)
	for i := range out {
		out[i] = around * math.Exp(rng.NormFloat64()*percent/100)
	}
	return out
}

func TestVerdicts(t *testing.T) {
	f := func(what string, a, b []float64, verdict Verdict, effect float64, n int) {
		t.Helper()
		r := newMade("r").arm("a", a...).arm("b", b...).result(t)
		if r.Verdict != verdict || math.Abs(*r.Effect-effect) > 1e-9 || r.N != n {
			t.Errorf("%s: %s by %v over %d, want %s by %v over %d", what, r.Verdict, *r.Effect, r.N, verdict, effect, n)
		}
	}
	base := []float64{1000, 1010, 990, 1005, 995, 1000}
	times := func(by float64, vs []float64) (out []float64) {
		for _, v := range vs {
			out = append(out, v*by)
		}
		return out
	}
	f("a tenth more cost", times(1.1, base), base, Worse, 0.1, 6)
	f("a tenth less", times(0.9, base), base, Better, -0.1, 6)
	f("equal", base, base, Same, 0, 6)
	f("all rounds apart, and by less than matters", times(1.01, base), base, Same, 0.01, 6)
	f("rounds of a machine that drifts", times(1.1, []float64{1, 2, 3, 4, 5, 6}), []float64{1, 2, 3, 4, 5, 6}, Worse, 0.1, 6)
	f("five rounds", times(2, base[:5]), base[:5], CannotTell, 1, 5)
	f("three rounds", times(2, base[:3]), base[:3], CannotTell, 1, 3)
	f("one round", times(2, base[:1]), base[:1], CannotTell, 1, 1)
	f("equal over five rounds", base[:5], base[:5], CannotTell, 0, 5)
	// One wild round of many does not decide against the others, as it does in a mean.
	many := slices.Concat(base, base, base)
	wild := times(1.1, many)
	wild[4] = 500
	r := newMade("r").arm("a", wild...).arm("b", many...).result(t)
	if r.Verdict != Worse || *r.Effect < 0.09 {
		t.Errorf("one wild round: %s by %v", r.Verdict, *r.Effect)
	}
}

// What cannot be told says what it would take.
func TestWhatItTakes(t *testing.T) {
	base := []float64{1000, 1010, 990}
	r := newMade("r").arm("a", 2000, 2020, 1980).arm("b", base...).result(t)
	if r.Smallest != nil || r.Low != nil || r.Rounds != 6 {
		t.Errorf("three rounds can show %v in %v, or else with %d; want nothing, and 6 rounds", r.Smallest, r.Low, r.Rounds)
	}
	// In a family of three a result has to be rarer: 2 of 2^7 are rare enough.
	w := newMade("r").arm("a", 2000, 2020, 1980).arm("b", base...).arm("c", base...).compared()
	if got := w.Pairs[0].Results[0].Rounds; w.Family != 3 || got != 7 {
		t.Errorf("of a family of %d it takes %d rounds, want 7 of 3", w.Family, got)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	r = newMade("r").arm("a", scattered(rng, 8, 1000, 10)...).arm("b", scattered(rng, 8, 1000, 10)...).result(t)
	// The effect that is seen 4 times in 5 takes (t+t) standard errors: near 3.3 of them.
	if r.Verdict != CannotTell || r.Smallest == nil || *r.Smallest < 0.1 || *r.Smallest > 0.5 || r.Rounds < 50 || r.Rounds > 1000 {
		t.Errorf("%s, smallest %v, rounds %d", r.Verdict, *r.Smallest, r.Rounds)
	}
	// Apart by more than matters, it takes the rounds to show that.
	r = newMade("r").arm("a", scattered(rng, 5, 1500, 10)...).arm("b", scattered(rng, 5, 1000, 10)...).result(t)
	if r.Rounds < 6 || r.Rounds > 12 {
		t.Errorf("half as much again takes %d rounds", r.Rounds)
	}
}

// Where it cannot be told after so many rounds, it takes more of them, and not fewer: an
// effect that is just short of what matters is neither the same nor different.
func TestWhatItTakesIsMore(t *testing.T) {
	open := 0
	for seed := range uint64(20) {
		rng := rand.New(rand.NewPCG(seed, 12))
		r := newMade("r").arm("a", scattered(rng, 12, 1029, 0.3)...).arm("b", scattered(rng, 12, 1000, 0.3)...).result(t)
		if r.Verdict != CannotTell {
			continue
		}
		if open++; r.Rounds != 0 && r.Rounds <= 12 {
			t.Errorf("%v (%v to %v) cannot be told after 12 rounds, and takes %d", *r.Effect, *r.Low, *r.High, r.Rounds)
		}
	}
	if open < 10 {
		t.Errorf("%d of 20 cannot be told; the test means nothing", open)
	}
}

// An arm that the baseline does not have is compared with nothing, and is told.
func TestAlone(t *testing.T) {
	base := []float64{1000, 1010, 990, 1005, 995, 1000}
	run, was := newMade("r").arm("a", base...).arm("b", base...), newMade("s").arm("a", base...)
	c := Against(&run.run, &run.sum, &was.run, &was.sum)
	if got := strings.Join(c.Alone(), "; "); got != "w, b" || len(c.Workloads[0].Pairs) != 1 {
		t.Errorf("alone are %q, of %d pairs", got, len(c.Workloads[0].Pairs))
	}
	if c = Against(&was.run, &was.sum, &run.run, &run.sum); len(c.Alone()) != 0 { // what is not run is not asked about
		t.Errorf("alone are %q", c.Alone())
	}
	if c = Of(&run.run, &run.sum); len(c.Alone()) != 0 {
		t.Errorf("alone are %q", c.Alone())
	}
}

// Nothing is found where there is nothing: two arms of one law in one run, a family of
// three clients, and sixty trials of one arm that are divided at random. Of 200, at most
// one in twenty is found, but for what chance does to that count.
func TestFalseAlarms(t *testing.T) {
	const times = 200
	mostOf := int(times*Level + 2*math.Sqrt(times*Level*(1-Level)))
	f := func(what string, most int, one func(rng *rand.Rand) Workload) {
		t.Helper()
		found := 0
		for seed := range uint64(times) {
			w := one(rand.New(rand.NewPCG(seed, 0)))
			different := func(r Result) bool { return r.Verdict == Better || r.Verdict == Worse }
			if slices.ContainsFunc(w.Pairs, func(p Pair) bool { return slices.ContainsFunc(p.Results, different) }) {
				found++
			}
		}
		t.Logf("%s: %d of %d", what, found, times)
		if found > most {
			t.Errorf("%s: in %d of %d something is found that is not there, want at most %d", what, found, times, most)
		}
	}
	fine := "cpu.per_record by 0.01%" // any difference matters, so that only chance is in the way
	f("two arms of 6 rounds", mostOf, func(rng *rand.Rand) Workload {
		return newMade("r").compares(fine).arm("a", scattered(rng, 6, 1000, 4)...).arm("b", scattered(rng, 6, 1000, 4)...).compared()
	})
	f("three arms of 12 rounds", mostOf, func(rng *rand.Rand) Workload {
		return newMade("r").compares(fine).arm("a", scattered(rng, 12, 1000, 4)...).arm("b", scattered(rng, 12, 1000, 4)...).arm("c", scattered(rng, 12, 1000, 4)...).compared()
	})
	f("two arms with wild rounds, and beyond exact counting", mostOf, func(rng *rand.Rand) Workload {
		heavy := func() (out []float64) {
			for range 70 {
				out = append(out, 1000*math.Exp(0.02*rng.NormFloat64()/max(0.1, rng.Float64())))
			}
			return out
		}
		return newMade("r").compares(fine).arm("a", heavy()...).arm("b", heavy()...).compared()
	})
	trials := recordedLike()
	split := func(rng *rand.Rand) (a, b []float64) {
		for i, at := range rng.Perm(len(trials)) {
			if i%2 == 0 {
				a = append(a, trials[at])
			} else {
				b = append(b, trials[at])
			}
		}
		return a, b
	}
	f("60 trials of one arm, divided", times/20, func(rng *rand.Rand) Workload {
		a, b := split(rng)
		return newMade("r").arm("a", a...).arm("b", b...).compared()
	})
	f("60 trials of one arm, any difference matters", mostOf, func(rng *rand.Rand) Workload {
		a, b := split(rng)
		return newMade("r").compares(fine).arm("a", a...).arm("b", b...).compared()
	})
	f("and between two runs", mostOf, func(rng *rand.Rand) Workload {
		a, b := split(rng)
		run, base := newMade("r").compares(fine).arm("a", a...), newMade("s").arm("a", b...)
		return Against(&run.run, &run.sum, &base.run, &base.sum).Workloads[0]
	})
}

// recordedLike is CPU per record of 60 trials of one arm as small machines give it: most
// within 2%, a drift over the night, and some wild ones.
func recordedLike() []float64 {
	rng := rand.New(rand.NewPCG(60, 11))
	out := make([]float64, 60)
	for i := range out {
		v := 840 * math.Exp(0.015*rng.NormFloat64()) * (1 + 0.0005*float64(i))
		if i%13 == 5 {
			v *= 1 + 0.3*rng.Float64()
		}
		out[i] = math.Round(v*10) / 10
	}
	return out
}

// An effect of twice the smallest that is stated is found, and one that is too small to
// matter is never called an effect.
func TestPower(t *testing.T) {
	f := func(rounds int, percent float64, clients ...string) {
		t.Helper()
		found, wrong := 0, 0
		for seed := range uint64(20) {
			rng := rand.New(rand.NewPCG(seed, 7))
			run := func(slowed float64) Result {
				m := newMade("r").arm("a", scattered(rng, rounds, 1000*slowed, percent)...)
				for _, c := range append([]string{"b"}, clients...) {
					m.arm(c, scattered(rng, rounds, 1000, percent)...)
				}
				return m.compared().Pairs[0].Results[0]
			}
			stated := run(1)
			if stated.Smallest == nil {
				t.Fatalf("%d rounds can show nothing", rounds)
			}
			if run(1+2**stated.Smallest).Verdict == Worse {
				found++
			}
			if v := run(1.005).Verdict; v != Same && v != CannotTell {
				wrong++
			}
		}
		t.Logf("%d rounds that scatter by %v%%, %d arms: %d of 20 found; slowed by 0.5%%: %d of 20 called an effect", rounds, percent, 2+len(clients), found, wrong)
		if found < 19 || wrong > 1 {
			t.Errorf("%d of 20 found, %d of 20 that do not matter called an effect", found, wrong)
		}
	}
	f(6, 1)
	f(6, 5)
	f(12, 3)
	f(12, 3, "c")
	f(30, 10, "c", "d")
}

// The same values give the same bytes, in whatever order rows stand.
func TestSameBytes(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	m := newMade("r").arm("a", scattered(rng, 80, 1000, 5)...).arm("b", scattered(rng, 80, 1010, 5)...)
	first, err := results.EncodeJSON(Of(&m.run, &m.sum))
	if err != nil {
		t.Fatal(err)
	}
	slices.Reverse(m.sum.Rows)
	again, err := results.EncodeJSON(Of(&m.run, &m.sum))
	if err != nil || string(first) != string(again) {
		t.Errorf("the same run gives other bytes: %v\n%s\n%s", err, first, again)
	}
}

// Acts are compared with the same acts, each kind by itself; a round counts once.
func TestEvents(t *testing.T) {
	m := newMade("r").compares("pause.gap_unexplained by 10% or 50ms")
	for round := range 8 {
		for _, arm := range []string{"a", "b"} {
			ref := m.trial(arm, round+1)
			for n := 1; n <= 4; n++ {
				// An act that is slow is slow for both, and one arm takes 100 ms more for joins.
				join, leave := float64(n*n)*1e9, float64(n)*20e6
				if arm == "a" {
					join += 100e6
				}
				m.row(ref, results.PauseUnexplained, join, fmt.Sprintf("event:join#%d", n))
				m.row(ref, results.PauseUnexplained, leave, fmt.Sprintf("event:leave#%d", n+10))
			}
			m.row(ref, results.PauseUnexplained, 60e9, "event:join#9")
			if arm == "a" {
				m.row(ref, results.PauseNoisy, 1, "event:join#9") // of one arm: it is out of both
			}
		}
	}
	// The shortest of medians is 2.5 s, of which a tenth is more than that.
	w := m.compared()
	got := []string{}
	for _, r := range w.Pairs[0].Results {
		got = append(got, fmt.Sprintf("%s: %s by %.0f ms over %d, %d left out", r.Event, r.Verdict, *r.Effect/1e6, r.N, r.Left))
	}
	if want := "join: the same by 100 ms over 8, 8 left out, leave: the same by 0 ms over 8, 0 left out"; strings.Join(got, ", ") != want {
		t.Errorf("%s, want %s", strings.Join(got, ", "), want)
	}
	w = m.compares("pause.gap_unexplained{event=join} by 50ms").compared()
	if r := w.Pairs[0].Results[0]; r.Verdict != Worse || *r.Effect != 100e6 || w.Family != 1 {
		t.Errorf("by 50 ms: %s by %v of %d", r.Verdict, *r.Effect, w.Family)
	}
}

// Trials that say nothing are out, and counted.
func TestOut(t *testing.T) {
	base := []float64{1000, 1010, 990, 1005, 995, 1000, 1001}
	m := newMade("r").compares("cpu.per_record by 3%", "produce.throughput by 3%")
	m.arm("a", base...).arm("b", base...)
	for _, ref := range m.run.Order {
		m.row(ref, results.ProduceThroughput, 5000, "role:producer")
	}
	m.row(m.run.Order[0], results.TrialUnfit, 1, "class:load")
	m.row(m.run.Order[1], results.TrialLimited, 1, "class:broker") // says nothing of the cost
	m.row(m.run.Order[2], results.AuditLost, 3)
	m.row(m.run.Order[3], results.AuditLost, 0)
	m.row(m.run.Order[3], results.TrialKeptLate, 1, "class:send") // a result
	m.trial("b", 8)
	cut := m.trial("a", 8)
	m.sum.Cut = []results.Cut{{TrialRef: cut, State: results.StateInterrupted}}
	w := m.compared()
	var got []string
	for _, o := range w.Out {
		got = append(got, fmt.Sprintf("%s %d %s", o.Title(), o.Trials, o.Why))
	}
	want := "a 1 interrupted, a 1 limited by broker, a 1 lost records, a 1 on an unfit machine, b 1 without figures"
	if strings.Join(got, ", ") != want {
		t.Errorf("out are %s, want %s", strings.Join(got, ", "), want)
	}
	if cost, rate := w.Pairs[0].Results[0].N, w.Pairs[0].Results[1].N; cost != 5 || rate != 4 {
		t.Errorf("%d rounds say something of the cost and %d of the rate, want 5 and 4", cost, rate)
	}
	// What went wrong is no reason not to count what went wrong.
	if r := m.compares("audit.lost by 1").compared().Pairs[0].Results[0]; r.Why != "there is no figure of b among the trials that count" {
		t.Errorf("records that were lost: %s", r.Why)
	}
}

// A round that was run once more counts by its repeat alone, whatever is compared, and the
// first time is out with the reason.
func TestRepeated(t *testing.T) {
	base := []float64{1000, 1010, 990, 1005, 995, 1000}
	m := newMade("r").compares("cpu.per_record by 3%", "audit.lost by 1")
	m.arm("a", base...).arm("b", base...)
	for _, ref := range m.run.Order {
		m.row(ref, results.AuditLost, 0)
	}
	for _, arm := range []string{"a", "b"} {
		ref := m.trial(arm, 2)
		m.run.Order[ref.N-1].Repeat = true
		m.row(ref, results.CPUPerRecord, 1010)
		m.row(ref, results.AuditLost, 0)
	}
	w := m.compared()
	if r := w.Pairs[0].Results; r[0].Why == "" || r[1].Why == "" {
		t.Errorf("unmarked, two trials of a round are taken for one: %+v", r)
	}
	for _, n := range []int{1, 7} { // round 2 of either
		m.run.Order[n].Repeated = "a is out (on an unfit machine)"
		m.row(m.run.Order[n], results.TrialRepeated, 1, "class:round")
	}
	w = m.compared()
	for _, r := range w.Pairs[0].Results {
		if r.N != 6 || r.Why != "" {
			t.Errorf("%d rounds of 6; %s", r.N, r.Why)
		}
	}
	if len(w.Out) != 2 || w.Out[0].Trials != 1 || w.Out[0].Why != "of a round that was run once more" {
		t.Errorf("out are %+v", w.Out)
	}
	m.row(m.run.Order[4], results.TrialNotSteady, 1, "class:trend")
	out := LeftOut(&m.run, &m.sum, "w")
	if len(out) != 3 || out[5] != "not steady" || out[2] == "" || out[8] == "" {
		t.Errorf("left out are %v", out)
	}
}

// Each thing that keeps a verdict from being given says so.
func TestNoVerdict(t *testing.T) {
	f := func(m *made, want string) {
		t.Helper()
		w := m.compared()
		got := w.Why
		if len(w.Pairs) > 0 {
			r := w.Pairs[0].Results[0]
			if got = r.Why; r.Verdict != CannotTell {
				t.Errorf("%s, want none", r.Verdict)
			}
		}
		if !strings.Contains(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
	}
	base := []float64{1000, 1010, 990, 1005, 995, 1000}
	f(newMade("r").arm("a", base...), "a single arm; run it with several clients")
	zero := newMade("r").arm("a", base...).arm("b", 0, 0, 0, 0, 0, 0)
	f(zero, `have no ratio; say which amount matters, such as "cpu.per_record by 50ms"`)
	none := newMade("r").arm("a", base...)
	none.trial("b", 1)
	f(none, "there is no figure of b")
	never := newMade("r").arm("a", base[:1]...)
	never.row(never.trial("b", 2), results.CPUPerRecord, 5)
	f(never, "no round that both have")
	several := newMade("r").arm("a", base...).arm("b", base...)
	for _, ref := range slices.Clone(several.run.Order) {
		several.row(ref, results.CPUPerRecord, 5, "role:consumer")
	}
	f(several, "cpu.per_record is of several things in a trial; say which, such as cpu.per_record{role=consumer}")
}

// Clients with the same settings are pairs, and where there is one client its settings.
func TestPairs(t *testing.T) {
	f := func(want string, arms ...string) {
		t.Helper()
		m := newMade("r")
		for _, a := range arms {
			m.arm(a, 1)
		}
		var got []string
		for _, p := range m.compared().Pairs {
			got = append(got, p.A.Title()+":"+p.B.Title())
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	f("a:b a:c b:c", "c", "a", "b")
	f("a/range:b/range a/sticky:b/sticky", "a/range", "a/sticky", "b/range", "b/sticky")
	f("a/range:a/sticky", "a/range", "a/sticky")
	f("a@v1:a@v2", "a@v1", "a@v2")
	f("a@v1/range:a@v2/range", "a@v1/range", "a@v2/range")
	f("a:a@aa a:b", "a", "a@aa", "b")
	f("a@v1/range:a@v1@aa/range a@v1/range:b/range a@v1/sticky:a@v1@aa/sticky a@v1/sticky:b/sticky",
		"a@v1/range", "a@v1/sticky", "a@v1@aa/range", "a@v1@aa/sticky", "b/range", "b/sticky")
	f("a:a@aa", "a", "a@aa")
}

// An arm and its twin are a family of their own, and that they differ is told as what it
// is.
func TestTwins(t *testing.T) {
	base := []float64{1000, 1010, 990, 1005, 995, 1000}
	slow := []float64{1100, 1111, 1089, 1106, 1095, 1100}
	w := newMade("r").arm("a", base...).arm("a@aa", slow...).arm("b", slow...).compared()
	if len(w.Pairs) != 2 || w.Family != 1 || !w.Pairs[0].Twins || w.Pairs[1].Twins {
		t.Fatalf("%d pairs, a family of %d", len(w.Pairs), w.Family)
	}
	if a, b := w.Pairs[0].Results[0], w.Pairs[1].Results[0]; a.Verdict != Better || b.Verdict != Better || *a.Holm != 1.0/32 || *b.Holm != 1.0/32 {
		t.Errorf("%s, p %v, and %s, p %v", a.Verdict, *a.Holm, b.Verdict, *b.Holm)
	}
}
