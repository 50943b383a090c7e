package cli

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kbench/kbench/drivers"
	"github.com/kbench/kbench/internal/arm"
	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/compare"
	"github.com/kbench/kbench/results/report/text"
	"github.com/kbench/kbench/workloads/plan"
)

// roundFlags say how many rounds a run has where their number is not given beforehand.
type roundFlags struct {
	length time.Duration
	until  string
	retry  bool
}

func (r *roundFlags) add(cmd *cobra.Command) {
	f := cmd.Flags()
	f.DurationVar(&r.length, "for", 0, "let rounds follow until this `time` is up, such as 1h, and begin none that\nwould not end in it; --rounds is then the most")
	r.addUntil(cmd)
	f.BoolVar(&r.retry, "retry", false, "run a round once more where one of its trials is out of verdicts, such as\non a busy machine (default: with --for and --until)")
}

func (r *roundFlags) addUntil(cmd *cobra.Command) {
	cmd.Flags().StringVar(&r.until, "until", "", fmt.Sprintf("let rounds follow until the interval of every comparison reaches no further\nthan this `share` to either side, such as 2%%; --rounds is then the most\n(default %d)", compare.MostRounds))
}

// open says whether the number of rounds is.
func (r *roundFlags) open(cmd *cobra.Command) bool {
	return cmd.Flags().Changed("for") || cmd.Flags().Changed("until")
}

var shareShape = regexp.MustCompile(`^([0-9]*\.?[0-9]+) ?%$`)

// share is what --until asks for.
func (r *roundFlags) share() (float64, error) {
	share, written := shareOf(r.until)
	switch {
	case !written:
		return 0, fmt.Errorf("--until %s: write how far an interval may reach to either side as a share, such as 2%%", r.until)
	case share <= 0 || share >= 1:
		return 0, fmt.Errorf("--until %s: write a share above 0%% and below 100%%, such as 2%%", r.until)
	}
	return share, nil
}

// shareOf reads a share that is written as 2%.
func shareOf(text string) (share float64, written bool) {
	parts := shareShape.FindStringSubmatch(text)
	if parts == nil {
		return 0, false
	}
	of100, err := strconv.ParseFloat(parts[1], 64)
	if err != nil {
		return 0, true // more digits than anyone writes
	}
	return of100 / 100, true
}

// sequence is what the flags ask for; nil where the number of rounds is given. Its error
// is the user's to mend. most is that of --rounds.
func (r *roundFlags) sequence(cmd *cobra.Command, most int) (*results.Sequence, error) {
	if !r.open(cmd) {
		return nil, nil
	}
	q := &results.Sequence{Most: most, Retry: r.retry || !cmd.Flags().Changed("retry"), Lengths: []int64{}, Ended: []results.Ended{}}
	var wrong []error
	if cmd.Flags().Changed("for") {
		if q.For = int64(r.length); q.For <= 0 {
			wrong = append(wrong, fmt.Errorf("--for %s: rounds take time; write some, such as 1h", r.length))
		}
	}
	if cmd.Flags().Changed("until") {
		wrong = append(wrong, r.looks(q))
	}
	return q, errors.Join(wrong...)
}

// looks plans when a run is looked at.
func (r *roundFlags) looks(q *results.Sequence) (err error) {
	if q.Most == 0 {
		q.Most = compare.MostRounds
	}
	if q.Until, err = r.share(); err != nil {
		return err
	}
	if q.Looks = compare.Looks(q.Most); q.Looks == nil {
		return fmt.Errorf("--rounds %d: with --until it is the most rounds, and fewer than %d have no interval to wait for", q.Most, compare.FirstLook())
	}
	q.Level = compare.LevelOf(len(q.Looks))
	return nil
}

// waitable is an error where rounds that follow are of no use: a round takes longer than
// there is time, or there is nothing to wait for.
func (a *app) waitable(q *results.Sequence, s *selected) error {
	if q == nil || s == nil {
		return nil
	}
	var wrong []error
	if len(s.profiles) > 0 {
		wrong = append(wrong, errors.New("--profile takes rounds of its own, from which no timing is taken, and --for and --until are of those that are timed: take profiles in a run of their own"))
	}
	if one := a.duration(s.trials); q.For > 0 && int64(one) > q.For {
		wrong = append(wrong, fmt.Errorf("--for %s: one round of all workloads takes about %s; give more time, or fewer workloads or clients", time.Duration(q.For), one.Round(time.Second)))
	}
	if q.Until > 0 {
		for _, w := range compare.Of(&results.Run{Specs: s.specs, Order: a.refs(s.trials)}, &results.Summary{}).Workloads {
			if w.Why != "" {
				wrong = append(wrong, fmt.Errorf("--until waits for what arms come to against each other, and %s has a single one: run it with several clients or settings, or with --for", w.Name))
			}
		}
	}
	return errors.Join(wrong...)
}

// refs are trials as run.json will have them, as far as comparisons go.
func (a *app) refs(trials []plan.Trial) []results.TrialRef {
	out := make([]results.TrialRef, len(trials))
	for i := range trials {
		t := &trials[i]
		_, refused := arm.Plan(&t.Spec, drivers.Mode(t.Arm.Lane), drivers.Find(a.table, t.Arm.Client), nil)
		out[i] = results.TrialRef{N: t.N, Dir: t.Dir, Workload: t.Workload, Arm: t.Arm.Name, Client: t.Arm.Client, Lane: t.Arm.Lane, Round: t.Round, Refused: refused, Twin: t.Arm.Twin, Profiled: t.Profiled, Repeat: t.Repeat}
	}
	return out
}

// length says what a run is going to be: so many trials and minutes, or how long its
// rounds follow each other.
func (a *app) length(q *results.Sequence, s, left *selected) []string {
	if q == nil {
		return []string{left.count(), "about " + a.duration(left.trials).Round(time.Second).String()}
	}
	first := firstRound(s.trials)
	one := a.duration(first)
	line := fmt.Sprintf("rounds of %s, about %s each", quantity(len(first), "trial"), one.Round(time.Second))
	if done := len(q.Lengths); done > 0 {
		line += fmt.Sprintf(", %d of which there are", done)
	}
	var until []string
	if q.Until > 0 {
		until = append(until, fmt.Sprintf("every interval reaches no further than %s to either side (looked at after %s rounds)", text.Percent(q.Until), text.Numbers(q.Looks)))
	}
	if q.For > 0 {
		left := max(time.Duration(q.For)-q.Took(), 0)
		until = append(until, fmt.Sprintf("%s are over (about %s)", left.Round(time.Second), quantity(int(left/max(one, 1)), "round")))
	}
	if q.Most > 0 {
		until = append(until, fmt.Sprintf("there are %d", q.Most))
	}
	return []string{line, "until " + strings.Join(until, ", or ")}
}

// firstRound are the trials of the first round of each workload.
func firstRound(trials []plan.Trial) []plan.Trial {
	return slices.DeleteFunc(slices.Clone(trials), func(t plan.Trial) bool { return t.Round > 1 || t.Repeat })
}
