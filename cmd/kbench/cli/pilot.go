package cli

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/compare"
	"github.com/kbench/kbench/results/report/text"
	"github.com/kbench/kbench/workloads/plan"
)

// leastPilot is how few rounds tell anything of how far they scatter.
const leastPilot = 3

// piloted is how many rounds --until takes of a workload, by those of another run.
type piloted struct {
	Workload string  `json:"workload"`
	Pilot    int     `json:"pilot_rounds"`
	Widest   string  `json:"widest,omitempty"` // the comparison that takes most
	Rounds   int     `json:"rounds"`           // 0: more than anyone runs
	Likely   int     `json:"rounds_likely"`    // no more than these in four of five runs; 0: not known
	Seconds  float64 `json:"seconds_each"`
	Words    string  `json:"-"`
}

// pilot says how many rounds of the selected workloads --until takes, by a run that is
// over.
func (a *app) pilot(cmd *cobra.Command, r *roundFlags, run string, s *selected, most int) ([]piloted, error) {
	asked, named := cmd.Flags().Changed("until"), cmd.Flags().Changed("pilot")
	switch {
	case !asked && !named:
		return nil, nil
	case !asked:
		return nil, usagef("--pilot goes with --until, which says how narrow intervals are to be")
	case !named:
		return nil, usagef("--until needs a pilot to plan by: name a run of the same workloads with --pilot, of at least %d rounds", leastPilot)
	}
	q := &results.Sequence{Most: most}
	if err := r.looks(q); err != nil {
		return nil, usage(err)
	}
	j, err := a.judged([]string{run})
	var wrong usageError
	if errors.As(err, &wrong) {
		return nil, usagef("--pilot %w", err)
	} else if err != nil {
		return nil, err
	}
	as := *j.Run()
	as.Sequence = q
	c := compare.Of(&as, j.summary)
	var out []piloted
	for i := range s.specs {
		name := s.specs[i].Name
		at := slices.IndexFunc(c.Workloads, func(w compare.Workload) bool { return w.Name == name })
		if at < 0 {
			return nil, usagef("--pilot %s: it has no workload %s; run a few rounds of it", run, name)
		}
		own := slices.DeleteFunc(firstRound(s.trials), func(t plan.Trial) bool { return t.Workload != name })
		p, err := pilotOf(&c.Workloads[at], q, own, a.duration(own))
		if err != nil {
			return nil, usagef("--pilot %s: %w", run, err)
		}
		out = append(out, p)
	}
	return out, nil
}

// pilotOf is what a workload of a run says of rounds of some trials.
func pilotOf(w *compare.Workload, q *results.Sequence, trials []plan.Trial, each time.Duration) (piloted, error) {
	p := piloted{Workload: w.Name, Seconds: each.Seconds()}
	ours := func(arm compare.Arm) bool {
		return slices.ContainsFunc(trials, func(t plan.Trial) bool { return t.Arm.Name == arm.Name && t.Arm.Lane == arm.Lane })
	}
	w.Pairs = slices.DeleteFunc(w.Pairs, func(p compare.Pair) bool { return !ours(p.A) || !ours(p.B) })
	for _, pair := range w.Pairs {
		for i := range pair.Results {
			p.Pilot = max(p.Pilot, pair.Results[i].N)
		}
	}
	switch {
	case len(w.Pairs) == 0:
		return p, fmt.Errorf("it has no two of these arms in %s; run a few rounds of them", w.Name)
	case p.Pilot < leastPilot:
		return p, fmt.Errorf("it has %s of %s that count, and a pilot takes at least %d", quantity(p.Pilot, "round"), w.Name, leastPilot)
	}
	by := fmt.Sprintf("%s, by %s: ", w.Name, quantity(p.Pilot, "round"))
	wide, without := w.Wide(q.Until)
	switch {
	case len(wide) > 0:
		p.Widest, p.Rounds, p.Likely = wide[0].What, wide[0].Rounds, wide[0].Likely
		p.Words = by + takes(wide[0], q, 0, each) + " (" + reaches(wide[0]) + ")"
	case len(without) == comparisons(w):
		return p, fmt.Errorf("no comparison of %s has figures: %s", w.Name, without[0])
	default:
		p.Rounds, p.Likely = q.Looks[0], q.Looks[0]
		p.Words = fmt.Sprintf("%severy interval reaches no further than %s already; a run ends after its first look, %d rounds, %s", by, text.Percent(q.Until), p.Rounds, (time.Duration(p.Rounds) * each).Round(time.Second))
	}
	return p, nil
}
