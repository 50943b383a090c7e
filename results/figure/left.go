package figure

import (
	"slices"
	"strings"

	"github.com/kbench/kbench/results"
)

// Event is one event of one trial, or without a name the trial.
type Event struct {
	Workload, Arm, Lane string
	Trial               int
	Name                string
}

// EventOf is the event of a row, or its trial.
func EventOf(r results.Row) Event {
	return Event{r.Workload, r.Arm, r.Lane, r.Trial, r.Event}
}

// Unfit are the events that nothing may be decided by. Before a noisy one
// the machine was late already, so that its pauses are not the client's; the
// figures of a merged one are of several acts, and of no kind. What was lost or
// delivered twice in them stays true, and the metrics that tell of noise and of
// merging themselves see every event, or no gate on them could ever fail.
func (f Figure) Unfit(rows []results.Row) map[Event]results.LeftWhy {
	out := map[Event]results.LeftWhy{}
	switch f.Metric.Name {
	case results.PauseNoisy, results.PauseBaseline, results.PauseMerged, results.PauseOthers, results.PauseDuplicates, results.PauseLostRecords:
		return out
	}
	noise := strings.HasPrefix(f.Metric.Name, "pause.")
	for _, r := range rows {
		if r.Event == "" || r.Class != "" || r.Value != 1 {
			continue
		}
		switch {
		case r.Metric == results.PauseMerged:
			out[EventOf(r)] = results.LeftMerged
		case noise && r.Metric == results.PauseNoisy && out[EventOf(r)] == "":
			out[EventOf(r)] = results.LeftNoisy
		}
	}
	if noise {
		f.ofOthers(rows, out)
	}
	return out
}

// ofOthers adds the events that stalls of others make much of, in the arms that have
// three without them.
func (f Figure) ofOthers(rows []results.Row, unfit map[Event]results.LeftWhy) {
	covered := map[Event]bool{}
	for _, r := range rows {
		if r.Metric == results.PauseOthers && r.Class == "" {
			covered[EventOf(r)] = true
		}
	}
	own := map[Event]map[Event]bool{} // by arm
	armOf := func(h Event) Event { return Event{h.Workload, h.Arm, h.Lane, 0, ""} }
	for _, r := range rows {
		if h := EventOf(r); r.Event != "" && f.Selects(r) && !covered[h] && unfit[h] == "" {
			if own[armOf(h)] == nil {
				own[armOf(h)] = map[Event]bool{}
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

// Out are the trials, as Events without a name, that nothing may be
// decided by, and why: the machine was otherwise for them than for the other arms, their
// round was run once more, or a client did not do what its plan claims. What was lost, failed or counted stays true
// of either.
func (f Figure) Out(rows []results.Row) map[Event]results.LeftWhy {
	out := map[Event]results.LeftWhy{}
	switch f.Metric.Name {
	case results.MachineForeign, results.MachineSteal, results.MachinePressure, results.MachineCanary:
		return out
	}
	// Of leaks: no time, and held however busy the machine is.
	if f.Exact() || strings.HasPrefix(f.Metric.Name, "leak.") {
		return out
	}
	for _, r := range rows {
		trial := Event{r.Workload, r.Arm, r.Lane, r.Trial, ""}
		switch {
		case r.Metric == results.TrialContradicted && r.Value == 1:
			out[trial] = results.LeftContradicted
		case r.Metric == results.TrialRepeated && r.Value == 1 && out[trial] != results.LeftContradicted:
			out[trial] = results.LeftRepeated
		case r.Metric == results.TrialUnfit && r.Value == 1 && out[trial] == "":
			out[trial] = results.LeftUnfit
		}
	}
	return out
}

// Exact says that the figure counts what happened, whatever the machine was like: a
// record is lost or not. Other counts, such as of requests or goroutines, scatter from
// trial to trial as times do.
func (f Figure) Exact() bool {
	switch f.Metric.Name {
	case results.ProduceFailed, results.ProduceRetried, results.ProduceUnanswered, results.ProduceTwice, results.ConsumeRedelivered, results.ClientErrors, results.ClientStuck,
		results.PauseDuplicates, results.PauseLostRecords:
		return true
	}
	return f.Metric.Unit == results.UnitCount && slices.ContainsFunc([]string{"audit.", "group.", "rebalance.", "trial."}, func(truth string) bool {
		return strings.HasPrefix(f.Metric.Name, truth)
	})
}
