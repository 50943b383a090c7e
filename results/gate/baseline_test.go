package gate

import (
	"fmt"
	"strings"
	"testing"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/workloads"
)

// before is a run of one workload, with the cost of each trial by arm.
func before(id string, cost map[string][]float64) Base {
	spec := workloads.Default()
	spec.Name = "w"
	run := &results.Run{ID: id, State: results.StateComplete, Specs: []workloads.Spec{spec}, Machine: results.Machine{Host: "h"}}
	s := &results.Summary{}
	n := 0
	for _, arm := range []string{"a", "b"} {
		for _, v := range cost[arm] {
			n++
			run.Order = append(run.Order, results.TrialRef{N: n, Workload: "w", Arm: arm, Client: arm, Lane: "matched"})
			s.Rows = append(s.Rows, row(arm, n, results.CPUPerRecord, "", results.UnitNs, v), row(arm, n, results.AuditDuplicate, "", results.UnitCount, float64(int(v)%10)), row(arm, n, results.GCCount, "", results.UnitCount, v))
		}
	}
	return Base{run, s}
}

func around(v float64) []float64 {
	return []float64{v - 3, v - 2, v - 1, v, v + 1, v + 2, v + 3}
}

func TestAgainst(t *testing.T) {
	f := func(expr string, now, was Base, want results.Verdict, why string) {
		t.Helper()
		g := Against(now.Run, now.Summary.Rows, []Base{was}, []string{expr})[0]
		said := g.Why
		for _, a := range g.Arms {
			said += a.Why
		}
		if g.Verdict != want || !strings.Contains(said, why) || why == "" && said != "" {
			t.Errorf("%s: %s, %q; want %s, %q", expr, g.Verdict, said, want, why)
		}
	}
	now := func(v float64) Base { return before("now", map[string][]float64{"a": around(v)}) }
	was := now(1000)
	was.Run.ID = "was"
	f("cpu.per_record < 1.05 * baseline", now(1000), was, results.Met, "")
	f("cpu.per_record < 1.05 * baseline", now(1100), was, results.NotMet, "")
	f("cpu.per_record > 0.95 * baseline", now(1000), was, results.Met, "")
	f("cpu.per_record > 0.95 * baseline", now(900), was, results.NotMet, "")
	f("cpu.per_record <= baseline", now(1000), was, results.NotDecided, "the intervals of its median and of the baseline's do not decide it")
	f("cpu.per_record < 1.05 * baseline", now(1051), was, results.NotDecided, "the intervals of its median and of the baseline's")
	// A baseline that scatters is as uncertain as the run, and so is a bound of it.
	wide := before("was", map[string][]float64{"a": {700, 800, 900, 1000, 1100, 1200, 1300}})
	f("cpu.per_record < 1.05 * baseline", now(1000), wide, results.NotDecided, "the intervals of its median and of the baseline's")
	f("cpu.per_record < 1.05 * baseline", now(1100), wide, results.NotDecided, "the intervals of its median and of the baseline's")
	f("cpu.per_record < 1.05 * baseline", now(700), wide, results.Met, "")
	f("cpu.per_record < 1.05 * baseline", now(1400), wide, results.NotMet, "")
	f("cpu.per_record < 1.05 * baseline", now(1000), before("was", map[string][]float64{"a": {1000, 1000, 1000}}), results.NotDecided, "so few trials of the baseline do not tell how far they scatter; it takes 6")
	f("cpu.per_record < 1.05 * baseline", before("now", map[string][]float64{"a": {1000, 1001, 999, 1000, 1000}}), was, results.NotDecided, "it takes 6")
	// Counts of the audit are exact: median 0 against 0 of one trial. Others are not.
	f("audit.duplicate <= baseline", before("now", map[string][]float64{"a": {1000}}), was, results.Met, "")
	f("audit.duplicate <= baseline", before("now", map[string][]float64{"a": {1009}}), was, results.NotMet, "")
	f("gc.count <= baseline", before("now", map[string][]float64{"a": {1009}}), was, results.NotDecided, "so few trials")
	f("gc.count <= 3 * baseline", now(1000), was, results.Met, "")
	f("cpu.per_record < 1.05 * baseline", before("now", map[string][]float64{"a": around(1000), "b": around(1000)}), was, results.NotDecided, "the baseline has no figure of it")
	// One that has missed it has, whatever is not known of the other.
	f("cpu.per_record < 1.05 * baseline", before("now", map[string][]float64{"a": around(1100), "b": around(1000)}), was, results.NotMet, "the baseline has no figure of it")
	elsewhere := now(1000)
	elsewhere.Run.ID, elsewhere.Run.Machine.Host = "elsewhere", "g"
	f("cpu.per_record < 1.05 * baseline", now(1000), elsewhere, results.NotDecided, "elsewhere is of another series (host: h, and g in the baseline)")

	g := Of(now(1).Run, nil)
	if len(g) != 0 {
		t.Errorf("%d gates of a workload that has none", len(g))
	}
	alone := now(1000)
	alone.Run.Specs[0].Gate = []string{"cpu.per_record < 1.05 * baseline"}
	if g := Of(alone.Run, alone.Summary.Rows)[0]; g.Verdict != results.NotDecided || !strings.Contains(g.Why, `"kbench gate --baseline RUN" decides it`) {
		t.Errorf("without a baseline: %s, %q", g.Verdict, g.Why)
	}
}

// A statistic of events is that of a trial on both sides: a baseline with more trials has
// a larger largest event, and no later pauses.
func TestAgainstEvents(t *testing.T) {
	pauses := func(id string, trials int, slower float64) Base {
		b := before(id, nil)
		for n := range trials {
			b.Run.Order = append(b.Run.Order, results.TrialRef{N: n + 1, Workload: "w", Arm: "a", Client: "a", Lane: "matched"})
			for event := range 4 {
				r := row("a", n+1, results.PauseGap, "", results.UnitNs, slower*1e6*float64(100+10*event+n))
				r.Event = fmt.Sprint("join#", event+1)
				b.Summary.Rows = append(b.Summary.Rows, r)
			}
		}
		b.Summary.Rows = append(b.Summary.Rows, func() results.Row { // one trial of many was unlucky
			r := row("a", trials, results.PauseGap, "", results.UnitNs, 5e9)
			r.Event = "join#5"
			return r
		}())
		return b
	}
	f := func(expr string, slower float64, want results.Verdict, value, bound float64) {
		t.Helper()
		now := pauses("now", 9, slower)
		g := Against(now.Run, now.Summary.Rows, []Base{pauses("was", 15, 1)}, []string{expr})[0]
		if g.Verdict != want || len(g.Arms) != 1 || g.Arms[0].Value != value || g.Arms[0].Bound != bound || g.Arms[0].Event != "" || g.Arms[0].Trial != 0 {
			t.Errorf("%s: %s, %+v; want %s, %v for a bound of %v", expr, g.Verdict, g.Arms, want, value, bound)
		}
	}
	f("max(pause.gap) < 2 * baseline", 1, results.Met, 134e6, 2*137e6)
	f("max(pause.gap) < 2 * baseline", 3, results.NotMet, 402e6, 2*137e6)
}

// A share of nothing is no bound.
func TestAgainstZero(t *testing.T) {
	zero := before("was", map[string][]float64{"a": {0, 0, 0, 0, 0, 0}})
	now := before("now", map[string][]float64{"a": {0, 0, 0, 0, 0, 0}})
	for expr, want := range map[string]results.Verdict{"cpu.per_record < 1.05 * baseline": results.NotDecided, "cpu.per_record <= baseline": results.Met} {
		if g := Against(now.Run, now.Summary.Rows, []Base{zero}, []string{expr})[0]; g.Verdict != want || (want == results.NotDecided) != strings.Contains(g.Arms[0].Why, "not above 0") {
			t.Errorf("%s: %s, %q; want %s", expr, g.Verdict, g.Arms[0].Why, want)
		}
	}
}

// A gate for all workloads that names one is decided on that one alone.
func TestMoreByName(t *testing.T) {
	f := func(expr, want string) {
		t.Helper()
		b := before("r", map[string][]float64{"a": around(1000)})
		other := b.Run.Specs[0]
		other.Name = "v"
		b.Run.Specs = append(b.Run.Specs, other)
		for n := range 3 {
			r := row("a", 100+n, results.CPUPerRecord, "", results.UnitNs, 2000)
			r.Workload = "v"
			b.Summary.Rows = append(b.Summary.Rows, r)
		}
		var got []string
		for _, g := range Against(b.Run, b.Summary.Rows, nil, []string{expr}) {
			got = append(got, g.Workload+" "+string(g.Verdict))
		}
		if strings.Join(got, ", ") != want {
			t.Errorf("%s: %q, want %q", expr, got, want)
		}
	}
	f("cpu.per_record < 1500ns", "w met, v not met")
	f("cpu.per_record{workload=w} < 1500ns", "w met")
	f("cpu.per_record{workload=u} < 1500ns", "w not decided, v not decided")
}

// What is not a number of times the baseline is refused, all of it.
func TestTimesBaseline(t *testing.T) {
	for _, times := range []string{"1.05x *", "1.05 2 *", "Inf *", "NaN *", "-1 *", "0 *", "1.05"} {
		if err := Check("cpu.per_record < " + times + " baseline"); err == nil || !strings.Contains(err.Error(), "write it as 1.05 * baseline") {
			t.Errorf("%s: %v", times, err)
		}
	}
	for expr, refused := range map[string]bool{"audit.lost == baseline": false, "gc.count == baseline": true} {
		if err := Check(expr); (err != nil) != refused {
			t.Errorf("%s: %v", expr, err)
		}
	}
	for _, times := range []string{"", "1.05*", " 2  * "} {
		if err := Check("cpu.per_record < " + times + "baseline"); err != nil {
			t.Errorf("%s: %v", times, err)
		}
	}
}

// Of several runs the median is the baseline, and those of other series are passed over.
func TestAgainstSeveral(t *testing.T) {
	var base []Base
	for i, v := range []float64{1000, 1010, 5000, 1} {
		b := before(fmt.Sprint("night-", i), map[string][]float64{"a": around(v)})
		if v == 1 {
			b.Run.Machine.Host = "g"
		}
		base = append(base, b)
	}
	now := before("now", map[string][]float64{"a": around(1020)})
	g := Against(now.Run, now.Summary.Rows, base, []string{"cpu.per_record < 1.05 * baseline"})[0]
	if g.Verdict != results.Met || *g.Arms[0].Baseline != 1010 || g.Arms[0].Bound != 1.05*1010 || g.Baseline != "night-0, night-1, night-2" {
		t.Errorf("%s against %s: %+v", g.Verdict, g.Baseline, g.Arms[0])
	}
	if a := g.Arms[0]; a.BaselineRuns != 3 || a.BaselineAsked != 4 || a.BaselineLow != nil {
		t.Errorf("its baseline is of %d of %d runs, from %v", a.BaselineRuns, a.BaselineAsked, a.BaselineLow)
	}
	if a := g.Arms[0]; *a.Low < 1017 || *a.High > 1023 || *a.Low >= *a.High {
		t.Errorf("the median lies from %v to %v", *a.Low, *a.High)
	}
}

func TestGood(t *testing.T) {
	f := func(want string, change func(*Base)) {
		t.Helper()
		b := before("x", nil)
		change(&b)
		if got := b.Good(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	f("", func(*Base) {})
	f("failed", func(b *Base) { b.Run.State = results.StateFailed })
	f("it did not meet audit.lost == 0", func(b *Base) {
		b.Summary.Gates = []results.Gate{{Expression: "audit.lost == 0", Verdict: results.NotMet}}
	})
	f("", func(b *Base) {
		b.Summary.Gates = []results.Gate{{Expression: "cpu.per_record < baseline", Verdict: results.NotMet, Baseline: "y"}, {Expression: "rss.peak < 1GB", Verdict: results.NotDecided}}
	})
}
