package gate

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kbench/kbench/results"
)

// happening is one event of one trial.
type happening struct {
	workload, arm, lane string
	trial               int
	event               string
}

func eventOf(r results.Row) happening {
	return happening{r.Workload, r.Arm, r.Lane, r.Trial, r.Event}
}

// unfit are the events that the gate must not be decided by. Before a noisy one
// the machine was late already, so that its pauses are not the client's; the
// figures of a merged one are of several acts, and of no kind. What was lost or
// delivered twice in them stays true, and the metrics that tell of noise and of
// merging themselves see every event, or no gate on them could ever fail.
func (e expression) unfit(rows []results.Row) map[happening]results.LeftWhy {
	out := map[happening]results.LeftWhy{}
	switch e.metric.Name {
	case results.PauseNoisy, results.PauseBaseline, results.PauseMerged, results.PauseOthers, results.PauseDuplicates, results.PauseLostRecords:
		return out
	}
	noise := strings.HasPrefix(e.metric.Name, "pause.")
	for _, r := range rows {
		if r.Event == "" || r.Class != "" || r.Value != 1 {
			continue
		}
		switch {
		case r.Metric == results.PauseMerged:
			out[eventOf(r)] = results.LeftMerged
		case noise && r.Metric == results.PauseNoisy && out[eventOf(r)] == "":
			out[eventOf(r)] = results.LeftNoisy
		}
	}
	if noise {
		e.ofOthers(rows, out)
	}
	return out
}

// ofOthers adds the events that stalls of others make much of, in the arms that have
// three without them.
func (e expression) ofOthers(rows []results.Row, unfit map[happening]results.LeftWhy) {
	covered := map[happening]bool{}
	for _, r := range rows {
		if r.Metric == results.PauseOthers && r.Class == "" {
			covered[eventOf(r)] = true
		}
	}
	own := map[happening]map[happening]bool{} // by arm
	armOf := func(h happening) happening { return happening{h.workload, h.arm, h.lane, 0, ""} }
	for _, r := range rows {
		if h := eventOf(r); r.Event != "" && e.selects(r) && !covered[h] && unfit[h] == "" {
			if own[armOf(h)] == nil {
				own[armOf(h)] = map[happening]bool{}
			}
			own[armOf(h)][h] = true
		}
	}
	for h := range covered {
		if len(own[armOf(h)]) >= 3 && unfit[h] == "" {
			unfit[h] = results.LeftOthers
		}
	}
}

// out are the trials, as happenings without an event, that the gate must not be
// decided by, and why: the machine was otherwise for them than for the other arms, or
// a client did not do what its plan claims. What was lost, failed or counted stays true
// of either.
func (e expression) out(rows []results.Row) map[happening]results.LeftWhy {
	out := map[happening]results.LeftWhy{}
	switch e.metric.Name {
	case results.ProduceFailed, results.ProduceUnanswered, results.ProduceTwice, results.ConsumeRedelivered, results.ClientErrors,
		results.PauseDuplicates, results.PauseLostRecords, results.MachineForeign, results.MachineSteal, results.MachinePressure, results.MachineCanary:
		return out
	}
	for _, truth := range []string{"audit.", "group.", "trial."} {
		if e.metric.Unit == results.UnitCount && strings.HasPrefix(e.metric.Name, truth) {
			return out
		}
	}
	for _, r := range rows {
		trial := happening{r.Workload, r.Arm, r.Lane, r.Trial, ""}
		switch {
		case r.Metric == results.TrialContradicted && r.Value == 1:
			out[trial] = results.LeftContradicted
		case r.Metric == results.TrialUnfit && r.Value == 1 && out[trial] == "":
			out[trial] = results.LeftUnfit
		}
	}
	return out
}

// leftBy counts what is left out of the arms that are decided, by why.
func leftBy(values map[unit][]results.Row, left map[unit]map[happening]results.LeftWhy) (out []results.Left) {
	n := map[results.LeftWhy]int{}
	for arm := range values {
		for _, why := range left[arm] {
			n[why]++
		}
	}
	for _, why := range []results.LeftWhy{results.LeftNoisy, results.LeftMerged, results.LeftOthers, results.LeftUnfit, results.LeftContradicted} {
		if n[why] > 0 {
			out = append(out, results.Left{Why: why, N: n[why]})
		}
	}
	return out
}

// undecided is the error for arms that have figures, but of unfit events or trials alone.
func (e expression) undecided(values map[unit][]results.Row, left map[unit]map[happening]results.LeftWhy) error {
	var arms []string
	for arm, events := range left {
		if len(values[arm]) == 0 {
			for ev, why := range events {
				switch {
				case why == results.LeftContradicted:
					return fmt.Errorf("gate %q: %s sent something else than its plan claims, so nothing can be said of what was planned; see the warnings of %s", e.text, arm.arm, results.SummaryFile)
				case ev.event == "":
					return fmt.Errorf("gate %q: the machine was otherwise for %s than for the other arms, so nothing can be said of it; run again on a quieter machine, or more rounds", e.text, arm.arm)
				}
			}
			arms = append(arms, fmt.Sprintf("%s (%d)", arm.arm, len(events)))
		}
	}
	if len(arms) == 0 {
		return nil
	}
	slices.Sort(arms)
	return fmt.Errorf("gate %q: every event of %s is noisy or merged with another, so nothing can be said of them; run again on a quieter machine, or more events", e.text, strings.Join(arms, ", "))
}
