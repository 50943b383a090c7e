package report

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/workloads"
)

// ranked is a workload of drivers as fast as they go, with a rate for each of
// their rounds.
func ranked(rates map[string][]float64, marked ...int) *Workload {
	spec := workloads.Default()
	spec.Produce.Rate = workloads.Rate{Max: true}
	spec.Consume.Members = 0
	w := &Workload{Spec: &spec}
	n := 0
	for _, name := range sortedKeys(rates) {
		a := Arm{Name: name}
		for _, v := range rates[name] {
			n++
			a.rows = append(a.rows, results.Row{Trial: n, Role: results.RoleProducer, Metric: results.ProduceThroughput, Unit: results.UnitRate, Value: v})
			for _, m := range marked {
				if m == n {
					a.rows = append(a.rows, results.Row{Trial: n, Metric: results.TrialLimited, Class: "broker", Value: 1})
				}
			}
		}
		a.Rounds, a.Marks = len(rates[name]), a.marks()
		w.Arms = append(w.Arms, a)
	}
	w.rank()
	return w
}

// order is a ranking in short.
func order(w *Workload) string {
	if w.Ranking == nil {
		return ""
	}
	var b strings.Builder
	for i, s := range w.Ranking.Standings {
		fmt.Fprintf(&b, "%s %v [%v, %v]", w.Arms[s.Arm].Name, s.Value, s.Least, s.Most)
		if i+1 < len(w.Ranking.Standings) {
			b.WriteString(map[bool]string{true: " > ", false: " ~ "}[s.Apart])
		}
	}
	return b.String()
}

// The order is that of medians; that it means anything is said only where the
// rounds carry it.
func TestRanking(t *testing.T) {
	f := func(want string, rates map[string][]float64, marked ...int) {
		t.Helper()
		if got := order(ranked(rates, marked...)); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	f("", nil)
	f("", map[string][]float64{"a": {100, 110}})
	f("b 200 [200, 200] ~ a 100 [100, 100]", map[string][]float64{"a": {100}, "b": {200}})
	f("b 210 [200, 220] > a 105 [100, 110]", map[string][]float64{"a": {100, 110}, "b": {200, 220}})
	f("b 160 [100, 220] ~ a 105 [100, 110]", map[string][]float64{"a": {100, 110}, "b": {100, 220}})
	f("b 102 [102, 102] ~ a 100 [100, 100]", map[string][]float64{"a": {100, 100}, "b": {102, 102}})
	f("c 300 [300, 300] > b 200 [200, 200] > a 100 [100, 100]", map[string][]float64{"a": {100, 100}, "b": {200, 200}, "c": {300, 300}})
	// Marked trials count only where there are no others, and then for no verdict.
	f("b 210 [200, 220] ~ a 110 [110, 110]", map[string][]float64{"a": {100, 110}, "b": {200, 220}}, 1)
	f("b 210 [200, 220] ~ a 105 [100, 110]", map[string][]float64{"a": {100, 110}, "b": {200, 220}}, 1, 2)
	f("b 210 [200, 220] > a 110 [110, 110]", map[string][]float64{"a": {300, 300, 300, 110, 110}, "b": {200, 220}}, 1, 2, 3)
}

// An arm of one round says nothing of the two that are apart.
func TestRoundsOfApart(t *testing.T) {
	for _, c := range []struct {
		rates map[string][]float64
		want  int
	}{
		{map[string][]float64{"a": {100}, "b": {200, 210, 220}, "c": {300, 310, 320}}, 3},
		{map[string][]float64{"a": {100}, "b": {200, 210, 220}}, 1},
	} {
		if r := ranked(c.rates).Ranking; r.Rounds != c.want || r.Chance != chanceApart(c.want) {
			t.Errorf("%v: %d rounds, chance %g, want %d", c.rates, r.Rounds, r.Chance, c.want)
		}
	}
}

// What workloads are ranked by is what they ask for.
func TestRankedBy(t *testing.T) {
	f := func(want string, change func(*workloads.Spec)) {
		t.Helper()
		spec := workloads.Default()
		change(&spec)
		if got := leadingOf(&spec)[0].metric; got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	f(results.E2EResponse, func(*workloads.Spec) {})
	f(results.ConsumeThroughput, func(s *workloads.Spec) { s.Consume.Backlog = 1000 })
	f(results.ConsumeThroughput, func(s *workloads.Spec) { s.Produce.Rate.Max = true })
	f(results.PauseUnexplained, func(s *workloads.Spec) { s.Churn = []workloads.ChurnEntry{{Do: "join"}} })
	if leadingOf(nil) != nil {
		t.Error("a workload that nobody knows asks for something")
	}
}

// Of few samples the median ranks, and the far tail is said to be their largest.
func TestRankedByFew(t *testing.T) {
	f := func(n int64, label string, few int64) {
		t.Helper()
		spec := workloads.Default()
		w := &Workload{Spec: &spec}
		for i, name := range []string{"a", "b"} {
			a := Arm{Name: name, Rounds: 1}
			for j, stat := range []string{"p50", "p99"} {
				a.rows = append(a.rows, results.Row{Trial: i + 1, Role: results.RoleConsumer, Metric: results.E2EResponse, Stat: stat, Unit: results.UnitNs, Value: float64(1 + i + j), N: n})
			}
			w.Arms = append(w.Arms, a)
		}
		w.rank()
		if w.Ranking.Label != label {
			t.Errorf("of %d samples: %s, want %s", n, w.Ranking.Label, label)
		}
		cell := w.overRounds([]int{0}, Row{Metric: results.E2EResponse, Role: results.RoleConsumer, Unit: results.UnitNs}, "p99").Cells[0]
		if got := cell.Values[0].Few; got != few {
			t.Errorf("of %d samples: p99 is said to be of %d, want %d", n, got, few)
		}
		part := w.Arms[0].few(results.E2EResponse, "p50", results.RoleConsumer, "")
		if part != 0 {
			t.Errorf("the median of %d samples is said to be of %d", n, part)
		}
	}
	f(18, "end to end, p50", 18)
	f(99, "end to end, p50", 99)
	f(100, "end to end, p99", 0)
}

// A driver at half the speed of another stands below it in 20 of 20 runs of one
// and of two rounds, on a machine whose speed drifts by half between rounds and by
// a tenth within them; two equal drivers look apart no more often than is said.
func TestPlantedHalf(t *testing.T) {
	random := rand.New(rand.NewPCG(8, 20))
	draw := func(rounds int, speeds map[string]float64) map[string][]float64 {
		rates := map[string][]float64{}
		for range rounds {
			machine := math.Exp(random.NormFloat64() * 0.15)
			for _, name := range sortedKeys(speeds) {
				rates[name] = append(rates[name], 1e6*speeds[name]*machine*math.Exp(random.NormFloat64()*0.1))
			}
		}
		return rates
	}
	for _, rounds := range []int{1, 2, 3} {
		for i := range 20 {
			w := ranked(draw(rounds, map[string]float64{"half": 0.5, "whole": 1}))
			if first := w.Arms[w.Ranking.Standings[0].Arm].Name; first != "whole" {
				t.Errorf("%d rounds, run %d: %s", rounds, i, order(w))
			}
		}
	}
	for rounds, chance := range map[int]float64{1: 1, 2: 1. / 3, 3: 1. / 10, 6: 1. / 462} {
		if got := chanceApart(rounds); math.Abs(got-chance) > 1e-12 {
			t.Errorf("%d rounds: %v, want %v", rounds, got, chance)
		}
		const runs = 1000
		apart := 0
		for range runs {
			if ranked(draw(rounds, map[string]float64{"a": 1, "b": 1})).Ranking.Standings[0].Apart {
				apart++
			}
		}
		if got := float64(apart) / runs; got > chance+0.05 || rounds == 1 && apart > 0 {
			t.Errorf("%d rounds: equal drivers look apart in %.3f of runs, more than %.3f", rounds, got, chance)
		}
	}
}
