package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/compare"
	"github.com/kbench/kbench/results/summary"
	"github.com/kbench/kbench/workloads/plan"
)

// retry has a round run once more where a trial of it is out of verdicts. All of its arms
// are: arms are compared within rounds, and those of different minutes are of no round.
// What the first time had is kept, out of verdicts, but for what was lost or repeated by a
// client, which stays true.
//
// A reason that a repeat did not mend is how the arm is here, and no cause to repeat
// another round, unless it is the machine that was busy: that passes.
type retry struct {
	judged int               // trials that have been looked at
	lasts  map[lasting]bool  // reasons that repeats did not mend
	fits   fitness           // of the trials of a round
	said   []string          // since it was last asked
	rounds map[string]*tally // by workload
}

type lasting struct{ workload, arm, why string }

// tally counts the rounds that were repeated.
type tally struct{ repeated, mended int }

// fitness says which trials of a round are out of verdicts, and why.
type fitness func(*results.Dir, []results.TrialRef) (map[int]string, error)

func newRetry() *retry {
	return &retry{fits: leftOut, lasts: map[lasting]bool{}, rounds: map[string]*tally{}}
}

// leftOut reads it off the files of the round.
func leftOut(d *results.Dir, refs []results.TrialRef) (map[int]string, error) {
	s, trials, err := summary.Of(d, func(ref results.TrialRef) bool {
		return slices.ContainsFunc(refs, func(r results.TrialRef) bool { return r.N == ref.N })
	})
	if err != nil {
		return nil, err
	}
	out := compare.LeftOut(d.Run(), s, refs[0].Workload)
	for _, t := range trials {
		if t.State != results.StateComplete && t.State != results.StateRefused {
			out[t.Ref.N] = string(t.State)
		}
	}
	return out, nil
}

// next plans the rounds that are run once more.
func (r *retry) next(d *results.Dir, run *results.Run, trials []plan.Trial, seed uint64) (more []plan.Trial, err error) {
	fresh := run.Order[min(r.judged, len(run.Order)):]
	r.judged = len(run.Order)
	for len(fresh) > 0 {
		n := 1
		for n < len(fresh) && sameRound(fresh[0], fresh[n]) {
			n++
		}
		round := fresh[:n]
		fresh = fresh[n:]
		if round[0].Profiled || round[0].Repeated != "" {
			continue
		}
		why, err := r.bad(d, round)
		if err != nil {
			return more, err
		}
		if why == "" {
			continue
		}
		next, err := plan.Again(slices.Concat(trials, more), seed, plan.Follow{Workload: round[0].Workload, Repeat: round[0].Round})
		if err != nil {
			return more, err
		}
		for i := range round { // these are of run.Order
			round[i].Repeated = why
		}
		r.tally(round[0].Workload).repeated++
		r.said = append(r.said, fmt.Sprintf("%s, round %d is run once more: %s", round[0].Workload, round[0].Round, why))
		more = append(more, next...)
	}
	return more, nil
}

func sameRound(a, b results.TrialRef) bool {
	return a.Workload == b.Workload && a.Round == b.Round && a.Profiled == b.Profiled && a.Repeat == b.Repeat
}

// bad is why a round is run once more; empty where it is not: nothing is wrong with it, it
// is a repeat, or what is wrong would be again.
func (r *retry) bad(d *results.Dir, round []results.TrialRef) (string, error) {
	left, err := r.fits(d, round)
	if err != nil {
		return "", err
	}
	var why []string
	lasts := false
	for _, ref := range round {
		reason := left[ref.N]
		if reason == "" || ref.Refused != "" {
			continue
		}
		of := lasting{ref.Workload, ref.Arm, reason}
		if ref.Repeat {
			why = append(why, fmt.Sprintf("%s is still out (%s)", ref.Arm, reason))
			if reason != compare.OutUnfit {
				r.lasts[of], lasts = true, true
			}
		} else if !r.lasts[of] {
			why = append(why, fmt.Sprintf("%s is out (%s)", ref.Arm, reason))
		}
	}
	if !round[0].Repeat {
		return strings.Join(why, ", "), nil
	}
	if len(why) > 0 {
		line := fmt.Sprintf("%s, round %d: %s", round[0].Workload, round[0].Round, strings.Join(why, ", "))
		if lasts {
			line += "; no round is run once more for that again"
		}
		r.said = append(r.said, line)
	} else {
		r.tally(round[0].Workload).mended++
	}
	return "", nil
}

func (r *retry) tally(workload string) *tally {
	if r.rounds[workload] == nil {
		r.rounds[workload] = &tally{}
	}
	return r.rounds[workload]
}

// told is what there is to say since the last time.
func (r *retry) told() []string {
	said := r.said
	r.said = nil
	return said
}

// sum is how many rounds were repeated, all together; empty where none was.
func (r *retry) sum() string {
	var all tally
	for _, t := range r.rounds {
		all.repeated, all.mended = all.repeated+t.repeated, all.mended+t.mended
	}
	if all.repeated == 0 {
		return ""
	}
	return fmt.Sprintf("%s run once more, and %d of them then had all of their arms; what each had the first time is kept, and out of verdicts",
		were(all.repeated, "round"), all.mended)
}

func were(n int, thing string) string {
	if n == 1 {
		return "1 " + thing + " was"
	}
	return quantity(n, thing) + " were"
}
