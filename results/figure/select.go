package figure

import (
	"slices"

	"github.com/kbench/kbench/results"
)

// Selects says whether the row is of the figure. The reference producer is no
// arm: it is asked for by name or not at all.
func (f Figure) Selects(r results.Row) bool {
	if r.Metric != f.Metric.Name || r.Unit != f.Unit {
		return false
	}
	if r.Stat != f.Stat && !(f.Metric.PerEvent && r.Stat == "") {
		return false
	}
	if len(f.Metric.Classes) > 0 && r.Class != f.Asks("class") {
		return false
	}
	have := map[string]string{
		"workload": r.Workload, "arm": r.Arm, "client": r.Client, "lane": r.Lane,
		"role": string(r.Role), "event": r.EventKind(), "class": r.Class,
	}
	asked := false
	for _, l := range f.labels {
		if have[l.key] != l.value && !(l.key == "event" && r.Event == l.value) {
			return false
		}
		asked = asked || l.key == "role"
	}
	return asked || r.Role != results.RoleReference
}

// Totals drops the parts of a sum where the sum is there too: duplicates are
// given by cause and in all.
func Totals(rows []results.Row) []results.Row {
	whole := slices.DeleteFunc(slices.Clone(rows), func(r results.Row) bool { return r.Class != "" })
	if len(whole) == 0 {
		return rows
	}
	return whole
}

// Concerns says whether it asks for all arms, or for this one.
func (f Figure) Concerns(workload, arm, client, lane string) bool {
	for key, have := range map[string]string{"workload": workload, "arm": arm, "client": client, "lane": lane} {
		if want := f.Asks(key); want != "" && want != have {
			return false
		}
	}
	return true
}

// Asks is the value that it asks a label to have, "" if none.
func (f Figure) Asks(key string) string {
	for _, l := range f.labels {
		if l.key == key {
			return l.value
		}
	}
	return ""
}
