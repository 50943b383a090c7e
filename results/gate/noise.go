package gate

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/figure"
)

// leftBy counts what is left out of the arms that are decided, by why.
func leftBy(values map[unit][]results.Row, left map[unit]map[figure.Event]results.LeftWhy) (out []results.Left) {
	n := map[results.LeftWhy]int{}
	for arm := range values {
		for _, why := range left[arm] {
			n[why]++
		}
	}
	for _, why := range []results.LeftWhy{results.LeftNoisy, results.LeftMerged, results.LeftOthers, results.LeftUnfit, results.LeftRepeated, results.LeftContradicted} {
		if n[why] > 0 {
			out = append(out, results.Left{Why: why, N: n[why]})
		}
	}
	return out
}

// undecided is the error for arms that have figures, but of unfit events or trials alone.
func (e expression) undecided(values map[unit][]results.Row, left map[unit]map[figure.Event]results.LeftWhy) error {
	var arms []string
	for arm, events := range left {
		if len(values[arm]) == 0 {
			for ev, why := range events {
				switch {
				case why == results.LeftContradicted:
					return fmt.Errorf("gate %q: %s sent something else than its plan claims, so nothing can be said of what was planned; see the warnings of %s", e.text, arm.arm, results.SummaryFile)
				case why == results.LeftRepeated:
					return fmt.Errorf("gate %q: the round of %s was run once more and has no figure of that, so nothing can be said of it; run again, or go on with --resume where the run was cut off", e.text, arm.arm)
				case ev.Name == "":
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
