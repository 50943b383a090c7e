package cli

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/compare"
	"github.com/kbench/kbench/results/report/text"
	"github.com/kbench/kbench/results/summary"
	"github.com/kbench/kbench/workloads/plan"
)

// pilotRounds is after how many rounds it is said how many --until is going to take.
const pilotRounds = 5

// sequel has rounds follow: those that have to be run once more, and where their number is
// open further ones, one of each workload that still wants any, until the time is up or
// their intervals are narrow.
type sequel struct {
	q     *results.Sequence // nil: no further ones
	retry *retry            // nil: none is run once more
	seed  uint64
	now   func() time.Time
	since time.Time // the last time that nothing was measured
	say   func(string)
	judge func(*results.Dir, string) (*compare.Workload, error)

	seen map[string]int          // rounds of each workload of which something was said
	wide map[string]compare.Wide // of each workload the comparison that takes most, by the last look
}

// follow is what follows the trials of a run; nil where nothing does.
func (a *app) follow(q *results.Sequence, again bool, seed uint64, say func(string)) *sequel {
	if q == nil && !again {
		return nil
	}
	s := &sequel{q: q, seed: seed, now: time.Now, since: time.Now(), say: say, judge: judgeNow, seen: map[string]int{}, wide: map[string]compare.Wide{}}
	if again {
		s.retry = newRetry()
	}
	return s
}

// goesOn says which of all trials are left of a run that was cut off, whose others were
// judged then.
func (s *sequel) goesOn(left, all []plan.Trial) {
	if s == nil || s.retry == nil || len(left) == len(all) {
		return
	}
	at := len(all) - 1
	if len(left) > 0 {
		at = left[0].N - 1
	}
	for same := all[at]; at > 0 && all[at-1].Workload == same.Workload && all[at-1].Round == same.Round && all[at-1].Repeat == same.Repeat; {
		at--
	}
	s.retry.judged = at
}

// tell says in the end what was run once more.
func (s *sequel) tell(say func(string)) {
	if s == nil || s.retry == nil {
		return
	}
	if sum := s.retry.sum(); sum != "" {
		say("kbench: " + sum)
	}
}

// follower plans what follows the trials of a run.
type follower interface {
	next(*results.Dir, *results.Run, []plan.Trial) []plan.Trial
}

// asker is what conduct asks for what follows; nil where nothing does. The first that has
// any is told before the next is asked.
func asker(trials []plan.Trial, told func([]plan.Trial), follow *sequel, more *until) func(*results.Dir, *results.Run) []plan.Trial {
	var all []follower
	if follow != nil {
		all = append(all, follow)
	}
	if more != nil {
		all = append(all, more)
	}
	if len(all) == 0 {
		return nil
	}
	return func(d *results.Dir, run *results.Run) []plan.Trial {
		for _, f := range all {
			if next := f.next(d, run, trials); len(next) > 0 {
				trials = slices.Concat(trials, next)
				told(next)
				return next
			}
		}
		return nil
	}
}

// judgeNow compares the arms of a workload of a run that goes on.
func judgeNow(d *results.Dir, workload string) (*compare.Workload, error) {
	s, _, err := summary.OfWorkload(d, workload)
	if err != nil {
		return nil, err
	}
	c := compare.Of(d.Run(), s)
	i := slices.IndexFunc(c.Workloads, func(w compare.Workload) bool { return w.Name == workload })
	if i < 0 {
		return nil, fmt.Errorf("%s is no workload of the run", workload)
	}
	return &c.Workloads[i], nil
}

// next plans what follows.
func (s *sequel) next(d *results.Dir, run *results.Run, trials []plan.Trial) []plan.Trial {
	if s.q != nil {
		now := s.now()
		s.q.Lengths = append(s.q.Lengths, int64(now.Sub(s.since)))
		s.since, run.Sequence = now, s.q
	}
	if s.retry != nil && !s.late() {
		again, err := s.retry.next(d, run, trials, s.seed)
		if err != nil {
			s.say("kbench: --retry: " + err.Error())
		}
		for _, line := range s.retry.told() {
			s.say("kbench: " + line)
		}
		if len(again) > 0 {
			return again
		}
	}
	if s.q == nil {
		return nil
	}
	open := s.open(trials)
	for _, name := range open {
		s.look(d, name, roundsOf(trials, name))
	}
	open = slices.DeleteFunc(open, s.q.Over)
	if s.late() {
		for _, name := range open {
			s.end(name, roundsOf(trials, name), false, fmt.Sprintf("a further round would not have ended within %s", time.Duration(s.q.For)))
		}
		return nil
	}
	var more []plan.Trial
	for _, name := range open {
		next, err := plan.Again(slices.Concat(trials, more), s.seed, plan.Follow{Workload: name})
		if err != nil {
			s.end(name, roundsOf(trials, name), false, err.Error())
			continue
		}
		more = append(more, next...)
	}
	return more
}

// open are the workloads that may get a round more.
func (s *sequel) open(trials []plan.Trial) (names []string) {
	for i := range trials {
		if name := trials[i].Workload; !slices.Contains(names, name) && !s.q.Over(name) {
			names = append(names, name)
		}
	}
	return names
}

// roundsOf is how many timed rounds a workload has.
func roundsOf(trials []plan.Trial, workload string) (n int) {
	for i := range trials {
		if t := &trials[i]; t.Workload == workload && !t.Profiled {
			n = max(n, t.Round)
		}
	}
	return n
}

// late says whether a round more would not end in time. It may take as long as the longest
// so far.
func (s *sequel) late() bool {
	return s.q != nil && s.q.For > 0 && s.q.Took()+s.q.Longest() > time.Duration(s.q.For)
}

// look ends a workload that is as narrow as was asked, where the plan has a look after so
// many rounds, or that has had the most.
func (s *sequel) look(d *results.Dir, name string, rounds int) {
	look := slices.Contains(s.q.Looks, rounds)
	if !look && (s.q.Until == 0 || rounds != pilotRounds) || s.seen[name] == rounds {
		s.full(name, rounds)
		return
	}
	s.seen[name] = rounds
	w, err := s.judge(d, name)
	if err != nil {
		s.say(fmt.Sprintf("kbench: %s could not be looked at after %s: %v", name, quantity(rounds, "round"), err))
		s.full(name, rounds)
		return
	}
	wide, without := w.Wide(s.q.Until)
	switch {
	case len(wide) > 0:
		s.wide[name] = wide[0]
		if s.full(name, rounds); !s.q.Over(name) {
			s.say("kbench: " + s.pilot(name, rounds, wide[0]))
		}
	case !look: // the pilot has nothing to wait for, and a look may have
	case len(without) > 0 && len(without) == comparisons(w):
		s.end(name, rounds, false, "no comparison has figures to wait for: "+without[0])
	case len(without) > 0:
		s.end(name, rounds, true, fmt.Sprintf("every interval reaches no further than %s, but for those without figures: %s", text.Percent(s.q.Until), strings.Join(without, "; ")))
	default:
		s.end(name, rounds, true, fmt.Sprintf("every interval reaches no further than %s", text.Percent(s.q.Until)))
	}
}

// comparisons is how many comparisons a workload has.
func comparisons(w *compare.Workload) (n int) {
	for i := range w.Pairs {
		n += len(w.Pairs[i].Results)
	}
	return n
}

// full ends a workload that has had as many rounds as there may be.
func (s *sequel) full(name string, rounds int) {
	if s.q.Most == 0 || rounds < s.q.Most {
		return
	}
	why := fmt.Sprintf("there are %d", s.q.Most)
	if w, is := s.wide[name]; is {
		why += "; " + reaches(w)
		if w.Rounds > rounds {
			why += fmt.Sprintf(", and %s takes about %d", text.Percent(s.q.Until), w.Rounds)
		}
	}
	s.end(name, rounds, false, why)
}

func (s *sequel) end(name string, rounds int, narrow bool, why string) {
	s.q.End(results.Ended{Workload: name, Rounds: rounds, Why: why, Narrow: narrow})
	s.say(fmt.Sprintf("kbench: %s ends after %s: %s", name, quantity(rounds, "round"), why))
}

// reaches is how far the interval of a comparison does.
func reaches(w compare.Wide) string {
	if math.IsNaN(w.Reach) {
		return w.What + " has no interval yet"
	}
	return fmt.Sprintf("%s reaches %s", w.What, text.Percent(w.Reach))
}

// pilot says how long it is going to take, by the rounds so far, and how sure that is.
func (s *sequel) pilot(name string, rounds int, w compare.Wide) string {
	each := s.q.Took() / time.Duration(max(len(s.q.Lengths), 1))
	return fmt.Sprintf("%s after %s: %s; %s", name, quantity(rounds, "round"), reaches(w), takes(w, s.q, rounds, each))
}

// takes is how many rounds a width takes and how long those are: a run ends at a look.
func takes(w compare.Wide, q *results.Sequence, had int, each time.Duration) string {
	if w.Rounds == 0 {
		return fmt.Sprintf("%s takes more rounds than anyone runs", text.Percent(q.Until))
	}
	at := func(n int) int {
		if i := slices.IndexFunc(q.Looks, func(look int) bool { return look >= max(n, had+1) }); i >= 0 {
			return q.Looks[i]
		}
		return n
	}
	long := func(n int) time.Duration { return (time.Duration(n-had) * each).Round(time.Second) }
	about := at(w.Rounds)
	more := ""
	if had > 0 {
		more = " more"
	}
	line := fmt.Sprintf("%s takes about %d rounds, %s%s", text.Percent(q.Until), about, long(about), more)
	switch likely := at(w.Likely); {
	case w.Likely == 0:
		line += "; how many at the most cannot be said of so few"
	case likely > about:
		line += fmt.Sprintf("; in four of five such runs no more than %d, %s", likely, long(likely))
	}
	if q.Most > 0 && about > q.Most {
		line += fmt.Sprintf("; it ends after %d all the same (--rounds)", q.Most)
	}
	return line
}
