package gate

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/figure"
)

// lacking is the error for arms that the gate is about and that have no figure for
// it, nor one that was left out: a gate that others meet says nothing of them. The arms
// are those of the order of the run that could do the workload, and of all rows.
func (e expression) lacking(rows []results.Row, order []results.TrialRef, values map[unit][]results.Row, left map[unit]map[figure.Event]results.LeftWhy) error {
	if e.mayLack() {
		return nil
	}
	type arm struct{ workload, arm, lane string }
	answered, measured := map[arm]bool{}, map[arm]bool{}
	for u := range values {
		answered[arm{u.workload, u.arm, u.lane}] = true
	}
	for u := range left {
		answered[arm{u.workload, u.arm, u.lane}] = true
	}
	var without, failed []string
	for _, r := range rows {
		a := arm{r.Workload, r.Arm, r.Lane}
		measured[a] = true
		// Of a class, or of storms, an arm may have had none.
		if r.Metric == e.Metric.Name && (e.Asks("class") != "" || e.Asks("event") == "storm") {
			answered[a] = true
		}
	}
	for _, r := range rows {
		if a := (arm{r.Workload, r.Arm, r.Lane}); r.Role != results.RoleReference && !answered[a] && e.Concerns(r.Workload, r.Arm, r.Client, r.Lane) {
			answered[a] = true // said once
			without = append(without, r.Arm)
		}
	}
	for _, t := range order {
		if a := (arm{t.Workload, t.Arm, t.Lane}); t.Refused == "" && !answered[a] && !measured[a] && e.Concerns(t.Workload, t.Arm, t.Client, t.Lane) {
			answered[a] = true
			failed = append(failed, t.Arm)
		}
	}
	var why []string
	if slices.Sort(failed); len(failed) > 0 {
		why = append(why, "no trial of "+strings.Join(failed, ", ")+" has figures")
	}
	if slices.Sort(without); len(without) > 0 {
		why = append(why, strings.Join(without, ", ")+" has no figure for it")
	}
	if len(why) == 0 {
		return nil
	}
	return fmt.Errorf("gate %q: every arm must pass, but %s; see the warnings of %s, or ask for arms that have it with {arm=...}", e.text, strings.Join(why, " and "), results.SummaryFile)
}

// mayLack says of the metric that an arm without it had nothing of the kind: a part of
// a rebalance that its clients do not go through or do not tell, or a mark that has no
// row where there is none.
func (e expression) mayLack() bool {
	switch e.Metric.Name {
	case results.PauseOthers, results.PauseStart, "pause.detect", "pause.second_round", results.PauseReact, "pause.barrier", "pause.assign",
		"pause.sync", "pause.position", "pause.deliver", results.PauseMember, results.PauseReported, results.GroupRecovery,
		results.TrialPerturbed, results.TrialEdge, results.TrialContradicted, results.TrialNotRead:
		return true
	}
	return false
}
