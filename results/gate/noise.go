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

// noise are the events whose pauses the gate must not be decided by: the machine
// was late already before them, so that their lateness is not the client's. The
// two metrics that tell of noise itself see every event, or no gate on them could
// ever fail.
func (e expression) noise(rows []results.Row) map[happening]bool {
	out := map[happening]bool{}
	name := e.metric.Name
	if !strings.HasPrefix(name, "pause.") || name == results.PauseNoisy || name == results.PauseBaseline {
		return out
	}
	for _, r := range rows {
		if r.Metric == results.PauseNoisy && r.Event != "" && r.Value == 1 {
			out[eventOf(r)] = true
		}
	}
	return out
}

// undecided is the error for arms that have figures, but of noisy events alone.
func (e expression) undecided(values map[unit][]float64, left map[unit]map[happening]bool) error {
	var arms []string
	for arm, events := range left {
		if len(values[arm]) == 0 {
			arms = append(arms, fmt.Sprintf("%s (%d)", arm.arm, len(events)))
		}
	}
	if len(arms) == 0 {
		return nil
	}
	slices.Sort(arms)
	return fmt.Errorf("gate %q: every event of %s is noisy, so nothing can be said of them; run again on a quieter machine, or more events", e.text, strings.Join(arms, ", "))
}
