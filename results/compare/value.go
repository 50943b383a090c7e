package compare

import "github.com/kbench/kbench/results"

// Value is what an arm came to in a run by one measure, of events by their kind: the
// median of its rounds, of the trials that count.
type Value struct {
	Arm     Arm     `json:"arm"`
	Client  string  `json:"client"`
	Measure Measure `json:"measure"`
	Event   string  `json:"event,omitempty"`
	Value   float64 `json:"value"`
	Rounds  int     `json:"rounds"`
}

// Values are those of a workload of a run, in the order of its measures, for whoever
// looks at many runs. A twin is no arm of its own. Out are the trials that are in none.
func Values(run *results.Run, s *results.Summary, workload string) (values []Value, out []Out) {
	var entries []string
	for i := range run.Specs {
		if run.Specs[i].Name == workload {
			entries = run.Specs[i].Compared()
		}
	}
	w, side := newWorkload(workload, entries), sideOf(run, s, workload)
	client := map[Arm]string{}
	for _, t := range run.Order {
		client[Arm{t.Arm, t.Lane}] = t.Client
	}
	for i := range w.Measures {
		m := &w.Measures[i]
		of, err := side.sample(m)
		if err != nil {
			continue // compare says so of each run
		}
		for _, kind := range of.kinds {
			for _, arm := range side.arms {
				if vs := of.of[kind][arm].values(); len(vs) > 0 && !side.twin[arm] {
					values = append(values, Value{arm, client[arm], *m, kind, median(vs), len(vs)})
				}
			}
		}
	}
	return values, side.outs(w.Measures)
}
