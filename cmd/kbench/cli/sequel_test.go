package cli

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/compare"
	"github.com/kbench/kbench/workloads"
	"github.com/kbench/kbench/workloads/plan"
)

// played is a run that is played: its trials take as long as they are told to, and have the
// figures that they are given.
type played struct {
	*sequel
	run    results.Run
	sum    results.Summary
	trials []plan.Trial
	clock  time.Time
	said   []string
	rounds map[string]int // that were run, by workload, repeats too
}

func newPlayed(t *testing.T, q *results.Sequence, names ...string) *played {
	t.Helper()
	p := &played{clock: time.Unix(1e9, 0), rounds: map[string]int{}}
	for _, name := range names {
		d, err := workloads.Parse("w.yaml", []byte("name: "+name+"\ncompare: [cpu.per_record by 3%]\n"), workloads.Options{})
		if err != nil {
			t.Fatal(err)
		}
		p.run.Specs = append(p.run.Specs, *d.Spec)
	}
	trials, err := plan.Expand(p.run.Specs, []string{"a", "b"}, []string{"matched"}, plan.Rounds{Timed: 1}, 7)
	if err != nil {
		t.Fatal(err)
	}
	p.trials = trials
	p.run.State, p.run.Sequence = results.StateRunning, q
	p.sequel = &sequel{q: q, seed: 7, now: func() time.Time { return p.clock }, since: p.clock, say: func(s string) { p.said = append(p.said, s) }, seen: map[string]int{}, wide: map[string]compare.Wide{}}
	p.judge = func(_ *results.Dir, name string) (*compare.Workload, error) {
		for _, w := range compare.Of(&p.run, &p.sum).Workloads {
			if w.Name == name {
				return &w, nil
			}
		}
		return nil, fmt.Errorf("there is no %s", name)
	}
	return p
}

// play runs trials until none follows. A round of a workload takes so long, and has the
// figures that value gives.
func (p *played) play(t *testing.T, long func(sweep int) time.Duration, value func(plan.Trial) float64) {
	t.Helper()
	next := p.trials
	for sweep := 1; len(next) > 0; sweep++ {
		if sweep > 300 {
			t.Fatal("it does not end")
		}
		seen := map[string]bool{}
		for _, tr := range next {
			p.run.Order = append(p.run.Order, results.TrialRef{N: tr.N, Dir: tr.Dir, Workload: tr.Workload, Arm: tr.Arm.Name, Client: tr.Arm.Client, Lane: tr.Arm.Lane, Round: tr.Round, Repeat: tr.Repeat})
			p.sum.Rows = append(p.sum.Rows, results.Row{Workload: tr.Workload, Arm: tr.Arm.Name, Client: tr.Arm.Client, Lane: tr.Arm.Lane, Round: tr.Round, Trial: tr.N, Metric: results.CPUPerRecord, Unit: results.UnitNs, Value: value(tr), N: 1})
			if !seen[tr.Workload] {
				seen[tr.Workload] = true
				p.rounds[tr.Workload]++
			}
		}
		p.clock = p.clock.Add(long(sweep))
		next = p.next(nil, &p.run, p.trials)
		p.trials = slices.Concat(p.trials, next)
	}
}

func minutes(n float64) func(int) time.Duration {
	return func(int) time.Duration { return time.Duration(n * float64(time.Minute)) }
}

func same(plan.Trial) float64 { return 1000 }

// TestFor: rounds follow while a further one, as long as the longest, would end in time;
// each has all workloads, and none is begun that would not.
func TestFor(t *testing.T) {
	f := func(what string, long func(int) time.Duration, most, want int, why string) {
		t.Helper()
		p := newPlayed(t, &results.Sequence{For: int64(time.Hour), Most: most}, "v", "w")
		p.play(t, long, same)
		if p.rounds["v"] != want || p.rounds["w"] != want {
			t.Errorf("%s: %v rounds, want %d of each", what, p.rounds, want)
		}
		if took := p.q.Took(); took > time.Hour || most == 0 && took+p.q.Longest() <= time.Hour {
			t.Errorf("%s: it ends after %s, with a longest round of %s", what, took, p.q.Longest())
		}
		if len(p.q.Ended) != 2 || p.q.Ended[0].Rounds != want || !strings.Contains(p.q.Ended[1].Why, why) {
			t.Errorf("%s: it ended so: %+v", what, p.q.Ended)
		}
	}
	f("seven minutes each", minutes(7), 0, 8, "would not have ended within 1h0m0s")
	f("an exact fit", minutes(10), 0, 6, "would not have ended within")
	f("one takes long", func(sweep int) time.Duration {
		if sweep == 2 {
			return 20 * time.Minute
		}
		return 5 * time.Minute
	}, 0, 6, "would not have ended within")
	f("a first that takes all of it", minutes(40), 0, 1, "would not have ended within")
	f("the most are over first", minutes(2), 3, 3, "there are 3")
}

// noisy are figures that scatter by so many percent.
func noisy(percent map[string]float64) func(plan.Trial) float64 {
	rng := rand.New(rand.NewPCG(5, 5))
	return func(t plan.Trial) float64 { return 1000 * math.Exp(rng.NormFloat64()*percent[t.Workload]/100) }
}

func untilOf(share float64, most int) *results.Sequence {
	q := &results.Sequence{Until: share, Most: most, Looks: compare.Looks(most)}
	q.Level = compare.LevelOf(len(q.Looks))
	return q
}

// TestUntilNarrow: each workload ends at a look, when its intervals are narrow or it has had
// the most rounds; the one that is narrow first gets no more. A pilot says how long that
// will take.
func TestUntilNarrow(t *testing.T) {
	p := newPlayed(t, untilOf(0.03, 60), "calm", "wild")
	p.play(t, minutes(1), noisy(map[string]float64{"calm": 1, "wild": 30}))
	if p.rounds["calm"] != 8 || p.rounds["wild"] != 60 {
		t.Errorf("%v rounds, want 8 of calm and 60 of wild", p.rounds)
	}
	ended := p.q.Ended
	if len(ended) != 2 || !ended[0].Narrow || ended[0].Workload != "calm" || ended[0].Why != "every interval reaches no further than 3%" || ended[1].Narrow {
		t.Errorf("it ended so: %+v", ended)
	}
	if why := ended[1].Why; !strings.HasPrefix(why, "there are 60; a against b by cpu.per_record reaches ") || !strings.Contains(why, ", and 3% takes about ") {
		t.Errorf("wild ended since %q", why)
	}
	said := strings.Join(p.said, "\n")
	for _, want := range []string{
		"kbench: calm after 5 rounds: a against b by cpu.per_record has no interval yet; 3% takes about 8 rounds, 3m0s more",
		"kbench: wild after 5 rounds: a against b by cpu.per_record has no interval yet; 3% takes about ",
		"it ends after 60 all the same (--rounds)",
		"kbench: wild after 8 rounds: a against b by cpu.per_record reaches ",
		"kbench: calm ends after 8 rounds: every interval",
	} {
		if !strings.Contains(said, want) {
			t.Errorf("it does not say %q:\n%s", want, said)
		}
	}
	// Without a look nobody judges.
	var looked []int
	p = newPlayed(t, untilOf(0.03, 30), "w")
	judge := p.judge
	p.judge = func(d *results.Dir, name string) (*compare.Workload, error) {
		looked = append(looked, roundsOf(p.trials, name))
		return judge(d, name)
	}
	p.play(t, minutes(1), noisy(map[string]float64{"w": 30}))
	if want := []int{5, 8, 12, 18, 30}; !slices.Equal(looked, want) {
		t.Errorf("looked at after %v rounds, want %v", looked, want)
	}
	// The time is up first.
	q := untilOf(0.03, 60)
	q.For = int64(20 * time.Minute)
	p = newPlayed(t, q, "w")
	p.play(t, minutes(1), noisy(map[string]float64{"w": 30}))
	if p.rounds["w"] != 20 || len(q.Ended) != 1 || q.Ended[0].Narrow {
		t.Errorf("%v rounds; %+v", p.rounds, q.Ended)
	}
	// What has no figures is not waited for, and is said.
	p = newPlayed(t, untilOf(0.03, 60), "w")
	p.run.Specs[0].Compare = []string{"cpu.per_record by 3%", "rss.peak by 5%"}
	p.play(t, minutes(1), noisy(map[string]float64{"w": 1}))
	if e := p.q.Ended[0]; e.Rounds != 8 || !e.Narrow || !strings.Contains(e.Why, "but for those without figures: a against b by rss.peak: there is no figure of a and b") {
		t.Errorf("with a figure that there is none of: %+v", e)
	}
	p = newPlayed(t, untilOf(0.03, 60), "w")
	p.run.Specs[0].Compare = []string{"rss.peak by 5%"}
	p.play(t, minutes(1), same)
	if e := p.q.Ended[0]; e.Rounds != 8 || e.Narrow || !strings.HasPrefix(e.Why, "no comparison has figures to wait for: ") {
		t.Errorf("without any figure: %+v", e)
	}
	// A look that fails is said, and the rounds end.
	p = newPlayed(t, untilOf(0.03, 12), "w")
	p.judge = func(*results.Dir, string) (*compare.Workload, error) { return nil, fmt.Errorf("a file is torn") }
	p.play(t, minutes(1), same)
	if p.rounds["w"] != 12 || !strings.Contains(strings.Join(p.said, "\n"), "w could not be looked at after 7 rounds: a file is torn") {
		t.Errorf("%v rounds; %q", p.rounds, p.said)
	}
}

// TestRetry: a round of which a trial is out is run once more, all of it and once; what a
// repeat does not mend repeats no other round; the first time stays, marked.
func TestRetry(t *testing.T) {
	p := newPlayed(t, &results.Sequence{Most: 5}, "w")
	p.sequel.retry = newRetry()
	// Round 2 meets a busy machine. b is limited by the broker from round 3 on.
	p.sequel.retry.fits = func(_ *results.Dir, refs []results.TrialRef) (map[int]string, error) {
		out := map[int]string{}
		for _, ref := range refs {
			switch {
			case ref.Round == 2 && !ref.Repeat && ref.Arm == "a":
				out[ref.N] = "on an unfit machine"
			case ref.Round >= 3 && ref.Arm == "b":
				out[ref.N] = "limited by broker"
			}
		}
		return out, nil
	}
	p.play(t, minutes(1), same)
	var ran []string
	for _, ref := range p.run.Order {
		what := fmt.Sprintf("%d%s", ref.Round, ref.Arm)
		if ref.Repeat {
			what += " once more"
		}
		if ref.Repeated != "" {
			what += ": " + ref.Repeated
		}
		ran = append(ran, what)
	}
	slices.SortStableFunc(ran, func(a, b string) int { return strings.Compare(a[:1], b[:1]) })
	for i := range ran { // the order within a round is random
		if i%2 == 1 && ran[i][:2] < ran[i-1][:2] {
			ran[i], ran[i-1] = ran[i-1], ran[i]
		}
	}
	want := []string{
		"1a", "1b",
		"2a: a is out (on an unfit machine)", "2b: a is out (on an unfit machine)", "2a once more", "2b once more",
		"3a: b is out (limited by broker)", "3b: b is out (limited by broker)", "3a once more", "3b once more",
		"4a", "4b", "5a", "5b",
	}
	if diff := cmp.Diff(want, ran); diff != "" {
		t.Errorf("what ran, want to got:\n%s", diff)
	}
	said := strings.Join(p.said, "\n")
	for _, want := range []string{
		"kbench: w, round 2 is run once more: a is out (on an unfit machine)",
		"kbench: w, round 3: b is still out (limited by broker); no round is run once more for that again",
	} {
		if !strings.Contains(said, want) {
			t.Errorf("it does not say %q:\n%s", want, said)
		}
	}
	var sum string
	p.sequel.tell(func(s string) { sum = s })
	if sum != "kbench: 2 rounds were run once more, and 1 of them then had all of their arms; what each had the first time is kept, and out of verdicts" {
		t.Errorf("in the end it says %q", sum)
	}
	// A comparison has the repeat, and counts the first time among what is out.
	w, err := p.judge(nil, "w")
	if err != nil || w.Pairs[0].Results[0].N != 5 {
		t.Errorf("%d rounds count, want 5; %v", w.Pairs[0].Results[0].N, err)
	}
	if len(w.Out) != 2 || w.Out[0].Trials != 2 || w.Out[0].Why != "of a round that was run once more" {
		t.Errorf("out are %+v", w.Out)
	}
	// A machine that is busy twice may be free the next time.
	p = newPlayed(t, &results.Sequence{Most: 3}, "w")
	p.sequel.retry = newRetry()
	p.sequel.retry.fits = func(_ *results.Dir, refs []results.TrialRef) (map[int]string, error) {
		return map[int]string{refs[0].N: compare.OutUnfit}, nil
	}
	p.play(t, minutes(1), same)
	if p.rounds["w"] != 6 {
		t.Errorf("%v rounds on a busy machine, want each of three twice", p.rounds)
	}
	// The time counts for repeats, too.
	q := &results.Sequence{For: int64(10 * time.Minute)}
	p = newPlayed(t, q, "w")
	p.sequel.retry = newRetry()
	p.sequel.retry.fits = func(_ *results.Dir, refs []results.TrialRef) (map[int]string, error) {
		if refs[0].Repeat {
			return nil, nil
		}
		return map[int]string{refs[0].N: "not steady"}, nil
	}
	p.play(t, minutes(1), same)
	if p.rounds["w"] != 10 || q.Took() != 10*time.Minute {
		t.Errorf("%v rounds in %s", p.rounds, q.Took())
	}
}

// A run that goes on does not judge anew what was judged before it was cut off.
func TestRetryGoesOn(t *testing.T) {
	p := newPlayed(t, &results.Sequence{Most: 4}, "w")
	p.play(t, minutes(1), same)
	f := func(left []plan.Trial, want int) {
		t.Helper()
		s := &sequel{retry: newRetry()}
		s.goesOn(left, p.trials)
		if s.retry.judged != want {
			t.Errorf("%d trials need no judging, want %d", s.retry.judged, want)
		}
	}
	f(p.trials, 0)
	f(p.trials[5:], 4) // the second trial of round 3 was cut off: the round is judged
	f(p.trials[6:], 6)
	f(nil, 6)
}

// How many rounds a width takes is said in looks, and how sure that is.
func TestTakes(t *testing.T) {
	q := untilOf(0.02, 60)
	f := func(w compare.Wide, had int, want string) {
		t.Helper()
		if got := takes(w, q, had, time.Minute); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	f(compare.Wide{Rounds: 9, Likely: 20}, 5, "2% takes about 12 rounds, 7m0s more; in four of five such runs no more than 27, 22m0s")
	f(compare.Wide{Rounds: 9, Likely: 12}, 0, "2% takes about 12 rounds, 12m0s")
	f(compare.Wide{Rounds: 9, Likely: 30}, 12, "2% takes about 18 rounds, 6m0s more; in four of five such runs no more than 40, 28m0s")
	f(compare.Wide{Rounds: 70, Likely: 90}, 5, "2% takes about 70 rounds, 1h5m0s more; in four of five such runs no more than 90, 1h25m0s; it ends after 60 all the same (--rounds)")
	f(compare.Wide{Rounds: 70}, 60, "2% takes about 70 rounds, 10m0s more; how many at the most cannot be said of so few; it ends after 60 all the same (--rounds)")
	f(compare.Wide{}, 5, "2% takes more rounds than anyone runs")
}
